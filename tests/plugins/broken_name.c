/* broken_name.c - for the loader's tests: a name that can't be a key of the configuration. */
#include <kdm/plugin.h>

static int load(struct kdm_host *host, const char *config, void **ret_self)
{
    (void)host, (void)config, (void)ret_self;
    return 0;
}

KDM_PLUGIN(.name = "Broken Name", .load = load);
