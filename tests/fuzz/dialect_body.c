/* dialect_body.c - what clients of ActionHub, EnOS and MindSphere send. The first byte, a digit in
 * the seeds, chooses the decoder: bodies of assets and labels, names and edits of assets, bodies of
 * asset types and assets, lists of etags, filters, files assigned. Beside that nothing breaks: what
 * is refused is told as valid JSON, and what is taken becomes valid JSON.
 */
#include "dialect/actionhub.h"
#include "dialect/enos.h"
#include "dialect/mindsphere_asset.h"

static const char type_block[] =
    "{\"type\":\"asset\",\"engineGroup\":\"commons\",\"asset\":{\"model\":\"X\"},\"dialect\":{"
    "\"mindsphere\":{\"id\":\"mdsp.x\",\"tenantId\":\"mdsp\",\"etag\":3,\"name\":\"X\","
    "\"parentTypeId\":\"core.basicdevice\",\"instantiable\":true,\"variables\":[{\"name\":\"text\","
    "\"dataType\":\"STRING\",\"length\":5},{\"name\":\"whole\",\"dataType\":\"INT\"},{\"name\":"
    "\"real\",\"dataType\":\"DOUBLE\",\"defaultValue\":\"1.5\"},{\"name\":\"when\",\"dataType\":"
    "\"TIMESTAMP\"},{\"name\":\"on\",\"dataType\":\"BOOLEAN\"}],\"aspects\":[],"
    "\"fileAssignments\":[]}}}";

/* A tenant with one type of its own. */
struct scene {
    struct kdm_arena *arena;
    struct kdm_ms_world world;
    struct kdm_ms_caller caller;
    struct kdm_ms_errors errors;
    const struct kdm_ms_type *type;
};

static void set(struct scene *scene, struct kdm_arena *arena)
{
    struct kdm_str text = kdm_str_of(type_block);
    struct kdm_dm_model *model = kdm_arena_zalloc(arena, sizeof(*model));
    const struct kdm_ms_world core = { .arena = arena, .assets = *kdm_ms_core_types(arena) };

    *scene = (struct scene){
        .arena = arena, .caller = { .tenant = KDM_STR("mdsp"), .base = KDM_STR("http://here/api") }
    };
    KDM_ASSERT(kdm_dm_model_read(arena, KDM_STR("model-asset-X"), text, kdm_json_parse(arena, text),
                                 model));
    kdm_ms_errors_init(&scene->errors, arena);
    scene->type = kdm_ms_world_with(&core, model, &scene->world);
    KDM_ASSERT(scene->type != NULL);
}

static void assert_json(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_json doc;

    KDM_ASSERT(kdm_json_scan(arena, text, &doc, NULL));
}

static void assert_list(struct kdm_arena *arena, const struct kdm_buf *elements)
{
    assert_json(arena, kdm_arena_printf(arena, "[%.*s]", (int)elements->len, elements->ptr));
}

static void assert_errors(const struct scene *scene)
{
    struct kdm_buf buf;
    int status;

    kdm_buf_init(&buf, scene->arena, 256);
    status = kdm_ms_put_errors(&scene->errors, KDM_STR("ref"), &buf);
    KDM_ASSERT((status == 0) == (scene->errors.count == 0));
    assert_json(scene->arena, kdm_buf_str(&buf));
}

/* An object, or NONE. */
static struct kdm_val object_of(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_json *doc = kdm_arena_alloc(arena, sizeof(*doc));

    return kdm_json_scan(arena, text, doc, NULL)
                   && kdm_val_type(kdm_json_root(doc)) == KDM_JSON_OBJECT
               ? kdm_json_root(doc)
               : KDM_VAL_NONE;
}

static void actionhub(struct kdm_arena *arena, struct kdm_str text)
{
    const struct kdm_door_call call = { .body = text, .content_type = KDM_STR("application/json") };
    struct kdm_actionhub_issues issues;
    struct kdm_actionhub_assets assets;
    struct kdm_actionhub_labels labels;
    struct kdm_val body;

    kdm_actionhub_issues_init(&issues, arena);
    body = kdm_actionhub_body(arena, &call, &issues);
    KDM_ASSERT(kdm_val_none(body) == (issues.count > 0));
    if (kdm_val_none(body))
        return;
    kdm_actionhub_read_assets(arena, body, &assets, &issues);
    for (size_t i = 0; issues.count == 0 && i < assets.count; i++)
        KDM_ASSERT(assets.items[i].id.len > 0);
    kdm_actionhub_read_labels(arena, body, &labels, &issues);
    assert_list(arena, &issues.buf);
}

static void enos(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_val asset = object_of(arena, text);
    struct kdm_val name = kdm_enos_name(arena, kdm_val_get(asset, KDM_STR("name")));
    const struct kdm_dm_identity_edit edit = {
        .name = name,
        .description = kdm_val_get(asset, KDM_STR("description")),
        .timezone = kdm_val_get(asset, KDM_STR("timezone")),
        .tags = kdm_val_get(asset, KDM_STR("tags")),
    };
    struct kdm_dm_mismatch mismatch;
    struct kdm_str dialect;
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 64);
    kdm_enos_put_name(&buf, name, KDM_STR("absent"));
    assert_json(arena, kdm_buf_str(&buf));
    if (kdm_dm_identity_apply(arena, KDM_VAL_NONE, &edit, &dialect, &mismatch))
        assert_json(arena, kdm_str_none(dialect) ? KDM_STR("{}") : dialect);
}

static void variables(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_val body = object_of(arena, text);
    struct scene scene;
    struct kdm_str read;

    set(&scene, arena);
    read = kdm_ms_read_variables(&scene.errors, kdm_val_get(body, KDM_STR("variables")),
                                 kdm_val_get(scene.type->block, KDM_STR("variables")), KDM_VAL_NONE,
                                 KDM_MS_TYPE_VARIABLE, false);
    assert_json(arena, read);
    assert_errors(&scene);
}

static void assignments(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_val body = object_of(arena, text);
    struct scene scene;

    set(&scene, arena);
    assert_json(arena, kdm_ms_read_assignments(&scene.errors,
                                               kdm_val_get(body, KDM_STR("fileAssignments"))));
    assert_errors(&scene);
}

static void asset(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_val body = object_of(arena, text);
    struct kdm_dm_edit edit;
    struct scene scene;
    struct kdm_ms_asset_read read;

    if (kdm_val_none(body))
        return;
    set(&scene, arena);
    read = (struct kdm_ms_asset_read){ .world = &scene.world,
                                       .caller = &scene.caller,
                                       .type = scene.type };
    kdm_ms_read_asset(&scene.errors, &read, body, &edit);
    assert_errors(&scene);
    KDM_ASSERT(kdm_val_type(edit.metadata) == KDM_JSON_OBJECT);
    KDM_ASSERT(kdm_val_count(edit.metadata) == 5);
}

/* A malformed list of etags never lets a write pass, whatever the version. */
static void etags(struct kdm_arena *arena, struct kdm_str text)
{
    enum kdm_ms_lock lock = kdm_ms_check_lock(text, KDM_STR_NONE, 3, true);

    (void)arena;
    KDM_ASSERT((lock == KDM_MS_LOCK_OK) == kdm_ms_lists_etag(text, 3));
    KDM_ASSERT((lock == KDM_MS_LOCK_MALFORMED)
               == (kdm_ms_check_lock(text, KDM_STR_NONE, -1, true) == KDM_MS_LOCK_MALFORMED));
    KDM_ASSERT(kdm_ms_check_lock(text, KDM_STR_NONE, -1, true) != KDM_MS_LOCK_OK);
}

static void filter(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_val given = object_of(arena, text);
    struct scene scene;

    if (kdm_val_none(given))
        return;
    set(&scene, arena);
    assert_json(arena,
                kdm_ms_asset_search(&scene.errors, &scene.world, &scene.caller, given, text));
    kdm_ms_passes(&scene.errors, given, scene.type->block);
    assert_errors(&scene);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const decoders[])(struct kdm_arena *,
                                    struct kdm_str) = { actionhub, enos,   variables,  asset,
                                                        etags,     filter, assignments };
    struct kdm_arena arena;

    if (size < 2)
        return 0;
    kdm_arena_init(&arena, 4096);
    decoders[(uint8_t)(data[0] - '0') % (sizeof(decoders) / sizeof(decoders[0]))](
        &arena, (struct kdm_str){ .ptr = (const char *)data + 1, .len = size - 1 });
    kdm_arena_fini(&arena);
    return 0;
}
