/* sweep.c - tokens whose time is over are removed, page by page, and revoked ones that would never
 * be over, so that what is stored does not grow with every login. Each node does it; a document
 * that another has removed already is none of ours.
 */
#include "base/clock.h"
#include "base/log.h"
#include "security/guard.h"
#include "security/token.h"

#define EVERY_MS 600000 /* from one walk to the next */
#define PAGE_MS  30000  /* deadline of a page */
#define KEPT_MS  60000  /* clocks differ: another node may still believe in it */

static bool is_over(struct kdm_val source, int64_t now)
{
    int64_t expires_at;

    return kdm_val_int64(kdm_val_get(source, KDM_STR("expiresAt")), &expires_at) && expires_at >= 0
           && now > expires_at + KEPT_MS;
}

static bool is_endless(struct kdm_val source)
{
    int64_t expires_at;

    return kdm_val_int64(kdm_val_get(source, KDM_STR("expiresAt")), &expires_at) && expires_at < 0;
}

/* What is over, and what would be kept for good though it may have been revoked with all others of
 * its user. */
static bool is_suspect(void *ctx, struct kdm_str id, struct kdm_val source)
{
    const int64_t *now = ctx;

    (void)id;
    return is_over(source, *now) || is_endless(source);
}

/* Stages the end of those that are dead. All are asked for before the first is waited for. */
static bool stage_dead(struct kdm_tx *tx, struct kdm_collection *tokens,
                       const struct kdm_doc_list *suspects, size_t *ret_count)
{
    bool complete = true;

    *ret_count = 0;
    for (size_t i = 0; i < suspects->count; i++) {
        struct kdm_doc *doc = suspects->items[i];
        struct kdm_val source = kdm_doc_source(tx, doc);
        bool dead = is_over(source, kdm_tx_now(tx));

        if (!dead && !kdm_token_outdated(tx, source, &dead)) {
            complete = false;
        } else if (dead) {
            kdm_tx_delete(tx, tokens, doc->id, doc, KDM_WRITE_SILENT);
            *ret_count += 1;
        }
    }
    return complete;
}

static enum kdm_outcome sweep_page(struct kdm_tx *tx, void *ctx)
{
    struct kdm_security *security = ctx;
    int64_t *now = kdm_arena_alloc(kdm_tx_arena(tx), sizeof(*now));
    struct kdm_collection *tokens;
    struct kdm_doc_list suspects;
    struct kdm_str next;
    size_t dead;

    *now = kdm_tx_now(tx);
    if (!kdm_security_collection(tx, KDM_SECURITY_TOKENS, &tokens)
        || !kdm_tx_scan_page(tx, tokens, security->sweep_cursor, is_suspect, now, &suspects, &next)
        || !stage_dead(tx, tokens, &suspects, &dead) || (dead > 0 && !kdm_tx_commit_each(tx)))
        return KDM_WAIT;
    return kdm_tx_reply(tx, next);
}

static void on_page(struct kdm_tx *tx, void *ctx)
{
    struct kdm_security *security = ctx;
    bool failed = kdm_tx_failure(tx)->err != KDM_OK;
    char cursor[24];
    struct kdm_str next = failed ? KDM_STR("0") : kdm_tx_result(tx);
    size_t len = next.len < sizeof(cursor) ? next.len : 0;

    memcpy(cursor, next.ptr, len);
    security->sweep = NULL;
    security->sweep_ended = true;
    kdm_tx_release(tx);
    kdm_arena_reset(&security->sweep_arena);
    security->sweep_cursor =
        kdm_arena_copy(&security->sweep_arena, (struct kdm_str){ cursor, len });
    if (kdm_str_eq(security->sweep_cursor, KDM_STR("0")))
        security->swept_ms = kdm_clock_monotonic_ms();
}

static void start_page(struct kdm_security *security)
{
    struct kdm_tx_start start = { .arena = &security->sweep_arena,
                                  .deadline_ms = kdm_clock_monotonic_ms() + PAGE_MS,
                                  .fn = sweep_page,
                                  .done = on_page,
                                  .ctx = security };
    struct kdm_tx *tx;

    start.origin.controller = KDM_STR("auth");
    start.origin.action = KDM_STR("sweep");
    start.origin.protocol = "funnel";
    start.origin.timestamp = kdm_clock_ms();
    security->sweep_ended = false;
    tx = kdm_tx_run(security->engine, &start);
    if (!security->sweep_ended)
        security->sweep = tx;
}

void kdm_sweep_go_on(struct kdm_security *security)
{
    bool between = kdm_str_eq(security->sweep_cursor, KDM_STR("0"));

    if (security->sweep != NULL || !kdm_guard_fresh(security)
        || (between && kdm_clock_monotonic_ms() < security->swept_ms + EVERY_MS))
        return;
    start_page(security);
}

void kdm_sweep_stop(struct kdm_security *security)
{
    kdm_tx_release(security->sweep);
    kdm_arena_fini(&security->sweep_arena);
}
