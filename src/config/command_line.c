/* command_line.c - options from the command line.
 * getopt_long is not used: it accepts beginnings of names ("--po"), prints its own lines, and can't
 * take Kuzzle's dotted names.
 */
#include "config/loader.h"
#include "config/value.h"

/* One argument, taken apart. */
struct argument {
    const char *name;  /* "--port" */
    const char *value; /* lent; NULL: there is none */
};

static bool is_switch(const char *name)
{
    return strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "--version") == 0;
}

static bool is_dotted(const char *name)
{
    return strncmp(name, "--", 2) == 0 && strchr(name, '.') != NULL;
}

static bool is_known(const char *name)
{
    return is_switch(name) || is_dotted(name) || strcmp(name, "--config") == 0
           || kdm_option_by_flag(name) != NULL;
}

/* "--i-know": true by being there; "--i-know=false" is possible too. */
static bool is_bare(const char *name)
{
    const struct kdm_option *option = kdm_option_by_flag(name);

    return option != NULL && option->type == KDM_OPTION_BOOL;
}

/* The argument at *at and its value, in it behind '=' or in the next one; *at is moved behind both.
 */
static bool take_argument(struct kdm_loader *loader, int argc, char *const *argv, int *at,
                          struct argument *ret_argument)
{
    const char *text = argv[(*at)++], *equals = strchr(text, '=');
    const char *name = text, *value = NULL;

    if (text[0] != '-')
        return kdm_loader_fail(loader, "%s (command line): options begin with --, see --help",
                               text);
    if (equals != NULL) {
        struct kdm_str head = { .ptr = text, .len = (size_t)(equals - text) };

        name = kdm_arena_copy(&loader->config->arena, head).ptr;
        value = equals + 1;
    }
    if (!is_known(name))
        return kdm_loader_fail(loader,
                               "%s (command line): unknown option, the nearest known one is %s",
                               name, kdm_option_nearest_flag(name));
    if (is_switch(name) && value != NULL)
        return kdm_loader_fail(loader, "%s (command line): takes no value", name);
    if (value == NULL && is_bare(name))
        value = "true";
    /* In "--port --data DIR" the value was forgotten; one that begins so is given as --data=--x. */
    if (!is_switch(name) && value == NULL && *at < argc && strncmp(argv[*at], "--", 2) != 0)
        value = argv[(*at)++];
    if (!is_switch(name) && (value == NULL || value[0] == '\0'))
        return kdm_loader_fail(loader, "%s (command line): needs a value", name);
    *ret_argument = (struct argument){ .name = name, .value = value };
    return true;
}

bool kdm_command_line_scan(struct kdm_loader *loader, int argc, char *const *argv,
                           struct kdm_command_line *ret_line)
{
    struct kdm_command_line line = { .file = NULL };
    struct argument argument;

    for (int at = 1; at < argc;) {
        if (!take_argument(loader, argc, argv, &at, &argument))
            return false;
        if (strcmp(argument.name, "--version") == 0)
            line.version = true;
        else if (is_switch(argument.name))
            line.help = true;
        else if (strcmp(argument.name, "--config") == 0)
            line.file = argument.value;
    }
    *ret_line = line;
    return true;
}

/* "--limits.documentsWriteCount" */
static bool set_dotted(struct kdm_loader *loader, const struct argument *argument)
{
    struct kdm_origin origin = { .what = "command line", .name = argument->name };
    json_t *tree =
        kdm_loader_nest(argument->name + strlen("--"), ".", kdm_value_of_text(argument->value));
    bool ok;

    if (tree == NULL)
        return kdm_loader_fail(loader, "%s (command line): holds no valid text or JSON",
                               argument->name);
    ok = kdm_loader_set_tree(loader, tree, &origin);
    json_decref(tree);
    return ok;
}

/* The first --plugin replaces what file and environment said, the next ones join it. */
static bool add_to_list(struct kdm_loader *loader, const struct kdm_option *option, json_t **list,
                        json_t *value)
{
    struct kdm_origin origin = { .what = "command line", .name = option->flag };

    if (*list == NULL)
        *list = json_array();
    json_array_append(*list, value);
    return kdm_loader_set(loader, option, *list, &origin);
}

static bool set_argument(struct kdm_loader *loader, const struct argument *argument, json_t **list)
{
    const struct kdm_option *option = kdm_option_by_flag(argument->name);
    struct kdm_origin origin = { .what = "command line", .name = argument->name };
    json_t *value;
    bool ok;

    if (option == NULL)
        return set_dotted(loader, argument);
    value = json_string(argument->value);
    if (value == NULL)
        return kdm_loader_fail(loader, "%s (command line): is not valid UTF-8", argument->name);
    if (option->type == KDM_OPTION_STRINGS)
        ok = add_to_list(loader, option, list, value);
    else
        ok = kdm_loader_set(loader, option, value, &origin);
    json_decref(value);
    return ok;
}

bool kdm_source_command_line(struct kdm_loader *loader, int argc, char *const *argv)
{
    struct argument argument;
    json_t *list = NULL; /* there is one option that may come several times */

    for (int at = 1; at < argc && loader->error == NULL;) {
        if (take_argument(loader, argc, argv, &at, &argument) && !is_switch(argument.name)
            && strcmp(argument.name, "--config") != 0)
            set_argument(loader, &argument, &list);
    }
    json_decref(list);
    return loader->error == NULL;
}
