/* head.h - reading HTTP header values. Pure functions on text, any thread. */
#ifndef KDM_NET_HEAD_H
#define KDM_NET_HEAD_H

#include "base/buf.h"

/* The nth item of a comma-separated header value, blanks around it cut off; empty items are not
 * counted. None when there are fewer. */
struct kdm_str kdm_head_item(struct kdm_str list, size_t n);

/* Takes the next such item off the list; false when there is none left. */
bool kdm_head_next_item(struct kdm_str *list, struct kdm_str *ret_item);

/* The value of `name` among a value's parameters ("form-data; name=\"x\"; .."), quotes taken off
 * and backslashes resolved in `arena`; none when absent. */
struct kdm_str kdm_head_parameter(struct kdm_arena *arena, struct kdm_str value,
                                  struct kdm_str name);

/* Takes the next parameter off *params, which is what stands behind the first ';' of a value; the
 * value is none when there is no '='. False when there is none left. */
bool kdm_head_next_parameter(struct kdm_arena *arena, struct kdm_str *params,
                             struct kdm_str *ret_name, struct kdm_str *ret_value);

/* The part before the first ';', blanks cut off, and what stands behind it. */
struct kdm_str kdm_head_main(struct kdm_str value);
struct kdm_str kdm_head_params(struct kdm_str value);

enum kdm_media {
    KDM_MEDIA_JSON, /* also when there is no Content-Type */
    KDM_MEDIA_FORM,
    KDM_MEDIA_MULTIPART,
    KDM_MEDIA_OTHER
};
enum kdm_media kdm_head_media(struct kdm_str content_type);

enum kdm_coding {
    KDM_CODING_IDENTITY,
    KDM_CODING_GZIP,
    KDM_CODING_DEFLATE, /* zlib's format, as HTTP means it */
    KDM_CODING_UNKNOWN
};
/* The coding of one Content-Encoding item. */
enum kdm_coding kdm_head_coding(struct kdm_str item);
const char *kdm_head_coding_name(enum kdm_coding coding);

/* What to encode a reply with: the known coding with the highest q, where no q counts as 0 and gzip
 * wins ties (kuzzle-protocol.md 5.2), except that "q=0" itself refuses a coding (RFC 9110). */
enum kdm_coding kdm_head_accepted(struct kdm_str accept_encoding);

/* A whole non-negative decimal number; false when it is none, or beyond `max`: then *ret_value is
 * max + 1 for a number that is merely too large. */
bool kdm_head_length(struct kdm_str value, size_t max, size_t *ret_value);

/* Is `origin` in the comma-separated list, or the list "*"? */
bool kdm_head_origin_allowed(struct kdm_str list, struct kdm_str origin);

/* May this text stand in a header line of ours? No line ends, no other control characters. */
bool kdm_head_is_clean(struct kdm_str text);

/* Is it a token (RFC 9110, 5.6.2)? */
bool kdm_head_is_token(struct kdm_str text);

/* Appends the line "name: value". One that could be taken for more than a line (see is_clean), or
 * has no value, is left out. */
void kdm_head_put(struct kdm_buf *buf, struct kdm_str name, struct kdm_str value);

#endif
