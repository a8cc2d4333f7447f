/*
 * SPDX-License-Identifier: MIT
 *
 * syscalls.c - newlib's lower edge in user programs: each function is one system call.
 */
#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>
#include <unistd.h>

int main(int argc, char **argv);
void user_start(int argc, char **argv);

void user_start(int argc, char **argv)
{
    exit(main(argc, argv));
}

static long result(long rc)
{
    if (rc >= 0)
        return rc;
    errno = (int)-rc;
    return -1;
}

void _exit(int status)
{
    for (;;)
        (void)sys_call(SYS_EXIT, status, 0, 0);
}

int write(int fd, const void *buf, size_t len)
{
    return (int)result(sys_call(SYS_WRITE, fd, (long)buf, (long)len));
}

int read(int fd, void *buf, size_t len)
{
    return (int)result(sys_call(SYS_READ, fd, (long)buf, (long)len));
}

int open(const char *name, int flags, ...)
{
    if ((flags & O_ACCMODE) != O_RDONLY) {
        errno = EROFS;
        return -1;
    }
    return (int)result(sys_call(SYS_OPEN, (long)name, 0, 0));
}

int close(int fd)
{
    return (int)result(sys_call(SYS_CLOSE, fd, 0, 0));
}

off_t lseek(int fd, off_t offset, int whence)
{
    return result(sys_call(SYS_LSEEK, fd, offset, whence));
}

int fstat(int fd, struct stat *st)
{
    long size = sys_call(SYS_FSIZE, fd, 0, 0);

    memset(st, 0, sizeof(*st));
    st->st_mode = size == -1 ? S_IFCHR : S_IFREG | 0444;
    st->st_size = size > 0 ? size : 0;
    st->st_blksize = 4096;
    return size < -1 ? (int)result(size) : 0;
}

int isatty(int fd)
{
    return sys_call(SYS_FSIZE, fd, 0, 0) == -1;
}

void *sbrk(ptrdiff_t delta)
{
    return (void *)result(sys_call(SYS_SBRK, delta, 0, 0));
}

pid_t getpid(void)
{
    return (pid_t)sys_call(SYS_GETPID, 0, 0, 0);
}

int kill(pid_t pid, int sig)
{
    (void)pid;
    _exit(128 + sig);
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    long us = sys_call(SYS_TIME, 0, 0, 0) / 1000;

    (void)tz;
    tv->tv_sec = us / 1000000;
    tv->tv_usec = us % 1000000;
    return 0;
}

clock_t times(struct tms *tms)
{
    clock_t now = (clock_t)(sys_call(SYS_TIME, 0, 0, 0) / (1000000000L / CLOCKS_PER_SEC));

    memset(tms, 0, sizeof(*tms));
    tms->tms_utime = now;
    return now;
}
