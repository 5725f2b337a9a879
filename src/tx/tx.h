/* tx.h - the replayed transaction an action runs in (design section 2).
 * An action is one straight function over a transaction: it reads, decides, stages writes, commits,
 * replies. A call that returns false means "stop here": return KDM_WAIT. Either something is not here yet -
 * it is fetched, and when all that was asked for has arrived the function runs again from the top, what it
 * read is answered from memory - or the transaction has failed (kdm_tx_fail) and ends.
 *
 * Between waits an action is pure: time and ids come from the tx, there is no static state and no side effect
 * outside. What the tx remembers is keyed by name, not by call order. A debug build runs every action twice and
 * compares what it staged and replied. All texts live in the tx's arena, as long as the transaction. Loop
 * thread only.
 */
#ifndef KDM_TX_TX_H
#define KDM_TX_TX_H

#include "base/err.h"
#include "event/bus.h"
#include "json/json.h"
#include "store/commit.h"
#include "store/scroll.h"

struct kdm_find_request;
struct kdm_found;
struct kdm_hit;
struct kdm_tx;
struct kdm_peer; /* api/peer.h */
struct kdm_user; /* api/auth.h */

enum kdm_outcome { KDM_DONE, KDM_WAIT };

/* --- who asks, and when ------------------------------------------------------------------ */

struct kdm_tx_origin {
    struct kdm_str kuid;          /* "-1": anonymous; none: the server itself ("null" in _kuzzle_info) */
    struct kdm_str request_id;
    struct kdm_str controller, action; /* of the request */
    struct kdm_str volatile_json; /* JSON text, or none */
    const char *protocol;         /* "websocket", "http", "funnel" */
    struct kdm_peer *peer;        /* by which it came; lent, gone no sooner than the transaction; NULL: none */
    const struct kdm_user *user;  /* who asks, for security/: lent; NULL: nobody, the server itself */
    int64_t timestamp;            /* ms; of notifications; a client may give its own */
};

const struct kdm_tx_origin *kdm_tx_origin(const struct kdm_tx *tx);
struct kdm_arena *kdm_tx_arena(struct kdm_tx *tx);
/* The same in every replay: when the transaction began, ms. */
int64_t kdm_tx_now(const struct kdm_tx *tx);
/* A generated id (20 characters), the same in every replay for the same `name`. */
struct kdm_str kdm_tx_id(struct kdm_tx *tx, struct kdm_str name);
/* Server-wide things an action may need (limits, metrics, ..): api/context.h's; lent. */
void *kdm_tx_context(const struct kdm_tx *tx);

/* --- failing and replying ------------------------------------------------------------------ */

/* Fails the transaction; nothing that is staged is written. Returns KDM_WAIT, so that both
 * `return kdm_tx_fail(..)` in an action and `kdm_tx_fail(..); return false` in a helper read well.
 * kdm_tx_fail(tx, KDM_ERR_X, KDM_PROPS(a, b)) or kdm_tx_fail(tx, KDM_ERR_Y, NULL, 0). */
enum kdm_outcome kdm_tx_fail(struct kdm_tx *tx, enum kdm_err err, const struct kdm_str *props, size_t count);
/* The same with a failure that was made elsewhere (checks of mappings, of queries). */
enum kdm_outcome kdm_tx_fail_with(struct kdm_tx *tx, const struct kdm_failure *failure);
const struct kdm_failure *kdm_tx_failure(const struct kdm_tx *tx); /* err KDM_OK: none */

/* The result as JSON text (in the arena); none: no result member. Returns KDM_DONE. */
enum kdm_outcome kdm_tx_reply(struct kdm_tx *tx, struct kdm_str result);
/* The result is a file: over HTTP the body of the response as it stands; its type and name are headers. For actions that
 * are there over HTTP alone; listeners see the result null. The text is of the arena. */
enum kdm_outcome kdm_tx_reply_file(struct kdm_tx *tx, struct kdm_str text);
/* Likewise, but it is made while it is sent, so that its size does not matter: first `head`, then what `line` appends to `out` for each hit of `found` (of kdm_tx_find(), with `all` and without sources),
 * in their order. A hit that has gone meanwhile, or was changed and is not what was searched for any more, is left out.
 * `line` is pure; `scratch` is reset between its calls. head and ctx are of the arena. */
typedef void kdm_tx_line_fn(const void *ctx, const struct kdm_hit *hit, struct kdm_val source, struct kdm_arena *scratch,
                            struct kdm_buf *out);
struct kdm_tx_stream {
    struct kdm_str head;
    kdm_tx_line_fn *line;
    const void *ctx;
};
enum kdm_outcome kdm_tx_reply_stream(struct kdm_tx *tx, const struct kdm_found *found,
                                     const struct kdm_tx_stream *stream);
/* A header of a successful reply: over HTTP one of the response ("content-type" takes the place of the usual one), over
 * WebSocket in the envelope's `headers` only. Names are lower-case literals; a name that is set again has the later
 * value. At most KDM_TX_HEADERS; texts are of the arena. */
#define KDM_TX_HEADERS 8
void kdm_tx_set_header(struct kdm_tx *tx, struct kdm_str name, struct kdm_str value);
/* Like HTTP; 200 unless set. */
void kdm_tx_set_status(struct kdm_tx *tx, int status);
/* Overrides `index` / `collection` of the reply's envelope (device-manager: envelopeIndex). */
void kdm_tx_set_target(struct kdm_tx *tx, struct kdm_str index, struct kdm_str collection);

/* One line for the log, the same line once a transaction whatever replays: what an administrator did, how far a long
 * action is. After the commit that it tells of. Never a secret. */
void kdm_tx_log(struct kdm_tx *tx, struct kdm_str line);

/* --- reading ------------------------------------------------------------------------------- */

/* A document as the transaction sees it: staged writes first, then what was read. */
struct kdm_doc {
    struct kdm_str id;
    struct kdm_str text;  /* JSON of its _source */
    struct kdm_val source; /* the same, scanned; KDM_VAL_NONE until kdm_doc_source() */
    uint64_t sequence;    /* 0: staged, not stored yet */
    int64_t version;
    const void *made;     /* of kdm_tx_all(): what its `make` made of it */
};

/* Its scanned source (scanned at the first call). */
struct kdm_val kdm_doc_source(struct kdm_tx *tx, struct kdm_doc *doc);

/* The collection; fails with 412 unknown_index / unknown_collection when it is not there. */
bool kdm_tx_collection(struct kdm_tx *tx, struct kdm_str index, struct kdm_str name,
                       struct kdm_collection **ret_collection);
/* The same, but NULL when it is not there. Its absence is then checked at commit too. */
bool kdm_tx_find_collection(struct kdm_tx *tx, struct kdm_str index, struct kdm_str name,
                            struct kdm_collection **ret_collection);
/* Is there such an index? Checked at commit. */
bool kdm_tx_index(struct kdm_tx *tx, struct kdm_str index, bool *ret_exists);
/* All index names, sorted; not checked at commit. */
bool kdm_tx_index_list(struct kdm_tx *tx, struct kdm_str_list *ret_names);
/* All collections of an index, sorted by name, fresh; ret_exists tells whether the index is there. Not
 * checked at commit. */
struct kdm_collection_list {
    struct kdm_collection **items;
    size_t count;
};
bool kdm_tx_collection_list(struct kdm_tx *tx, struct kdm_str index, bool *ret_exists,
                            struct kdm_collection_list *ret_list);
/* Forces a fresh look at Redis for this collection (collection:getMapping, ..): once a transaction. */
bool kdm_tx_refresh_collection(struct kdm_tx *tx, struct kdm_str index, struct kdm_str name);

/* The document, NULL when absent; checked at commit (also "was absent"). A loop over many asks for all first:
 * kdm_tx_want() each, then reads; one round trip. */
bool kdm_tx_read(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id,
                 struct kdm_doc **ret_doc);
void kdm_tx_want(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id);
/* Like kdm_tx_read for a document that will be written: lines up behind other writers of it on this node.
 * Advice only. */
bool kdm_tx_claim(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id,
                  struct kdm_doc **ret_doc);
/* Like kdm_tx_read, but its change until the commit does not matter (named so that it shows in a review). */
bool kdm_tx_read_unchecked(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id,
                           struct kdm_doc **ret_doc);
/* Does the transaction know already that the document is absent, because it read it or because a blind
 * write of it failed? */
bool kdm_tx_known_absent(struct kdm_tx *tx, const struct kdm_collection *collection, struct kdm_str id);

/* All documents of a collection that `match` accepts (NULL: all), unordered; the collection's write counter is
 * checked at commit when `checked`. match is pure; it is called between runs, so `ctx` is of the tx's arena, not of
 * the action's stack. Bounded: more than 64 MiB of texts, of all scans of a transaction, fail with 413. Sees
 * neither staged writes nor validation. Remembered under `name`. */
typedef bool kdm_tx_match_fn(void *ctx, struct kdm_str id, struct kdm_val source);
struct kdm_doc_list {
    struct kdm_doc **items;
    size_t count;
};
bool kdm_tx_scan(struct kdm_tx *tx, struct kdm_str name, struct kdm_collection *collection, bool checked,
                 kdm_tx_match_fn *match, void *ctx, struct kdm_doc_list *ret_docs);

/* All documents of a small collection that many requests read whole and few write (models), by id and scanned. The node
 * holds them over transactions; one look at the write counter in Redis tells whether they still are all there is, so
 * what comes is what a scan begun now would find. `checked` and the rest as for kdm_tx_scan(); a collection of more than
 * 8 MiB is scanned each time. `make` makes something of each document, once for as long as it is held: it is pure, the
 * arena lives as long as what it makes, and for one collection it is always the same function. NULL: nothing. */
typedef const void *kdm_tx_make_fn(struct kdm_arena *arena, const struct kdm_doc *doc);
bool kdm_tx_all(struct kdm_tx *tx, struct kdm_collection *collection, bool checked, kdm_tx_make_fn *make,
                struct kdm_doc_list *ret_docs);

/* What a search finds (projector/projector.h); now_ms and deadline_ms of the request are filled in. It sees all that was
 * acknowledged before it began, on any node, but neither staged writes nor validation. `checked`: the decision rests on
 * it, so the commit fails when somebody has written into one of the collections meanwhile. Remembered under `name`.
 * false: wait, or the transaction has failed with what is wrong in the request. */
bool kdm_tx_find(struct kdm_tx *tx, struct kdm_str name, bool checked, const struct kdm_find_request *request,
                 const struct kdm_found **ret_found);

/* One page of a collection: those of its documents that `match` accepts (see above), and the cursor of the next page.
 * Cursors are texts, good on every node; "0" is the first page, and behind the last. Over all pages each document comes
 * at least once that was there all the time. */
bool kdm_tx_scan_page(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str cursor, kdm_tx_match_fn *match,
                      void *ctx, struct kdm_doc_list *ret_docs, struct kdm_str *ret_next);

/* Opens a cursor (store/scroll.h), once; fails when there is no room for it. */
bool kdm_tx_scroll_open(struct kdm_tx *tx, const struct kdm_scroll *scroll);
/* Takes a cursor's next page, once a transaction. head none: there is no such cursor; text none: no page was left. */
struct kdm_scroll_page {
    struct kdm_str head, text;
};
bool kdm_tx_scroll_next(struct kdm_tx *tx, struct kdm_str key, int64_t ttl_ms, struct kdm_scroll_page *ret_page);

/* Number of documents and bytes (index:stats). */
bool kdm_tx_size(struct kdm_tx *tx, struct kdm_collection *collection, int64_t *ret_count, int64_t *ret_bytes);
/* INFO of Redis as text; none when it could not be had (then the call does not fail). */
bool kdm_tx_redis_info(struct kdm_tx *tx, struct kdm_str *ret_info);

/* --- writing ------------------------------------------------------------------------------- */

#define KDM_WRITE_SILENT 1u /* no notification */
#define KDM_WRITE_AGAIN  2u /* staged over a write of the same run: counts as one more version */

/* Stages a new document: the commit fails with 400 document_already_exists when it is there. */
void kdm_tx_create(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id,
                   struct kdm_str text, unsigned flags);
/* Stages a document whatever was there (createOrReplace); version and "created" are known after the commit. */
void kdm_tx_put(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id,
                struct kdm_str text, unsigned flags);
/* Stages a new state of a document that was read. `change`: REPLACE or UPDATE; changed: JSON array of dotted
 * paths for _updatedFields, or none. */
void kdm_tx_write(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_doc *doc,
                  struct kdm_str text, enum kdm_change change, struct kdm_str changed, unsigned flags);
/* Stages a deletion: of a document that was read (doc), or blindly by id (doc NULL): then a missing one makes
 * kdm_tx_known_absent() true in the next replay. */
void kdm_tx_delete(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id,
                   struct kdm_doc *doc, unsigned flags);

/* Staged twice it is made once. */
void kdm_tx_create_index(struct kdm_tx *tx, struct kdm_str index);
/* With all its collections. */
void kdm_tx_delete_index(struct kdm_tx *tx, struct kdm_str index);
/* `old` NULL: a new collection. definition: {"mappings":..,"settings":..}. */
void kdm_tx_set_collection(struct kdm_tx *tx, struct kdm_str index, struct kdm_str name,
                           struct kdm_collection *old, struct kdm_str definition);
void kdm_tx_delete_collection(struct kdm_tx *tx, struct kdm_collection *collection);
void kdm_tx_truncate(struct kdm_tx *tx, struct kdm_collection *collection);
/* A message that follows the index's feed and is stored nowhere (store/commit.h); id none: it has none. */
void kdm_tx_message(struct kdm_tx *tx, enum kdm_message what, struct kdm_str index, struct kdm_str collection,
                    struct kdm_str id, struct kdm_str text);

/* Stages a job: work larger than one commit, that starts when this commit is done and that any node resumes
 * after a crash (tx/job.h). Returns its id. */
struct kdm_str kdm_tx_job(struct kdm_tx *tx, const char *kind, struct kdm_str args_json);
/* After the commit: waits until that job is done (false: not yet). A job that outlasts the deadline goes on by
 * itself; then true with *ret_done false. */
bool kdm_tx_await_job(struct kdm_tx *tx, struct kdm_str job_id, bool *ret_done);
/* The same for a request whose reply says that it is done: one that goes on fails it with
 * services.storage.job_goes_on. *ret_result: what the job has left, which another node that ended it keeps to itself -
 * then the request fails likewise; ret_result NULL: it does not matter. */
bool kdm_tx_complete_job(struct kdm_tx *tx, struct kdm_str job_id, struct kdm_str *ret_result);

/* Commits what is staged; false until it is done. A lost race drops what was read and runs the function again.
 * An action may commit several times: in a replay the commits that are done return true at once. Then
 * - no two of them write the same document (asserted by a debug build): a replay decides an earlier part on what was
 *   read before its commit, also when all else is read again, and can't know what that part made of it;
 * - what leads to a commit that is made neither fails nor goes another way in a replay: kdm_tx_commit_made() tells. */
bool kdm_tx_commit(struct kdm_tx *tx);
/* For an action that has just made collections of the index and goes on: that they were not there, which it learned
 * before that commit, is forgotten. */
void kdm_tx_relearn(struct kdm_tx *tx, struct kdm_str index);
/* Was the next commit made already, in an earlier run? For actions that commit as often as they have to. */
bool kdm_tx_commit_made(const struct kdm_tx *tx);
/* Each write by itself: those in conflict are decided and sent again, those done stay. Returns true when all
 * are done or have failed; only for actions that are atomic per document (m*). Staged items beyond one commit's
 * limits go in several; a collection that is set along with them goes with the first, and what is left is then decided
 * again under it. */
bool kdm_tx_commit_each(struct kdm_tx *tx);

/* After a commit: what became of a document that it wrote; NULL when it wrote none by this id. */
struct kdm_written {
    int64_t version;
    bool created;
    bool existed;            /* a create of kdm_tx_commit_each() found it there: not written */
    bool absent;             /* a blind delete of kdm_tx_commit_each() found nothing */
    struct kdm_str previous; /* of a blind write: the text that was there, or none */
};
const struct kdm_written *kdm_tx_written(struct kdm_tx *tx, const struct kdm_collection *collection,
                                         struct kdm_str id);

/* Work that is too long for the loop (a password's hash): done on the thread pool, over a copy of `input`, and
 * remembered under `name`; a run with another input asks again. fn is pure but for the randomness it may want, sees
 * nothing of the transaction, and writes its answer into a buffer of its own. Fails with 503 when too much of it
 * waits already. */
typedef void kdm_tx_work_fn(struct kdm_str input, struct kdm_buf *answer);
bool kdm_tx_work(struct kdm_tx *tx, struct kdm_str name, kdm_tx_work_fn *fn, struct kdm_str input,
                 struct kdm_str *ret_answer);

/* Keeps what was costly to compute until something it may rest on is dropped (a conflict, a refreshed read, a pipe
 * run again). NULL when nothing is kept under `name` (a static string, compared as pointer). */
void *kdm_tx_kept(struct kdm_tx *tx, const char *name);
void kdm_tx_keep(struct kdm_tx *tx, const char *name, void *value);

/* Something outside of the store that is to happen once, not again in a replay, and may take its time (joining a room).
 * begin is called at the first ask for `name`, with `ctx` of the tx's arena, and has the wait settled exactly once, at
 * once or later. */
struct kdm_tx_wait;
typedef void kdm_tx_begin_fn(struct kdm_tx_wait *wait, void *ctx);
bool kdm_tx_once(struct kdm_tx *tx, struct kdm_str name, kdm_tx_begin_fn *begin, void *ctx,
                 struct kdm_str *ret_answer);
/* Ends the wait; the answer is copied. With an error the transaction fails by it. Also when the transaction has ended
 * meanwhile: then nobody hears it. */
void kdm_tx_wait_settle(struct kdm_tx_wait *wait, enum kdm_err err, struct kdm_str answer);

/* fn is called right after the reply has been handed to the peer; not when it is never sent. One a transaction; `ctx` is
 * of its arena. */
typedef void kdm_tx_replied_fn(void *ctx);
void kdm_tx_on_replied(struct kdm_tx *tx, kdm_tx_replied_fn *fn, void *ctx);

/* --- events -------------------------------------------------------------------------------- */

/* Is there anybody to tell? When not, payloads need not be built. */
bool kdm_tx_listened(struct kdm_tx *tx, struct kdm_str event);
/* Runs the event's pipes and hooks. `name` tells apart two of the same event in one action (an item's id), or
 * none. Before a commit it is repeated only when the payload's text differs from what it was given; after one
 * it runs once. false: not here yet, or a pipe refused (then the tx has failed with its error). */
bool kdm_tx_pipe(struct kdm_tx *tx, struct kdm_str event, struct kdm_str name, struct kdm_str payload,
                 struct kdm_str *ret_payload);

/* --- helpers every writer needs -------------------------------------------------------------- */

/* _kuzzle_info texts (kuzzle-semantics.md 2.1), as JSON objects. */
struct kdm_str kdm_tx_info_created(struct kdm_tx *tx);  /* author, createdAt, updatedAt null, updater null */
struct kdm_str kdm_tx_info_replaced(struct kdm_tx *tx); /* author, createdAt, updatedAt, updater now */
/* author and createdAt of `old` (a document's source) kept, updatedAt and updater now. */
struct kdm_str kdm_tx_info_updated(struct kdm_tx *tx, struct kdm_val old);
/* `object` with `_kuzzle_info` replaced by `info` (its last member). Canonical. */
struct kdm_str kdm_tx_with_info(struct kdm_tx *tx, struct kdm_val object, struct kdm_str info);

#endif
