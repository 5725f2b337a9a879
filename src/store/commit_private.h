/* commit_private.h - what commit.c builds and commit_send.c sends. */
#ifndef KDM_STORE_COMMIT_PRIVATE_H
#define KDM_STORE_COMMIT_PRIVATE_H

#include "store/commit.h"
#include "store/store_private.h"

struct arg_list {
    struct kdm_str *items;
    uint32_t count, cap;
};

/* An argument that stands for an extra key: ptr is this, len its place among the extra keys. */
extern const char kdm_commit_key_ref[];
#define KEY_REF kdm_commit_key_ref

/* What concerns one index. */
struct section {
    struct kdm_index *index; /* one reference */
    struct arg_list checks;  /* field, expected, .. */
    struct arg_list ops;
    struct arg_list previous; /* of each write in ops: the stored value it replaces, none: was absent, or the script tells */
    bool previous_missing;    /* one of them is not known here */
    uint32_t op_count;
    size_t bytes; /* what it adds to the feed, about */
};

struct kdm_commit {
    struct kdm_store *store;
    struct kdm_commit *prev, *next; /* on its way; next also links the free ones */
    struct kdm_arena arena;
    enum kdm_commit_mode mode;
    struct kdm_str envelope;
    struct section *sections;
    uint32_t section_count, section_cap;
    struct arg_list keys; /* the extra ones */
    uint32_t write_count;
    size_t bytes; /* of new texts */
    bool blind;   /* some write's result is only known to the script */

    /* Sending */
    kdm_commit_fn *fn; /* NULL: nobody waits any more */
    void *ctx;
    int64_t deadline_ms;
    uint64_t epoch;  /* the store's when it was first sent */
    uint64_t number; /* of this attempt */
    uint32_t slot;
    struct kdm_str field; /* "k:<node>.<slot>" */
    int64_t fence_until;    /* a lost answer is asked for until then */
    /* Of one that was done and whose answer was lost: what its feed entries tell, index by index. */
    struct {
        uint64_t *numbers;
        struct kdm_commit_item *items;
        size_t item_count;
        uint32_t section;
    } told;
};

/* The number as arguments have it. */
struct kdm_str kdm_commit_decimal(struct kdm_arena *arena, uint64_t value);

/* How many arguments an operation has; see commit.lua. */
static inline size_t kdm_commit_op_size(struct kdm_str op)
{
    switch (op.ptr[0]) {
    case 'w':
    case 'x':
        return 11;
    case '?':
    case 'j':
    case 'm':
        return 5;
    case 'c':
    case 'T':
        return 4;
    case 'I':
        return 2;
    default:
        return 3;
    }
}

#endif
