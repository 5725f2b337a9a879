/* highlight.h - the parts of a text that a query is about; private to search/. */
#ifndef KDM_SEARCH_HIGHLIGHT_H
#define KDM_SEARCH_HIGHLIGHT_H

#include "search/search.h"

#define KDM_HIGHLIGHT_MAX_FIELDS 256

struct kdm_highlight_options {
    struct kdm_str before, after; /* tags */
    int64_t fragment_size;        /* characters a fragment has, about; 0: the whole value */
    int64_t fragments;            /* of a field, at most; 0: the whole value, if it has a hit */
    int64_t no_match_size;        /* so much of the begin when nothing is found */
    bool any_field;               /* what the query asks of other fields counts too */
    bool by_score;                /* best fragments first; else as they come */
    bool html;                    /* the text is escaped */
};

struct kdm_highlight_field {
    const struct kdm_field *field;
    struct kdm_highlight_options options;
};

struct kdm_highlight {
    const struct kdm_query *query;
    struct kdm_highlight_field *fields; /* text and keyword */
    size_t count;
};

#endif
