/* guard.c - what the API asks (api/auth.h): whose token is it, and may he? */
#include "security/guard.h"
#include "base/clock.h"
#include "security/model.h"

#define SILENT_MS 2000 /* so long the feed may be silent */

bool kdm_guard_fresh(const struct kdm_security *security)
{
    return (int64_t)uv_now(security->loop) - *security->heard_until < SILENT_MS;
}

/* --- who asks ------------------------------------------------------------------------------- */

void kdm_guard_give(struct kdm_user *user, struct kdm_session *session, struct kdm_rights *rights)
{
    user->rights = kdm_rights_ref(rights);
    user->session = session;
    if (session == NULL)
        return; /* anonymous, as the API has it */
    kdm_session_ref(session);
    user->id = session->user->kuid;
}

static enum kdm_auth_outcome authenticate_anonymous(struct kdm_security *security,
                                                    struct kdm_auth_call *call)
{
    struct kdm_rights *rights = security->anonymous.rights;

    if (rights == NULL || !(kdm_guard_fresh(security) || call->harmless))
        return kdm_load_start(security, call);
    kdm_guard_give(call->user, NULL, rights);
    return KDM_AUTH_GOOD;
}

/* Most requests of a connection bring the token that the one before brought. */
static struct kdm_session *find_session(struct kdm_security *security,
                                        const struct kdm_auth_call *call)
{
    struct kdm_peer *peer = call->user->peer;

    if (peer != NULL && peer->session != NULL && kdm_str_eq(peer->session->text, call->token))
        return peer->session;
    return kdm_session_find(security->sessions, call->token);
}

static enum kdm_auth_outcome authenticate(void *self, struct kdm_auth_call *call)
{
    struct kdm_security *security = self;
    struct kdm_session *session;

    if (kdm_str_none(call->token))
        return authenticate_anonymous(security, call);
    session = find_session(security, call);
    if (session == NULL || !session->verified || session->user->rights == NULL
        || !kdm_guard_fresh(security)
        || (session->expires_at >= 0 && kdm_clock_ms() >= session->expires_at))
        return kdm_load_start(security, call);
    kdm_guard_give(call->user, session, session->user->rights);
    if (call->user->peer != NULL)
        kdm_session_link(session, call->user->peer);
    return KDM_AUTH_GOOD;
}

static void cancel(void *self, struct kdm_auth_call *call)
{
    (void)self;
    kdm_load_cancel(call);
}

static void release(void *self, struct kdm_user *user)
{
    (void)self;
    kdm_rights_unref(user->rights);
    if (user->session != NULL)
        kdm_session_unref(user->session);
}

static void gone(void *self, struct kdm_peer *peer)
{
    (void)self;
    kdm_session_unlink(peer);
}

/* --- may they ------------------------------------------------------------------------------- */

static bool is(const struct kdm_ask *ask, struct kdm_str controller, struct kdm_str action)
{
    return kdm_str_eq(ask->controller, controller) && kdm_str_eq(ask->action, action);
}

/* Over HTTP the targets are text. What is none is for the action to refuse. */
static struct kdm_val targets_of(const struct kdm_auth_question *question)
{
    struct kdm_val targets = question->ask->targets;
    struct kdm_json *doc;

    if (kdm_val_type(targets) != KDM_JSON_STRING)
        return targets;
    doc = kdm_arena_alloc(question->arena, sizeof(*doc));
    if (!kdm_json_scan(question->arena, kdm_val_str(question->arena, targets), doc, NULL))
        return KDM_VAL_NONE;
    return kdm_json_root(doc);
}

static bool allowed(const struct kdm_security *security, const struct kdm_user *user,
                    const struct kdm_auth_question *question)
{
    const struct kdm_ask *ask = question->ask;
    struct kdm_rights_question asked = { .action = question->action,
                                         .controller = ask->controller,
                                         .name = ask->action,
                                         .index = ask->index,
                                         .collection = ask->collection,
                                         .arena = question->arena };

    if (!kdm_val_none(ask->targets))
        asked.targets = targets_of(question);
    if (security->options.strict_tenants)
        asked.tenant = kdm_val_get(ask->payload, KDM_STR("engineId"));
    return kdm_rights_allow(user->rights, &asked);
}

static bool refuse(const struct kdm_auth_question *question, const struct kdm_user *user,
                   struct kdm_failure *ret_failure)
{
    const struct kdm_ask *ask = question->ask;

    if (kdm_str_eq(user->id, KDM_ANONYMOUS))
        kdm_failure_set(ret_failure, question->arena, KDM_ERR_SECURITY_RIGHTS_UNAUTHORIZED,
                        KDM_PROPS(ask->controller, ask->action));
    else
        kdm_failure_set(ret_failure, question->arena, KDM_ERR_SECURITY_RIGHTS_FORBIDDEN,
                        KDM_PROPS(ask->controller, ask->action, user->id));
    return false;
}

/* One more in this second; false when that is too many. limit 0: none is too many. */
static bool count(struct sec_user *counted, int64_t second, int64_t limit)
{
    if (limit == 0)
        return true;
    if (counted->second != second) {
        counted->second = second;
        counted->count = 0;
    }
    return ++counted->count <= limit;
}

static bool login_in_time(const struct kdm_security *security, struct kdm_user *user,
                          int64_t second)
{
    struct kdm_peer *peer = user->peer;
    int64_t limit = security->options.logins_per_second;

    if (peer == NULL || limit == 0)
        return true;
    if (peer->login_second != second) {
        peer->login_second = second;
        peer->logins = 0;
    }
    return ++peer->logins <= limit;
}

static bool in_time(struct kdm_security *security, struct kdm_user *user,
                    const struct kdm_auth_question *question, struct kdm_failure *ret_failure)
{
    int64_t second = (int64_t)uv_now(security->loop) / 1000;
    int64_t limit = kdm_rights_limit(user->rights);
    struct sec_user *counted = user->session != NULL ? user->session->user : &security->anonymous;

    if (is(question->ask, KDM_STR("auth"), KDM_STR("login"))) {
        if (login_in_time(security, user, second))
            return true;
        kdm_failure_set(ret_failure, question->arena, KDM_ERR_API_PROCESS_TOO_MANY_LOGINS_REQUESTS,
                        NULL, 0);
        return false;
    }
    if (limit == 0
        || (user->session != NULL && is(question->ask, KDM_STR("auth"), KDM_STR("logout")))
        || count(counted, second, limit))
        return true;
    kdm_failure_set(ret_failure, question->arena, KDM_ERR_API_PROCESS_TOO_MANY_REQUESTS, NULL, 0);
    return false;
}

/* Who holds a token may always give it back; his cookie is not looked at before (kuzzle-protocol.md
 * 7). */
static bool ends_its_cookie(const struct kdm_user *user, const struct kdm_ask *ask)
{
    return !kdm_str_none(user->judged) && is(ask, KDM_STR("auth"), KDM_STR("logout"));
}

static bool authorise(void *self, struct kdm_user *user, const struct kdm_auth_question *question,
                      struct kdm_failure *ret_failure)
{
    struct kdm_security *security = self;

    if (!allowed(security, user, question) && !ends_its_cookie(user, question->ask))
        return refuse(question, user, ret_failure);
    return in_time(security, user, question, ret_failure);
}

struct kdm_guard kdm_guard_calls(struct kdm_security *security)
{
    return (struct kdm_guard){ .self = security,
                               .authenticate = authenticate,
                               .cancel = cancel,
                               .authorise = authorise,
                               .release = release,
                               .gone = gone };
}
