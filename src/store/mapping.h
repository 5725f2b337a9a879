/* mapping.h - what a collection says about the fields of its documents.
 * A mapping is Elasticsearch's mapping as Kuzzle uses it (reference kuzzle-semantics.md 1.1):
 * `dynamic`,
 * `_meta` and `properties`. It has one canonical JSON text, which is what is stored, and a tree of
 * fields made from it, which is what documents are checked and queries are resolved against. Every
 * mapping has the server's own `_kuzzle_info` field, which is never part of the text. A mapping
 * never changes once it is made and may be shared between threads; its references are counted.
 * Everything here is a pure function over its arguments: no Redis, no loop, any thread.
 */
#ifndef KDM_STORE_MAPPING_H
#define KDM_STORE_MAPPING_H

#include "base/err.h"
#include "json/json.h"

enum kdm_field_type {
    KDM_FIELD_OBJECT = 0, /* also the root */
    KDM_FIELD_NESTED,
    KDM_FIELD_ALIAS, /* another name of `target`; no document may hold it */
    KDM_FIELD_KEYWORD,
    KDM_FIELD_TEXT,
    KDM_FIELD_LONG,
    KDM_FIELD_INTEGER,
    KDM_FIELD_SHORT,
    KDM_FIELD_BYTE,
    KDM_FIELD_DOUBLE,
    KDM_FIELD_FLOAT,
    KDM_FIELD_HALF_FLOAT,
    KDM_FIELD_SCALED_FLOAT,
    KDM_FIELD_DATE,
    KDM_FIELD_BOOLEAN,
    KDM_FIELD_GEO_POINT,
    KDM_FIELD_GEO_SHAPE,
    KDM_FIELD_IP,
    KDM_FIELD_FLATTENED,
    KDM_FIELD_BINARY,
    KDM_FIELD_TYPE_COUNT
};

enum kdm_dynamic { KDM_DYNAMIC_FALSE = 0, KDM_DYNAMIC_TRUE, KDM_DYNAMIC_STRICT };

enum kdm_analyzer {
    KDM_ANALYZER_STANDARD = 0,
    KDM_ANALYZER_SIMPLE,
    KDM_ANALYZER_WHITESPACE,
    KDM_ANALYZER_KEYWORD,
    KDM_ANALYZER_ENGLISH,
    KDM_ANALYZER_FRENCH
};

struct kdm_date_format;
struct kdm_field_index;
struct kdm_mapping;

/* One field. What is lent here lives as long as its mapping. */
struct kdm_field {
    struct kdm_str name;     /* "b" */
    struct kdm_str path;     /* "a.b"; empty for the root */
    uint8_t type;            /* enum kdm_field_type */
    uint8_t dynamic;         /* enum kdm_dynamic, its own or its parent's */
    uint8_t analyzer;        /* enum kdm_analyzer, of text */
    uint8_t search_analyzer; /* the same for queries */
    bool enabled;            /* objects: false when nothing below is looked at */
    bool in_root;            /* nested objects: their fields are the document's own too */
    bool indexed;            /* false: can't be searched */
    bool doc_values;         /* false: can't be sorted by */
    bool ignore_malformed;   /* a value that can't be read is stored and not searchable */
    bool coerce;             /* numbers: text and fractions are taken for whole numbers */
    bool lowercase;          /* keyword with normalizer "lowercase" */
    bool sub_field;          /* stands in `fields` of its parent: reads its parent's value */
    uint32_t ignore_above;   /* keyword: longer values (in characters) are not searchable */
    double scaling_factor;   /* scaled_float */
    const struct kdm_date_format *format; /* dates */
    struct kdm_str null_value;            /* JSON text a null stands for; none: null is no value */
    const struct kdm_field *parent;       /* NULL for the root */
    const struct kdm_field *nested;       /* nearest nested object above it; NULL: none */
    const struct kdm_field *target;       /* of an alias */

    /* Where its values stand in a document: its own path first, then those of the fields that say
     * copy_to this one. */
    const struct kdm_str *sources;
    uint32_t source_count;

    struct kdm_field **children; /* of an object, in the mapping's order */
    uint32_t child_count;
    struct kdm_field **fields; /* multi-fields of a leaf */
    uint32_t field_count;
    const struct kdm_field_index *index; /* children by name */
};

/* --- life --------------------------------------------------------------------------------- */

/* Makes a mapping of what a client sent, or of a stored text: {dynamic?, _meta?, properties?,
 * dynamic_templates?}; NONE is the empty one. Copies. NULL with *ret_failure filled (texts in
 * `arena`) when it is not valid: invalid_mapping, wrong_mapping_property, invalid_mapping_type,
 * unexpected_properties, each naming the path. The caller owns one reference. */
struct kdm_mapping *kdm_mapping_create(struct kdm_arena *arena, struct kdm_val definition,
                                       struct kdm_failure *ret_failure);

struct kdm_mapping *kdm_mapping_ref(struct kdm_mapping *mapping);
/* NULL is fine. */
void kdm_mapping_unref(struct kdm_mapping *mapping);

/* Its canonical text, to be stored: {"dynamic":"false","_meta":{..},"properties":{..}}. Lent. */
struct kdm_str kdm_mapping_text(const struct kdm_mapping *mapping);

/* --- changes ------------------------------------------------------------------------------ */

/* `mapping` with `update` merged into it, as canonical text in `arena`: new fields are added behind
 * the old ones, `_meta` and `dynamic` are replaced when given, nothing is ever removed.
 * *ret_changed tells whether the text differs from the mapping's. false with *ret_failure when
 * `update` is not valid or changes what can't change (cannot_change_mapping names the field). */
bool kdm_mapping_merge(const struct kdm_mapping *mapping, struct kdm_arena *arena,
                       struct kdm_val update, struct kdm_str *ret_text, bool *ret_changed,
                       struct kdm_failure *ret_failure);

/* What collection:getMapping shows: {"dynamic":..,"_meta"?:..,"properties":{..}}, with the server's
 * own fields when `kuzzle_info`. */
void kdm_mapping_render(const struct kdm_mapping *mapping, struct kdm_buf *buf, bool kuzzle_info);

/* Where two `properties` objects of the device manager's models contradict each other
 * (device-manager.md 6.4): every member that both have, objects walked into, anything else reported
 * when unequal. Writes
 * {"currentType":..,"newType":..,"path":".."} objects, with commas between, and returns how many.
 * `prefix` is what the paths begin with ("asset.metadataMappings"). */
size_t kdm_mapping_conflicts(struct kdm_arena *arena, struct kdm_val current,
                             struct kdm_val incoming, struct kdm_str prefix, struct kdm_buf *buf);

/* --- looking up --------------------------------------------------------------------------- */

/* The root object; its children are the fields, `_kuzzle_info` last. */
const struct kdm_field *kdm_mapping_root(const struct kdm_mapping *mapping);

/* The field at a dotted path ("a.b", "name.keyword"), aliases followed; NULL: not mapped. */
const struct kdm_field *kdm_mapping_find(const struct kdm_mapping *mapping, struct kdm_str path);

/* The child of an object by its plain name; NULL: none. */
const struct kdm_field *kdm_field_child(const struct kdm_field *object, struct kdm_str name);

/* "integer"; what mappings call the type. */
const char *kdm_field_type_name(enum kdm_field_type type);

/* The analyzer called `name` ("default" is standard); false: there is none. */
bool kdm_analyzer_find(struct kdm_str name, enum kdm_analyzer *ret_analyzer);

/* --- checking documents ------------------------------------------------------------------- */

/* For the texts of failures. */
struct kdm_mapping_place {
    struct kdm_str index, collection;
};

/* May `document` (an object) be stored? Its root `_kuzzle_info` is not looked at. When it has
 * fields that a dynamic mapping takes up, *ret_additions is the mapping to be merged (JSON text in
 * `arena`), else none; the document passes the merged mapping too. false with *ret_failure:
 * strict_mapping_rejection, or unexpected_bad_request naming field and type. Allocates nothing when
 * the document passes without additions (escaped names and values aside). */
bool kdm_mapping_check(const struct kdm_mapping *mapping, struct kdm_arena *arena,
                       struct kdm_val document, const struct kdm_mapping_place *place,
                       struct kdm_str *ret_additions, struct kdm_failure *ret_failure);

#endif
