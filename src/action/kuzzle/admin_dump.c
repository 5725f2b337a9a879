/* admin_dump.c - admin:dump: the state of this node as a file that can be sent to somebody.
 * One JSON file a dump, in the directory of `dump.path`; of them the newest `dump.history.reports`
 * are kept. No documents, no secrets: what server:info, getConfig and metrics show. The file is
 * written on the thread pool.
 */
#include "action/kuzzle/server.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX_MAX 64
#define STAMP_LEN  19 /* 20260131-120000-123 */

/* --- on the thread pool -------------------------------------------------------------------- */

/* What write_dump() is given: these, each ended by a NUL, then the text of the file. */
struct order {
    const char *directory, *file;
    int keep;
    struct kdm_str text;
};

static const char *take(struct kdm_str *rest)
{
    const char *part = rest->ptr;

    *rest = kdm_str_from(*rest, strlen(part) + 1);
    return part;
}

static struct order read_order(struct kdm_str input)
{
    struct order order = { .directory = take(&input) };

    order.file = take(&input);
    order.keep = (int)strtol(take(&input), NULL, 10);
    order.text = input;
    return order;
}

/* 0, or errno. */
static int write_all(int fd, struct kdm_str text)
{
    while (text.len > 0) {
        ssize_t written = write(fd, text.ptr, text.len);

        if (written < 0 && errno != EINTR)
            return errno;
        if (written > 0)
            text = kdm_str_from(text, (size_t)written);
    }
    return 0;
}

static int write_file(int directory, const char *name, struct kdm_str text)
{
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int err;

    if (fd < 0)
        return errno;
    err = write_all(fd, text);
    if (close(fd) != 0 && err == 0)
        err = errno;
    if (err != 0)
        unlinkat(directory, name, 0);
    return err;
}

/* One of ours, which begins with its time? */
static int is_dump(const struct dirent *entry)
{
    const char *name = entry->d_name;
    size_t len = strlen(name);

    if (len < STAMP_LEN + sizeof("-x.json") - 1 || strcmp(name + len - 5, ".json") != 0)
        return 0;
    for (int i = 0; i < STAMP_LEN; i++) {
        bool dash = i == 8 || i == 15;

        if (dash ? name[i] != '-' : name[i] < '0' || name[i] > '9')
            return 0;
    }
    return 1;
}

static void remove_old(const char *path, int directory, int keep)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_dump, alphasort); /* oldest first */

    for (int i = 0; i < count; i++) {
        if (i < count - keep)
            unlinkat(directory, entries[i]->d_name, 0);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

/* The answer is empty, or says what went wrong. */
static void write_dump(struct kdm_str input, struct kdm_buf *answer)
{
    const struct order order = read_order(input);
    int directory, err;

    if (mkdir(order.directory, 0700) != 0 && errno != EEXIST) {
        kdm_buf_printf(answer, "%s: %s", order.directory, strerrordesc_np(errno));
        return;
    }
    directory = open(order.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    err = directory < 0 ? errno : write_file(directory, order.file, order.text);
    if (err != 0)
        kdm_buf_printf(answer, "%s: %s", order.directory, strerrordesc_np(err));
    else
        remove_old(order.directory, directory, order.keep);
    if (directory >= 0)
        close(directory);
}

/* --- what is dumped ------------------------------------------------------------------------ */

static void put_state(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_buf *buf)
{
    const struct kdm_context *server = kdm_server_of(tx);
    struct kdm_str redis = KDM_STR_NONE;

    (void)kdm_tx_redis_info(tx, &redis); /* the transaction has it already */
    kdm_buf_printf(buf, "{\"time\":%lld,\"node\":", (long long)kdm_tx_now(tx));
    kdm_json_put_str(buf, server->node);
    kdm_buf_lit(buf, ",\"kuzzle\":{");
    kdm_put_process(buf, server);
    kdm_buf_lit(buf, "},\"metrics\":");
    kdm_put_metrics(tx, args, buf);
    kdm_buf_lit(buf, ",\"config\":");
    kdm_buf_put(buf, server->config_json);
    kdm_json_put_name(buf, KDM_STR("redis"));
    kdm_json_put_str(buf, kdm_str_none(redis) ? KDM_STR("") : redis);
    kdm_buf_lit(buf, "}\n");
}

/* It becomes part of a file's name. */
static bool suffix_valid(struct kdm_tx *tx, struct kdm_str suffix)
{
    bool valid = suffix.len > 0 && suffix.len <= SUFFIX_MAX;

    for (size_t i = 0; i < suffix.len && valid; i++) {
        char c = suffix.ptr[i];

        valid = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                || c == '-' || c == '_' || (c == '.' && i > 0);
    }
    if (!valid)
        kdm_tx_fail(tx, KDM_ERR_API_ASSERT_INVALID_ARGUMENT,
                    KDM_PROPS(KDM_STR("suffix"), KDM_STR("up to 64 letters, digits, - _ .")));
    return valid;
}

static struct kdm_str file_name(struct kdm_tx *tx, struct kdm_str suffix)
{
    int64_t now = kdm_tx_now(tx);
    time_t seconds = (time_t)(now / 1000);
    char stamp[32];
    struct tm utc;

    gmtime_r(&seconds, &utc);
    strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &utc);
    return kdm_arena_printf(kdm_tx_arena(tx), "%s-%03d-" KDM_FMT ".json", stamp, (int)(now % 1000),
                            KDM_ARG(suffix));
}

static void put_part(struct kdm_buf *buf, struct kdm_str part)
{
    kdm_buf_put(buf, part);
    kdm_buf_char(buf, '\0');
}

/* The order, the same in every replay. */
static struct kdm_str make_order(struct kdm_tx *tx, const struct kdm_args *args,
                                 struct kdm_str file)
{
    static const char key[] = "dump";
    const struct kdm_context *server = kdm_server_of(tx);
    struct kdm_buf *buf = kdm_tx_kept(tx, key);

    if (buf == NULL) {
        buf = kdm_arena_alloc(kdm_tx_arena(tx), sizeof(*buf));
        kdm_buf_init(buf, kdm_tx_arena(tx), 16384);
        put_part(buf, server->dump_path);
        put_part(buf, file);
        put_part(buf, kdm_arena_printf(kdm_tx_arena(tx), "%lld", (long long)server->dump_count));
        put_state(tx, args, buf);
        kdm_tx_keep(tx, key, buf);
    }
    return kdm_buf_str(buf);
}

enum kdm_outcome kdm_admin_dump(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str suffix = kdm_args_has(args, KDM_ARG_SUFFIX) ? kdm_args_str(args, KDM_ARG_SUFFIX)
                                                               : KDM_STR("manual-api-action");
    struct kdm_str file, redis, wrong;

    if (!suffix_valid(tx, suffix) || !kdm_tx_redis_info(tx, &redis))
        return KDM_WAIT;
    file = file_name(tx, suffix);
    if (!kdm_tx_work(tx, KDM_STR("dump"), write_dump, make_order(tx, args, file), &wrong))
        return KDM_WAIT;
    if (wrong.len > 0)
        return kdm_tx_fail(tx, KDM_ERR_CORE_FATAL_UNEXPECTED_ERROR, KDM_PROPS(wrong));
    kdm_tx_log(tx, kdm_arena_printf(kdm_tx_arena(tx), "admin:dump: written to " KDM_FMT "/" KDM_FMT,
                                    KDM_ARG(kdm_server_of(tx)->dump_path), KDM_ARG(file)));
    return kdm_tx_reply(tx, KDM_STR("{\"acknowledge\":true}"));
}
