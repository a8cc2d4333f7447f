/*
 * SPDX-License-Identifier: MIT
 *
 * console.h - the guest's serial line.
 *
 * The initial domain talks by the console_io hypercall, any other by the console ring and its event
 * channel; start_info says which.  Callers never need to know.
 */
#ifndef GUEST_CONSOLE_H
#define GUEST_CONSOLE_H

#include <abi/abi.h>

/* First of all bring-up; needs nothing but the initial mapping. */
void console_init(const start_info_t *si);

/* Once events work: input wakes a blocked vCPU. */
void console_bind_events(void);

/* Writes `len` bytes; returns when the hypervisor or the ring has taken them all. */
void console_write(const char *buf, size_t len);

/* Result: bytes read, at most `len`; 0 when there are none. */
size_t console_read(char *buf, size_t len);

/* There is something to read, on a ring: with events masked, before the vCPU blocks. */
bool console_ready(void);

/* Returns when the other end of the ring has taken everything: before a shutdown. */
void console_drain(void);

#endif
