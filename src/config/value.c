/* value.c - one value of one option. */
#include "config/value.h"
#include "config/units.h"

#define JSON_PREFIX "*json:"

static struct kdm_str text_of(const json_t *string)
{
    return (struct kdm_str){ .ptr = json_string_value(string), .len = json_string_length(string) };
}

/* JSON inside a text: with Kuzzle's prefix, or where it can be nothing else. */
static json_t *json_inside(const char *text, char first)
{
    if (strncmp(text, JSON_PREFIX, strlen(JSON_PREFIX)) == 0)
        return json_loads(text + strlen(JSON_PREFIX), JSON_DECODE_ANY, NULL);
    return text[0] == first ? json_loads(text, 0, NULL) : NULL;
}

json_t *kdm_value_of_text(const char *text)
{
    long long number;

    if (strncmp(text, JSON_PREFIX, strlen(JSON_PREFIX)) == 0)
        return json_inside(text, '*');
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return json_boolean(text[0] == 't');
    if (kdm_str_int64(kdm_str_of(text), &number))
        return json_integer(number);
    return json_string(text);
}

static json_t *normal_bool(const json_t *value)
{
    struct kdm_str text = text_of(value);

    if (json_is_boolean(value))
        return json_boolean(json_is_true(value));
    if (kdm_str_eq(text, KDM_STR("true")) || kdm_str_eq(text, KDM_STR("false")))
        return json_boolean(text.ptr[0] == 't');
    return NULL;
}

/* A number as it is, or text by its unit. */
static bool read_number(const struct kdm_option *option, const json_t *value, int64_t *ret_number)
{
    long long whole;

    if (json_is_integer(value)) {
        *ret_number = json_integer_value(value);
        return true;
    }
    if (!json_is_string(value))
        return false;
    if (option->type == KDM_OPTION_SIZE)
        return kdm_units_size(text_of(value), ret_number);
    if (option->type == KDM_OPTION_DURATION)
        return kdm_units_duration(text_of(value), ret_number);
    if (!kdm_str_int64(text_of(value), &whole))
        return false;
    *ret_number = whole;
    return true;
}

static json_t *normal_number(const struct kdm_option *option, const json_t *value)
{
    int64_t number;

    if (!read_number(option, value, &number) || number < option->min || number > option->max)
        return NULL;
    return json_integer(number);
}

static int word_position(const struct kdm_option *option, struct kdm_str text)
{
    for (int i = 0; option->words[i] != NULL; i++) {
        if (kdm_str_eq(kdm_str_of(option->words[i]), text))
            return i;
    }
    return -1;
}

static json_t *normal_string(const struct kdm_option *option, const json_t *value)
{
    struct kdm_str text = text_of(value);

    if (option->words != NULL && json_is_boolean(value)) /* dynamic: false */
        text = json_is_true(value) ? KDM_STR("true") : KDM_STR("false");
    if (kdm_str_none(text))
        return NULL;
    if (option->words != NULL)
        return word_position(option, text) < 0 ? NULL : json_stringn(text.ptr, text.len);
    if (text.len == 0)
        return option->optional ? json_null() : NULL;
    return json_stringn(text.ptr, text.len);
}

static json_t *split_list(const char *text)
{
    json_t *list = json_array();

    while (*text != '\0') {
        size_t len = strcspn(text, ","), skip = strspn(text, " ");
        size_t end = len;

        while (end > skip && text[end - 1] == ' ')
            end--;
        if (end > skip)
            json_array_append_new(list, json_stringn(text + skip, end - skip));
        text += len + (text[len] == ',');
    }
    return list;
}

static bool all_strings(const json_t *array)
{
    const json_t *item;
    size_t i;

    if (!json_is_array(array))
        return false;
    json_array_foreach(array, i, item)
    {
        if (!json_is_string(item) || json_string_length(item) == 0)
            return false;
    }
    return true;
}

static json_t *normal_strings(const json_t *value)
{
    json_t *list;

    if (json_is_array(value))
        list = json_deep_copy(value);
    else if (!json_is_string(value))
        return NULL;
    else if ((list = json_inside(json_string_value(value), '[')) == NULL)
        list = split_list(json_string_value(value));
    if (all_strings(list))
        return list;
    json_decref(list);
    return NULL;
}

/* The other way around: the edge wants one text. */
static json_t *normal_origins(const json_t *value)
{
    json_t *list = normal_strings(value), *text;
    const json_t *item;
    struct kdm_buf joined;
    size_t i;

    if (list == NULL)
        return NULL;
    kdm_buf_init(&joined, NULL, 64);
    json_array_foreach(list, i, item)
    {
        if (i > 0)
            kdm_buf_char(&joined, ',');
        kdm_buf_put(&joined, text_of(item));
    }
    text = joined.len == 0 ? NULL : json_stringn(joined.ptr, joined.len);
    kdm_buf_fini(&joined);
    json_decref(list);
    return text;
}

static json_t *normal_object(const json_t *value)
{
    json_t *object =
        json_is_string(value) ? json_inside(json_string_value(value), '{') : json_deep_copy(value);

    if (json_is_object(object))
        return object;
    json_decref(object);
    return NULL;
}

json_t *kdm_value_normal(const struct kdm_option *option, const json_t *value)
{
    switch ((enum kdm_option_type)option->type) {
    case KDM_OPTION_BOOL:
        return normal_bool(value);
    case KDM_OPTION_INT:
    case KDM_OPTION_SIZE:
    case KDM_OPTION_DURATION:
        return normal_number(option, value);
    case KDM_OPTION_STRING:
    case KDM_OPTION_ENUM:
        return normal_string(option, value);
    case KDM_OPTION_STRINGS:
        return normal_strings(value);
    case KDM_OPTION_ORIGINS:
        return normal_origins(value);
    case KDM_OPTION_OBJECT:
        return normal_object(value);
    }
    return NULL;
}

static void put_words(struct kdm_buf *buf, const char *const *words)
{
    kdm_buf_printf(buf, words[1] == NULL ? "%s" : "one of %s", words[0]);
    for (size_t i = 1; words[i] != NULL; i++)
        kdm_buf_printf(buf, ", %s", words[i]);
}

void kdm_value_expected(struct kdm_buf *buf, const struct kdm_option *option)
{
    switch ((enum kdm_option_type)option->type) {
    case KDM_OPTION_BOOL:
        kdm_buf_lit(buf, "true or false");
        break;
    case KDM_OPTION_INT:
        kdm_buf_printf(buf, "a whole number from %lld to %lld", (long long)option->min,
                       (long long)option->max);
        break;
    case KDM_OPTION_SIZE:
        kdm_buf_printf(buf, "a size of at least %lld bytes, like 1048576 or 1MB",
                       (long long)option->min);
        break;
    case KDM_OPTION_DURATION:
        kdm_buf_printf(buf, "a duration of at least %lld ms, like 60000 or 1m",
                       (long long)(option->min < 0 ? 0 : option->min));
        if (option->min < 0)
            kdm_buf_lit(buf, ", or -1");
        break;
    case KDM_OPTION_STRING:
    case KDM_OPTION_ENUM:
        if (option->words != NULL)
            put_words(buf, option->words);
        else
            kdm_buf_lit(buf, "a text that is not empty");
        break;
    case KDM_OPTION_STRINGS:
    case KDM_OPTION_ORIGINS:
        kdm_buf_lit(buf, "a list of texts");
        break;
    case KDM_OPTION_OBJECT:
        kdm_buf_lit(buf, "an object");
        break;
    }
}

static const char *copy_text(struct kdm_arena *arena, const json_t *string)
{
    return json_is_string(string) ? kdm_arena_copy(arena, text_of(string)).ptr : NULL;
}

static struct kdm_config_list copy_list(struct kdm_arena *arena, const json_t *array)
{
    size_t count = json_array_size(array);
    const char **items = kdm_arena_zalloc(arena, (count + 1) * sizeof(*items));

    for (size_t i = 0; i < count; i++)
        items[i] = copy_text(arena, json_array_get(array, i));
    return (struct kdm_config_list){ .items = items, .count = count };
}

void kdm_value_store(const struct kdm_option *option, const json_t *value,
                     struct kdm_config *config)
{
    void *field = (char *)config + option->field;

    if (option->field == KDM_OPTION_NO_FIELD)
        return;
    switch ((enum kdm_option_type)option->type) {
    case KDM_OPTION_BOOL:
        *(bool *)field = json_is_true(value);
        break;
    case KDM_OPTION_INT:
    case KDM_OPTION_SIZE:
    case KDM_OPTION_DURATION:
        *(int64_t *)field = json_integer_value(value);
        break;
    case KDM_OPTION_STRING:
    case KDM_OPTION_ORIGINS:
        *(const char **)field = copy_text(&config->arena, value);
        break;
    case KDM_OPTION_ENUM:
        *(int *)field = word_position(option, text_of(value));
        break;
    case KDM_OPTION_STRINGS:
        *(struct kdm_config_list *)field = copy_list(&config->arena, value);
        break;
    case KDM_OPTION_OBJECT:
        *(const json_t **)field = value;
        break;
    }
}
