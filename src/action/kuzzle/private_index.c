/* private_index.c - see private_index.h. */
#include "action/kuzzle/private_index.h"
#include "security/layout.h"

#define SPECIFICATIONS KDM_STR("validations")

bool kdm_private_specifications(struct kdm_tx *tx, struct kdm_collection **ret_collection)
{
    return kdm_tx_find_collection(tx, KDM_PRIVATE_INDEX, SPECIFICATIONS, ret_collection);
}

/* With the names and types that a search for specifications meets in Kuzzle. */
static struct kdm_str specifications_definition(void)
{
    return KDM_STR("{\"mappings\":{\"dynamic\":\"false\",\"properties\":{"
                   "\"index\":{\"type\":\"keyword\"},\"collection\":{\"type\":\"keyword\"},"
                   "\"validation\":{\"type\":\"object\",\"enabled\":false}}}}");
}

enum kdm_outcome kdm_private_make(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *collection;
    bool exists;

    (void)ctx;
    if (!kdm_tx_index(tx, KDM_PRIVATE_INDEX, &exists)
        || !kdm_private_specifications(tx, &collection)
        || !kdm_tx_refresh_collection(tx, KDM_PRIVATE_INDEX, SPECIFICATIONS))
        return KDM_WAIT;
    if (!exists)
        kdm_tx_create_index(tx, KDM_PRIVATE_INDEX);
    if (collection == NULL)
        kdm_tx_set_collection(tx, KDM_PRIVATE_INDEX, SPECIFICATIONS, NULL,
                              specifications_definition());
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}
