/* specification.h - what an administrator demands of the documents of a collection (reference
 * kuzzle-semantics.md 7): the fields, their types and defaults, and Koncorde filters that documents
 * must match. The rules of the specifications themselves are in specification.c, those of each type
 * in specification_types.c, what a document must be like in specification_check.c. Everything is in
 * the arena it was made in. Pure functions, any thread.
 */
#ifndef KDM_ACTION_KUZZLE_SPECIFICATION_H
#define KDM_ACTION_KUZZLE_SPECIFICATION_H

#include "base/err.h"
#include "json/json.h"

struct kdm_spec;
struct kdm_spec_field;

/* Reads {strict?, fields?, validators?}, which must outlive the result. NULL: *ret_errors tells all
 * that is wrong with them. */
const struct kdm_spec *kdm_spec_create(struct kdm_arena *arena, struct kdm_val definition,
                                       struct kdm_str_list *ret_errors);

/* `source` (an object) with the defaults of the fields that it lacks, or that are null. Its own
 * text when there is nothing to fill in. */
struct kdm_str kdm_spec_fill(struct kdm_arena *arena, const struct kdm_spec *spec,
                             struct kdm_val source);

/* What is wrong with a document, in the order in which it was found; at most KDM_SPEC_MAX_FINDINGS.
 */
#define KDM_SPEC_MAX_FINDINGS 100
struct kdm_spec_finding {
    const struct kdm_spec_field *field; /* NULL: the document as a whole */
    struct kdm_str message;
};
struct kdm_spec_report {
    struct kdm_spec_finding *items;
    size_t count;
};

/* Is `source` what the specifications demand? Its _kuzzle_info is not looked at. `all`: goes on
 * behind the first finding. */
bool kdm_spec_check(struct kdm_arena *arena, const struct kdm_spec *spec, struct kdm_str id,
                    struct kdm_val source, int64_t now_ms, bool all,
                    struct kdm_spec_report *ret_report);

/* The first finding as an error: failed_field or failed_document. */
void kdm_spec_failure(struct kdm_arena *arena, const struct kdm_spec_report *report,
                      struct kdm_failure *ret_failure);

/* {"documentScope"?:[..],"fieldScope"?:{"children":{..}}}: what document:validate shows. */
void kdm_spec_put_report(struct kdm_buf *buf, const struct kdm_spec *spec,
                         const struct kdm_spec_report *report);

#endif
