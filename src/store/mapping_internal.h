/* mapping_internal.h - what the files mapping*.c share, and nobody else. */
#ifndef KDM_STORE_MAPPING_INTERNAL_H
#define KDM_STORE_MAPPING_INTERNAL_H

#include "store/mapping_value.h"

/* A type as mappings name it; several names may stand for one type. */
struct kdm_type_row {
    const char *name;
    uint8_t type;    /* enum kdm_field_type */
    uint16_t params; /* which parameters it takes: bits of mapping_types.c */
};

enum kdm_param_kind {
    KDM_PARAM_BOOL,
    KDM_PARAM_STRING,
    KDM_PARAM_NUMBER,
    KDM_PARAM_COUNT, /* whole and not negative */
    KDM_PARAM_OBJECT,
    KDM_PARAM_STRINGS, /* one or a list */
    KDM_PARAM_SCALAR,
    KDM_PARAM_FIELDS, /* multi-fields */
    KDM_PARAM_FORMAT, /* of dates */
    KDM_PARAM_ANALYZER,
    KDM_PARAM_NORMALIZER,
    KDM_PARAM_ANY
};

struct kdm_param_row {
    const char *name;
    uint16_t types; /* bits */
    uint8_t kind;   /* enum kdm_param_kind */
    bool updatable; /* may change on an existing field */
};

/* NULL: unknown. */
const struct kdm_type_row *kdm_type_find(struct kdm_str name);
const struct kdm_param_row *kdm_param_find(struct kdm_str name);

/* "true", "false", "strict" or a boolean. */
bool kdm_dynamic_find(struct kdm_val value, enum kdm_dynamic *ret_dynamic);
const char *kdm_dynamic_name(enum kdm_dynamic dynamic);

/* The canonical text of `current` (canonical, or NONE) with `update` (anything) merged in. */
bool kdm_definition_merge(struct kdm_arena *arena, struct kdm_val current, struct kdm_val update,
                          struct kdm_str *ret_text, struct kdm_failure *ret_failure);

/* The mapping of what `document` brings to objects that take new fields up: {"properties":{..}}.
 * false with *ret_failure when it brings too many, too deep, or badly named ones. */
bool kdm_mapping_infer(const struct kdm_mapping *mapping, struct kdm_arena *arena,
                       struct kdm_val document, struct kdm_str *ret_text,
                       struct kdm_failure *ret_failure);

/* Is this value of a field for the field itself to read (a point, a shape, an address range as
 * object), rather than a list of values or an object of members? */
bool kdm_field_takes_object(const struct kdm_field *field);

/* [lon, lat] or [lon, lat, height], not checked against any limits; false: it is none. */
bool kdm_geo_read_pair(struct kdm_val value, double *ret_lon, double *ret_lat);

#define KDM_KUZZLE_INFO_NAME KDM_STR("_kuzzle_info")
#define KDM_KUZZLE_INFO_DEFINITION                                                                 \
    KDM_STR("{\"properties\":{\"author\":{\"type\":\"keyword\"},"                                  \
            "\"createdAt\":{\"type\":\"date\"},\"updatedAt\":{\"type\":\"date\"},"                 \
            "\"updater\":{\"type\":\"keyword\"}}}")

#endif
