/*
 * SPDX-License-Identifier: MIT
 *
 * Segment descriptors and segment bases.
 *
 * Background: the CPU reads a guest's GDT and LDT in ring 0, so no descriptor may lead there, and no
 * guest mapping may write to them once they were checked. GDT frames are checked by set_gdt, LDT pages
 * when the CPU first looks at them; update_descriptor changes one checked descriptor.
 *
 * Steps and expected outcome: with each scenario.
 */
#include "scenario.h"

#include "mm/p2m.h"

#define TRAP_NP 11

#define DATA32       0x00cf92000000ffffUL /* flat, DPL 0: becomes DPL 3 */
#define DATA32_DPL3  0x00cff2000000ffffUL
#define DATA_BASE    0x12cff2345678ffffUL /* base 0x12345678 */
#define TSS64        0x0000890000000067UL
#define LDT_DESC     0x000082000000ffffUL
#define TRAP_GATE    0x00008f00e0331234UL
#define CALL_GATE    0x00008c00e0331234UL
#define CALL_GATE_HV 0x00008c00e0081234UL /* to the hypervisor's code segment */
#define ABSENT_TSS   0x0000090000000067UL

#define ACCESSED       (1UL << 40) /* the CPU sets it when it loads the descriptor */
#define SEL(index)     ((index) << 3 | 3U)
#define LDT_SEL(index) ((index) << 3 | 7U)

static void fs_load(void *arg)
{
    __asm__ volatile("mov %w0, %%fs" : : "r"((unsigned int)(uint64_t)arg));
}

static void fs_loads(unsigned int selector)
{
    struct trap_report r = { 0 };

    if (trap_catch(fs_load, (void *)(uint64_t)selector, &r))
        scenario_fail("selector %x: vector %u error %x cr2 %lx", selector, r.vector, r.error,
                      r.cr2);
}

static struct trap_report fs_traps_at(int line, unsigned int selector, unsigned int vector)
{
    struct trap_report r = { 0 };

    if (!trap_catch(fs_load, (void *)(uint64_t)selector, &r))
        scenario_fail("line %d: selector %x was loaded", line, selector);
    if (r.vector != vector)
        scenario_fail("line %d: selector %x: vector %u error %x cr2 %lx, not vector %u", line,
                      selector, r.vector, r.error, r.cr2, vector);
    return r;
}
#define fs_traps(selector, vector) fs_traps_at(__LINE__, selector, vector)

static long make_readonly(pfn_t page, bool readonly)
{
    uint64_t flags = PTE_P | PTE_A | PTE_D | PTE_NX | (readonly ? 0 : PTE_RW);

    return hypercall_update_va_mapping((uint64_t)page_va(page), pte_make(p2m(page), flags),
                                       UVMF_INVLPG);
}

static long gdt_of(pfn_t page, unsigned int entries)
{
    uint64_t frames[14];

    for (unsigned int i = 0; i < 14; i++)
        frames[i] = p2m(page).n;
    return hypercall_set_gdt(frames, entries);
}

/* A GDT page with these three after the null one, read-only. */
static pfn_t table_page(uint64_t first, uint64_t second, uint64_t third)
{
    pfn_t page = scenario_page();
    uint64_t *at = page_va(page);

    at[1] = first;
    at[2] = second;
    at[511] = third;
    REQUIRE(make_readonly(page, true) == 0);
    return page;
}

static void fs_clear(void)
{
    fs_loads(0);
    REQUIRE(hypercall_set_segment_base(SEGBASE_FS, 0) == 0);
}

/*
 * set_gdt: every argument wrong once; then a good table, what it excludes, what selectors find in it,
 * and the way back.
 */
SCENARIO(gdt, "gdt", "set_gdt: what it refuses, what a table page excludes")
{
    pfn_t writable = scenario_page(), page = table_page(DATA32, ABSENT_TSS, DATA32);
    pfn_t bad = table_page(DATA32, 0, TSS64);
    const uint64_t *at = page_va(page);

    EXPECT_EQ(gdt_of(page, 7169), -XEN_EINVAL);
    EXPECT_EQ(hypercall_set_gdt((const uint64_t *)scenario_va(), 8), -XEN_EFAULT);
    EXPECT_EQ(hypercall_set_gdt((const uint64_t *)HV_VA_START, 8), -XEN_EFAULT);
    EXPECT_EQ(gdt_of(writable, 8), -XEN_EINVAL);
    EXPECT_EQ(gdt_of(bad, 8), -XEN_EINVAL); /* the whole page counts, not only the entries */
    EXPECT_EQ(hypercall_set_gdt(&(uint64_t){ 0 }, 8), -XEN_EINVAL);
    EXPECT_EQ(hypercall_set_gdt(&(uint64_t){ ~0UL >> 12 }, 8), -XEN_EINVAL);
    EXPECT_EQ(gdt_of(pfn_of(m2p(aspace_root(&kernel_aspace)).n), 8), -XEN_EINVAL);
    fs_traps(SEL(1), TRAP_GP);

    EXPECT_EQ(gdt_of(page, 512), 0);
    EXPECT_EQ(at[1], DATA32_DPL3);
    EXPECT_EQ(at[2], ABSENT_TSS);
    EXPECT_EQ(at[511], DATA32_DPL3);
    EXPECT_EQ(make_readonly(page, false), -XEN_EBUSY);
    EXPECT_EQ(mmuext_one(MMUEXT_PIN_L1_TABLE, p2m(page)), -XEN_EINVAL);
    expect_fault_write((uint64_t)at, 0, PFEC_P | PFEC_W);

    fs_loads(SEL(1));
    fs_loads(SEL(511));
    EXPECT_EQ(at[1], DATA32_DPL3 | ACCESSED);
    EXPECT_EQ(fs_traps(SEL(3), TRAP_GP).error, SEL(3) & ~3U);     /* null descriptor in the page */
    EXPECT_EQ(fs_traps(SEL(600), TRAP_GP).error, SEL(600) & ~3U); /* a page that was not given */
    EXPECT_EQ(fs_traps(0xe008 | 3, TRAP_GP).error, 0xe008U);      /* the hypervisor's */

    EXPECT_EQ(gdt_of(page, 1024), 0); /* twice the same frame */
    fs_loads(SEL(513));
    EXPECT_EQ(gdt_of(bad, 8), -XEN_EINVAL); /* refused: the old one stands */
    fs_loads(SEL(513));
    fs_clear();
    EXPECT_EQ(hypercall_set_gdt(NULL, 0), 0);
    fs_traps(SEL(1), TRAP_GP);
    EXPECT_EQ(make_readonly(page, false), 0);
    EXPECT_EQ(make_readonly(bad, false), 0);
}

/* update_descriptor: into a GDT in use, into plain memory, and each thing that is no descriptor. */
SCENARIO(update_descriptor, "update-descriptor",
         "one descriptor at a time: present system ones refused")
{
    pfn_t page = table_page(0, 0, 0), plain = scenario_page(), table;
    uint64_t ma = mfn_to_ma(p2m(page));
    const uint64_t *at = page_va(page);
    static const uint64_t refused[] = { TSS64,
                                        LDT_DESC,
                                        TRAP_GATE,
                                        CALL_GATE_HV,
                                        CALL_GATE | 1UL << 32,
                                        0x0000850000000000,
                                        0x00008e00e0331234,
                                        0x00008b0000000067 };

    REQUIRE(pt_page_make(1, NULL, &table) == 0);
    REQUIRE(gdt_of(page, 512) == 0);
    for (unsigned int i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        EXPECT_EQ(hypercall_update_descriptor(ma + 8, refused[i]), -XEN_EINVAL);
    EXPECT_EQ(at[1], 0);
    EXPECT_EQ(hypercall_update_descriptor(ma + 4, DATA32), -XEN_EINVAL);
    EXPECT_EQ(hypercall_update_descriptor(0, DATA32), -XEN_EINVAL);
    EXPECT_EQ(hypercall_update_descriptor(~0UL << 12, DATA32), -XEN_EINVAL);
    EXPECT_EQ(hypercall_update_descriptor(mfn_to_ma(p2m(table)), DATA32), -XEN_EINVAL);

    fs_traps(SEL(1), TRAP_GP);
    EXPECT_EQ(hypercall_update_descriptor(ma + 8, DATA32), 0);
    EXPECT_EQ(at[1], DATA32_DPL3);
    fs_loads(SEL(1));
    EXPECT_EQ(hypercall_update_descriptor(ma + 8, DATA32_DPL3 & ~(1UL << 47)), 0);
    EXPECT_EQ(fs_traps(SEL(1), TRAP_NP).error, SEL(1) & ~3U);
    EXPECT_EQ(hypercall_update_descriptor(ma + 16, ABSENT_TSS), 0);
    EXPECT_EQ(at[2], ABSENT_TSS);
    EXPECT_EQ(hypercall_update_descriptor(ma + 24, CALL_GATE), 0);
    EXPECT_EQ(at[3], CALL_GATE); /* to the flat code segment, never to be entered: DPL 0 */

    EXPECT_EQ(hypercall_update_descriptor(mfn_to_ma(p2m(plain)) + 40, DATA32), 0);
    EXPECT_EQ(((uint64_t *)page_va(plain))[5], DATA32_DPL3);

    fs_clear();
    EXPECT_EQ(hypercall_set_gdt(NULL, 0), 0);
    EXPECT_EQ(make_readonly(page, false), 0);
    pt_page_release(table);
}

static long ldt_set(uint64_t va, unsigned int entries)
{
    mmuext_op_t op = { .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = va, .arg2.nr_ents = entries };

    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

/*
 * SET_LDT looks at its arguments only; pages are checked when a selector needs them, and a page that
 * fails shows as a page fault in the guest's own LDT.
 */
SCENARIO(ldt, "ldt", "SET_LDT: pages are checked at first use, and let go")
{
    pfn_t page = table_page(DATA32, 0, DATA32), bad = table_page(DATA32, TSS64, 0);
    uint64_t va = (uint64_t)page_va(page), hole = scenario_va();
    const uint64_t *at = page_va(page);
    struct aspace *other;
    int error;

    EXPECT_EQ(ldt_set(va, 8193), -XEN_EINVAL);
    EXPECT_EQ(ldt_set(va + 8, 512), -XEN_EINVAL);
    EXPECT_EQ(ldt_set(HV_VA_START, 512), -XEN_EINVAL);
    EXPECT_EQ(fs_traps(LDT_SEL(1), TRAP_GP).error, LDT_SEL(1) & ~3U); /* none yet */

    EXPECT_EQ(ldt_set(va, 512), 0);
    EXPECT_EQ(at[1], DATA32); /* not looked at */
    EXPECT_EQ(make_readonly(page, false), 0);
    EXPECT_EQ(fs_traps(LDT_SEL(1), TRAP_PF).cr2, va + 8); /* writable: cannot be a table */
    EXPECT_EQ(make_readonly(page, true), 0);
    fs_loads(LDT_SEL(1));
    EXPECT_EQ(at[1], DATA32_DPL3 | ACCESSED);
    EXPECT_EQ(at[511], DATA32_DPL3);
    EXPECT_EQ(make_readonly(page, false), -XEN_EBUSY);
    EXPECT_EQ(fs_traps(LDT_SEL(512), TRAP_GP).error, LDT_SEL(512) & ~3U); /* beyond the last */

    /* Its mapping goes, the page stays a table until the LDT or the base pointer changes. */
    fs_clear();
    EXPECT_EQ(hypercall_update_va_mapping(va, 0, UVMF_INVLPG), 0);
    fs_loads(LDT_SEL(1));
    fs_clear();
    EXPECT_EQ(make_readonly(page, false), -XEN_EBUSY);
    EXPECT_EQ(ldt_set(va + PAGE_SIZE, 512), 0);
    EXPECT_EQ(make_readonly(page, false), 0);
    EXPECT_EQ(make_readonly(page, true), 0);
    EXPECT_EQ(ldt_set(va, 512), 0);
    fs_loads(LDT_SEL(1));
    fs_clear();
    EXPECT_EQ(make_readonly(page, false), -XEN_EBUSY);
    other = aspace_create(false, &error);
    REQUIRE(other);
    aspace_switch(other);
    aspace_switch(&kernel_aspace);
    aspace_destroy(other);
    EXPECT_EQ(make_readonly(page, false), 0);
    EXPECT_EQ(fs_traps(LDT_SEL(1), TRAP_PF).cr2, va + 8); /* still the LDT, but writable again */
    EXPECT_EQ(make_readonly(page, true), 0);

    EXPECT_EQ(ldt_set((uint64_t)page_va(bad), 512), 0);
    EXPECT_EQ(fs_traps(LDT_SEL(1), TRAP_PF).cr2, (uint64_t)page_va(bad) + 8);
    EXPECT_EQ(ldt_set(hole, 8192), 0);
    EXPECT_EQ(fs_traps(LDT_SEL(1), TRAP_PF).cr2, hole + 8);
    EXPECT_EQ(fs_traps(LDT_SEL(8191), TRAP_PF).cr2, hole + 8191 * 8);
    EXPECT_EQ(ldt_set(0, 0), 0);
    EXPECT_EQ(fs_traps(LDT_SEL(1), TRAP_GP).error, LDT_SEL(1) & ~3U);
    EXPECT_EQ(make_readonly(page, false), 0);
    EXPECT_EQ(make_readonly(bad, false), 0);
}

static void base_read(void *arg)
{
    uint32_t lo, hi;

    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(*(uint32_t *)arg));
    *(uint64_t *)arg = lo | (uint64_t)hi << 32;
}

static uint64_t base_of(uint32_t msr)
{
    uint64_t value = msr;
    struct trap_report r;

    REQUIRE(!trap_catch(base_read, &value, &r));
    return value;
}

#define FS_BASE 0xc0000100
#define GS_BASE 0xc0000101
#define GS_USER 0xc0000102

SCENARIO(segment_bases, "segment-bases",
         "set_segment_base: three bases, and a selector for the user's GS")
{
    pfn_t page = table_page(DATA_BASE, 0, 0);
    uint64_t gs = base_of(GS_BASE), gs_user = base_of(GS_USER);
    unsigned int selector;

    EXPECT_EQ(hypercall_set_segment_base(SEGBASE_FS, 0x700012345000), 0);
    EXPECT_EQ(base_of(FS_BASE), 0x700012345000);
    EXPECT_EQ(hypercall_set_segment_base(SEGBASE_GS_USER, 0xffff900000001000), 0);
    EXPECT_EQ(base_of(GS_USER), 0xffff900000001000);
    EXPECT_EQ(hypercall_set_segment_base(SEGBASE_GS_KERNEL, gs), 0);
    for (unsigned int which = SEGBASE_FS; which <= SEGBASE_GS_KERNEL; which++)
        EXPECT_EQ(hypercall_set_segment_base(which, 0x900000000000), -XEN_EINVAL);
    EXPECT_EQ(hypercall_set_segment_base(4, 0), -XEN_EINVAL);
    EXPECT_EQ(base_of(GS_BASE), gs);

    REQUIRE(gdt_of(page, 512) == 0);
    EXPECT_EQ(hypercall_set_segment_base(SEGBASE_GS_USER_SEL, SEL(1)), 0);
    __asm__ volatile("mov %%gs, %0" : "=r"(selector));
    EXPECT_EQ(selector & 0xffff, SEL(1));
    EXPECT_EQ(base_of(GS_USER), 0x12345678);
    EXPECT_EQ(base_of(GS_BASE), gs);
    EXPECT_EQ(hypercall_set_segment_base(SEGBASE_GS_USER_SEL, SEL(2)), 0); /* nothing there: NUL */
    __asm__ volatile("mov %%gs, %0" : "=r"(selector));
    EXPECT_EQ(selector & 0xffff, 0);
    EXPECT_EQ(base_of(GS_BASE), gs);

    REQUIRE(hypercall_set_gdt(NULL, 0) == 0);
    EXPECT_EQ(hypercall_set_segment_base(SEGBASE_FS, 0), 0);
    EXPECT_EQ(hypercall_set_segment_base(SEGBASE_GS_USER, gs_user), 0);
    EXPECT_EQ(make_readonly(page, false), 0);
}
