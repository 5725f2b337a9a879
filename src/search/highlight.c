/* highlight.c - finding the words that a query asked for, and the fragments around them.
 * Each value of a field is analyzed again, its words are tested by the query's own clauses, and
 * fragments are cut at sentences as Elasticsearch's unified highlighter does: from the sentence of
 * a found word on, as many sentences as the size allows; longer sentences are cut at blanks.
 */
#include "search/highlight.h"
#include "search/phrase.h"
#include "search/values.h"
#include "store/unicode.h"
#include <stdlib.h>

#define MAX_FRAGMENTS 1000 /* found in a field before the best are chosen */

struct fragment {
    struct kdm_str text;
    const struct kdm_str *words; /* found in it, in order */
    size_t count;
    size_t place; /* in the order of the document */
};

struct field_work {
    struct kdm_arena *scratch;
    const struct kdm_highlight *highlight;
    const struct kdm_highlight_field *field;
    struct fragment *fragments; /* their room doubles */
    size_t count;
    struct kdm_str first; /* value, for no_match_size */
};

/* --- which words ------------------------------------------------------------------------------ */

struct value {
    struct field_work *work;
    struct kdm_tokens tokens;
    bool *found; /* by token */
};

static void find_words(struct value *value, const struct kdm_query *query);

static void find_in(struct value *value, const struct kdm_query_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        find_words(value, list->items[i]);
}

struct phrase_test {
    const struct kdm_query *query;
    const struct kdm_str *words;
};

static bool word_fits(void *ctx, size_t slot, size_t at)
{
    const struct phrase_test *test = ctx;
    const struct kdm_query *query = test->query;

    return query->last_is_prefix && slot + 1 == query->tokens.count
               ? kdm_str_starts(test->words[at], query->tokens.items[slot])
               : kdm_str_eq(test->words[at], query->tokens.items[slot]);
}

/* Words of a phrase count where the phrase stands. */
static void find_phrase(struct value *value, const struct kdm_query *query)
{
    size_t window = query->tokens.count + query->slop;

    for (size_t at = 0; at < value->tokens.count; at++) {
        struct phrase_test test = { query, value->tokens.items + at };
        size_t left = value->tokens.count - at, count = left < window ? left : window;

        if (kdm_phrase_count(value->work->scratch, word_fits, &test, query->tokens.count, count,
                             query->slop, true)
            == 0)
            continue;
        for (size_t i = 0; i < count; i++)
            for (size_t slot = 0; slot < query->tokens.count; slot++)
                if ((query->slop > 0 || i == slot) && word_fits(&test, slot, i))
                    value->found[at + i] = true;
    }
}

static bool fits(struct value *value, const struct kdm_query *query, struct kdm_str word)
{
    if (query->kind != KDM_QUERY_MATCH)
        return kdm_query_text_fits(query, value->work->scratch, word) == KDM_REGEXP_YES;
    for (size_t i = 0; i < query->tokens.count; i++)
        if (kdm_str_eq(query->tokens.items[i], word))
            return true;
    return false;
}

static bool asks_of(const struct value *value, const struct kdm_query *query)
{
    const struct kdm_highlight_field *field = value->work->field;

    if (query->field == NULL)
        return false;
    return query->field == field->field
           || (field->options.any_field
               && (query->field->type == KDM_FIELD_TEXT || query->field->type == KDM_FIELD_KEYWORD)
               && query->field != &kdm_query_id);
}

static void find_words(struct value *value, const struct kdm_query *query)
{
    switch ((enum kdm_query_kind)query->kind) {
    case KDM_QUERY_BOOL:
        find_in(value, &query->must);
        find_in(value, &query->filter);
        find_in(value, &query->should);
        return;
    case KDM_QUERY_CONSTANT:
    case KDM_QUERY_BOOSTING:
    case KDM_QUERY_NESTED:
        find_words(value, query->child);
        return;
    case KDM_QUERY_PHRASE:
        if (asks_of(value, query))
            find_phrase(value, query);
        return;
    case KDM_QUERY_MATCH:
    case KDM_QUERY_TERMS:
    case KDM_QUERY_PREFIX:
    case KDM_QUERY_WILDCARD:
    case KDM_QUERY_REGEXP:
    case KDM_QUERY_FUZZY:
        for (size_t i = 0; asks_of(value, query) && i < value->tokens.count; i++)
            if (!value->found[i])
                value->found[i] = fits(value, query, value->tokens.items[i]);
        return;
    default:
        return;
    }
}

/* --- where to cut ----------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Behind the sentence that begins at `at`, blanks included. */
static size_t sentence_end(struct kdm_str text, size_t at)
{
    for (; at < text.len; at++) {
        char c = text.ptr[at];

        if (c == '\n'
            || ((c == '.' || c == '!' || c == '?') && at + 1 < text.len
                && is_blank(text.ptr[at + 1]))) {
            for (at++; at < text.len && is_blank(text.ptr[at]);)
                at++;
            return at;
        }
    }
    return text.len;
}

static size_t characters(struct kdm_str text, size_t begin, size_t end)
{
    return kdm_utf8_count((struct kdm_str){ text.ptr + begin, end - begin });
}

/* `count` characters before or behind `at`, then to the next blank inwards. */
static size_t step_back(struct kdm_str text, size_t at, size_t least, size_t count)
{
    size_t begin = at;

    while (begin > least && count > 0)
        count -= ((unsigned char)text.ptr[--begin] & 0xc0) != 0x80;
    while (begin > least && begin < at && !is_blank(text.ptr[begin - 1]))
        begin++;
    return begin;
}

static size_t step_on(struct kdm_str text, size_t at, size_t most, size_t count)
{
    size_t end = at, blank;

    while (end < most && count > 0) {
        end++;
        while (end < most && ((unsigned char)text.ptr[end] & 0xc0) == 0x80)
            end++;
        count--;
    }
    for (blank = end; end < most && blank > at && !is_blank(text.ptr[blank]);)
        blank--;
    return blank > at ? blank : end;
}

/* The fragment around a word; nothing before `least`. */
static void cut(struct kdm_str text, struct kdm_str word, size_t least, size_t size,
                size_t *ret_begin, size_t *ret_end)
{
    size_t from = (size_t)(word.ptr - text.ptr), behind = from + word.len, begin = least, end, next;

    for (end = sentence_end(text, begin); end <= from; end = sentence_end(text, begin))
        begin = end;
    if (characters(text, begin, end) > size) {
        size_t rest = characters(text, from, end);

        begin = step_back(text, from, begin, rest < size ? size - rest : 0);
        end = step_on(text, begin, end, size);
        if (end < behind)
            end = behind;
    } else {
        for (next = sentence_end(text, end); next > end && characters(text, begin, next) <= size;
             next = sentence_end(text, end))
            end = next;
    }
    *ret_begin = begin;
    *ret_end = end;
}

static struct kdm_str trimmed(struct kdm_str text)
{
    while (text.len > 0 && is_blank(text.ptr[0]))
        text = kdm_str_from(text, 1);
    while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

/* --- fragments -------------------------------------------------------------------------------- */

static void add_fragment(struct field_work *work, struct kdm_str text, const struct kdm_str *words,
                         size_t count)
{
    if (work->count == MAX_FRAGMENTS)
        return;
    work->fragments =
        kdm_arena_more(work->scratch, work->fragments, work->count, sizeof(*work->fragments));
    work->fragments[work->count] = (struct fragment){ text, words, count, work->count };
    work->count++;
}

/* `words` lie in `text`, in order. */
static void cut_all(struct field_work *work, struct kdm_str text, const struct kdm_str *words,
                    size_t count)
{
    const struct kdm_highlight_options *options = &work->field->options;
    size_t begin, end = 0, first = 0;

    if (options->fragments == 0 || options->fragment_size == 0
        || work->field->field->type == KDM_FIELD_KEYWORD) {
        add_fragment(work, text, words, count);
        return;
    }
    while (first < count) {
        size_t behind = first + 1;

        cut(text, words[first], end, (size_t)options->fragment_size, &begin, &end);
        while (behind < count && words[behind].ptr + words[behind].len <= text.ptr + end)
            behind++;
        add_fragment(work, trimmed((struct kdm_str){ text.ptr + begin, end - begin }),
                     words + first, behind - first);
        first = behind;
        if (first < count && words[first].ptr < text.ptr + end)
            end = (size_t)(words[first].ptr - text.ptr); /* the cut went through it */
    }
}

/* One value of the field. */
static bool on_value(void *ctx, struct kdm_val scalar)
{
    struct field_work *work = ctx;
    const struct kdm_field *field = work->field->field;
    enum kdm_analyzer analyzer =
        field->type == KDM_FIELD_TEXT ? (enum kdm_analyzer)field->analyzer : KDM_ANALYZER_KEYWORD;
    struct kdm_str text = kdm_scalar_text(work->scratch, scalar), *spans, *words;
    struct value value = { .work = work };
    size_t count = 0;

    if (kdm_str_none(text) || text.len == 0)
        return false;
    if (kdm_str_none(work->first))
        work->first = text;
    value.tokens = kdm_analyze_spans(work->scratch, analyzer, text, &spans);
    if (field->lowercase)
        value.tokens.items[0] = kdm_lower_case(work->scratch, text);
    value.found = kdm_arena_zalloc(work->scratch, value.tokens.count + 1);
    find_words(&value, work->highlight->query);
    words = kdm_arena_alloc(work->scratch, (value.tokens.count + 1) * sizeof(*words));
    for (size_t i = 0; i < value.tokens.count; i++)
        if (value.found[i])
            words[count++] = spans[i];
    if (count > 0)
        cut_all(work, text, words, count);
    return false;
}

static int by_count(const void *a, const void *b)
{
    const struct fragment *x = a, *y = b;

    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static int by_place(const void *a, const void *b)
{
    const struct fragment *x = a, *y = b;

    return (x->place > y->place) - (x->place < y->place);
}

static void choose(struct field_work *work)
{
    const struct kdm_highlight_options *options = &work->field->options;
    size_t most = options->fragments == 0 ? SIZE_MAX : (size_t)options->fragments;

    if (work->count == 0)
        return;
    qsort(work->fragments, work->count, sizeof(*work->fragments), by_count);
    if (work->count > most)
        work->count = most;
    if (!options->by_score)
        qsort(work->fragments, work->count, sizeof(*work->fragments), by_place);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void put_text(struct kdm_buf *buf, struct kdm_str text, bool html)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (html && c == '<')
            kdm_buf_lit(buf, "&lt;");
        else if (html && c == '>')
            kdm_buf_lit(buf, "&gt;");
        else if (html && c == '&')
            kdm_buf_lit(buf, "&amp;");
        else if (html && c == '"')
            kdm_buf_lit(buf, "&quot;");
        else
            kdm_buf_char(buf, c);
    }
}

static void put_fragment(struct field_work *work, const struct fragment *fragment,
                         struct kdm_buf *buf)
{
    const struct kdm_highlight_options *options = &work->field->options;
    const char *at = fragment->text.ptr, *end = at + fragment->text.len;
    struct kdm_buf marked;

    kdm_buf_init(&marked, work->scratch, fragment->text.len + 64);
    for (size_t i = 0; i < fragment->count; i++) {
        struct kdm_str word = fragment->words[i];

        if (word.ptr < at || word.ptr + word.len > end)
            continue;
        put_text(&marked, (struct kdm_str){ at, (size_t)(word.ptr - at) }, options->html);
        kdm_buf_put(&marked, options->before);
        put_text(&marked, word, options->html);
        kdm_buf_put(&marked, options->after);
        at = word.ptr + word.len;
    }
    put_text(&marked, (struct kdm_str){ at, (size_t)(end - at) }, options->html);
    kdm_json_put_str(buf, kdm_buf_str(&marked));
}

static void add_begin(struct field_work *work)
{
    size_t size = (size_t)work->field->options.no_match_size;

    if (work->count == 0 && size > 0 && !kdm_str_none(work->first))
        add_fragment(work,
                     trimmed((struct kdm_str){ work->first.ptr,
                                               step_on(work->first, 0, work->first.len, size) }),
                     NULL, 0);
}

/* "field":[..]; false: there is nothing to show of it. */
static bool put_field(struct field_work *work, struct kdm_val source, bool first,
                      struct kdm_buf *buf)
{
    const struct kdm_field *field = work->field->field;

    /* Its own texts, those of nested objects too, but not what is copied to it. */
    kdm_values_at(work->scratch, source, field->sources[0], false, on_value, work);
    add_begin(work);
    choose(work);
    if (work->count == 0)
        return false;
    kdm_buf_char(buf, first ? '{' : ',');
    kdm_json_put_str(buf, field->path);
    for (size_t i = 0; i < work->count; i++) {
        kdm_buf_put(buf, i == 0 ? KDM_STR(":[") : KDM_STR(","));
        put_fragment(work, &work->fragments[i], buf);
    }
    kdm_buf_char(buf, ']');
    return true;
}

bool kdm_search_highlight(const struct kdm_search *search, struct kdm_val source,
                          struct kdm_buf *buf)
{
    const struct kdm_highlight *highlight = search->highlight;
    struct kdm_arena scratch; /* takes memory only when it is used */
    bool any = false;

    kdm_arena_init(&scratch, 8192);
    for (size_t i = 0; highlight != NULL && i < highlight->count; i++) {
        struct field_work work = { .scratch = &scratch,
                                   .highlight = highlight,
                                   .field = &highlight->fields[i] };

        any |= put_field(&work, source, !any, buf);
        kdm_arena_reset(&scratch);
    }
    kdm_arena_fini(&scratch);
    if (any)
        kdm_buf_char(buf, '}');
    return any;
}
