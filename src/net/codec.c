/* codec.c - see codec.h. */
#include "net/codec.h"

#include "net/zip.h"

/* zlib's window, plus 16 for gzip's wrapping instead of its own. */
#define WINDOW_ZLIB 15
#define WINDOW_GZIP (15 + 16)

static int window_of(enum kdm_coding coding)
{
    return coding == KDM_CODING_GZIP ? WINDOW_GZIP : WINDOW_ZLIB;
}

static enum kdm_codec_result unzip_all(struct kdm_unzip *unzip, const char **ret_reason)
{
    const z_stream *z = &unzip->z;
    int status;

    do {
        status = kdm_unzip_go_on(unzip, Z_NO_FLUSH);
        if (kdm_unzip_is_over(unzip))
            return KDM_CODEC_TOO_LARGE;
        if (status == Z_BUF_ERROR && z->avail_in > 0)
            status = Z_OK; /* only the room was missing */
    } while (status == Z_OK);
    if (status == Z_STREAM_END && z->avail_in == 0)
        return KDM_CODEC_OK;
    *ret_reason = status == Z_STREAM_END  ? "data behind the end"
                  : status == Z_BUF_ERROR ? "unexpected end of file"
                  : z->msg != NULL        ? z->msg
                                          : "incorrect data";
    return KDM_CODEC_BROKEN;
}

enum kdm_codec_result kdm_codec_decode(enum kdm_coding coding, struct kdm_str body, size_t max,
                                       struct kdm_buf *ret_plain, const char **ret_reason)
{
    struct kdm_unzip unzip;

    kdm_unzip_begin(&unzip, window_of(coding), body, max);
    return kdm_unzip_end(&unzip, unzip_all(&unzip, ret_reason), ret_plain);
}

void kdm_codec_encode(enum kdm_coding coding, struct kdm_str body, struct kdm_buf *buf)
{
    kdm_zip(window_of(coding), body, Z_FINISH, buf);
}
