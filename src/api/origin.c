/* origin.c - a handful of entries, compared one after the other. */
#include "api/origin.h"
#include "base/arena.h"
#include "base/log.h"
#include <regex.h>
#include <stdlib.h>

/* No origin is longer: a scheme, a name of at most 253 characters, a port. */
#define ORIGIN_MAX 512

struct entry {
    char *text;
    regex_t regex;
    bool is_regex;
};

struct kdm_origins {
    struct entry *entries;
    size_t count;
    bool all;
};

static void add_entry(struct kdm_origins *origins, const char *text, size_t len, bool regexp)
{
    struct entry *entry;

    while (len > 0 && *text == ' ') {
        text++;
        len--;
    }
    while (len > 0 && text[len - 1] == ' ')
        len--;
    if (len == 0)
        return;
    if (len == 1 && *text == '*') {
        origins->all = true;
        return;
    }
    origins->entries =
        kdm_realloc(origins->entries, (origins->count + 1) * sizeof(*origins->entries));
    entry = &origins->entries[origins->count++];
    entry->text = kdm_malloc(len + 1);
    memcpy(entry->text, text, len);
    entry->text[len] = '\0';
    entry->is_regex = regexp && regcomp(&entry->regex, entry->text, REG_EXTENDED | REG_NOSUB) == 0;
    if (regexp && !entry->is_regex)
        kdm_log_warn("allowed origin \"%s\" is no regular expression: compared as it is",
                     entry->text);
}

struct kdm_origins *kdm_origins_create(const char *list, bool regexp)
{
    struct kdm_origins *origins = kdm_zalloc(sizeof(*origins));

    if (list == NULL)
        list = "*";
    while (*list != '\0') {
        size_t len = strcspn(list, ",");

        add_entry(origins, list, len, regexp);
        list += list[len] == ',' ? len + 1 : len;
    }
    return origins;
}

void kdm_origins_destroy(struct kdm_origins *origins)
{
    if (origins == NULL)
        return;
    for (size_t i = 0; i < origins->count; i++) {
        if (origins->entries[i].is_regex)
            regfree(&origins->entries[i].regex);
        free(origins->entries[i].text);
    }
    free(origins->entries);
    free(origins);
}

static bool entry_allows(const struct entry *entry, const char *origin)
{
    return entry->is_regex ? regexec(&entry->regex, origin, 0, NULL, 0) == 0
                           : strcmp(entry->text, origin) == 0;
}

bool kdm_origins_allow(const struct kdm_origins *origins, struct kdm_str origin)
{
    char copy[ORIGIN_MAX];

    if (origins->all || kdm_str_none(origin))
        return true;
    if (origin.len >= sizeof(copy) || memchr(origin.ptr, '\0', origin.len) != NULL)
        return false;
    memcpy(copy, origin.ptr, origin.len);
    copy[origin.len] = '\0';
    for (size_t i = 0; i < origins->count; i++) {
        if (entry_allows(&origins->entries[i], copy))
            return true;
    }
    return false;
}

bool kdm_origins_all(const struct kdm_origins *origins)
{
    return origins->all;
}
