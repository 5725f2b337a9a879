/* hello.c - is this a Redis that kdm can work with?
 * All is judged from INFO, also maxmemory-policy: managed Redis services often refuse CONFIG.
 * A Redis that may throw keys away under memory pressure would lose documents, so only noeviction
 * will do. kdm needs XADD and XTRIM with MINID and variadic reads of Redis 6.2.
 */
#include "redis/hello.h"

#include "redis/queue.h"
#include "redis/reply.h"
#include <stdio.h>

#define VERSION_NEEDED "6.2"

enum { STEP_AUTH, STEP_SELECT, STEP_INFO, STEP_SCRIPTS, STEP_CHANNELS, STEP_DONE };

static void ask(struct kdm_redis_hello *hello, const struct kdm_str *args, size_t count)
{
    kdm_redis_encode(&hello->out, args, count, NULL, 0);
}

static void ask_info(struct kdm_redis_hello *hello)
{
    struct kdm_str info = KDM_STR("INFO");

    ask(hello, &info, 1);
}

static void ask_access(struct kdm_redis_hello *hello)
{
    const struct kdm_redis_url *url = hello->plan.url;

    if (url->password != NULL) {
        struct kdm_str auth[3] = { KDM_STR("AUTH") };
        size_t count = 1;

        if (url->user != NULL)
            auth[count++] = kdm_str_of(url->user);
        auth[count++] = kdm_str_of(url->password);
        ask(hello, auth, count);
    }
    if (url->db != 0) {
        char db[12];
        struct kdm_str args[2] = { KDM_STR("SELECT") };

        snprintf(db, sizeof db, "%d", url->db);
        args[1] = kdm_str_of(db);
        ask(hello, args, 2);
    }
}

static void ask_scripts_and_channels(struct kdm_redis_hello *hello)
{
    const struct kdm_redis_hello_plan *plan = &hello->plan;

    for (size_t i = 0; i < plan->script_count; i++) {
        const struct kdm_redis_script *script = plan->scripts[i];
        struct kdm_str args[] = { KDM_STR("SCRIPT"),
                                  KDM_STR("LOAD"),
                                  { .ptr = script->text, .len = script->len } };

        ask(hello, args, 3);
    }
    for (size_t i = 0; i < plan->channel_count; i++) {
        struct kdm_str args[] = { KDM_STR("SUBSCRIBE"), plan->channels[i] };

        ask(hello, args, 2);
    }
}

/* How many replies a step awaits. */
static size_t replies_of(const struct kdm_redis_hello *hello, int step)
{
    switch (step) {
    case STEP_AUTH:
        return hello->plan.url->password != NULL;
    case STEP_SELECT:
        return hello->plan.url->db != 0;
    case STEP_INFO:
        return 1;
    case STEP_SCRIPTS:
        return hello->plan.script_count;
    default:
        return hello->plan.channel_count;
    }
}

/* Leaves the steps of which all replies have come. */
static enum kdm_redis_hello_state advance(struct kdm_redis_hello *hello)
{
    while (hello->step < STEP_DONE && hello->step_count >= replies_of(hello, hello->step)) {
        hello->step++;
        hello->step_count = 0;
    }
    return hello->step == STEP_DONE ? KDM_REDIS_HELLO_DONE : KDM_REDIS_HELLO_MORE;
}

void kdm_redis_hello_init(struct kdm_redis_hello *hello, const struct kdm_redis_hello_plan *plan)
{
    *hello = (struct kdm_redis_hello){ .plan = *plan };
    kdm_buf_init(&hello->out, NULL, 1024);
    ask_access(hello);
    ask_info(hello);
    advance(hello);
}

void kdm_redis_hello_fini(struct kdm_redis_hello *hello)
{
    kdm_buf_fini(&hello->out);
}

void kdm_redis_hello_again(struct kdm_redis_hello *hello)
{
    ask_info(hello);
}

static enum kdm_redis_hello_state end_with(struct kdm_redis_hello *hello,
                                           enum kdm_redis_hello_state state, const char *format,
                                           ...) __attribute__((format(printf, 3, 4)));

static enum kdm_redis_hello_state
end_with(struct kdm_redis_hello *hello, enum kdm_redis_hello_state state, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(hello->error, sizeof hello->error, format, args);
    va_end(args);
    return state;
}

/* An error that will pass by itself, unlike a wrong password. */
static bool passes(struct kdm_str error)
{
    static const char *const temporary[] = { "LOADING", "BUSY", "MASTERDOWN", "TRYAGAIN",
                                             "ERR max number of clients" };

    for (size_t i = 0; i < sizeof temporary / sizeof temporary[0]; i++) {
        if (kdm_str_starts(error, kdm_str_of(temporary[i])))
            return true;
    }
    return false;
}

static enum kdm_redis_hello_state take_error(struct kdm_redis_hello *hello, struct kdm_str error)
{
    static const char *const asked[] = { "AUTH", "SELECT", "INFO", "SCRIPT LOAD", "SUBSCRIBE" };
    enum kdm_redis_hello_state state =
        passes(error) ? KDM_REDIS_HELLO_FAILED : KDM_REDIS_HELLO_REFUSED;

    return end_with(hello, state, "Redis answers %s with: " KDM_FMT, asked[hello->step],
                    KDM_ARG(error));
}

static bool version_suffices(struct kdm_str version)
{
    char text[32];
    int major = 0, minor = 0;

    snprintf(text, sizeof text, KDM_FMT, KDM_ARG(version));
    return sscanf(text, "%d.%d", &major, &minor) == 2 && (major > 6 || (major == 6 && minor >= 2));
}

/* Writes why this Redis can't be worked with to hello->error; false when it can. */
static bool refuse(struct kdm_redis_hello *hello, struct kdm_str info)
{
    struct kdm_str version = kdm_redis_info_field(info, "redis_version");
    struct kdm_str mode = kdm_redis_info_field(info, "redis_mode");
    struct kdm_str policy = kdm_redis_info_field(info, "maxmemory_policy");

    if (!version_suffices(version))
        end_with(hello, KDM_REDIS_HELLO_REFUSED,
                 "this is Redis " KDM_FMT "; " VERSION_NEEDED
                 " or later is needed (streams trimmed by MINID)",
                 KDM_ARG(version));
    else if (!kdm_str_none(mode) && !kdm_str_eq(mode, KDM_STR("standalone")))
        end_with(hello, KDM_REDIS_HELLO_REFUSED,
                 "this Redis runs as " KDM_FMT "; only a single Redis is supported yet",
                 KDM_ARG(mode));
    else if (!kdm_str_eq(policy, KDM_STR("noeviction")))
        end_with(hello, KDM_REDIS_HELLO_REFUSED,
                 "Redis's maxmemory-policy is '" KDM_FMT "' and must be 'noeviction': "
                 "otherwise it may throw documents away",
                 KDM_ARG(policy));
    else
        return false;
    return true;
}

static enum kdm_redis_hello_state take_info(struct kdm_redis_hello *hello, struct kdm_str info)
{
    struct kdm_str run_id = kdm_redis_info_field(info, "run_id");
    struct kdm_str loading = kdm_redis_info_field(info, "loading");

    if (refuse(hello, info))
        return KDM_REDIS_HELLO_REFUSED;
    if (!kdm_str_none(loading) && !kdm_str_eq(loading, KDM_STR("0")))
        return KDM_REDIS_HELLO_LOADING;
    snprintf(hello->run_id, sizeof hello->run_id, KDM_FMT, KDM_ARG(run_id));
    hello->step_count++;
    ask_scripts_and_channels(hello);
    return advance(hello);
}

static bool right_sha1(const struct kdm_redis_hello *hello, const redisReply *reply)
{
    const char *sha1 = hello->plan.scripts[hello->step_count]->sha1;

    return kdm_str_eq(kdm_reply_str(reply), kdm_str_of(sha1));
}

enum kdm_redis_hello_state kdm_redis_hello_reply(struct kdm_redis_hello *hello,
                                                 const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR)
        return take_error(hello, kdm_reply_str(reply));
    if (hello->step == STEP_INFO)
        return take_info(hello, kdm_reply_str(reply));
    if (hello->step == STEP_SCRIPTS && !right_sha1(hello, reply))
        return end_with(hello, KDM_REDIS_HELLO_REFUSED, "the SHA-1 of script %s is wrong",
                        hello->plan.scripts[hello->step_count]->name);
    hello->step_count++;
    return advance(hello);
}
