/* actionhub_body.c - bodies as pydantic 1 checks them (reference dialects.md 2.2 and 2.3): every
 * violation is told, where it is, in the words that clients of that library know.
 */
#include "dialect/actionhub.h"
#include "store/unicode.h"
#include "json/json.h"

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
    if (!kdm_door_is_json(call)) {
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

/* --- lists ----------------------------------------------------------------------------------- */

/* An entry of a list of the body, while it is read. */
struct entry {
    struct kdm_arena *arena;
    struct kdm_actionhub_issues *issues;
    const char *list;
    struct kdm_val val;
    size_t number;
};

static void none_issue(struct kdm_actionhub_issues *issues, struct kdm_str where,
                       struct kdm_val val)
{
    if (kdm_val_none(val))
        kdm_actionhub_issue(issues, where, "field required", "value_error.missing", KDM_STR_NONE);
    else
        kdm_actionhub_issue(issues, where, "none is not an allowed value",
                            "type_error.none.not_allowed", KDM_STR_NONE);
}

/* The list of this name; NONE with an issue. */
static struct kdm_val read_list(struct kdm_arena *arena, struct kdm_val body, const char *name,
                                struct kdm_actionhub_issues *issues)
{
    struct kdm_val list = kdm_val_get(body, kdm_str_of(name));
    struct kdm_str where = kdm_arena_printf(arena, "\"body\",\"%s\"", name);

    if (kdm_val_type(list) == KDM_JSON_ARRAY)
        return list;
    if (kdm_val_null(list))
        none_issue(issues, where, list);
    else
        kdm_actionhub_issue(issues, where, "value is not a valid list", "type_error.list",
                            KDM_STR_NONE);
    return KDM_VAL_NONE;
}

/* Where it is; member NULL: the entry as a whole. */
static struct kdm_str where_of(const struct entry *entry, const char *member)
{
    return member == NULL
               ? kdm_arena_printf(entry->arena, "\"body\",\"%s\",%zu", entry->list, entry->number)
               : kdm_arena_printf(entry->arena, "\"body\",\"%s\",%zu,\"%s\"", entry->list,
                                  entry->number, member);
}

static void entry_issue(const struct entry *entry, const char *member, const char *message,
                        const char *type, struct kdm_str ctx)
{
    kdm_actionhub_issue(entry->issues, where_of(entry, member), message, type, ctx);
}

static bool is_object(const struct entry *entry)
{
    bool is = kdm_val_type(entry->val) == KDM_JSON_OBJECT;

    if (!is)
        entry_issue(entry, NULL, "value is not a valid dict", "type_error.dict", KDM_STR_NONE);
    return is;
}

/* A member that must be there; NONE with an issue. */
static struct kdm_val needed_member(const struct entry *entry, const char *member)
{
    struct kdm_val val = kdm_val_get(entry->val, kdm_str_of(member));

    if (!kdm_val_null(val))
        return val;
    none_issue(entry->issues, where_of(entry, member), val);
    return KDM_VAL_NONE;
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

/* --- assets ---------------------------------------------------------------------------------- */

static struct kdm_str read_id(const struct entry *entry)
{
    struct kdm_val val = needed_member(entry, "asset_id");
    struct kdm_str id =
        kdm_val_none(val) ? KDM_STR_NONE : read_text(entry, "asset_id", val, ID_LONGEST);

    if (!kdm_str_none(id) && id.len == 0)
        entry_issue(entry, "asset_id", "ensure this value has at least 1 characters",
                    "value_error.any_str.min_length", KDM_STR("{\"limit_value\":1}"));
    return id;
}

static struct kdm_val read_name(const struct entry *entry)
{
    struct kdm_val val = kdm_val_get(entry->val, KDM_STR("asset_name"));
    struct kdm_str text;

    if (kdm_val_null(val))
        return val;
    text = read_text(entry, "asset_name", val, NAME_LONGEST);
    if (kdm_val_type(val) != KDM_JSON_NUMBER || kdm_str_none(text))
        return val;
    return kdm_json_parse(entry->arena, kdm_json_quoted(entry->arena, text));
}

static struct kdm_val read_labels(const struct entry *entry)
{
    struct kdm_val val = kdm_val_get(entry->val, KDM_STR("labels"));

    if (!kdm_val_null(val) && kdm_val_type(val) != KDM_JSON_ARRAY)
        entry_issue(entry, "labels", "value is not a valid list", "type_error.list", KDM_STR_NONE);
    return val;
}

void kdm_actionhub_read_assets(struct kdm_arena *arena, struct kdm_val body,
                               struct kdm_actionhub_assets *ret_assets,
                               struct kdm_actionhub_issues *issues)
{
    struct kdm_val list = read_list(arena, body, "assets", issues);
    struct entry entry = { .arena = arena, .issues = issues, .list = "assets" };
    struct kdm_val_iter it;

    *ret_assets = (struct kdm_actionhub_assets){ 0 };
    ret_assets->items =
        kdm_arena_zalloc(arena, (kdm_val_count(list) + 1) * sizeof(*ret_assets->items));
    for (kdm_elements(&it, list); kdm_element_next(&it, &entry.val); entry.number++) {
        struct kdm_actionhub_asset *asset = &ret_assets->items[ret_assets->count++];

        if (!is_object(&entry))
            continue;
        asset->id = read_id(&entry);
        asset->name = read_name(&entry);
        asset->labels = read_labels(&entry);
    }
}

struct kdm_str kdm_actionhub_strings(struct kdm_arena *arena, struct kdm_val labels)
{
    struct kdm_val_iter it;
    struct kdm_val label;
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, kdm_val_text(labels).len + 2);
    kdm_buf_char(&buf, '[');
    for (kdm_elements(&it, labels); kdm_element_next(&it, &label);) {
        if (kdm_val_type(label) != KDM_JSON_STRING)
            continue;
        if (buf.len > 1)
            kdm_buf_char(&buf, ',');
        kdm_buf_put(&buf, kdm_val_text(label));
    }
    kdm_buf_char(&buf, ']');
    return kdm_buf_str(&buf);
}

/* --- labels ----------------------------------------------------------------------------------- */

static void read_label(const struct entry *entry, struct kdm_actionhub_label *ret_label)
{
    struct kdm_val label = needed_member(entry, "label");
    struct kdm_val weight = needed_member(entry, "weight");
    double number;

    if (!kdm_val_none(label))
        ret_label->label = read_text(entry, "label", label, ID_LONGEST);
    if (!kdm_val_none(weight) && !kdm_val_double(weight, &number))
        entry_issue(entry, "weight", "value is not a valid float", "type_error.float",
                    KDM_STR_NONE);
    ret_label->weight = kdm_val_text(weight);
}

void kdm_actionhub_read_labels(struct kdm_arena *arena, struct kdm_val body,
                               struct kdm_actionhub_labels *ret_labels,
                               struct kdm_actionhub_issues *issues)
{
    struct kdm_val list = read_list(arena, body, "labels", issues);
    struct entry entry = { .arena = arena, .issues = issues, .list = "labels" };
    struct kdm_val_iter it;

    *ret_labels = (struct kdm_actionhub_labels){ 0 };
    ret_labels->items =
        kdm_arena_zalloc(arena, (kdm_val_count(list) + 1) * sizeof(*ret_labels->items));
    for (kdm_elements(&it, list); kdm_element_next(&it, &entry.val); entry.number++) {
        struct kdm_actionhub_label *label = &ret_labels->items[ret_labels->count++];

        if (is_object(&entry))
            read_label(&entry, label);
    }
}

/* --- members ---------------------------------------------------------------------------------- */

struct kdm_val kdm_actionhub_member(struct kdm_arena *arena, struct kdm_val body, const char *name,
                                    enum kdm_actionhub_type type, bool needed,
                                    struct kdm_actionhub_issues *issues)
{
    static const struct {
        const char *message, *type;
    } wrong[] = { { "str type expected", "type_error.str" },
                  { "value is not a valid integer", "type_error.integer" },
                  { "value is not a valid float", "type_error.float" } };
    struct kdm_val val = kdm_val_get(body, kdm_str_of(name));
    struct kdm_str where = kdm_arena_printf(arena, "\"body\",\"%s\"", name);
    int64_t whole;
    double number;
    bool fits = type == KDM_ACTIONHUB_TEXT      ? kdm_val_type(val) == KDM_JSON_STRING
                : type == KDM_ACTIONHUB_INTEGER ? kdm_val_int64(val, &whole)
                                                : kdm_val_double(val, &number);

    if (kdm_val_null(val) && needed)
        none_issue(issues, where, val);
    else if (!kdm_val_null(val) && !fits)
        kdm_actionhub_issue(issues, where, wrong[type].message, wrong[type].type, KDM_STR_NONE);
    return fits ? val : KDM_VAL_NONE;
}

/* --- pages ------------------------------------------------------------------------------------ */

static int64_t read_number(struct kdm_arena *arena, const struct kdm_door_call *call,
                           const char *name, int64_t absent, int64_t most,
                           struct kdm_actionhub_issues *issues)
{
    struct kdm_str text = kdm_query_get(&call->query, kdm_str_of(name));
    struct kdm_str where = kdm_arena_printf(arena, "\"query\",\"%s\"", name);
    struct kdm_json doc;
    int64_t value = absent;

    if (kdm_str_none(text))
        return absent;
    if (!kdm_json_scan(arena, text, &doc, NULL) || !kdm_val_int64(kdm_json_root(&doc), &value))
        kdm_actionhub_issue(issues, where, "value is not a valid integer", "type_error.integer",
                            KDM_STR_NONE);
    else if (value < 1)
        kdm_actionhub_issue(issues, where, "ensure this value is greater than or equal to 1",
                            "value_error.number.not_ge", KDM_STR("{\"limit_value\":1}"));
    else if (value > most)
        kdm_actionhub_issue(issues, where,
                            kdm_arena_printf(arena,
                                             "ensure this value is less than or equal to %lld",
                                             (long long)most)
                                .ptr,
                            "value_error.number.not_le",
                            kdm_arena_printf(arena, "{\"limit_value\":%lld}", (long long)most));
    return value;
}

void kdm_actionhub_read_page(struct kdm_arena *arena, const struct kdm_door_call *call,
                             struct kdm_actionhub_page *ret_page,
                             struct kdm_actionhub_issues *issues)
{
    struct kdm_str search = kdm_query_get(&call->query, KDM_STR("search"));

    *ret_page = (struct kdm_actionhub_page){
        .search = kdm_str_none(search) ? KDM_STR("") : search,
        /* Far beyond any list, and so that no product of it overflows. */
        .page = read_number(arena, call, "page", 1, 1000000000, issues),
        .size = read_number(arena, call, "size", 50, 100, issues),
    };
}
