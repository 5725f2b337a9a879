/* mindsphere_assignment.c - files assigned to a type or an asset, each under a key (reference
 * dialects.md 4.6). Pure; that a file is there is looked up by mindsphere_files.c.
 */
#include "dialect/mindsphere.h"

#define KEY_LONGEST      64
#define MOST_ASSIGNMENTS 200

static bool is_key(struct kdm_str key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z')
            && c != '_' && c != '.' && c != '-')
            return false;
    }
    return key.len >= 1 && key.len <= KEY_LONGEST;
}

/* Has one that stands before it the same key? An inherited one is replaced by it. */
static bool is_repeated(const struct kdm_ms_index *all, struct kdm_str key, size_t number)
{
    size_t count;
    const struct kdm_ms_entry *entry = kdm_ms_index_find(all, key, &count);

    while (count > 0 && kdm_ms_has_origin(entry->val))
        entry++, count--;
    return count > 0 && entry->at < number;
}

static bool check_key(struct kdm_ms_errors *errors, const struct kdm_ms_index *all,
                      struct kdm_val given, size_t number)
{
    struct kdm_val val = kdm_val_get(given, KDM_STR("key"));
    struct kdm_str key = kdm_val_str(errors->arena, val);

    if (kdm_val_null(val))
        kdm_ms_error(errors, KDM_MS_MISSING_BODY, "fileAssignments[%zu].key: it is needed", number);
    else if (kdm_str_none(key) || !is_key(key))
        kdm_ms_error(errors, KDM_MS_INVALID_BODY,
                     "fileAssignments[%zu].key: 1 to 64 of A-Z, a-z, 0-9, _, . and - are expected",
                     number);
    else if (is_repeated(all, key, number))
        kdm_ms_error(errors, KDM_MS_INVALID_BODY, "fileAssignments[%zu].key: it is there already",
                     number);
    else
        return true;
    return false;
}

static bool check_file(struct kdm_ms_errors *errors, struct kdm_val given, size_t number)
{
    struct kdm_val val = kdm_val_get(given, KDM_STR("fileId"));
    struct kdm_str file = kdm_val_str(errors->arena, val);

    if (kdm_val_null(val))
        kdm_ms_error(errors, KDM_MS_MISSING_BODY, "fileAssignments[%zu].fileId: it is needed",
                     number);
    else if (kdm_str_none(file))
        kdm_ms_error(errors, KDM_MS_INVALID_BODY, "fileAssignments[%zu].fileId: a text is expected",
                     number);
    else if (!kdm_ms_is_hex_id(file))
        kdm_ms_error(errors, KDM_MS_INVALID_BODY,
                     "fileAssignments[%zu].fileId: there is no file " KDM_FMT, number,
                     KDM_ARG(file));
    else
        return true;
    return false;
}

/* Both are looked at. */
static void put_assignment(struct kdm_ms_errors *errors, const struct kdm_ms_index *all,
                           struct kdm_val given, size_t number, struct kdm_buf *buf)
{
    bool keyed = check_key(errors, all, given, number);

    if (!check_file(errors, given, number) || !keyed)
        return;
    kdm_buf_printf(buf, "%s{\"key\":\"" KDM_FMT "\",\"fileId\":\"" KDM_FMT "\"}",
                   buf->len > 1 ? "," : "",
                   KDM_ARG(kdm_val_str(errors->arena, kdm_val_get(given, KDM_STR("key")))),
                   KDM_ARG(kdm_val_str(errors->arena, kdm_val_get(given, KDM_STR("fileId")))));
}

struct kdm_str kdm_ms_read_assignments(struct kdm_ms_errors *errors, struct kdm_val given)
{
    struct kdm_ms_index all;
    struct kdm_val_iter it;
    struct kdm_val entry;
    struct kdm_buf buf;
    size_t number = 0;

    kdm_ms_index(errors->arena, &given, 1, "key", &all);
    kdm_buf_init(&buf, errors->arena, 256);
    kdm_buf_char(&buf, '[');
    for (kdm_ms_entries(&it, errors, "fileAssignments", given, MOST_ASSIGNMENTS);
         kdm_element_next(&it, &entry); number++) {
        if (kdm_val_type(entry) != KDM_JSON_OBJECT)
            kdm_ms_error(errors, KDM_MS_INVALID_BODY, "fileAssignments[%zu]: an object is expected",
                         number);
        else if (!kdm_ms_has_origin(entry))
            put_assignment(errors, &all, entry, number, &buf);
    }
    kdm_buf_char(&buf, ']');
    return kdm_buf_str(&buf);
}
