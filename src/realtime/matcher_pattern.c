/* matcher_pattern.c - regular expressions at one path.
 * To run thousands of them over every text would cost more than all the rest. Most of them can only
 * be found in a text that holds certain characters in a row: so each is filed under three such
 * characters, a gram, and only those whose gram stands in the text are run. Letters are compared in
 * lower case, so that the gram serves expressions that ignore case too. Those without a gram are
 * run always.
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
    char run[GRAM];
    size_t length; /* of the run, at most GRAM: its last characters */
    uint32_t gram; /* of the longest run so far; the last one found */
};

static void end_run(struct reader *reader)
{
    reader->length = 0;
}

static void add_to_run(struct reader *reader, char c)
{
    /* A character of several bytes may be optional as a whole; and with case ignored some letters
     * have a third form outside of ASCII (the Kelvin sign, the long s). */
    if ((unsigned char)c >= 0x80 || (reader->ignores_case && memchr("kKsS", c, 4) != NULL)) {
        end_run(reader);
        return;
    }
    if (reader->length == GRAM) {
        memmove(reader->run, reader->run + 1, GRAM - 1);
        reader->length--;
    }
    reader->run[reader->length++] = c;
}

/* Takes the gram of the run when its last character is not optional. */
static void take_gram(struct reader *reader, size_t next)
{
    char c = next < reader->pattern.len ? reader->pattern.ptr[next] : '\0';

    if (reader->length == GRAM && c != '*' && c != '?' && c != '{')
        reader->gram = gram_of(reader->run);
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
            add_to_run(reader, pattern.ptr[at + 1]);
            take_gram(reader, at + 2);
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
        add_to_run(reader, c);
        take_gram(reader, at + 1);
        return at + 1;
    }
}

/* A gram that stands in every text in which the expression is found, or 0. */
static uint32_t gram_for(const struct kdm_query *leaf)
{
    struct reader reader = { .pattern = leaf->text };

    reader.ignores_case = leaf->flags.len > 0 && memchr(leaf->flags.ptr, 'i', leaf->flags.len);
    for (size_t at = 0; at < reader.pattern.len;) {
        at = read_element(&reader, at);
        if (at == SIZE_MAX)
            return 0;
    }
    return reader.gram;
}

/* --- filing ----------------------------------------------------------------------------------- */

static struct bucket *find(const struct kdm_slots *grams, uint32_t gram)
{
    uint32_t at = kdm_slots_home(grams, gram);

    return kdm_slots_next(grams, gram, &at); /* the hash is the gram */
}

void kdm_patterns_add(struct kdm_patterns **patterns, struct kdm_leaf_condition *condition)
{
    struct bucket *bucket;

    if (*patterns == NULL)
        *patterns = kdm_zalloc(sizeof(**patterns));
    condition->gram = gram_for(condition->leaf);
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

static void wake_asked(struct kdm_run *run, const struct kdm_condition_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (kdm_condition_holds(run, list->items[i]))
            kdm_condition_wake(run, list->items[i]);
}

void kdm_patterns_wake(struct kdm_run *run, struct kdm_patterns *patterns, struct kdm_str text)
{
    wake_asked(run, &patterns->always);
    if (patterns->grams.count == 0)
        return;
    for (size_t i = 0; i + GRAM <= text.len; i++) {
        const struct bucket *bucket = find(&patterns->grams, gram_of(text.ptr + i));

        if (bucket != NULL)
            wake_asked(run, &bucket->list);
    }
}
