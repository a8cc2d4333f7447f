/*
 * SPDX-License-Identifier: MIT
 *
 * sequence_op.c - from words to operations, and one after the other.
 */
#include "sequence_op.h"

#include "sequence_arena.h"
#include "sequence_text.h"

#include "kprint.h"

#define OPS_MAX 32U

static const char *const kind_names[OP_KINDS] = {
    "mmu_update", "update_va", "window",    "pin",         "unpin",      "base", "user-base",
    "flush",      "ldt",       "clear",     "copy",        "odd",        "gdt",  "descriptor",
    "give",       "take",      "exchange",  "store",       "read",       "fill", "selector",
    "flush-seen", "grant",     "grant-map", "grant-unmap", "grant-copy",
};

struct op op_decode(uint64_t word)
{
    struct op op = {
        .word = word,
        .kind = (word & 0xff) % OP_KINDS,
        .frame = word >> 8 & 0xff,
        .place = word >> 16 & 0xfff,
        .target = word >> 28 & 0xff,
        .flags = word >> 36 & 0xffff,
        .option = word >> 52 & 0xff,
        .pointer = word >> 60 & 3,
        .join = word >> 62 & 3,
    };

    return op;
}

uint64_t op_encode(const struct op *op)
{
    return (uint64_t)op->kind | (uint64_t)op->frame << 8 | (uint64_t)op->place << 16 |
           (uint64_t)op->target << 28 | (uint64_t)op->flags << 36 | (uint64_t)op->option << 52 |
           (uint64_t)op->pointer << 60 | (uint64_t)op->join << 62;
}

/* Never with bit 0, so that none is a present entry when the page becomes a table. */
static const uint64_t descriptors[16] = {
    0,
    0x00cff3000000fffe, /* data, DPL 3 */
    0x00af9b000000fffe, /* 64-bit code, DPL 0 */
    0x00cf93000000fffe, /* data, DPL 0 */
    0x00cffb000000fffe, /* 32-bit code, DPL 3 */
    0x00cf92000000fffe, /* data, not accessed yet */
    0x00cf73000000fffe, /* not present */
    0x0000890000000066, /* TSS */
    0x0000820000000066, /* LDT */
    0x0000ec00e0330000, /* call gate to the kernel's code segment */
    0x0000ec0000080000, /* call gate to a selector of the guest's */
    0x0000ee00e0330000, /* interrupt gate */
    0x0000e500e0330000, /* task gate */
    0x00af9f000000fffe, /* conforming code */
    0x00ef9b000000fffe, /* L and D at once */
    0x0000800000000000, /* a system descriptor of type 0 */
};

/*
 * Cache attributes only for the home root, where both refuse them: in an L1 the initial domain of a real
 * Xen may have them.
 */
pte_t op_entry(const struct op *op)
{
    uint64_t flags = (op->flags & 0xfff) | (uint64_t)(op->flags >> 12 & 1) << 52 |
                     (uint64_t)(op->flags >> 13 & 1) << 58 | (uint64_t)(op->flags >> 14 & 1) << 63 |
                     (uint64_t)(op->flags >> 15) << 62;

    if (op->frame != ARENA_HOME && (flags & PTE_P))
        flags &= ~(PTE_PWT | PTE_PCD | PTE_PAT);
    switch (op->target) {
    case OP_NOTHING:
        return 0;
    case OP_NUMBER:
        return (op->flags & 0x7ff) << 1;
    case OP_DESCRIPTOR:
        return descriptors[op->flags % 16];
    default:
        return pte_make(arena_mfn(op->target), flags);
    }
}

uint64_t op_place(const struct op *op)
{
    uint64_t va = 0;

    for (unsigned int level = 4; level; level--)
        va |= (uint64_t)arena_slot[op->place >> (level - 1) * 3 & 7] << level_shift(level);
    return (uint64_t)((int64_t)(va << 16) >> 16);
}

unsigned int op_slot(const struct op *op)
{
    return op->place & 7;
}

void op_print(unsigned int index, const struct op *op)
{
    static const char *const joins[4] = { "", " +batch", " +multicall", " +?" };

    kprint("op %u %016lx %s %s[%u] place %lx", index, op->word, kind_names[op->kind],
           arena_name(op->frame), arena_slot[op_slot(op)], op_place(op));
    if (op->target < ARENA_NAMED)
        kprint(" = %s|%lx", arena_name(op->target), pte_flags(op_entry(op)));
    else
        kprint(" = %lx", op_entry(op));
    kprint(" option %x%s%s\n", op->option, op->pointer ? " bad-pointer" : "", joins[op->join]);
}

void ops_run(const uint64_t *words, const uint8_t *index, unsigned int count)
{
    struct op ops[OPS_MAX];

    count = count < OPS_MAX ? count : OPS_MAX;
    for (unsigned int i = 0; i < count; i++)
        ops[i] = op_decode(words[i]);
    for (unsigned int i = 0; i < count;) {
        unsigned int n = 1;

        if (text_verbose)
            op_print(index[i], &ops[i]);
        say("%u", index[i]);
        if (op_is_request(ops[i].kind))
            n = requests_run(ops + i, count - i);
        else
            access_run(&ops[i]);
        for (unsigned int k = 1; text_verbose && k < n; k++)
            op_print(index[i + k], &ops[i + k]);
        arena_changes();
        said("answer ");
        i += n;
    }
}
