/* aggs_nested.c - aggregations over the objects of a nested field.
 * Columns hold a document's objects together, so they can't tell one from the other. The texts of
 * the documents in question are fetched and each object becomes a document of a small projection of
 * its own, which lives as long as the search; the aggregations below then run over that.
 */
#include "search/aggs_internal.h"
#include "search/values.h"
#include <stdio.h>
#include <stdlib.h>

struct objects {
    struct kdm_run *run;
    struct kdm_aggs *aggs;
    struct kdm_agg *agg;
    uint32_t owner;
    struct kdm_str before, behind; /* {"a.b": .. } */
};

static bool holds_nested(const struct kdm_agg *agg)
{
    for (uint32_t i = 0; i < agg->child_count; i++)
        if (agg->children[i]->kind == KDM_AGG_NESTED || holds_nested(agg->children[i]))
            return true;
    return false;
}

/* Only what is the object's own has values, not what is of objects in it. */
void kdm_agg_nested_begin(struct kdm_run *run, struct kdm_agg *agg)
{
    agg->objects = kdm_projection_create(run->projection->mapping, run->projection->seed);
    for (uint32_t i = 0; i < agg->objects->column_count; i++)
        agg->objects->columns[i]->root = agg->objects->columns[i]->field->nested == agg->field;
    if (!holds_nested(agg))
        return;
    agg->texts = kdm_malloc(sizeof(*agg->texts));
    kdm_arena_init(agg->texts, 16384);
}

void kdm_agg_nested_collect(struct kdm_run *run, struct kdm_agg *agg, const uint32_t *rows,
                            const uint32_t *owners, uint32_t count)
{
    if (agg->elsewhere)
        return; /* this collection has no such objects */
    while (agg->pending_count + count > agg->pending_room) {
        agg->pending_room = agg->pending_room == 0 ? KDM_AGG_BATCH : 2 * agg->pending_room;
        agg->pending = kdm_realloc(agg->pending, agg->pending_room * sizeof(*agg->pending));
    }
    for (uint32_t i = 0; i < count; i++)
        agg->pending[agg->pending_count++] =
            (struct kdm_agg_pending){ .ordinal = run->chunk * KDM_CHUNK_ROWS + rows[i],
                                      .owner = owners[i] };
}

/* What an object must be wrapped in so that its fields stand at their paths. */
static void wrap(struct kdm_arena *arena, struct kdm_str path, struct kdm_str *ret_before,
                 struct kdm_str *ret_behind)
{
    struct kdm_buf before;

    kdm_buf_init(&before, arena, path.len + 16);
    kdm_buf_char(&before, '{'); /* a name with dots reaches as far as objects in objects */
    kdm_json_put_str(&before, path);
    kdm_buf_char(&before, ':');
    *ret_before = kdm_buf_str(&before);
    *ret_behind = KDM_STR("}");
}

/* The number of one more object. */
static uint32_t new_object(struct kdm_agg *agg, uint32_t owner)
{
    if (agg->object_count == agg->object_room) {
        agg->object_room = agg->object_room == 0 ? 256 : 2 * agg->object_room;
        agg->object_owners =
            kdm_realloc(agg->object_owners, agg->object_room * sizeof(*agg->object_owners));
        if (agg->texts != NULL)
            agg->object_texts =
                kdm_realloc(agg->object_texts, agg->object_room * sizeof(*agg->object_texts));
    }
    agg->object_owners[agg->object_count] = owner;
    return agg->object_count++;
}

static void keep_text(struct kdm_run *run, struct kdm_agg *agg, uint32_t number,
                      struct kdm_str text)
{
    if (agg->texts == NULL)
        return;
    agg->text_bytes += text.len;
    if (agg->text_bytes > KDM_AGG_TEXTS)
        run->result = KDM_PROJECTION_TOO_MANY_BUCKETS;
    else
        agg->object_texts[number] = kdm_arena_copy(agg->texts, text);
}

static bool add_object(void *ctx, struct kdm_val value)
{
    struct objects *objects = ctx;
    struct kdm_agg *agg = objects->agg;
    struct kdm_arena *scratch = objects->run->scratch;
    struct kdm_buf text;
    uint32_t number;
    char id[16];

    if (kdm_val_type(value) != KDM_JSON_OBJECT)
        return false;
    if (++objects->aggs->collected > KDM_AGGS_MAX_COLLECTED) {
        objects->run->result = KDM_PROJECTION_TOO_MANY_BUCKETS;
        return true;
    }
    kdm_buf_init(&text, scratch, kdm_val_text(value).len + 64);
    kdm_buf_put(&text, objects->before);
    kdm_buf_put(&text, kdm_val_text(value));
    kdm_buf_put(&text, objects->behind);
    number = new_object(agg, objects->owner);
    keep_text(objects->run, agg, number, kdm_buf_str(&text));
    snprintf(id, sizeof(id), "%u", number);
    kdm_projection_put(agg->objects, scratch, kdm_str_of(id),
                       kdm_json_parse(scratch, kdm_buf_str(&text)), number + 1);
    return false;
}

static void read_objects(struct kdm_run *run, struct kdm_aggs *aggs, struct kdm_agg *agg,
                         struct kdm_str text, uint32_t owner)
{
    struct objects objects = { .run = run, .aggs = aggs, .agg = agg, .owner = owner };

    if (kdm_str_none(text))
        return;
    wrap(run->scratch, agg->field->path, &objects.before, &objects.behind);
    kdm_values_at(run->scratch, kdm_json_parse(run->scratch, text), agg->field->path, false,
                  add_object, &objects);
}

#define BATCH 256

/* Those of the documents, or of the objects above, which are kept. */
static void get_texts(struct kdm_run *run, const struct kdm_aggs *aggs,
                      const struct kdm_agg_pending *pending, const struct kdm_str *ids,
                      struct kdm_str *texts, uint32_t count)
{
    if (aggs->nested == NULL) {
        if (!run->request->fetch(run->request->ctx, run->scratch, ids, texts, count))
            run->result = KDM_PROJECTION_CANCELLED;
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        texts[i] = aggs->nested->object_texts[pending[i].ordinal - 1];
}

/* The projection is let go while texts are fetched. */
static void fetch_batch(struct kdm_run *run, struct kdm_aggs *aggs, struct kdm_agg *agg,
                        const struct kdm_agg_pending *pending, uint32_t count)
{
    struct kdm_str ids[BATCH], texts[BATCH];

    for (uint32_t i = 0; i < count; i++)
        ids[i] =
            kdm_arena_copy(run->scratch, kdm_projection_id(run->projection, pending[i].ordinal));
    kdm_run_let_go(run);
    kdm_projection_write(agg->objects); /* nobody else knows it */
    get_texts(run, aggs, pending, ids, texts, count);
    for (uint32_t i = 0; i < count && run->result == KDM_PROJECTION_OK; i++)
        read_objects(run, aggs, agg, texts[i], pending[i].owner);
    kdm_projection_end_write(agg->objects);
    kdm_arena_reset(run->scratch);
    kdm_run_take_back(run);
}

static void fetch_one(struct kdm_run *run, struct kdm_aggs *aggs, struct kdm_agg *agg)
{
    if (agg->pending_count > 0 && aggs->nested == NULL && run->request->fetch == NULL)
        run->result = KDM_PROJECTION_NEEDS_TEXT;
    for (uint32_t i = 0; i < agg->pending_count && run->result == KDM_PROJECTION_OK; i += BATCH) {
        uint32_t left = agg->pending_count - i;

        fetch_batch(run, aggs, agg, agg->pending + i, left < BATCH ? left : BATCH);
    }
    agg->pending_count = 0;
    for (uint32_t i = 0; i < agg->child_count; i++)
        fetch_one(run, aggs, agg->children[i]);
}

void kdm_aggs_fetch(struct kdm_run *run, struct kdm_aggs *aggs)
{
    kdm_arena_reset(run->scratch);
    for (uint32_t i = 0; i < aggs->count; i++)
        fetch_one(run, aggs, aggs->items[i]);
}

/* --- running what is below
 * ------------------------------------------------------------------------ */

static void run_chunk(struct kdm_run *inner, struct kdm_aggs *below, struct kdm_agg *agg)
{
    uint32_t rows[KDM_AGG_BATCH], owners[KDM_AGG_BATCH], count = 0, row;
    struct kdm_bits *live = kdm_run_bits(inner);

    memcpy(live->words, agg->objects->live + inner->chunk * KDM_CHUNK_WORDS,
           inner->words * sizeof(uint64_t));
    kdm_aggs_filter(inner, below, live);
    KDM_EACH_BIT(live->words, 0, inner->words, row)
    {
        rows[count] = row;
        owners[count++] = agg->object_owners[inner->chunk * KDM_CHUNK_ROWS + row - 1];
        if (count == KDM_AGG_BATCH) {
            kdm_aggs_collect(inner, below, rows, owners, count);
            count = 0;
        }
    }
    kdm_aggs_collect(inner, below, rows, owners, count);
    kdm_aggs_fetch(inner, below);
    kdm_run_give(inner, live);
}

void kdm_agg_nested_add(struct kdm_agg *agg, uint32_t owner, uint64_t objects)
{
    uint32_t room = agg->bucket_room == 0 ? 16 : agg->bucket_room;

    while (room <= owner)
        room *= 2;
    if (room != agg->bucket_room)
        agg->counts = kdm_realloc(agg->counts, room * sizeof(*agg->counts));
    agg->bucket_room = room;
    while (agg->bucket_count <= owner)
        agg->counts[agg->bucket_count++] = 0;
    agg->counts[owner] += objects;
}

void kdm_agg_nested_end(struct kdm_run *run, struct kdm_agg *agg)
{
    struct kdm_projection_search request = *run->request;
    struct kdm_aggs below = { .items = agg->children, .count = agg->child_count, .nested = agg };
    struct kdm_run inner = { .projection = agg->objects,
                             .arena = run->arena,
                             .scratch = run->scratch,
                             .request = &request };

    for (uint32_t i = 0; i < agg->object_count; i++)
        kdm_agg_nested_add(agg, agg->object_owners[i], 1);
    request.aggs = &below;
    request.fetch = NULL;
    below.collected = run->request->aggs->collected;
    below.kept = run->request->aggs->kept;
    kdm_gate_enter(&agg->objects->gate, &inner.ticket);
    kdm_aggs_begin(&inner, &below);
    for (uint32_t i = 0; agg->object_count > 0 && i < kdm_projection_chunks(agg->objects); i++) {
        inner.chunk = i;
        inner.words = kdm_projection_words(agg->objects, i);
        if (inner.result == KDM_PROJECTION_OK)
            run_chunk(&inner, &below, agg);
    }
    if (inner.result == KDM_PROJECTION_OK)
        kdm_aggs_run_nested(&inner, &below);
    kdm_gate_leave(&agg->objects->gate, &inner.ticket);
    for (uint32_t i = 0; i < inner.bits_count; i++)
        free(inner.bits[i]);
    free(inner.bits);
    if (run->result == KDM_PROJECTION_OK)
        run->result = inner.result;
    run->request->aggs->collected = below.collected;
    run->request->aggs->kept = below.kept;
}

uint64_t kdm_agg_nested_count(const struct kdm_agg *agg, uint32_t owner)
{
    return owner < agg->bucket_count ? agg->counts[owner] : 0;
}

void kdm_agg_nested_fini(struct kdm_agg *agg)
{
    kdm_projection_destroy(agg->objects);
    free(agg->pending);
    free(agg->object_owners);
    free(agg->object_texts);
    if (agg->texts != NULL)
        kdm_arena_fini(agg->texts);
    free(agg->texts);
}
