/* actionhub_list.c - the assets of a program listed, and its labels (reference dialects.md 2.4 and
 * 2.5). Labels are those that were given a weight and those in use; of the latter one search tells
 * at most LABELS_MOST, so the next begins where it ended.
 */
#include "action/device_manager/dm.h"
#include "dialect/actionhub.h"
#include "dialect/query.h"
#include "dialect/tenant.h"
#include "doors.gen.h"
#include "projector/projector.h"
#include "store/names.h"
#include "store/unicode.h"
#include <ctype.h>
#include <stdlib.h>

#define LABELS_MOST 65536 /* buckets that one aggregation answers */
#define LEAD_MOST   24    /* characters of a label that the next search begins with */

/* A list that a program is asked for. */
struct list {
    struct kdm_actionhub_caller caller;
    struct kdm_actionhub_page page;
    struct kdm_collection *assets; /* NULL: there is no such program */
};

/* false: the operation returns *ret_outcome. */
static bool enter(struct kdm_tx *tx, const struct kdm_args *args, struct list *list,
                  enum kdm_outcome *ret_outcome)
{
    struct kdm_actionhub_issues issues;

    list->assets = NULL;
    if (!kdm_actionhub_enter_program(tx, args, &list->caller, &issues, ret_outcome))
        return false;
    kdm_actionhub_read_page(args->arena, args->call, &list->page, &issues);
    if (issues.count > 0) {
        *ret_outcome = kdm_actionhub_refuse(tx, &issues);
        return false;
    }
    *ret_outcome = KDM_WAIT;
    return !kdm_name_valid(list->caller.program)
           || kdm_tx_find_collection(tx, list->caller.program,
                                     kdm_dm_collection_name(KDM_DM_ASSETS), &list->assets);
}

static enum kdm_outcome reply(struct kdm_tx *tx, const struct list *list, struct kdm_buf *buf,
                              uint64_t total)
{
    kdm_buf_printf(buf, "],\"total\":%llu,\"page\":%lld,\"size\":%lld}", (unsigned long long)total,
                   (long long)list->page.page, (long long)list->page.size);
    return kdm_tx_reply(tx, kdm_buf_str(buf));
}

/* --- assets ----------------------------------------------------------------------------------- */

static void put_contains(struct kdm_buf *buf, const char *path, struct kdm_str text)
{
    kdm_buf_printf(buf, "{\"wildcard\":{\"%s\":{\"case_insensitive\":true,\"value\":", path);
    kdm_dialect_put_pattern(buf, text, true);
    kdm_buf_lit(buf, "}}}");
}

static struct kdm_str assets_query(struct kdm_arena *arena, const struct kdm_actionhub_page *page)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 512);
    kdm_buf_lit(&buf,
                "{\"query\":{\"bool\":{\"filter\":[{\"term\":{\"model\":\"ActionHubAsset\"}}]");
    if (page->search.len > 0) {
        kdm_buf_lit(&buf, ",\"minimum_should_match\":1,\"should\":[");
        put_contains(&buf, "reference", page->search);
        kdm_buf_char(&buf, ',');
        put_contains(&buf, "metadata.name", page->search);
        kdm_buf_char(&buf, ',');
        put_contains(&buf, "metadata.labels", page->search);
        kdm_buf_char(&buf, ']');
    }
    kdm_buf_lit(&buf, "}},\"sort\":[{\"reference\":\"asc\"}]}");
    return kdm_buf_str(&buf);
}

/* What stands in `dialect` is told while it is still what the metadata hold: whoever writes those
 * by another door has the last word. One label alone need not be an array there. */
static void put_labels_of(struct kdm_buf *buf, struct kdm_arena *arena, struct kdm_val source)
{
    struct kdm_val labels = kdm_val_path(source, KDM_STR("metadata.labels"));
    struct kdm_val all = kdm_val_path(source, KDM_STR("dialect.labels"));
    bool list = kdm_val_type(labels) == KDM_JSON_ARRAY;

    if (kdm_val_type(all) == KDM_JSON_ARRAY && list
        && kdm_val_equal(arena, kdm_json_parse(arena, kdm_actionhub_strings(arena, all)), labels))
        labels = all;
    if (!list)
        kdm_buf_char(buf, '[');
    if (!kdm_val_null(labels))
        kdm_buf_put(buf, kdm_val_text(labels));
    if (!list)
        kdm_buf_char(buf, ']');
}

static void put_asset(struct kdm_buf *buf, struct kdm_arena *arena, struct kdm_val source)
{
    struct kdm_val name = kdm_val_path(source, KDM_STR("metadata.name"));

    kdm_buf_lit(buf, "{\"asset_id\":");
    kdm_buf_put(buf, kdm_val_text(kdm_val_get(source, KDM_STR("reference"))));
    kdm_buf_lit(buf, ",\"asset_name\":");
    kdm_buf_put(buf, kdm_val_null(name) ? KDM_STR("null") : kdm_val_text(name));
    kdm_buf_lit(buf, ",\"labels\":");
    put_labels_of(buf, arena, source);
    kdm_buf_char(buf, '}');
}

static enum kdm_outcome refuse_page(struct kdm_tx *tx)
{
    struct kdm_actionhub_issues issues;

    kdm_actionhub_issues_init(&issues, kdm_tx_arena(tx));
    kdm_actionhub_issue(&issues, KDM_STR("\"query\",\"page\""),
                        "only the first 1048576 assets can be listed", "value_error", KDM_STR_NONE);
    return kdm_actionhub_refuse(tx, &issues);
}

enum kdm_outcome kdm_actionhub_list_assets(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_found *found;
    struct list list;
    struct kdm_buf buf;
    enum kdm_outcome outcome;
    bool too_far;

    if (!enter(tx, args, &list, &outcome))
        return outcome;
    if (!kdm_dialect_find_page(tx, list.assets, assets_query(args->arena, &list.page),
                               (list.page.page - 1) * list.page.size, list.page.size, &found,
                               &too_far))
        return KDM_WAIT;
    if (too_far)
        return refuse_page(tx);
    kdm_buf_init(&buf, args->arena, 4096);
    kdm_buf_lit(&buf, "{\"items\":[");
    for (size_t i = 0; i < found->page_count; i++) {
        if (i > 0)
            kdm_buf_char(&buf, ',');
        put_asset(&buf, args->arena, kdm_json_parse(args->arena, found->hits[i].source));
    }
    return reply(tx, &list, &buf, found->total);
}

/* --- labels put ------------------------------------------------------------------------------- */

struct label {
    struct kdm_str label, weight;
    size_t place;
};

/* By label; of equal ones the one that comes first in the list. */
static int by_label(const void *a, const void *b)
{
    const struct label *x = a, *y = b;
    int order = kdm_str_cmp(x->label, y->label);

    return order != 0 ? order : (x->place > y->place) - (x->place < y->place);
}

struct labels {
    struct label *items;
    size_t count;
};

static void sort_labels(struct labels *labels)
{
    for (size_t i = 0; i < labels->count; i++)
        labels->items[i].place = i;
    if (labels->count > 1)
        qsort(labels->items, labels->count, sizeof(*labels->items), by_label);
}

static void stage_label(struct kdm_tx *tx, struct kdm_collection *collection,
                        const struct label *label)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 256);
    kdm_buf_lit(&buf, "{\"type\":\"label\",\"label\":");
    kdm_json_put_str(&buf, label->label);
    kdm_buf_lit(&buf, ",\"weight\":");
    kdm_buf_put(&buf, label->weight);
    kdm_buf_char(&buf, '}');
    kdm_tx_put(
        tx, collection, kdm_arena_printf(arena, "label-" KDM_FMT, KDM_ARG(label->label)),
        kdm_tx_with_info(tx, kdm_json_parse(arena, kdm_buf_str(&buf)), kdm_tx_info_created(tx)), 0);
}

static enum kdm_outcome put_labels(struct kdm_tx *tx, const struct list *list,
                                   const struct kdm_actionhub_labels *given)
{
    struct labels labels = { .count = given->count };
    struct kdm_collection *collection;
    struct kdm_dm_engine engine;

    labels.items = kdm_arena_alloc(kdm_tx_arena(tx), (given->count + 1) * sizeof(*labels.items));
    for (size_t i = 0; i < given->count; i++)
        labels.items[i] =
            (struct label){ .label = given->items[i].label, .weight = given->items[i].weight };
    sort_labels(&labels);
    if ((list->caller.anybody
         && !kdm_dm_ensure_engine(tx, list->caller.program, KDM_DM_COMMONS, &engine))
        || !kdm_dialect_ensure_collection(tx, list->caller.program, KDM_ACTIONHUB_COLLECTION,
                                          kdm_actionhub_mapping, &collection))
        return KDM_WAIT;
    for (size_t i = 0; i < labels.count; i++) {
        bool again =
            i + 1 < labels.count && kdm_str_eq(labels.items[i].label, labels.items[i + 1].label);

        if (!again) /* the last one of a label counts */
            stage_label(tx, collection, &labels.items[i]);
    }
    return kdm_tx_commit_each(tx) ? kdm_tx_reply(tx, KDM_STR("{\"result\":\"success\"}"))
                                  : KDM_WAIT;
}

enum kdm_outcome kdm_actionhub_put_labels(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_actionhub_labels labels;
    struct kdm_actionhub_issues issues;
    struct list list;
    struct kdm_val body;
    enum kdm_outcome outcome;

    if (!kdm_actionhub_enter_program(tx, args, &list.caller, &issues, &outcome))
        return outcome;
    body = kdm_actionhub_body(args->arena, args->call, &issues);
    if (!kdm_val_none(body))
        kdm_actionhub_read_labels(args->arena, body, &labels, &issues);
    if (issues.count > 0)
        return kdm_actionhub_refuse(tx, &issues);
    if (!kdm_name_valid(list.caller.program))
        return kdm_actionhub_detail(tx, 404, KDM_STR("Program not found"));
    return put_labels(tx, &list, &labels);
}

/* --- labels told -------------------------------------------------------------------------------
 */

static bool is_label(void *ctx, struct kdm_str id, struct kdm_val source)
{
    (void)ctx, (void)id;
    return kdm_val_str_eq(kdm_val_get(source, KDM_STR("type")), KDM_STR("label"));
}

static void make_room(struct kdm_arena *arena, struct labels *labels, size_t more)
{
    struct label *items = kdm_arena_alloc(arena, (labels->count + more + 1) * sizeof(*items));

    if (labels->count > 0)
        memcpy(items, labels->items, labels->count * sizeof(*items));
    labels->items = items;
}

/* Those that were put, with their weights. false: wait. */
static bool add_put(struct kdm_tx *tx, const struct list *list, struct labels *labels)
{
    struct kdm_doc_list docs = { .count = 0 };
    struct kdm_collection *collection;

    if (!kdm_tx_find_collection(tx, list->caller.program, KDM_ACTIONHUB_COLLECTION, &collection))
        return false;
    if (collection != NULL
        && !kdm_tx_scan(tx, KDM_STR("labels"), collection, false, is_label, NULL, &docs))
        return false;
    make_room(kdm_tx_arena(tx), labels, docs.count);
    for (size_t i = 0; i < docs.count; i++) {
        struct kdm_val source = kdm_doc_source(tx, docs.items[i]);
        struct kdm_str label = kdm_val_str(kdm_tx_arena(tx), kdm_val_get(source, KDM_STR("label")));
        struct kdm_val weight = kdm_val_get(source, KDM_STR("weight"));

        /* A client of Kuzzle may write any document there. */
        if (!kdm_str_none(label) && kdm_val_type(weight) == KDM_JSON_NUMBER)
            labels->items[labels->count++] =
                (struct label){ .label = label, .weight = kdm_val_text(weight) };
    }
    return true;
}

static void put_char(struct kdm_buf *buf, uint32_t point)
{
    char bytes[4];
    size_t len = kdm_utf8_put(bytes, point);

    if (point < 0x80 && !isalnum((int)point)) /* of letters and digits \d and such have a meaning */
        kdm_buf_char(buf, '\\');
    kdm_buf_put(buf, (struct kdm_str){ .ptr = bytes, .len = len });
}

/* A pattern of all texts from `text`'s first characters on, in the order of their bytes, which is
 * that of their characters: of "ab" a(b.*|[c-.].*)|[b-.].* where [c-.] is every character from c
 * on.
 */
static struct kdm_str from_here_on(struct kdm_arena *arena, struct kdm_str text)
{
    uint32_t points[LEAD_MOST];
    struct kdm_buf buf;
    size_t count = 0;

    while (text.len > 0 && count < LEAD_MOST)
        points[count++] = kdm_utf8_next(&text);
    kdm_buf_init(&buf, arena, 1024);
    for (size_t i = 0; i < count; i++) {
        kdm_buf_char(&buf, '(');
        put_char(&buf, points[i]);
    }
    kdm_buf_lit(&buf, ".*");
    while (count-- > 0) {
        if (points[count] < 0x10ffff) {
            kdm_buf_lit(&buf, "|[");
            put_char(&buf, points[count] == 0xd7ff ? 0xe000 : points[count] + 1);
            kdm_buf_char(&buf, '-');
            put_char(&buf, 0x10ffff);
            kdm_buf_lit(&buf, "].*");
        }
        kdm_buf_char(&buf, ')');
    }
    return kdm_buf_str(&buf);
}

static struct kdm_str used_query(struct kdm_arena *arena, struct kdm_str after)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 1024);
    kdm_buf_printf(
        &buf,
        "{\"query\":{\"term\":{\"model\":\"ActionHubAsset\"}},\"aggregations\":{\"labels\":"
        "{\"terms\":{\"field\":\"metadata.labels\",\"size\":%d,\"order\":{\"_key\":\"asc\"}",
        LABELS_MOST);
    if (!kdm_str_none(after)) {
        kdm_json_put_name(&buf, KDM_STR("include"));
        kdm_json_put_str(&buf, from_here_on(arena, after));
    }
    kdm_buf_lit(&buf, "}}}}");
    return kdm_buf_str(&buf);
}

/* The labels in use from `after` (none: the first) on, in order; *ret_last: the last one of so many
 * that there may be more. false: wait. */
static bool add_some_used(struct kdm_tx *tx, const struct list *list, struct kdm_str after,
                          struct labels *labels, struct kdm_str *ret_last)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_find_request request = { .collections = &list->assets,
                                        .count = 1,
                                        .body = used_query(arena, after),
                                        .aggregates = true };
    const struct kdm_found *found;
    struct kdm_val_iter it;
    struct kdm_val buckets, bucket;

    if (!kdm_tx_find(tx, kdm_arena_printf(arena, "labels from " KDM_FMT, KDM_ARG(after)), false,
                     &request, &found))
        return false;
    buckets = kdm_val_path(kdm_json_parse(arena, found->aggregations), KDM_STR("labels.buckets"));
    make_room(arena, labels, kdm_val_count(buckets));
    for (kdm_elements(&it, buckets); kdm_element_next(&it, &bucket);)
        labels->items[labels->count++] =
            (struct label){ .label = kdm_val_str(arena, kdm_val_get(bucket, KDM_STR("key"))),
                            .weight = KDM_STR("1.0") };
    *ret_last = kdm_val_count(buckets) < LABELS_MOST ? KDM_STR_NONE
                                                     : labels->items[labels->count - 1].label;
    return true;
}

/* Those in use, whose weight is neutral; what two searches both tell stands twice. false: wait, or
 * it failed: more begin alike than one search tells. */
static bool add_used(struct kdm_tx *tx, const struct list *list, struct labels *labels)
{
    struct kdm_str after = KDM_STR_NONE, last;

    do {
        if (!add_some_used(tx, list, after, labels, &last))
            return false;
        if (!kdm_str_none(last) && kdm_str_eq(last, after)) {
            kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_GET_LIMIT_EXCEEDED, NULL, 0);
            return false;
        }
        after = last;
    } while (!kdm_str_none(last));
    return true;
}

enum kdm_outcome kdm_actionhub_list_labels(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct labels labels = { .count = 0 };
    uint64_t total = 0, first;
    struct list list;
    struct kdm_buf buf;
    enum kdm_outcome outcome;

    if (!enter(tx, args, &list, &outcome))
        return outcome;
    if (list.assets != NULL && (!add_put(tx, &list, &labels) || !add_used(tx, &list, &labels)))
        return KDM_WAIT;
    sort_labels(&labels);
    first = (uint64_t)((list.page.page - 1) * list.page.size);
    kdm_buf_init(&buf, args->arena, 4096);
    kdm_buf_lit(&buf, "{\"items\":[");
    for (size_t i = 0; i < labels.count; i++) {
        const struct label *label = &labels.items[i];

        if ((i > 0 && kdm_str_eq(label->label, label[-1].label))
            || !kdm_str_contains_nocase(label->label, list.page.search))
            continue;
        if (total >= first && total - first < (uint64_t)list.page.size) {
            kdm_buf_put(&buf, buf.ptr[buf.len - 1] == '[' ? KDM_STR("{\"label\":")
                                                          : KDM_STR(",{\"label\":"));
            kdm_json_put_str(&buf, label->label);
            kdm_buf_printf(&buf, ",\"weight\":" KDM_FMT "}", KDM_ARG(label->weight));
        }
        total++;
    }
    return reply(tx, &list, &buf, total);
}
