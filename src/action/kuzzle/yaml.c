/* yaml.c - see yaml.h. YAML reads many plain words as something else ("no", "1e3", "~"), so a text
 * is only left without quotes when it is plainly a word; in quotes JSON's and YAML's rules are the
 * same.
 */
#include "action/kuzzle/yaml.h"

#define STEP 2 /* blanks a level */

static void put_node(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val val, int indent);

/* Words that some reader takes for a boolean or null. Letter case does not matter. */
static bool reserved(struct kdm_str s)
{
    static const char *const words[] = {
        "true", "false", "null", "yes", "no", "on", "off", "y", "n"
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (s.len == strlen(words[i]) && strncasecmp(s.ptr, words[i], s.len) == 0)
            return true;
    return false;
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool plain(struct kdm_str s)
{
    if (s.len == 0 || !letter(s.ptr[0]) || reserved(s))
        return false;
    for (size_t i = 1; i < s.len; i++)
        if (!letter(s.ptr[i]) && !(s.ptr[i] >= '0' && s.ptr[i] <= '9'))
            return false;
    return true;
}

static void put_text(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val string)
{
    struct kdm_str s = kdm_val_str(arena, string);

    if (plain(s))
        kdm_buf_put(buf, s);
    else
        kdm_json_put_str(buf, s);
}

static void put_indent(struct kdm_buf *buf, int indent)
{
    memset(kdm_buf_room(buf, (size_t)indent), ' ', (size_t)indent);
    buf->len += (size_t)indent;
}

/* Behind "key:" or "-": on the same line, or below and further in. */
static void put_below(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val val, int indent)
{
    kdm_buf_char(buf, kdm_val_count(val) > 0 ? '\n' : ' ');
    put_node(arena, buf, val, indent);
}

static void put_object(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val object,
                       int indent)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, object); kdm_member_next(&it, &name, &value);) {
        put_indent(buf, indent);
        put_text(arena, buf, name);
        kdm_buf_char(buf, ':');
        put_below(arena, buf, value, indent + STEP);
    }
}

static void put_array(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val array,
                      int indent)
{
    struct kdm_val_iter it;
    struct kdm_val value;

    for (kdm_elements(&it, array); kdm_element_next(&it, &value);) {
        put_indent(buf, indent);
        kdm_buf_char(buf, '-');
        put_below(arena, buf, value, indent + STEP);
    }
}

static void put_node(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val val, int indent)
{
    enum kdm_json_type type = kdm_val_type(val);

    if (type == KDM_JSON_OBJECT && kdm_val_count(val) > 0) {
        put_object(arena, buf, val, indent);
        return;
    }
    if (type == KDM_JSON_ARRAY && kdm_val_count(val) > 0) {
        put_array(arena, buf, val, indent);
        return;
    }
    if (type == KDM_JSON_STRING)
        put_text(arena, buf, val);
    else if (type == KDM_JSON_OBJECT || type == KDM_JSON_ARRAY)
        kdm_buf_put(buf, type == KDM_JSON_OBJECT ? KDM_STR("{}") : KDM_STR("[]"));
    else
        kdm_buf_put(buf, kdm_val_text(val));
    kdm_buf_char(buf, '\n');
}

void kdm_yaml_put(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val val)
{
    put_node(arena, buf, val, 0);
}
