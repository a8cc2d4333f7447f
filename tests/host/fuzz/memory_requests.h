/* SPDX-License-Identifier: MIT */
/*
 * Memory programs from the inside: records (memory_ops.c), the hypercalls that they stand for
 * (memory_requests.c, memory_grants.c, memory_events.c), and what a guest or a CPU does without one
 * (memory_acts.c).
 */
#ifndef TESTS_HOST_FUZZ_MEMORY_REQUESTS_H
#define TESTS_HOST_FUZZ_MEMORY_REQUESTS_H

#include "memory.h"

#include <xen/grant_table.h>

/* Of the window: what a call has there for its requests; a multicall makes four. */
#define AT_REQUESTS 0x180u

/* Records of one class share a batch; all but CLASS_ACT may be entries of a multicall. */
enum op_class {
    CLASS_ACT,
    CLASS_UPDATE,
    CLASS_EXT,
    CLASS_CALL,
    CLASS_MAP,
    CLASS_UNMAP,
    CLASS_REPLACE,
    CLASS_COPY,
    CLASS_EVENT
};
enum op_ext { EXT_OTHER, EXT_PIN, EXT_UNPIN, EXT_BASEPTR, EXT_USER_BASEPTR };

struct call {
    unsigned nr;
    uint64_t a[4];
};

/* memory_ops.c */
enum op_class op_class(uint8_t kind);
enum op_ext op_ext(uint8_t kind);
/* The hypercall of a record that is no act, its arguments in part i of the window. */
struct call op_call(const struct op *op, unsigned i);
uint64_t select_frame(uint8_t byte);
unsigned select_slot(uint8_t byte);
uint64_t select_va(const struct op *op);
uint64_t select_entry(const struct op *op);
uint64_t select_descriptor(const struct op *op);
uint64_t select_domain(const struct op *op);
uint64_t select_pointer(const struct op *op, unsigned offset);
/* The next record of the same batch, or 0; the next one for a multicall, or 0. */
const struct op *record_joined(const struct op *last);
const struct op *record_entry(void);

/* memory_requests.c */
struct call call_update(const struct op *op, unsigned i);
struct call call_ext(const struct op *op, unsigned i);
struct call call_update_va(const struct op *op, unsigned i);
struct call call_set_gdt(const struct op *op, unsigned i);
struct call call_update_descriptor(const struct op *op, unsigned i);
struct call call_memory(const struct op *op, unsigned i);
struct call call_multicall(const struct op *op, unsigned unused);

/* memory_grants.c */
void grants_start(void);
/* What a new domain grants to others of its pages. */
void grants_begin(struct domain *d, const uint64_t *pages, unsigned count);
struct call call_grant_map(const struct op *op, unsigned i);
struct call call_grant_unmap(const struct op *op, unsigned i);
struct call call_grant_replace(const struct op *op, unsigned i);
struct call call_grant_copy(const struct op *op, unsigned i);
struct call call_grant_table(const struct op *op, unsigned i);
void act_grant(const struct op *op);
/* The mapper knows where it has what. */
void grant_remember(const struct gnttab_map_grant_ref *m);

/*
 * memory_granted.c. done(): what came of the only request, or of the first: its status; `simple`: and
 * nobody else had a part in it. A request that was refused leaves what keep() saw.
 */
long grant_map_done(const struct op *op, bool simple);
long grant_unmap_done(void);
long grant_replace_done(void);
long grant_copy_done(void);
void grants_keep(void);
void grants_same(void);

/* memory_events.c */
struct call call_event(const struct op *op, unsigned i);
void act_events(const struct op *op);
void events_keep(void);
void events_same(void);

/* memory_acts.c */
void act_poke(const struct op *op);
void act_fill(const struct op *op);
void act_store(const struct op *op);
void act_ldt_fault(const struct op *op);
void act_accessed(const struct op *op);
void act_toggle(const struct op *op);
void act_domain(const struct op *op);

#endif
