/* security_token.c - tokens, cookies and roles from outside. The first byte chooses which. Beside
 * that nothing breaks: no text is a good token that we did not sign, and what we sign is read back
 * as it was; whatever a role says, a restricted policy allows nothing that it does not allow
 * unrestricted.
 */
#include "api/auth.h"
#include "security/jwt.h"
#include "security/rights.h"

#define NOW_MS 1800000000000

static const struct kdm_jwt_key key = { "HS256", { "the fuzzer does not know this", 29 } };
static const struct kdm_action actions[] = {
    { .controller = "document",
      .action = "get",
      .asked_controller = "document",
      .asked_action = "get" },
    { .controller = "memoryStorage",
      .action = "set",
      .asked_controller = "ms",
      .asked_action = "set",
      .number = 1 },
};
static const struct kdm_protocol protocol = { .actions = actions, .action_count = 2 };

static void forge(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_val payload;

    KDM_ASSERT(kdm_jwt_verify(arena, &key, text, NOW_MS, &payload) == KDM_JWT_BAD);
}

static void sign(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_str token = kdm_jwt_sign(arena, &key, text);
    struct kdm_val payload;
    struct kdm_json doc;
    bool is_object = kdm_json_scan(arena, text, &doc, NULL)
                     && kdm_val_type(kdm_json_root(&doc)) == KDM_JSON_OBJECT
                     && token.len <= KDM_JWT_MAX;

    if (kdm_jwt_verify(arena, &key, token, NOW_MS, &payload) != KDM_JWT_GOOD) {
        KDM_ASSERT(!is_object || !kdm_val_none(kdm_val_get(kdm_json_root(&doc), KDM_STR("exp"))));
        return;
    }
    KDM_ASSERT(is_object && kdm_val_equal(arena, payload, kdm_json_root(&doc)));
}

static void cookie(struct kdm_arena *arena, struct kdm_str text)
{
    const struct kdm_credentials credentials = { .cookie = text,
                                                 .cookies_enabled = true,
                                                 .controller = KDM_STR("auth"),
                                                 .action = KDM_STR("getCurrentUser") };
    struct kdm_auth_token token;
    struct kdm_failure failure;

    if (kdm_auth_token(&credentials, arena, &token, &failure))
        KDM_ASSERT(kdm_str_none(token.text) || (token.text.len > 0 && token.text.len < text.len));
}

static bool allows(struct kdm_arena *arena, struct kdm_val role, struct kdm_val restricted_to,
                   struct kdm_val ask, const struct kdm_action *action)
{
    struct kdm_rights *rights = kdm_rights_create(&protocol);
    const struct kdm_rights_question question = { .action = action,
                                                  .controller = KDM_STR("unknown"),
                                                  .name = KDM_STR("action"),
                                                  .index = kdm_val_get(ask, KDM_STR("index")),
                                                  .collection =
                                                      kdm_val_get(ask, KDM_STR("collection")),
                                                  .tenant = kdm_val_get(ask, KDM_STR("engineId")),
                                                  .targets = kdm_val_get(ask, KDM_STR("targets")),
                                                  .arena = arena };
    bool allowed;

    kdm_rights_add(rights, role, restricted_to);
    allowed = kdm_rights_allow(rights, &question);
    kdm_rights_unref(rights);
    return allowed;
}

/* {"role":..,"restrictedTo":..,"ask":..} */
static void rights(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_json doc;
    struct kdm_val root, role, restricted_to, ask;

    if (!kdm_json_scan(arena, text, &doc, NULL))
        return;
    root = kdm_json_root(&doc);
    role = kdm_val_get(root, KDM_STR("role"));
    restricted_to = kdm_val_get(root, KDM_STR("restrictedTo"));
    ask = kdm_val_get(root, KDM_STR("ask"));
    if (kdm_val_none(role))
        return;
    for (size_t i = 0; i <= protocol.action_count; i++) {
        const struct kdm_action *action = i < protocol.action_count ? &actions[i] : NULL;

        KDM_ASSERT(!allows(arena, role, restricted_to, ask, action)
                   || allows(arena, role, KDM_VAL_NONE, ask, action));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const ways[])(struct kdm_arena *, struct kdm_str) = { forge, sign, cookie,
                                                                        rights };
    struct kdm_arena arena;

    if (size == 0)
        return 0;
    kdm_json_seed(1, 2);
    kdm_arena_init(&arena, 4096);
    ways[data[0] & 3](&arena,
                      kdm_arena_copy(&arena, (struct kdm_str){ (const char *)data + 1, size - 1 }));
    kdm_arena_fini(&arena);
    return 0;
}
