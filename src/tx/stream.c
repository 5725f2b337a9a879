/* stream.c - results that are made piece by piece, after the transaction has ended.
 * What was found stays with the transaction until it is released: ids and order are as of the
 * search, sources are read as their turn comes. A piece is a batch of documents; how many make
 * about KDM_TX_PIECE bytes is learned from the batch before, and it grows slowly, so that large
 * documents behind small ones never come all at once.
 */
#include "tx/tx_private.h"

#define FIRST_BATCH 8

struct tx_stream {
    struct kdm_tx_stream given;
    const struct kdm_found *found;
    struct kdm_find
        *find;    /* what `found` is part of; NULL: the transaction's still, or given back */
    size_t at;    /* hits that have been told */
    size_t batch; /* how many to ask for next */
    struct kdm_buf piece; /* ptr NULL: none was made yet */
    struct kdm_arena scratch;
    kdm_tx_piece_fn *fn; /* of the piece that is being made */
    void *ctx;
};

enum kdm_outcome kdm_tx_reply_stream(struct kdm_tx *tx, const struct kdm_found *found,
                                     const struct kdm_tx_stream *stream)
{
    tx->stream = kdm_arena_zalloc(tx->arena, sizeof(*tx->stream));
    tx->stream->given = *stream;
    tx->stream->found = found;
    tx->stream->batch = FIRST_BATCH;
    return kdm_tx_reply(tx, KDM_STR("null"));
}

void kdm_tx_stream_keep(struct kdm_tx *tx)
{
    struct tx_fact *fact = tx->facts;

    while (fact != NULL && (fact->kind != FACT_FIND || fact->found != tx->stream->found))
        fact = fact->next;
    KDM_ASSERT(fact != NULL);
    tx->stream->find = kdm_tx_find_take(fact);
}

void kdm_tx_stream_fini(struct kdm_tx *tx)
{
    struct tx_stream *stream = tx->stream;

    if (stream == NULL)
        return;
    tx->stream = NULL;
    kdm_find_release(stream->find);
    if (stream->piece.ptr == NULL)
        return;
    kdm_buf_fini(&stream->piece);
    kdm_arena_fini(&stream->scratch);
}

bool kdm_tx_is_stream(const struct kdm_tx *tx)
{
    return tx->stream != NULL;
}

struct kdm_str kdm_tx_stream_head(const struct kdm_tx *tx)
{
    return tx->stream->given.head;
}

size_t kdm_tx_stream_left(const struct kdm_tx *tx)
{
    return tx->stream->found->hit_count - tx->stream->at;
}

/* How many documents to ask for, after `count` of `bytes` together. */
static size_t next_batch(size_t count, size_t bytes)
{
    size_t fit = bytes == 0 ? SIZE_MAX : KDM_TX_PIECE * count / bytes;

    if (fit > 2 * count)
        fit = 2 * count;
    if (fit > KDM_FIND_SOURCES_MOST)
        fit = KDM_FIND_SOURCES_MOST;
    return fit > 0 ? fit : 1;
}

static void put_line(struct tx_stream *stream, const struct kdm_hit *hit, struct kdm_str source)
{
    kdm_arena_reset(&stream->scratch);
    stream->given.line(stream->given.ctx, hit, kdm_json_parse(&stream->scratch, source),
                       &stream->scratch, &stream->piece);
}

static void on_sources(void *ctx, enum kdm_err err, const struct kdm_hit *hits,
                       const struct kdm_str *sources, size_t count)
{
    struct tx_stream *stream = ctx;
    size_t bytes = 0;

    if (err != KDM_OK) {
        stream->fn(stream->ctx, err, KDM_STR_NONE);
        return;
    }
    stream->piece.len = 0;
    for (size_t i = 0; i < count; i++) {
        if (kdm_str_none(sources[i]))
            continue;
        bytes += sources[i].len;
        put_line(stream, &hits[i], sources[i]);
    }
    stream->at += count;
    stream->batch = next_batch(count, bytes);
    stream->fn(stream->ctx, KDM_OK, kdm_buf_str(&stream->piece));
}

void kdm_tx_stream_next(struct kdm_tx *tx, int64_t deadline_ms, kdm_tx_piece_fn *fn, void *ctx)
{
    struct tx_stream *stream = tx->stream;

    if (stream->piece.ptr == NULL) {
        kdm_buf_init(&stream->piece, NULL, KDM_TX_PIECE);
        kdm_arena_init(&stream->scratch, 16384);
    }
    stream->fn = fn;
    stream->ctx = ctx;
    kdm_find_sources(stream->find, stream->at, stream->batch, deadline_ms, on_sources, stream);
}
