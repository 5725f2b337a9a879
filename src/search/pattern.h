/* pattern.h - wildcards and regular expressions with bounded work.
 * A wildcard is matched in time text x pattern at worst. Regular expressions run on PCRE2's
 * automaton, which reads a text once whatever the expression; one that needs too many states is
 * told to the caller, never taken for "no match".
 */
#ifndef KDM_SEARCH_PATTERN_H
#define KDM_SEARCH_PATTERN_H

#include "base/arena.h"

/* `*` any characters, `?` exactly one, `\` takes the next as it is. The whole text must match. */
bool kdm_wildcard_match(struct kdm_str pattern, struct kdm_str text);

struct kdm_regexp;

enum kdm_regexp_result { KDM_REGEXP_NO, KDM_REGEXP_YES, KDM_REGEXP_TOO_COSTLY };

/* Lucene's language, the whole text must match. NULL with *ret_reason (in the arena) when it is not
 * valid or uses complement or intersection. Lives in the arena, one thread at a
 * time. */
struct kdm_regexp *kdm_regexp_lucene(struct kdm_arena *arena, struct kdm_str pattern,
                                     bool ignore_case, struct kdm_str *ret_reason);

/* RE2's language as Koncorde uses it: found anywhere in the text, `flags` of i, m, s (others mean
 * nothing). */
struct kdm_regexp *kdm_regexp_re2(struct kdm_arena *arena, struct kdm_str pattern,
                                  struct kdm_str flags, struct kdm_str *ret_reason);

/* `text` must be valid UTF-8. */
enum kdm_regexp_result kdm_regexp_match(struct kdm_regexp *regexp, struct kdm_str text);

#endif
