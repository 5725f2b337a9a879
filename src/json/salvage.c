/* salvage.c - what can be told from a text that is refused.
 * Whoever waits for an answer waits under an id that stands in the request. It is looked for by its
 * place alone: brackets are counted and strings passed over, whatever else is wrong with the text.
 */
#include "json/json.h"

/* Behind the string that begins at `at`; NULL: it does not end. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\')
            at++;
    return at < end ? at + 1 : NULL;
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at;
}

/* The value behind a name that ends at `at`, when it is a string; else none. */
static struct kdm_str string_behind(const char *at, const char *end)
{
    const char *last;

    at = skip_blanks(at, end);
    if (at == end || *at != ':')
        return KDM_STR_NONE;
    at = skip_blanks(at + 1, end);
    if (at == end || *at != '"')
        return KDM_STR_NONE;
    last = skip_string(at, end);
    return last == NULL ? KDM_STR_NONE : (struct kdm_str){ .ptr = at, .len = (size_t)(last - at) };
}

static bool is_name(const char *at, const char *behind, struct kdm_str name)
{
    return (size_t)(behind - at) == name.len + 2 && memcmp(at + 1, name.ptr, name.len) == 0;
}

struct kdm_val kdm_json_salvage(struct kdm_arena *arena, struct kdm_str text, struct kdm_str name)
{
    const char *end = text.ptr + text.len;
    struct kdm_str found = KDM_STR_NONE, value;
    struct kdm_json *doc = kdm_arena_alloc(arena, sizeof(*doc));
    size_t depth = 0;

    for (const char *at = text.ptr, *behind; at < end; at = behind) {
        behind = at + 1;
        if (*at == '{' || *at == '[') {
            depth++;
        } else if ((*at == '}' || *at == ']') && depth > 0) {
            depth--;
        } else if (*at == '"') {
            behind = skip_string(at, end);
            if (behind == NULL)
                break;
            value =
                depth == 1 && is_name(at, behind, name) ? string_behind(behind, end) : KDM_STR_NONE;
            if (!kdm_str_none(value))
                found = value;
        }
    }
    return !kdm_str_none(found) && kdm_json_scan(arena, found, doc, NULL) ? kdm_json_root(doc)
                                                                          : KDM_VAL_NONE;
}
