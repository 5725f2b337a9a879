/* document_multi.c - writing several documents: mCreate, mCreateOrReplace, mReplace, mUpdate,
 * mUpsert, and bulk:mWrite. Each document is stored or refused by itself. An action first decides
 * on all items, without staging anything, so that what their dynamic mapping takes up is known
 * before the first is stored; then it stages and commits them, and those that lost a race are
 * decided again. An id that stands several times in one request: the last one wins, changes build
 * on the ones before, and each counts as a version, as if they had come one after the other;
 * subscribers are told of the last.
 */
#include "action/kuzzle/document.h"
#include "action/write_rules.h"
#include "store/names.h"

/* In the order in which they are told. */
enum fate {
    MALFORMED, /* not a document: no object, an _id that is no text */
    MISPLACED, /* there already, or not there */
    REFUSED,   /* it can't be stored: its mapping, its id */
    ACCEPTED
};

struct item {
    struct kdm_val given;   /* as it was sent */
    struct kdm_val content; /* its body, or its changes */
    struct kdm_str id;      /* none until it is known to be one */
    uint64_t hash;          /* of the id */
    struct kdm_doc *doc;    /* what is stored; NULL: nothing, or it does not matter */
    struct kdm_str text;    /* what will be stored */
    struct kdm_str changed; /* _updatedFields; none when it is new or nobody is told */
    struct kdm_str reason;  /* unless ACCEPTED */
    int status;
    enum fate fate;
    int64_t nth;            /* of the items of its id, from 0; each is a version of its own */
    bool superseded;        /* a later item of the same id builds on it: that one is stored */
    struct item *same_hash; /* the one before it of those that are accepted */
};

/* What is decided; kept over replays until a race is lost. */
struct decision {
    struct item *items;
    size_t count;
    struct kdm_str mapping; /* the collection's, with what the items add; none: as it is */
    struct item **accepted; /* the last one of each hash, modulo bucket_count */
    size_t bucket_count;
};

struct multi {
    struct kdm_tx *tx;
    const struct kdm_args *args;
    const struct kind *kind;
    struct kdm_collection *collection;
    struct kdm_mapping *mapping; /* while deciding: grows item by item */
    struct kdm_hash_seed seed;   /* a secret, so that nobody can make ids of one hash */
};

/* How the actions differ. */
struct kind {
    struct kdm_str content; /* the item's member */
    bool needs_id;          /* otherwise one is made */
    bool reads;             /* what is there now matters */
    bool needs_document;    /* it must be there */
    bool tells_updated;     /* replies have _updatedFields */
    bool tells_outcome;     /* replies have created and result */
    bool raw; /* bulk: stored as it is, any number, told to subscribers when asked for */
    enum kdm_change change; /* CREATE, PUT; when there is one already: REPLACE, UPDATE */
    struct kdm_str (*text)(struct multi *multi, const struct item *item, struct kdm_val old);
};

/* --- what will be stored -------------------------------------------------------------------- */

static struct kdm_str whole_text(struct multi *multi, const struct item *item, struct kdm_val old)
{
    (void)old;
    return kdm_tx_with_info(multi->tx, item->content, kdm_tx_info_created(multi->tx));
}

/* With whatever _kuzzle_info the client sends. */
static struct kdm_str raw_text(struct multi *multi, const struct item *item, struct kdm_val old)
{
    (void)old;
    return kdm_json_canonical(kdm_tx_arena(multi->tx), item->content);
}

static struct kdm_str merged_text(struct multi *multi, const struct item *item, struct kdm_val old)
{
    return kdm_source_merge(multi->tx, old, item->content, kdm_tx_info_updated(multi->tx, old))
        .text;
}

/* {"author":..,"createdAt":..}: mUpsert leaves the other two out. */
static struct kdm_str info_without_update(struct kdm_tx *tx)
{
    struct kdm_val info = kdm_json_parse(kdm_tx_arena(tx), kdm_tx_info_created(tx));
    static const struct kdm_str left_out[] = { KDM_STR("updatedAt"), KDM_STR("updater") };
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 64);
    kdm_buf_char(&buf, '{');
    kdm_json_put_members_except(&buf, info, left_out, 2);
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

/* A new one: here the default wins over the changes, unlike in upsert. */
static struct kdm_str upserted_text(struct multi *multi, const struct item *item,
                                    struct kdm_val old)
{
    struct kdm_arena *arena = kdm_tx_arena(multi->tx);
    struct kdm_val fallback = kdm_val_get(item->given, KDM_STR("default"));
    struct kdm_str text;

    if (!kdm_val_none(old))
        return merged_text(multi, item, old);
    text = kdm_val_null(fallback) ? kdm_json_canonical(arena, item->content)
                                  : kdm_json_merge(arena, item->content, fallback);
    return kdm_tx_with_info(multi->tx, kdm_json_parse(arena, text), info_without_update(multi->tx));
}

/* --- deciding ------------------------------------------------------------------------------- */

static void refuse(struct item *item, enum fate fate, int status, struct kdm_str reason)
{
    item->fate = fate;
    item->status = status;
    item->reason = reason;
}

/* Its shape and its id. */
static void read_item(struct multi *multi, struct item *item, size_t number)
{
    struct kdm_arena *arena = kdm_tx_arena(multi->tx);
    struct kdm_val id = kdm_val_get(item->given, KDM_STR("_id"));
    struct kdm_failure failure;

    item->fate = ACCEPTED;
    item->content = kdm_val_get(item->given, multi->kind->content);
    if (kdm_val_type(item->content) != KDM_JSON_OBJECT) {
        refuse(item, MALFORMED, 400,
               kdm_arena_printf(arena, "The document's " KDM_FMT " must be an object.",
                                KDM_ARG(multi->kind->content)));
    } else if (kdm_val_type(id) == KDM_JSON_STRING) {
        item->id = kdm_val_str(arena, id);
        if (!kdm_doc_id_check(arena, item->id, &failure))
            refuse(item, REFUSED, failure.status, failure.message);
    } else if (multi->kind->needs_id || !kdm_val_null(id)) {
        refuse(item, MALFORMED, 400, KDM_STR("The document's _id must be a string."));
    } else {
        item->id = kdm_write_new_id(multi->tx, kdm_args_str(multi->args, KDM_ARG_COLLECTION),
                                    item->content, kdm_arena_printf(arena, "document %zu", number));
    }
    if (item->fate == ACCEPTED)
        item->hash = kdm_hash(&multi->seed, item->id);
}

/* _source where body is expected is a mistake that would lose data, so nothing is done at all. */
static bool read_items(struct multi *multi, struct decision *decision)
{
    struct kdm_val documents = kdm_args_val(multi->args, KDM_ARG_BODY_DOCUMENTS);
    struct kdm_val_iter it;
    struct kdm_val given;

    kdm_source_hash_seed(multi->tx, &multi->seed);
    if (!multi->kind->raw && !kdm_multi_may_write(multi->tx, kdm_val_count(documents)))
        return false;
    decision->items = kdm_arena_zalloc(kdm_tx_arena(multi->tx),
                                       (kdm_val_count(documents) + 1) * sizeof(struct item));
    decision->bucket_count = kdm_val_count(documents) + 1;
    decision->accepted =
        kdm_arena_zalloc(kdm_tx_arena(multi->tx), decision->bucket_count * sizeof(struct item *));
    for (kdm_elements(&it, documents); kdm_element_next(&it, &given);) {
        struct item *item = &decision->items[decision->count];

        if (!kdm_val_none(kdm_val_get(given, KDM_STR("_source")))) {
            kdm_tx_fail(multi->tx, KDM_ERR_API_ASSERT_UNEXPECTED_ARGUMENT,
                        KDM_PROPS(KDM_STR("body.documents._source"), multi->kind->content));
            return false;
        }
        item->given = given;
        read_item(multi, item, decision->count++);
    }
    return true;
}

/* Asks for all documents at once; false: wait. */
static bool read_documents(struct multi *multi, const struct decision *decision)
{
    struct kdm_doc *doc;

    for (size_t i = 0; i < decision->count; i++) {
        if (decision->items[i].fate == ACCEPTED)
            kdm_tx_want(multi->tx, multi->collection, decision->items[i].id);
    }
    for (size_t i = 0; i < decision->count; i++) {
        if (decision->items[i].fate == ACCEPTED
            && !kdm_tx_read_unchecked(multi->tx, multi->collection, decision->items[i].id, &doc))
            return false;
    }
    return true;
}

static struct item **bucket_of(const struct decision *decision, const struct item *item)
{
    return &decision->accepted[item->hash % decision->bucket_count];
}

/* The last one that has been accepted. */
static struct item *earlier_of_same_id(const struct decision *decision, const struct item *item)
{
    struct item *earlier = *bucket_of(decision, item);

    while (earlier != NULL && (earlier->hash != item->hash || !kdm_str_eq(earlier->id, item->id)))
        earlier = earlier->same_hash;
    return earlier;
}

/* Later items of the same id meet it. */
static void note_accepted(const struct decision *decision, struct item *item)
{
    struct item **bucket = bucket_of(decision, item);

    item->same_hash = *bucket;
    *bucket = item;
}

/* What the item will find: what an earlier item leaves, else what is stored. NONE: nothing. */
static struct kdm_val present_document(struct multi *multi, const struct item *earlier,
                                       struct item *item)
{
    if (!kdm_tx_read_unchecked(multi->tx, multi->collection, item->id, &item->doc))
        item->doc = NULL; /* it can't be: all were read before */
    if (earlier != NULL)
        return kdm_json_parse(kdm_tx_arena(multi->tx), earlier->text);
    return item->doc == NULL ? KDM_VAL_NONE : kdm_doc_source(multi->tx, item->doc);
}

/* The mapping in force for the items to come. */
static void grow_mapping(struct multi *multi, struct item *item, struct kdm_str additions)
{
    struct kdm_failure failure;

    if (!kdm_source_grow_mapping(kdm_tx_arena(multi->tx), &multi->mapping, additions, &failure))
        refuse(item, REFUSED, failure.status, failure.message);
}

/* Replacing and making: all of it; changing: what changes. */
static bool may_be_stored(const struct multi *multi, const struct item *item, struct kdm_val old,
                          struct kdm_str *ret_additions, struct kdm_failure *ret_failure)
{
    struct kdm_arena *arena = kdm_tx_arena(multi->tx);
    struct kdm_val source = item->content; /* scanned already */

    if (multi->kind->change == KDM_CHANGE_UPDATE && !kdm_val_none(old))
        return kdm_source_check_change(arena, multi->collection, multi->mapping, item->content,
                                       item->text, ret_additions, ret_failure);
    if (multi->kind->text != whole_text && multi->kind->text != raw_text)
        source = kdm_json_parse(arena, item->text);
    return kdm_source_check(arena, multi->collection, multi->mapping, source, ret_additions,
                            ret_failure);
}

static void decide_item(struct multi *multi, const struct decision *decision, struct item *item)
{
    struct kdm_arena *arena = kdm_tx_arena(multi->tx);
    const struct kind *kind = multi->kind;
    struct item *earlier = earlier_of_same_id(decision, item);
    struct kdm_val old = KDM_VAL_NONE;
    struct kdm_failure failure;
    struct kdm_str additions;

    if (kind->reads)
        old = present_document(multi, earlier, item);
    if (kind->needs_document && kdm_val_none(old)) {
        refuse(item, MISPLACED, 404, KDM_STR("Document not found."));
        return;
    }
    item->text = kind->text(multi, item, old);
    if (kind->tells_updated && !kdm_val_none(old) && !kdm_args_bool(multi->args, KDM_ARG_SILENT))
        item->changed = kdm_source_changed(arena, item->content);
    if (!may_be_stored(multi, item, old, &additions, &failure))
        refuse(item, REFUSED, failure.status, failure.message);
    else if (!kdm_str_none(additions))
        grow_mapping(multi, item, additions);
    if (item->fate != ACCEPTED)
        return;
    if (earlier != NULL) {
        earlier->superseded = true;
        item->nth = earlier->nth + 1;
    }
    note_accepted(decision, item);
}

static void decide_items(struct multi *multi, struct decision *decision)
{
    multi->mapping = kdm_mapping_ref(multi->collection->mapping);
    for (size_t i = 0; i < decision->count; i++) {
        if (decision->items[i].fate == ACCEPTED)
            decide_item(multi, decision, &decision->items[i]);
    }
    if (multi->mapping != multi->collection->mapping)
        decision->mapping =
            kdm_arena_copy(kdm_tx_arena(multi->tx), kdm_mapping_text(multi->mapping));
    kdm_mapping_unref(multi->mapping);
}

static bool will_be_stored(const struct item *item)
{
    return item->fate == ACCEPTED && !item->superseded;
}

/* What the server itself demands (write_rules.h): of all of them or nothing is stored. false: wait,
 * or the transaction has failed. */
static bool are_allowed(const struct multi *multi, const struct decision *decision)
{
    struct kdm_write_item *items;
    size_t count = 0;

    if (multi->kind->raw || !kdm_write_ruled(multi->tx, multi->collection))
        return true;
    items = kdm_arena_alloc(kdm_tx_arena(multi->tx), (decision->count + 1) * sizeof(*items));
    for (size_t i = 0; i < decision->count; i++) {
        const struct item *item = &decision->items[i];
        bool changes = multi->kind->change == KDM_CHANGE_UPDATE && item->doc != NULL;

        if (will_be_stored(item))
            items[count++] = (struct kdm_write_item){
                .id = item->id,
                .sent =
                    changes ? item->content : kdm_json_parse(kdm_tx_arena(multi->tx), item->text),
                .stored = item->text,
            };
    }
    return kdm_write_allowed(multi->tx, multi->collection, items, count);
}

/* NULL: wait. */
static struct decision *decide(struct multi *multi)
{
    static const char key[] = "documents";
    struct decision *decision = kdm_tx_kept(multi->tx, key);

    if (decision != NULL)
        return decision;
    decision = kdm_arena_zalloc(kdm_tx_arena(multi->tx), sizeof(*decision));
    if (!read_items(multi, decision)
        || !kdm_target_collection(multi->tx, multi->args, &multi->collection)
        || (multi->kind->reads && !read_documents(multi, decision)))
        return NULL;
    decide_items(multi, decision);
    if (!are_allowed(multi, decision))
        return NULL;
    kdm_tx_keep(multi->tx, key, decision);
    return decision;
}

/* --- storing -------------------------------------------------------------------------------- */

static void stage_item(struct multi *multi, const struct item *item)
{
    unsigned flags =
        multi->kind->raw ? kdm_bulk_flags(multi->args) : kdm_document_flags(multi->args);

    if (item->nth > 0)
        flags |= KDM_WRITE_AGAIN;
    if (multi->kind->change == KDM_CHANGE_PUT)
        kdm_tx_put(multi->tx, multi->collection, item->id, item->text, flags);
    else if (item->doc != NULL)
        kdm_tx_write(multi->tx, multi->collection, item->doc, item->text, multi->kind->change,
                     item->changed, flags);
    else
        kdm_tx_create(multi->tx, multi->collection, item->id, item->text, flags);
}

/* A document is found only under a mapping that knows its fields, so what they add to it goes with
 * the first of them. What follows from changes (write_rules.h) commits together with them: then all
 * are one commit. */
static bool store_items(struct multi *multi, struct decision *decision)
{
    bool any = false;

    if (!kdm_str_none(decision->mapping))
        kdm_source_set_mapping(multi->tx, multi->collection, decision->mapping);
    for (size_t i = 0; i < decision->count; i++) {
        if (decision->items[i].fate != ACCEPTED)
            continue;
        stage_item(multi, &decision->items[i]);
        any = true;
    }
    if (any && multi->kind->change == KDM_CHANGE_UPDATE
        && kdm_write_follow(multi->tx, multi->collection))
        return kdm_tx_commit(multi->tx);
    return kdm_tx_commit_each(multi->tx);
}

/* --- telling it ----------------------------------------------------------------------------- */

static void comma(struct kdm_buf *buf)
{
    if (buf->len > 0)
        kdm_buf_char(buf, ',');
}

/* What could not be stored is shown as it would have been stored, what was no document as it was
 * sent. */
static void put_error(struct kdm_arena *arena, struct kdm_buf *buf, const struct item *item)
{
    comma(buf);
    kdm_buf_lit(buf, "{\"document\":");
    if (item->fate == REFUSED) {
        kdm_document_open(buf, item->id, kdm_json_canonical(arena, item->content), 0);
        kdm_buf_char(buf, '}');
    } else {
        kdm_buf_put(buf, kdm_json_canonical(arena, item->given));
    }
    kdm_buf_lit(buf, ",\"reason\":");
    kdm_json_put_str(buf, item->reason);
    kdm_buf_lit(buf, ",\"status\":");
    kdm_buf_int(buf, item->status);
    kdm_buf_char(buf, '}');
}

static size_t put_errors(struct kdm_arena *arena, struct kdm_buf *buf,
                         const struct decision *decision)
{
    size_t count = 0;

    for (enum fate fate = MALFORMED; fate < ACCEPTED; fate++) {
        for (size_t i = 0; i < decision->count; i++) {
            if (decision->items[i].fate != fate)
                continue;
            put_error(arena, buf, &decision->items[i]);
            count++;
        }
    }
    return count;
}

/* Only mCreateOrReplace can leave the documents out. */
static bool shows_source(const struct multi *multi)
{
    struct kdm_val source;

    if (multi->kind->change != KDM_CHANGE_PUT || multi->kind->raw)
        return true;
    source = kdm_args_val(multi->args, KDM_ARG_SOURCE);
    return kdm_val_type(source) != KDM_JSON_FALSE && !kdm_val_str_eq(source, KDM_STR("false"));
}

/* `after`: how many items of the same id came behind it. */
static void put_success(const struct multi *multi, struct kdm_buf *buf, const struct item *item,
                        const struct kdm_written *written, int64_t after)
{
    const struct kind *kind = multi->kind;
    bool created = written->created && item->nth == 0;

    comma(buf);
    kdm_document_open(buf, item->id, shows_source(multi) ? item->text : KDM_STR_NONE,
                      written->version - after);
    if (kind->raw) {
        kdm_buf_char(buf, '}');
        return;
    }
    if (kind->tells_outcome || !kind->needs_document)
        kdm_buf_put(buf, created ? KDM_STR(",\"created\":true") : KDM_STR(",\"created\":false"));
    if (kind->tells_outcome)
        kdm_buf_put(buf, created ? KDM_STR(",\"result\":\"created\"")
                                 : KDM_STR(",\"result\":\"updated\""));
    kdm_buf_put(buf, created ? KDM_STR(",\"status\":201") : KDM_STR(",\"status\":200"));
    if (!kdm_str_none(item->changed) && !created) {
        kdm_buf_lit(buf, ",\"_updatedFields\":");
        kdm_buf_put(buf, item->changed);
    }
    kdm_buf_char(buf, '}');
}

static void put_successes(struct multi *multi, struct kdm_buf *buf, struct decision *decision)
{
    for (size_t i = 0; i < decision->count; i++) {
        struct item *item = &decision->items[i];
        const struct kdm_written *written;

        if (item->fate != ACCEPTED)
            continue;
        written = kdm_tx_written(multi->tx, multi->collection, item->id);
        KDM_ASSERT(written != NULL);
        if (written->existed)
            refuse(item, MISPLACED, 400, KDM_STR("Document already exists."));
        else
            put_success(multi, buf, item, written,
                        earlier_of_same_id(decision, item)->nth - item->nth);
    }
}

static enum kdm_outcome write_many(struct kdm_tx *tx, const struct kdm_args *args,
                                   const struct kind *kind)
{
    struct multi multi = { .tx = tx, .args = args, .kind = kind };
    struct kdm_buf errors, successes;
    struct decision *decision = decide(&multi);
    size_t error_count;

    if (decision == NULL || !kdm_target_collection(tx, args, &multi.collection)
        || !store_items(&multi, decision))
        return KDM_WAIT;
    kdm_buf_init(&errors, kdm_tx_arena(tx), 64);
    kdm_buf_init(&successes, kdm_tx_arena(tx), 1024);
    put_successes(&multi, &successes, decision);
    error_count = put_errors(kdm_tx_arena(tx), &errors, decision);
    return kdm_multi_reply(tx, args, kdm_buf_str(&errors), error_count, kdm_buf_str(&successes));
}

/* --- actions -------------------------------------------------------------------------------- */

enum kdm_outcome kdm_document_m_create(struct kdm_tx *tx, const struct kdm_args *args)
{
    static const struct kind kind = {
        .content = KDM_STR("body"),
        .tells_outcome = true,
        .change = KDM_CHANGE_CREATE,
        .text = whole_text,
    };

    return write_many(tx, args, &kind);
}

enum kdm_outcome kdm_document_m_create_or_replace(struct kdm_tx *tx, const struct kdm_args *args)
{
    static const struct kind kind = {
        .content = KDM_STR("body"),
        .tells_outcome = true,
        .change = KDM_CHANGE_PUT,
        .text = whole_text,
    };

    return write_many(tx, args, &kind);
}

enum kdm_outcome kdm_document_m_replace(struct kdm_tx *tx, const struct kdm_args *args)
{
    static const struct kind kind = {
        .content = KDM_STR("body"),
        .needs_id = true,
        .reads = true,
        .needs_document = true,
        .tells_outcome = true,
        .change = KDM_CHANGE_REPLACE,
        .text = whole_text,
    };

    return write_many(tx, args, &kind);
}

enum kdm_outcome kdm_document_m_update(struct kdm_tx *tx, const struct kdm_args *args)
{
    static const struct kind kind = {
        .content = KDM_STR("body"),
        .needs_id = true,
        .reads = true,
        .needs_document = true,
        .tells_updated = true,
        .change = KDM_CHANGE_UPDATE,
        .text = merged_text,
    };

    return write_many(tx, args, &kind);
}

enum kdm_outcome kdm_document_m_upsert(struct kdm_tx *tx, const struct kdm_args *args)
{
    static const struct kind kind = {
        .content = KDM_STR("changes"),
        .needs_id = true,
        .reads = true,
        .tells_updated = true,
        .change = KDM_CHANGE_UPDATE,
        .text = upserted_text,
    };

    return write_many(tx, args, &kind);
}

enum kdm_outcome kdm_bulk_m_write(struct kdm_tx *tx, const struct kdm_args *args)
{
    static const struct kind kind = {
        .content = KDM_STR("body"),
        .raw = true,
        .change = KDM_CHANGE_PUT,
        .text = raw_text,
    };

    return write_many(tx, args, &kind);
}
