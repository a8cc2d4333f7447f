/* SPDX-License-Identifier: MIT */
/*
 * The frame table: 16 bytes for each 4 KiB machine frame, two words that change only by
 * compare-and-exchange.
 *
 * reference word   63      51   50     49      48     47........32 31.............0
 *                  |  freed at | -    |shared |alloc |   owner    |  general count |
 * type word        63............40   39   38     37      36        35    34..32  31......0
 *                  |next/spans/epoch| - |locked|partial|validated|pinned| type | type count |
 *
 * general count  every reference of any kind: the allocation itself, each present entry of a counted
 *                table, roots, pins, descriptor slots, registered areas.
 * type count     those of them that need the present type. While it is above zero the type stands.
 * next           while partial: entries [0,next) of the table hold references, the rest do not.
 * spans          while a table is validated: bit n is set if its n-th sixteenth may have a present entry.
 * epoch          while the type count is zero: low bits of the flush clock when it fell to zero.
 * A free frame has owner OWNER_NONE and count 0; its type word then belongs to mm/page_alloc.c.
 *
 * References are taken here and in pt/page_type.c only. Callers: pt/, pv/, dom/.
 */
#ifndef HV_MM_FRAME_H
#define HV_MM_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/abi.h"
#include "geometry.h"
#include "hooks.h"
#include "lib/atomic.h"

struct frame {
    uint64_t ref;
    uint64_t type;
};
_Static_assert(sizeof(struct frame) == 16, "16 bytes for each frame");

#define FRAME_REF_MAX     ((1ull << FRAME_REF_BITS) - 1)
#define FRAME_REF_COUNT   0xffffffffull
#define FRAME_OWNER_SHIFT 32
#define FRAME_OWNER_MASK  (0xffffull << FRAME_OWNER_SHIFT)
#define FRAME_ALLOCATED   (1ull << 48) /* the owner's own reference is in the count */
#define FRAME_HV_SHARED   (1ull << 49) /* the hypervisor's page, lent to its owner (shared_info) */

#define FRAME_TYPE_MAX   ((1ull << FRAME_TYPE_BITS) - 1)
#define FRAME_TYPE_COUNT 0xffffffffull
#define FRAME_TYPE_SHIFT 32
#define FRAME_TYPE_MASK  (7ull << FRAME_TYPE_SHIFT)
#define FRAME_PINNED     (1ull << 35)
#define FRAME_VALIDATED  (1ull << 36)
#define FRAME_PARTIAL    (1ull << 37)
#define FRAME_LOCKED_BIT 38
#define FRAME_LOCKED     (1ull << FRAME_LOCKED_BIT)
#define FRAME_NEXT_SHIFT 40
#define FRAME_NEXT_MASK  (0xffffffull << FRAME_NEXT_SHIFT)

/* Spans of entries of a table: so many, of so many entries each. */
#define FRAME_SPANS      16u
#define FRAME_SPANS_ALL  ((1u << FRAME_SPANS) - 1)
#define FRAME_SPAN       (PT_ENTRIES > FRAME_SPANS ? PT_ENTRIES / FRAME_SPANS : 1)
#define FRAME_SPAN_SHIFT FRAME_NEXT_SHIFT

/* The span that a slot is in, as its bit. */
static inline unsigned frame_span_bit(unsigned slot)
{
    return 1u << slot / FRAME_SPAN;
}

/* Owners that are not domains. The DOMID_* values are the ABI's. */
#define OWNER_NONE 0xffffu /* free */
#define OWNER_IO   0x7ff1u /* DOMID_IO: not RAM */
/*
 * The first MiB, which is the firmware's. The initial domain may map it; FRAME_ALLOCATED is set.
 * BIOS is like OWNER_IO, but firmware_blank takes its place in tables.
 */
#define OWNER_ROM  0xfffeu /* to be read */
#define OWNER_VGA  0xfffdu /* the display's: written, too */
#define OWNER_BIOS 0xfffcu /* 0xe0000 to 0xfffff, where kernels look for tables of devices */
#define OWNER_HV   0x7ff2u /* DOMID_XEN: the hypervisor's own */

/* In the reference word of a free frame: low bits of the flush clock when it was freed. */
#define FRAME_FREED_SHIFT 50
#define FRAME_FREED_MASK  (0x3fffull << FRAME_FREED_SHIFT)

extern mfn_t firmware_blank; /* OWNER_ROM, zeroes */

static inline bool owner_is_firmware(uint16_t owner)
{
    return owner == OWNER_ROM || owner == OWNER_VGA;
}

extern uint64_t frame_limit;     /* highest MFN of RAM + 1 */
extern uint64_t frame_ram_pages; /* frames below it that are RAM, the hypervisor's own with them */

/*
 * Both builds provide frame_table, of frame_limit entries, and the direct map: frame_va(mfn) is the
 * hypervisor's address of a frame, ma_va(ma) that of a byte.
 */
#include "frame_va.h"

static inline bool frame_valid(mfn_t mfn)
{
    return mfn.n < frame_limit;
}

static inline struct frame *frame_of(mfn_t mfn)
{
    return &frame_table[mfn.n];
}

/* The same for a machine address that begins a frame: what an entry without its flags is. */
static inline struct frame *frame_of_ma(uint64_t ma)
{
    return (struct frame *)((char *)frame_table + ma / (PAGE_SIZE / sizeof(struct frame)));
}

static inline uint16_t frame_owner(mfn_t mfn)
{
    return (uint16_t)(frame_of(mfn)->ref >> FRAME_OWNER_SHIFT);
}

/* DOMID_IO's, as the ABI sees it: no memory of anybody's. */
static inline bool frame_is_io(mfn_t mfn)
{
    uint16_t owner = frame_owner(mfn);

    return owner == OWNER_IO || owner == OWNER_BIOS || owner_is_firmware(owner);
}

static inline uint32_t frame_refs(mfn_t mfn)
{
    return (uint32_t)(frame_of(mfn)->ref & FRAME_REF_COUNT);
}

/* Whether the reference word lets owner take one more: its frame, in use, counter below the reserve. */
static inline bool frame_ref_gettable(uint64_t ref, uint16_t owner)
{
    return (uint16_t)(ref >> FRAME_OWNER_SHIFT) == owner &&
           (uint32_t)ref - 1 < (uint32_t)(FRAME_REF_MAX - FRAME_REF_RESERVE - 1);
}

/* frame.c: the rare halves of frame_get() and frame_put(). */
bool frame_get_refused(mfn_t mfn, uint16_t owner);
void frame_put_last(mfn_t mfn, uint64_t before);

/*
 * Takes one general reference on a frame that belongs to owner.
 * False, with the reason recorded: MFN beyond RAM, other owner, free, count at its maximum.
 */
static inline bool frame_get(mfn_t mfn, uint16_t owner)
{
    if (__builtin_expect(frame_valid(mfn) && !hook_fail(), 1)) {
        struct frame *f = frame_of(mfn);
        uint64_t old = atomic_read(&f->ref);

        while (__builtin_expect(frame_ref_gettable(old, owner), 1)) {
            hook_shared_access();
            if (__builtin_expect(atomic_swap_if(&f->ref, old, old + 1), 1))
                return true;
            old = atomic_read(&f->ref);
        }
    }
    return frame_get_refused(mfn, owner);
}

/* frame_get() in one try, without a call. False: declined, nothing taken. */
static inline __attribute__((always_inline)) bool frame_get_short(mfn_t mfn, uint16_t owner)
{
    struct frame *f = frame_of(mfn);
    uint64_t old;

    if (__builtin_expect(!frame_valid(mfn), 0))
        return false;
    old = atomic_read(&f->ref);
    hook_shared_access();
    return __builtin_expect(frame_ref_gettable(old, owner), 1) &&
           __builtin_expect(atomic_swap_if(&f->ref, old, old + 1), 1);
}

/*
 * The same for the time of a request that gives a reference of the frame back: draws on the reserve,
 * so that a full count can be brought down again. At most one for each CPU at a time.
 */
bool frame_get_to_give_back(mfn_t mfn, uint16_t owner);

/*
 * The same of a valid frame that the request itself has just allocated: fails only when another vCPU
 * has given it away meanwhile, since what is undone cannot be refused.
 */
bool frame_get_to_undo(mfn_t mfn, uint16_t owner);

/*
 * Takes one more general reference on a frame on which the caller already holds one. Draws on the
 * reserve of the counter (FRAME_REF_RESERVE), so it cannot fail: only for the hypervisor's own
 * bookkeeping, never once per guest request.
 */
void frame_get_again(mfn_t mfn);

/* Drops one general reference. With the last one the frame is freed (its type count must be 0). */
static inline void frame_put(mfn_t mfn)
{
    hook_shared_access();
    if (__builtin_expect(atomic_dec_was_last((uint32_t *)&frame_of(mfn)->ref), 0))
        frame_put_last(mfn, frame_of(mfn)->ref + 1);
}

/*
 * Gives a frame fresh from the allocator to owner with count 1 and FRAME_ALLOCATED (| flags).
 * Used by owner.c and for pages of the hypervisor that it lends (FRAME_HV_SHARED).
 */
void frame_assign(mfn_t mfn, uint16_t owner, uint64_t flags);

/* Clears FRAME_ALLOCATED and drops its reference; false if it was not set. */
bool frame_release(mfn_t mfn);

/*
 * Before freed frames get a new use: makes sure that no TLB still translates to one of the count
 * frames from first on (hazard P7). Called by the allocator for every block that it hands out.
 */
void frame_flush_freed(mfn_t first, uint64_t count);

#endif
