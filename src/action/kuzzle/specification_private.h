/* specification_private.h - what the files of specifications share. */
#ifndef KDM_ACTION_KUZZLE_SPECIFICATION_PRIVATE_H
#define KDM_ACTION_KUZZLE_SPECIFICATION_PRIVATE_H

#include "action/kuzzle/specification.h"
#include "search/query.h"

struct kdm_spec_type;

struct kdm_spec_range {
    bool has_low, has_high, low_is_now, high_is_now;
    struct kdm_number low, high;
};

struct kdm_spec_field {
    struct kdm_str name, path; /* "c", "a.b.c" */
    const struct kdm_spec_type *type;
    struct kdm_spec_field *children, **children_end, *next; /* in the order of their declaration */
    struct kdm_str fallback; /* its default as JSON; none: it has none */
    bool mandatory, multivalued;
    bool fills;                   /* it, or one below it, has a default */
    int64_t min_count, max_count; /* of several values; -1: any */

    /* Options, of those types that have them */
    bool strict, not_empty;
    struct kdm_spec_range range; /* of the value, or of its length */
    struct kdm_str_list values;  /* enum */
    const struct kdm_date_format *formats;
    unsigned shapes; /* geo_shape: bits of the shapes that may be */
};

struct kdm_spec {
    struct kdm_spec_field root; /* an object without a name */
    struct kdm_query *filter;   /* of all validators; NULL: there are none */
};

/* Reading specifications: goes on behind an error, so that all are told at once. */
struct kdm_spec_reader {
    struct kdm_arena *arena;
    struct kdm_str_list errors;
    size_t room;
};
void kdm_spec_error(struct kdm_spec_reader *reader, enum kdm_err err, const struct kdm_str *props,
                    size_t prop_count);

/* --- types: specification_types.c ---------------------------------------------------------- */

struct kdm_spec_value {
    struct kdm_arena *arena;
    struct kdm_val val;
    int64_t now_ms;
};

struct kdm_spec_type {
    const char *name;
    const char *options; /* names that typeOptions may have, with commas; "": none */
    bool takes_arrays;   /* a single value of it may be an array */
    bool has_children;
    /* Reads typeOptions (NONE: there are none). NULL: nothing to be read. */
    void (*read)(struct kdm_spec_reader *reader, struct kdm_spec_field *field,
                 struct kdm_val options);
    /* NULL when the value is one, else what is wrong. */
    const char *(*refuse)(const struct kdm_spec_field *field, const struct kdm_spec_value *value);
};

/* NULL: there is no such type. */
const struct kdm_spec_type *kdm_spec_type_find(struct kdm_str name);

/* Is `name` one of `list` ("a,b,c")? */
bool kdm_spec_listed(const char *list, struct kdm_str name);

/* The child of an object of this name; NULL: none. */
struct kdm_spec_field *kdm_spec_child(const struct kdm_spec_field *field, struct kdm_str name);

/* --- texts with a form: specification_text.c ------------------------------------------------ */

bool kdm_spec_is_email(struct kdm_str text);
bool kdm_spec_is_url(struct kdm_str text);
bool kdm_spec_is_ip(struct kdm_str text);

/* --- shapes: specification_shape.c ----------------------------------------------------------- */

/* The bit of a shape's name, in any case; 0: there is none. */
unsigned kdm_spec_shape(struct kdm_str name);
#define KDM_SPEC_ALL_SHAPES 0x1ffu
/* Is it one of `shapes`, with the coordinates such a shape has? */
bool kdm_spec_is_shape(struct kdm_arena *arena, struct kdm_val value, unsigned shapes);

#endif
