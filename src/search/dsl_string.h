/* dsl_string.h - what the two query strings share; private to search/. */
#ifndef KDM_SEARCH_DSL_STRING_H
#define KDM_SEARCH_DSL_STRING_H

#include "search/text.h"

#define KDM_STRING_MAX_LENGTH 65536 /* bytes of a query string */
#define KDM_STRING_MAX_DEPTH  50    /* parentheses within each other */

/* A string being read, and what it is asked of. */
struct kdm_string {
    struct kdm_query_parser *parser;
    struct kdm_str clause;
    struct kdm_str text; /* what is left */
    int depth;
    struct kdm_text_fields fields;   /* of words that name none */
    struct kdm_text_options options; /* without minimum_should_match, which is of the whole */
    struct kdm_val minimum;
    struct kdm_str quote_analyzer; /* of phrases; none: like words */
    struct kdm_date_reading reading;
    enum kdm_text_type type;
    float tie_breaker;
};

/* A query on each of the fields, any of which may match; NULL with a failure. */
typedef struct kdm_query *kdm_field_query_fn(struct kdm_string *string,
                                             const struct kdm_field *field, void *ctx);
struct kdm_query *kdm_string_each(struct kdm_string *string, const struct kdm_text_fields *fields,
                                  kdm_field_query_fn *fn, void *ctx);

/* A word or phrase, read as each field reads it. */
struct kdm_query *kdm_string_words(struct kdm_string *string, const struct kdm_text_fields *fields,
                                   struct kdm_str text, const struct kdm_text_options *options);
/* Words that begin so; compared as each field's analyzer writes them. */
struct kdm_query *kdm_string_prefix(struct kdm_string *string, const struct kdm_text_fields *fields,
                                    struct kdm_str text);
struct kdm_query *kdm_string_fuzzy(struct kdm_string *string, const struct kdm_text_fields *fields,
                                   struct kdm_str text, const struct kdm_fuzziness *fuzziness);

/* Can patterns be asked of the field? Else *ret_query is what stands instead: nothing when it is
 * lenient, or NULL with a failure. */
bool kdm_string_takes_pattern(struct kdm_string *string, const struct kdm_field *field,
                              bool lenient, struct kdm_query **ret_query);
/* As the field writes its words: texts in lower case, unless their analyzer keeps them. */
struct kdm_str kdm_string_normal(struct kdm_string *string, const struct kdm_field *field,
                                 struct kdm_str text);

/* How many should-clauses of the finished query must match, and its boost. */
struct kdm_query *kdm_string_finish(struct kdm_string *string, struct kdm_query *query);

#endif
