/* security_delete.h - a profile that goes although users have it (onAssignedUsers: remove).
 * They lose it, and one who would have none left gets "anonymous". With many users that is more
 * than one commit: then it is a job, which deletes the profile last. Loop thread only.
 */
#ifndef KDM_ACTION_KUZZLE_SECURITY_DELETE_H
#define KDM_ACTION_KUZZLE_SECURITY_DELETE_H

#include "security/layout.h"
#include "tx/job.h"

/* Takes the profile from all users and deletes it. Commits; true: done. false: wait, or it is not
 * there, is protected, or the work outlasts the request (services.storage.job_goes_on). */
bool kdm_security_take_profile_away(struct kdm_tx *tx, struct kdm_str profile);

/* Before any job runs. */
void kdm_security_register_jobs(struct kdm_tx_engine *engine);

/* The source without the profile, for the user that is left with "anonymous" rather than none.
 * Pure; `arena` holds the text. */
struct kdm_str kdm_security_user_without(struct kdm_arena *arena, struct kdm_val source,
                                         struct kdm_str profile);

#endif
