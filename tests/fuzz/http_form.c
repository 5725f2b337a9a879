/* http_form.c - any bytes as a form body: what is accepted becomes JSON, or is no UTF-8. */
#include "net/form.h"
#include "json/json.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static bool is_ascii(struct kdm_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    }
    return true;
}

static void must_be_json(struct kdm_arena *arena, struct kdm_str json)
{
    struct kdm_json doc;

    if (!kdm_json_scan(arena, json, &doc, NULL) && is_ascii(json))
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct kdm_str body = { .ptr = (const char *)data, .len = size };
    struct kdm_arena arena;
    struct kdm_buf json;
    const char *reason;

    kdm_arena_init(&arena, 4096);
    kdm_buf_init(&json, &arena, 256);
    if (kdm_form_urlencoded(&arena, body, &json, &reason))
        must_be_json(&arena, kdm_buf_str(&json));
    json.len = 0;
    if (kdm_form_multipart(&arena, KDM_STR("multipart/form-data; boundary=B"), body, &json,
                           &reason))
        must_be_json(&arena, kdm_buf_str(&json));
    kdm_arena_fini(&arena);
    return 0;
}
