/* SPDX-License-Identifier: MIT */
/* Event channels, the 2-level ABI: 4096 ports, pending and mask bitmaps in shared_info. */
#ifndef HV_DOM_EVTCHN_H
#define HV_DOM_EVTCHN_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/abi.h"
#include "lib/spinlock.h"

#define EVTCHN_PORTS 4096u
#define EVTCHN_VIRQS 24u

struct domain;
struct vcpu;

enum evtchn_state {
    EVTCHN_FREE,
    EVTCHN_UNBOUND,      /* waits for remote_domid */
    EVTCHN_INTERDOMAIN,
    EVTCHN_VIRQ,
    EVTCHN_IPI,
    EVTCHN_HYPERVISOR,   /* peer is the hypervisor: console, store */
};

struct evtchn {
    uint8_t state;       /* enum evtchn_state */
    uint8_t vcpu;        /* notified vCPU */
    uint16_t remote_dom; /* unbound, interdomain */
    uint32_t remote_port;/* interdomain: peer's port; VIRQ: its number */
};

struct evtchn_table {
    struct spinlock lock;
    struct evtchn *port;     /* EVTCHN_PORTS entries */
    uint32_t limit;          /* ports in use are below it */
};

/* Allocates the table. False when out of memory. */
bool evtchn_init(struct domain *d);
void evtchn_destroy(struct domain *d);

/* A port whose peer is the hypervisor itself; its number, or 0 when there is none free. */
uint32_t evtchn_bind_hypervisor(struct domain *d);

/*
 * Sets a port pending: bitmap bit, selector bit, upcall_pending in this order, then wakes the
 * vCPU if the event is deliverable or it polls for it.
 */
void evtchn_set_pending(struct domain *d, uint32_t port);

/* Raises a virtual interrupt of one vCPU (or a global one, v == vCPU 0) if it is bound. */
void evtchn_raise_virq(struct vcpu *v, unsigned virq);

/* True if v has an event that its mask does not hold back. */
bool evtchn_deliverable(const struct vcpu *v);

/* True if port is in use; SCHEDOP_poll's check. */
bool evtchn_port_valid(const struct domain *d, uint32_t port);

/* True if port is pending in shared_info. port < EVTCHN_PORTS. */
bool evtchn_pending(const struct domain *d, uint32_t port);

/* Hypercall event_channel_op: see pv/hypercall.h for the calling convention. */
long evtchn_op(unsigned cmd, uint64_t arg_va);

#endif
