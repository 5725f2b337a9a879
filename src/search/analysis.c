/* analysis.c - see analysis.h. One pass; a token is lowered into the arena only when it has to be.
 */
#include "search/analysis.h"
#include "search/stem.h"
#include "store/unicode.h"

#define MAX_TOKEN 255 /* characters; what is longer is cut into several, as Lucene does */

enum char_class { OTHER, LETTER, DIGIT, JOINER, IDEOGRAPH };

struct tokenizer {
    struct kdm_arena *arena;
    struct kdm_tokens tokens;
};

static void add_token(struct tokenizer *tokenizer, struct kdm_str token)
{
    struct kdm_tokens *tokens = &tokenizer->tokens;

    tokens->items =
        kdm_arena_more(tokenizer->arena, tokens->items, tokens->count, sizeof(*tokens->items));
    tokens->items[tokens->count++] = token;
}

struct kdm_str kdm_lower_case(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_str rest = text;
    struct kdm_buf buf;
    bool lower = true;

    while (rest.len > 0 && lower) {
        uint32_t point = kdm_utf8_next(&rest);

        lower = kdm_unicode_lower(point) == point;
    }
    if (lower)
        return text;
    kdm_buf_init(&buf, arena, text.len + 8);
    while (text.len > 0) {
        uint32_t point = kdm_unicode_lower(kdm_utf8_next(&text));

        buf.len += kdm_utf8_put(kdm_buf_room(&buf, 4), point);
    }
    return kdm_buf_str(&buf);
}

static enum char_class class_of(uint32_t point)
{
    if (kdm_unicode_digit(point))
        return DIGIT;
    if (point == '_')
        return JOINER;
    if (kdm_unicode_ideograph(point))
        return IDEOGRAPH;
    return kdm_unicode_letter(point) ? LETTER : OTHER;
}

static enum char_class class_ahead(struct kdm_str rest)
{
    return rest.len == 0 ? OTHER : class_of(kdm_utf8_next(&rest));
}

/* Does `point` join what stands on its two sides into one word? */
static bool joins(uint32_t point, enum char_class before, enum char_class after)
{
    bool letters = before == LETTER && after == LETTER, digits = before == DIGIT && after == DIGIT;

    switch (point) {
    case '.':
    case '\'':
    case 0x2019:
        return letters || digits;
    case ':':
    case 0xb7:
        return letters;
    case ',':
    case ';':
        return digits;
    default:
        return false;
    }
}

static void split_standard(struct tokenizer *tokenizer, struct kdm_str text)
{
    const char *start = NULL;
    enum char_class before = OTHER;
    size_t length = 0;

    while (text.len > 0) {
        const char *here = text.ptr;
        uint32_t point = kdm_utf8_next(&text);
        enum char_class class = class_of(point);
        bool inside = class != OTHER && class != IDEOGRAPH;

        if (start != NULL && class == OTHER && joins(point, before, class_ahead(text))) {
            length++;
            continue;
        }
        if (start != NULL && (!inside || length >= MAX_TOKEN)) {
            add_token(tokenizer, (struct kdm_str){ start, (size_t)(here - start) });
            start = NULL;
        }
        if (class == IDEOGRAPH)
            add_token(tokenizer, (struct kdm_str){ here, (size_t)(text.ptr - here) });
        else if (inside && start == NULL) {
            start = here;
            length = 0;
        }
        length++;
        before = class;
    }
    if (start != NULL)
        add_token(tokenizer, (struct kdm_str){ start, (size_t)(text.ptr - start) });
}

/* Runs of characters that are inside: letters for simple, no blanks for whitespace. */
static void split_runs(struct tokenizer *tokenizer, struct kdm_str text, bool letters)
{
    const char *start = NULL;

    while (text.len > 0) {
        const char *here = text.ptr;
        uint32_t point = kdm_utf8_next(&text);
        bool inside = letters ? kdm_unicode_letter(point) : !kdm_unicode_space(point);

        if (inside && start == NULL)
            start = here;
        if (!inside && start != NULL) {
            add_token(tokenizer, (struct kdm_str){ start, (size_t)(here - start) });
            start = NULL;
        }
    }
    if (start != NULL)
        add_token(tokenizer, (struct kdm_str){ start, (size_t)(text.ptr - start) });
}

/* Words as they stand in the text; whether they are to be lowered. */
static bool split(struct tokenizer *tokenizer, enum kdm_analyzer analyzer, struct kdm_str text)
{
    switch (analyzer) {
    case KDM_ANALYZER_KEYWORD:
        add_token(tokenizer, text);
        return false;
    case KDM_ANALYZER_WHITESPACE:
        split_runs(tokenizer, text, false);
        return false;
    case KDM_ANALYZER_SIMPLE:
        split_runs(tokenizer, text, true);
        return true;
    default:
        split_standard(tokenizer, text);
        return true;
    }
}

/* Lowers and stems; what is left out leaves `spans` (may be NULL) too. */
static void refine(struct kdm_arena *arena, enum kdm_analyzer analyzer, struct kdm_tokens *tokens,
                   struct kdm_str *spans)
{
    struct kdm_stemmer stemmer;
    size_t kept = 0;

    kdm_stemmer_init(&stemmer, arena, analyzer);
    for (size_t i = 0; i < tokens->count; i++) {
        struct kdm_str token = kdm_stemmer_apply(&stemmer, kdm_lower_case(arena, tokens->items[i]));

        if (kdm_str_none(token))
            continue;
        if (spans != NULL)
            spans[kept] = spans[i];
        tokens->items[kept++] = token;
    }
    tokens->count = kept;
    kdm_stemmer_fini(&stemmer);
}

static struct kdm_tokens analyze(struct kdm_arena *arena, enum kdm_analyzer analyzer,
                                 struct kdm_str text, struct kdm_str **ret_spans)
{
    struct tokenizer tokenizer = { .arena = arena };
    bool lower = split(&tokenizer, analyzer, text);
    struct kdm_tokens *tokens = &tokenizer.tokens;
    struct kdm_str *spans = NULL;

    if (ret_spans != NULL) {
        spans = *ret_spans = kdm_arena_alloc(arena, (tokens->count + 1) * sizeof(*spans));
        if (tokens->count > 0)
            memcpy(spans, tokens->items, tokens->count * sizeof(*spans));
    }
    if (analyzer == KDM_ANALYZER_ENGLISH || analyzer == KDM_ANALYZER_FRENCH)
        refine(arena, analyzer, tokens, spans);
    else
        for (size_t i = 0; lower && i < tokens->count; i++)
            tokens->items[i] = kdm_lower_case(arena, tokens->items[i]);
    return *tokens;
}

struct kdm_tokens kdm_analyze(struct kdm_arena *arena, enum kdm_analyzer analyzer,
                              struct kdm_str text)
{
    return analyze(arena, analyzer, text, NULL);
}

struct kdm_tokens kdm_analyze_spans(struct kdm_arena *arena, enum kdm_analyzer analyzer,
                                    struct kdm_str text, struct kdm_str **ret_spans)
{
    return analyze(arena, analyzer, text, ret_spans);
}
