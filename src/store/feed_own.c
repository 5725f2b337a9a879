/* feed_own.c - what this node commits itself, told without reading it back.
 * A commit that was done is taken apart as commit.lua has written it into the feed. It is told at
 * once when nothing before it is missing and all is known that the feed would tell; else the
 * follower reads.
 */
#include "store/commit_private.h"
#include "store/feed_private.h"

#include <stdlib.h>

/* The commit's items, most of which are asked for in their order. */
struct items {
    const struct kdm_commit_item *items;
    size_t count, at;
};

/* NULL: nothing was told of this write. */
static const struct kdm_commit_item *find_item(struct items *items, uint32_t token)
{
    for (size_t i = 0; i < items->count; i++) {
        const struct kdm_commit_item *item = &items->items[(items->at + i) % items->count];

        if (item->token == token) {
            items->at = (items->at + i + 1) % items->count;
            return item;
        }
    }
    return NULL;
}

static int64_t decimal(struct kdm_str text)
{
    long long value = 0;

    kdm_str_int64(text, &value);
    return value;
}

/* "token key id expect collection version change notify changed text" behind 'w' or 'x'; false: it
 * was not done. */
static bool read_write(const struct kdm_str *op, struct kdm_str previous, struct items *items,
                       struct kdm_feed_change *change)
{
    const struct kdm_commit_item *item = find_item(items, (uint32_t)decimal(op[1]));

    if (item != NULL && item->conflict)
        return false;
    if (item != NULL)
        previous = item->value;
    change->id = op[3];
    change->collection = op[5];
    change->version = item != NULL ? item->version : decimal(op[6]);
    change->what = op[7].ptr[0];
    if (change->what == KDM_CHANGE_PUT)
        change->what = kdm_str_none(previous) ? KDM_CHANGE_CREATE : KDM_CHANGE_REPLACE;
    change->notify = op[8].ptr[0] == '+';
    change->changed = op[9].len == 0 ? KDM_STR_NONE : op[9];
    change->text = op[0].ptr[0] == 'w' ? op[10] : KDM_STR_NONE;
    change->previous = previous;
    return true;
}

/* false: the operation says nothing in the feed. `previous` moves on over the writes. */
static bool read_op(const struct kdm_str *op, const struct kdm_str **previous, struct items *items,
                    struct kdm_feed_change *change)
{
    change->what = op[0].ptr[0];
    switch (change->what) {
    case 'w':
    case 'x':
        return read_write(op, *(*previous)++, items, change);
    case 'm':
        change->what = op[1].ptr[0];
        change->notify = true;
        change->collection = op[2];
        change->id = op[3].len == 0 ? KDM_STR_NONE : op[3];
        change->text = op[4];
        return true;
    case 'c':
        change->what = 'k';
        change->collection = op[1];
        return true;
    case 'C':
    case 'T':
        change->collection = op[2];
        return true;
    case 'i':
    case 'I':
        return true;
    default:
        return false;
    }
}

static bool has_text(const struct kdm_feed_change *change)
{
    return kdm_feed_of_document(change->what) && !kdm_str_none(change->text);
}

/* Walks over what a section says. */
struct walk {
    const struct section *section;
    size_t at; /* of its operations */
    const struct kdm_str *previous;
    struct items items;
};

/* The next operation that says something, into a change that has all they have in common. */
static bool next_change(struct walk *walk, struct kdm_feed_change *change)
{
    const struct arg_list *ops = &walk->section->ops;

    while (walk->at < ops->count) {
        const struct kdm_str *op = &ops->items[walk->at];

        walk->at += kdm_commit_op_size(*op);
        if (read_op(op, &walk->previous, &walk->items, change))
            return true;
    }
    return false;
}

static void tell_section(struct kdm_followed *followed, const struct kdm_commit *commit,
                         const struct section *section, uint64_t sequence, struct items items)
{
    struct walk walk = { .section = section, .previous = section->previous.items, .items = items };
    struct kdm_feed_change base = { .index = followed->index->name,
                                    .sequence = sequence,
                                    .envelope = commit->envelope };
    struct kdm_feed_change change = base, next;
    bool more = next_change(&walk, &change);

    base.digest =
        kdm_feed_digest(commit->envelope, more && has_text(&change) ? change.text : KDM_STR(""));
    change.digest = base.digest;
    followed->place = (struct kdm_feed_place){ .sequence = sequence, .digest = base.digest };
    while (more) {
        next = base;
        next.number = change.number + 1;
        more = next_change(&walk, &next);
        change.last = !more;
        kdm_follower_tell(followed->follower, &change);
        change = next;
    }
    kdm_followed_told(followed);
}

static bool writes(const struct section *section)
{
    for (size_t at = 0; at < section->ops.count; at += kdm_commit_op_size(section->ops.items[at])) {
        if (section->ops.items[at].ptr[0] != '?')
            return true;
    }
    return false;
}

void kdm_followed_commit(const struct kdm_commit *commit, const struct section *section,
                         uint64_t sequence, const struct kdm_commit_item *items, size_t item_count)
{
    struct kdm_followed *followed = section->index->followed;

    if (followed == NULL || !writes(section))
        return;
    if (followed->positioned && !followed->doubt && followed->pauses == 0
        && !section->previous_missing && !commit->told.numbers
        && followed->place.sequence + 1 == sequence)
        tell_section(followed, commit, section, sequence,
                     (struct items){ .items = items, .count = item_count });
    else
        kdm_followed_heard(followed, sequence);
}
