/* codec.h - HTTP content codings, with zlib. Pure functions, any thread. */
#ifndef KDM_NET_CODEC_H
#define KDM_NET_CODEC_H

#include "net/head.h"

enum kdm_codec_result {
    KDM_CODEC_OK,
    KDM_CODEC_TOO_LARGE, /* the result would be longer than allowed */
    KDM_CODEC_BROKEN
};

/* Decodes `body` into *ret_plain, a heap buffer the caller ends, of at most `max` bytes: that much
 * memory and no more, whatever the input claims to be. Untouched on failure; *ret_reason (static)
 * says what is broken. */
enum kdm_codec_result kdm_codec_decode(enum kdm_coding coding, struct kdm_str body, size_t max,
                                       struct kdm_buf *ret_plain, const char **ret_reason);

/* Appends the encoded `body`. */
void kdm_codec_encode(enum kdm_coding coding, struct kdm_str body, struct kdm_buf *buf);

#endif
