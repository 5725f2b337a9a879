/* write.h - private to json/: what several transforms write. */
#ifndef KDM_JSON_WRITE_H
#define KDM_JSON_WRITE_H

#include "json/json.h"

/* Is its own text canonical? */
static inline bool kdm_json_clean(struct kdm_val val)
{
    return !(kdm_val_node(val)->flags & (KDM_JSON_DUPLICATE | KDM_JSON_DIRTY | KDM_JSON_SPACED));
}

/* Puts `val` in canonical form. `scratch` holds tables for large objects with duplicates. */
void kdm_json_put_canonical(struct kdm_buf *buf, struct kdm_arena *scratch, struct kdm_val val);

/* Puts the comma, the member's name as it stands in its text, and ':'. */
void kdm_json_put_member_name(struct kdm_buf *buf, struct kdm_val name);

#endif
