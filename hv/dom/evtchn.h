/* SPDX-License-Identifier: MIT */
/* Event channels, the 2-level ABI: 4096 ports, pending and mask bitmaps in shared_info. */
#ifndef HV_DOM_EVTCHN_H
#define HV_DOM_EVTCHN_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/abi.h"
#include "geometry.h"
#include "lib/spinlock.h"
#include "pt/audit.h"

#define EVTCHN_PORTS  (512u << EVTCHN_TABLE_ORDER)
#define EVTCHN_VIRQS  24u
#define EVTCHN_BUCKET 64u /* the table's reach grows by so many ports, as guests can observe */

#define EVTCHN_ANY (~0u) /* vcpu.poll_port: it waits for any */

struct domain;
struct vcpu;

enum evtchn_state {
    EVTCHN_FREE,
    EVTCHN_UNBOUND, /* waits for remote_domid */
    EVTCHN_INTERDOMAIN,
    EVTCHN_VIRQ,
    EVTCHN_IPI,
    EVTCHN_HYPERVISOR, /* peer is the hypervisor: console, store */
};

struct evtchn {
    uint8_t state;        /* enum evtchn_state */
    uint8_t vcpu;         /* notified vCPU */
    uint16_t remote_dom;  /* unbound, interdomain */
    uint32_t remote_port; /* interdomain: peer's port; VIRQ: its number */
};

struct evtchn_table {
    struct spinlock lock;
    struct evtchn *port; /* EVTCHN_PORTS entries */
    uint32_t limit;      /* ports in use are below it; a multiple of EVTCHN_BUCKET */
};

/* Allocates the table. False when out of memory. */
bool evtchn_init(struct domain *d);
void evtchn_destroy(struct domain *d);

/* A port whose peer is the hypervisor itself; its number, or 0 when there is none free. */
uint32_t evtchn_bind_hypervisor(struct domain *d);

/*
 * Takes the lowest free port into a state other than EVTCHN_FREE, notifying vcpu. Its number, or
 * -ENOSPC. The table's lock is held.
 */
long evtchn_alloc(struct domain *d, enum evtchn_state state, unsigned vcpu);

/* Makes a valid port free again, its peer unbound. False if it is free already. */
bool evtchn_close(struct domain *d, uint32_t port);

/* The locks of one or two domains' tables, always in the same order. a may be b. */
void evtchn_lock_both(struct domain *a, struct domain *b);
void evtchn_unlock_both(struct domain *a, struct domain *b);

/*
 * Sets a port pending: bitmap bit, selector bit, upcall_pending in this order, then wakes the
 * vCPU if the event is deliverable or it polls for it.
 */
void evtchn_set_pending(struct domain *d, uint32_t port);

/*
 * EVTCHNOP_unmask: clears the mask bit and delivers what was held back, if port, which is valid, is
 * used.
 */
void evtchn_unmask(struct domain *d, uint32_t port);

/* True for a virtual interrupt that each vCPU has for itself; the others are one for a domain. */
static inline bool virq_is_per_vcpu(uint32_t virq)
{
    return virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF || virq == VIRQ_XENPMU;
}

/* The vCPU whose virq_port names a port in state EVTCHN_VIRQ: not the notified one if it is global. */
static inline unsigned evtchn_virq_vcpu(const struct evtchn *e)
{
    return virq_is_per_vcpu(e->remote_port) ? e->vcpu : 0;
}

/* Raises a virtual interrupt of one vCPU (or a global one, v == vCPU 0) if it is bound. */
void evtchn_raise_virq(struct vcpu *v, unsigned virq);

/* True if v has an event that its mask does not hold back. */
bool evtchn_deliverable(const struct vcpu *v);

/* True if the port number may be named in unmask, poll and status: the table reaches that far. */
bool evtchn_port_valid(const struct domain *d, uint32_t port);

/* True if port is pending in shared_info. port < EVTCHN_PORTS. */
bool evtchn_pending(const struct domain *d, uint32_t port);

/* The ports of every domain in the list, for the auditor (dom/evtchn_books.c): invariant "ports". */
void evtchn_audit(struct audit *a, const struct domain *list);

/*
 * Hypercall event_channel_op (dom/evtchn_op.c): 0 or the negative errno of the sub-operation, with
 * the reason recorded (mm/refusal.h).
 */
long evtchn_op(unsigned cmd, uint64_t arg_va);

#endif
