/* content.c - see content.h. */
#include "net/content.h"

#include "net/codec.h"
#include "net/form.h"

/* Content-Encoding: are all layers known and not too many? */
static enum kdm_err check_encodings(const struct kdm_reader *reader,
                                    const struct kdm_net_options *options, struct kdm_str *ret_prop)
{
    struct kdm_str layers = reader->headers[KDM_HEADER_CONTENT_ENCODING], item;
    int n = 0;

    for (; kdm_head_next_item(&layers, &item); n++) {
        enum kdm_coding coding = kdm_head_coding(item);

        if (n == options->max_encoding_layers)
            return KDM_ERR_NETWORK_HTTP_TOO_MANY_ENCODINGS;
        if (coding == KDM_CODING_UNKNOWN
            || (coding != KDM_CODING_IDENTITY && !options->allow_compression)) {
            *ret_prop = item;
            return KDM_ERR_NETWORK_HTTP_UNSUPPORTED_COMPRESSION;
        }
    }
    return KDM_OK;
}

enum kdm_err kdm_content_check(struct kdm_arena *arena, const struct kdm_reader *reader,
                               const struct kdm_net_options *options, bool any_media,
                               struct kdm_str *ret_prop)
{
    struct kdm_str type = reader->headers[KDM_HEADER_CONTENT_TYPE];
    struct kdm_str charset = kdm_head_parameter(arena, type, KDM_STR("charset"));

    if (kdm_head_media(type) == KDM_MEDIA_OTHER && !any_media) {
        *ret_prop = type;
        return KDM_ERR_NETWORK_HTTP_UNSUPPORTED_CONTENT;
    }
    if (!kdm_str_none(charset) && !kdm_str_eq_nocase(charset, KDM_STR("utf-8"))
        && !kdm_str_eq_nocase(charset, KDM_STR("utf8"))) {
        *ret_prop = charset;
        return KDM_ERR_NETWORK_HTTP_UNSUPPORTED_CHARSET;
    }
    return check_encodings(reader, options, ret_prop);
}

/* What is made of a body, step by step. */
struct content {
    struct kdm_str text; /* as it is now */
    struct kdm_buf made; /* what it lies in; ptr NULL: where it was */
};

/* Takes `made`. */
static void replace(struct content *content, struct kdm_buf made)
{
    kdm_buf_fini(&content->made);
    content->made = made;
    content->text = kdm_buf_str(&made);
}

/* Takes the layers off, the last one first. */
static enum kdm_err decode(struct content *content, struct kdm_str codings, size_t max,
                           struct kdm_str *ret_prop)
{
    size_t layers = 0;

    while (!kdm_str_none(kdm_head_item(codings, layers)))
        layers++;
    while (layers-- > 0) {
        enum kdm_coding coding = kdm_head_coding(kdm_head_item(codings, layers));
        const char *reason = "incorrect data";
        struct kdm_buf plain;

        if (coding == KDM_CODING_IDENTITY)
            continue;
        switch (kdm_codec_decode(coding, content->text, max, &plain, &reason)) {
        case KDM_CODEC_TOO_LARGE:
            return KDM_ERR_NETWORK_HTTP_REQUEST_TOO_LARGE;
        case KDM_CODEC_BROKEN:
            *ret_prop = kdm_str_of(reason);
            return KDM_ERR_NETWORK_HTTP_UNEXPECTED_ERROR;
        case KDM_CODEC_OK:
            replace(content, plain);
        }
    }
    return KDM_OK;
}

/* A form becomes JSON text. */
static enum kdm_err convert_form(struct content *content, struct kdm_arena *arena,
                                 struct kdm_str type, struct kdm_str *ret_prop)
{
    enum kdm_media media = kdm_head_media(type);
    struct kdm_str body = content->text;
    const char *reason = NULL;
    struct kdm_buf json;
    bool ok;

    if (media == KDM_MEDIA_JSON || media == KDM_MEDIA_OTHER || body.len == 0)
        return KDM_OK;
    kdm_buf_init(&json, NULL, body.len + body.len / 2 + 64);
    if (media == KDM_MEDIA_FORM)
        ok = kdm_form_urlencoded(arena, body, &json, &reason);
    else
        ok = kdm_form_multipart(arena, type, body, &json, &reason);
    if (ok) {
        replace(content, json);
        return KDM_OK;
    }
    kdm_buf_fini(&json);
    *ret_prop = kdm_str_of(reason);
    return KDM_ERR_NETWORK_HTTP_UNEXPECTED_ERROR;
}

enum kdm_err kdm_content_read(struct kdm_arena *arena, const struct kdm_reader *reader,
                              const struct kdm_net_options *options, struct kdm_buf *ret_made,
                              struct kdm_str *ret_body, struct kdm_str *ret_prop)
{
    struct content content = { .text = reader->body };
    enum kdm_err err = decode(&content, reader->headers[KDM_HEADER_CONTENT_ENCODING],
                              options->max_message, ret_prop);

    if (err == KDM_OK)
        err = convert_form(&content, arena, reader->headers[KDM_HEADER_CONTENT_TYPE], ret_prop);
    if (err != KDM_OK) {
        kdm_buf_fini(&content.made);
        return err;
    }
    *ret_made = content.made;
    *ret_body = content.text;
    return KDM_OK;
}
