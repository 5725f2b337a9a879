/* values.h - the values that a mapped field has in a document; private to search/. */
#ifndef KDM_SEARCH_VALUES_H
#define KDM_SEARCH_VALUES_H

#include "search/query.h"

/* Returns true to stop: it has seen enough. */
typedef bool kdm_value_fn(void *ctx, struct kdm_val value);
typedef bool kdm_key_fn(void *ctx, const struct kdm_key *key);

/* Calls fn for each value at a dotted path, as Elasticsearch flattens documents: arrays are walked
 * through on the way and at the end, members may be written with dots. A pair of numbers is one
 * value when `pairs` (points). true: fn stopped it. */
bool kdm_values_at(struct kdm_arena *scratch, struct kdm_val source, struct kdm_str path,
                   bool pairs, kdm_value_fn *fn, void *ctx);

/* Calls fn for each value of `field` below `scope`, which is the document or, inside a nested query
 * on `nested`, one of its objects. Fields that belong to another level have none there. */
bool kdm_field_values(struct kdm_arena *scratch, const struct kdm_field *field,
                      const struct kdm_field *nested, struct kdm_val scope, kdm_value_fn *fn,
                      void *ctx);

/* Calls fn for each object of the nested field `objects` below `scope`, whatever lies between the
 * two: those of "a.b" are found from the document and from within one of "a". Values that are no
 * objects are left out. */
bool kdm_nested_objects(struct kdm_arena *scratch, const struct kdm_field *objects,
                        const struct kdm_field *nested, struct kdm_val scope, kdm_value_fn *fn,
                        void *ctx);

/* kdm_field_values() with each value's key; words for text. */
bool kdm_field_keys(struct kdm_arena *scratch, const struct kdm_field *field,
                    const struct kdm_field *nested, struct kdm_val scope, struct kdm_str id,
                    kdm_key_fn *fn, void *ctx);

#endif
