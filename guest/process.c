/*
 * SPDX-License-Identifier: MIT
 *
 * process.c - birth, duplication and end of processes.
 *
 * Invariant: a record in use has a thread, whose address space is the process's until it ends; the
 * address space itself lives until process_free, so that a test can look at it.
 */
#include "process.h"

#include "elf_load.h"
#include "guest.h"
#include "mm/aspace.h"
#include "mm/layout.h"
#include "mm/region.h"
#include "thread.h"

#include <string.h>

#define PROCESS_MAX 32
#define ARGS_MAX    16
#define ARGS_BYTES  512

static struct slot {
    bool used;
    struct process p;
    struct trap_frame frame; /* how it enters user mode for the first time */
    char args[ARGS_BYTES];
    unsigned int argc;
    size_t args_bytes;
} slots[PROCESS_MAX];

static int next_pid = 1;

static struct slot *slot_of(struct process *p)
{
    return (struct slot *)((char *)p - offsetof(struct slot, p));
}

static struct slot *slot_take(void)
{
    for (unsigned int i = 0; i < PROCESS_MAX; i++)
        if (!slots[i].used) {
            memset(&slots[i], 0, sizeof(slots[i]));
            slots[i].used = true;
            slots[i].p.pid = next_pid++;
            return &slots[i];
        }
    return NULL;
}

struct process *process_current(void)
{
    return thread_current->process;
}

struct process *process_by_pid(int pid)
{
    for (unsigned int i = 0; i < PROCESS_MAX; i++)
        if (slots[i].used && slots[i].p.pid == pid)
            return &slots[i].p;
    return NULL;
}

/* A frame for the program's first instruction: x87 and SSE in their reset state. */
static void frame_first(struct trap_frame *f, uint64_t entry, uint64_t rsp)
{
    uint16_t fcw = 0x037f;
    uint32_t mxcsr = 0x1f80;

    memset(f, 0, sizeof(*f));
    memcpy(f->fpu, &fcw, sizeof(fcw));
    memcpy(f->fpu + 24, &mxcsr, sizeof(mxcsr));
    f->rip = entry;
    f->cs = FLAT_USER_CS;
    f->rflags = 0x202;
    f->rsp = rsp;
    f->ss = FLAT_USER_SS;
}

/*
 * Puts argc, argv[] and the strings on the user stack, as the program's start.S finds them; each
 * touch is a demand fault of the kernel on the process's own stack region.
 */
static void push_args(void *arg)
{
    struct slot *s = arg;
    char *strings = (char *)(USER_STACK_TOP - s->args_bytes);
    uint64_t *sp = (uint64_t *)(((uint64_t)strings & ~15UL) - ((s->argc + 2) | 1) * 8 - 8);
    const char *at = strings;

    memcpy(strings, s->args, s->args_bytes);
    sp[0] = s->argc;
    for (unsigned int i = 0; i < s->argc; i++) {
        sp[1 + i] = (uint64_t)at;
        at += strlen(at) + 1;
    }
    sp[1 + s->argc] = 0;
    frame_first(&s->frame, s->p.entry, (uint64_t)sp);
}

static void process_main(void *arg)
{
    struct slot *s = arg;
    struct trap_report report;

    if (s->p.entry && trap_catch(push_args, s, &report))
        process_kill(&report); /* no memory for its first stack page */

    struct trap_frame frame = s->frame;

    trap_return(&frame);
}

static int args_copy(struct slot *s, const char *const argv[])
{
    for (; argv && argv[s->argc] && s->argc < ARGS_MAX; s->argc++) {
        size_t bytes = strlen(argv[s->argc]) + 1;

        if (bytes > ARGS_BYTES - s->args_bytes)
            return -XEN_EINVAL;
        memcpy(s->args + s->args_bytes, argv[s->argc], bytes);
        s->args_bytes += bytes;
    }
    return 0;
}

/* Stack and, below it, a guard; the heap begins a guard page behind the image. */
static int regions_add(struct process *p, const struct ramdisk_file *file)
{
    uint64_t end, stack = USER_STACK_TOP - USER_STACK_BYTES;
    int rc = elf_load(p->aspace, file, &p->entry, &end);

    if (rc)
        return rc;
    if (!region_add(p->aspace, stack, USER_STACK_TOP, REGION_R | REGION_W | REGION_USER,
                    &region_anon) ||
        !region_add(p->aspace, stack - PAGE_SIZE, stack, REGION_R | REGION_W | REGION_USER,
                    &region_guard))
        return -XEN_ENOMEM;
    p->brk_start = p->brk_end = end + PAGE_SIZE;
    return 0;
}

static int process_start(struct slot *s)
{
    s->p.thread = thread_create("process", process_main, s);
    if (!s->p.thread)
        return -XEN_ENOMEM;
    s->p.thread->process = &s->p;
    s->p.thread->aspace = s->p.aspace;
    return 0;
}

struct process *process_create(const char *name, const char *const argv[], int *error)
{
    const struct ramdisk_file *file = ramdisk_find(name);
    struct slot *s = file ? slot_take() : NULL;

    *error = file ? -XEN_ENOMEM : -XEN_ENOENT;
    if (!s)
        return NULL;
    *error = args_copy(s, argv);
    if (!*error)
        s->p.aspace = aspace_create(true, error);
    if (!*error)
        *error = regions_add(&s->p, file);
    if (!*error)
        *error = process_start(s);
    if (!*error)
        return &s->p;
    if (s->p.aspace)
        aspace_destroy(s->p.aspace);
    s->used = false;
    return NULL;
}

int process_fork(const struct trap_frame *frame)
{
    struct process *parent = process_current();
    struct slot *s = slot_take();
    int error = 0;

    if (!s)
        return -XEN_EAGAIN;
    int pid = s->p.pid;

    s->p.brk = NULL;
    s->p.brk_start = parent->brk_start;
    s->p.brk_end = parent->brk_end;
    memcpy(s->p.fds, parent->fds, sizeof(parent->fds));
    s->p.parent = parent->pid;
    s->frame = *frame;
    s->frame.rax = 0;
    s->p.aspace = aspace_duplicate(parent->aspace, &error);
    if (!error && parent->brk)
        s->p.brk = region_find(s->p.aspace->regions, parent->brk_start);
    if (!error)
        error = process_start(s);
    if (!error)
        return pid;
    if (s->p.aspace)
        aspace_destroy(s->p.aspace);
    s->used = false;
    return error;
}

static void process_end(struct process *p) __attribute__((noreturn));

static void process_end(struct process *p)
{
    p->ended = true;
    thread_exit();
}

void process_exit(int status)
{
    process_current()->status = status;
    process_end(process_current());
}

void process_kill(const struct trap_report *report)
{
    struct process *p = process_current();

    if (!p)
        guest_panic("user-mode trap %u without a process", report->vector);
    p->killed = true;
    p->status = 128 + (int)report->vector;
    p->fault = *report;
    process_end(p);
}

void process_join(struct process *process)
{
    while (!process->ended)
        thread_yield();
}

void process_free(struct process *process)
{
    thread_join(process->thread);
    aspace_destroy(process->aspace);
    slot_of(process)->used = false;
}

int process_wait(int pid)
{
    struct process *child = process_by_pid(pid);

    if (!child || !process_current() || child->parent != process_current()->pid)
        return -XEN_ESRCH;
    process_join(child);
    int status = child->status;

    process_free(child);
    return status;
}

int process_run(const char *file, const char *const argv[], struct process *result)
{
    int error;
    struct process *p = process_create(file, argv, &error);

    if (!p)
        return error;
    process_join(p);
    if (result)
        *result = *p;
    process_free(p);
    return 0;
}
