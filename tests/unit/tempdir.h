/* tempdir.h - a directory of a test's own, which goes with the test. For tests only. */
#ifndef KDM_TESTS_TEMPDIR_H
#define KDM_TESTS_TEMPDIR_H

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Makes a directory below /tmp; `path` has room for 32 bytes. A process of its own waits for the end of this one, however
 * that comes about (Check runs no teardown after a failure), then ends the
 * own Redis that may be left in the directory and removes it. */
__attribute__((unused)) static void make_temp_dir(char *path)
{
    static const char cleaner[] = "read -r _\n"
                                  "for pid in $(find \"$0\" -name redis.pid -exec cat {} +); do\n"
                                  "    case $(readlink \"/proc/$pid/cwd\") in \"$0\"*) kill -9 \"$pid\" ;; esac\n"
                                  "done\n"
                                  "rm -rf -- \"$0\"";
    int alive[2]; /* the writing end is open while this process lives */
    pid_t pid;

    snprintf(path, 32, "/tmp/kdm-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    ck_assert_int_eq(pipe2(alive, O_CLOEXEC), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);

        setsid(); /* Check kills a test's process group */
        dup2(alive[0], 0);
        dup2(null, 1);
        dup2(null, 2);
        execl("/bin/sh", "sh", "-c", cleaner, path, (char *)NULL);
        _exit(127);
    }
    close(alive[0]); /* alive[1] stays open, and is no leak */
}

#endif
