/* session_test.c - tokens that are kept: who uses them, who is told, what is forgotten. */
#include "security/session.h"
#include "../suite.h"
#include <stdio.h>
#include <stdlib.h>

#define IDLE_MAX 8

static struct kdm_sessions *sessions;
static const struct kdm_protocol protocol;

/* Those that were told, in order: "a expired, b revoked, ". */
static char told[256];
static struct kdm_peer a, b, c;

static void on_end(void *ctx, struct kdm_peer *peer, enum kdm_token_end why)
{
    size_t len = strlen(told);

    ck_assert_ptr_eq(ctx, told);
    ck_assert_ptr_null(peer->session);
    snprintf(told + len, sizeof(told) - len, "%c %s, ",
             peer == &a   ? 'a'
             : peer == &b ? 'b'
                          : 'c',
             why == KDM_TOKEN_EXPIRED ? "expired" : "revoked");
}

static void set_up(void)
{
    const struct kdm_hash_seed seed = { 1, 2 };

    sessions = kdm_sessions_create(&seed, IDLE_MAX);
    kdm_sessions_on_end(sessions, on_end, told);
    told[0] = '\0';
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    memset(&c, 0, sizeof(c));
}

static void tear_down(void)
{
    kdm_sessions_destroy(sessions);
}

static struct kdm_session *learn(const char *id, const char *text, const char *kuid,
                                 int64_t expires_at)
{
    const struct kdm_verdict verdict = { .id = kdm_str_of(id),
                                         .text = kdm_str_of(text),
                                         .kuid = kdm_str_of(kuid),
                                         .expires_at = expires_at,
                                         .ttl_ms = 1000 };

    return kdm_session_learn(sessions, &verdict);
}

static struct kdm_session *find(const char *text)
{
    return kdm_session_find(sessions, kdm_str_of(text));
}

START_TEST(a_session_is_found_by_its_text_and_id)
{
    struct kdm_session *session = learn("t1", "kauth-1", "me", -1);

    ck_assert_ptr_eq(find("kauth-1"), session);
    ck_assert_ptr_eq(kdm_session_by_id(sessions, KDM_STR("t1")), session);
    ck_assert_ptr_null(find("kauth-2"));
    ck_assert_ptr_eq(learn("t1", "kauth-1", "me", 5), session);
    ck_assert_int_eq(session->expires_at, 5);
}
END_TEST

START_TEST(a_session_that_was_only_heard_of_gets_its_text_later)
{
    struct kdm_session *session = learn("t1", NULL, "me", -1);

    kdm_session_link(session, &a);
    ck_assert_ptr_null(find("kauth-1"));
    ck_assert_ptr_eq(learn("t1", "kauth-1", "me", -1), session);
    ck_assert_ptr_eq(find("kauth-1"), session);
    ck_assert_ptr_eq(a.session, session);
    ck_assert_str_eq(told, "");
}
END_TEST

START_TEST(another_text_under_the_same_id_ends_the_first)
{
    struct kdm_session *second;

    kdm_session_link(learn("k1", "kapikey-1", "me", -1), &a);
    second = learn("k1", "kapikey-2", "me", -1);
    ck_assert_str_eq(told, "a revoked, ");
    ck_assert_ptr_null(find("kapikey-1"));
    ck_assert_ptr_eq(find("kapikey-2"), second);
}
END_TEST

START_TEST(the_connections_of_a_session_are_told_of_its_end)
{
    struct kdm_session *session = learn("t1", "kauth-1", "me", -1);

    kdm_session_link(session, &a);
    kdm_session_link(session, &b);
    kdm_session_link(session, &a);
    kdm_session_link(learn("t2", "kauth-2", "me", -1), &c);
    kdm_session_end(session, KDM_TOKEN_REVOKED);
    ck_assert_str_eq(told, "b revoked, a revoked, ");
    ck_assert_ptr_null(find("kauth-1"));
    ck_assert_ptr_nonnull(find("kauth-2"));
}
END_TEST

START_TEST(a_connection_has_the_token_that_it_used_last)
{
    struct kdm_session *first = learn("t1", "kauth-1", "me", -1),
                       *second = learn("t2", "kauth-2", "you", -1);

    kdm_session_link(first, &a);
    kdm_session_link(second, &a);
    kdm_session_end(first, KDM_TOKEN_REVOKED);
    ck_assert_str_eq(told, "");
    kdm_session_end(second, KDM_TOKEN_REVOKED);
    ck_assert_str_eq(told, "a revoked, ");
}
END_TEST

START_TEST(one_that_leaves_is_not_told)
{
    struct kdm_session *session = learn("t1", "kauth-1", "me", -1);

    kdm_session_link(session, &a);
    kdm_session_link(session, &b);
    kdm_session_unlink(&a);
    kdm_session_unlink(&a);
    kdm_session_end(session, KDM_TOKEN_EXPIRED);
    ck_assert_str_eq(told, "b expired, ");
}
END_TEST

START_TEST(a_successor_takes_all_connections_over)
{
    struct kdm_session *old = learn("t1", "kauth-1", "me", 10), *next = learn("t2", NULL, "me", 20);

    kdm_session_link(old, &a);
    kdm_session_link(old, &b);
    kdm_session_move(old, next);
    kdm_session_move(next, next);
    kdm_session_end(old, KDM_TOKEN_EXPIRED);
    ck_assert_str_eq(told, "");
    ck_assert_ptr_eq(a.session, next);
    ck_assert_ptr_eq(b.session, next);
}
END_TEST

START_TEST(time_ends_those_that_connections_use)
{
    kdm_session_link(learn("t1", "kauth-1", "me", 100), &a);
    kdm_session_link(learn("t2", "kauth-2", "me", 200), &b);
    kdm_session_link(learn("t3", "kauth-3", "me", -1), &c);
    kdm_sessions_expire(sessions, 99);
    ck_assert_str_eq(told, "");
    kdm_sessions_expire(sessions, 100);
    ck_assert_str_eq(told, "a expired, ");
    kdm_sessions_expire(sessions, 1000000);
    ck_assert_str_eq(told, "a expired, b expired, ");
}
END_TEST

START_TEST(a_request_keeps_what_it_uses)
{
    struct kdm_session *session = kdm_session_ref(learn("t1", "kauth-1", "me", -1));

    kdm_session_end(session, KDM_TOKEN_REVOKED);
    ck_assert(session->ended);
    ck_assert(kdm_str_eq(session->user->kuid, KDM_STR("me")));
    kdm_session_link(session, &a);
    ck_assert_ptr_null(a.session);
    kdm_session_unref(session);
}
END_TEST

START_TEST(of_those_that_nobody_uses_only_the_latest_are_kept)
{
    char id[16], text[32];

    kdm_session_link(learn("t-used", "kauth-used", "me", -1), &a);
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "t%d", i);
        snprintf(text, sizeof(text), "kauth-%d", i);
        learn(id, text, i % 2 ? "me" : "you", -1);
        ck_assert_ptr_nonnull(find("kauth-0")); /* used again and again */
    }
    ck_assert_ptr_nonnull(find("kauth-used"));
    ck_assert_ptr_nonnull(find("kauth-99"));
    ck_assert_ptr_null(find("kauth-50"));
}
END_TEST

START_TEST(a_user_is_known_while_he_has_sessions)
{
    struct kdm_session *first = learn("t1", "kauth-1", "me", -1),
                       *second = learn("t2", "kauth-2", "me", -1);

    ck_assert_ptr_eq(first->user, second->user);
    ck_assert_ptr_eq(kdm_session_user(sessions, KDM_STR("me")), first->user);
    kdm_session_end(first, KDM_TOKEN_REVOKED);
    ck_assert_ptr_nonnull(kdm_session_user(sessions, KDM_STR("me")));
    kdm_session_end(second, KDM_TOKEN_REVOKED);
    ck_assert_ptr_null(kdm_session_user(sessions, KDM_STR("me")));
}
END_TEST

START_TEST(doubt_holds_for_all_and_asks_for_those_in_use)
{
    struct kdm_session *used = learn("t1", "kauth-1", "me", -1),
                       *idle = learn("t2", "kauth-2", "me", -1);

    kdm_session_link(used, &a);
    kdm_session_link(learn("t3", NULL, "me", -1), &b); /* without its text it can't be asked for */
    ck_assert_ptr_null(kdm_sessions_doubted(sessions));
    kdm_sessions_doubt(sessions);
    ck_assert(!used->verified && !idle->verified);
    ck_assert_ptr_eq(kdm_sessions_doubted(sessions), used);
    used->rechecking = true;
    ck_assert_ptr_null(kdm_sessions_doubted(sessions));
    learn("t1", "kauth-1", "me", -1);
    ck_assert(used->verified && !used->rechecking);
}
END_TEST

START_TEST(rights_are_shared_until_they_change)
{
    struct kdm_rights *rights = kdm_rights_create(&protocol);

    ck_assert_ptr_null(kdm_sessions_rights(sessions, KDM_STR("\"p\",")));
    kdm_sessions_keep_rights(sessions, KDM_STR("\"p\","), rights);
    kdm_sessions_keep_rights(sessions, KDM_STR("\"p\","), rights);
    ck_assert_ptr_eq(kdm_sessions_rights(sessions, KDM_STR("\"p\",")), rights);
    learn("t1", "kauth-1", "me", -1)->user->rights = kdm_rights_ref(rights);
    kdm_sessions_drop_rights(sessions);
    ck_assert_ptr_null(kdm_sessions_rights(sessions, KDM_STR("\"p\",")));
    ck_assert_ptr_null(kdm_session_user(sessions, KDM_STR("me"))->rights);
    kdm_rights_unref(rights);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_session_is_found_by_its_text_and_id,
        a_session_that_was_only_heard_of_gets_its_text_later,
        another_text_under_the_same_id_ends_the_first,
        the_connections_of_a_session_are_told_of_its_end,
        a_connection_has_the_token_that_it_used_last,
        one_that_leaves_is_not_told,
        a_successor_takes_all_connections_over,
        time_ends_those_that_connections_use,
        a_request_keeps_what_it_uses,
        of_those_that_nobody_uses_only_the_latest_are_kept,
        a_user_is_known_while_he_has_sessions,
        doubt_holds_for_all_and_asks_for_those_in_use,
        rights_are_shared_until_they_change,
    };

    return RUN("session", tests, set_up, tear_down);
}
