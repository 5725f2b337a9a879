/* feed_entry.c - an entry of a feed taken apart, as commit.lua writes it: "e" and the envelope,
 * then for each document or message "<what><+|-> <version> <collection> <id>", text, changed paths,
 * value before; for the catalogue
 * "<what> <collection>" and a text. A feed's entries carry the index's sequence and every commit
 * adds one to it, so an entry that is missing shows.
 */
#include "store/commit.h"
#include "store/feed_private.h"

#include <stdio.h>
#include <stdlib.h>

/* More of a text would cost more and tell no more: a commit's envelope has a request id and a time.
 */
#define DIGEST_TEXT_MAX 256

struct kdm_feed_entry kdm_feed_entry(struct kdm_str index, const redisReply *entries, size_t i)
{
    const redisReply *entry = entries->element[i];

    return (struct kdm_feed_entry){ .index = index,
                                    .sequence = strtoull(entry->element[0]->str, NULL, 10),
                                    .fields = entry->element[1] };
}

size_t kdm_feed_entry_size(const struct kdm_feed_entry *entry)
{
    size_t bytes = 0;

    for (size_t f = 0; f < entry->fields->elements; f++)
        bytes += (size_t)entry->fields->element[f]->len;
    return bytes;
}

/* The same on every node, so the seed is no secret: it keeps no table. */
uint32_t kdm_feed_digest(struct kdm_str envelope, struct kdm_str text)
{
    static const struct kdm_hash_seed seed = { 0, 0 };
    uint64_t hash = kdm_hash(&seed, envelope);

    if (text.len > DIGEST_TEXT_MAX)
        text.len = DIGEST_TEXT_MAX;
    hash = hash * 1000003 ^ kdm_hash(&seed, text);
    hash ^= hash >> 32;
    return (uint32_t)hash == 0 ? 1 : (uint32_t)hash;
}

static struct kdm_str field(const struct kdm_feed_entry *entry, size_t i)
{
    return i < entry->fields->elements ? kdm_reply_str(entry->fields->element[i]) : KDM_STR("");
}

/* The same, none when it is empty. */
static struct kdm_str field_or_none(const struct kdm_feed_entry *entry, size_t i)
{
    struct kdm_str text = field(entry, i);

    return text.len == 0 ? KDM_STR_NONE : text;
}

bool kdm_feed_of_document(char what)
{
    return what != '\0' && strchr("crudmj", what) != NULL;
}

uint32_t kdm_feed_entry_digest(const struct kdm_feed_entry *entry)
{
    struct kdm_str head = field(entry, 2);
    bool has_text = head.len > 0 && kdm_feed_of_document(head.ptr[0]);

    return kdm_feed_digest(field(entry, 1), has_text ? field(entry, 3) : KDM_STR(""));
}

static void read_document(const struct kdm_feed_entry *entry, size_t f, struct kdm_str head,
                          struct kdm_feed_change *change)
{
    long long version = 0;

    change->notify = head.len > 1 && head.ptr[1] == '+';
    kdm_str_word(&head);
    kdm_str_int64(kdm_str_word(&head), &version);
    change->version = version;
    change->collection = kdm_str_word(&head);
    change->id = head.len == 0 ? KDM_STR_NONE : head;
    if (change->what != KDM_CHANGE_DELETE)
        change->text = field(entry, f + 1);
    change->changed = field_or_none(entry, f + 2);
    change->previous = field_or_none(entry, f + 3);
}

/* The change whose fields begin at `f`; returns where the next one's do, or 0: it is none. */
static size_t read_change(const struct kdm_feed_entry *entry, size_t f,
                          struct kdm_feed_change *change)
{
    struct kdm_str head = field(entry, f);

    if (f + 1 >= entry->fields->elements || head.len == 0)
        return 0;
    change->what = head.ptr[0];
    if (kdm_feed_of_document(change->what)) {
        read_document(entry, f, head, change);
        return f + 4;
    }
    kdm_str_word(&head);
    change->collection = change->what == 'i' || change->what == 'I' ? KDM_STR_NONE : head;
    return f + 2;
}

void kdm_feed_entry_tell(const struct kdm_feed_entry *entry, kdm_feed_change_fn *fn, void *ctx)
{
    const struct kdm_feed_change base = { .index = entry->index,
                                          .sequence = entry->sequence,
                                          .digest = kdm_feed_entry_digest(entry),
                                          .envelope = field(entry, 1) };
    struct kdm_feed_change change = base, next = base;
    size_t f = read_change(entry, 2, &change);

    while (f > 0) {
        next = base;
        next.number = change.number + 1;
        f = read_change(entry, f, &next);
        change.last = f == 0;
        fn(ctx, &change);
        change = next;
    }
}

void kdm_feed_ask(struct kdm_store *store, const struct kdm_index *index, uint64_t sequence,
                  unsigned entries, int64_t deadline_ms, kdm_redis_fn *fn, void *ctx)
{
    char from[40], count[16];
    struct kdm_str args[] = { KDM_STR("XRANGE"), index->feed_key,  KDM_STR_NONE,
                              KDM_STR("+"),      KDM_STR("COUNT"), KDM_STR_NONE };
    int from_len = snprintf(from, sizeof(from), "%llu-0", (unsigned long long)sequence);
    int count_len = snprintf(count, sizeof(count), "%u", entries);

    args[2] = (struct kdm_str){ from, (size_t)from_len };
    args[5] = (struct kdm_str){ count, (size_t)count_len };
    kdm_redis_command(store->redis, args, 6, deadline_ms, fn, ctx);
}

unsigned kdm_feed_entries_next(unsigned entries, size_t bytes)
{
    if (bytes < FEED_READ_BYTES / 2 && entries < FEED_READ_ENTRIES)
        return entries * 2;
    if (bytes > FEED_READ_BYTES && entries > 1)
        return entries / 2;
    return entries;
}
