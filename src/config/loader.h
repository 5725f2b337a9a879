/* loader.h - what the sources of a configuration write into while it is being loaded.
 * Private to config/. Each source calls in its turn, so the last one wins. The first error ends the
 * load: calls return false from then on. One thread at a time.
 */
#ifndef KDM_CONFIG_LOADER_H
#define KDM_CONFIG_LOADER_H

#include "config/options.h"

struct kdm_loader {
    struct kdm_config *config; /* notes, plugin_trees and the arena are used already */
    json_t *values;            /* {"server.port": 7512, ..}: normal values, defaults at first */
    char *error;               /* heap; NULL: none */
};

/* Where a value comes from, for error lines. */
struct kdm_origin {
    const char *what; /* "in ./kdm.json", "environment", "command line" */
    const char *name; /* as written there: "--port", "kuzzle_server__port"; NULL: its path */
    const char *path; /* "server.port", where `name` is that name in other letters; or NULL */
};

/* Sets one option. */
bool kdm_loader_set(struct kdm_loader *loader, const struct kdm_option *option, const json_t *value,
                    const struct kdm_origin *origin);

/* Sets all that `tree`, an object nested by sections, holds. */
bool kdm_loader_set_tree(struct kdm_loader *loader, const json_t *tree,
                         const struct kdm_origin *origin);

/* {"limits":{"documentsWriteCount":value}} of "limits__documentsWriteCount" and the separator "__".
 * Takes `value`; NULL when it is NULL or the name is no UTF-8. */
json_t *kdm_loader_nest(const char *name, const char *separator, json_t *value);

/* Records the error and returns false. */
bool kdm_loader_fail(struct kdm_loader *loader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void kdm_loader_note(struct kdm_loader *loader, enum kdm_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- the sources, least first ------------------------------------------------------------ */

/* A file: JSON with comments. */
bool kdm_source_file(struct kdm_loader *loader, const char *path);

/* kuzzle_limits__documentsWriteCount=5000 and KDM_PORT=7512; what is neither is left alone. */
bool kdm_source_environment(struct kdm_loader *loader, char *const *envp);

/* --port 7512, --port=7512, --limits.documentsWriteCount 5000. kdm_command_line_scan() went over it
 * before. */
bool kdm_source_command_line(struct kdm_loader *loader, int argc, char *const *argv);

/* What must be known before any source is read. */
struct kdm_command_line {
    bool help, version;
    const char *file; /* --config, lent; NULL: not given */
};
bool kdm_command_line_scan(struct kdm_loader *loader, int argc, char *const *argv,
                           struct kdm_command_line *ret_line);

/* The variable's value, or NULL when it is not set or empty. */
const char *kdm_environment_get(char *const *envp, const char *name);

/* Blanks out // and block comments, outside of strings; lines and columns stay. false when a block
 * comment has no end. */
bool kdm_comments_blank(char *text, size_t len);

/* The text of --help. */
struct kdm_buf;
void kdm_help_put(struct kdm_buf *buf);

#endif
