/* search_scroll.c - see search_scroll.h.
 * A cursor's head: {"scores":..,"total":..,"koncorde":..,"now":..,"targets":[["index",
 * "collection"],..],"body":{..}}, the body with what tells how a hit is shown. A page:
 * {"left":..,"hits":[[target,"id", score],..]}.
 */
#include "action/kuzzle/search_scroll.h"
#include "store/names.h"

bool kdm_scroll_duration(struct kdm_tx *tx, const struct kdm_args *args, int64_t absent_ms,
                         int64_t *ret_ms)
{
    struct kdm_str scroll = kdm_args_str(args, KDM_ARG_SCROLL);

    *ret_ms = absent_ms;
    if (!kdm_args_has(args, KDM_ARG_SCROLL))
        return true;
    if (!kdm_duration_parse(scroll, ret_ms) || *ret_ms <= 0)
        kdm_tx_fail(tx, KDM_ERR_API_ASSERT_INVALID_ARGUMENT,
                    KDM_PROPS(scroll, KDM_STR("a duration")));
    else if (*ret_ms > kdm_server_of(tx)->limits.max_scroll_ms)
        kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_SCROLL_DURATION_TOO_GREAT, KDM_PROPS(scroll));
    return kdm_tx_failure(tx)->err == KDM_OK;
}

/* --- opening ------------------------------------------------------------------------------- */

/* Highlights and the objects of nested queries are found by the query. */
static bool shows_by_query(const struct kdm_search *search)
{
    return search->highlight != NULL || search->nested_count > 0;
}

static void put_shown(struct kdm_buf *buf, const struct kdm_search *search, struct kdm_val body)
{
    static const struct kdm_str names[] = { KDM_STR("_source"), KDM_STR("_source_includes"),
                                            KDM_STR("_source_excludes"), KDM_STR("query"),
                                            KDM_STR("highlight") };

    kdm_buf_char(buf, '{');
    for (size_t i = 0; i < (shows_by_query(search) ? 5 : 3); i++) {
        struct kdm_val val = kdm_val_get(body, names[i]);

        if (kdm_val_none(val))
            continue;
        kdm_json_put_name(buf, names[i]);
        kdm_buf_put(buf, kdm_val_text(val));
    }
    kdm_buf_char(buf, '}');
}

static struct kdm_str make_head(struct kdm_tx *tx, const struct kdm_found *found,
                                struct kdm_val body, enum kdm_search_lang lang)
{
    const struct kdm_search *search = found->parts[0].search;
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 512);
    kdm_buf_printf(&buf, "{\"scores\":%s,\"total\":%llu,\"koncorde\":%s,\"now\":%lld,\"targets\":[",
                   search->by_score ? "true" : "false", (unsigned long long)found->total,
                   lang == KDM_LANG_KONCORDE ? "true" : "false", (long long)kdm_tx_now(tx));
    for (size_t i = 0; i < found->part_count; i++) {
        const struct kdm_collection *collection = found->parts[i].collection;

        kdm_buf_put(&buf, i > 0 ? KDM_STR(",[") : KDM_STR("["));
        kdm_json_put_str(&buf, collection->index->name);
        kdm_buf_char(&buf, ',');
        kdm_json_put_str(&buf, collection->name);
        kdm_buf_char(&buf, ']');
    }
    kdm_buf_lit(&buf, "],\"body\":");
    put_shown(&buf, search, body);
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

struct kdm_str kdm_scroll_page_text(struct kdm_arena *arena, const struct kdm_found *found,
                                    const struct kdm_hit *hits, size_t count, size_t left)
{
    bool scored = found->parts[0].search->by_score;
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 48 + 48 * count);
    kdm_buf_printf(&buf, "{\"left\":%zu,\"hits\":[", left);
    for (size_t i = 0; i < count; i++) {
        const struct kdm_found_part *part = hits[i].owner;

        kdm_buf_put(&buf, i > 0 ? KDM_STR(",[") : KDM_STR("["));
        kdm_buf_int(&buf, part - found->parts);
        kdm_buf_char(&buf, ',');
        kdm_json_put_str(&buf, hits[i].id);
        if (scored) {
            kdm_buf_char(&buf, ',');
            kdm_json_put_double(&buf, (double)hits[i].score);
        }
        kdm_buf_char(&buf, ']');
    }
    kdm_buf_lit(&buf, "]}");
    return kdm_buf_str(&buf);
}

/* "document:<id>" */
static struct kdm_str key_of(struct kdm_tx *tx, struct kdm_str scope, struct kdm_str id)
{
    return kdm_arena_printf(kdm_tx_arena(tx), KDM_FMT ":" KDM_FMT, KDM_ARG(scope), KDM_ARG(id));
}

static bool refuse(struct kdm_tx *tx, struct kdm_str reason)
{
    kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, KDM_PROPS(reason));
    return false;
}

/* Pages would not fit together otherwise. */
static bool may_scroll(struct kdm_tx *tx, const struct kdm_search *search)
{
    if (search->from > 0)
        return refuse(tx, KDM_STR("[from] can't be used with scroll"));
    if (search->after != NULL)
        return refuse(tx, KDM_STR("[search_after] can't be used with scroll"));
    if (search->size == 0)
        return refuse(tx, KDM_STR("[size] can't be 0 with scroll"));
    return true;
}

static struct kdm_scroll *freeze(struct kdm_tx *tx, struct kdm_str key,
                                 const struct kdm_found *found, struct kdm_val body,
                                 enum kdm_search_lang lang)
{
    struct kdm_scroll *scroll = kdm_arena_zalloc(kdm_tx_arena(tx), sizeof(*scroll));

    scroll->key = key;
    scroll->head = make_head(tx, found, body, lang);
    scroll->pages = found->pages;
    scroll->page_count = found->pages_count;
    return scroll;
}

bool kdm_scroll_open(struct kdm_tx *tx, struct kdm_str scope, const struct kdm_found *found,
                     struct kdm_val body, enum kdm_search_lang lang, int64_t ttl_ms,
                     struct kdm_str *ret_id)
{
    static const char kept[] = "scroll";
    struct kdm_scroll *scroll = kdm_tx_kept(tx, kept);

    if (!may_scroll(tx, found->parts[0].search))
        return false;
    *ret_id = kdm_tx_id(tx, KDM_STR("scroll"));
    if (scroll == NULL) {
        scroll = freeze(tx, key_of(tx, scope, *ret_id), found, body, lang);
        scroll->ttl_ms = ttl_ms;
        kdm_tx_keep(tx, kept, scroll);
    }
    return kdm_tx_scroll_open(tx, scroll) && kdm_tx_failure(tx)->err == KDM_OK;
}

/* --- going on ------------------------------------------------------------------------------ */

struct turn {
    struct kdm_tx *tx;
    struct kdm_val head, page;
    struct kdm_found_part *parts; /* what showing a hit takes; collection NULL: it has gone */
    size_t part_count;
};

static bool is_true(struct kdm_val head, struct kdm_str name)
{
    return kdm_val_type(kdm_val_get(head, name)) == KDM_JSON_TRUE;
}

/* What tells how hits of the target are shown. */
static bool open_target(struct turn *turn, struct kdm_val target, struct kdm_found_part *part)
{
    struct kdm_arena *arena = kdm_tx_arena(turn->tx);
    struct kdm_str names[2] = { KDM_STR_NONE, KDM_STR_NONE };
    struct kdm_search_request request = { .body = kdm_val_get(turn->head, KDM_STR("body")),
                                          .lang = is_true(turn->head, KDM_STR("koncorde"))
                                                      ? KDM_LANG_KONCORDE
                                                      : KDM_LANG_ELASTICSEARCH,
                                          .from = -1,
                                          .size = -1 };
    struct kdm_failure failure;
    struct kdm_search *search;
    struct kdm_val_iter it;
    struct kdm_val name;

    kdm_elements(&it, target);
    for (size_t i = 0; i < 2 && kdm_element_next(&it, &name); i++)
        names[i] = kdm_val_str(arena, name);
    if (!kdm_tx_find_collection(turn->tx, names[0], names[1], &part->collection))
        return false;
    if (part->collection == NULL)
        return true;
    (void)kdm_val_int64(kdm_val_get(turn->head, KDM_STR("now")), &request.now_ms);
    search = kdm_search_create(arena, part->collection->mapping, &request, &failure);
    if (search == NULL) {
        kdm_tx_fail_with(turn->tx, &failure);
        return false;
    }
    search->by_score = is_true(turn->head, KDM_STR("scores"));
    part->search = search;
    return true;
}

static bool open_targets(struct turn *turn)
{
    struct kdm_val targets = kdm_val_get(turn->head, KDM_STR("targets")), target;
    bool complete = true;
    struct kdm_val_iter it;

    turn->parts =
        kdm_arena_zalloc(kdm_tx_arena(turn->tx), kdm_val_count(targets) * sizeof(*turn->parts) + 1);
    for (kdm_elements(&it, targets); kdm_element_next(&it, &target);)
        complete = open_target(turn, target, &turn->parts[turn->part_count++]) && complete;
    return complete;
}

/* A hit as it was frozen; its collection NULL: that has gone. */
static struct kdm_found_part *read_hit(struct turn *turn, struct kdm_val item, struct kdm_hit *hit)
{
    struct kdm_val_iter it;
    struct kdm_val val;
    int64_t number = 0;
    double score = 0;

    kdm_elements(&it, item);
    if (kdm_element_next(&it, &val))
        (void)kdm_val_int64(val, &number);
    KDM_ASSERT(number >= 0 && (size_t)number < turn->part_count);
    if (kdm_element_next(&it, &val))
        hit->id = kdm_val_str(kdm_tx_arena(turn->tx), val);
    if (kdm_element_next(&it, &val))
        (void)kdm_val_double(val, &score);
    hit->score = (float)score;
    hit->owner = &turn->parts[number];
    return hit->owner;
}

/* The documents of a page as they are now. false: wait; all are asked for before the first is
 * waited for. */
static bool put_hits(struct turn *turn, struct kdm_buf *buf)
{
    struct kdm_val hits = kdm_val_get(turn->page, KDM_STR("hits")), item;
    bool complete = true, first = true;
    struct kdm_val_iter it;

    for (kdm_elements(&it, hits); kdm_element_next(&it, &item);) {
        struct kdm_hit hit = { .score = 0 };
        struct kdm_found_part *part = read_hit(turn, item, &hit);
        struct kdm_doc *doc;

        if (part->collection == NULL)
            continue;
        if (!kdm_tx_read_unchecked(turn->tx, part->collection, hit.id, &doc)) {
            complete = false;
            continue;
        }
        if (doc == NULL || !complete)
            continue;
        hit.source = doc->text;
        if (!first)
            kdm_buf_char(buf, ',');
        kdm_search_put_hit(turn->tx, buf, &hit);
        first = false;
    }
    return complete;
}

static void put_number(struct kdm_buf *buf, struct kdm_str name, struct kdm_val number)
{
    kdm_json_put_name(buf, name);
    kdm_buf_put(buf, kdm_val_none(number) ? KDM_STR("0") : kdm_val_text(number));
}

static enum kdm_outcome reply_turn(struct turn *turn, struct kdm_str id)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(turn->tx), 4096);
    kdm_buf_lit(&buf, "{\"hits\":[");
    if (!put_hits(turn, &buf))
        return KDM_WAIT;
    kdm_buf_char(&buf, ']');
    put_number(&buf, KDM_STR("remaining"), kdm_val_get(turn->page, KDM_STR("left")));
    kdm_json_put_name(&buf, KDM_STR("scrollId"));
    kdm_json_put_str(&buf, id);
    put_number(&buf, KDM_STR("total"), kdm_val_get(turn->head, KDM_STR("total")));
    kdm_buf_char(&buf, '}');
    return kdm_tx_reply(turn->tx, kdm_buf_str(&buf));
}

enum kdm_outcome kdm_scroll_reply(struct kdm_tx *tx, const struct kdm_args *args,
                                  struct kdm_str scope)
{
    struct kdm_str id = kdm_args_str(args, KDM_ARG_SCROLL_ID);
    struct turn turn = { .tx = tx, .page = KDM_VAL_NONE };
    struct kdm_scroll_page page = { .head = KDM_STR_NONE };
    int64_t ttl_ms;

    if (!kdm_scroll_duration(tx, args, kdm_server_of(tx)->limits.scroll_ttl_ms, &ttl_ms))
        return KDM_WAIT;
    if (id.len == KDM_DOC_ID_LEN && !kdm_tx_scroll_next(tx, key_of(tx, scope, id), ttl_ms, &page))
        return KDM_WAIT;
    if (kdm_str_none(page.head))
        return kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_UNKNOWN_SCROLL_ID, NULL, 0);
    turn.head = kdm_json_parse(args->arena, page.head);
    if (!kdm_str_none(page.text))
        turn.page = kdm_json_parse(args->arena, page.text);
    return open_targets(&turn) ? reply_turn(&turn, id) : KDM_WAIT;
}
