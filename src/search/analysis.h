/* analysis.h - text into tokens, as the analyzers of mappings do it.
 * standard: words of letters, digits and '_' in lower case; an apostrophe, dot or colon between two
 * letters and a dot or comma between two digits belong to the word (Unicode's word boundaries in
 * short), an ideograph is a word of its own. english takes off possessives, leaves out stop words
 * and stems by Porter's algorithm; french takes off elided articles, leaves out stop words and
 * stems by Snowball's. Words left out leave no gap: positions count those that stay. Pure functions
 * over an arena.
 */
#ifndef KDM_SEARCH_ANALYSIS_H
#define KDM_SEARCH_ANALYSIS_H

#include "store/mapping.h"

struct kdm_tokens {
    struct kdm_str *items; /* in the order of the text; a token's index is its position */
    size_t count;
};

struct kdm_tokens kdm_analyze(struct kdm_arena *arena, enum kdm_analyzer analyzer,
                              struct kdm_str text);

/* The same; *ret_spans[i] is the part of `text` that token i was made of. */
struct kdm_tokens kdm_analyze_spans(struct kdm_arena *arena, enum kdm_analyzer analyzer,
                                    struct kdm_str text, struct kdm_str **ret_spans);

/* In the arena; `text` itself when it is lower case already. */
struct kdm_str kdm_lower_case(struct kdm_arena *arena, struct kdm_str text);

#endif
