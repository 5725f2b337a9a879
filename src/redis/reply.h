/* reply.h - hiredis's parser, with its replies in an arena.
 * hiredis mallocs each node of a reply apart and twice for a string; here a reply is a few
 * steps of an arena that is reset before the next one. Loop thread only.
 */
#ifndef KDM_REDIS_REPLY_H
#define KDM_REDIS_REPLY_H

#include "base/arena.h"
#include <hiredis/hiredis.h>

/* A parser whose replies live in `arena` (which must outlive it) until that is reset; never
 * freeReplyObject() them. Free with redisReaderFree(). */
redisReader *kdm_redis_reader_create(struct kdm_arena *arena);

/* The value of "name:value" in the text of INFO; none when there is no such line. Lent. */
struct kdm_str kdm_redis_info_field(struct kdm_str info, const char *name);

#endif
