/* mindsphere_files.c - files that types can be assigned (reference dialects.md 4.6): documents of
 * the tenant's collection `files`, made with the first one; the content as base64.
 */
#include "dialect/mindsphere.h"

#define COLLECTION KDM_STR("files")

bool kdm_ms_has_file(struct kdm_tx *tx, struct kdm_str tenant, struct kdm_str id, bool *ret_has)
{
    struct kdm_collection *files;
    struct kdm_doc *doc = NULL;

    *ret_has = false;
    if (!kdm_tx_find_collection(tx, tenant, COLLECTION, &files))
        return false;
    if (files != NULL && !kdm_tx_read(tx, files, id, &doc))
        return false;
    *ret_has = doc != NULL;
    return true;
}
