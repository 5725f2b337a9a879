/* exposure.c - see exposure.h. */
#include "exposure.h"
#include "base/log.h"
#include "config/config.h"
#include "dialect/dialect.h"
#include "security/security.h"
#include <stdio.h>

static bool is_loopback(const char *host)
{
    return host != NULL
           && (strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0
               || strcmp(host, "localhost") == 0);
}

/* Not a line of the log among others: whoever starts this is to see it. */
static void warn_loudly(int port)
{
    fprintf(
        stderr,
        "\n"
        "  ******************************************************************************\n"
        "  WARNING: whoever reaches this server over the network may do EVERYTHING.\n"
        "\n"
        "  There is no administrator. To make one, and leave everybody else few rights:\n"
        "\n"
        "    curl -X POST 'http://localhost:%d/_createFirstAdmin/root?reset' \\\n"
        "      -H 'Content-Type: application/json' \\\n"
        "      -d '{\"credentials\":{\"local\":{\"username\":\"root\",\"password\":\"...\"}}}'\n"
        "\n"
        "  Or listen on this machine alone (--host 127.0.0.1), or say that you know it "
        "(--i-know).\n"
        "  ******************************************************************************\n"
        "\n",
        port);
}

/* Do others than this machine reach the server, and has nobody said that this is known? */
static bool is_exposed(const struct kdm_config *config)
{
    return !config->i_know && !is_loopback(config->host);
}

static void warn_loudly_of_doors(const char *names)
{
    fprintf(
        stderr,
        "\n"
        "  ******************************************************************************\n"
        "  WARNING: whoever reaches this server over the network may read and change assets\n"
        "  and models of every tenant, although its users have to log in: by the APIs\n"
        "\n"
        "    %s\n"
        "\n"
        "  which ask nobody for credentials, since none are configured. Configure them\n"
        "  (dialects.actionhub.keys, dialects.enos.apps, dialects.mindsphere.tokens), or switch\n"
        "  them off (dialects.<name>.enabled: false), or say that you know it (--i-know).\n"
        "  ******************************************************************************\n"
        "\n",
        names);
}

/* Rights are Kuzzle's: another vendor's API lets everybody in until it is given credentials. */
static void warn_of_doors(const struct kdm_exposure *exposure)
{
    char names[128] = "";
    size_t door_count;
    const struct kdm_door *doors = kdm_dialects_doors(exposure->dialects, &door_count);

    for (size_t i = 0, len = 0; i < door_count && len < sizeof(names); i++) {
        if (doors[i].open)
            len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", len > 0 ? ", " : "",
                                    doors[i].table->name);
    }
    if (names[0] == '\0')
        return;
    if (is_exposed(exposure->config))
        warn_loudly_of_doors(names);
    kdm_log_warn(
        "rights are restricted, but not by these APIs, which have no credentials configured and "
        "let everybody change assets: %s",
        names);
}

void kdm_exposure_warn(const struct kdm_exposure *exposure)
{
    const struct kdm_security_state *state = exposure->security;

    if (!state->wide_open) {
        warn_of_doors(exposure);
        return;
    }
    if (!state->admin_exists && is_exposed(exposure->config))
        warn_loudly(exposure->port);
    kdm_log_warn(
        state->admin_exists
            ? "the anonymous user still has every right: see security:restrictDefaultRights"
            : "there is no administrator, and everybody has every right: see "
              "security:createFirstAdmin");
}
