/* reply.c - the object functions that hiredis's parser calls for each node of a reply, and what
 * there is to read in INFO.
 */
#include "redis/reply.h"

/* More elements than this no command of ours asks for; it is a broken stream. */
#define ELEMENTS_MAX (1 << 24)

/* hiredis gives its buffer back whenever it is empty and larger than this; the default of 16 KiB
 * would be a malloc for each read. */
#define BUFFER_KEPT ((size_t)256 * 1024)

static redisReply *create(const redisReadTask *task, int type)
{
    redisReply *reply = kdm_arena_alloc(task->privdata, sizeof *reply);

    *reply = (redisReply){ .type = type };
    if (task->parent != NULL) {
        redisReply *parent = task->parent->obj;

        parent->element[task->idx] = reply;
    }
    return reply;
}

static void *create_string(const redisReadTask *task, char *text, size_t len)
{
    redisReply *reply = create(task, task->type);

    reply->str = kdm_arena_alloc(task->privdata, len + 1);
    memcpy(reply->str, text, len);
    reply->str[len] = '\0';
    reply->len = len;
    return reply;
}

static void *create_array(const redisReadTask *task, int elements)
{
    redisReply *reply;

    if (elements > ELEMENTS_MAX)
        return NULL; /* hiredis then reports an error and the connection ends */
    reply = create(task, REDIS_REPLY_ARRAY);
    if (elements > 0)
        reply->element =
            kdm_arena_zalloc(task->privdata, (size_t)elements * sizeof *reply->element);
    reply->elements = (size_t)elements;
    return reply;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    redisReply *reply = create(task, REDIS_REPLY_INTEGER);

    reply->integer = value;
    return reply;
}

static void *create_nil(const redisReadTask *task)
{
    return create(task, REDIS_REPLY_NIL);
}

static void free_nothing(void *reply)
{
    (void)reply;
}

redisReader *kdm_redis_reader_create(struct kdm_arena *arena)
{
    /* Not const only because hiredis's prototype isn't; nobody writes to it. */
    static redisReplyObjectFunctions functions = {
        .createString = create_string,
        .createArray = create_array,
        .createInteger = create_integer,
        .createNil = create_nil,
        .freeObject = free_nothing,
    };
    redisReader *reader = redisReaderCreateWithFunctions(&functions);

    if (reader == NULL)
        kdm_oom(sizeof *reader);
    reader->privdata = arena;
    reader->maxbuf = BUFFER_KEPT;
    return reader;
}

struct kdm_str kdm_redis_info_field(struct kdm_str info, const char *name)
{
    size_t name_len = strlen(name);

    while (info.len > 0) {
        const char *newline = memchr(info.ptr, '\n', info.len);
        size_t len = newline == NULL ? info.len : (size_t)(newline - info.ptr) + 1;
        struct kdm_str line = { .ptr = info.ptr, .len = len };

        info = kdm_str_from(info, len);
        if (len <= name_len || memcmp(line.ptr, name, name_len) != 0 || line.ptr[name_len] != ':')
            continue;
        line = kdm_str_from(line, name_len + 1);
        while (line.len > 0 && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r'))
            line.len--;
        return line;
    }
    return KDM_STR_NONE;
}
