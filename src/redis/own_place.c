/* own_place.c - locks are flock(): the kernel drops them however a process ends. */
#include "redis/own_place.h"

#include "base/arena.h"
#include "base/str.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Redis can't tell its directory, by which it is known again, when the path is over 1,023 bytes. */
#define DIR_MAX     1000
#define SOCKET_NAME "redis.sock"
#define SOCKET_MAX  (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

static char *join(const char *dir, const char *name)
{
    char *path;

    if (asprintf(&path, "%s/%s", dir, name) < 0)
        kdm_oom(0);
    return path;
}

char *kdm_own_place_path(const struct kdm_own_place *place, const char *name)
{
    return join(place->dir, name);
}

static bool fail(char **ret_error, const char *dir, const char *what)
{
    if (asprintf(ret_error, "data directory %s: %s", dir, what) < 0)
        kdm_oom(0);
    return false;
}

/* mkdir -p. */
static bool make_dir(const char *dir)
{
    char path[PATH_MAX];
    size_t len = strlen(dir);

    if (len == 0 || len >= sizeof path) {
        errno = len == 0 ? ENOENT : ENAMETOOLONG;
        return false;
    }
    memcpy(path, dir, len + 1);
    for (char *at = path + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            return false;
        *at = '/';
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* A small file's first line into `ret_line`; empty when there is none. */
static void read_line(const char *path, char *ret_line, size_t size)
{
    FILE *file = fopen(path, "re");

    ret_line[0] = '\0';
    if (file == NULL)
        return;
    if (fgets(ret_line, (int)size, file) != NULL)
        ret_line[strcspn(ret_line, "\n")] = '\0';
    else
        ret_line[0] = '\0';
    fclose(file);
}

static bool write_line(const char *path, const char *line)
{
    FILE *file = fopen(path, "we");
    bool written;

    if (file == NULL)
        return false;
    written = fprintf(file, "%s\n", line) > 0;
    return fclose(file) == 0 && written;
}

static bool lock_kdmd(struct kdm_own_place *place, char **ret_error)
{
    char *path = kdm_own_place_path(place, "kdmd.lock"), pid[32], text[96];
    bool locked = false;

    place->kdmd_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (place->kdmd_lock < 0) {
        fail(ret_error, place->dir, strerror(errno));
        goto out;
    }
    if (flock(place->kdmd_lock, LOCK_EX | LOCK_NB) != 0) {
        read_line(path, pid, sizeof pid);
        snprintf(text, sizeof text, "in use by another kdmd (process %s)", pid);
        fail(ret_error, place->dir, text);
        goto out;
    }
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    locked = write_line(path, pid) || fail(ret_error, place->dir, strerror(errno));
out:
    free(path);
    return locked;
}

/* In /tmp anybody may make a directory of any name, so one that is not ours alone is not used. */
static bool is_private(const char *dir)
{
    struct stat status;

    return lstat(dir, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid()
           && (status.st_mode & 077) == 0;
}

/* The directory that an earlier kdmd noted, for its Redis may still listen there; or a new one,
 * noted before a Redis is started in it. */
static bool find_private_dir(struct kdm_own_place *place, char **ret_error)
{
    char *note = kdm_own_place_path(place, "redis.socket"), dir[SOCKET_MAX + 1];
    bool found = true;

    read_line(note, dir, sizeof dir);
    if (dir[0] == '\0' || strlen(dir) + sizeof "/" SOCKET_NAME > sizeof dir || !is_private(dir)) {
        snprintf(dir, sizeof dir, "/tmp/kdm-redis-XXXXXX");
        found = mkdtemp(dir) != NULL && write_line(note, dir);
    }
    if (found)
        place->private_dir = strdup(dir);
    else
        fail(ret_error, place->dir, strerror(errno));
    free(note);
    return found;
}

static bool find_socket(struct kdm_own_place *place, char **ret_error)
{
    place->socket = kdm_own_place_path(place, SOCKET_NAME);
    /* '?' ends the path in a URL. */
    if (strlen(place->socket) > SOCKET_MAX || strchr(place->socket, '?') != NULL) {
        if (!find_private_dir(place, ret_error))
            return false;
        free(place->socket);
        place->socket = join(place->private_dir, SOCKET_NAME);
    }
    if (asprintf(&place->url, "unix:%s", place->socket) < 0)
        kdm_oom(0);
    return true;
}

bool kdm_own_place_enter(struct kdm_own_place *ret_place, const char *dir, char **ret_error)
{
    struct kdm_own_place place = { .kdmd_lock = -1 };

    if (!make_dir(dir) || (place.dir = realpath(dir, NULL)) == NULL)
        return fail(ret_error, dir, strerror(errno));
    if (strlen(place.dir) > DIR_MAX) {
        fail(ret_error, place.dir, "the path is too long for Redis");
        kdm_own_place_leave(&place);
        return false;
    }
    if (!lock_kdmd(&place, ret_error) || !find_socket(&place, ret_error)) {
        kdm_own_place_leave(&place);
        return false;
    }
    *ret_place = place;
    return true;
}

/* A Redis that lives on must be found again, so then everything stays. */
static void remove_private_dir(const struct kdm_own_place *place)
{
    int lock = kdm_own_place_lock_redis(place);
    char *note;

    if (lock < 0)
        return;
    note = kdm_own_place_path(place, "redis.socket");
    unlink(place->socket);
    if (rmdir(place->private_dir) == 0)
        unlink(note);
    free(note);
    close(lock);
}

void kdm_own_place_leave(struct kdm_own_place *place)
{
    if (place->private_dir != NULL && place->socket != NULL)
        remove_private_dir(place);
    if (place->kdmd_lock >= 0)
        close(place->kdmd_lock);
    free(place->dir);
    free(place->socket);
    free(place->private_dir);
    free(place->url);
    *place = (struct kdm_own_place){ .kdmd_lock = -1 };
}

int kdm_own_place_lock_redis(const struct kdm_own_place *place)
{
    char *path = kdm_own_place_path(place, "redis.lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), err;

    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        err = errno;
        close(fd);
        fd = -1;
        errno = err;
    }
    err = errno;
    free(path);
    errno = err;
    return fd;
}

char *kdm_own_place_last_log_line(const struct kdm_own_place *place)
{
    char *path = kdm_own_place_path(place, "redis.log"), text[1024], *line, *copy;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = 0;

    free(path);
    if (fd >= 0) {
        if (lseek(fd, -(off_t)(sizeof text - 1), SEEK_END) < 0)
            lseek(fd, 0, SEEK_SET);
        len = read(fd, text, sizeof text - 1);
        close(fd);
    }
    if (len < 0)
        len = 0;
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
        len--;
    text[len] = '\0';
    line = strrchr(text, '\n');
    copy = strdup(line == NULL ? text : line + 1);
    if (copy == NULL)
        kdm_oom(0);
    return copy;
}
