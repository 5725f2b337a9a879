/* config.h - reading a dialect's part of the configuration. Private to dialect/.
 * The first thing that is wrong is noted as one line, and everything after it is passed over.
 */
#ifndef KDM_DIALECT_CONFIG_H
#define KDM_DIALECT_CONFIG_H

#include "api/door.h"
#include <jansson.h>

struct kdm_dialect_reader {
    struct kdm_arena *arena; /* for texts, which live as long as the dialects */
    char *error;             /* free() it; NULL: all well so far */
};

/* Is `object` an object with no other members than these (NULL-terminated)? NULL: an empty one. */
bool kdm_dialect_members(struct kdm_dialect_reader *reader, const char *where, const json_t *object,
                         const char *const *known);
bool kdm_dialect_bool(struct kdm_dialect_reader *reader, const char *where, const json_t *object,
                      const char *name, bool absent);
/* `absent` NULL: it must be given. */
struct kdm_str kdm_dialect_text(struct kdm_dialect_reader *reader, const char *where,
                                const json_t *object, const char *name, const char *absent);
/* An array of texts; absent: none. */
struct kdm_dialect_texts {
    struct kdm_str *items;
    size_t count;
};
struct kdm_dialect_texts kdm_dialect_texts(struct kdm_dialect_reader *reader, const char *where,
                                           const json_t *object, const char *name);
/* An array of objects; NULL when absent. */
const json_t *kdm_dialect_list(struct kdm_dialect_reader *reader, const char *where,
                               const json_t *object, const char *name);
/* Where the door is: `prefix`, or this one when it is not given, and `enabled`. false: it is
 * switched off. */
bool kdm_dialect_mount(struct kdm_dialect_reader *reader, const char *where, const json_t *object,
                       const char *prefix, struct kdm_door *door);

bool kdm_dialect_has(const struct kdm_dialect_texts *texts, struct kdm_str text);

#endif
