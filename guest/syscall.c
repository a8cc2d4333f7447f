/*
 * SPDX-License-Identifier: MIT
 *
 * syscall.c - the table of system calls, and the one door to user memory.
 *
 * Invariant: user addresses are only touched in user_copy_*, after a check that they lie in the
 * user half, and under trap_catch; the touch itself demand-faults like the program's own.
 */
#include "syscall.h"

#include "clock.h"
#include "console.h"
#include "mm/aspace.h"
#include "mm/fault.h"
#include "mm/page.h"
#include "mm/region.h"
#include "process.h"
#include "thread.h"
#include "user/sys.h"

#include <string.h>

#define CHUNK 256

struct copy {
    void *to;
    const void *from;
    size_t bytes;
};

static void do_copy(void *arg)
{
    struct copy *c = arg;

    memcpy(c->to, c->from, c->bytes);
}

static int user_copy(void *to, const void *from, size_t bytes, uint64_t user)
{
    struct copy c = { to, from, bytes };
    struct trap_report report;

    if (user >= USER_VA_END || bytes > USER_VA_END - user)
        return -XEN_EFAULT;
    return trap_catch(do_copy, &c, &report) ? -XEN_EFAULT : 0;
}

int user_copy_in(void *to, uint64_t from_user, size_t bytes)
{
    return user_copy(to, (const void *)from_user, bytes, from_user);
}

int user_copy_out(uint64_t to_user, const void *from, size_t bytes)
{
    return user_copy((void *)to_user, from, bytes, to_user);
}

static long sys_exit(struct trap_frame *f)
{
    process_exit((int)f->rdi);
}

static long sys_write(struct trap_frame *f)
{
    char buf[CHUNK];
    uint64_t from = f->rsi, left = f->rdx;

    if (f->rdi != 1 && f->rdi != 2)
        return -XEN_EINVAL;
    while (left) {
        size_t n = left < CHUNK ? left : CHUNK;

        if (user_copy_in(buf, from, n))
            return from == f->rsi ? -XEN_EFAULT : (long)(from - f->rsi);
        console_write(buf, n);
        from += n;
        left -= n;
    }
    return (long)f->rdx;
}

static const struct ramdisk_file **fd_file(uint64_t fd)
{
    return fd >= 3 && fd < PROCESS_FDS ? &process_current()->fds[fd].file : NULL;
}

static long sys_read(struct trap_frame *f)
{
    const struct ramdisk_file **file = fd_file(f->rdi);
    uint64_t *offset = file ? &process_current()->fds[f->rdi].offset : NULL;

    if (f->rdi == 0) {
        char buf[CHUNK];
        size_t n = console_read(buf, f->rdx < CHUNK ? f->rdx : CHUNK);

        return user_copy_out(f->rsi, buf, n) ? -XEN_EFAULT : (long)n;
    }
    if (!file || !*file)
        return -XEN_EINVAL;
    uint64_t left = (*file)->size - *offset, n = f->rdx < left ? f->rdx : left;

    if (user_copy_out(f->rsi, (*file)->data + *offset, n))
        return -XEN_EFAULT;
    *offset += n;
    return (long)n;
}

static long sys_open(struct trap_frame *f)
{
    struct process *p = process_current();
    char name[64];

    for (size_t i = 0;; i++) {
        if (i == sizeof(name) || user_copy_in(&name[i], f->rdi + i, 1))
            return -XEN_EFAULT;
        if (!name[i])
            break;
    }
    const struct ramdisk_file *file = ramdisk_find(name);

    if (!file)
        return -XEN_ENOENT;
    for (int fd = 3; fd < PROCESS_FDS; fd++)
        if (!p->fds[fd].file) {
            p->fds[fd].file = file;
            p->fds[fd].offset = 0;
            return fd;
        }
    return -XEN_ENOSPC;
}

static long sys_close(struct trap_frame *f)
{
    const struct ramdisk_file **file = fd_file(f->rdi);

    if (!file || !*file)
        return -XEN_EINVAL;
    *file = NULL;
    return 0;
}

static long sys_lseek(struct trap_frame *f)
{
    const struct ramdisk_file **file = fd_file(f->rdi);
    struct process *p = process_current();

    if (!file || !*file)
        return -XEN_EINVAL;
    uint64_t base = f->rdx == 0 ? 0 : f->rdx == 1 ? p->fds[f->rdi].offset : (*file)->size;

    if (base + f->rsi > (*file)->size)
        return -XEN_EINVAL;
    p->fds[f->rdi].offset = base + f->rsi;
    return (long)p->fds[f->rdi].offset;
}

static long sys_fsize(struct trap_frame *f)
{
    const struct ramdisk_file **file = fd_file(f->rdi);

    if (f->rdi < 3)
        return -1;
    return file && *file ? (long)(*file)->size : -XEN_EINVAL;
}

static long sys_sbrk(struct trap_frame *f)
{
    struct process *p = process_current();
    uint64_t old = p->brk_end, end = old + f->rdi, limit = page_ceil(end);

    if (end < p->brk_start || limit > USER_STACK_TOP - USER_STACK_BYTES - PAGE_SIZE)
        return -XEN_ENOMEM;
    if (!p->brk && limit > p->brk_start)
        p->brk = region_add(p->aspace, p->brk_start, limit, REGION_R | REGION_W | REGION_USER,
                            &region_anon);
    if (!p->brk && limit > p->brk_start)
        return -XEN_ENOMEM;
    if (p->brk) {
        if (limit < p->brk->end)
            region_discard(p->brk, limit, p->brk->end);
        p->brk->end = limit;
    }
    p->brk_end = end;
    return (long)old;
}

static long sys_getpid(struct trap_frame *f)
{
    (void)f;
    return process_current()->pid;
}

static long sys_fork(struct trap_frame *f)
{
    return process_fork(f);
}

static long sys_wait(struct trap_frame *f)
{
    return process_wait((int)f->rdi);
}

static long sys_yield(struct trap_frame *f)
{
    (void)f;
    thread_yield();
    return 0;
}

static long sys_time(struct trap_frame *f)
{
    (void)f;
    return (long)clock_wall_ns();
}

static long sys_probe(struct trap_frame *f)
{
    struct aspace *as = process_current()->aspace;
    struct region *region = region_find(as->regions, f->rsi);

    if (f->rdi == PROBE_RESOLVED)
        return (long)fault_stats.resolved;
    if (!region)
        return -XEN_EFAULT;
    if (f->rdi == PROBE_RESIDENT)
        return (long)region->resident;
    struct walk w = pt_walk(aspace_root(as), f->rsi);

    if (f->rdi == PROBE_ENTRY)
        return (long)(w.level == 1 ? w.entry[1] : 0);
    if (f->rdi == PROBE_REFS)
        return walk_mapped(&w) ? (long)page_refs(m2p(pte_mfn(w.entry[1]))) : 0;
    return -XEN_EINVAL;
}

static long (*const table[SYS_COUNT])(struct trap_frame *) = {
    [SYS_EXIT] = sys_exit,   [SYS_WRITE] = sys_write, [SYS_READ] = sys_read,
    [SYS_OPEN] = sys_open,   [SYS_CLOSE] = sys_close, [SYS_LSEEK] = sys_lseek,
    [SYS_FSIZE] = sys_fsize, [SYS_SBRK] = sys_sbrk,   [SYS_GETPID] = sys_getpid,
    [SYS_FORK] = sys_fork,   [SYS_WAIT] = sys_wait,   [SYS_YIELD] = sys_yield,
    [SYS_TIME] = sys_time,   [SYS_PROBE] = sys_probe,
};

void syscall_dispatch(struct trap_frame *frame)
{
    frame->rax = frame->rax < SYS_COUNT ? (uint64_t)table[frame->rax](frame)
                                        : (uint64_t)(long)-XEN_ENOSYS;
}
