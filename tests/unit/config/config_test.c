/* config_test.c - all sources together, as kdmd uses them.
 * Each test runs in a directory of its own, so that a .kuzzlerc of the developer is not read.
 */
#include "config/config.h"
#include "config/loader.h"

#include "../tempdir.h"

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NOTHING    ((const char *const[]){ NULL })

static struct kdm_config *config;
static char *error;

static int load(const char *const *args, const char *const *env)
{
    const char *argv[16] = { "kdmd" };
    int argc = 1;

    for (; *args != NULL; args++)
        argv[argc++] = *args;
    return kdm_config_load(argc, (char *const *)argv, (char *const *)env, &config, &error);
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");

    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void assert_error(const char *const *args, const char *const *env, const char *expected)
{
    ck_assert_int_eq(load(args, env), -1);
    ck_assert_str_eq(error, expected);
    ck_assert_ptr_null(config);
    free(error);
    error = NULL;
}

static bool has_note(enum kdm_log_level level, const char *part)
{
    for (size_t i = 0; i < config->note_count; i++) {
        if (config->notes[i].level == level && strstr(config->notes[i].text, part) != NULL)
            return true;
    }
    return false;
}

static void setup(void)
{
    char dir[32];

    config = NULL;
    error = NULL;
    make_temp_dir(dir);
    ck_assert_int_eq(chdir(dir), 0);
}

static void teardown(void)
{
    kdm_config_destroy(config);
    free(error);
}

START_TEST(without_any_source_the_defaults_hold)
{
    ck_assert_int_eq(load(NOTHING, NOTHING), 0);
    ck_assert_int_eq(config->port, 7512);
    ck_assert_ptr_null(config->host);
    ck_assert_ptr_null(config->redis_url);
    ck_assert_str_eq(config->data_dir, "./data");
    ck_assert_int_eq(config->durability, KDM_DURABILITY_ALWAYS);
    ck_assert_int_eq(config->log_level, KDM_LOG_INFO);
    ck_assert_int_eq(config->max_request_size, 1048576);
    ck_assert_int_eq(config->documents_write, 200);
    ck_assert_str_eq(config->common_dynamic, "false");
    ck_assert_str_eq(config->allow_origin, "*");
    ck_assert_int_eq(config->token_expires_ms, 3600000);
    ck_assert_int_eq(config->token_max_ttl_ms, -1);
    ck_assert_str_eq(config->dm_admin_index, "device-manager");
    ck_assert(config->dm_auto_update);
    ck_assert(config->cookie_authentication);
    ck_assert_uint_eq(config->restricted_profiles.count, 1);
    ck_assert_str_eq(config->restricted_profiles.items[0], "default");
    ck_assert_uint_eq(json_object_size(config->standard_roles), 3);
    ck_assert_uint_eq(config->note_count, 0);
}
END_TEST

START_TEST(the_later_source_wins)
{
    write_file("kdm.json", "{\"server\":{\"port\":1},\"kdm\":{\"data\":\"file\"},"
                           "\"limits\":{\"documentsWriteCount\":1,\"documentsFetchCount\":1}}");
    ck_assert_int_eq(
        load(WORDS("--port", "3", "--limits.documentsFetchCount=3"),
             WORDS("KDM_CONFIG=kdm.json", "KDM_PORT=2", "kuzzle_server__port=9",
                   "kuzzle_limits__documentsWriteCount=2", "kuzzle_limits__documentsFetchCount=2")),
        0);
    ck_assert_int_eq(config->port, 3);
    ck_assert_int_eq(config->documents_write, 2);
    ck_assert_int_eq(config->documents_fetch, 3);
    ck_assert_str_eq(config->data_dir, "file");
    ck_assert(has_note(KDM_LOG_INFO, "configuration from kdm.json"));
}
END_TEST

START_TEST(the_own_variable_wins_over_kuzzles)
{
    ck_assert_int_eq(load(NOTHING, WORDS("KDM_PORT=2", "kuzzle_server__port=9")), 0);
    ck_assert_int_eq(config->port, 2);
}
END_TEST

START_TEST(the_file_named_on_the_command_line_is_read_instead_of_the_variables)
{
    write_file("kdm.json", "{\"server\":{\"port\":1}}");
    ck_assert_int_eq(load(WORDS("--config=kdm.json"), WORDS("KDM_CONFIG=/nowhere")), 0);
    ck_assert_int_eq(config->port, 1);
}
END_TEST

START_TEST(an_empty_variable_is_an_unset_one)
{
    ck_assert_int_eq(load(NOTHING, WORDS("KDM_PORT=", "KDM_REDIS=", "KDM_CONFIG=")), 0);
    ck_assert_int_eq(config->port, 7512);
    ck_assert_ptr_null(config->redis_url);
}
END_TEST

START_TEST(a_kuzzlerc_that_lies_here_is_read_and_said)
{
    write_file(".kuzzlerc", "// brought along\n"
                            "{\n"
                            "  /* { \" */ \"limits\": { \"documentsWriteCount\": 5000 }, // \"\n"
                            "  \"services\": { \"storageEngine\": {\n"
                            "    \"client\": { \"node\": \"http://search:9200\" },\n"
                            "    \"commonMapping\": { \"dynamic\": \"strict\",\n"
                            "      \"properties\": { \"note\": { \"type\": \"text\" } } } } },\n"
                            "  \"cluster\": { \"minimumNodes\": 2 },\n"
                            "  \"server\": { \"maxRequestSize\": \"2mb\" },\n"
                            "  \"plugins\": { \"my-plugin\": { \"key\": \"http://x\" } }\n"
                            "}\n");
    ck_assert_int_eq(load(NOTHING, NOTHING), 0);
    ck_assert_int_eq(config->documents_write, 5000);
    ck_assert_int_eq(config->max_request_size, 2 << 20);
    ck_assert_str_eq(config->common_dynamic, "strict");
    ck_assert_ptr_nonnull(json_object_get(config->common_properties, "note"));
    ck_assert_ptr_nonnull(json_object_get(config->common_properties, "_kuzzle_info"));
    ck_assert_str_eq(json_string_value(json_object_get(
                         json_object_get(config->plugin_trees, "my-plugin"), "key")),
                     "http://x");
    ck_assert(has_note(KDM_LOG_INFO, "configuration from ./.kuzzlerc"));
    ck_assert(has_note(KDM_LOG_INFO, "cluster (in ./.kuzzlerc) is ignored"));
    ck_assert(has_note(KDM_LOG_INFO, "services.storageEngine.client (in ./.kuzzlerc) is ignored"));
}
END_TEST

START_TEST(a_kuzzlerc_is_not_read_when_a_file_is_named)
{
    write_file(".kuzzlerc", "broken");
    write_file("kdm.json", "{}");
    ck_assert_int_eq(load(WORDS("--config", "kdm.json"), NOTHING), 0);
}
END_TEST

START_TEST(other_names_of_an_option_are_taken_and_said)
{
    write_file("kdm.json", "{\"security\":{\"jwt\":{\"expiresIn\":\"2h\",\"secret\":\"s3\"}},"
                           "\"http\":{\"maxEncodingLayers\":2},\"websocket\":{\"idleTimeout\":5}}");
    ck_assert_int_eq(load(WORDS("--config", "kdm.json"), NOTHING), 0);
    ck_assert_int_eq(config->token_expires_ms, 7200000);
    ck_assert_str_eq(config->token_secret, "s3");
    ck_assert_int_eq(config->max_encoding_layers, 2);
    ck_assert_int_eq(config->idle_timeout_ms, 5);
    ck_assert(has_note(KDM_LOG_INFO, "another name of security.authToken.expiresIn"));
}
END_TEST

START_TEST(variables_hold_json_where_a_text_is_not_enough)
{
    ck_assert_int_eq(
        load(NOTHING, WORDS("kuzzle_security__restrictedProfileIds=*json:[\"a\",\"b\"]",
                            "kuzzle_plugins__device-manager__engineCollections__asset__mappings="
                            "*json:{\"properties\":{\"x\":{\"type\":\"keyword\"}}}",
                            "kuzzle_plugins__mine__level=3", "kuzzle_plugins__mine__on=true",
                            "kuzzle_stats__enabled=false",
                            "kuzzle_services__storageEngine__commonMapping__dynamic=true")),
        0);
    ck_assert_uint_eq(config->restricted_profiles.count, 2);
    ck_assert_str_eq(config->restricted_profiles.items[1], "b");
    ck_assert_ptr_nonnull(json_object_get(
        json_object_get(
            json_object_get(json_object_get(config->dm_engine_collections, "asset"), "mappings"),
            "properties"),
        "x"));
    ck_assert_int_eq(
        json_integer_value(json_object_get(json_object_get(config->plugin_trees, "mine"), "level")),
        3);
    ck_assert(json_is_true(json_object_get(json_object_get(config->plugin_trees, "mine"), "on")));
    ck_assert(!config->stats);
    ck_assert_str_eq(config->common_dynamic, "true");
}
END_TEST

START_TEST(plugins_may_be_named_several_times)
{
    ck_assert_int_eq(
        load(WORDS("--plugin", "c.so", "--plugin=d.so"), WORDS("KDM_PLUGIN=a.so, b.so")), 0);
    ck_assert_uint_eq(config->plugins.count, 2);
    ck_assert_str_eq(config->plugins.items[0], "c.so");
    ck_assert_str_eq(config->plugins.items[1], "d.so");
    ck_assert_ptr_null(config->plugins.items[2]);
}
END_TEST

START_TEST(a_list_in_a_variable_has_commas)
{
    ck_assert_int_eq(load(NOTHING, WORDS("KDM_PLUGIN=a.so, b.so")), 0);
    ck_assert_uint_eq(config->plugins.count, 2);
    ck_assert_str_eq(config->plugins.items[1], "b.so");
}
END_TEST

START_TEST(origins_may_be_an_array_and_end_as_one_text)
{
    write_file("kdm.json", "{\"http\":{\"accessControlAllowOrigin\":[\"http://a\",\"http://b\"]}}");
    ck_assert_int_eq(load(WORDS("--config", "kdm.json"), NOTHING), 0);
    ck_assert_str_eq(config->allow_origin, "http://a,http://b");
}
END_TEST

START_TEST(null_leaves_the_default)
{
    write_file("kdm.json", "{\"server\":{\"port\":null},\"limits\":null,"
                           "\"security\":{\"authToken\":{\"secret\":null}}}");
    ck_assert_int_eq(load(WORDS("--config", "kdm.json"), NOTHING), 0);
    ck_assert_int_eq(config->port, 7512);
    ck_assert_ptr_null(config->token_secret);
}
END_TEST

START_TEST(the_public_tree_holds_no_secret)
{
    char *text;

    ck_assert_int_eq(load(WORDS("--redis", "redis://:hunter2@r:6379"),
                          WORDS("kuzzle_security__authToken__secret=hunter2",
                                "kuzzle_plugins__mine__password=hunter2",
                                "kuzzle_services__internalCache__options__password=hunter2")),
                     0);
    text = json_dumps(config->tree, 0);
    ck_assert_ptr_null(strstr(text, "hunter2"));
    ck_assert_ptr_null(json_object_get(config->tree, "security"));
    ck_assert(json_is_true(json_object_get(json_object_get(config->tree, "cluster"), "enabled")));
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(config->tree, "limits"),
                                                        "documentsWriteCount")),
                     200);
    for (size_t i = 0; i < config->note_count; i++)
        ck_assert_ptr_null(strstr(config->notes[i].text, "hunter2"));
    free(text);
}
END_TEST

START_TEST(an_unknown_name_is_answered_with_the_nearest)
{
    write_file("kdm.json", "{\"limits\":{\"documentWriteCount\":1}}");
    assert_error(
        WORDS("--config", "kdm.json"), NOTHING,
        "limits.documentWriteCount (in kdm.json): unknown option, the nearest known one is "
        "limits.documentsWriteCount");
    assert_error(
        NOTHING, WORDS("kuzzle_limit__documentsWriteCount=1"),
        "kuzzle_limit__documentsWriteCount (environment): unknown option, the nearest known "
        "one is limits.documentsWriteCount");
    assert_error(WORDS("--prot", "1"), NOTHING,
                 "--prot (command line): unknown option, the nearest known one is --port");
    assert_error(WORDS("--server.prot", "1"), NOTHING,
                 "--server.prot (command line): unknown option, the nearest known one is "
                 "server.port");
}
END_TEST

START_TEST(an_unknown_own_variable_is_a_warning)
{
    ck_assert_int_eq(load(NOTHING, WORDS("KDM_PROT=1", "KDMD=/x", "KUZZLE_PORT=7513")), 0);
    ck_assert(has_note(KDM_LOG_WARN, "nearest one is KDM_PORT"));
    ck_assert_uint_eq(config->note_count, 1);
}
END_TEST

START_TEST(a_wrong_value_is_named_with_what_is_expected)
{
    write_file("kdm.json", "{\"server\":{\"port\":\"high\"}}");
    assert_error(
        WORDS("--config", "kdm.json"), NOTHING,
        "server.port (in kdm.json): \"high\" is not valid, expected a whole number from 0 to "
        "65535");
    assert_error(WORDS("--port", "65536"), NOTHING,
                 "--port (command line): \"65536\" is not valid, expected a whole number from 0 to "
                 "65535");
    assert_error(NOTHING, WORDS("KDM_DURABILITY=maybe"),
                 "KDM_DURABILITY (environment): \"maybe\" is not valid, expected one of always, "
                 "everysec, no");
    assert_error(
        WORDS("--server.maxRequestSize", "much"), NOTHING,
        "--server.maxRequestSize (command line): \"much\" is not valid, expected a size of at "
        "least 1 bytes, like 1048576 or 1MB");
    assert_error(WORDS("--stats.enabled=1"), NOTHING,
                 "--stats.enabled (command line): 1 is not valid, expected true or false");
    assert_error(
        WORDS("--request-timeout", "0"), NOTHING,
        "--request-timeout (command line): \"0\" is not valid, expected a duration of at least "
        "1 ms, like 60000 or 1m");
    assert_error(
        NOTHING, WORDS("kuzzle_security__authToken__secret=*json:[\"hunter2\"]"),
        "kuzzle_security__authToken__secret (environment): this value is not valid, expected "
        "a text that is not empty");
    assert_error(
        NOTHING, WORDS("kuzzle_plugins__device-manager__engineCollections__asset__name=x"),
        "kuzzle_plugins__device-manager__engineCollections__asset__name (environment): \"x\" "
        "is not valid, expected assets");
    assert_error(NOTHING, WORDS("kuzzle_limits=5"),
                 "kuzzle_limits (environment): is a section, expected an object");
    assert_error(NOTHING, WORDS("kuzzle_security__default__role=*json:{"),
                 "kuzzle_security__default__role (environment): holds no valid text or JSON");
}
END_TEST

START_TEST(limits_that_contradict_each_other_are_refused)
{
    assert_error(WORDS("--limits.concurrentRequests", "50000"), NOTHING,
                 "limits.concurrentRequests: 50000 is not valid, expected less than "
                 "limits.requestsBufferSize (50000)");
    assert_error(WORDS("--limits.requestsBufferWarningThreshold", "50001"), NOTHING,
                 "limits.requestsBufferWarningThreshold: 50001 is not valid, expected "
                 "limits.concurrentRequests to limits.requestsBufferSize (100 to 50000)");
}
END_TEST

START_TEST(a_command_line_that_makes_no_sense_is_refused)
{
    assert_error(WORDS("7512"), NOTHING, "7512 (command line): options begin with --, see --help");
    assert_error(WORDS("--port"), NOTHING, "--port (command line): needs a value");
    assert_error(WORDS("--port="), NOTHING, "--port (command line): needs a value");
    assert_error(WORDS("--port", "--data", "d"), NOTHING, "--port (command line): needs a value");
    assert_error(WORDS("--help=yes"), NOTHING, "--help (command line): takes no value");
    assert_error(WORDS("--data", "\xff"), NOTHING, "--data (command line): is not valid UTF-8");
}
END_TEST

START_TEST(a_file_that_is_no_json_is_refused_with_the_place)
{
    assert_error(WORDS("--config", "kdm.json"), NOTHING,
                 "configuration file kdm.json: No such file or directory");
    write_file("kdm.json", "{ // one\n  \"server\": { port: 1 } }\n");
    ck_assert_int_eq(load(WORDS("--config", "kdm.json"), NOTHING), -1);
    ck_assert_ptr_nonnull(strstr(error, "configuration file kdm.json: line 2, column"));
    ck_assert_ptr_null(strchr(error, '\n'));
    free(error);
    write_file("kdm.json", "{ /* }");
    assert_error(WORDS("--config", "kdm.json"), NOTHING,
                 "configuration file kdm.json: a comment has no end");
    write_file("kdm.json", "[]");
    assert_error(WORDS("--config", "kdm.json"), NOTHING,
                 "the configuration (in kdm.json) must be an object");
    assert_error(WORDS("--config", "."), NOTHING, "configuration file .: Is a directory");
}
END_TEST

START_TEST(help_and_version_end_the_start)
{
    ck_assert_int_eq(load(WORDS("--port", "1", "-h"), NOTHING), 1);
    ck_assert_int_eq(load(WORDS("--version"), WORDS("KDM_PORT=wrong")), 1);
    ck_assert_ptr_null(config);
}
END_TEST

START_TEST(comments_inside_of_strings_stay)
{
    char text[] = "{\"a\":\"// no \\\" /*\", /* yes\n */ \"b\":1} // end";

    ck_assert(kdm_comments_blank(text, sizeof(text) - 1));
    ck_assert_str_eq(text, "{\"a\":\"// no \\\" /*\",       \n    \"b\":1}       ");
}
END_TEST

START_TEST(comments_may_be_cut_off_anywhere)
{
    static const char whole[] = "/* x */ \"a\\\" // \" // y\n/**/ /";

    for (size_t len = 0; len < sizeof(whole); len++) {
        char *text = malloc(len + 1);

        memcpy(text, whole, len);
        kdm_comments_blank(text, len);
        free(text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tests = tcase_create("config");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, without_any_source_the_defaults_hold);
    tcase_add_test(tests, the_later_source_wins);
    tcase_add_test(tests, the_own_variable_wins_over_kuzzles);
    tcase_add_test(tests, the_file_named_on_the_command_line_is_read_instead_of_the_variables);
    tcase_add_test(tests, an_empty_variable_is_an_unset_one);
    tcase_add_test(tests, a_kuzzlerc_that_lies_here_is_read_and_said);
    tcase_add_test(tests, a_kuzzlerc_is_not_read_when_a_file_is_named);
    tcase_add_test(tests, other_names_of_an_option_are_taken_and_said);
    tcase_add_test(tests, variables_hold_json_where_a_text_is_not_enough);
    tcase_add_test(tests, plugins_may_be_named_several_times);
    tcase_add_test(tests, a_list_in_a_variable_has_commas);
    tcase_add_test(tests, origins_may_be_an_array_and_end_as_one_text);
    tcase_add_test(tests, null_leaves_the_default);
    tcase_add_test(tests, the_public_tree_holds_no_secret);
    tcase_add_test(tests, an_unknown_name_is_answered_with_the_nearest);
    tcase_add_test(tests, an_unknown_own_variable_is_a_warning);
    tcase_add_test(tests, a_wrong_value_is_named_with_what_is_expected);
    tcase_add_test(tests, limits_that_contradict_each_other_are_refused);
    tcase_add_test(tests, a_command_line_that_makes_no_sense_is_refused);
    tcase_add_test(tests, a_file_that_is_no_json_is_refused_with_the_place);
    tcase_add_test(tests, help_and_version_end_the_start);
    tcase_add_test(tests, comments_inside_of_strings_stay);
    tcase_add_test(tests, comments_may_be_cut_off_anywhere);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
