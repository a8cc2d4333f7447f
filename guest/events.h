/*
 * SPDX-License-Identifier: MIT
 *
 * events.h - two-level event channels.
 *
 * Handlers run with events masked, on the stack of whatever was interrupted: they record and wake,
 * they do not print, allocate or switch threads.
 */
#ifndef GUEST_EVENTS_H
#define GUEST_EVENTS_H

#include <abi/abi.h>

#define EVENT_PORTS 128 /* ports this kernel can bind; the ABI has 4096 */

typedef void (*event_handler_t)(evtchn_port_t port);

/* Masks every port, then unmasks the upcall: from here on events arrive. */
void events_init(void);

/* Gives a port its handler and unmasks it.  Result: 0, -XEN_EINVAL for a port beyond EVENT_PORTS. */
int event_bind(evtchn_port_t port, event_handler_t handler);

/* Closes the port; its handler is called no more. */
void event_unbind(evtchn_port_t port);

/* Binds a virtual interrupt to vCPU 0.  Result: the port, or the hypercall's negative error. */
int event_bind_virq(unsigned int virq, event_handler_t handler);

/* Called by trap_dispatch for the event callback. */
void events_dispatch(void);

/* Blocks the vCPU until an event; returns at once when one is pending. */
void events_wait(void);

/* For short sections: result of _mask goes to _restore. */
bool events_mask(void);
void events_restore(bool masked);

#endif
