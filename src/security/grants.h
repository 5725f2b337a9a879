/* grants.h - what profiles give: their policies, each with its role. Read from the documents, in a
 * transaction: private to security/. Loop thread only. */
#ifndef KDM_SECURITY_GRANTS_H
#define KDM_SECURITY_GRANTS_H

#include "security/layout.h"
#include "security/rights.h"

/* One policy: its role's source, and its restrictedTo (NONE: none). */
struct kdm_grant {
    struct kdm_val role, restricted_to;
};

struct kdm_grants {
    struct kdm_doc_list profiles; /* those that are there, scanned */
    struct kdm_grant *items;      /* in the order of the profiles */
    size_t count;
};

/* The profiles of these ids, scanned; those that are not there are passed over. false: wait. */
bool kdm_profiles_read(struct kdm_tx *tx, const struct kdm_str_list *ids,
                       struct kdm_doc_list *ret_profiles);
/* The ids of the roles that they name, each once. */
struct kdm_str_list kdm_profiles_roles(struct kdm_arena *arena,
                                       const struct kdm_doc_list *profiles);

/* What the profiles of these ids give, in two round trips. A profile or role that somebody has
 * removed by hand gives nothing. false: wait. */
bool kdm_grants_read(struct kdm_tx *tx, const struct kdm_str_list *profile_ids,
                     struct kdm_grants *ret_grants);

/* The same compiled, with the profiles' limits; a reference of the caller's. protocol is lent. */
struct kdm_rights *kdm_grants_compile(const struct kdm_grants *grants,
                                      const struct kdm_protocol *protocol);

#endif
