/*
 * SPDX-License-Identifier: MIT
 *
 * writable-tables: a guest kernel writes to a live L1 as if it were memory.
 *
 * Background: an L1 is mapped read-only, so a plain store to it faults. With the vm_assist
 * writable_pagetables, the hypervisor decodes the store, checks the entry that would result as
 * mmu_update would, and carries it out; if the check fails the guest gets its page fault.
 *
 * Steps: a live L1 with one page mapped; every kind of instruction that kernels use on entries, in
 * every width, with and without LOCK; each result seen in the entry, in the registers and flags, and
 * through the mapping. Then entries that must be refused, and tables that are not L1.
 *
 * Expected: as if the table were memory, but that accepted entries come back with the hypervisor's
 * bits; a refused store faults with PFEC_P | PFEC_W at its operand and changes nothing.
 */
#include "scenario.h"

#include "mm/p2m.h"

#define MARK_A 0xaaaaUL
#define MARK_B 0xbbbbUL
#define RO     (PTE_P | PTE_A | PTE_D | PTE_NX)
#define RW     (RO | PTE_RW)
/* Bits that the hypervisor adds to accepted entries, or the CPU sets. */
#define ADDED  (PTE_U | PTE_G | PTE_GUEST_KERNEL | PTE_A | PTE_D)

struct op {
    volatile uint64_t *entry;
    uint64_t a, c, d, si, di;
    uint64_t flags;
};

static struct op op;
static uint64_t page_a, page_b; /* entries without flags */

/* The operand is (%[p]); results are in op and in RFLAGS. */
#define STORE(name, text)                                                   \
    static void name(void *arg)                                             \
    {                                                                       \
        (void)arg;                                                          \
        __asm__ volatile(text "; pushfq; popq %[flags]"                     \
                         : "+a"(op.a), "+c"(op.c), "+d"(op.d), "+S"(op.si), \
                           "+D"(op.di), [flags] "=&r"(op.flags)             \
                         : [p] "r"(op.entry)                                \
                         : "memory", "cc");                                 \
    }

STORE(mov64, "movq %%rax, (%[p])")
STORE(mov32, "movl %%eax, (%[p])")
STORE(mov32_high, "movl %%eax, 4(%[p])")
STORE(mov16, "movw %%ax, (%[p])")
STORE(mov8, "movb %%al, (%[p])")
STORE(mov64_imm, "movq $0x1234560, (%[p])")
STORE(movnti, "movnti %%rax, (%[p])")
STORE(xchg, "xchgq %%rax, (%[p])")
STORE(xchg32, "xchgl %%eax, (%[p])")
STORE(cmpxchg, "lock cmpxchgq %%rdx, (%[p])")
STORE(cmpxchg32, "lock cmpxchgl %%edx, (%[p])")
STORE(btr_rw, "lock btrq $1, (%[p])")
STORE(bts_reg, "btsq %%rax, (%[p])")
STORE(btc, "lock btcq $9, (%[p])")
STORE(and_lock, "lock andq %%rax, (%[p])")
STORE(or_lock, "lock orq %%rax, (%[p])")
STORE(or8_imm, "orb $2, (%[p])")
STORE(xor_plain, "xorq %%rax, (%[p])")
STORE(add_plain, "addq %%rax, (%[p])")
STORE(xadd, "lock xaddq %%rax, (%[p])")
STORE(stos_rep, "cld; rep stosq")
STORE(stos_down, "std; stosq; cld")
STORE(movs, "cld; movsq")
STORE(unaligned, "movq %%rax, 4(%[p])")

static void carried_out(int line, void (*store)(void *))
{
    struct trap_report r = { 0 };

    if (trap_catch(store, NULL, &r))
        scenario_fail("line %d: vector %u error %x cr2 %lx instead of being carried out", line,
                      r.vector, r.error, r.cr2);
}
#define OK(store) carried_out(__LINE__, store)

/* The page fault of a store that is refused; the entry stays. */
static void faults_at(int line, void (*store)(void *), uint64_t va)
{
    struct trap_report r = { 0 };
    uint64_t before = *op.entry;

    if (!trap_catch(store, NULL, &r))
        scenario_fail("line %d: carried out, not refused", line);
    if (r.vector != TRAP_PF || r.error != (PFEC_P | PFEC_W) || r.cr2 != va)
        scenario_fail("line %d: vector %u error %x cr2 %lx, not a page fault at %lx", line,
                      r.vector, r.error, r.cr2, va);
    if (*op.entry != before)
        scenario_fail("line %d: the entry changed from %lx to %lx", line, before, *op.entry);
}
#define FAULTS(store) faults_at(__LINE__, store, (uint64_t)op.entry)

static void entry_is(int line, uint64_t want)
{
    if ((*op.entry & ~ADDED) != (want & ~ADDED))
        scenario_fail("line %d: the entry is %lx, not %lx", line, *op.entry, want);
}
#define ENTRY_IS(want) entry_is(__LINE__, want)

/* What the processor sees at va: the first word, and whether it can be written. */
static void mapping_is(int line, uint64_t va, uint64_t mark, bool writable)
{
    struct trap_report r = { 0 };
    uint64_t value = 0;

    REQUIRE(
        hypercall_mmuext_op(&(mmuext_op_t){ .cmd = MMUEXT_INVLPG_LOCAL, .arg1.linear_addr = va }, 1,
                            NULL, DOMID_SELF) == 0);
    if (probe_read(va, &value, &r) || value != mark)
        scenario_fail("line %d: %lx holds %lx, not %lx", line, va, value, mark);
    if (probe_write(va, mark, &r) == writable)
        scenario_fail("line %d: %lx is %s writable", line, va, writable ? "not" : "still");
}
#define MAPPING_IS(mark, writable) mapping_is(__LINE__, va, mark, writable)

/* Whole entries, and parts of them. */
static void check_moves(uint64_t va)
{
    op.a = page_a | RO;
    OK(mov64);
    ENTRY_IS(page_a | RO);
    MAPPING_IS(MARK_A, false);
    op.a = page_b | RW;
    OK(movnti);
    MAPPING_IS(MARK_B, true);
    op.a = PTE_P | PTE_U | PTE_A | PTE_D;
    /* RW clear */ /* NOLINT(misc-redundant-expression): of values, not of flags */
    OK(mov8);
    ENTRY_IS(page_b | RO);
    MAPPING_IS(MARK_B, false);
    op.a = (page_b | RW) & 0xffff;
    OK(mov16);
    MAPPING_IS(MARK_B, true);
    op.a = (page_a | RO) & 0xffffffff;
    REQUIRE((page_a ^ page_b) >> 32 == 0);
    OK(mov32);
    MAPPING_IS(MARK_A, false);
    op.a = 0;
    OK(mov64);
    ENTRY_IS(0);
    op.a = 0x80000000; /* NX alone, in a non-present entry */
    OK(mov32_high);
    EXPECT_EQ(*op.entry, PTE_NX);
    OK(mov64_imm); /* non-present: any value stands, as swap entries do */
    EXPECT_EQ(*op.entry, 0x1234560);
}

static void check_exchanges(uint64_t va)
{
    uint64_t was;

    op.a = page_a | RO;
    OK(xchg);
    EXPECT_EQ(op.a, 0x1234560);
    MAPPING_IS(MARK_A, false);
    was = *op.entry;
    op.a = (page_b | RW) & 0xffffffff;
    OK(xchg32);
    EXPECT_EQ(op.a, was & 0xffffffff);
    MAPPING_IS(MARK_B, true);

    was = *op.entry;
    op.a = was;
    op.d = page_a | RW;
    OK(cmpxchg);
    EXPECT(op.flags & 0x40); /* ZF */
    MAPPING_IS(MARK_A, true);
    was = *op.entry;
    op.a = 0x4711;
    op.d = page_b | RO;
    OK(cmpxchg);
    EXPECT(!(op.flags & 0x40));
    EXPECT_EQ(op.a, was);
    EXPECT_EQ(*op.entry, was);
    op.a = (uint32_t)was;
    op.d = (uint32_t)(page_b | RO);
    OK(cmpxchg32);
    EXPECT(op.flags & 0x40);
    MAPPING_IS(MARK_B, false);
}

static void check_bits(uint64_t va)
{
    uint64_t was;

    op.a = PTE_RW;
    OK(or_lock);
    EXPECT(!(op.flags & 0x41)); /* ZF, CF */
    MAPPING_IS(MARK_B, true);
    OK(btr_rw);
    EXPECT(op.flags & 1); /* CF: it was set */
    MAPPING_IS(MARK_B, false);
    OK(btr_rw);
    EXPECT(!(op.flags & 1));
    OK(or8_imm);
    MAPPING_IS(MARK_B, true);
    op.a = ~PTE_RW;
    OK(and_lock);
    MAPPING_IS(MARK_B, false);
    OK(btc);
    EXPECT(*op.entry & PTE_AVAIL0);
    op.a = PTE_AVAIL0 | PTE_AVAIL1;
    OK(xor_plain);
    EXPECT_EQ(*op.entry & PTE_AVAIL, PTE_AVAIL1);
    op.a = PTE_AVAIL0;
    was = *op.entry;
    OK(xadd);
    EXPECT_EQ(op.a, was);
    EXPECT_EQ(*op.entry & PTE_AVAIL, PTE_AVAIL0 | PTE_AVAIL1);
    op.a = PTE_AVAIL0;
    OK(add_plain);
    EXPECT_EQ(*op.entry & PTE_AVAIL, PTE_AVAIL2);
    /* The bit number reaches into the entry after this one. */
    op.a = 64 + 9;
    was = *op.entry;
    OK(bts_reg);
    EXPECT_EQ(*op.entry, was);
    EXPECT_EQ(op.entry[1], PTE_AVAIL0);
    MAPPING_IS(MARK_B, false);
}

/* String instructions: several entries, both directions. */
static void check_strings(uint64_t va)
{
    static uint64_t value;
    volatile uint64_t *entry = op.entry;

    value = page_a | RW;
    op.si = (uint64_t)&value;
    op.di = (uint64_t)entry;
    OK(movs);
    EXPECT_EQ(op.si, (uint64_t)(&value + 1));
    EXPECT_EQ(op.di, (uint64_t)(entry + 1));
    MAPPING_IS(MARK_A, true);
    op.a = page_b | RO;
    op.c = 4;
    op.di = (uint64_t)entry;
    OK(stos_rep);
    EXPECT_EQ(op.c, 0);
    EXPECT_EQ(op.di, (uint64_t)(entry + 4));
    for (unsigned int i = 0; i < 4; i++)
        EXPECT_EQ(entry[i] & ~ADDED, (page_b | RO) & ~ADDED);
    for (unsigned int i = 4; i-- > 0;) {
        op.a = 0;
        op.di = (uint64_t)(entry + i);
        OK(stos_down);
        EXPECT_EQ(op.di, (uint64_t)(entry + i - 1));
        EXPECT_EQ(entry[i], 0);
    }
}

/* What mmu_update refuses is a fault here. */
static void check_refusals(const struct walk *w)
{
    volatile uint64_t *entry = op.entry;
    struct trap_report r = { 0 };

    op.a = page_a | RO;
    OK(mov64);
    op.a = pte_make(w->table[1], RW); /* the table itself, writable */
    FAULTS(mov64);
    FAULTS(xchg);
    op.a = pte_make(mfn_of(MFN_INVALID_BITS), RO);
    FAULTS(mov64);
    op.a = *entry;
    op.d = pte_make(w->table[1], RW);
    FAULTS(cmpxchg);
    op.a = 0x4711; /* not equal: nothing to refuse */
    OK(cmpxchg);
    op.a = page_b | RW;
    faults_at(__LINE__, unaligned, (uint64_t)entry + 4);
    EXPECT_EQ(entry[1], 0);

    /* Reading is free; levels above are not emulated, legal or not. */
    op.entry = (volatile uint64_t *)w->slot[2];
    op.a = *op.entry;
    FAULTS(mov64);
    op.entry = entry;
    op.a = 0;
    OK(mov64);
    EXPECT(!trap_catch(mov64, NULL, &r));
}

SCENARIO(writable_tables, "writable-tables",
         "mov, xchg, cmpxchg, bit and string writes on a live L1")
{
    pfn_t a = scenario_page(), b = scenario_page();
    uint64_t va = scenario_va();
    struct walk w;

    *(uint64_t *)page_va(a) = MARK_A;
    *(uint64_t *)page_va(b) = MARK_B;
    page_a = mfn_to_ma(p2m(a));
    page_b = mfn_to_ma(p2m(b));
    REQUIRE(pt_tables_ensure(&kernel_aspace, va, 1, &w) == 0);
    REQUIRE(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables) == 0);
    op.entry = (volatile uint64_t *)w.slot[1];

    check_moves(va);
    check_exchanges(va);
    check_bits(va);
    check_strings(va);
    check_refusals(&w);

    REQUIRE(hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables) == 0);
    pt_trim(&kernel_aspace, va, va + PAGE_SIZE);
}
