/* caller.c - what actions may know of whoever calls them, and what a login leaves with his
 * connection. */
#include "security/guard.h"
#include "security/model.h"
#include "security/token.h"

static struct kdm_val name_val(struct kdm_tx *tx, struct kdm_str name)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);

    return kdm_str_none(name) ? KDM_VAL_NONE : kdm_json_parse(arena, kdm_json_quoted(arena, name));
}

bool kdm_security_may(struct kdm_tx *tx, struct kdm_str controller, struct kdm_str action,
                      struct kdm_str index, struct kdm_str collection)
{
    const struct kdm_user *user = kdm_tx_origin(tx)->user;
    bool controller_known;
    struct kdm_rights_question question = { .controller = controller,
                                            .name = action,
                                            .index = name_val(tx, index),
                                            .collection = name_val(tx, collection),
                                            .arena = kdm_tx_arena(tx) };

    if (user == NULL || user->rights == NULL)
        return true;
    question.action =
        kdm_security_options_of(tx)->protocol->find(controller, action, &controller_known);
    return kdm_rights_allow(user->rights, &question);
}

bool kdm_security_assert_known(struct kdm_tx *tx)
{
    const struct kdm_tx_origin *origin = kdm_tx_origin(tx);

    if (origin->user != NULL && origin->user->session != NULL
        && !kdm_str_eq(origin->user->id, KDM_ANONYMOUS))
        return true;
    kdm_tx_fail(tx, KDM_ERR_SECURITY_RIGHTS_UNAUTHORIZED,
                KDM_PROPS(origin->controller, origin->action));
    return false;
}

/* --- what a login leaves with its connection ------------------------------------------------ */

static struct kdm_peer *peer_of(struct kdm_tx *tx)
{
    const struct kdm_user *user = kdm_tx_origin(tx)->user;

    return user == NULL ? NULL : user->peer;
}

bool kdm_security_lasting_token(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_token *ret_token)
{
    static const char name[] = "lasting token";
    struct kdm_peer *peer = peer_of(tx);
    struct kdm_session *session = peer == NULL ? NULL : peer->session;
    struct kdm_token *kept = kdm_tx_kept(tx, name);

    if (kept == NULL) {
        kept = kdm_arena_zalloc(kdm_tx_arena(tx), sizeof(*kept));
        if (session != NULL && kdm_str_eq(session->user->kuid, kuid) && !kdm_str_none(session->text)
            && (session->ttl_ms < 0 || session->id.ptr[0] == 'k'))
            *kept = (struct kdm_token){ .text = kdm_arena_copy(kdm_tx_arena(tx), session->text),
                                        .expires_at = session->expires_at,
                                        .ttl_ms = session->ttl_ms };
        kdm_tx_keep(tx, name, kept);
    }
    *ret_token = *kept;
    return !kdm_str_none(kept->text);
}

void kdm_security_take_token(struct kdm_tx *tx, struct kdm_str kuid, const struct kdm_token *token)
{
    struct kdm_peer *peer = peer_of(tx);
    struct kdm_security *security = kdm_security_of(tx);
    const struct kdm_verdict verdict = {
        .id = kdm_arena_printf(kdm_tx_arena(tx), "t" KDM_FMT, KDM_ARG(token->jti)),
        .text = token->text,
        .kuid = kuid,
        .expires_at = token->expires_at,
        .ttl_ms = token->ttl_ms,
        .generation = (uint64_t)token->generation,
    };
    struct kdm_session *session;

    if (peer == NULL)
        return;
    session = kdm_session_learn(security->sessions, &verdict);
    if (peer->session != NULL && kdm_str_eq(peer->session->user->kuid, kuid))
        kdm_session_move(peer->session, session);
    else
        kdm_session_link(session, peer);
}

void kdm_security_leave_token(struct kdm_tx *tx)
{
    struct kdm_peer *peer = peer_of(tx);

    if (peer != NULL)
        kdm_session_unlink(peer);
}

bool kdm_security_session(struct kdm_tx *tx, struct kdm_verdict *ret_verdict)
{
    const struct kdm_user *user = kdm_tx_origin(tx)->user;

    if (user == NULL || user->session == NULL)
        return false;
    *ret_verdict = (struct kdm_verdict){ .id = user->session->id,
                                         .text = user->session->text,
                                         .kuid = user->session->user->kuid,
                                         .expires_at = user->session->expires_at,
                                         .ttl_ms = user->session->ttl_ms,
                                         .generation = user->session->generation };
    return true;
}
