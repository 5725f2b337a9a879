/* http_codec.c - any bytes as an encoded body or a compressed message: never more than the limit
 * comes out, and what is encoded decodes to what it was.
 */
#include "net/squeeze.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#define LIMIT 20000

static void decode(enum kdm_coding coding, struct kdm_str body)
{
    struct kdm_buf plain;
    const char *reason;

    if (kdm_codec_decode(coding, body, LIMIT, &plain, &reason) != KDM_CODEC_OK)
        return;
    if (plain.len > LIMIT)
        abort();
    kdm_buf_fini(&plain);
}

static void there_and_back(enum kdm_coding coding, struct kdm_str body)
{
    struct kdm_buf coded, plain;
    const char *reason;

    kdm_buf_init(&coded, NULL, 64);
    kdm_codec_encode(coding, body, &coded);
    if (kdm_codec_decode(coding, kdm_buf_str(&coded), body.len, &plain, &reason) != KDM_CODEC_OK
        || !kdm_str_eq(kdm_buf_str(&plain), body))
        abort();
    kdm_buf_fini(&plain);
    kdm_buf_fini(&coded);
}

static void squeeze(struct kdm_str text)
{
    struct kdm_buf packed, plain;

    if (kdm_squeeze_unpack(text, LIMIT, &plain) == KDM_CODEC_OK) {
        if (plain.len > LIMIT)
            abort();
        kdm_buf_fini(&plain);
    }
    kdm_buf_init(&packed, NULL, 64);
    kdm_squeeze_pack(text.len % 2 == 0 ? 15 : 9, text, &packed);
    if (kdm_squeeze_unpack(kdm_buf_str(&packed), text.len, &plain) != KDM_CODEC_OK
        || !kdm_str_eq(kdm_buf_str(&plain), text))
        abort();
    kdm_buf_fini(&plain);
    kdm_buf_fini(&packed);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct kdm_str body = { .ptr = (const char *)data, .len = size };

    decode(KDM_CODING_GZIP, body);
    decode(KDM_CODING_DEFLATE, body);
    there_and_back(KDM_CODING_GZIP, body);
    there_and_back(KDM_CODING_DEFLATE, body);
    squeeze(body);
    return 0;
}
