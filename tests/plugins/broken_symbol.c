/* broken_symbol.c - for the loader's tests: needs a function that kdmd has not. */
#include <kdm/plugin.h>

void kdm_host_from_the_future(struct kdm_host *host);

static int load(struct kdm_host *host, const char *config, void **ret_self)
{
    (void)config, (void)ret_self;
    kdm_host_from_the_future(host);
    return 0;
}

KDM_PLUGIN(.name = "broken-symbol", .load = load);
