/* err.h - the errors of the whole program, from one table.
 * The table is protocol/errors/<file>.json; scripts/generate writes it as
 * errors.gen.h and errors.gen.c into the build folder, so an enum value, its wire
 * id, code, HTTP status and text can't drift apart (reference kuzzle-errors.json,
 * device-manager-api.json "errors").
 */
#ifndef KDM_BASE_ERR_H
#define KDM_BASE_ERR_H

#include "base/arena.h"
#include "errors.gen.h" /* enum kdm_err { KDM_OK = 0, KDM_ERR_SERVICES_STORAGE_NOT_FOUND, ... } */
#include <stdint.h>

struct kdm_err_row {
    const char *id;       /* "services.storage.not_found"; NULL: the wire shows no id and no code */
    uint32_t code;        /* (domain<<24)|(sub<<16)|error; 0 with id NULL */
    uint16_t status;      /* like HTTP */
    uint8_t placeholders; /* how many %1, %2 .. the text has */
    const char *text;     /* "Document \"%1\" not found in \"%2\":\"%3\"." */
    const char *name;     /* for the log: the id, or the table's key where the id is NULL */
};

/* The generated table, indexed by enum kdm_err; row 0 (KDM_OK) is empty. */
extern const struct kdm_err_row kdm_err_rows[];
extern const size_t kdm_err_row_count;

/* The row of `err`; KDM_OK has none (asserted). */
const struct kdm_err_row *kdm_err_row(enum kdm_err err);

/* KDM_OK when there is no error with this wire id. */
enum kdm_err kdm_err_by_id(struct kdm_str id);

/* One failure as it will be told to a client. Texts live in the request's arena. */
struct kdm_failure {
    enum kdm_err err;            /* KDM_OK: none */
    uint16_t status;             /* the row's, unless overridden */
    struct kdm_str id;           /* a plugin's own wire id; none: the row's */
    bool bare;                   /* the wire shows neither id nor code, whatever the row has */
    struct kdm_str message;      /* the row's text with the props put in */
    const struct kdm_str *props; /* what fills the placeholders, in order */
    uint32_t prop_count;
    uint32_t raw_props;   /* bit n: prop n is JSON text (a number, ..), not a string */
    struct kdm_str extra; /* more members, as JSON text without braces:
                             "\"count\":2,\"errors\":[..]"; none: none */
};

/* Fills *ret_failure; copies the props into the arena. */
void kdm_failure_set(struct kdm_failure *ret_failure, struct kdm_arena *arena, enum kdm_err err,
                     const struct kdm_str *props, size_t prop_count);

/* kdm_failure_set(f, arena, err, KDM_PROPS(a, b)) */
#define KDM_PROPS(...)                                                                             \
    ((const struct kdm_str[]){ __VA_ARGS__ }),                                                     \
        (sizeof((const struct kdm_str[]){ __VA_ARGS__ }) / sizeof(struct kdm_str))

/* For our own bugs; stays on in release. Never for what a client, Redis or a disk can cause. */
#define KDM_ASSERT(condition)                                                                      \
    ((condition) ? (void)0 : kdm_assert_failed(#condition, __FILE__, __LINE__))
_Noreturn void kdm_assert_failed(const char *condition, const char *file, int line);

#endif
