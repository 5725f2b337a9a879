/* json_scan.c - any bytes: jansson agrees, and what was accepted survives every transform.
 * U+0000 never stands in JSON as it is, so the first one splits the input into a document and a
 * patch for it.
 */
#include "json/properties.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void must_hold(const char *broken)
{
    if (broken == NULL)
        return;
    fprintf(stderr, "broken: %s\n", broken);
    abort();
}

static void check_merge(struct kdm_arena *arena, struct kdm_str base, struct kdm_str patch)
{
    struct kdm_json base_doc, patch_doc;

    if (kdm_json_scan(arena, base, &base_doc, NULL)
        && kdm_json_scan(arena, patch, &patch_doc, NULL))
        must_hold(merge_holds(arena, kdm_json_root(&base_doc), kdm_json_root(&patch_doc)));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct kdm_str base = { (const char *)data, size }, patch = { NULL, 0 };
    const unsigned char *split = size == 0 ? NULL : memchr(data, 0, size);
    struct kdm_arena arena;
    bool accepted;

    if (split != NULL) {
        base.len = (size_t)(split - data);
        patch = (struct kdm_str){ (const char *)split + 1, size - base.len - 1 };
    }
    kdm_arena_init(&arena, 4096);
    must_hold(check_text(&arena, base, &accepted));
    if (accepted && split != NULL)
        check_merge(&arena, base, patch);
    kdm_arena_fini(&arena);
    return 0;
}
