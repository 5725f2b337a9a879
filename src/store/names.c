/* names.c - the rules of names, as plain checks of characters.
 * A name is compared with its own lower case, letter by letter, because Kuzzle asks
 * `toLowerCase(name) === name`: "é" is fine and "É" is not.
 */
#include "store/names.h"
#include "store/unicode.h"
#include <math.h>

static bool forbidden_in_name(uint32_t point)
{
    return point < 0x80 && (point == 0 || strchr("\\/*?\"<>| \t\r\n,+#:.&%", (int)point) != NULL);
}

bool kdm_name_valid(struct kdm_str name)
{
    if (name.len == 0 || name.len > KDM_NAME_MAX || kdm_str_eq(name, KDM_STR("_all"))
        || !kdm_utf8_valid(name))
        return false;
    while (name.len > 0) {
        uint32_t point = kdm_utf8_next(&name);

        if (forbidden_in_name(point) || kdm_unicode_lower(point) != point)
            return false;
    }
    return true;
}

enum kdm_err kdm_name_check_index(struct kdm_str name)
{
    return kdm_name_valid(name) ? KDM_OK : KDM_ERR_SERVICES_STORAGE_INVALID_INDEX_NAME;
}

enum kdm_err kdm_name_check_collection(struct kdm_str name)
{
    if (!kdm_name_valid(name))
        return KDM_ERR_SERVICES_STORAGE_INVALID_COLLECTION_NAME;
    if (kdm_str_eq(name, KDM_STR("_kuzzle_keep")))
        return KDM_ERR_SERVICES_STORAGE_COLLECTION_RESERVED;
    return KDM_OK;
}

struct kdm_str kdm_names_key(char space[KDM_NAMES_KEY_MAX], struct kdm_str index,
                             struct kdm_str collection)
{
    if (index.len + collection.len + 1 > KDM_NAMES_KEY_MAX)
        return KDM_STR_NONE;
    memcpy(space, index.ptr, index.len);
    space[index.len] = '\0';
    memcpy(space + index.len + 1, collection.ptr, collection.len);
    return (struct kdm_str){ .ptr = space, .len = index.len + 1 + collection.len };
}

bool kdm_doc_id_check(struct kdm_arena *arena, struct kdm_str id, struct kdm_failure *ret_failure)
{
    struct kdm_str reason;

    if (kdm_str_eq(id, KDM_STR("_search"))) {
        kdm_failure_set(ret_failure, arena, KDM_ERR_SERVICES_STORAGE_SEARCH_AS_AN_ID, NULL, 0);
        return false;
    }
    if (id.len > 0 && id.len <= KDM_DOC_ID_MAX)
        return true;
    reason = id.len == 0 ? KDM_STR("A document id can't be empty.")
                         : kdm_arena_printf(arena, "A document id can't be longer than %d bytes.",
                                            KDM_DOC_ID_MAX);
    kdm_failure_set(ret_failure, arena, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
                    KDM_PROPS(reason));
    return false;
}

bool kdm_name_is_pattern(struct kdm_str name)
{
    if (kdm_str_eq(name, KDM_STR("_all")))
        return true;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] == '*' || name.ptr[i] == ',' || name.ptr[i] == '+')
            return true;
    return false;
}

/* ms of a unit as it may be written; 0 when there is none like it. */
static double unit_ms(struct kdm_str unit)
{
    static const struct {
        const char *names; /* each between blanks */
        double ms;
    } units[] = {
        { " ms msec msecs millisecond milliseconds ", 1 },
        { " s sec secs second seconds ", 1e3 },
        { " m min mins minute minutes ", 60e3 },
        { " h hr hrs hour hours ", 3600e3 },
        { " d day days ", 86400e3 },
        { " w week weeks ", 7 * 86400e3 },
        { " y yr yrs year years ", 365.25 * 86400e3 },
    };
    char word[16] = " ";

    if (unit.len == 0)
        return 1;
    if (unit.len > sizeof(word) - 3)
        return 0;
    for (size_t i = 0; i < unit.len; i++) {
        if ((unsigned char)unit.ptr[i] >= 0x80 || !kdm_unicode_letter((unsigned char)unit.ptr[i]))
            return 0;
        word[1 + i] = (char)kdm_unicode_lower((unsigned char)unit.ptr[i]);
    }
    word[1 + unit.len] = ' ';
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strstr(units[i].names, word) != NULL)
            return units[i].ms;
    return 0;
}

/* Reads "-12.5" off the front of *text. Digits on one side of the dot are enough. */
static bool take_decimal(struct kdm_str *text, double *ret_value)
{
    double value = 0, scale = 1;
    size_t at = 0, digits = 0;
    bool negative = text->len > 0 && text->ptr[0] == '-';

    at += negative || (text->len > 0 && text->ptr[0] == '+');
    for (; at < text->len && text->ptr[at] >= '0' && text->ptr[at] <= '9'; at++, digits++)
        value = value * 10 + (text->ptr[at] - '0');
    if (at < text->len && text->ptr[at] == '.')
        for (at++; at < text->len && text->ptr[at] >= '0' && text->ptr[at] <= '9'; at++, digits++)
            value += (text->ptr[at] - '0') * (scale /= 10);
    if (digits == 0)
        return false;
    *text = kdm_str_from(*text, at);
    *ret_value = negative ? -value : value;
    return true;
}

bool kdm_duration_parse(struct kdm_str text, int64_t *ret_ms)
{
    double value, unit;

    if (text.len > 100 || !take_decimal(&text, &value))
        return false;
    while (text.len > 0 && text.ptr[0] == ' ')
        text = kdm_str_from(text, 1);
    unit = unit_ms(text);
    if (unit == 0 || fabs(value * unit) > 9007199254740992.0)
        return false;
    *ret_ms = (int64_t)llround(value * unit);
    return true;
}
