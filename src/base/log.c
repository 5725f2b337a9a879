/* log.c - a line is made whole in a local buffer and leaves in one write, so that lines of
 * several threads never mix. What stands in a name from outside can't forge a line: control
 * characters are shown as '?'.
 */
#include "base/log.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_LEN 4096

static enum kdm_log_level least_level = KDM_LOG_INFO;

static const char *const level_names[] = { "debug", "info", "warn", "error" };

void kdm_log_set_level(enum kdm_log_level level)
{
    least_level = level;
}

bool kdm_log_level_parse(const char *name, enum kdm_log_level *ret_level)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret_level = (enum kdm_log_level)i;
            return true;
        }
    }
    return false;
}

/* "2026-01-31T12:00:00.123Z info  "; returns its length. */
static size_t put_head(char *line, size_t room, enum kdm_log_level level)
{
    struct timespec now;
    struct tm utc;
    size_t len;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    len = strftime(line, room, "%Y-%m-%dT%H:%M:%S", &utc);
    return len
           + (size_t)snprintf(line + len, room - len, ".%03ldZ %-5s ", now.tv_nsec / 1000000,
                              level_names[level]);
}

static void hide_control_characters(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
    }
}

void kdm_log_write(enum kdm_log_level level, const char *format, ...)
{
    char line[LINE_MAX_LEN];
    size_t head, len;
    va_list args;
    int wanted;

    if (level < least_level)
        return;
    head = put_head(line, sizeof(line), level);
    va_start(args, format);
    wanted = vsnprintf(line + head, sizeof(line) - head, format, args);
    va_end(args);
    if (wanted < 0)
        return;
    len = head + (size_t)wanted;
    if (len > sizeof(line) - 1) {
        len = sizeof(line) - 1;
        memcpy(line + len - 3, "...", 3);
    }
    hide_control_characters(line + head, len - head);
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0)
        return; /* nowhere left to say it */
}
