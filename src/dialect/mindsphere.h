/* mindsphere.h - MindSphere (Insights Hub) asset management v3 (reference dialects.md 4).
 *   mindsphere.c             configuration, who asks, failures
 *   mindsphere_locking.c     If-Match and If-None-Match (pure)
 *   mindsphere_index.c       entries found by name (pure)
 *   mindsphere_variable.c    variables read and told (pure)
 *   mindsphere_type.c        bodies of asset types read (pure)
 *   mindsphere_world.c       all types that a tenant sees, out of the models
 *   mindsphere_resource.c    asset and aspect types told (pure)
 *   mindsphere_list.c        filter, sort and pages (pure)
 *   mindsphere_target.c      the type that a request names
 *   mindsphere_types.c       operations on asset types
 *   mindsphere_aspects.c     operations on aspect types
 *   mindsphere_files.c       files
 *   mindsphere_assignment.c  files assigned to a type or an asset
 *   mindsphere_asset.h       assets, which are instances of the types
 * An asset type is an asset model of the core, an aspect type a measure model; what the core has no
 * place for stands in the model's member dialect.mindsphere, the "block". Loop thread only.
 */
#ifndef KDM_DIALECT_MINDSPHERE_H
#define KDM_DIALECT_MINDSPHERE_H

#include "action/device_manager/dm.h"
#include "api/door.h"
#include "dialect/config.h"

struct kdm_ms_token {
    struct kdm_str token, tenant;
};

struct kdm_ms_types;

struct kdm_ms {
    const struct kdm_ms_types *core; /* the types that are there without anybody's doing */
    struct kdm_str default_tenant;
    struct kdm_ms_token *tokens;
    size_t token_count; /* 0: open to everybody */
};

/* Reads `dialects.mindsphere`; true: it is switched on and *ret_door is filled. */
bool kdm_ms_configure(struct kdm_ms *ms, struct kdm_dialect_reader *reader, const json_t *config,
                      struct kdm_door *ret_door);

/* --- failures --------------------------------------------------------------------------------- */

enum kdm_ms_code {
    KDM_MS_INVALID_PARAMETER,
    KDM_MS_MISSING_PARAMETER,
    KDM_MS_INVALID_BODY,
    KDM_MS_MISSING_BODY,
    KDM_MS_UNAUTHORIZED,
    KDM_MS_FORBIDDEN,
    KDM_MS_NO_MATCH,
    KDM_MS_WRONG_METHOD,
    KDM_MS_CONFLICT,
    KDM_MS_PRECONDITION_FAILED,
    KDM_MS_PRECONDITION_REQUIRED,
    KDM_MS_TOO_LARGE,
    KDM_MS_UNSUPPORTED,
    KDM_MS_INTERNAL,
};

/* What is wrong with a request, all of it; told together. */
struct kdm_ms_error {
    enum kdm_ms_code code;
    struct kdm_str message;
};
struct kdm_ms_errors {
    struct kdm_arena *arena;
    struct kdm_ms_error *items; /* the first KDM_MS_MOST_ERRORS of them, each once */
    size_t count, room;
};
#define KDM_MS_MOST_ERRORS 1000
void kdm_ms_errors_init(struct kdm_ms_errors *errors, struct kdm_arena *arena);
void kdm_ms_error(struct kdm_ms_errors *errors, enum kdm_ms_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* {"errors":[..]}; returns the status: the first one's, but a 400 goes before a 409. */
int kdm_ms_put_errors(const struct kdm_ms_errors *errors, struct kdm_str logref,
                      struct kdm_buf *buf);
/* The same as the reply. */
enum kdm_outcome kdm_ms_refuse(struct kdm_tx *tx, const struct kdm_args *args,
                               const struct kdm_ms_errors *errors);
/* The same for a single one. */
enum kdm_outcome kdm_ms_fail(struct kdm_tx *tx, const struct kdm_args *args, enum kdm_ms_code code,
                             const char *format, ...) __attribute__((format(printf, 4, 5)));

/* --- who asks --------------------------------------------------------------------------------- */

struct kdm_ms_caller {
    struct kdm_str tenant; /* by the token; without tokens by the id in the path, or the default */
    bool exploded, include_shared;
    struct kdm_str base; /* "http://host/api/assetmanagement/v3": what hrefs begin with */
    const struct kdm_ms_types *core;
};

/* Token and query. `id`: in the path, or none. false: the transaction has its reply. */
bool kdm_ms_enter(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_str id,
                  struct kdm_ms_caller *ret_caller);

/* Ids of aspects, assets and files: 32 hexadecimal digits. A new one is the same in every replay
 * for the same name; hex_id is a fixed one for a text. */
#define KDM_MS_ID_LEN 32
bool kdm_ms_is_hex_id(struct kdm_str id);
struct kdm_str kdm_ms_hex_id(struct kdm_arena *arena, struct kdm_str of);
struct kdm_str kdm_ms_new_id(struct kdm_tx *tx, struct kdm_str name);

/* "mdsp" of "mdsp.X"; none when the id is not one of a type. */
struct kdm_str kdm_ms_prefix(struct kdm_str id);

/* --- locking ---------------------------------------------------------------------------------- */

enum kdm_ms_lock {
    KDM_MS_LOCK_OK,
    KDM_MS_LOCK_REQUIRED, /* 428 */
    KDM_MS_LOCK_FAILED,   /* 412 */
    KDM_MS_LOCK_MALFORMED,
};
/* May a resource at `etag` (-1: there is none) be written? Headers none: absent. `creates`: a
 * missing one is made, as PUT does. */
enum kdm_ms_lock kdm_ms_check_lock(struct kdm_str if_match, struct kdm_str if_none_match,
                                   int64_t etag, bool creates);
/* The same by the request's headers; false: the transaction has its reply. */
bool kdm_ms_may_lock(struct kdm_tx *tx, const struct kdm_args *args, int64_t etag, bool creates);
/* Does a header's list name this etag? */
bool kdm_ms_lists_etag(struct kdm_str header, int64_t etag);
/* Has the client this version already, by its If-None-Match? Then the transaction has its reply. */
bool kdm_ms_not_modified(struct kdm_tx *tx, const struct kdm_args *args, int64_t etag);

/* --- bodies and replies ------------------------------------------------------------------------
 */

/* The body, an object. false: it is none, and the transaction has its reply. */
bool kdm_ms_body(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_val *ret_body);
/* The same for a form in parts, which arrives as JSON too. */
bool kdm_ms_form(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_val *ret_body);

/* Walks a list of a body; what is no list, or one of more than `most` entries, is an error, and has
 * none: what is compared each with each must be few. */
void kdm_ms_entries(struct kdm_val_iter *it, struct kdm_ms_errors *errors, const char *name,
                    struct kdm_val list, unsigned most);

/* A reply with the headers of a versioned resource. */
enum kdm_outcome kdm_ms_reply_versioned(struct kdm_tx *tx, int status, int64_t etag,
                                        struct kdm_str location, struct kdm_str body);
/* 204, without a body. */
enum kdm_outcome kdm_ms_reply_deleted(struct kdm_tx *tx);

/* --- entries by name -------------------------------------------------------------------------- */

struct kdm_ms_entry {
    struct kdm_str key; /* the member that it is found by */
    struct kdm_val val;
    size_t list, at; /* where it stands: the number of its list, and its own */
};
struct kdm_ms_index {
    struct kdm_ms_entry *items; /* by key, then as they stand */
    size_t count;
};
/* The entries of all the lists whose `member` is a text. What is no list has none. */
void kdm_ms_index(struct kdm_arena *arena, const struct kdm_val *lists, size_t list_count,
                  const char *member, struct kdm_ms_index *ret_index);
/* All with this key, one behind the other; NULL: there are none, also for a key that is none. */
const struct kdm_ms_entry *kdm_ms_index_find(const struct kdm_ms_index *index, struct kdm_str key,
                                             size_t *ret_count);
/* The first of them; NONE: there are none. */
struct kdm_val kdm_ms_index_get(const struct kdm_ms_index *index, struct kdm_str key);

/* Is it an entry of an exploded answer that belongs to an ancestor? */
bool kdm_ms_has_origin(struct kdm_val entry);

/* --- variables -------------------------------------------------------------------------------- */

enum kdm_ms_place { KDM_MS_TYPE_VARIABLE, KDM_MS_STATIC_VARIABLE, KDM_MS_DYNAMIC_VARIABLE };

#define KDM_MS_MOST_VARIABLES 1000 /* of one type */

/* Reads a body's `variables` into stored form: JSON text of an array. `old`: as they are stored, or
 * NONE; `inherited`: those above, whose copies with an origin are passed over; growing: none may
 * vanish. What is wrong becomes errors. */
struct kdm_str kdm_ms_read_variables(struct kdm_ms_errors *errors, struct kdm_val given,
                                     struct kdm_val old, struct kdm_val inherited,
                                     enum kdm_ms_place place, bool growing);
/* One stored variable told; origin none: it is the type's own. */
void kdm_ms_put_variable(struct kdm_buf *buf, struct kdm_val variable, enum kdm_ms_place place,
                         struct kdm_str origin);
/* A value given for a stored variable (a text, or a number or boolean) as the core has it, JSON
 * text; none: it is no value of its type. And back: a JSON string. */
struct kdm_str kdm_ms_value(struct kdm_arena *arena, struct kdm_val variable, struct kdm_val given);
void kdm_ms_put_value(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val value);
/* {"<name>":{"type":..},..} and {"<name>":<default>,..} of stored variables, as members with
 * commas. */
void kdm_ms_put_mappings(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val variables);
void kdm_ms_put_defaults(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val variables);
bool kdm_ms_is_name(struct kdm_str name); /* and not a reserved one */

/* --- the world ---------------------------------------------------------------------------------
 */

/* An asset type or an aspect type. */
struct kdm_ms_type {
    struct kdm_val block;      /* id, tenantId, etag, name, .. */
    struct kdm_str id, tenant; /* of the block */
    struct kdm_str parent;     /* id; none: the root, or an aspect type */
    int64_t etag;
    const struct kdm_dm_model *model; /* NULL: one of the core's, read-only */
};

struct kdm_ms_types {
    struct kdm_ms_type *items; /* by id */
    size_t count;
};

struct kdm_ms_world {
    struct kdm_arena *arena;
    struct kdm_dm_models models;
    struct kdm_ms_types assets, aspects;
};

/* The core's types, to be shared by all worlds. */
const struct kdm_ms_types *kdm_ms_core_types(struct kdm_arena *arena);
/* Reads all of it; checked: the commit fails when a model was written since. false: wait. */
bool kdm_ms_read_world(struct kdm_tx *tx, const struct kdm_ms_caller *caller, bool checked,
                       struct kdm_ms_world *ret_world);
/* The world as it will be when this model, which is borrowed, is stored. Returns the type that
 * stands beside it; NULL: none does, and *ret_world stays untouched. */
const struct kdm_ms_type *kdm_ms_world_with(const struct kdm_ms_world *world,
                                            const struct kdm_dm_model *model,
                                            struct kdm_ms_world *ret_world);

const struct kdm_ms_type *kdm_ms_find(const struct kdm_ms_types *types, struct kdm_str id);
/* Does the caller see it? */
bool kdm_ms_visible(const struct kdm_ms_world *world, const struct kdm_ms_type *type,
                    const struct kdm_ms_caller *caller);
/* From the root down to the type itself; at most KDM_DM_FAMILY_DEPTH and some. */
#define KDM_MS_CHAIN_MAX 48
struct kdm_ms_chain {
    const struct kdm_ms_type *items[KDM_MS_CHAIN_MAX];
    size_t count;
};
void kdm_ms_chain(const struct kdm_ms_world *world, const struct kdm_ms_type *type,
                  struct kdm_ms_chain *ret_chain);
/* A name of a variable or an aspect that `self` is to have, and the type that has it already. */
struct kdm_ms_name {
    struct kdm_str name;
    struct kdm_str taken; /* id of an ancestor of `self` or a descendant; none: the name is free */
};
/* Fills in who has the names; they are sorted. `parent` is that of `self`, also when it is not
 * there yet. */
void kdm_ms_names_taken(const struct kdm_ms_world *world, struct kdm_str parent,
                        struct kdm_str self, struct kdm_ms_name *names, size_t count);
/* The name of the model for an id: stored, or derived and free. */
struct kdm_str kdm_ms_model_name(const struct kdm_ms_world *world, enum kdm_dm_kind kind,
                                 struct kdm_str id);

/* The name of the model that assets of a type have; those of the core's types are made when they
 * are first wanted. And back; NULL: the model is of another door. */
struct kdm_str kdm_ms_asset_model(struct kdm_arena *arena, const struct kdm_ms_type *type);
const struct kdm_ms_type *kdm_ms_type_of_model(const struct kdm_ms_world *world,
                                               struct kdm_str model);

/* --- the type that a request names -------------------------------------------------------------
 */

struct kdm_ms_target {
    struct kdm_ms_caller caller;
    struct kdm_ms_world world;
    struct kdm_str id;
    const struct kdm_ms_type *type; /* NULL: there is none yet that the caller sees */
};

/* `kind`: KDM_DM_ASSET for an asset type, KDM_DM_MEASURE for an aspect type. false: wait, or the
 * transaction has its reply, which is what *ret_done tells. Read: the type is there, and the client
 * has not got this version of it. Written: it is the caller's own, there (`creates`: or not), and
 * at the version that the client wants to change. */
bool kdm_ms_target_to_read(struct kdm_tx *tx, const struct kdm_args *args, enum kdm_dm_kind kind,
                           struct kdm_ms_target *ret_target, bool *ret_done);
bool kdm_ms_target_to_write(struct kdm_tx *tx, const struct kdm_args *args, enum kdm_dm_kind kind,
                            bool creates, struct kdm_ms_target *ret_target, bool *ret_done);

/* --- asset types --------------------------------------------------------------------------------
 */

/* What a body makes of a type. */
struct kdm_ms_wish {
    struct kdm_str block;  /* as it will be stored, JSON text */
    struct kdm_str parent; /* id */
};
/* Reads a complete body. `type` NULL: it is created. What is wrong becomes errors. */
void kdm_ms_read_type(struct kdm_ms_errors *errors, struct kdm_tx *tx,
                      const struct kdm_ms_world *world, const struct kdm_ms_caller *caller,
                      struct kdm_str id, const struct kdm_ms_type *type, struct kdm_val body,
                      struct kdm_ms_wish *ret_wish);

/* A models document for a block: its own mappings, defaults and measures. */
struct kdm_str kdm_ms_model_source(const struct kdm_ms_world *world, struct kdm_str block,
                                   struct kdm_str model_name, struct kdm_str group);

/* The resource of an asset type, and of an aspect type. */
void kdm_ms_put_type(const struct kdm_ms_world *world, const struct kdm_ms_caller *caller,
                     const struct kdm_ms_type *type, bool exploded, struct kdm_buf *buf);
void kdm_ms_put_aspect_type(const struct kdm_ms_caller *caller, const struct kdm_ms_type *type,
                            struct kdm_buf *buf);

/* The file assignments of a chain of types, root to leaf, as the last one tells them:
 * ,"fileAssignments":[..] */
void kdm_ms_put_files(const struct kdm_ms_world *world, const struct kdm_ms_caller *caller,
                      const struct kdm_ms_chain *chain, struct kdm_buf *buf);
/* Members of a resource: a text, none is null; a member of `block` or `absent`; "name":{"href":..}
 */
void kdm_ms_put_text(struct kdm_buf *buf, const char *name, struct kdm_str text);
void kdm_ms_put_member(struct kdm_buf *buf, struct kdm_val block, const char *name,
                       const char *absent);
void kdm_ms_put_link(struct kdm_buf *buf, const char *name, struct kdm_str target);
struct kdm_str kdm_ms_href(struct kdm_arena *arena, const struct kdm_ms_caller *caller,
                           const char *kind, struct kdm_str id);

/* Reads a body's `fileAssignments` into stored form: JSON text of an array. What is wrong becomes
 * errors. */
struct kdm_str kdm_ms_read_assignments(struct kdm_ms_errors *errors, struct kdm_val given);
/* Each file of a list of assignments must be there, and still when what names it is stored; what is
 * not becomes errors. false: wait. */
bool kdm_ms_check_files(struct kdm_tx *tx, struct kdm_ms_errors *errors, struct kdm_str tenant,
                        struct kdm_val assignments);

/* --- lists -------------------------------------------------------------------------------------
 */

struct kdm_ms_page {
    int64_t number, size;
};
/* page and size. false: errors. */
bool kdm_ms_read_page(struct kdm_ms_errors *errors, const struct kdm_args *args,
                      struct kdm_ms_page *ret_page);

/* One thing that can be listed: what filters and sorts look at, and what is told. */
struct kdm_ms_item {
    struct kdm_val fields; /* an object */
    const void *owner;
};
/* Does the filter let it through? NONE: everything passes. false with errors when the filter is
 * malformed. */
bool kdm_ms_passes(struct kdm_ms_errors *errors, struct kdm_val filter, struct kdm_val fields);
/* The query's filter; NONE: none. */
struct kdm_val kdm_ms_read_filter(struct kdm_ms_errors *errors, const struct kdm_args *args);
/* A query's `sort`, "name,desc" or "DESC" or none: by name, else by id; descending? */
bool kdm_ms_sorts_by_name(struct kdm_str sort);
bool kdm_ms_sorts_down(struct kdm_str sort);
/* By the query's sort, id ascending otherwise. */
void kdm_ms_sort(struct kdm_arena *arena, const struct kdm_args *args, struct kdm_ms_item *items,
                 size_t count);
/* "page":{..},"_links":{..}; the links ask for the same list as the request. */
void kdm_ms_put_page(const struct kdm_args *args, const struct kdm_ms_caller *caller,
                     const char *path, const struct kdm_ms_page *page, size_t total,
                     struct kdm_buf *buf);

#endif
