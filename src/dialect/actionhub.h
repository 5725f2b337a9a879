/* actionhub.h - ActionHub: products or pages and their labels, by program (reference dialects.md
 * 2).
 *   actionhub.c           configuration, keys, failures
 *   actionhub_body.c      what may be in a body, and every violation told (pure)
 *   actionhub_assets.c    POST /assets
 *   actionhub_list.c      GET /assets, labels
 *   actionhub_programs.c  programs, and the keys that are issued with them
 * Loop thread only.
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
    const struct kdm_actionhub_key *key; /* of the configuration; NULL: none, or an issued one */
    struct kdm_str issued;               /* the one program of an issued key; or none */
};

struct kdm_actionhub_issues;

/* A key of the configuration, or one that was issued with a program. false: the operation returns
 * *ret_outcome: it waits, or the key is missing, unknown or not for this program, and the
 * transaction has its 403. */
bool kdm_actionhub_enter(struct kdm_tx *tx, const struct kdm_args *args,
                         struct kdm_actionhub_caller *ret_caller, enum kdm_outcome *ret_outcome);
/* The same, and the header that names the program is an issue when it is missing; to strangers the
 * only one, a 422 instead of their 403. */
bool kdm_actionhub_enter_program(struct kdm_tx *tx, const struct kdm_args *args,
                                 struct kdm_actionhub_caller *ret_caller,
                                 struct kdm_actionhub_issues *issues,
                                 enum kdm_outcome *ret_outcome);
/* Is the key the one that was issued with its program? *ret_program: which. false: wait. */
bool kdm_actionhub_issued(struct kdm_tx *tx, struct kdm_str key, bool *ret_is,
                          struct kdm_str *ret_program);

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

/* A JSON array of those of an array's elements that are strings, as they are written; only they
 * are searched for and listed as labels. */
struct kdm_str kdm_actionhub_strings(struct kdm_arena *arena, struct kdm_val labels);

/* One label of {"labels":[..]}, checked. */
struct kdm_actionhub_label {
    struct kdm_str label, weight; /* weight: a number as JSON text */
};
struct kdm_actionhub_labels {
    struct kdm_actionhub_label *items;
    size_t count;
};
void kdm_actionhub_read_labels(struct kdm_arena *arena, struct kdm_val body,
                               struct kdm_actionhub_labels *ret_labels,
                               struct kdm_actionhub_issues *issues);

/* Members of a body: a text, a whole number, a number; none with an issue when it is of another
 * type, or missing though it is needed. */
enum kdm_actionhub_type { KDM_ACTIONHUB_TEXT, KDM_ACTIONHUB_INTEGER, KDM_ACTIONHUB_NUMBER };
struct kdm_val kdm_actionhub_member(struct kdm_arena *arena, struct kdm_val body, const char *name,
                                    enum kdm_actionhub_type type, bool needed,
                                    struct kdm_actionhub_issues *issues);

/* search, page and size of a query. */
struct kdm_actionhub_page {
    struct kdm_str search;
    int64_t page, size; /* page from 1 */
};
void kdm_actionhub_read_page(struct kdm_arena *arena, const struct kdm_door_call *call,
                             struct kdm_actionhub_page *ret_page,
                             struct kdm_actionhub_issues *issues);

/* --- what is stored beside assets ---------------------------------------------------------------
 */

#define KDM_ACTIONHUB_MODEL      KDM_STR("ActionHubAsset")
#define KDM_ACTIONHUB_COLLECTION KDM_STR("actionhub") /* of a tenant: its program, its labels */
extern const struct kdm_str kdm_actionhub_mapping;    /* of that collection */

#endif
