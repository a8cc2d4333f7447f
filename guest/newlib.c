/*
 * SPDX-License-Identifier: MIT
 *
 * newlib.c - the system calls newlib expects from below.
 *
 * Files 0 to 2 are the console, others are read-only files of the ramdisk.  malloc's arena is demand
 * paged: sbrk maps nothing.  Reentrancy: each thread has its own struct _reent (thread.c); threads
 * are cooperative, so malloc needs no lock.
 */
#include "clock.h"
#include "console.h"
#include "guest.h"
#include "mm/mm.h"
#include "ramdisk.h"
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>
#include <unistd.h>
#include <signal.h>

#define FD_MAX   16
#define FD_FIRST 3

static struct {
    const struct ramdisk_file *file;
    uint64_t offset;
} fds[FD_MAX];

static int fail(int error)
{
    errno = error;
    return -1;
}

static bool fd_is_file(int fd)
{
    return fd >= FD_FIRST && fd < FD_MAX && fds[fd].file;
}

void *sbrk(ptrdiff_t delta)
{
    void *old = heap_sbrk(delta);

    if (!old) {
        errno = ENOMEM;
        return (void *)-1;
    }
    return old;
}

int write(int fd, const void *buf, size_t len)
{
    if (fd != 1 && fd != 2)
        return fail(EBADF);
    console_write(buf, len);
    return (int)len;
}

static int console_wait_read(char *buf, size_t len)
{
    size_t n;

    while (!(n = console_read(buf, len)))
        clock_sleep(10000000);
    for (size_t i = 0; i < n; i++)
        if (buf[i] == '\r') /* what a terminal's Enter sends */
            buf[i] = '\n';
    return (int)n;
}

int read(int fd, void *buf, size_t len)
{
    if (fd == 0)
        return console_wait_read(buf, len);
    if (!fd_is_file(fd))
        return fail(EBADF);
    uint64_t left = fds[fd].file->size - fds[fd].offset;

    if (len > left)
        len = left;
    memcpy(buf, fds[fd].file->data + fds[fd].offset, len);
    fds[fd].offset += len;
    return (int)len;
}

int open(const char *name, int flags, ...)
{
    const struct ramdisk_file *file = ramdisk_find(name);

    if (!file)
        return fail(ENOENT);
    if ((flags & O_ACCMODE) != O_RDONLY)
        return fail(EROFS);
    for (int fd = FD_FIRST; fd < FD_MAX; fd++)
        if (!fds[fd].file) {
            fds[fd].file = file;
            fds[fd].offset = 0;
            return fd;
        }
    return fail(EMFILE);
}

int close(int fd)
{
    if (!fd_is_file(fd))
        return fail(EBADF);
    fds[fd].file = NULL;
    return 0;
}

off_t lseek(int fd, off_t offset, int whence)
{
    if (!fd_is_file(fd))
        return fail(fd < FD_FIRST ? ESPIPE : EBADF);
    uint64_t size = fds[fd].file->size;
    uint64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? fds[fd].offset : size;
    uint64_t to = base + (uint64_t)offset;

    if (to > size)
        return fail(EINVAL);
    fds[fd].offset = to;
    return (off_t)to;
}

int fstat(int fd, struct stat *st)
{
    memset(st, 0, sizeof(*st));
    if (fd >= 0 && fd < FD_FIRST) {
        st->st_mode = S_IFCHR;
        return 0;
    }
    if (!fd_is_file(fd))
        return fail(EBADF);
    st->st_mode = S_IFREG | 0444;
    st->st_size = (off_t)fds[fd].file->size;
    st->st_blksize = 4096;
    return 0;
}

int isatty(int fd)
{
    return fd >= 0 && fd < FD_FIRST;
}

void _exit(int status)
{
    guest_shutdown(status ? SHUTDOWN_crash : SHUTDOWN_poweroff);
}

int kill(int pid, int sig)
{
    (void)pid;
    guest_panic("abort: signal %d", sig);
}

int getpid(void)
{
    return 1;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    uint64_t us = clock_wall_ns() / 1000;

    (void)tz;
    tv->tv_sec = (time_t)(us / 1000000);
    tv->tv_usec = (suseconds_t)(us % 1000000);
    return 0;
}

clock_t times(struct tms *tms)
{
    clock_t now = (clock_t)(clock_ns() / (1000000000UL / CLOCKS_PER_SEC));

    memset(tms, 0, sizeof(*tms));
    tms->tms_utime = now;
    return now;
}
