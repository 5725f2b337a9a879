/* mindsphere_files.c - files that types and assets can be assigned (reference dialects.md 4.6).
 * They are documents of the tenant's collection `files`, which is made with the first one, their
 * content as base64 in them: a file is small, and so one commit, one tenant and one backup hold it
 * with what refers to it. That it is assigned nowhere is checked again by the commit that deletes
 * it, that it is there by the one that assigns it.
 */
#include "action/device_manager/dm.h"
#include "dialect/mindsphere.h"
#include "dialect/tenant.h"
#include "doors.gen.h"
#include "store/unicode.h"
#include <openssl/evp.h>
#include <time.h>

#define COLLECTION          KDM_STR("files")
#define FILE_LARGEST        (5u << 20)
#define NAME_LONGEST        255
#define DESCRIPTION_LONGEST 2048

static const struct kdm_str files_mapping =
    KDM_STR("{\"dynamic\":\"false\",\"properties\":{\"name\":{\"type\":\"keyword\"},"
            "\"originalFileName\":{\"type\":\"keyword\"},\"scope\":{\"type\":\"keyword\"},"
            "\"contentType\":{\"type\":\"keyword\"},\"size\":{\"type\":\"long\"}}}");

/* --- the collection --------------------------------------------------------------------------- */

bool kdm_ms_check_files(struct kdm_tx *tx, struct kdm_ms_errors *errors, struct kdm_str tenant,
                        struct kdm_val assignments)
{
    struct kdm_collection *files;
    struct kdm_val_iter it;
    struct kdm_val entry;
    bool all = true;

    if (kdm_val_count(assignments) == 0)
        return true;
    if (!kdm_tx_find_collection(tx, tenant, COLLECTION, &files))
        return false;
    for (kdm_elements(&it, assignments); kdm_element_next(&it, &entry);) {
        struct kdm_str id = kdm_val_str(errors->arena, kdm_val_get(entry, KDM_STR("fileId")));
        struct kdm_doc *doc = NULL;

        if (files != NULL && !kdm_tx_read(tx, files, id, &doc))
            all = false; /* the others are asked for as well */
        else if (doc == NULL)
            kdm_ms_error(errors, KDM_MS_INVALID_BODY, "fileAssignments: there is no file " KDM_FMT,
                         KDM_ARG(id));
    }
    return all;
}

/* --- bodies ----------------------------------------------------------------------------------- */

/* A multipart body, which arrives as JSON. */
struct upload {
    struct kdm_str name, original, description, media, content; /* content: base64 */
    bool is_public;
    size_t size;
};

static struct kdm_str text_of(struct kdm_ms_errors *errors, struct kdm_val body, const char *name,
                              size_t most)
{
    struct kdm_val val = kdm_val_get(body, kdm_str_of(name));
    struct kdm_str text = kdm_val_str(errors->arena, val);

    if (!kdm_val_null(val) && (kdm_str_none(text) || kdm_utf8_count(text) > most))
        kdm_ms_error(errors, KDM_MS_INVALID_BODY,
                     "%s: a text of at most %zu characters is expected", name, most);
    return text;
}

/* Bytes that the base64 text stands for; *ret_size 0 also when it stands for none. */
static bool decode(struct kdm_arena *arena, struct kdm_str base64, char **ret_bytes,
                   size_t *ret_size)
{
    size_t padding = 0;
    int len;

    *ret_size = 0;
    *ret_bytes = kdm_arena_alloc(arena, base64.len / 4 * 3 + 4);
    if (base64.len == 0)
        return true;
    while (padding < 2 && base64.ptr[base64.len - 1 - padding] == '=' && padding + 1 < base64.len)
        padding++;
    len = base64.len % 4 != 0 || base64.len > FILE_LARGEST * 2
              ? -1
              : EVP_DecodeBlock((unsigned char *)*ret_bytes, (const unsigned char *)base64.ptr,
                                (int)base64.len);
    if (len < 0 || (size_t)len < padding)
        return false;
    *ret_size = (size_t)len - padding;
    return true;
}

static void read_content(struct kdm_ms_errors *errors, struct kdm_val body, struct upload *upload)
{
    struct kdm_val file = kdm_val_get(body, KDM_STR("file"));
    char *bytes;

    upload->content = kdm_val_str(errors->arena, kdm_val_get(file, KDM_STR("file")));
    upload->original = text_of(errors, file, "filename", NAME_LONGEST);
    upload->media = text_of(errors, file, "encoding", NAME_LONGEST);
    if (kdm_val_null(file))
        kdm_ms_error(errors, KDM_MS_MISSING_BODY, "file: it is needed");
    else if (kdm_str_none(upload->content))
        kdm_ms_error(errors, KDM_MS_INVALID_BODY, "file: a part with a file name is expected");
    else if (upload->content.len / 4 * 3 > FILE_LARGEST + 2)
        kdm_ms_error(errors, KDM_MS_TOO_LARGE, "file: at most 5 MB are taken");
    else if (!decode(errors->arena, upload->content, &bytes, &upload->size))
        kdm_ms_error(errors, KDM_MS_INVALID_BODY, "file: it is no base64");
}

static bool is_scope(struct kdm_str scope, const char *lower, const char *upper)
{
    return kdm_str_eq(scope, kdm_str_of(lower)) || kdm_str_eq(scope, kdm_str_of(upper));
}

static void read_upload(struct kdm_ms_errors *errors, struct kdm_val body, struct upload *upload)
{
    struct kdm_str scope = text_of(errors, body, "scope", NAME_LONGEST);

    *upload =
        (struct upload){ .name = text_of(errors, body, "name", NAME_LONGEST),
                         .description = text_of(errors, body, "description", DESCRIPTION_LONGEST),
                         .is_public = is_scope(scope, "public", "PUBLIC") };
    if (!kdm_str_none(scope) && !upload->is_public && !is_scope(scope, "private", "PRIVATE"))
        kdm_ms_error(errors, KDM_MS_INVALID_BODY, "scope: PRIVATE or PUBLIC is expected");
    read_content(errors, body, upload);
    if (kdm_str_none(upload->name) || upload->name.len == 0)
        upload->name = upload->original;
    if (upload->name.len == 0)
        kdm_ms_error(errors, KDM_MS_MISSING_BODY, "name: it is needed");
}

/* --- documents and resources -------------------------------------------------------------------
 */

static void put_date(struct kdm_buf *buf, const char *name, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char text[32];

    gmtime_r(&seconds, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    kdm_json_put_name(buf, kdm_str_of(name));
    kdm_buf_printf(buf, "\"%s.%03dZ\"", text, (int)(ms % 1000));
}

static struct kdm_str source_of(struct kdm_tx *tx, const struct upload *upload)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), upload->content.len + 512);
    kdm_buf_char(&buf, '{');
    kdm_ms_put_text(&buf, "name", upload->name);
    kdm_ms_put_text(&buf, "originalFileName", upload->original);
    kdm_ms_put_text(&buf, "description", upload->description);
    kdm_ms_put_text(&buf, "scope", upload->is_public ? KDM_STR("public") : KDM_STR("private"));
    kdm_ms_put_text(&buf, "contentType", upload->media);
    put_date(&buf, "uploaded", kdm_tx_now(tx));
    kdm_buf_printf(&buf, ",\"size\":%zu,\"etag\":0", upload->size);
    kdm_ms_put_text(&buf, "content", upload->content);
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

static struct kdm_str resource(struct kdm_arena *arena, const struct kdm_ms_caller *caller,
                               struct kdm_str id, struct kdm_val source, bool assigned)
{
    struct kdm_str self = kdm_ms_href(arena, caller, "files", id);
    struct kdm_val uploaded = kdm_val_get(source, KDM_STR("uploaded")); /* not of every document */
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 512);
    kdm_buf_char(&buf, '{');
    kdm_ms_put_text(&buf, "id", id);
    kdm_ms_put_member(&buf, source, "name", "null");
    kdm_ms_put_member(&buf, source, "originalFileName", "null");
    kdm_ms_put_member(&buf, source, "description", "null");
    kdm_ms_put_text(&buf, "tenantId", caller->tenant);
    kdm_ms_put_member(&buf, source, "uploaded", "null");
    kdm_json_put_name(&buf, KDM_STR("lastModified"));
    kdm_buf_put(&buf, kdm_val_none(uploaded) ? KDM_STR("null") : kdm_val_text(uploaded));
    kdm_buf_printf(&buf, ",\"isAssigned\":%s", assigned ? "true" : "false");
    kdm_ms_put_member(&buf, source, "scope", "\"private\"");
    kdm_ms_put_member(&buf, source, "etag", "0");
    kdm_buf_lit(&buf, ",\"_links\":{");
    kdm_ms_put_link(&buf, "self", self);
    kdm_ms_put_link(&buf, "download", kdm_arena_printf(arena, KDM_FMT "/file", KDM_ARG(self)));
    kdm_buf_lit(&buf, "}}");
    return kdm_buf_str(&buf);
}

/* --- is it assigned? ---------------------------------------------------------------------------
 */

static bool is_of_type(const struct kdm_ms_world *world, const struct kdm_ms_caller *caller,
                       struct kdm_str id)
{
    struct kdm_val_iter it;
    struct kdm_val file;

    for (size_t i = 0; i < world->assets.count; i++) {
        const struct kdm_ms_type *type = &world->assets.items[i];

        if (!kdm_str_eq(type->tenant, caller->tenant))
            continue;
        for (kdm_elements(&it, kdm_val_get(type->block, KDM_STR("fileAssignments")));
             kdm_element_next(&it, &file);) {
            if (kdm_val_str_eq(kdm_val_get(file, KDM_STR("fileId")), id))
                return true;
        }
    }
    return false;
}

/* `checked`: the commit fails when it is assigned meanwhile. false: wait. */
static bool is_assigned(struct kdm_tx *tx, const struct kdm_ms_caller *caller, bool checked,
                        struct kdm_str id, bool *ret_is)
{
    struct kdm_ms_world world;

    if (!kdm_ms_read_world(tx, caller, checked, &world)
        || !kdm_dialect_any_asset(tx, caller->tenant, KDM_STR("assets with the file"), checked,
                                  "dialect.fileAssignments.fileId", id, ret_is))
        return false;
    *ret_is = *ret_is || is_of_type(&world, caller, id);
    return true;
}

/* --- operations ------------------------------------------------------------------------------- */

static enum kdm_outcome store(struct kdm_tx *tx, const struct kdm_ms_caller *caller,
                              const struct upload *upload)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str id = kdm_ms_new_id(tx, KDM_STR("mindsphere file"));
    struct kdm_collection *files;
    struct kdm_dm_engine engine;
    struct kdm_val source;

    if (!kdm_dm_ensure_engine(tx, caller->tenant, KDM_DM_COMMONS, &engine)
        || !kdm_dialect_ensure_collection(tx, caller->tenant, COLLECTION, files_mapping, &files))
        return KDM_WAIT;
    source = kdm_json_parse(arena, source_of(tx, upload));
    kdm_tx_create(tx, files, id, kdm_tx_with_info(tx, source, kdm_tx_info_created(tx)), 0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_ms_reply_versioned(tx, 201, 0, kdm_ms_href(arena, caller, "files", id),
                                  resource(arena, caller, id, source, false));
}

enum kdm_outcome kdm_mindsphere_post_file(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_ms_caller caller;
    struct kdm_ms_errors errors;
    struct upload upload;
    struct kdm_val body;

    if (!kdm_ms_enter(tx, args, KDM_STR_NONE, &caller))
        return KDM_DONE;
    if (!kdm_ms_form(tx, args, &body))
        return KDM_DONE;
    kdm_ms_errors_init(&errors, args->arena);
    read_upload(&errors, body, &upload);
    if (errors.count > 0)
        return kdm_ms_refuse(tx, args, &errors);
    return store(tx, &caller, &upload);
}

/* A file that a request names. */
struct target {
    struct kdm_ms_caller caller;
    struct kdm_str id;
    struct kdm_collection *files;
    struct kdm_doc *doc;
    struct kdm_val source;
    int64_t etag;
};

/* false: wait, or the transaction has its reply; *ret_done tells which. */
static bool find_target(struct kdm_tx *tx, const struct kdm_args *args, struct target *target,
                        bool *ret_done)
{
    *target = (struct target){ .id = kdm_door_param(args->call, KDM_STR("id")) };
    *ret_done = true;
    if (!kdm_ms_enter(tx, args, KDM_STR_NONE, &target->caller))
        return false;
    *ret_done = false;
    if (!kdm_tx_find_collection(tx, target->caller.tenant, COLLECTION, &target->files))
        return false;
    if (target->files != NULL && kdm_ms_is_hex_id(target->id)
        && !kdm_tx_read(tx, target->files, target->id, &target->doc))
        return false;
    *ret_done = true;
    if (target->doc == NULL) {
        kdm_ms_fail(tx, args, KDM_MS_NO_MATCH, "there is no file " KDM_FMT, KDM_ARG(target->id));
        return false;
    }
    target->source = kdm_doc_source(tx, target->doc);
    kdm_val_int64(kdm_val_get(target->source, KDM_STR("etag")), &target->etag);
    return true;
}

enum kdm_outcome kdm_mindsphere_get_file(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct target target;
    bool done, assigned;

    if (!find_target(tx, args, &target, &done))
        return done ? KDM_DONE : KDM_WAIT;
    if (kdm_ms_not_modified(tx, args, target.etag))
        return KDM_DONE;
    if (!is_assigned(tx, &target.caller, false, target.id, &assigned))
        return KDM_WAIT;
    return kdm_ms_reply_versioned(
        tx, 200, target.etag, KDM_STR_NONE,
        resource(args->arena, &target.caller, target.id, target.source, assigned));
}

/* A media type of an upload goes into a header only when it can't be anything else there. */
static bool is_media(struct kdm_str media)
{
    for (size_t i = 0; i < media.len; i++) {
        if (media.ptr[i] < ' ' || media.ptr[i] > '~')
            return false;
    }
    return media.len > 0;
}

enum kdm_outcome kdm_mindsphere_download_file(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str content, media;
    struct target target;
    char *bytes;
    size_t size;
    bool done;

    if (!find_target(tx, args, &target, &done))
        return done ? KDM_DONE : KDM_WAIT;
    if (kdm_ms_not_modified(tx, args, target.etag))
        return KDM_DONE;
    content = kdm_val_str(args->arena, kdm_val_get(target.source, KDM_STR("content")));
    media = kdm_val_str(args->arena, kdm_val_get(target.source, KDM_STR("contentType")));
    if (kdm_str_none(content) || !decode(args->arena, content, &bytes, &size))
        return kdm_ms_fail(tx, args, KDM_MS_NO_MATCH, "file " KDM_FMT " has no content",
                           KDM_ARG(target.id));
    kdm_tx_set_header(tx, KDM_STR("content-type"),
                      is_media(media) ? media : KDM_STR("application/octet-stream"));
    /* What a stranger uploaded is not to be run as a page of this server. */
    kdm_tx_set_header(tx, KDM_STR("content-disposition"), KDM_STR("attachment"));
    kdm_tx_set_header(tx, KDM_STR("x-content-type-options"), KDM_STR("nosniff"));
    kdm_tx_set_header(tx, KDM_STR("etag"),
                      kdm_arena_printf(args->arena, "\"%lld\"", (long long)target.etag));
    return kdm_tx_reply_file(tx, (struct kdm_str){ .ptr = bytes, .len = size });
}

enum kdm_outcome kdm_mindsphere_delete_file(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct target target;
    bool done, assigned;

    if (!find_target(tx, args, &target, &done))
        return done ? KDM_DONE : KDM_WAIT;
    if (!kdm_ms_may_lock(tx, args, target.etag, false))
        return KDM_DONE;
    if (!is_assigned(tx, &target.caller, true, target.id, &assigned))
        return KDM_WAIT;
    if (assigned)
        return kdm_ms_fail(tx, args, KDM_MS_CONFLICT, "file " KDM_FMT " is assigned",
                           KDM_ARG(target.id));
    kdm_tx_delete(tx, target.files, target.id, target.doc, 0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_ms_reply_deleted(tx);
}
