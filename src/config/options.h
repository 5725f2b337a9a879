/* options.h - the table of everything that can be configured, and names near to it.
 * Private to config/. Pure functions over constants, any thread.
 */
#ifndef KDM_CONFIG_OPTIONS_H
#define KDM_CONFIG_OPTIONS_H

#include "config/config.h"

enum kdm_option_type {
    KDM_OPTION_BOOL,     /* bool */
    KDM_OPTION_INT,      /* int64_t within min..max */
    KDM_OPTION_SIZE,     /* int64_t, bytes; also "1MB" */
    KDM_OPTION_DURATION, /* int64_t, ms; also "1m" */
    KDM_OPTION_STRING,   /* const char *; one of `words` when there are some */
    KDM_OPTION_ENUM,     /* a C enum: the position in `words` */
    KDM_OPTION_STRINGS,  /* struct kdm_config_list; also "a,b" */
    KDM_OPTION_ORIGINS,  /* const char *: a comma list; also an array */
    KDM_OPTION_OBJECT    /* const json_t *; merged over its default */
};

#define KDM_OPTION_NO_FIELD ((size_t)-1)

struct kdm_option {
    const char *path; /* "server.port" */
    uint8_t type;     /* enum kdm_option_type */
    bool optional;    /* STRING: null and "" are fine and mean NULL */
    bool secret;      /* its value is never shown */
    int64_t min, max;
    const char *const *words; /* NULL-terminated */
    const char *initial;      /* the default, as JSON text */
    size_t field;             /* in struct kdm_config, or KDM_OPTION_NO_FIELD: only in the tree */
    const char *group;        /* head of the group that begins here, or NULL */
    const char *help;
    /* The few that have a flag and a variable of their own; else NULL. */
    const char *flag; /* "--port" */
    const char *env;  /* "KDM_PORT" */
    const char *arg;  /* "PORT", for the help */
};

extern const struct kdm_option kdm_options[];
extern const size_t kdm_option_count;

/* What a name stands for. */
enum kdm_option_kind {
    KDM_OPTION_UNKNOWN,
    KDM_OPTION_KNOWN,   /* ret_option is set */
    KDM_OPTION_ALIAS,   /* another spelling; ret_option is set */
    KDM_OPTION_SECTION, /* names begin like this: "limits" */
    KDM_OPTION_IGNORED, /* Kuzzle has it, kdm has no use for it; *ret_why may be NULL */
    KDM_OPTION_PLUGIN   /* "plugins.<name of a plugin that we do not know>" */
};

/* Looks `path` up. ret_option and ret_why are written as said above. */
enum kdm_option_kind kdm_option_find(const char *path, const struct kdm_option **ret_option,
                                     const char **ret_why);

/* By its flag ("--port") or its variable ("KDM_PORT"); NULL when there is none. */
const struct kdm_option *kdm_option_by_flag(const char *flag);
const struct kdm_option *kdm_option_by_env(const char *env);

/* The known name nearest to `path`: an option, section, or ignored name. Never NULL. */
struct kdm_str kdm_option_nearest(const char *path);
const char *kdm_option_nearest_flag(const char *flag);
const char *kdm_option_nearest_env(const char *env);

#endif
