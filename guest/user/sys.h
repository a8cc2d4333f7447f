/*
 * SPDX-License-Identifier: MIT
 *
 * sys.h - the guest's system calls: the contract between guest/syscall.c and user programs.
 *
 * SYSCALL with the number in RAX and arguments in RDI, RSI, RDX; the result in RAX is negative
 * (an errno of the ABI's numbers) on error.  RCX and R11 are lost, as the instruction has it.
 */
#ifndef GUEST_USER_SYS_H
#define GUEST_USER_SYS_H

#define SYS_EXIT   0 /* status */
#define SYS_WRITE  1 /* fd, buffer, bytes */
#define SYS_READ   2 /* fd, buffer, bytes */
#define SYS_OPEN   3 /* name: a file of the ramdisk, read-only */
#define SYS_CLOSE  4 /* fd */
#define SYS_LSEEK  5 /* fd, offset, whence */
#define SYS_FSIZE  6 /* fd: bytes; -1 for the console */
#define SYS_SBRK   7 /* delta: the old end */
#define SYS_GETPID 8
#define SYS_FORK   9  /* 0 in the duplicate, its PID in the caller */
#define SYS_WAIT   10 /* pid: status of the ended child */
#define SYS_YIELD  11
#define SYS_TIME   12 /* nanoseconds of wall clock */
#define SYS_PROBE  13 /* what, va: see below */
#define SYS_COUNT  14

#define PROBE_ENTRY    0 /* the L1 entry of va, 0 without a table */
#define PROBE_REFS     1 /* references of the page mapped at va */
#define PROBE_RESOLVED 2 /* page faults resolved so far */
#define PROBE_RESIDENT 3 /* pages present in the region of va */

#endif
