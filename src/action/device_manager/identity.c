/* identity.c - see identity.h. */
#include "action/device_manager/identity.h"
#include "search/zone.h"
#include "store/unicode.h"
#include <ctype.h>

#define NAME_MAX_CHARACTERS        256
#define DESCRIPTION_MAX_CHARACTERS 1024
#define TAGS_MAX                   100
#define TAG_KEY_MAX                50
#define TAG_VALUE_MAX              200 /* characters */

struct edit {
    struct kdm_arena *arena;
    struct kdm_dm_mismatch *mismatch;
};

static bool refuse(const struct edit *edit, struct kdm_str path, const char *expected)
{
    *edit->mismatch = (struct kdm_dm_mismatch){ .path = path, .expected = kdm_str_of(expected) };
    return false;
}

static bool is_text(const struct edit *edit, struct kdm_val val, size_t most)
{
    return kdm_val_type(val) == KDM_JSON_STRING
           && kdm_utf8_count(kdm_val_str(edit->arena, val)) <= most;
}

/* --- names ----------------------------------------------------------------------------------- */

static size_t run_of(struct kdm_str text, size_t at, int (*is)(int))
{
    size_t begin = at;

    while (at < text.len && is((unsigned char)text.ptr[at]))
        at++;
    return at - begin;
}

static bool is_separator(struct kdm_str text, size_t at)
{
    return at < text.len && (text.ptr[at] == '_' || text.ptr[at] == '-');
}

/* "en", "en_US", "zh_Hans_CN", "es-419" */
static bool is_locale(struct kdm_str text)
{
    size_t at = run_of(text, 0, islower);

    if (at < 2 || at > 3)
        return false;
    if (is_separator(text, at) && run_of(text, at + 1, isupper) == 1
        && run_of(text, at + 2, islower) == 3)
        at += 5;
    if (is_separator(text, at) && run_of(text, at + 1, isupper) == 2)
        at += 3;
    else if (is_separator(text, at) && run_of(text, at + 1, isdigit) == 3)
        at += 4;
    return at == text.len;
}

static struct kdm_str with_underscores(struct kdm_arena *arena, struct kdm_str locale)
{
    char *copy = kdm_arena_alloc(arena, locale.len);

    for (size_t i = 0; i < locale.len; i++)
        copy[i] = locale.ptr[i] == '-' ? '_' : locale.ptr[i];
    return (struct kdm_str){ .ptr = copy, .len = locale.len };
}

static bool put_locales(const struct edit *edit, struct kdm_val locales, struct kdm_buf *buf)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    kdm_buf_char(buf, '{');
    for (kdm_members(&it, locales); kdm_member_next(&it, &name, &value);) {
        struct kdm_str locale = kdm_val_str(edit->arena, name);

        if (!is_locale(locale))
            return refuse(edit, KDM_STR("name.locales"), "locales like en_US");
        if (!is_text(edit, value, NAME_MAX_CHARACTERS))
            return refuse(edit,
                          kdm_arena_printf(edit->arena, "name.locales." KDM_FMT, KDM_ARG(locale)),
                          "a text of at most 256 characters");
        kdm_json_put_name(buf, with_underscores(edit->arena, locale));
        kdm_buf_put(buf, kdm_val_text(value));
    }
    kdm_buf_char(buf, '}');
    return true;
}

static bool put_name(const struct edit *edit, struct kdm_val name, struct kdm_buf *buf)
{
    struct kdm_val text = kdm_val_get(name, KDM_STR("default"));
    struct kdm_val locales = kdm_val_get(name, KDM_STR("locales"));

    if (kdm_val_type(name) != KDM_JSON_OBJECT)
        return refuse(edit, KDM_STR("name"), "an object");
    if (!is_text(edit, text, NAME_MAX_CHARACTERS))
        return refuse(edit, KDM_STR("name.default"), "a text of at most 256 characters");
    if (!kdm_val_null(locales) && kdm_val_type(locales) != KDM_JSON_OBJECT)
        return refuse(edit, KDM_STR("name.locales"), "an object");
    kdm_json_put_name(buf, KDM_STR("name"));
    kdm_buf_lit(buf, "{\"default\":");
    kdm_buf_put(buf, kdm_val_text(text));
    kdm_buf_lit(buf, ",\"locales\":");
    if (!put_locales(edit, locales, buf))
        return false;
    kdm_buf_char(buf, '}');
    return true;
}

/* --- description and time zone ---------------------------------------------------------------- */

static bool put_description(const struct edit *edit, struct kdm_val text, struct kdm_buf *buf)
{
    if (!is_text(edit, text, DESCRIPTION_MAX_CHARACTERS))
        return refuse(edit, KDM_STR("description"), "a text of at most 1024 characters");
    kdm_json_put_name(buf, KDM_STR("description"));
    kdm_buf_put(buf, kdm_val_text(text));
    return true;
}

static int two_digits(const char *text)
{
    return isdigit((unsigned char)text[0]) && isdigit((unsigned char)text[1])
               ? (text[0] - '0') * 10 + (text[1] - '0')
               : -1;
}

/* "+08:00", between -12:00 and +14:00 */
static bool is_offset(struct kdm_str text)
{
    int hours, minutes, total;

    if (text.len != 6 || (text.ptr[0] != '+' && text.ptr[0] != '-') || text.ptr[3] != ':')
        return false;
    hours = two_digits(text.ptr + 1);
    minutes = two_digits(text.ptr + 4);
    if (hours < 0 || minutes < 0 || minutes > 59)
        return false;
    total = hours * 60 + minutes;
    return text.ptr[0] == '+' ? total <= 14 * 60 : total <= 12 * 60;
}

static bool is_zone(struct kdm_arena *arena, struct kdm_str text)
{
    const struct kdm_zone *zone;

    return is_offset(text)
           || (text.len > 0 && isalpha((unsigned char)text.ptr[0])
               && kdm_zone_find(arena, text, &zone));
}

static bool put_timezone(const struct edit *edit, struct kdm_val zone, struct kdm_buf *buf)
{
    if (kdm_val_type(zone) != KDM_JSON_STRING
        || !is_zone(edit->arena, kdm_val_str(edit->arena, zone)))
        return refuse(edit, KDM_STR("timezone"), "a time zone like +08:00 or Asia/Shanghai");
    kdm_json_put_name(buf, KDM_STR("timezone"));
    kdm_buf_put(buf, kdm_val_text(zone));
    return true;
}

/* --- tags ------------------------------------------------------------------------------------ */

static bool is_tag_key(struct kdm_str key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];

        if (!isalnum((unsigned char)c) && c != '_' && c != '-' && c != '/')
            return false;
    }
    return key.len >= 1 && key.len <= TAG_KEY_MAX;
}

/* Unicode's white space, in UTF-8. */
static const char *const blanks[] = {
    " ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\xc2\x85", "\u00a0", "\u1680",
    "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",   "\u2007", "\u2008",
    "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000",
};

static bool has_blank_end(struct kdm_str text)
{
    for (size_t i = 0; i < sizeof(blanks) / sizeof(blanks[0]); i++) {
        size_t len = strlen(blanks[i]);

        if (text.len >= len
            && (memcmp(text.ptr, blanks[i], len) == 0
                || memcmp(text.ptr + text.len - len, blanks[i], len) == 0))
            return true;
    }
    return false;
}

static bool is_tag_value(const struct edit *edit, struct kdm_val val)
{
    return is_text(edit, val, TAG_VALUE_MAX) && !has_blank_end(kdm_val_str(edit->arena, val));
}

static bool check_tags(const struct edit *edit, struct kdm_val tags)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (kdm_val_type(tags) != KDM_JSON_OBJECT)
        return refuse(edit, KDM_STR("tags"), "an object");
    for (kdm_members(&it, tags); kdm_member_next(&it, &name, &value);) {
        struct kdm_str key = kdm_val_str(edit->arena, name);

        if (!is_tag_key(key))
            return refuse(edit, KDM_STR("tags"),
                          "keys of 1 to 50 letters, digits, \"_\", \"-\" and \"/\"");
        if (!is_tag_value(edit, value))
            return refuse(edit, kdm_arena_printf(edit->arena, "tags." KDM_FMT, KDM_ARG(key)),
                          "a text of at most 200 characters without blanks at its ends");
    }
    return true;
}

static bool is_among(struct kdm_arena *arena, struct kdm_val keys, struct kdm_str key)
{
    struct kdm_val_iter it;
    struct kdm_val element;

    for (kdm_elements(&it, keys); kdm_element_next(&it, &element);) {
        if (kdm_str_eq(kdm_val_str(arena, element), key))
            return true;
    }
    return false;
}

/* What is left of `tags` without the removed ones, as JSON text. */
static struct kdm_str without(struct kdm_arena *arena, struct kdm_val tags, struct kdm_val removed)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, kdm_val_text(tags).len + 2);
    kdm_buf_char(&buf, '{');
    for (kdm_members(&it, tags); kdm_member_next(&it, &name, &value);) {
        struct kdm_str key = kdm_val_str(arena, name);

        if (is_among(arena, removed, key))
            continue;
        kdm_json_put_name(&buf, key);
        kdm_buf_put(&buf, kdm_val_text(value));
    }
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

static bool put_tags(const struct edit *edit, struct kdm_val old, struct kdm_val given,
                     struct kdm_val removed, struct kdm_buf *buf)
{
    struct kdm_arena *arena = edit->arena;
    struct kdm_val tags = kdm_val_null(old) ? kdm_json_parse(arena, KDM_STR("{}")) : old;
    struct kdm_str text;

    if (!kdm_val_null(given)) {
        if (!check_tags(edit, given))
            return false;
        tags = kdm_json_parse(arena, kdm_json_merge(arena, tags, given));
    }
    text = without(arena, tags, removed);
    tags = kdm_json_parse(arena, text);
    if (kdm_val_count(tags) > TAGS_MAX)
        return refuse(edit, KDM_STR("tags"), "at most 100 tags");
    if (kdm_val_count(tags) == 0)
        return true;
    kdm_json_put_name(buf, KDM_STR("tags"));
    kdm_buf_put(buf, text);
    return true;
}

/* --- all of it ------------------------------------------------------------------------------- */

typedef bool put_fn(const struct edit *edit, struct kdm_val val, struct kdm_buf *buf);

/* A member that is given, or kept. What is kept was checked when it came. */
static bool put_member(const struct edit *edit, const char *name, struct kdm_val old,
                       struct kdm_val given, bool whole, put_fn *put, struct kdm_buf *buf)
{
    struct kdm_val kept = kdm_val_get(old, kdm_str_of(name));

    if (!kdm_val_null(given))
        return put(edit, given, buf);
    if (whole || kdm_val_null(kept))
        return true;
    kdm_json_put_name(buf, kdm_str_of(name));
    kdm_buf_put(buf, kdm_val_text(kept));
    return true;
}

bool kdm_dm_identity_apply(struct kdm_arena *arena, struct kdm_val old,
                           const struct kdm_dm_identity_edit *edit, struct kdm_str *ret_dialect,
                           struct kdm_dm_mismatch *ret_mismatch)
{
    static const struct kdm_str ours[] = { KDM_STR("name"), KDM_STR("description"),
                                           KDM_STR("timezone"), KDM_STR("tags") };
    const struct edit run = { .arena = arena, .mismatch = ret_mismatch };
    struct kdm_val old_tags = edit->whole ? KDM_VAL_NONE : kdm_val_get(old, KDM_STR("tags"));
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 256);
    kdm_buf_char(&buf, '{');
    kdm_json_put_members_except(&buf, old, ours, sizeof(ours) / sizeof(ours[0]));
    if (!put_member(&run, "name", old, edit->name, edit->whole, put_name, &buf)
        || !put_member(&run, "description", old, edit->description, edit->whole, put_description,
                       &buf)
        || !put_member(&run, "timezone", old, edit->timezone, edit->whole, put_timezone, &buf)
        || !put_tags(&run, old_tags, edit->tags, edit->remove_tags, &buf))
        return false;
    kdm_buf_char(&buf, '}');
    *ret_dialect = buf.len > 2 ? kdm_buf_str(&buf) : KDM_STR_NONE;
    return true;
}

struct kdm_str kdm_dm_next_etag(struct kdm_arena *arena, struct kdm_val old, struct kdm_str text)
{
    struct kdm_val dialect = kdm_val_get(old, KDM_STR("dialect"));
    int64_t etag;

    if (!kdm_val_int64(kdm_val_get(dialect, KDM_STR("etag")), &etag))
        return text;
    return kdm_json_set_path(arena, kdm_json_parse(arena, text), KDM_STR("dialect.etag"),
                             kdm_arena_printf(arena, "%lld", (long long)etag + 1));
}
