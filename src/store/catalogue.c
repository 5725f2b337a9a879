/* catalogue.c - what one index or collection is called in Redis, and its mapping.
 * An index's keys are named by a digest, not by its name: names may hold braces, which mean something in a
 * key, and a digest keeps every key of an index in one slot of a later cluster.
 */
#include "store/catalogue.h"
#include "store/catalogue_private.h"

#include <openssl/evp.h>
#include <stdlib.h>

static struct kdm_str join(struct kdm_str a, struct kdm_str b, struct kdm_str c)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, NULL, a.len + b.len + c.len + 1);
    kdm_buf_put(&buf, a);
    kdm_buf_put(&buf, b);
    kdm_buf_put(&buf, c);
    return kdm_buf_str(&buf);
}

static void free_str(struct kdm_str s)
{
    free((char *)s.ptr);
}

/* "{" and the first 16 bytes of SHA-256 of the name in hex and "}". */
static void tag_of(struct kdm_str name, char ret_tag[KDM_INDEX_TAG_LEN])
{
    unsigned char digest[32];
    unsigned int len = sizeof(digest);

    KDM_ASSERT(EVP_Digest(name.ptr, name.len, digest, &len, EVP_sha256(), NULL) == 1);
    ret_tag[0] = '{';
    kdm_hex(digest, 16, ret_tag + 1);
    ret_tag[KDM_INDEX_TAG_LEN - 1] = '}';
}

struct kdm_index *kdm_catalogue_index(struct kdm_str name)
{
    struct kdm_index *index = kdm_zalloc(sizeof(*index));
    struct kdm_str tag;

    index->refs = 1;
    index->name = kdm_heap_copy(name);
    tag_of(name, index->tag);
    tag = (struct kdm_str){ .ptr = index->tag, .len = KDM_INDEX_TAG_LEN };
    index->meta_key = join(KDM_STR("kdm:"), tag, KDM_STR(":m"));
    index->catalogue_key = join(KDM_STR("kdm:"), tag, KDM_STR(":k"));
    index->feed_key = join(KDM_STR("kdm:"), tag, KDM_STR(":f"));
    return index;
}

struct kdm_index *kdm_index_ref(struct kdm_index *index)
{
    index->refs++;
    return index;
}

void kdm_index_unref(struct kdm_index *index)
{
    if (index == NULL || --index->refs > 0)
        return;
    free_str(index->name);
    free_str(index->meta_key);
    free_str(index->catalogue_key);
    free_str(index->feed_key);
    free(index->slots.free);
    free(index);
}

/* "<incarnation> <mapping version>" -> its parts; false when it is not that. */
static bool parse_check(struct kdm_str check, struct kdm_str *ret_incarnation, int64_t *ret_version)
{
    struct kdm_str rest = check, incarnation = kdm_str_word(&rest);
    long long version;

    if (incarnation.len == 0 || !kdm_str_int64(rest, &version))
        return false;
    *ret_incarnation = incarnation;
    *ret_version = version;
    return true;
}

struct kdm_str kdm_docs_key(const struct kdm_index *index, struct kdm_str incarnation)
{
    struct kdm_str prefix = index->meta_key;

    prefix.len -= 1; /* "kdm:{tag}:" */
    return join(prefix, KDM_STR("d:"), incarnation);
}

struct kdm_collection *kdm_catalogue_collection(struct kdm_index *index, struct kdm_str name,
                                             struct kdm_str check, struct kdm_str definition)
{
    struct kdm_arena arena;
    struct kdm_failure failure;
    struct kdm_json doc;
    struct kdm_collection *collection = kdm_zalloc(sizeof(*collection));

    kdm_arena_init(&arena, 4096);
    collection->refs = 1;
    index->refs++;
    collection->index = index;
    collection->name = kdm_heap_copy(name);
    collection->check = kdm_heap_copy(check);
    collection->definition = kdm_heap_copy(definition);
    collection->check_field = join(KDM_STR("c:"), name, KDM_STR(""));
    collection->counter_field = join(KDM_STR("w:"), name, KDM_STR(""));
    if (parse_check(collection->check, &collection->incarnation, &collection->mapping_version)
        && kdm_json_scan(&arena, definition, &doc, NULL)) {
        collection->docs_key = kdm_docs_key(index, collection->incarnation);
        collection->mapping = kdm_mapping_create(
            &arena, kdm_val_get(kdm_json_root(&doc), KDM_STR("mappings")), &failure);
        collection->unspecified =
            kdm_val_type(kdm_val_get(kdm_json_root(&doc), KDM_STR("unspecified"))) == KDM_JSON_TRUE;
    }
    kdm_arena_fini(&arena);
    if (collection->mapping == NULL) {
        kdm_collection_unref(collection);
        return NULL;
    }
    return collection;
}

struct kdm_collection *kdm_collection_ref(struct kdm_collection *collection)
{
    collection->refs++;
    return collection;
}

void kdm_collection_unref(struct kdm_collection *collection)
{
    if (collection == NULL || --collection->refs > 0)
        return;
    kdm_mapping_unref(collection->mapping);
    free_str(collection->name);
    free_str(collection->check);
    free_str(collection->check_field);
    free_str(collection->counter_field);
    free_str(collection->docs_key);
    free_str(collection->definition);
    kdm_index_unref(collection->index);
    free(collection);
}

struct kdm_str kdm_collection_settings(struct kdm_arena *arena, const struct kdm_collection *collection)
{
    struct kdm_val definition = kdm_json_parse(arena, collection->definition);

    return kdm_val_text(kdm_val_get(definition, KDM_STR("settings")));
}
