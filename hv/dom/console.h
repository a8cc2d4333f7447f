/* SPDX-License-Identifier: MIT */
/* Consoles of domains: the ring of a domU, console_io of the initial one, input from the UART. */
#ifndef HV_DOM_CONSOLE_H
#define HV_DOM_CONSOLE_H

#include "dom/domain.h"

/* Drains the out ring of a domU to the serial line; called when the guest kicks its console port. */
void console_ring_drain(struct domain *d);
/* Writes a line that is still unfinished: it has waited long enough, or nothing will follow. */
void console_flush(struct domain *d);
/* A byte of input for d. */
void console_give(struct domain *d, char c);
/* A byte came in on the serial line: for the domain that has the input, or a key of the hypervisor. */
void console_input(char c);
/* The domain of this recipe has ended for good: if it had the input, the next one gets it. */
void console_input_lost(const struct domain_recipe *r);

/* dom/report.c, for the hypervisor's keys: domains and vCPUs, with VIRQ_DEBUG for each; ports. */
void domains_report(void);
void ports_report(void);

/* Most bytes that console_io() takes or gives at once. */
#define CONSOLE_IO_MAX 4096u

/*
 * One piece of hypercall console_io. count: bytes, at most CONSOLE_IO_MAX. Write: 0. Read: bytes
 * read, 0 if there is none. -EPERM unless the caller has the machine's console, -EFAULT, -ENOSYS.
 */
long console_io(unsigned cmd, unsigned count, uint64_t buf_va);

#endif
