/* Stands between the server and the C library (LD_PRELOAD): makes writes and syncs of the database's files fail, and the
 * clock jump, as a shared page of a file says. Real calls are made by number, so that nothing has to be looked up. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* As in preload.rs. */
struct control {
    _Atomic int64_t clock_ms;    /* how far the clock is ahead; behind, if negative */
    _Atomic int64_t write_error; /* what writes fail with; 0: they do not */
    _Atomic int64_t sync_error;  /* what syncs fail with; 0: they do not */
    _Atomic int64_t left;        /* how many of them still succeed */
    _Atomic int64_t faults;      /* how many have failed */
};

static struct control *control;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("CRASH_CONTROL");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) {
        abort();
    }
    void *page = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page == MAP_FAILED) {
        abort();
    }
    close(file);
    control = page;
}

/* Whether it is a file of the database, and not a socket or a pipe. */
static int is_database(int file) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) {
        return 0;
    }
    path[length] = 0;
    return strstr(path, "/tickets.db") != NULL;
}

/* What this call is to fail with, if it is. */
static int fault(_Atomic int64_t *error, int file) {
    int wanted = control ? (int)*error : 0;
    if (wanted == 0 || !is_database(file) || atomic_fetch_sub(&control->left, 1) > 0) {
        return 0;
    }
    control->faults++;
    return wanted;
}

int fsync(int file) {
    int error = fault(&control->sync_error, file);
    if (error) {
        errno = error;
        return -1;
    }
    return (int)syscall(SYS_fsync, file);
}

int fdatasync(int file) {
    int error = fault(&control->sync_error, file);
    if (error) {
        errno = error;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, file);
}

/* A write that fails has written half of what it was given: a disk promises nothing else. */
ssize_t write(int file, const void *bytes, size_t count) {
    int error = fault(&control->write_error, file);
    if (error) {
        syscall(SYS_write, file, bytes, count / 2);
        errno = error;
        return -1;
    }
    return syscall(SYS_write, file, bytes, count);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    int error = fault(&control->write_error, file);
    if (error) {
        syscall(SYS_pwrite64, file, bytes, count / 2, at);
        errno = error;
        return -1;
    }
    return syscall(SYS_pwrite64, file, bytes, count, at);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
    return pwrite64(file, bytes, count, at);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (!failed && clock == CLOCK_REALTIME && control) {
        int64_t ms = control->clock_ms;
        now->tv_sec += ms / 1000;
        now->tv_nsec += ms % 1000 * 1000000;
        if (now->tv_nsec < 0) {
            now->tv_nsec += 1000000000;
            now->tv_sec--;
        } else if (now->tv_nsec >= 1000000000) {
            now->tv_nsec -= 1000000000;
            now->tv_sec++;
        }
    }
    return failed;
}
