/* log.h - one line a message on stderr: time, level, text.
 * A failure is logged once, where it is handled. Secrets (tokens, passwords,
 * bodies) are never logged. Any thread.
 */
#ifndef KDM_BASE_LOG_H
#define KDM_BASE_LOG_H

#include <stdbool.h>

enum kdm_log_level { KDM_LOG_DEBUG, KDM_LOG_INFO, KDM_LOG_WARN, KDM_LOG_ERROR };

/* The least level that is written; info until then. The one process-wide setting: it is
 * written once at start, before any thread. */
void kdm_log_set_level(enum kdm_log_level level);

/* "debug", "info", "warn", "error"; false when `name` is none of them. */
bool kdm_log_level_parse(const char *name, enum kdm_log_level *ret_level);

void kdm_log_write(enum kdm_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define kdm_log_debug(...) kdm_log_write(KDM_LOG_DEBUG, __VA_ARGS__)
#define kdm_log_info(...)  kdm_log_write(KDM_LOG_INFO, __VA_ARGS__)
#define kdm_log_warn(...)  kdm_log_write(KDM_LOG_WARN, __VA_ARGS__)
#define kdm_log_error(...) kdm_log_write(KDM_LOG_ERROR, __VA_ARGS__)

#endif
