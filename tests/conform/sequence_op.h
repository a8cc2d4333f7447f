/*
 * SPDX-License-Identifier: MIT
 *
 * sequence_op.h - one operation of a sequence, as a 64-bit word.
 *
 *      bits  0..7   kind
 *            8..15  frame    what is written to, pinned, given back (sequence_arena.h)
 *           16..27  place    four indices into arena_slot, three bits each, for L1 (lowest) to L4:
 *                            an address; its lowest is also the entry of `frame`
 *           28..35  target   the frame that an entry names; or OP_NOTHING, OP_NUMBER, OP_DESCRIPTOR
 *           36..51  flags    of the entry: bits 0..11 as they are; 12, 13, 15: bits 52, 58, 62; 14: NX
 *           52..59  option   by kind
 *           60..61  pointer  where the request lies: 0 where it should
 *           62..63  join     0; 1: one batch with the next; 2: one multicall with the next
 *
 * The words are what a kept sequence is made of: what they mean does not change. Any word is some
 * operation; none of them can end the domain.
 */
#ifndef CONFORM_SEQUENCE_OP_H
#define CONFORM_SEQUENCE_OP_H

#include <abi/abi.h>

enum op_kind {
    OP_MMU,       /* mmu_update; option: command 0..7, domain in bits 3..5 */
    OP_UVM,       /* update_va_mapping of the place; option: which flags */
    OP_WINDOW,    /* the same for the frame's window */
    OP_PIN,       /* option: level 0..3 */
    OP_UNPIN,     /* */
    OP_BASE,      /* NEW_BASEPTR, unless the kernel would be gone */
    OP_USER_BASE, /* NEW_USER_BASEPTR; the target OP_NOTHING: none */
    OP_FLUSH,     /* option: which */
    OP_LDT,       /* SET_LDT; option: entries, and bit 3: of the frame's window; bit 4: unaligned */
    OP_CLEAR,     /* */
    OP_COPY,      /* from the target */
    OP_ODD_EXT,   /* option: a command that is none */
    OP_GDT,       /* of frame and target; option: entries */
    OP_DESCRIPTOR_SET, /* update_descriptor; option: added to the address */
    OP_GIVE,           /* decrease_reservation; option 1: and no mapping is kept */
    OP_TAKE,           /* populate_physmap, for a frame that was given */
    OP_EXCHANGE,       /* */
    OP_STORE,    /* to the frame's window, or to the place; option: instruction, bit 7: the place */
    OP_READ,     /* of the place; option: which word */
    OP_FILL,     /* the kernel's entries into the frame, by its window */
    OP_SELECTOR, /* loads a segment; option bit 0: of the LDT */
    OP_SEEN_FLUSH, /* reads the place, changes it by update_va_mapping with a flush, reads again */
    OP_GRANT, /* an entry of the grant table for the frame; place: which; option: 1 read-only, 4 none, 8 another's */
    OP_GRANT_MAP, /* the entry that the target says, at the place; option: GNTMAP_*; 16: in the frame */
    OP_GRANT_UNMAP, /* the mapping that the target says; option: 1, 2: no part of host, device; 4: at the
                       place; 8: the place's entry instead */
    OP_GRANT_COPY, /* from frame to target; option: 1, 2: by an entry; bits 2..4: to which word */
    OP_KINDS,
};

#define OP_NOTHING    0x3fU /* the entry zero */
#define OP_NUMBER     0x3eU /* a small number, not present; the flags say which */
#define OP_DESCRIPTOR 0x3dU /* a descriptor that is no present entry; the flags say which */

struct op {
    uint64_t word;
    unsigned int kind, frame, place, target, flags, option, pointer, join;
};

struct op op_decode(uint64_t word);
uint64_t op_encode(const struct op *op);

/* What the fields name. */
pte_t op_entry(const struct op *op);
uint64_t op_place(const struct op *op);
unsigned int op_slot(const struct op *op);

/* Prints the operation for people. */
void op_print(unsigned int index, const struct op *op);

/* Carries out ops[0..count), says the answers; `index` is the number of the first. */
void ops_run(const uint64_t *words, const uint8_t *index, unsigned int count);

/* Parts of it: requests (sequence_request.c), accesses (sequence_access.c), frames (sequence_trade.c). */
bool op_is_request(unsigned int kind);
unsigned int requests_run(const struct op *ops, unsigned int count);
void access_run(const struct op *op);
void trade_run(const struct op *op);

/* Grants of frames (sequence_grant.c). grants_reset() ends what is mapped; result: how many
 * it could not, and there is no room left. */
void grant_run(const struct op *op);
unsigned int grants_reset(uint64_t window);

/* XENMEM_exchange of a frame of the arena.  Result: its; the new frame, and how many it says are done. */
long trade_exchange(unsigned int frame, mfn_t *mfn, unsigned long *done);

#endif
