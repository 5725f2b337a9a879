/* broken_abi.c - for the loader's tests: built for an interface that this kdmd has not. */
#include <kdm/plugin.h>

extern const struct kdm_plugin kdm_plugin;
const struct kdm_plugin kdm_plugin = { .abi = KDM_PLUGIN_ABI + 1, .name = "broken-abi" };
