/* matcher_pattern.c - regular expressions at one path.
 * To run thousands of them over every text would cost more than all the rest. Most of them can only
 * be found in a text that holds certain characters in a row: so each is filed under three such
 * characters, a gram, and only those whose gram (and whatever more is known to be there) stands in
 * the text are run. Letters are compared in lower case, so that the gram serves expressions that
 * ignore case too. Those without a gram are run always.
 */
#include "realtime/matcher_internal.h"
#include <stdlib.h>

#define GRAM 3

struct bucket {
    uint32_t gram;
    struct kdm_condition_list list;
};

struct kdm_patterns {
    struct kdm_slots grams; /* struct bucket by gram */
    struct kdm_condition_list always;
};

static struct bucket *find(const struct kdm_slots *grams, uint32_t gram)
{
    uint32_t at = kdm_slots_home(grams, gram);

    return kdm_slots_next(grams, gram, &at); /* the hash is the gram */
}

/* --- grams ------------------------------------------------------------------------------------ */

static unsigned char folded(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* Never 0. */
static uint32_t gram_of(const char *at)
{
    return 1u << 24 | (uint32_t)folded(at[0]) << 16 | (uint32_t)folded(at[1]) << 8
           | (uint32_t)folded(at[2]);
}

/* Reads a pattern for runs of characters that every match holds; whatever it does not understand
 * ends the run. */
struct reader {
    struct kdm_str pattern;
    bool ignores_case;
    struct kdm_buf run;
    struct kdm_str longest; /* of the runs so far; the last of equals */
};

static void end_run(struct reader *reader)
{
    if (reader->run.len >= reader->longest.len && reader->run.len >= GRAM)
        reader->longest = kdm_arena_copy(reader->run.arena, kdm_buf_str(&reader->run));
    reader->run.len = 0;
}

/* `next`: where the pattern goes on. */
static void add_to_run(struct reader *reader, char c, size_t next)
{
    char behind = next < reader->pattern.len ? reader->pattern.ptr[next] : '\0';

    /* A character of several bytes may be optional as a whole; and with case ignored some letters
     * have a third form outside of ASCII (the Kelvin sign, the long s). */
    if (behind == '*' || behind == '?' || behind == '{' || (unsigned char)c >= 0x80
        || (reader->ignores_case && memchr("kKsS", c, 4) != NULL))
        end_run(reader);
    else
        kdm_buf_char(&reader->run, c);
}

/* Behind the bracket that closes the class at `at`. */
static size_t skip_class(struct kdm_str pattern, size_t at)
{
    at++;
    if (at < pattern.len && pattern.ptr[at] == '^')
        at++;
    if (at < pattern.len && pattern.ptr[at] == ']')
        at++;
    while (at < pattern.len && pattern.ptr[at] != ']') {
        struct kdm_str rest = kdm_str_from(pattern, at);
        const char *end =
            kdm_str_starts(rest, KDM_STR("[:")) ? memmem(rest.ptr, rest.len, ":]", 2) : NULL;

        at += end != NULL ? (size_t)(end - rest.ptr) + 2 : rest.ptr[0] == '\\' ? 2 : 1;
    }
    return at + 1;
}

/* Behind the counts at `at`: "{2,5}" is no text. */
static size_t skip_counts(struct kdm_str pattern, size_t at)
{
    const char *end = memchr(pattern.ptr + at, '}', pattern.len - at);

    return end == NULL ? at + 1 : (size_t)(end - pattern.ptr) + 1;
}

/* Behind the parenthesis that closes the group at `at`. */
static size_t skip_group(struct kdm_str pattern, size_t at)
{
    size_t depth = 0;

    while (at < pattern.len) {
        switch (pattern.ptr[at]) {
        case '\\':
            at += 2;
            continue;
        case '[':
            at = skip_class(pattern, at);
            continue;
        case '(':
            depth++;
            break;
        case ')':
            depth--;
            break;
        }
        at++;
        if (depth == 0)
            break;
    }
    return at;
}

static bool is_punctuation(char c)
{
    return c > ' ' && c < 0x7f && !(c >= '0' && c <= '9')
           && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* One element of the pattern at `at`; returns where the next begins, or SIZE_MAX when nothing can
 * be said of the whole. */
static size_t read_element(struct reader *reader, size_t at)
{
    struct kdm_str pattern = reader->pattern;
    char c = pattern.ptr[at];

    switch (c) {
    case '|':
        return SIZE_MAX;
    case '\\':
        if (at + 1 >= pattern.len || pattern.ptr[at + 1] == 'Q')
            return SIZE_MAX;
        if (is_punctuation(pattern.ptr[at + 1])) {
            add_to_run(reader, pattern.ptr[at + 1], at + 2);
            return at + 2;
        }
        if (memchr("dDwWsSbB", pattern.ptr[at + 1], 8) == NULL)
            return SIZE_MAX; /* \x41, \p{L}: more follows that is not to be taken for characters */
        end_run(reader);
        return at + 2;
    case '[':
        end_run(reader);
        return skip_class(pattern, at);
    case '(':
        if (at + 1 < pattern.len && pattern.ptr[at + 1] == '?'
            && !(at + 2 < pattern.len && pattern.ptr[at + 2] == ':'))
            return SIZE_MAX; /* flags may change what follows */
        end_run(reader);
        return skip_group(pattern, at);
    case '{':
        end_run(reader);
        return skip_counts(pattern, at);
    case '*':
    case '?':
    case '+':
    case '.':
    case '^':
    case '$':
    case '}':
        end_run(reader);
        return at + 1;
    default:
        add_to_run(reader, c, at + 1);
        return at + 1;
    }
}

static bool ignores_case(const struct kdm_query *leaf)
{
    return leaf->flags.len > 0 && memchr(leaf->flags.ptr, 'i', leaf->flags.len) != NULL;
}

/* The longest run that stands in every text in which the expression is found; none: there is none,
 * or it is shorter than a gram. */
static struct kdm_str literal_of(struct kdm_arena *arena, const struct kdm_query *leaf)
{
    struct reader reader = { .pattern = leaf->text, .ignores_case = ignores_case(leaf) };

    kdm_buf_init(&reader.run, arena, 32);
    for (size_t at = 0; at < reader.pattern.len;) {
        at = read_element(&reader, at);
        if (at == SIZE_MAX)
            return KDM_STR_NONE;
    }
    end_run(&reader);
    return reader.longest;
}

/* The gram that the fewest others are filed under. */
static uint32_t rarest_gram(const struct kdm_patterns *patterns, struct kdm_str literal)
{
    uint32_t rarest = 0, least = UINT32_MAX;

    for (size_t i = literal.len; i >= GRAM; i--) {
        uint32_t gram = gram_of(literal.ptr + i - GRAM);
        const struct bucket *bucket = find(&patterns->grams, gram);
        uint32_t count = bucket == NULL ? 0 : bucket->list.count;

        if (count < least) {
            least = count;
            rarest = gram;
        }
    }
    return rarest;
}

static void read_pattern(const struct kdm_patterns *patterns, struct kdm_leaf_condition *condition)
{
    const struct kdm_query *leaf = condition->leaf;
    struct kdm_arena arena;
    struct kdm_str literal;

    kdm_arena_init(&arena, 1024);
    literal = literal_of(&arena, leaf);
    condition->gram = kdm_str_none(literal) ? 0 : rarest_gram(patterns, literal);
    condition->literal = KDM_STR_NONE;
    if (literal.len > GRAM && !ignores_case(leaf))
        condition->literal = kdm_arena_copy(&condition->arena, literal);
    kdm_arena_fini(&arena);
}

/* --- filing ----------------------------------------------------------------------------------- */

void kdm_patterns_add(struct kdm_patterns **patterns, struct kdm_leaf_condition *condition)
{
    struct bucket *bucket;

    if (*patterns == NULL)
        *patterns = kdm_zalloc(sizeof(**patterns));
    read_pattern(*patterns, condition);
    if (condition->gram == 0) {
        kdm_condition_list_add(&(*patterns)->always, &condition->base);
        return;
    }
    bucket = find(&(*patterns)->grams, condition->gram);
    if (bucket == NULL) {
        bucket = kdm_zalloc(sizeof(*bucket));
        bucket->gram = condition->gram;
        kdm_slots_add(&(*patterns)->grams, bucket->gram, bucket);
    }
    kdm_condition_list_add(&bucket->list, &condition->base);
}

void kdm_patterns_remove(struct kdm_patterns **patterns, struct kdm_leaf_condition *condition)
{
    struct bucket *bucket;

    if (condition->gram == 0) {
        kdm_condition_list_remove(&(*patterns)->always, &condition->base);
    } else {
        bucket = find(&(*patterns)->grams, condition->gram);
        kdm_condition_list_remove(&bucket->list, &condition->base);
        if (bucket->list.count == 0) {
            kdm_slots_remove(&(*patterns)->grams, bucket->gram, bucket);
            free(bucket);
        }
    }
    if ((*patterns)->always.count == 0 && (*patterns)->grams.count == 0) {
        free(*patterns);
        *patterns = NULL;
    }
}

static void wake_found(struct kdm_matching *run, struct kdm_condition *condition)
{
    if (kdm_condition_holds(run, condition))
        kdm_condition_wake(run, condition);
}

static void wake_bucket(struct kdm_matching *run, const struct bucket *bucket, struct kdm_str text)
{
    for (uint32_t i = 0; i < bucket->list.count; i++) {
        struct kdm_condition *condition = bucket->list.items[i];
        struct kdm_str literal = ((const struct kdm_leaf_condition *)condition)->literal;

        if (kdm_str_none(literal) || memmem(text.ptr, text.len, literal.ptr, literal.len) != NULL)
            wake_found(run, condition);
    }
}

void kdm_patterns_wake(struct kdm_matching *run, struct kdm_patterns *patterns, struct kdm_str text)
{
    for (uint32_t i = 0; i < patterns->always.count; i++)
        wake_found(run, patterns->always.items[i]);
    if (patterns->grams.count == 0)
        return;
    for (size_t i = 0; i + GRAM <= text.len; i++) {
        const struct bucket *bucket = find(&patterns->grams, gram_of(text.ptr + i));

        if (bucket != NULL)
            wake_bucket(run, bucket, text);
    }
}
