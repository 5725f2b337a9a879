/* text.h - words asked of fields, shared by the clauses about text; private to search/.
 * match, multi_match, query_string and simple_query_string all come down to one field and one
 * text, or several fields of which any or each may have it.
 */
#ifndef KDM_SEARCH_TEXT_H
#define KDM_SEARCH_TEXT_H

#include "search/parse.h"

enum kdm_text_how {
    KDM_TEXT_ANY,
    KDM_TEXT_PHRASE,
    KDM_TEXT_PHRASE_PREFIX,
    KDM_TEXT_BOOL_PREFIX, /* any word, the last one as a prefix */
};

/* "AUTO", "AUTO:3,6", "0" to "2" */
struct kdm_fuzziness {
    bool given, automatic;
    size_t low, high; /* automatic: shorter words allow 0 and 1 edits */
    unsigned edits;
    size_t prefix;
    bool no_swaps;
};

struct kdm_text_options {
    enum kdm_text_how how;
    bool all;     /* operator and */
    bool lenient; /* a value that the field can't read matches nothing instead of failing */
    bool zero_terms_all;
    struct kdm_val minimum;  /* minimum_should_match */
    struct kdm_str analyzer; /* none: the field's own */
    struct kdm_fuzziness fuzziness;
    uint32_t slop;
    float boost;
};

/* The parameters that set them: operator, minimum_should_match, analyzer, lenient,
 * zero_terms_query, fuzziness, prefix_length, fuzzy_transpositions, slop. false with a failure. */
bool kdm_text_options(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_val params,
                      struct kdm_text_options *options);
/* How many of `count` words must be there: at least one, and no more when there is only one. */
bool kdm_text_minimum(struct kdm_query_parser *parser, struct kdm_str clause,
                      const struct kdm_text_options *options, size_t count, size_t *ret_minimum);
/* A parameter that names an analyzer. */
bool kdm_query_analyzer(struct kdm_query_parser *parser, struct kdm_str clause,
                        struct kdm_val params, const char *name, struct kdm_str *ret_analyzer);
bool kdm_fuzziness_parse(struct kdm_query_parser *parser, struct kdm_str clause,
                         struct kdm_str text, struct kdm_fuzziness *fuzziness);
/* How many edits `word` allows. */
unsigned kdm_fuzziness_edits(const struct kdm_fuzziness *fuzziness, struct kdm_str word);
/* FUZZY on a keyword or text field; a term when `word` allows no edits. */
struct kdm_query *kdm_fuzzy_query(struct kdm_query_parser *parser, const struct kdm_field *field,
                                  struct kdm_str word, const struct kdm_fuzziness *fuzziness);

/* A value (text, number or boolean) on one field, NULL: not mapped. NULL with a failure. */
struct kdm_query *kdm_text_on_field(struct kdm_query_parser *parser, struct kdm_str clause,
                                    const struct kdm_field *field, struct kdm_val value,
                                    const struct kdm_text_options *options);

/* --- several fields ------------------------------------------------------------------------- */

struct kdm_text_fields {
    const struct kdm_field **items;
    float *boosts;
    size_t count;
    bool lenient; /* "*" was named: fields of all types */
};

/* `names`: an array or one, "name", "name^2", "na*"; none and [] are `absent`, or "*" when that is
 * none too. */
bool kdm_text_fields(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_val names,
                     struct kdm_str absent, struct kdm_text_fields *ret_fields);
/* The fields of one name or pattern. */
bool kdm_text_fields_named(struct kdm_query_parser *parser, struct kdm_str clause,
                           struct kdm_str name, struct kdm_text_fields *ret_fields);

enum kdm_text_type {
    KDM_TEXT_BEST,   /* the field that matches best scores */
    KDM_TEXT_MOST,   /* all that match score */
    KDM_TEXT_ACROSS, /* each word in any of them, as if they were one */
};

/* "best_fields" and so on: sets *how too. false: not known. */
bool kdm_text_type(struct kdm_val name, enum kdm_text_type *type, enum kdm_text_how *how);

struct kdm_query *kdm_text_on_fields(struct kdm_query_parser *parser, struct kdm_str clause,
                                     const struct kdm_text_fields *fields, enum kdm_text_type type,
                                     float tie_breaker, struct kdm_val value,
                                     const struct kdm_text_options *options);

/* A text as a JSON value. */
struct kdm_val kdm_text_value(struct kdm_arena *arena, struct kdm_str text);

#endif
