/* rights_list.c - rights as a list that people and the console read, and the answer to "may this
 * request?" for somebody who is not asking. Read from the documents, not from what the guard keeps:
 * these are rare. */
#include "security/grants.h"
#include "security/internal.h"
#include "security/model.h"

/* --- the list ------------------------------------------------------------------------------- */

/* Entries in the order in which they came, each once: of two, allowed wins. */
struct list {
    struct kdm_arena *arena;
    struct kdm_table *found; /* the entry without its value -> struct entry */
    struct entry {
        struct kdm_str text; /* with its brace still open */
        bool allowed;
        struct entry *next;
    } * first, **end;
    size_t count;
};

static void put_entry(struct list *list, struct kdm_val controller, struct kdm_val action,
                      struct kdm_str index, struct kdm_str collection, bool allowed)
{
    struct entry *entry;
    struct kdm_buf buf;

    kdm_buf_init(&buf, list->arena, 160);
    kdm_buf_lit(&buf, "{\"controller\":");
    kdm_buf_put(&buf, kdm_val_text(controller));
    kdm_buf_lit(&buf, ",\"action\":");
    kdm_buf_put(&buf, kdm_val_text(action));
    kdm_buf_lit(&buf, ",\"index\":");
    kdm_buf_put(&buf, index);
    kdm_buf_lit(&buf, ",\"collection\":");
    kdm_buf_put(&buf, collection);
    entry = kdm_table_get(list->found, kdm_buf_str(&buf));
    if (entry != NULL) {
        entry->allowed = entry->allowed || allowed;
        return;
    }
    entry = kdm_arena_zalloc(list->arena, sizeof(*entry));
    *entry = (struct entry){ .text = kdm_buf_str(&buf), .allowed = allowed };
    kdm_table_put(list->found, entry->text, entry);
    *list->end = entry;
    list->end = &entry->next;
    list->count++;
}

static void put_collections(struct list *list, struct kdm_val controller, struct kdm_val action,
                            struct kdm_val restriction, bool allowed)
{
    struct kdm_val collections = kdm_val_get(restriction, KDM_STR("collections")), collection;
    struct kdm_str index = kdm_val_text(kdm_val_get(restriction, KDM_STR("index")));
    struct kdm_val_iter it;

    if (kdm_val_count(collections) == 0)
        put_entry(list, controller, action, index, KDM_STR("\"*\""), allowed);
    for (kdm_elements(&it, collections); kdm_element_next(&it, &collection);)
        put_entry(list, controller, action, index, kdm_val_text(collection), allowed);
}

static void put_action(struct list *list, const struct kdm_grant *grant, struct kdm_val controller,
                       struct kdm_val action, bool allowed)
{
    struct kdm_val_iter it;
    struct kdm_val restriction;

    if (kdm_val_count(grant->restricted_to) == 0)
        put_entry(list, controller, action, KDM_STR("\"*\""), KDM_STR("\"*\""), allowed);
    for (kdm_elements(&it, grant->restricted_to); kdm_element_next(&it, &restriction);)
        put_collections(list, controller, action, restriction, allowed);
}

static void put_grant(struct list *list, const struct kdm_grant *grant)
{
    struct kdm_val controller, rights, action, value;
    struct kdm_val_iter controllers, actions;

    kdm_members(&controllers, kdm_val_get(grant->role, KDM_STR("controllers")));
    while (kdm_member_next(&controllers, &controller, &rights)) {
        kdm_members(&actions, kdm_val_get(rights, KDM_STR("actions")));
        while (kdm_member_next(&actions, &action, &value))
            put_action(list, grant, controller, action, kdm_val_type(value) == KDM_JSON_TRUE);
    }
}

static struct kdm_str write_list(const struct list *list)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, list->arena, 64 + 128 * list->count);
    kdm_buf_lit(&buf, "{\"hits\":[");
    for (const struct entry *entry = list->first; entry != NULL; entry = entry->next) {
        if (entry != list->first)
            kdm_buf_char(&buf, ',');
        kdm_buf_put(&buf, entry->text);
        kdm_buf_printf(&buf, ",\"value\":\"%s\"}", entry->allowed ? "allowed" : "denied");
    }
    kdm_buf_printf(&buf, "],\"total\":%zu}", list->count);
    return kdm_buf_str(&buf);
}

bool kdm_rights_list(struct kdm_tx *tx, const struct kdm_str_list *profile_ids,
                     struct kdm_str *ret_result)
{
    static const struct kdm_hash_seed seed = { 0x6b646d,
                                               0x726967687473 }; /* admins write what is hashed */
    struct list list = { .arena = kdm_tx_arena(tx) };
    struct kdm_grants grants;

    if (!kdm_grants_read(tx, profile_ids, &grants))
        return false;
    list.end = &list.first;
    list.found = kdm_table_create(&seed);
    for (size_t i = 0; i < grants.count; i++)
        put_grant(&list, &grants.items[i]);
    kdm_table_destroy(list.found, NULL);
    *ret_result = write_list(&list);
    return true;
}

/* --- one question --------------------------------------------------------------------------- */

static bool require_text(struct kdm_tx *tx, struct kdm_val payload, const char *name,
                         struct kdm_str *ret_text)
{
    struct kdm_val val = kdm_val_get(payload, kdm_str_of(name));

    if (kdm_val_type(val) == KDM_JSON_STRING) {
        *ret_text = kdm_val_str(kdm_tx_arena(tx), val);
        return true;
    }
    kdm_tx_fail(tx, KDM_ERR_API_ASSERT_MISSING_ARGUMENT,
                KDM_PROPS(kdm_arena_printf(kdm_tx_arena(tx), "body.%s", name)));
    return false;
}

bool kdm_rights_check_payload(struct kdm_tx *tx, struct kdm_val user_source, struct kdm_val payload,
                              bool *ret_allowed)
{
    const struct kdm_security_options *options = kdm_security_options_of(tx);
    struct kdm_str_list profiles = kdm_user_profiles(kdm_tx_arena(tx), user_source);
    struct kdm_rights_question question = { .index = kdm_val_get(payload, KDM_STR("index")),
                                            .collection =
                                                kdm_val_get(payload, KDM_STR("collection")),
                                            .targets = kdm_val_get(payload, KDM_STR("targets")),
                                            .arena = kdm_tx_arena(tx) };
    struct kdm_rights *rights;
    struct kdm_grants grants;
    bool known;

    if (!require_text(tx, payload, "controller", &question.controller)
        || !require_text(tx, payload, "action", &question.name)
        || !kdm_grants_read(tx, &profiles, &grants))
        return false;
    question.action = options->protocol->find(question.controller, question.name, &known);
    if (options->strict_tenants)
        question.tenant = kdm_val_get(payload, KDM_STR("engineId"));
    rights = kdm_grants_compile(&grants, options->protocol);
    *ret_allowed = kdm_rights_allow(rights, &question);
    kdm_rights_unref(rights);
    return true;
}
