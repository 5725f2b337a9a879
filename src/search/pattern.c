/* pattern.c - see pattern.h.
 * Regular expressions run on pcre2_dfa_match(), which keeps all states at once and reads the text a
 * single time: like Lucene's and RE2's automata it has no input that makes it backtrack for ever.
 * Its workspace bounds the states. Lucene's regular expressions are rewritten for PCRE2 group by
 * group, because the same characters mean other things there: `^` and `$` are plain characters in
 * Lucene, `a*?` is (a*)? and not a lazy star.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "search/pattern.h"
#include "base/buf.h"
#include "store/unicode.h"
#include <pcre2.h>
#include <stdio.h>

#define MAX_PATTERN       1000                /* bytes; Elasticsearch's index.max_regex_length */
#define MAX_GROUPS        50                  /* within each other */
#define MAX_REPEAT        1000                /* {n} */
#define MAX_DIGITS        9                   /* of a number in <5-120> */
#define MAX_STATES        1000                /* of PCRE2's automaton at once */
#define LEAST_STATES      50                  /* .. however long the text */
#define MAX_WORK          400000              /* states times bytes: some 8 ms */
#define WORKSPACE(states) (20 + 6 * (states)) /* ints */
#define NEST_LIMIT        5000 /* look-aheads that we write ourselves; PCRE2 counts them */

struct kdm_regexp {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
};

/* --- wildcards ------------------------------------------------------------------------ */

static size_t char_len(struct kdm_str text)
{
    struct kdm_str rest = text;

    kdm_utf8_next(&rest);
    return text.len - rest.len;
}

/* Only the last star is ever tried again: an earlier one can't do better. */
bool kdm_wildcard_match(struct kdm_str pattern, struct kdm_str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, resume = 0;

    while (t < text.len || p < pattern.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = ++p;
            resume = t;
            continue;
        }
        if (p < pattern.len && t < text.len) {
            bool escaped = pattern.ptr[p] == '\\' && p + 1 < pattern.len;
            size_t at = p + escaped;

            if (!escaped && pattern.ptr[p] == '?') {
                p++;
                t += char_len(kdm_str_from(text, t));
                continue;
            }
            if (pattern.ptr[at] == text.ptr[t]) {
                p = at + 1;
                t++;
                continue;
            }
        }
        if (star == SIZE_MAX || resume >= text.len)
            return false;
        resume += char_len(kdm_str_from(text, resume));
        p = star;
        t = resume;
    }
    return true;
}

/* --- Lucene's language ------------------------------------------------------------------ */

struct translation {
    struct kdm_str in;
    size_t at;
    int depth;
    struct kdm_buf out;
    const char *reason; /* NULL: fine so far */
};

static bool put_union(struct translation *translation);

static bool more(const struct translation *translation)
{
    return translation->at < translation->in.len;
}

static char ahead(const struct translation *translation)
{
    return translation->in.ptr[translation->at];
}

static bool wrong(struct translation *translation, const char *reason)
{
    if (translation->reason == NULL)
        translation->reason = reason;
    return false;
}

/* One plain byte; those of a longer character are never special. */
static void put_plain(struct translation *translation, char c)
{
    if (c == '\0') {
        kdm_buf_lit(&translation->out, "\\x00");
        return;
    }
    if ((unsigned char)c < 0x80 && strchr("\\^$.|?*+()[]{}-&~#", c) != NULL)
        kdm_buf_char(&translation->out, '\\');
    kdm_buf_char(&translation->out, c);
}

static bool put_escape(struct translation *translation)
{
    char c;

    translation->at++;
    if (!more(translation))
        return wrong(translation, "it ends with a backslash");
    c = ahead(translation);
    translation->at++;
    if (strchr("dDwWsS", c) != NULL && c != '\0') {
        kdm_buf_char(&translation->out, '\\');
        kdm_buf_char(&translation->out, c);
    } else {
        put_plain(translation, c);
    }
    return true;
}

static bool put_class(struct translation *translation)
{
    bool empty = true;

    translation->at++;
    kdm_buf_char(&translation->out, '[');
    if (more(translation) && ahead(translation) == '^') {
        kdm_buf_char(&translation->out, '^');
        translation->at++;
    }
    while (more(translation) && (ahead(translation) != ']' || empty)) {
        char c = ahead(translation);

        empty = false;
        if (c == '\\') {
            if (!put_escape(translation))
                return false;
            continue;
        }
        translation->at++;
        if (c == '-')
            kdm_buf_char(&translation->out, c);
        else
            put_plain(translation, c);
    }
    if (!more(translation))
        return wrong(translation, "a '[' is not closed");
    translation->at++;
    kdm_buf_char(&translation->out, ']');
    return true;
}

static bool put_quoted(struct translation *translation)
{
    translation->at++;
    kdm_buf_lit(&translation->out, "(?:");
    while (more(translation) && ahead(translation) != '"') {
        put_plain(translation, ahead(translation));
        translation->at++;
    }
    if (!more(translation))
        return wrong(translation, "a '\"' is not closed");
    translation->at++;
    kdm_buf_char(&translation->out, ')');
    return true;
}

static bool put_group(struct translation *translation)
{
    if (++translation->depth > MAX_GROUPS)
        return wrong(translation, "its groups lie too deep");
    translation->at++;
    kdm_buf_lit(&translation->out, "(?:");
    if (!put_union(translation))
        return false;
    if (!more(translation))
        return wrong(translation, "a '(' is not closed");
    translation->at++;
    translation->depth--;
    kdm_buf_char(&translation->out, ')');
    return true;
}

/* --- "<5-120>" ------------------------------------------------------------------------------ */

static void put_digits(struct kdm_buf *out, char low, char high, size_t behind)
{
    if (low > high)
        return;
    kdm_buf_printf(out, "|[%c-%c]", low, high);
    if (behind > 0)
        kdm_buf_printf(out, "[0-9]{%zu}", behind);
}

/* Numbers of `count` digits from low to high; NULL: from or to the end. As a side that is the end
 * is never looked into again, this is at most some count * count long. */
static void put_between(struct kdm_buf *out, const char *low, const char *high, size_t count)
{
    char from = low == NULL ? '0' : low[0], to = high == NULL ? '9' : high[0];

    if (count == 0)
        return;
    if (low == NULL && high == NULL) {
        kdm_buf_printf(out, "[0-9]{%zu}", count);
        return;
    }
    if (from == to) {
        kdm_buf_char(out, from);
        put_between(out, low == NULL ? NULL : low + 1, high == NULL ? NULL : high + 1, count - 1);
        return;
    }
    kdm_buf_printf(out, "(?:%c", from);
    put_between(out, low == NULL ? NULL : low + 1, NULL, count - 1);
    put_digits(out, (char)(from + 1), (char)(to - 1), count - 1);
    kdm_buf_printf(out, "|%c", to);
    put_between(out, NULL, high == NULL ? NULL : high + 1, count - 1);
    kdm_buf_char(out, ')');
}

/* Numbers of any length, whatever zeros stand before them. */
static void put_numbers(struct kdm_buf *out, long long low, long long high)
{
    long long begin = 0, end = 9;
    char from[24], to[24];

    kdm_buf_lit(out, "0*(?:");
    for (bool first = true; begin <= high; begin = end + 1, end = 10 * end + 9) {
        if (end < low)
            continue;
        if (!first)
            kdm_buf_char(out, '|');
        first = false;
        snprintf(from, sizeof(from), "%lld", begin > low ? begin : low);
        snprintf(to, sizeof(to), "%lld", end < high ? end : high);
        put_between(out, from, to, strlen(from));
    }
    kdm_buf_char(out, ')');
}

static bool take_number(struct translation *translation, char end, char *digits,
                        long long *ret_number)
{
    size_t count = 0;

    translation->at++;
    while (more(translation) && ahead(translation) >= '0' && ahead(translation) <= '9'
           && count < MAX_DIGITS)
        digits[count++] = translation->in.ptr[translation->at++];
    digits[count] = '\0';
    return more(translation) && ahead(translation) == end
           && kdm_str_int64((struct kdm_str){ digits, count }, ret_number);
}

/* Both written with as many digits: numbers of that many; else of any length. */
static bool put_interval(struct translation *translation)
{
    char a[MAX_DIGITS + 1], b[MAX_DIGITS + 1];
    struct kdm_buf *out = &translation->out;
    long long low, high;

    if (!take_number(translation, '-', a, &low) || !take_number(translation, '>', b, &high))
        return wrong(translation, "a '<' is not followed by two numbers of at most nine digits");
    translation->at++;
    kdm_buf_lit(out, "(?:");
    if (strlen(a) == strlen(b))
        put_between(out, low < high ? a : b, low < high ? b : a, strlen(a));
    else
        put_numbers(out, low < high ? low : high, low < high ? high : low);
    kdm_buf_char(out, ')');
    return true;
}

static bool put_atom(struct translation *translation)
{
    struct kdm_str rest = kdm_str_from(translation->in, translation->at);
    char c = ahead(translation);

    switch (c) {
    case '\\':
        return put_escape(translation);
    case '[':
        return put_class(translation);
    case '"':
        return put_quoted(translation);
    case '(':
        return put_group(translation);
    case '.':
        kdm_buf_char(&translation->out, '.');
        break;
    case '@':
        kdm_buf_lit(&translation->out, "(?:.*)");
        break;
    case '#':
        kdm_buf_lit(&translation->out, "(?!)");
        break;
    case '~':
        return wrong(translation, "the complement '~' is not supported");
    case '&':
        return wrong(translation, "the intersection '&' is not supported");
    case '<':
        return put_interval(translation);
    case '*':
    case '+':
    case '?':
    case '{':
        return wrong(translation, "there is nothing to repeat");
    default:
        for (size_t len = char_len(rest); len > 1; len--, translation->at++)
            kdm_buf_char(&translation->out, ahead(translation));
        put_plain(translation, ahead(translation));
    }
    translation->at++;
    return true;
}

/* "{2}", "{2,}", "{2,5}" - copied when its numbers are small enough. */
static bool put_count(struct translation *translation)
{
    int numbers[2] = { 0, 0 }, which = 0, digits = 0;
    size_t start = translation->at++;

    for (; more(translation) && ahead(translation) != '}'; translation->at++) {
        char c = ahead(translation);

        if (c == ',' && which == 0 && digits > 0) {
            which = 1;
            continue;
        }
        if (c < '0' || c > '9' || numbers[which] > MAX_REPEAT)
            return wrong(translation, "a '{' is not followed by counts");
        numbers[which] = numbers[which] * 10 + (c - '0');
        digits++;
    }
    if (!more(translation) || digits == 0 || numbers[0] > MAX_REPEAT || numbers[1] > MAX_REPEAT)
        return wrong(translation, "a '{' is not followed by counts, or they are too large");
    translation->at++;
    kdm_buf_put(&translation->out,
                (struct kdm_str){ translation->in.ptr + start, translation->at - start });
    return true;
}

/* Puts "(?:" before what was written since `start` and ")" behind it. */
static void wrap(struct translation *translation, size_t start)
{
    struct kdm_buf *out = &translation->out;

    kdm_buf_room(out, 4);
    memmove(out->ptr + start + 3, out->ptr + start, out->len - start);
    memcpy(out->ptr + start, "(?:", 3);
    out->len += 3;
    kdm_buf_char(out, ')');
}

static bool put_repeat(struct translation *translation)
{
    size_t start = translation->out.len;

    if (!put_atom(translation))
        return false;
    while (more(translation) && strchr("*+?{", ahead(translation)) != NULL
           && ahead(translation) != '\0') {
        wrap(translation, start);
        if (ahead(translation) == '{') {
            if (!put_count(translation))
                return false;
            continue;
        }
        kdm_buf_char(&translation->out, ahead(translation));
        translation->at++;
    }
    return true;
}

static bool put_union(struct translation *translation)
{
    while (more(translation) && ahead(translation) != ')') {
        if (ahead(translation) == '|') {
            kdm_buf_char(&translation->out, '|');
            translation->at++;
        } else if (!put_repeat(translation)) {
            return false;
        }
    }
    return true;
}

/* --- PCRE2 ------------------------------------------------------------------------------ */

static void *pcre_alloc(size_t size, void *arena)
{
    return kdm_arena_alloc(arena, size);
}

static void pcre_free(void *ptr, void *arena)
{
    (void)ptr;
    (void)arena; /* all of it goes with the arena */
}

static struct kdm_regexp *compile(struct kdm_arena *arena, struct kdm_str pattern, uint32_t options,
                                  struct kdm_str *ret_reason)
{
    pcre2_general_context *general = pcre2_general_context_create(pcre_alloc, pcre_free, arena);
    pcre2_compile_context *context = pcre2_compile_context_create(general);
    struct kdm_regexp *regexp = kdm_arena_zalloc(arena, sizeof(*regexp));
    PCRE2_SIZE at;
    int error;

    pcre2_set_parens_nest_limit(context, 2 * MAX_GROUPS + MAX_PATTERN);
    regexp->code = pcre2_compile((PCRE2_SPTR)(pattern.len == 0 ? "" : pattern.ptr), pattern.len,
                                 options, &error, &at, context);
    if (regexp->code == NULL) {
        char text[120];

        pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof(text));
        *ret_reason = kdm_arena_copy(arena, kdm_str_of(text));
        return NULL;
    }
    regexp->data = pcre2_match_data_create(1, general);
    regexp->context = pcre2_match_context_create(general);
    pcre2_set_match_limit(regexp->context, NEST_LIMIT);
    return regexp;
}

struct kdm_regexp *kdm_regexp_lucene(struct kdm_arena *arena, struct kdm_str pattern,
                                     bool ignore_case, struct kdm_str *ret_reason)
{
    struct translation translation = { .in = pattern };
    uint32_t options = PCRE2_UTF | PCRE2_DOTALL | PCRE2_ANCHORED | PCRE2_NO_AUTO_CAPTURE
                       | (ignore_case ? PCRE2_CASELESS : 0);

    if (pattern.len > MAX_PATTERN)
        translation.reason = "it is longer than 1000 bytes";
    kdm_buf_init(&translation.out, arena, 2 * pattern.len + 16);
    kdm_buf_lit(&translation.out, "(?:");
    if (translation.reason == NULL && put_union(&translation) && more(&translation))
        wrong(&translation, "a ')' was not opened");
    if (translation.reason != NULL) {
        *ret_reason = kdm_str_of(translation.reason);
        return NULL;
    }
    kdm_buf_lit(&translation.out, ")\\z");
    return compile(arena, kdm_buf_str(&translation.out), options, ret_reason);
}

/* Groups that RE2 knows: "(?:", "(?P<name>", "(?<name>", "(?i)", "(?i:". `at` stands behind "(?".
 */
static bool re2_group(struct kdm_str pattern, size_t at)
{
    char c = at < pattern.len ? pattern.ptr[at] : '\0';

    if (c == ':')
        return true;
    if (c == 'P')
        return at + 1 < pattern.len && pattern.ptr[at + 1] == '<';
    if (c == '<')
        return at + 1 < pattern.len && pattern.ptr[at + 1] != '=' && pattern.ptr[at + 1] != '!';
    while (at < pattern.len && pattern.ptr[at] != '\0' && strchr("imsU-", pattern.ptr[at]) != NULL)
        at++;
    return at < pattern.len && (pattern.ptr[at] == ')' || pattern.ptr[at] == ':');
}

/* What PCRE2 would take and RE2 would not: NULL when there is nothing. */
static const char *beyond_re2(struct kdm_str pattern)
{
    bool in_class = false;
    char before = '\0';

    for (size_t i = 0; i < pattern.len; i++) {
        char c = pattern.ptr[i], next = i + 1 < pattern.len ? pattern.ptr[i + 1] : '\0';

        if (c == '\\') {
            if ((next >= '1' && next <= '9') || next == 'k' || next == 'g' || next == 'K'
                || next == 'R' || next == 'X' || next == 'Z' || next == 'G')
                return "back-references and the like are not supported";
            i++;
            before = '\0';
            continue;
        }
        if (in_class) {
            in_class = c != ']';
            continue;
        }
        if (c == '[') {
            in_class = true;
            i += next == '^';
            if (i + 1 < pattern.len && pattern.ptr[i + 1] == ']')
                i++; /* a bracket that stands first is a plain one */
        }
        if (c == '(' && next == '*')
            return "there is nothing to repeat";
        if (c == '(' && next == '?' && !re2_group(pattern, i + 2))
            return "look-around and the like are not supported";
        if (c == '+' && before != '\0' && strchr("*+?}", before) != NULL)
            return "a repetition is repeated";
        before = c;
    }
    return NULL;
}

/* How many bytes at `at` stand for one character, whichever; 0: something else is there. SIZE_MAX:
 * it is an escape that takes more reading than is done here. */
static size_t atom_len(struct kdm_str pattern, size_t at)
{
    size_t end = at + 1;
    char c = pattern.ptr[at];

    if (c == '\\') {
        char next = end < pattern.len ? pattern.ptr[end] : '\0';
        bool punctuation = next > ' ' && next < 0x7f
                           && !((next | 0x20) >= 'a' && (next | 0x20) <= 'z')
                           && !(next >= '0' && next <= '9');

        return punctuation || (next != '\0' && strchr("dDwWsSnrtf", next) != NULL) ? 2 : SIZE_MAX;
    }
    if (strchr("^$|?*+(){}", c) != NULL && c != '\0')
        return 0;
    if (c != '[')
        return char_len(kdm_str_from(pattern, at));
    end += end < pattern.len && pattern.ptr[end] == '^';
    end += end < pattern.len && pattern.ptr[end] == ']';
    while (end < pattern.len && pattern.ptr[end] != ']') {
        if (pattern.ptr[end] == '[')
            return SIZE_MAX; /* "[[:alpha:]]" */
        end += pattern.ptr[end] == '\\' ? 2 : 1;
    }
    return end - at + 1;
}

/* "x+" as "xx*", which means the same. PCRE2's automaton counts the repetitions of the first, so
 * that every character at which one may have begun is a state of its own. */
static struct kdm_str without_plus(struct kdm_arena *arena, struct kdm_str pattern)
{
    struct kdm_str atom = { pattern.ptr, 0 };
    struct kdm_buf out;

    kdm_buf_init(&out, arena, 2 * pattern.len + 16);
    for (size_t at = 0; at < pattern.len;) {
        size_t len = atom_len(pattern, at);

        if (len > pattern.len - at)
            return pattern;
        if (pattern.ptr[at] == '+' && atom.len > 0) {
            kdm_buf_put(&out, atom);
            kdm_buf_char(&out, '*');
        } else {
            kdm_buf_put(&out, (struct kdm_str){ pattern.ptr + at, len == 0 ? 1 : len });
        }
        atom = (struct kdm_str){ pattern.ptr + at, len };
        at += len == 0 ? 1 : len;
    }
    return kdm_buf_str(&out);
}

/* By itself: in a group around it, "a)(b" would become valid. */
static bool compiles(struct kdm_arena *arena, struct kdm_str pattern, uint32_t options,
                     struct kdm_str *ret_reason)
{
    struct kdm_arena scratch;
    bool valid;

    kdm_arena_init(&scratch, 4096);
    valid = compile(&scratch, pattern, options, ret_reason) != NULL;
    if (!valid)
        *ret_reason = kdm_arena_copy(arena, *ret_reason);
    kdm_arena_fini(&scratch);
    return valid;
}

struct kdm_regexp *kdm_regexp_re2(struct kdm_arena *arena, struct kdm_str pattern,
                                  struct kdm_str flags, struct kdm_str *ret_reason)
{
    const char *reason =
        pattern.len > MAX_PATTERN ? "it is longer than 1000 bytes" : beyond_re2(pattern);
    uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;
    struct kdm_buf found;

    if (reason != NULL) {
        *ret_reason = kdm_str_of(reason);
        return NULL;
    }
    for (size_t i = 0; i < flags.len; i++)
        options |= flags.ptr[i] == 'i'   ? PCRE2_CASELESS
                   : flags.ptr[i] == 'm' ? PCRE2_MULTILINE
                   : flags.ptr[i] == 's' ? PCRE2_DOTALL
                                         : 0;
    if (!compiles(arena, pattern, options, ret_reason))
        return NULL;
    kdm_buf_init(&found, arena, pattern.len + 16);
    kdm_buf_lit(&found, "(?s:.*)(?:");
    kdm_buf_put(&found, without_plus(arena, pattern));
    kdm_buf_char(&found, ')');
    return compile(arena, kdm_buf_str(&found), options | PCRE2_ANCHORED, ret_reason);
}

/* The longer the text, the fewer states may be alive at each of its characters. */
static size_t states_for(struct kdm_str text)
{
    size_t states = MAX_WORK / (text.len + 1);

    return states > MAX_STATES ? MAX_STATES : states < LEAST_STATES ? LEAST_STATES : states;
}

enum kdm_regexp_result kdm_regexp_match(struct kdm_regexp *regexp, struct kdm_str text)
{
    int workspace[WORKSPACE(MAX_STATES)]; /* on the stack: 24 KB are too much for each expression */
    int result = pcre2_dfa_match(regexp->code, (PCRE2_SPTR)(text.len == 0 ? "" : text.ptr),
                                 text.len, 0, PCRE2_NO_UTF_CHECK | PCRE2_DFA_SHORTEST, regexp->data,
                                 regexp->context, workspace, WORKSPACE(states_for(text)));

    if (result >= 0)
        return KDM_REGEXP_YES;
    return result == PCRE2_ERROR_NOMATCH ? KDM_REGEXP_NO : KDM_REGEXP_TOO_COSTLY;
}
