/* help.c - the text of --help, from the table. */
#include "base/buf.h"
#include "config/loader.h"

#define WIDTH  100
#define INDENT 8

static const char head[] = "kdmd " KDM_VERSION " - a Kuzzle-compatible asset and device server\n"
                           "\n"
                           "usage: kdmd [OPTION...]\n"
                           "\n"
                           "An option comes from, the later the stronger: its default, the "
                           "configuration file, a variable, the\n"
                           "command line. A value follows its flag as --port 7512 or --port=7512.\n"
                           "\n"
                           "Start\n"
                           "    --help, -h\n"
                           "    --version\n"
                           "    --config FILE.json   (KDM_CONFIG)\n"
                           "        JSON, // and /* */ comments are fine; without it ./.kuzzlerc "
                           "is read when it is there\n";

static const char middle[] =
    "\n"
    "What follows has no flag of its own. It is set in the configuration file, for example\n"
    "    { \"limits\": { \"documentsWriteCount\": 5000 } }\n"
    "by a variable, \"__\" for the dot: kuzzle_limits__documentsWriteCount=5000 (objects as "
    "*json:{..}),\n"
    "or by its whole name: --limits.documentsWriteCount 5000. Names are Kuzzle's. Sizes may have a "
    "unit\n"
    "(b, kb, mb, gb), durations too (ms, s, m, h, d, w, y; without one ms).\n";

/* `text` in lines of at most WIDTH, each indented. */
static void put_wrapped(struct kdm_buf *buf, const char *text)
{
    size_t column = WIDTH;

    while (*text != '\0') {
        size_t len = strcspn(text, " ");

        if (column + 1 + len > WIDTH) {
            kdm_buf_printf(buf, "%s%*s", column == WIDTH ? "" : "\n", INDENT, "");
            column = INDENT;
        } else {
            kdm_buf_char(buf, ' ');
            column++;
        }
        kdm_buf_put(buf, (struct kdm_str){ text, len });
        column += len;
        text += len;
        text += strspn(text, " ");
    }
    kdm_buf_char(buf, '\n');
}

/* The default, unless it is "nothing" or too long for a line. */
static void put_initial(struct kdm_buf *buf, const struct kdm_option *option)
{
    const char *initial = option->initial;
    size_t len = strlen(initial);

    if (strcmp(initial, "null") == 0 || strcmp(initial, "[]") == 0 || strcmp(initial, "{}") == 0)
        return;
    if (len > 40)
        kdm_buf_lit(buf, "   [..]");
    else if (initial[0] == '"')
        kdm_buf_printf(buf, "   [%.*s]", (int)len - 2, initial + 1);
    else
        kdm_buf_printf(buf, "   [%s]", initial);
}

static void put_option(struct kdm_buf *buf, const struct kdm_option *option)
{
    if (option->group != NULL)
        kdm_buf_printf(buf, "\n%s\n", option->group);
    if (option->flag != NULL)
        kdm_buf_printf(buf, "    %s%s%s   (%s, %s)", option->flag, option->arg == NULL ? "" : " ",
                       option->arg == NULL ? "" : option->arg, option->env, option->path);
    else
        kdm_buf_printf(buf, "    %s", option->path);
    put_initial(buf, option);
    kdm_buf_char(buf, '\n');
    put_wrapped(buf, option->help);
}

void kdm_help_put(struct kdm_buf *buf)
{
    bool flags = true;

    kdm_buf_lit(buf, head);
    for (size_t i = 0; i < kdm_option_count; i++) {
        if (flags && kdm_options[i].flag == NULL) {
            kdm_buf_lit(buf, middle);
            flags = false;
        }
        put_option(buf, &kdm_options[i]);
    }
}
