/* projection_internal.h - how a projection is laid out; private to projection*.c and aggs*.c. */
#ifndef KDM_SEARCH_PROJECTION_INTERNAL_H
#define KDM_SEARCH_PROJECTION_INTERNAL_H

#include "base/hash.h"
#include "search/bitmap.h"
#include "search/projection.h"
#include <pthread.h>
#include <stdatomic.h>

/* --- slab: small pieces of memory behind 31 bit handles ------------------------------------------
 * Half the size of pointers and without malloc's headers; the owner knows a piece's size. Handle 0
 * is none.
 */
#define KDM_SLAB_CLASSES 33 /* pieces of up to 32 units of 8 bytes are recycled by size */

struct kdm_slab {
    char **bases;
    uint32_t count, room;
    uint32_t current, at, end; /* the slab that is cut from, in units */
    uint32_t spare;            /* numbers of given back large pieces, linked through bases */
    uint32_t free[KDM_SLAB_CLASSES];
    size_t bytes;
};

void kdm_slab_init(struct kdm_slab *slab);
void kdm_slab_fini(struct kdm_slab *slab);
uint32_t kdm_slab_take(struct kdm_slab *slab, size_t size);
void kdm_slab_give(struct kdm_slab *slab, uint32_t handle, size_t size);

static inline void *kdm_slab_at(const struct kdm_slab *slab, uint32_t handle)
{
    return slab->bases[handle >> 13] + (size_t)(handle & 8191) * 8;
}

/* A text with its length before it. */
uint32_t kdm_slab_take_text(struct kdm_slab *slab, struct kdm_str text);
void kdm_slab_give_text(struct kdm_slab *slab, uint32_t handle);

static inline struct kdm_str kdm_slab_text(const struct kdm_slab *slab, uint32_t handle)
{
    const char *ptr = kdm_slab_at(slab, handle);
    uint32_t len;

    memcpy(&len, ptr, sizeof(len));
    return (struct kdm_str){ ptr + sizeof(len), len };
}

/* An array's next room: grows by a quarter, so that little of it is ever unused. */
static inline uint32_t kdm_more_room(uint32_t room)
{
    return room + (room < 64 ? 8 : room / 4);
}

/* --- names: texts numbered from 1, found by hash -------------------------------------------------
 * Linear hashing: growing by one name splits one bucket, so no insert ever stalls.
 */
struct kdm_name { /* the beginning of each item */
    uint32_t hash, next;
    uint32_t text; /* slab */
};

struct kdm_names {
    struct kdm_slab *slab;
    const struct kdm_hash_seed *seed;
    char *items;
    uint32_t stride;
    uint32_t count, room; /* numbers below count have been given out */
    uint32_t free;        /* released ones, through next */
    uint32_t linked;      /* names that can be found */
    uint32_t *heads;
    uint32_t buckets, heads_room;
};

void kdm_names_init(struct kdm_names *names, struct kdm_slab *slab,
                    const struct kdm_hash_seed *seed, uint32_t stride);
void kdm_names_fini(struct kdm_names *names);
uint32_t kdm_names_hash(const struct kdm_names *names, struct kdm_str text);
/* 0: none. */
uint32_t kdm_names_find(const struct kdm_names *names, struct kdm_str text, uint32_t hash);
/* A cleared item that can be found from now on. */
uint32_t kdm_names_add(struct kdm_names *names, struct kdm_str text, uint32_t hash);
/* Can't be found any more; text and number stay its own. */
void kdm_names_unlink(struct kdm_names *names, uint32_t number);
/* Unlinked before: text and number are free. */
void kdm_names_release(struct kdm_names *names, uint32_t number);

static inline struct kdm_name *kdm_names_item(const struct kdm_names *names, uint32_t number)
{
    return (struct kdm_name *)(names->items + (size_t)number * names->stride);
}

static inline struct kdm_str kdm_names_text(const struct kdm_names *names, uint32_t number)
{
    return kdm_slab_text(names->slab, kdm_names_item(names, number)->text);
}

/* --- fifo: numbers with the epoch they came in ------------------------------------------------ */
struct kdm_fifo_entry {
    uint64_t epoch;
    uint32_t number;
};

struct kdm_fifo {
    struct kdm_fifo_entry *entries;
    uint32_t first, count, room;
    uint64_t dropped; /* how many have left, ever */
};

void kdm_fifo_put(struct kdm_fifo *fifo, uint64_t epoch, uint32_t number);
static inline struct kdm_fifo_entry *kdm_fifo_first(const struct kdm_fifo *fifo)
{
    return fifo->first == fifo->count ? NULL : &fifo->entries[fifo->first];
}
void kdm_fifo_drop(struct kdm_fifo *fifo);

/* --- terms: a field's dictionary -----------------------------------------------------------------
 * Each term has its postings: one document stands in the term itself, few in an array, more in a
 * bitmap. Terms are kept in order in blocks, so that a new one moves at most a block.
 */
#define KDM_TERM_FEW    24
#define KDM_ORDER_BLOCK 256

struct kdm_term {
    struct kdm_name name;
    uint32_t count; /* documents */
    union {
        uint32_t one;
        uint32_t few; /* slab: sorted ordinals */
        struct kdm_bitmap *many;
    } docs;
};

#define KDM_ORDER_FIRST 28

struct kdm_order_block {
    uint32_t count, room;
    uint32_t first_len;          /* of what stands here of the first term's text */
    char first[KDM_ORDER_FIRST]; /* so that finding a block need not go and look for its terms */
    uint32_t terms[];
};

struct kdm_terms {
    struct kdm_names names;
    struct kdm_order_block **blocks; /* none of them empty */
    uint32_t block_count, block_room;
    struct kdm_fifo buried; /* without documents; searches may know them still */
    struct kdm_fifo fresh;  /* terms that came while searches ran */
};

void kdm_terms_init(struct kdm_terms *terms, struct kdm_slab *slab,
                    const struct kdm_hash_seed *seed);
void kdm_terms_fini(struct kdm_terms *terms);
/* 0: none. */
uint32_t kdm_terms_find(const struct kdm_terms *terms, struct kdm_str text);
/* Finds or adds; *ret_new tells. */
uint32_t kdm_terms_take(struct kdm_terms *terms, struct kdm_str text, bool *ret_new);
void kdm_terms_add_document(struct kdm_terms *terms, uint32_t term, uint32_t ordinal);
void kdm_terms_remove_document(struct kdm_terms *terms, uint32_t term, uint32_t ordinal);
/* A term without documents leaves order and hash; kdm_names_release() frees it later. */
void kdm_terms_unlink(struct kdm_terms *terms, uint32_t term);
size_t kdm_terms_memory(const struct kdm_terms *terms);

static inline struct kdm_term *kdm_terms_at(const struct kdm_terms *terms, uint32_t term)
{
    return (struct kdm_term *)kdm_names_item(&terms->names, term);
}

static inline struct kdm_str kdm_terms_text(const struct kdm_terms *terms, uint32_t term)
{
    return kdm_names_text(&terms->names, term);
}

/* Adds the term's documents of a chunk to `words`. */
void kdm_terms_chunk(const struct kdm_terms *terms, uint32_t term, uint32_t chunk, uint64_t *words,
                     uint32_t count);

/* A place in the order. */
struct kdm_term_cursor {
    uint32_t block, at;
};
/* The first term >= text (> text when `behind`). */
struct kdm_term_cursor kdm_terms_seek(const struct kdm_terms *terms, struct kdm_str text,
                                      bool behind);
/* The term there, then moves on; 0 at the end. */
uint32_t kdm_terms_next(const struct kdm_terms *terms, struct kdm_term_cursor *cursor);

/* --- columns ---------------------------------------------------------------------------------- */
enum kdm_cell { /* what stands in a column for one document */
                KDM_CELL_TERM = 0,
                KDM_CELL_INT8,
                KDM_CELL_INT16,
                KDM_CELL_INT32,
                KDM_CELL_INT64,
                KDM_CELL_FLOAT,
                KDM_CELL_DOUBLE,
                KDM_CELL_POINT,
                KDM_CELL_NONE, /* only "exists" */
};

union kdm_value {
    int64_t i;
    double d;
    struct kdm_point point;
    struct kdm_str text; /* while a document is read */
};

/* The values of a document that has several, sorted (points are not). */
struct kdm_value_list {
    uint32_t row, count;
    union kdm_value *values;
};

#define KDM_BLOCK_ROWS 1024u

/* What a block's numbers lie between; never narrowed while the chunk lives. */
struct kdm_span {
    union kdm_value low, high;
};

struct kdm_chunk {
    uint32_t rows;    /* room, a multiple of 64 */
    uint32_t used;    /* documents that have the field */
    uint64_t *exists; /* has a value */
    uint64_t *multi;  /* its values are in `lists`; NULL: none */
    void *cells;      /* NULL for CELL_NONE */
    struct kdm_span *spans;
    struct kdm_value_list *lists; /* by row */
    uint32_t list_count, list_room;
};

/* A cell of terms: 0 none, a term, or with this bit a slab handle of [count, terms..]: keywords
 * sorted, words of texts in order with 0 between values. */
#define KDM_CELL_LIST 0x80000000u

struct kdm_column {
    const struct kdm_field *field; /* of the projection's mapping */
    struct kdm_str path;
    uint32_t number; /* in the projection's columns */
    uint8_t cell;    /* enum kdm_cell */
    bool text;       /* terms are words */
    bool root;       /* its values are the document's own; false: those of nested objects */
    bool filling;    /* not all documents are in it yet */
    struct kdm_chunk **chunks;
    uint32_t chunk_count;
    struct kdm_terms *terms;
    uint64_t used;   /* documents that have the field */
    uint64_t tokens; /* of texts */
    uint64_t worded; /* texts: documents that have one at least */
};

static inline bool kdm_column_numeric(const struct kdm_column *column)
{
    return column->cell >= KDM_CELL_INT8 && column->cell <= KDM_CELL_DOUBLE;
}

static inline bool kdm_column_real(const struct kdm_column *column)
{
    return column->cell == KDM_CELL_FLOAT || column->cell == KDM_CELL_DOUBLE;
}

/* NULL: no document of the chunk has the field. */
static inline struct kdm_chunk *kdm_column_chunk(const struct kdm_column *column, uint32_t chunk)
{
    return chunk < column->chunk_count ? column->chunks[chunk] : NULL;
}

/* What a column of such a field is made of. */
enum kdm_cell kdm_column_cell(const struct kdm_field *field);
void kdm_column_fini(struct kdm_column *column);
size_t kdm_column_memory(const struct kdm_column *column);

/* What a document has in a field, as it was read. */
struct kdm_reading {
    bool exists;
    uint32_t count, room;
    union kdm_value *values; /* for texts .text.ptr NULL stands between values */
};

struct kdm_projection;
/* Makes the document's cell say this; does nothing when it does already. */
void kdm_column_write(struct kdm_projection *projection, struct kdm_column *column,
                      uint32_t ordinal, const struct kdm_reading *reading);

/* Numbers or points of a document; NULL when it has none. `one` is where a single one is put. */
const union kdm_value *kdm_column_values(const struct kdm_column *column,
                                         const struct kdm_chunk *chunk, uint32_t row,
                                         union kdm_value *one, uint32_t *ret_count);
/* Its terms likewise (0 stands between values of texts). */
const uint32_t *kdm_column_terms(const struct kdm_column *column, const struct kdm_slab *slab,
                                 const struct kdm_chunk *chunk, uint32_t row, uint32_t *one,
                                 uint32_t *ret_count);

/* The rows of `within` with a number from low to high, into `out`. */
void kdm_column_range(const struct kdm_column *column, const struct kdm_chunk *chunk,
                      union kdm_value low, union kdm_value high, const uint64_t *within,
                      uint64_t *out, uint32_t words);

/* --- gate: one writer or many readers, without waiting for the writer ------------------------- */
struct kdm_gate {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    uint32_t readers;
    bool writing;
    atomic_bool wanted;         /* the writer found it held */
    struct kdm_ticket *tickets; /* searches in progress */
    uint64_t epoch;             /* of the writer's last turn */
};

/* A search in progress. */
struct kdm_ticket {
    struct kdm_ticket *next, **link;
    uint64_t epoch; /* began after that turn of the writer */
};

void kdm_gate_init(struct kdm_gate *gate);
void kdm_gate_fini(struct kdm_gate *gate);
bool kdm_gate_try_write(struct kdm_gate *gate);
void kdm_gate_write(struct kdm_gate *gate);
void kdm_gate_end_write(struct kdm_gate *gate);
/* Begins a search and reads. */
void kdm_gate_enter(struct kdm_gate *gate, struct kdm_ticket *ticket);
void kdm_gate_leave(struct kdm_gate *gate, struct kdm_ticket *ticket);
void kdm_gate_read(struct kdm_gate *gate);
void kdm_gate_end_read(struct kdm_gate *gate);
/* The epoch of the oldest search in progress; UINT64_MAX: there is none. */
uint64_t kdm_gate_oldest(struct kdm_gate *gate);

/* --- the projection --------------------------------------------------------------------------- */
struct kdm_document {
    struct kdm_name name;  /* its id; its number is the ordinal */
    uint32_t live : 1;     /* 0: removed, remembered for its sequence */
    uint32_t burials : 31; /* entries in the projection's `buried` */
    uint64_t sequence;
};

struct kdm_trie; /* read.c: which columns a path of a document feeds */

struct kdm_projection {
    struct kdm_gate gate;
    struct kdm_mapping *mapping;
    const struct kdm_hash_seed *seed;
    struct kdm_slab slab;
    struct kdm_names documents;
    uint64_t *live;     /* a bit an ordinal */
    uint32_t live_room; /* in words */
    size_t count;
    struct kdm_column **columns;
    uint32_t column_count;
    struct kdm_table *by_path; /* -> column number + 1 */
    struct kdm_arena shape;    /* the trie */
    struct kdm_trie *trie;
    uint64_t *lows; /* by block of ordinals: no document of it has a lower sequence */
    uint32_t low_room;
    struct kdm_fifo buried; /* ordinals of removed documents; epoch: the turn they went */
    uint64_t forgotten;     /* sequence */
    uint64_t oldest;        /* search, as of this turn of the writer */
    bool filling;
};

static inline struct kdm_document *kdm_projection_document(const struct kdm_projection *projection,
                                                           uint32_t ordinal)
{
    return (struct kdm_document *)kdm_names_item(&projection->documents, ordinal);
}

static inline struct kdm_str kdm_projection_id(const struct kdm_projection *projection,
                                               uint32_t ordinal)
{
    return kdm_names_text(&projection->documents, ordinal);
}

static inline uint32_t kdm_projection_chunks(const struct kdm_projection *projection)
{
    return (projection->documents.count + KDM_CHUNK_ROWS - 1) / KDM_CHUNK_ROWS;
}

/* Words of a chunk that may hold documents. */
static inline uint32_t kdm_projection_words(const struct kdm_projection *projection, uint32_t chunk)
{
    uint32_t rows = projection->documents.count - chunk * KDM_CHUNK_ROWS;

    return rows >= KDM_CHUNK_ROWS ? KDM_CHUNK_WORDS : (rows + 63) / 64;
}

/* NULL: there is none. */
struct kdm_column *kdm_projection_column(const struct kdm_projection *projection,
                                         struct kdm_str path);
/* The term has no documents any more: it goes as soon as no search can know it. */
void kdm_projection_bury_term(struct kdm_projection *projection, struct kdm_terms *terms,
                              uint32_t term);

/* No document of the block (KDM_BLOCK_ROWS ordinals) has a lower sequence. */
static inline uint64_t kdm_projection_low(const struct kdm_projection *projection, uint32_t block)
{
    return block < projection->low_room ? projection->lows[block] : UINT64_MAX;
}

/* Makes columns for the mapping's fields that have none, and the trie. */
bool kdm_projection_shape(struct kdm_projection *projection);
/* Reads a document: a reading a column, in scratch. */
struct kdm_reading *kdm_projection_read(const struct kdm_projection *projection,
                                        struct kdm_arena *scratch, struct kdm_val source);

#endif
