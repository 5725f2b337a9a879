/* actionhub_body.c - bodies as pydantic 1 checks them (reference dialects.md 2.2 and 2.3): every
 * violation is told, where it is, in the words that clients of that library know.
 */
#include "dialect/actionhub.h"
#include "store/unicode.h"
#include "json/json.h"
#include <strings.h>

#define ID_LONGEST   64
#define NAME_LONGEST 124
#define ISSUE_MAX    1000 /* told at most; a body of 1 MiB could hold a hundred thousand */

void kdm_actionhub_issues_init(struct kdm_actionhub_issues *issues, struct kdm_arena *arena)
{
    kdm_buf_init(&issues->buf, arena, 256);
    issues->count = 0;
}

void kdm_actionhub_issue(struct kdm_actionhub_issues *issues, struct kdm_str where,
                         const char *message, const char *type, struct kdm_str ctx)
{
    struct kdm_buf *buf = &issues->buf;

    if (issues->count++ >= ISSUE_MAX)
        return;
    if (buf->len > 0)
        kdm_buf_char(buf, ',');
    kdm_buf_lit(buf, "{\"loc\":[");
    kdm_buf_put(buf, where);
    kdm_buf_lit(buf, "],\"msg\":");
    kdm_json_put_str(buf, kdm_str_of(message));
    kdm_buf_lit(buf, ",\"type\":");
    kdm_json_put_str(buf, kdm_str_of(type));
    if (!kdm_str_none(ctx)) {
        kdm_buf_lit(buf, ",\"ctx\":");
        kdm_buf_put(buf, ctx);
    }
    kdm_buf_char(buf, '}');
}

/* --- the body as a whole --------------------------------------------------------------------- */

static bool is_json(struct kdm_str content_type)
{
    static const char json[] = "json";

    if (content_type.len == 0)
        return true;
    for (size_t i = 0; i + 4 <= content_type.len && content_type.ptr[i] != ';'; i++) {
        if (strncasecmp(content_type.ptr + i, json, 4) == 0)
            return true;
    }
    return false;
}

/* Where in the text an error is, as Python's parser says it. */
static void malformed(struct kdm_arena *arena, struct kdm_str text, size_t at,
                      struct kdm_actionhub_issues *issues)
{
    size_t line = 1, column = 1;

    for (size_t i = 0; i < at && i < text.len; i++) {
        column = text.ptr[i] == '\n' ? 1 : column + 1;
        line += text.ptr[i] == '\n';
    }
    kdm_actionhub_issue(
        issues, kdm_arena_printf(arena, "\"body\",%zu", at),
        kdm_arena_printf(arena, "Expecting value: line %zu column %zu (char %zu)", line, column, at)
            .ptr,
        "value_error.jsondecode",
        kdm_arena_printf(arena,
                         "{\"msg\":\"Expecting value\",\"pos\":%zu,\"lineno\":%zu,\"colno\":%zu}",
                         at, line, column));
}

struct kdm_val kdm_actionhub_body(struct kdm_arena *arena, const struct kdm_door_call *call,
                                  struct kdm_actionhub_issues *issues)
{
    struct kdm_json *doc = kdm_arena_alloc(arena, sizeof(*doc));
    struct kdm_json_error error;

    if (call->body.len == 0) {
        kdm_actionhub_issue(issues, KDM_STR("\"body\""), "field required", "value_error.missing",
                            KDM_STR_NONE);
        return KDM_VAL_NONE;
    }
    if (!is_json(call->content_type)) {
        kdm_actionhub_issue(issues, KDM_STR("\"body\""), "value is not a valid dict",
                            "type_error.dict", KDM_STR_NONE);
        return KDM_VAL_NONE;
    }
    if (!kdm_json_scan(arena, call->body, doc, &error)) {
        malformed(arena, call->body, error.at, issues);
        return KDM_VAL_NONE;
    }
    if (kdm_val_type(kdm_json_root(doc)) == KDM_JSON_OBJECT)
        return kdm_json_root(doc);
    kdm_actionhub_issue(issues, KDM_STR("\"body\""), "value is not a valid dict", "type_error.dict",
                        KDM_STR_NONE);
    return KDM_VAL_NONE;
}

/* --- assets ---------------------------------------------------------------------------------- */

/* An entry of the list, while it is read. */
struct entry {
    struct kdm_arena *arena;
    struct kdm_actionhub_issues *issues;
    struct kdm_val val;
    size_t number;
};

static void entry_issue(const struct entry *entry, const char *member, const char *message,
                        const char *type, struct kdm_str ctx)
{
    struct kdm_str where =
        member == NULL ? kdm_arena_printf(entry->arena, "\"body\",\"assets\",%zu", entry->number)
                       : kdm_arena_printf(entry->arena, "\"body\",\"assets\",%zu,\"%s\"",
                                          entry->number, member);

    kdm_actionhub_issue(entry->issues, where, message, type, ctx);
}

/* A string, or a number as its digits; none with an issue for anything else. */
static struct kdm_str read_text(const struct entry *entry, const char *member, struct kdm_val val,
                                size_t most)
{
    struct kdm_str text = KDM_STR_NONE;

    if (kdm_val_type(val) == KDM_JSON_STRING)
        text = kdm_val_str(entry->arena, val);
    else if (kdm_val_type(val) == KDM_JSON_NUMBER)
        text = kdm_val_text(val);
    else
        entry_issue(entry, member, "str type expected", "type_error.str", KDM_STR_NONE);
    if (kdm_str_none(text) || kdm_utf8_count(text) <= most)
        return text;
    entry_issue(
        entry, member,
        kdm_arena_printf(entry->arena, "ensure this value has at most %zu characters", most).ptr,
        "value_error.any_str.max_length",
        kdm_arena_printf(entry->arena, "{\"limit_value\":%zu}", most));
    return KDM_STR_NONE;
}

static struct kdm_str read_id(const struct entry *entry)
{
    struct kdm_val val = kdm_val_get(entry->val, KDM_STR("asset_id"));
    struct kdm_str id = KDM_STR_NONE;

    if (kdm_val_none(val))
        entry_issue(entry, "asset_id", "field required", "value_error.missing", KDM_STR_NONE);
    else if (kdm_val_null(val))
        entry_issue(entry, "asset_id", "none is not an allowed value",
                    "type_error.none.not_allowed", KDM_STR_NONE);
    else
        id = read_text(entry, "asset_id", val, ID_LONGEST);
    if (!kdm_str_none(id) && id.len == 0)
        entry_issue(entry, "asset_id", "ensure this value has at least 1 characters",
                    "value_error.any_str.min_length", KDM_STR("{\"limit_value\":1}"));
    return id;
}

static struct kdm_val read_name(const struct entry *entry)
{
    struct kdm_val val = kdm_val_get(entry->val, KDM_STR("asset_name"));
    struct kdm_str text;
    struct kdm_buf buf;

    if (kdm_val_null(val))
        return val;
    text = read_text(entry, "asset_name", val, NAME_LONGEST);
    if (kdm_val_type(val) != KDM_JSON_NUMBER || kdm_str_none(text))
        return val;
    kdm_buf_init(&buf, entry->arena, text.len + 2);
    kdm_json_put_str(&buf, text);
    return kdm_json_parse(entry->arena, kdm_buf_str(&buf));
}

static struct kdm_val read_labels(const struct entry *entry)
{
    struct kdm_val val = kdm_val_get(entry->val, KDM_STR("labels"));

    if (!kdm_val_null(val) && kdm_val_type(val) != KDM_JSON_ARRAY)
        entry_issue(entry, "labels", "value is not a valid list", "type_error.list", KDM_STR_NONE);
    return val;
}

static void read_asset(const struct entry *entry, struct kdm_actionhub_asset *ret_asset)
{
    if (kdm_val_type(entry->val) != KDM_JSON_OBJECT) {
        entry_issue(entry, NULL, "value is not a valid dict", "type_error.dict", KDM_STR_NONE);
        return;
    }
    ret_asset->id = read_id(entry);
    ret_asset->name = read_name(entry);
    ret_asset->labels = read_labels(entry);
}

void kdm_actionhub_read_assets(struct kdm_arena *arena, struct kdm_val body,
                               struct kdm_actionhub_assets *ret_assets,
                               struct kdm_actionhub_issues *issues)
{
    struct kdm_val list = kdm_val_get(body, KDM_STR("assets"));
    struct entry entry = { .arena = arena, .issues = issues };
    struct kdm_val_iter it;

    *ret_assets = (struct kdm_actionhub_assets){ 0 };
    if (kdm_val_none(list)) {
        kdm_actionhub_issue(issues, KDM_STR("\"body\",\"assets\""), "field required",
                            "value_error.missing", KDM_STR_NONE);
        return;
    }
    if (kdm_val_null(list)) {
        kdm_actionhub_issue(issues, KDM_STR("\"body\",\"assets\""), "none is not an allowed value",
                            "type_error.none.not_allowed", KDM_STR_NONE);
        return;
    }
    if (kdm_val_type(list) != KDM_JSON_ARRAY) {
        kdm_actionhub_issue(issues, KDM_STR("\"body\",\"assets\""), "value is not a valid list",
                            "type_error.list", KDM_STR_NONE);
        return;
    }
    ret_assets->items =
        kdm_arena_zalloc(arena, (kdm_val_count(list) + 1) * sizeof(*ret_assets->items));
    for (kdm_elements(&it, list); kdm_element_next(&it, &entry.val); entry.number++)
        read_asset(&entry, &ret_assets->items[ret_assets->count++]);
}
