/* broken_load.c - for the loader's tests: a row without load function. */
#include <kdm/plugin.h>

KDM_PLUGIN(.name = "broken-load");
