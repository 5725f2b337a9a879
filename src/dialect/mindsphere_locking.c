/* mindsphere_locking.c - may a resource be written? (reference dialects.md 4.7; RFC 9110 13, RFC
 * 6585). Clients send bare numbers where the standard wants quotes; both are taken. Pure functions.
 */
#include "dialect/mindsphere.h"
#include <ctype.h>

/* Takes the next entry of a comma list, blanks cut off; false at its end. */
static bool next_entry(struct kdm_str *list, struct kdm_str *ret_entry)
{
    size_t len = 0;

    if (list->len == 0)
        return false;
    while (len < list->len && list->ptr[len] != ',')
        len++;
    *ret_entry = (struct kdm_str){ .ptr = list->ptr, .len = len };
    *list = kdm_str_from(*list, len < list->len ? len + 1 : len);
    while (ret_entry->len > 0 && isspace((unsigned char)ret_entry->ptr[0]))
        *ret_entry = kdm_str_from(*ret_entry, 1);
    while (ret_entry->len > 0 && isspace((unsigned char)ret_entry->ptr[ret_entry->len - 1]))
        ret_entry->len--;
    return true;
}

enum entry { MALFORMED, OTHER, SAME };

/* "*", 3, "3"; W/"3" is well formed and never the same. */
static enum entry judge(struct kdm_str entry, int64_t etag)
{
    bool weak = entry.len > 2 && entry.ptr[0] == 'W' && entry.ptr[1] == '/';
    int64_t value = 0;

    if (kdm_str_eq(entry, KDM_STR("*")))
        return etag >= 0 ? SAME : OTHER;
    if (weak)
        entry = kdm_str_from(entry, 2);
    if (entry.len >= 2 && entry.ptr[0] == '"' && entry.ptr[entry.len - 1] == '"')
        entry = (struct kdm_str){ .ptr = entry.ptr + 1, .len = entry.len - 2 };
    else if (weak)
        return MALFORMED;
    if (entry.len == 0 || entry.len > 18)
        return MALFORMED;
    for (size_t i = 0; i < entry.len; i++) {
        if (!isdigit((unsigned char)entry.ptr[i]))
            return MALFORMED;
        value = value * 10 + (entry.ptr[i] - '0');
    }
    return !weak && value == etag ? SAME : OTHER;
}

static enum entry judge_list(struct kdm_str list, int64_t etag)
{
    enum entry result = MALFORMED, one;
    struct kdm_str entry;

    while (next_entry(&list, &entry)) {
        one = judge(entry, etag);
        if (one == MALFORMED)
            return MALFORMED;
        if (result != SAME)
            result = one;
    }
    return result;
}

bool kdm_ms_lists_etag(struct kdm_str header, int64_t etag)
{
    return !kdm_str_none(header) && judge_list(header, etag) == SAME;
}

enum kdm_ms_lock kdm_ms_check_lock(struct kdm_str if_match, struct kdm_str if_none_match,
                                   int64_t etag, bool creates)
{
    enum entry match = kdm_str_none(if_match) ? OTHER : judge_list(if_match, etag);
    enum entry none = kdm_str_none(if_none_match) ? OTHER : judge_list(if_none_match, etag);

    if (match == MALFORMED || none == MALFORMED)
        return KDM_MS_LOCK_MALFORMED;
    if (!kdm_str_none(if_match)) {
        if (match != SAME)
            return KDM_MS_LOCK_FAILED;
        return none == SAME ? KDM_MS_LOCK_FAILED : KDM_MS_LOCK_OK;
    }
    if (none == SAME)
        return KDM_MS_LOCK_FAILED;
    return etag < 0 && creates ? KDM_MS_LOCK_OK : KDM_MS_LOCK_REQUIRED;
}
