/* file.c - a configuration file: JSON with comments, as a .kuzzlerc is.
 * Comments are blanked out instead of cut out, so that the line and column of an error are those
 * that the user's editor shows.
 */
#include "config/loader.h"
#include <errno.h>
#include <stdio.h>

#define FILE_MAX (4u << 20) /* bytes; a configuration is some thousands */

/* The whole file, heap, with a NUL behind it; NULL with the loader's error set. */
static char *read_file(struct kdm_loader *loader, const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t len;

    if (file == NULL) {
        kdm_loader_fail(loader, "configuration file %s: %s", path, strerror(errno));
        return NULL;
    }
    text = kdm_malloc(FILE_MAX + 1);
    errno = 0;
    len = fread(text, 1, FILE_MAX, file);
    text[len] = '\0';
    if (ferror(file) || len == FILE_MAX) {
        kdm_loader_fail(loader, "configuration file %s: %s", path,
                        ferror(file) ? strerror(errno) : "is larger than 4 MiB");
        free(text);
        text = NULL;
    }
    fclose(file);
    *ret_len = len;
    return text;
}

static size_t skip_string(const char *text, size_t len, size_t at)
{
    for (at++; at < len && text[at] != '"'; at++) {
        if (text[at] == '\\')
            at++;
    }
    return at + 1;
}

static void blank(char *text, size_t from, size_t to)
{
    for (; from < to; from++) {
        if (text[from] != '\n')
            text[from] = ' ';
    }
}

/* Where the comment that begins at `at` ends; 0: nowhere. */
static size_t comment_end(const char *text, size_t len, size_t at)
{
    const char *end;

    if (text[at + 1] == '/') {
        end = memchr(text + at, '\n', len - at);
        return end == NULL ? len : (size_t)(end - text);
    }
    end = memmem(text + at + 2, len - at - 2, "*/", 2);
    return end == NULL ? 0 : (size_t)(end - text) + 2;
}

bool kdm_comments_blank(char *text, size_t len)
{
    size_t at = 0;

    while (at < len) {
        if (text[at] == '"') {
            at = skip_string(text, len, at);
        } else if (text[at] == '/' && at + 1 < len
                   && (text[at + 1] == '/' || text[at + 1] == '*')) {
            size_t end = comment_end(text, len, at);

            if (end == 0)
                return false;
            blank(text, at, end);
            at = end;
        } else {
            at++;
        }
    }
    return true;
}

bool kdm_source_file(struct kdm_loader *loader, const char *path)
{
    struct kdm_str what = kdm_arena_printf(&loader->config->arena, "in %s", path);
    struct kdm_origin origin = { .what = what.ptr };
    json_error_t at;
    size_t len;
    json_t *tree = NULL;
    char *text = read_file(loader, path, &len);

    if (text == NULL)
        return false;
    if (!kdm_comments_blank(text, len))
        kdm_loader_fail(loader, "configuration file %s: a comment has no end", path);
    else if ((tree = json_loadb(text, len, 0, &at)) == NULL)
        kdm_loader_fail(loader, "configuration file %s: line %d, column %d: no JSON: %s", path,
                        at.line, at.column, at.text);
    else
        kdm_loader_set_tree(loader, tree, &origin);
    json_decref(tree);
    free(text);
    return loader->error == NULL;
}
