/* actionhub.h - ActionHub: products or pages and their labels, by program (reference dialects.md
 * 2). actionhub.c         configuration, keys, failures actionhub_body.c    what may be in a body,
 * and every violation told (pure) actionhub_assets.c  POST /assets Loop thread only.
 */
#ifndef KDM_DIALECT_ACTIONHUB_H
#define KDM_DIALECT_ACTIONHUB_H

#include "api/door.h"
#include "dialect/config.h"

/* A key, and what it opens. */
struct kdm_actionhub_key {
    struct kdm_str key;
    struct kdm_dialect_texts programs;
    bool admin; /* every program, and making new ones */
};

struct kdm_actionhub {
    struct kdm_actionhub_key *keys;
    size_t key_count; /* 0: open to everybody */
};

/* Reads `dialects.actionhub`; true: it is switched on and *ret_door is filled. */
bool kdm_actionhub_configure(struct kdm_actionhub *actionhub, struct kdm_dialect_reader *reader,
                             const json_t *config, struct kdm_door *ret_door);

/* Who asks, for which program. */
struct kdm_actionhub_caller {
    struct kdm_str program; /* none: no header */
    bool anybody;           /* no key is configured */
    bool admin;
};

/* false: the key is missing, unknown or not for this program; the transaction has its 403. */
bool kdm_actionhub_enter(struct kdm_tx *tx, const struct kdm_args *args,
                         struct kdm_actionhub_caller *ret_caller);

/* {"detail":"<text>"} with this status, as the reply. */
enum kdm_outcome kdm_actionhub_detail(struct kdm_tx *tx, int status, struct kdm_str text);

/* --- bodies ---------------------------------------------------------------------------------- */

/* The violations of a request, in the order in which they are found. */
struct kdm_actionhub_issues {
    struct kdm_buf buf; /* elements of `detail`, with commas */
    size_t count;
};
void kdm_actionhub_issues_init(struct kdm_actionhub_issues *issues, struct kdm_arena *arena);
/* `where`: the loc as JSON without brackets: "header","program-id". ctx: JSON object, or none. */
void kdm_actionhub_issue(struct kdm_actionhub_issues *issues, struct kdm_str where,
                         const char *message, const char *type, struct kdm_str ctx);
/* 422 with all of them, as the reply. */
enum kdm_outcome kdm_actionhub_refuse(struct kdm_tx *tx, const struct kdm_actionhub_issues *issues);

/* The body as an object; NONE with an issue when it is none. */
struct kdm_val kdm_actionhub_body(struct kdm_arena *arena, const struct kdm_door_call *call,
                                  struct kdm_actionhub_issues *issues);

/* One asset of a body, checked. */
struct kdm_actionhub_asset {
    struct kdm_str id;
    struct kdm_val name, labels; /* NONE: not given; null: to be cleared */
};
struct kdm_actionhub_assets {
    struct kdm_actionhub_asset *items;
    size_t count;
};
/* Reads {"assets":[..]}; what is wrong becomes issues. Pure. */
void kdm_actionhub_read_assets(struct kdm_arena *arena, struct kdm_val body,
                               struct kdm_actionhub_assets *ret_assets,
                               struct kdm_actionhub_issues *issues);

#endif
