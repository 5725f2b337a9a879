/* actionhub_programs.c - programs and their keys (reference dialects.md 2.6). A program is a
 * tenant; its settings are the document `program` of the tenant's collection `actionhub`. The key
 * that is issued with it begins with the program's id, so that it leads to the document whose hash
 * tells whether it is right; it is shown once, and only its hash is stored.
 */
#include "action/device_manager/dm.h"
#include "base/hash.h"
#include "dialect/actionhub.h"
#include "dialect/tenant.h"
#include "doors.gen.h"
#include "security/secret.h"
#include "store/names.h"

#define DOCUMENT KDM_STR("program")

const struct kdm_str kdm_actionhub_mapping =
    KDM_STR("{\"dynamic\":\"false\",\"properties\":{\"type\":{\"type\":\"keyword\"},"
            "\"label\":{\"type\":\"keyword\"},\"weight\":{\"type\":\"double\"}}}");

/* What clients set and see. */
static const struct {
    const char *name;
    enum kdm_actionhub_type type;
    bool needed;
} settings[] = {
    { "program_name", KDM_ACTIONHUB_TEXT, true },
    { "high_engagement_threshold", KDM_ACTIONHUB_INTEGER, false },
    { "event_relevance_decay", KDM_ACTIONHUB_INTEGER, false },
    { "action_weight_floor", KDM_ACTIONHUB_NUMBER, false },
    { "description", KDM_ACTIONHUB_TEXT, false },
};
#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

/* --- documents -------------------------------------------------------------------------------- */

/* NULL: there is no such program. false: wait. */
static bool find_program(struct kdm_tx *tx, struct kdm_str program,
                         struct kdm_collection **ret_collection, struct kdm_doc **ret_doc)
{
    *ret_doc = NULL;
    *ret_collection = NULL;
    if (!kdm_name_valid(program))
        return true;
    if (!kdm_tx_find_collection(tx, program, KDM_ACTIONHUB_COLLECTION, ret_collection))
        return false;
    return *ret_collection == NULL || kdm_tx_read(tx, *ret_collection, DOCUMENT, ret_doc);
}

static void put_program(struct kdm_buf *buf, struct kdm_str program, struct kdm_val source)
{
    kdm_buf_lit(buf, "{\"program_id\":");
    kdm_json_put_str(buf, program);
    for (size_t i = 0; i < SETTINGS; i++) {
        struct kdm_val val = kdm_val_get(source, kdm_str_of(settings[i].name));

        kdm_json_put_name(buf, kdm_str_of(settings[i].name));
        kdm_buf_put(buf, kdm_val_none(val) ? KDM_STR("null") : kdm_val_text(val));
    }
    kdm_buf_char(buf, '}');
}

/* The settings of a body as a document; key_hash: the JSON value, or none. */
static struct kdm_str read_settings(struct kdm_arena *arena, struct kdm_val body,
                                    struct kdm_str key_hash, struct kdm_actionhub_issues *issues)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 256);
    kdm_buf_lit(&buf, "{\"type\":\"program\"");
    for (size_t i = 0; i < SETTINGS; i++) {
        struct kdm_val val = kdm_actionhub_member(arena, body, settings[i].name, settings[i].type,
                                                  settings[i].needed, issues);

        kdm_json_put_name(&buf, kdm_str_of(settings[i].name));
        kdm_buf_put(&buf, kdm_val_none(val) ? KDM_STR("null") : kdm_val_text(val));
    }
    if (!kdm_str_none(key_hash)) {
        kdm_json_put_name(&buf, KDM_STR("keyHash"));
        kdm_buf_put(&buf, key_hash);
    }
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

/* --- keys ------------------------------------------------------------------------------------- */

bool kdm_actionhub_issued(struct kdm_tx *tx, struct kdm_str key, bool *ret_is,
                          struct kdm_str *ret_program)
{
    const char *dot = key.len == 0 ? NULL : memrchr(key.ptr, '.', key.len);
    struct kdm_collection *collection;
    struct kdm_str stored;
    struct kdm_doc *doc;

    *ret_is = false;
    if (dot == NULL)
        return true;
    *ret_program = (struct kdm_str){ .ptr = key.ptr, .len = (size_t)(dot - key.ptr) };
    if (!find_program(tx, *ret_program, &collection, &doc))
        return false;
    if (doc == NULL)
        return true;
    stored =
        kdm_val_str(kdm_tx_arena(tx), kdm_val_get(kdm_doc_source(tx, doc), KDM_STR("keyHash")));
    *ret_is = kdm_same_secret(stored, kdm_sha256_hex(kdm_tx_arena(tx), key));
    return true;
}

/* --- create ----------------------------------------------------------------------------------- */

/* "ah-" and 12 hexadecimal digits, the same in every replay. */
static struct kdm_str generated_id(struct kdm_tx *tx)
{
    static const struct kdm_hash_seed seed = { 0x616374696f6e6875, 0x622070726f677261 };
    uint64_t hash = kdm_hash(&seed, kdm_tx_id(tx, KDM_STR("actionhub program")));

    return kdm_arena_printf(kdm_tx_arena(tx), "ah-%012llx",
                            (unsigned long long)(hash & 0xffffffffffff));
}

static enum kdm_outcome issue(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_str id,
                              struct kdm_val body)
{
    struct kdm_arena *arena = args->arena;
    struct kdm_str first = kdm_tx_id(tx, KDM_STR("actionhub key 1")),
                   second = kdm_tx_id(tx, KDM_STR("actionhub key 2"));
    struct kdm_str key = kdm_arena_printf(arena, KDM_FMT "." KDM_FMT KDM_FMT, KDM_ARG(id),
                                          KDM_ARG(first), KDM_ARG(second));
    struct kdm_actionhub_issues issues;
    struct kdm_collection *collection;
    struct kdm_dm_engine engine;
    struct kdm_val source;

    kdm_actionhub_issues_init(&issues, arena);
    source = kdm_json_parse(
        arena,
        read_settings(arena, body, kdm_json_quoted(arena, kdm_sha256_hex(arena, key)), &issues));
    if (!kdm_dm_ensure_engine(tx, id, KDM_DM_COMMONS, &engine)
        || !kdm_dialect_ensure_collection(tx, id, KDM_ACTIONHUB_COLLECTION, kdm_actionhub_mapping,
                                          &collection))
        return KDM_WAIT;
    kdm_tx_create(tx, collection, DOCUMENT, kdm_tx_with_info(tx, source, kdm_tx_info_created(tx)),
                  0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(
        tx, kdm_arena_printf(arena, "{\"api_key\":\"" KDM_FMT "\",\"program_id\":\"" KDM_FMT "\"}",
                             KDM_ARG(key), KDM_ARG(id)));
}

enum kdm_outcome kdm_actionhub_create_program(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_actionhub_caller caller;
    struct kdm_actionhub_issues issues;
    struct kdm_collection *collection;
    struct kdm_doc *doc;
    struct kdm_val body;
    struct kdm_str id;
    enum kdm_outcome outcome;

    if (!kdm_actionhub_enter(tx, args, &caller, &outcome))
        return outcome;
    if (!caller.admin)
        return kdm_actionhub_detail(tx, 403, KDM_STR("Could not validate API KEY"));
    kdm_actionhub_issues_init(&issues, args->arena);
    body = kdm_actionhub_body(args->arena, args->call, &issues);
    if (!kdm_val_none(body))
        read_settings(args->arena, body, KDM_STR_NONE, &issues);
    id = kdm_val_str(args->arena, kdm_actionhub_member(args->arena, body, "program_id",
                                                       KDM_ACTIONHUB_TEXT, false, &issues));
    if (kdm_str_none(id))
        id = generated_id(tx);
    if (!kdm_name_valid(id))
        kdm_actionhub_issue(&issues, KDM_STR("\"body\",\"program_id\""),
                            "value is no name of a program", "value_error", KDM_STR_NONE);
    if (issues.count > 0)
        return kdm_actionhub_refuse(tx, &issues);
    /* In a replay behind its making it is there. */
    if (!kdm_tx_commit_made(tx)) {
        if (!find_program(tx, id, &collection, &doc))
            return KDM_WAIT;
        if (doc != NULL)
            return kdm_actionhub_detail(tx, 409, KDM_STR("Program already exists"));
    }
    return issue(tx, args, id, body);
}

/* --- read and change -------------------------------------------------------------------------- */

/* The program that the header names. false: the operation returns *ret_outcome. */
static bool enter(struct kdm_tx *tx, const struct kdm_args *args,
                  struct kdm_actionhub_caller *caller, struct kdm_collection **ret_collection,
                  struct kdm_doc **ret_doc, enum kdm_outcome *ret_outcome)
{
    struct kdm_actionhub_issues issues;

    if (!kdm_actionhub_enter_program(tx, args, caller, &issues, ret_outcome))
        return false;
    if (issues.count > 0)
        *ret_outcome = kdm_actionhub_refuse(tx, &issues);
    else if (!find_program(tx, caller->program, ret_collection, ret_doc))
        *ret_outcome = KDM_WAIT;
    else if (*ret_doc == NULL)
        *ret_outcome = kdm_actionhub_detail(tx, 404, KDM_STR("Program not found"));
    else
        return true;
    return false;
}

enum kdm_outcome kdm_actionhub_get_program(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_actionhub_caller caller;
    struct kdm_collection *collection;
    struct kdm_doc *doc;
    struct kdm_buf buf;
    enum kdm_outcome outcome;

    if (!enter(tx, args, &caller, &collection, &doc, &outcome))
        return outcome;
    kdm_buf_init(&buf, args->arena, 256);
    put_program(&buf, caller.program, kdm_doc_source(tx, doc));
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

enum kdm_outcome kdm_actionhub_put_program(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_actionhub_caller caller;
    struct kdm_actionhub_issues issues;
    struct kdm_collection *collection;
    struct kdm_val body, id, old;
    struct kdm_str text;
    struct kdm_doc *doc;
    enum kdm_outcome outcome;

    if (!enter(tx, args, &caller, &collection, &doc, &outcome))
        return outcome;
    kdm_actionhub_issues_init(&issues, args->arena);
    body = kdm_actionhub_body(args->arena, args->call, &issues);
    if (kdm_val_none(body))
        return kdm_actionhub_refuse(tx, &issues);
    old = kdm_doc_source(tx, doc);
    id = kdm_actionhub_member(args->arena, body, "program_id", KDM_ACTIONHUB_TEXT, true, &issues);
    if (!kdm_val_none(id) && !kdm_val_str_eq(id, caller.program))
        kdm_actionhub_issue(&issues, KDM_STR("\"body\",\"program_id\""),
                            "value is not the program of the header", "value_error", KDM_STR_NONE);
    text = read_settings(args->arena, body, kdm_val_text(kdm_val_get(old, KDM_STR("keyHash"))),
                         &issues);
    if (issues.count > 0)
        return kdm_actionhub_refuse(tx, &issues);
    text = kdm_tx_with_info(tx, kdm_json_parse(args->arena, text), kdm_tx_info_updated(tx, old));
    kdm_tx_write(tx, collection, doc, text, KDM_CHANGE_REPLACE, KDM_STR_NONE, 0);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR("{\"result\":\"success\"}")) : KDM_WAIT;
}

/* Nothing is computed behind it, so it is always ready. */
enum kdm_outcome kdm_actionhub_program_status(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_actionhub_caller caller;
    struct kdm_collection *collection;
    struct kdm_doc *doc;
    enum kdm_outcome outcome;

    if (!enter(tx, args, &caller, &collection, &doc, &outcome))
        return outcome;
    return kdm_tx_reply(tx, KDM_STR("{\"status\":\"program_user_graph_complete\"}"));
}

/* --- list ------------------------------------------------------------------------------------- */

/* The tenants that the caller may look at. false: wait. */
static bool list_tenants(struct kdm_tx *tx, const struct kdm_actionhub_caller *caller,
                         struct kdm_dialect_texts *ret_tenants)
{
    struct kdm_dm_engines engines;

    if (!caller->admin && caller->key != NULL) {
        *ret_tenants = caller->key->programs;
        return true;
    }
    ret_tenants->count = 0;
    if (!caller->admin) {
        ret_tenants->items = kdm_arena_alloc(kdm_tx_arena(tx), sizeof(struct kdm_str));
        ret_tenants->items[ret_tenants->count++] = caller->issued;
        return true;
    }
    if (!kdm_dm_engines(tx, &engines))
        return false;
    ret_tenants->items =
        kdm_arena_alloc(kdm_tx_arena(tx), (engines.count + 1) * sizeof(struct kdm_str));
    for (size_t i = 0; i < engines.count; i++)
        ret_tenants->items[ret_tenants->count++] = engines.items[i].index;
    return true;
}

enum kdm_outcome kdm_actionhub_list_programs(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_actionhub_caller caller;
    struct kdm_collection *collection;
    struct kdm_dialect_texts tenants;
    struct kdm_doc *doc;
    struct kdm_buf buf;
    enum kdm_outcome outcome;
    bool all = true;

    if (!kdm_actionhub_enter(tx, args, &caller, &outcome))
        return outcome;
    if (!list_tenants(tx, &caller, &tenants))
        return KDM_WAIT;
    kdm_buf_init(&buf, args->arena, 1024);
    kdm_buf_lit(&buf, "{\"programs\":[");
    for (size_t i = 0; i < tenants.count; i++) {
        bool here = find_program(tx, tenants.items[i], &collection, &doc);

        all = here && all; /* the others are asked for as well */
        if (!here || doc == NULL)
            continue;
        kdm_json_put_comma(&buf);
        put_program(&buf, tenants.items[i], kdm_doc_source(tx, doc));
    }
    kdm_buf_lit(&buf, "]}");
    return all ? kdm_tx_reply(tx, kdm_buf_str(&buf)) : KDM_WAIT;
}
