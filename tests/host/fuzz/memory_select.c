/* SPDX-License-Identifier: MIT */
/*
 * What the bytes of a record stand for. Most values of a byte mean a few frames, slots and flags, so
 * that requests meet; some the ends of every range.
 */
#include "memory_requests.h"

uint64_t select_frame(uint8_t byte)
{
    static const uint64_t ends[8] = {
        0, 1, 2, FRAMES - 1, FRAMES, 1ul << 28, MFN_INVALID_BITS, (1ul << 52) - 1
    };

    if (byte < 96)
        return machine_page(byte % 24);
    if (byte < 200)
        return machine_page(byte % 12); /* d1's */
    if (byte < 248)
        return FRAMES - 248u + byte;
    return ends[byte & 7];
}

unsigned select_slot(uint8_t byte)
{
    static const uint16_t ends[16] = { 255, 256, 257, 260, 261, 271, 272, 511,
                                       510, 508, 100, 64,  7,   8,   4,   5 };

    if (byte < 112)
        return byte & 3;
    return byte < 160 ? byte & 15 : byte < 224 ? ends[byte & 15] : byte * 2u;
}

uint64_t select_va(const struct op *op)
{
    static const uint64_t ends[8] = { 0xffff800000000000, 0xffff7ffffffff000,
                                      0x0000800000000000, 0x00007ffffffff000,
                                      0xffff880000000000, 0xffffffffffffffff,
                                      0xffff820000010000, 0x123 };
    uint8_t byte = op->slot;

    if (op->x >= 248)
        return ends[op->x & 7];
    return (uint64_t)(byte >> 6) << 39 | (uint64_t)(byte >> 4 & 3) << 30 |
           (uint64_t)(byte >> 2 & 3) << 21 | (uint64_t)(byte & 3) << 12 |
           (uint64_t)(op->x & 3) << 14;
}

uint64_t select_entry(const struct op *op)
{
    static const uint64_t flags[32] = {
        LEAF_RW,
        LEAF_RW,
        LEAF_RW,
        LEAF_RW,
        LEAF_RW,
        LEAF_RO,
        LEAF_RO,
        LEAF_RO,
        LEAF_RO,
        BRANCH,
        BRANCH,
        BRANCH,
        BRANCH,
        BRANCH,
        BRANCH,
        BRANCH,
        0,
        0,
        0,
        PTE_P,
        PTE_P | PTE_RW,
        PTE_P | PTE_U,
        BRANCH & ~PTE_RW,
        LEAF_RW | PTE_NX,
        BRANCH | PTE_NX,
        LEAF_RO | PTE_AVAIL,
        BRANCH & ~PTE_A,
        LEAF_RW | PTE_PCD,
        BRANCH | PTE_PS,
        LEAF_RW & ~PTE_U,
        BRANCH | PTE_G,
        LEAF_RO | PTE_AVAIL_HIGH,
    };
    uint64_t entry = flags[op->bits & 31];

    if (!entry && op->bits & 0x20)
        return 0;
    entry = (entry ^ ((op->bits & 0xc0) == 0xc0 ? 1ul << (op->y & 63) : 0));
    return (entry & ~PTE_ADDR_MASK) | (select_frame(op->b) << PAGE_SHIFT & PTE_ADDR_MASK);
}

/* A segment descriptor, often one that may stand in a table. */
uint64_t select_descriptor(const struct op *op)
{
    static const uint64_t some[16] = {
        0x00affb000000ffff, 0x00cff3000000ffff,
        0x00cf93000000ffff, 0x00008c0000080000,
        0x0000890000000067, 0,
        0x00cffb000000ffff, 0x0000820000000000,
        0x00008c00e0330000, 0x00008c0000070000,
        0x00008c00e0300000, 0x00008c0100080000,
        0x0000800000000000, 0x000003000000ffff,
        0x00409b000000ffff, ~0ul,
    };

    return some[op->bits & 15] ^ (op->bits & 0x80 ? 1ul << (op->y & 63) : 0);
}

/* The domid argument: the caller itself, unless the record is to name others. */
uint64_t select_domain(const struct op *op)
{
    static const uint16_t ids[8] = { 0, 1, 2, 3, DOMID_IO, DOMID_XEN, DOMID_SELF, DOMID_INVALID };

    if (!(op->mode & OP_FOREIGN))
        return DOMID_SELF;
    return (op->y & 0x80) ? ids[op->y & 7] : (op->y & 1) ? 1 : 2;
}

/* Where an argument lies: the window, with few exceptions. */
uint64_t select_pointer(const struct op *op, unsigned offset)
{
    static const uint64_t ends[8] = { 0,
                                      GUEST_VA + VCPUS * GUEST_WINDOW - 20,
                                      0xffff800000000000,
                                      0x00007ffffffffff8,
                                      0x0000000000005000,
                                      0x0000000000006ff8,
                                      0xffff7fffffffffff,
                                      0xffffffffffffff00 };

    return op->y >= 252 || (op->y >= 120 && op->y < 124) ? ends[op->x & 7] : window_va() + offset;
}
