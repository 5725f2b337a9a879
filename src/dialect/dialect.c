/* dialect.c - see dialect.h. */
#include "dialect/dialect.h"
#include "dialect/actionhub.h"
#include "dialect/enos.h"
#include "dialect/mindsphere.h"
#include <stdlib.h>

#define DIALECTS 3

struct kdm_dialects {
    struct kdm_arena arena; /* texts of the configuration */
    struct kdm_actionhub actionhub;
    struct kdm_enos enos;
    struct kdm_ms mindsphere;
    struct kdm_door doors[DIALECTS];
    size_t count;
};

struct kdm_dialects *kdm_dialects_create(const struct kdm_dialect_options *options,
                                         char **ret_error)
{
    struct kdm_dialects *dialects = kdm_zalloc(sizeof(*dialects));
    struct kdm_dialect_reader reader = { .arena = &dialects->arena };

    kdm_arena_init(&dialects->arena, 1024);
    if (kdm_actionhub_configure(&dialects->actionhub, &reader, options->actionhub,
                                &dialects->doors[dialects->count]))
        dialects->count++;
    if (kdm_enos_configure(&dialects->enos, &reader, options->enos,
                           &dialects->doors[dialects->count]))
        dialects->count++;
    if (kdm_ms_configure(&dialects->mindsphere, &reader, options->mindsphere,
                         &dialects->doors[dialects->count]))
        dialects->count++;
    if (reader.error == NULL)
        return dialects;
    *ret_error = reader.error;
    kdm_dialects_destroy(dialects);
    return NULL;
}

void kdm_dialects_destroy(struct kdm_dialects *dialects)
{
    if (dialects == NULL)
        return;
    kdm_arena_fini(&dialects->arena);
    free(dialects);
}

const struct kdm_door *kdm_dialects_doors(const struct kdm_dialects *dialects, size_t *ret_count)
{
    *ret_count = dialects->count;
    return dialects->doors;
}
