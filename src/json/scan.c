/* scan.c - validates a JSON text and indexes it, in one pass and without recursion.
 * This is the hottest code of the server: every frame, request body and stored
 * document goes through it. So ordinary string characters are skipped 16 at a time,
 * member names are hashed while they are in the cache, numbers are only measured
 * when their length or exponent makes an overflow possible, and duplicates are
 * looked for only where the hashes leave a doubt.
 */
#include "base/err.h"
#include "json/chars.h"
#include "json/name.h"
#include "json/number.h"

/* An object or array that is not closed yet. */
struct level {
    uint64_t seen[4]; /* one bit a name, chosen by its hash: two names on one bit may be equal */
    uint32_t node;    /* its node */
    uint32_t count;   /* members or elements so far */
    uint32_t spaces;  /* scan.spaces when it opened */
    bool object;
    bool doubt; /* two names fell on one bit of `seen` */
};

struct scan {
    struct kdm_arena *arena;
    const char *begin, *at, *end;
    struct kdm_json_node *nodes;
    uint32_t count, room, max_nodes;
    uint32_t spaces; /* runs of white space so far */
    uint32_t depth, max_depth;
    const char *reason; /* why it was refused, at `at` */
    struct level levels[2 * KDM_JSON_MAX_DEPTH];
};

/* What must come next. */
enum due { REFUSED, VALUE, FIRST_VALUE, NAME, FIRST_NAME, SEPARATOR, END };

static enum due refuse(struct scan *s, const char *at, const char *reason)
{
    s->at = at;
    s->reason = reason;
    return REFUSED;
}

/* --- nodes ------------------------------------------------------------------------------ */

static bool grow_nodes(struct scan *s)
{
    uint32_t room = s->room * 2 < s->max_nodes ? s->room * 2 : s->max_nodes;
    struct kdm_json_node *nodes;

    if (room == s->room)
        return false;
    nodes = kdm_arena_alloc(s->arena, room * sizeof(*nodes));
    memcpy(nodes, s->nodes, s->count * sizeof(*nodes));
    s->nodes = nodes;
    s->room = room;
    return true;
}

static inline bool add_node(struct scan *s, enum kdm_json_type type, uint8_t flags, const char *end,
                            uint32_t count)
{
    if (__builtin_expect(s->count == s->room, 0) && !grow_nodes(s))
        return false;
    s->nodes[s->count] = (struct kdm_json_node){
        .at = (uint32_t)(s->at - s->begin),
        .len = (uint32_t)(end - s->at),
        .next = s->count + 1,
        .count = count,
        .type = (uint8_t)type,
        .flags = flags,
    };
    s->count++;
    return true;
}

/* --- strings ---------------------------------------------------------------------------- */

static inline bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Behind one character of 2 to 4 bytes, or NULL: cut off, overlong, a surrogate, beyond U+10FFFF.
 */
static const char *skip_multibyte(const char *at, const char *end)
{
    unsigned char lead = (unsigned char)at[0];
    unsigned char low = 0x80, high = 0xbf; /* what the second byte may be */
    ptrdiff_t len = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

    if (lead < 0xc2 || lead > 0xf4 || end - at < len)
        return NULL;
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;
    if ((unsigned char)at[1] < low || (unsigned char)at[1] > high)
        return NULL;
    for (ptrdiff_t i = 2; i < len; i++) {
        if (!is_continuation(at[i]))
            return NULL;
    }
    return at + len;
}

/* The value of the four hex digits at `at`, or -1. */
static int read_hex4(const char *at, const char *end)
{
    int value = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        unsigned digit = (unsigned char)at[i] - '0';

        if (digit > 9) {
            digit = ((unsigned char)at[i] | 0x20u) - 'a' + 10;
            if (digit < 10 || digit > 15)
                return -1;
        }
        value = value << 4 | (int)digit;
    }
    return value;
}

/* Behind the escape at `at` (a backslash), or NULL. */
static const char *skip_escape(const char *at, const char *end)
{
    int code;

    if (end - at < 2)
        return NULL;
    if (at[1] != 'u')
        return at[1] != '\0' && strchr("\"\\/bfnrt", at[1]) != NULL ? at + 2 : NULL;
    code = read_hex4(at + 2, end);
    if (code < 0 || (code >= 0xdc00 && code <= 0xdfff))
        return NULL;
    if (code < 0xd800 || code > 0xdfff)
        return at + 6;
    if (end - at < 8 || at[6] != '\\' || at[7] != 'u')
        return NULL;
    code = read_hex4(at + 8, end);
    return code >= 0xdc00 && code <= 0xdfff ? at + 12 : NULL;
}

/* Behind the string whose opening quote is at s->at, or NULL (refused). */
static inline const char *scan_string(struct scan *s, uint8_t *ret_flags)
{
    const char *at = s->at + 1, *end = s->end, *next;

    *ret_flags = 0;
    for (;;) {
        at = kdm_json_skip_ordinary(at, end);
        if (__builtin_expect(at == end, 0)) {
            refuse(s, at, "a string does not end");
            return NULL;
        }
        if (__builtin_expect(*at == '"', 1))
            return at + 1;
        if (*at == '\\') {
            *ret_flags = KDM_JSON_ESCAPED;
            next = skip_escape(at, end);
        } else {
            next = skip_multibyte(at, end);
        }
        if (next == NULL) {
            refuse(s, at,
                   *at == '\\'                 ? "an invalid escape"
                   : (unsigned char)*at < 0x20 ? "a control character in a string"
                                               : "invalid UTF-8");
            return NULL;
        }
        at = next;
        while (at < end && (unsigned char)*at >= 0x80) { /* others like it mostly follow */
            next = skip_multibyte(at, end);
            if (next == NULL) {
                refuse(s, at, "invalid UTF-8");
                return NULL;
            }
            at = next;
        }
    }
}

/* The hash of the name between s->at and `end`, quotes included. */
static uint32_t hash_escaped(struct scan *s, struct kdm_str inner)
{
    char few[256];
    char *bytes = inner.len <= sizeof(few) ? few : kdm_arena_alloc(s->arena, inner.len);

    return kdm_json_name_hash(
        (struct kdm_str){ .ptr = bytes, .len = kdm_json_unescape(inner, bytes) });
}

/* --- numbers ---------------------------------------------------------------------------- */

static inline const char *skip_digits(const char *at, const char *end)
{
    while (at < end && (unsigned char)(*at - '0') <= 9)
        at++;
    return at;
}

/* Behind the number at `at`, or NULL when it is none. */
static inline const char *skip_number(const char *at, const char *end, bool *ret_integer,
                                      bool *ret_exponent)
{
    const char *digits;

    *ret_integer = true;
    *ret_exponent = false;
    at += *at == '-';
    digits = at;
    at = skip_digits(at, end);
    if (at == digits || (*digits == '0' && at - digits > 1))
        return NULL;
    if (at < end && *at == '.') {
        *ret_integer = false;
        digits = at + 1;
        at = skip_digits(digits, end);
        if (at == digits)
            return NULL;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        *ret_integer = false;
        *ret_exponent = true;
        digits = at + 1;
        if (digits < end && (*digits == '-' || *digits == '+'))
            digits++;
        at = skip_digits(digits, end);
        if (at == digits)
            return NULL;
    }
    return at;
}

static bool too_large(const char *at, const char *end)
{
    struct kdm_decimal decimal;

    kdm_decimal_read(&decimal, (struct kdm_str){ .ptr = at, .len = (size_t)(end - at) });
    return kdm_decimal_too_large(&decimal);
}

/* --- tokens ----------------------------------------------------------------------------- */

static inline void skip_space(struct scan *s)
{
    const char *at = s->at, *end = s->end;

    if (__builtin_expect(at == end || (unsigned char)*at > ' ', 1))
        return;
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    s->spaces += at > s->at;
    s->at = at;
}

/* What follows a whole value. */
static inline enum due behind_value(const struct scan *s)
{
    return s->depth == 0 ? END : SEPARATOR;
}

static inline enum due end_scalar(struct scan *s, enum kdm_json_type type, uint8_t flags,
                                  const char *end)
{
    if (!add_node(s, type, flags, end, 0))
        return refuse(s, s->at, "too many values");
    s->at = end;
    return behind_value(s);
}

static inline enum due scan_literal(struct scan *s, enum kdm_json_type type, struct kdm_str word)
{
    if ((size_t)(s->end - s->at) < word.len || memcmp(s->at, word.ptr, word.len) != 0)
        return refuse(s, s->at, "an unknown word");
    return end_scalar(s, type, 0, s->at + word.len);
}

static inline enum due scan_number(struct scan *s)
{
    bool integer, exponent;
    const char *end = skip_number(s->at, s->end, &integer, &exponent);

    if (end == NULL)
        return refuse(s, s->at, "an invalid number");
    if (__builtin_expect(exponent || end - s->at > 300, 0) && too_large(s->at, end))
        return refuse(s, s->at, "a number beyond the range of a double");
    return end_scalar(s, KDM_JSON_NUMBER, integer ? KDM_JSON_INTEGER : 0, end);
}

static inline enum due open_level(struct scan *s, bool object)
{
    if (s->depth == s->max_depth)
        return refuse(s, s->at, "too many levels");
    s->levels[s->depth++] =
        (struct level){ .node = s->count, .spaces = s->spaces, .object = object };
    if (!add_node(s, object ? KDM_JSON_OBJECT : KDM_JSON_ARRAY, 0, s->at, 0))
        return refuse(s, s->at, "too many values");
    s->at++;
    return object ? FIRST_NAME : FIRST_VALUE;
}

static bool names_repeat(const struct scan *s, uint32_t object)
{
    struct kdm_json doc = {
        .text = { .ptr = s->begin, .len = (size_t)(s->end - s->begin) },
        .nodes = s->nodes,
        .count = s->count,
    };

    return kdm_json_names_repeat(&doc, object);
}

static inline enum due close_level(struct scan *s)
{
    struct level *level = &s->levels[--s->depth];
    struct kdm_json_node *node = &s->nodes[level->node];

    s->at++;
    node->len = (uint32_t)(s->at - s->begin) - node->at;
    node->next = s->count;
    node->count = level->count;
    if (s->spaces != level->spaces)
        node->flags |= KDM_JSON_SPACED;
    if (__builtin_expect(level->doubt, 0) && names_repeat(s, level->node))
        node->flags |= KDM_JSON_DUPLICATE;
    if (s->depth > 0 && node->flags & (KDM_JSON_DUPLICATE | KDM_JSON_DIRTY))
        s->nodes[level[-1].node].flags |= KDM_JSON_DIRTY;
    return behind_value(s);
}

static inline enum due scan_value(struct scan *s)
{
    const char *end;
    uint8_t flags;

    if (s->depth > 0)
        s->levels[s->depth - 1].count += !s->levels[s->depth - 1].object;
    switch (*s->at) {
    case '"':
        end = scan_string(s, &flags);
        return end == NULL ? REFUSED : end_scalar(s, KDM_JSON_STRING, flags, end);
    case '{':
        return open_level(s, true);
    case '[':
        return open_level(s, false);
    case 't':
        return scan_literal(s, KDM_JSON_TRUE, KDM_STR("true"));
    case 'f':
        return scan_literal(s, KDM_JSON_FALSE, KDM_STR("false"));
    case 'n':
        return scan_literal(s, KDM_JSON_NULL, KDM_STR("null"));
    default:
        return scan_number(s);
    }
}

static inline enum due scan_name(struct scan *s)
{
    struct level *level = &s->levels[s->depth - 1];
    struct kdm_str inner;
    const char *end;
    uint8_t flags;
    uint32_t hash;
    uint64_t *seen, bit;

    if (*s->at != '"')
        return refuse(s, s->at, "a member name is missing");
    end = scan_string(s, &flags);
    if (end == NULL)
        return REFUSED;
    inner = (struct kdm_str){ .ptr = s->at + 1, .len = (size_t)(end - s->at) - 2 };
    hash = flags == 0 ? kdm_json_name_hash(inner) : hash_escaped(s, inner);
    seen = &level->seen[hash >> 6 & 3];
    bit = UINT64_C(1) << (hash & 63);
    level->doubt |= (*seen & bit) != 0;
    *seen |= bit;
    level->count++;
    if (!add_node(s, KDM_JSON_STRING, flags, end, hash))
        return refuse(s, s->at, "too many values");
    s->at = end;
    skip_space(s);
    if (s->at == s->end || *s->at != ':')
        return refuse(s, s->at, "a ':' is missing");
    s->at++;
    return VALUE;
}

static inline enum due scan_separator(struct scan *s)
{
    bool object = s->levels[s->depth - 1].object;

    if (*s->at == ',') {
        s->at++;
        return object ? NAME : VALUE;
    }
    if (*s->at == (object ? '}' : ']'))
        return close_level(s);
    return refuse(s, s->at, "a ',' or a closing bracket is missing");
}

static inline enum due scan_token(struct scan *s, enum due due)
{
    switch (due) {
    case FIRST_NAME:
        return *s->at == '}' ? close_level(s) : scan_name(s);
    case NAME:
        return scan_name(s);
    case FIRST_VALUE:
        return *s->at == ']' ? close_level(s) : scan_value(s);
    case VALUE:
        return scan_value(s);
    default:
        return scan_separator(s);
    }
}

static bool scan_text(struct scan *s)
{
    enum due due = VALUE;

    while (due > REFUSED && due < END) {
        skip_space(s);
        if (__builtin_expect(s->at == s->end, 0))
            due = refuse(s, s->at, "the text ends too early");
        else
            due = scan_token(s, due);
    }
    if (due == REFUSED)
        return false;
    skip_space(s);
    if (s->at < s->end)
        due = refuse(s, s->at, "something follows the value");
    return due == END;
}

/* `factor`: how many times the limits for strangers. */
static bool scan(struct kdm_arena *arena, struct kdm_str text, uint32_t factor,
                 struct kdm_json *ret_doc, struct kdm_json_error *ret_error)
{
    struct scan s;
    size_t guess = text.len / 8 + 16; /* a value and its name are about 20 bytes */

    s.arena = arena;
    s.begin = s.at = text.ptr;
    s.end = text.ptr + text.len;
    s.count = s.spaces = s.depth = 0;
    s.max_depth = KDM_JSON_MAX_DEPTH * factor;
    s.max_nodes = KDM_JSON_MAX_NODES * factor * factor;
    s.reason = "the text is too long";
    if (text.len <= INT32_MAX) {
        s.room = guess < s.max_nodes ? (uint32_t)guess : s.max_nodes;
        s.nodes = kdm_arena_alloc(arena, s.room * sizeof(*s.nodes));
        if (scan_text(&s)) {
            *ret_doc = (struct kdm_json){ .text = text, .nodes = s.nodes, .count = s.count };
            return true;
        }
    }
    if (ret_error != NULL)
        *ret_error = (struct kdm_json_error){ .at = (size_t)(s.at - s.begin), .reason = s.reason };
    return false;
}

bool kdm_json_scan(struct kdm_arena *arena, struct kdm_str text, struct kdm_json *ret_doc,
                   struct kdm_json_error *ret_error)
{
    return scan(arena, text, 1, ret_doc, ret_error);
}

struct kdm_val kdm_json_parse(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_json *doc = kdm_arena_alloc(arena, sizeof(*doc));

    KDM_ASSERT(scan(arena, text, 2, doc, NULL));
    return kdm_json_root(doc);
}
