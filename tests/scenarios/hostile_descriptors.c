/*
 * SPDX-License-Identifier: MIT
 *
 * hostile-descriptors: no selector, gate or table leads to ring 0.
 *
 * Background: the guest's kernel runs in ring 3.  Selectors it hands over (trap table, iret, stack
 * switch) could name the hypervisor's own ring-0 segments, which are in the same GDT; descriptors it
 * makes could be gates or segments of ring 0.  scenarios gdt, update-descriptor and ldt try the tables;
 * this one tries what they would be good for.
 *
 * Steps: trap table entries with ring-0 selectors, the hypervisor's included; iret frames with such CS
 * and SS; a code segment of DPL 0 in the GDT, read back and jumped to; far jumps to the hypervisor's.
 *
 * Expected: handlers run in ring 3; iret or a jump to a ring-0 segment is the guest's #GP with
 * that selector; the code segment comes back with DPL 3.
 */
#include "hostile.h"

#define HV_CS 0xe008U /* ring 0: the hypervisor's 64-bit code, and the data segment behind it */
#define HV_DS 0xe010U

#define CODE64_DPL0 0x00af9a000000ffffUL
#define CODE64_DPL3 0x00affa000000ffffUL
#define ACCESSED    (1UL << 40)

extern const uint64_t trap_stubs[];

static unsigned int ring_seen;

static bool see_ring(struct trap_frame *frame)
{
    uint16_t cs;

    (void)frame;
    __asm__ volatile("mov %%cs, %0" : "=r"(cs));
    ring_seen = cs & 3;
    return false;
}

static void undefined_instruction(void *arg)
{
    (void)arg;
    __asm__ volatile("ud2");
}

SCENARIO(hostile_descriptors_traps, "hostile-descriptors-traps",
         "a trap table that asks for ring 0 gets ring 3")
{
    static const uint16_t selectors[] = {
        FLAT_KERNEL_CS & ~3U, HV_CS, HV_CS | 3, HV_DS, 0, 0xfff8
    };

    trap_handler_set(TRAP_UD, see_ring);
    for (unsigned int i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
        struct trap_info table[] = {
            { TRAP_UD, TRAP_MASK_EVENTS, selectors[i], trap_stubs[TRAP_UD] },
            { 0 },
        };
        struct trap_report r;

        ring_seen = 9;
        long rc = hypercall_set_trap_table(table);
        bool caught = trap_catch(undefined_instruction, NULL, &r);

        if (rc || !caught || r.vector != TRAP_UD || ring_seen != 3) {
            trap_handler_set(TRAP_UD, NULL);
            scenario_fail("selector %x: answer %ld, vector %u, ring %u", selectors[i], rc, r.vector,
                          ring_seen);
        }
    }
    trap_handler_set(TRAP_UD, NULL);
    traps_init();
}

/*
 * The fault of a refused iret shows the frame's selectors as the interrupted ones; the catch could
 * not return to them.
 */
static bool mend_selectors(struct trap_frame *frame)
{
    frame->cs = FLAT_KERNEL_CS & ~3U;
    frame->ss = FLAT_KERNEL_SS;
    return false;
}

struct selectors {
    uint64_t cs, ss;
};

static void iret_with(void *arg)
{
    const struct selectors *s = arg;

    guest_vcpu_info()->evtchn_upcall_mask = 1;
    __asm__ volatile(
        "mov %%rsp, %%rax;"
        "push %[ss]; push %%rax; push $2; push %[cs]; lea 1f(%%rip), %%rax; push %%rax;"
        "push $0; push %%rcx; push %%r11; push %%rax;"
        "mov %[iret], %%eax; syscall; 1:"
        :
        : [ss] "r"(s->ss), [cs] "r"(s->cs), [iret] "i"(__HYPERVISOR_iret)
        : "rax", "rcx", "r11", "memory");
}

/* Result: 0 when iret went through, else vector << 16 | error. */
static unsigned int iret_outcome(uint64_t cs, uint64_t ss)
{
    struct selectors s = { cs, ss };
    struct trap_report r = { 0 };

    trap_handler_set(TRAP_GP, mend_selectors);
    trap_handler_set(11, mend_selectors);
    trap_handler_set(12, mend_selectors);
    bool caught = trap_catch(iret_with, &s, &r);

    trap_handler_set(TRAP_GP, NULL);
    trap_handler_set(11, NULL);
    trap_handler_set(12, NULL);
    guest_vcpu_info()->evtchn_upcall_mask = 0;
    return caught ? r.vector << 16 | r.error : 0;
}

SCENARIO(hostile_descriptors_iret, "hostile-descriptors-iret",
         "iret to ring-0 segments: the guest's #GP")
{
    uint64_t cs = FLAT_KERNEL_CS & ~3U, ss = FLAT_KERNEL_SS;

    EXPECT_EQ(iret_outcome(cs, ss), 0);
    EXPECT_EQ(iret_outcome(HV_CS, ss), TRAP_GP << 16 | HV_CS);
    EXPECT_EQ(iret_outcome(cs, HV_DS), TRAP_GP << 16 | HV_DS);
    EXPECT_EQ(iret_outcome(cs, HV_CS), TRAP_GP << 16 | HV_CS);
    EXPECT_EQ(iret_outcome(HV_DS, ss), TRAP_GP << 16 | HV_DS);
    EXPECT_EQ(iret_outcome(0x10, ss),
              TRAP_GP << 16 | 0x10); /* a descriptor the guest has not got */
    EXPECT_EQ(iret_outcome(0, ss), TRAP_GP << 16);
}

static void far_jump_to_ring(void *arg)
{
    struct {
        uint64_t rip;
        uint16_t cs;
    } __attribute__((packed)) target;

    __asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; movw %w2, %1; rex.W ljmp *%0; 1:"
                     : "=m"(target.rip), "=m"(target.cs)
                     : "r"((uint32_t)(uint64_t)arg)
                     : "rax", "memory");
}

SCENARIO(hostile_descriptors_code, "hostile-descriptors-code",
         "a code segment of ring 0 becomes one of ring 3")
{
    pfn_t page = scenario_page();
    volatile uint64_t *gdt = page_va(page);
    uint64_t frame = p2m(page).n;
    struct trap_report r = { 0 };
    uint16_t cs = 0;

    gdt[1] = CODE64_DPL0;
    REQUIRE(direct_rights(page, 0) == 0);
    EXPECT_EQ(hypercall_set_gdt(&frame, 512), 0);
    EXPECT_EQ(gdt[1] & ~ACCESSED, CODE64_DPL3);
    /* Into it and back, all in ring 3. */
    bool caught = trap_catch(far_jump_to_ring, (void *)(uint64_t)(1 << 3 | 3), &r);
    __asm__ volatile("mov %%cs, %0" : "=r"(cs));
    (void)trap_catch(far_jump_to_ring, (void *)(uint64_t)FLAT_KERNEL_CS, &r);
    EXPECT(!caught);
    EXPECT_EQ(cs, 1 << 3 | 3);
    /* And straight to the hypervisor's. */
    EXPECT_EQ(expect_trap(far_jump_to_ring, (void *)(uint64_t)HV_CS, TRAP_GP).error, HV_CS);
    EXPECT_EQ(expect_trap(far_jump_to_ring, (void *)(uint64_t)(HV_CS | 3), TRAP_GP).error, HV_CS);
    EXPECT_EQ(hypercall_set_gdt(NULL, 0), 0);
    EXPECT_EQ(direct_rights(page, PTE_RW), 0);
}
