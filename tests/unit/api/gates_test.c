/* gates_test.c - who is let in: tokens and cookies, origins, SDK versions. */
#include "../texts.h"
#include "api/auth.h"
#include "api/origin.h"
#include "api/sdk.h"
#include "base/log.h"

static struct kdm_failure failure;

static void set_up(void)
{
    open_arena();
    kdm_log_set_level(KDM_LOG_ERROR);
    memset(&failure, 0, sizeof(failure));
}

/* --- tokens ------------------------------------------------------------------------------- */

static struct kdm_auth_token token;

static bool find_token(const char *jwt, const char *cookie, bool cookie_auth, const char *action)
{
    struct kdm_credentials credentials = { .jwt = kdm_str_of(jwt),
                                           .cookie = kdm_str_of(cookie),
                                           .cookie_auth = cookie_auth,
                                           .cookies_enabled = true,
                                           .controller = KDM_STR("auth"),
                                           .action = kdm_str_of(action) };

    return kdm_auth_token(&credentials, &arena, &token, &failure);
}

static bool is_anonymous(const char *cookie, bool cookie_auth)
{
    return find_token(NULL, cookie, cookie_auth, "x") && kdm_str_none(token.text)
           && kdm_str_none(token.judged);
}

START_TEST(without_a_token_everybody_is_anonymous)
{
    ck_assert(is_anonymous(NULL, false));
    ck_assert(is_anonymous("a=b; c", false));
    ck_assert(is_anonymous("authToken=null", false));
    ck_assert(is_anonymous("x=1;authToken=", false));
    ck_assert(is_anonymous("xauthToken=1", false));
    ck_assert(is_anonymous("", true));
}
END_TEST

START_TEST(a_token_comes_as_jwt_or_in_a_cookie)
{
    ck_assert(find_token("kauth-x", NULL, false, "login"));
    assert_text(token.text, "kauth-x");
    ck_assert(find_token(NULL, "a=b; authToken=kauth-y ; c=d", false, "x"));
    assert_text(token.text, "kauth-y");
    ck_assert(find_token(NULL, "authToken=x", true, "getCurrentUser"));
    assert_text(token.text, "x");
}
END_TEST

START_TEST(login_logout_and_check_token_judge_their_cookie_themselves)
{
    static const char *const actions[] = { "login", "logout", "checkToken" };

    for (size_t i = 0; i < 3; i++) {
        ck_assert(find_token(NULL, "authToken=x", true, actions[i]));
        ck_assert(kdm_str_none(token.text));
        assert_text(token.judged, "x");
    }
    ck_assert(find_token(NULL, "authToken=x", false, "checkToken"));
    assert_text(token.text, "x");
}
END_TEST

START_TEST(token_and_cookie_together_are_refused)
{
    ck_assert(!find_token("y", "authToken=x", false, "x"));
    assert_failure(failure, KDM_ERR_SECURITY_TOKEN_VERIFICATION_ERROR, 500);
    ck_assert(is_anonymous("authToken=null", false));
}
END_TEST

START_TEST(a_cookie_header_with_control_characters_is_refused)
{
    ck_assert(!find_token(NULL, "a=\x01", false, "x"));
    assert_failure(failure, KDM_ERR_SECURITY_COOKIE_INVALID, 401);
}
END_TEST

START_TEST(cookies_can_be_disabled)
{
    struct kdm_credentials credentials = { .cookie = KDM_STR("authToken=x"), .cookie_auth = true };

    ck_assert(!kdm_auth_token(&credentials, &arena, &token, &failure));
    assert_failure(failure, KDM_ERR_SECURITY_COOKIE_UNSUPPORTED, 500);
    credentials.cookie_auth = false;
    ck_assert(kdm_auth_token(&credentials, &arena, &token, &failure));
    ck_assert(kdm_str_none(token.text));
}
END_TEST

/* --- origins ------------------------------------------------------------------------------ */

static bool allows(const char *list, bool regexp, const char *origin)
{
    struct kdm_origins *origins = kdm_origins_create(list, regexp);
    bool allowed = kdm_origins_allow(origins, kdm_str_of(origin));

    kdm_origins_destroy(origins);
    return allowed;
}

START_TEST(origins_are_compared_whole)
{
    ck_assert(allows(NULL, false, "http://a"));
    ck_assert(allows("*", false, "http://a"));
    ck_assert(allows("http://b, http://a", false, "http://a"));
    ck_assert(!allows("http://b,http://a", false, "http://a.evil"));
    ck_assert(!allows("http://b", false, "http://a"));
    ck_assert(!allows("", false, "http://a"));
    ck_assert(allows("http://b", false, NULL));
    kdm_origins_destroy(NULL);
}
END_TEST

START_TEST(origins_may_be_regular_expressions)
{
    ck_assert(allows("^https?://[a-z]+[.]example$", true, "http://www.example"));
    ck_assert(!allows("^https?://[a-z]+[.]example$", true, "http://www.example.evil"));
    ck_assert(!allows("^(", true, "http://a"));
    ck_assert(allows("^(", true, "^("));
}
END_TEST

START_TEST(an_origin_of_absurd_length_is_refused)
{
    char origin[1024];
    struct kdm_origins *origins = kdm_origins_create("a", true);

    memset(origin, 'a', sizeof(origin));
    ck_assert(
        !kdm_origins_allow(origins, (struct kdm_str){ .ptr = origin, .len = sizeof(origin) }));
    ck_assert(!kdm_origins_allow(origins, (struct kdm_str){ .ptr = "a\0b", .len = 3 }));
    kdm_origins_destroy(origins);
}
END_TEST

/* --- SDKs --------------------------------------------------------------------------------- */

static bool sdk_passes(const char *volatile_data)
{
    return kdm_sdk_check(&arena, parse(volatile_data), &failure);
}

START_TEST(sdks_are_let_in_from_a_version_on)
{
    ck_assert(sdk_passes("{\"sdkName\":\"js@7.17.1\"}"));
    ck_assert(sdk_passes("{\"sdkName\":\"js@10.0.0\"}"));
    ck_assert(sdk_passes("{\"sdkName\":\"csharp@2.0.0\",\"sdkInstanceId\":\"x\"}"));
    ck_assert(!sdk_passes("{\"sdkInstanceId\":\"x\",\"sdkName\":\"js@6.9\"}"));
    assert_failure(failure, KDM_ERR_API_PROCESS_INCOMPATIBLE_SDK_VERSION, 400);
    assert_text(failure.props[0], "6.9");
    assert_text(failure.props[1], "7");
    ck_assert(!sdk_passes("{\"sdkName\":\"android@4\"}"));
    ck_assert(!sdk_passes("{\"sdkName\":\"php@3.1\"}"));
}
END_TEST

START_TEST(what_is_no_known_sdk_passes)
{
    static const char *const texts[] = {
        "{}",
        "{\"sdkName\":\"mine@1\"}",
        "{\"sdkName\":\"js\"}",
        "{\"sdkName\":\"js@\"}",
        "{\"sdkName\":7}",
        "{\"sdkName\":\"js@x\"}",
        "{\"sdkName\":null}",
        "{\"sdkName\":\"\"}",
        "{\"sdkVersion\":null}",
        "{\"sdkName\":\"js@99999999999999999999999\"}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_msg(sdk_passes(texts[i]), "%s", texts[i]);
    ck_assert(kdm_sdk_check(&arena, KDM_VAL_NONE, &failure));
}
END_TEST

START_TEST(sdks_of_kuzzle_1_never_pass)
{
    ck_assert(!sdk_passes("{\"sdkVersion\":\"6.1.1\"}"));
    assert_text(failure.props[0], "6.1.1");
    ck_assert(!sdk_passes("{\"sdkVersion\":5}"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        without_a_token_everybody_is_anonymous,
        a_token_comes_as_jwt_or_in_a_cookie,
        login_logout_and_check_token_judge_their_cookie_themselves,
        token_and_cookie_together_are_refused,
        a_cookie_header_with_control_characters_is_refused,
        cookies_can_be_disabled,
        origins_are_compared_whole,
        origins_may_be_regular_expressions,
        an_origin_of_absurd_length_is_refused,
        sdks_are_let_in_from_a_version_on,
        what_is_no_known_sdk_passes,
        sdks_of_kuzzle_1_never_pass,
    };

    return RUN("gates", tests, set_up, close_arena);
}
