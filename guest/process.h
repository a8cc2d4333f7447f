/*
 * SPDX-License-Identifier: MIT
 *
 * process.h - static ELF programs of the ramdisk, run in guest-user mode.
 *
 * A process is a thread with an address space of its own.  Its text, data, bss and stack are regions
 * over the ramdisk file and over nothing; no page is mapped before it is touched.
 */
#ifndef GUEST_PROCESS_H
#define GUEST_PROCESS_H

#include "ramdisk.h"
#include "traps.h"

struct aspace;
struct region;
struct thread;

#define PROCESS_FDS 8

struct process {
    int pid;
    struct thread *thread;
    struct aspace *aspace;
    struct region *brk; /* heap region; NULL before the first sbrk */
    uint64_t brk_start, brk_end;
    uint64_t entry; /* 0 in a duplicate, which goes on where its parent was */
    struct {
        const struct ramdisk_file *file;
        uint64_t offset;
    } fds[PROCESS_FDS];
    int parent;
    bool ended;
    bool killed; /* by a fault nobody resolved: `fault` says which */
    int status;  /* of exit() */
    struct trap_report fault;
};

/*
 * Makes a process of a ramdisk program, ready to run; `argv` ends with NULL, 16 arguments at most.
 * Result: NULL, *error = -XEN_ENOENT, -XEN_EINVAL (not a static ELF64 program) or -XEN_ENOMEM.
 */
struct process *process_create(const char *file, const char *const argv[], int *error);

/* Runs others until it has ended; its address space is alive until process_free. */
void process_join(struct process *process);

/* Frees an ended process: address space, thread, record. */
void process_free(struct process *process);

/* The calling thread's process ends with this status; or by this fault. */
void process_exit(int status) __attribute__((noreturn));
void process_kill(const struct trap_report *report) __attribute__((noreturn));

/* Duplicates the caller, which is in a system call with this frame.  Result: PID or an error. */
int process_fork(const struct trap_frame *frame);

/* Waits for a child (pid) of the caller, frees it.  Result: its status, 128 + vector if killed. */
int process_wait(int pid);

struct process *process_current(void);
struct process *process_by_pid(int pid);

/* process_create, join, copy of the record, free.  Result: 0 or process_create's error. */
int process_run(const char *file, const char *const argv[], struct process *result);

#endif
