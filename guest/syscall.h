/*
 * SPDX-License-Identifier: MIT
 *
 * syscall.h - system calls of user programs; numbers in user/sys.h.
 */
#ifndef GUEST_SYSCALL_H
#define GUEST_SYSCALL_H

#include "traps.h"

/* Called by trap_dispatch on the SYSCALL callback; puts the result into the frame's RAX. */
void syscall_dispatch(struct trap_frame *frame);

/*
 * Copy between the kernel and the running process, faults resolved or caught.
 * Result: 0, or -XEN_EFAULT when the user range is not all accessible user memory.
 */
int user_copy_in(void *to, uint64_t from_user, size_t bytes);
int user_copy_out(uint64_t to_user, const void *from, size_t bytes);

#endif
