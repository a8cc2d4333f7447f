/*
 * SPDX-License-Identifier: MIT
 *
 * hostile-addresses: non-canonical addresses, and the hypervisor's, as places to go to or to look at.
 *
 * Background: a return to a non-canonical RIP can fault in ring 0 on some processors; a base loaded
 * with one faults in the hypervisor.  So such addresses are refused where they are given, or turn into
 * the guest's own exception where they are used.
 *
 * Steps: trap table, callbacks, update_va_mapping, TLB flushes, shared areas, LDT with non-canonical
 * addresses; iret to one; a handler in the hypervisor's range.
 *
 * Expected: the ABI's error and the old setting in force; flushes of nonsense do nothing; iret there is
 * the guest's #GP(0), the handler there its page fault.
 */
#include "hostile.h"

#include "clock.h"

static const uint64_t nowhere[] = { 0x0000800000000000, 0x0000900000000000, 0x7fffffffffffffff,
                                    0x8000000000000000, 0xffff7fffffffffff };
#define NOWHERE (sizeof(nowhere) / sizeof(nowhere[0]))

extern const uint64_t trap_stubs[];

static void undefined_instruction(void *arg)
{
    (void)arg;
    __asm__ volatile("ud2");
}

static void breakpoint(void *arg)
{
    (void)arg;
    __asm__ volatile("int3");
}

static struct trap_info trap_entry(uint8_t vector, uint64_t address)
{
    return (struct trap_info){ vector, TRAP_MASK_EVENTS, FLAT_KERNEL_CS, address };
}

SCENARIO(hostile_addresses_traps, "hostile-addresses-traps",
         "trap table: refused at the bad entry; those before it stand")
{
    for (unsigned int i = 0; i < NOWHERE; i++) {
        /* #BP gets the stub of #UD; then comes the bad one, then one that must not be reached. */
        struct trap_info table[] = { trap_entry(TRAP_BP, trap_stubs[TRAP_UD]),
                                     trap_entry(TRAP_UD, nowhere[i]),
                                     trap_entry(TRAP_UD, trap_stubs[TRAP_BP]),
                                     { 0 } };

        EXPECT_EQ(hypercall_set_trap_table(table), -XEN_EINVAL);
        expect_trap(breakpoint, NULL, TRAP_UD);
        expect_trap(undefined_instruction, NULL, TRAP_UD);
        traps_init();
        expect_trap(breakpoint, NULL, TRAP_BP);
    }
}

SCENARIO(hostile_addresses_handler, "hostile-addresses-handler",
         "a handler in the hypervisor's range: a page fault there")
{
    static const uint64_t va[] = { 0xffff830000100000, 0xffff82d080200000, M2P_VA_START };

    for (unsigned int i = 0; i < sizeof(va) / sizeof(va[0]); i++) {
        struct trap_info table[] = { trap_entry(TRAP_UD, va[i]), { 0 } };

        EXPECT_EQ(hypercall_set_trap_table(table), 0);
        struct trap_report r = expect_trap(undefined_instruction, NULL, TRAP_PF);
        traps_init();
        EXPECT_EQ(r.cr2, va[i]);
        EXPECT_EQ(r.rip, va[i]);
        EXPECT_EQ(r.error & (PFEC_W | PFEC_U), 0);
    }
    expect_trap(undefined_instruction, NULL, TRAP_UD);
}

SCENARIO(hostile_addresses_callbacks, "hostile-addresses-callbacks",
         "callbacks: refused or skipped, the old ones stand")
{
    static const uint16_t types[] = { CALLBACKTYPE_event, CALLBACKTYPE_failsafe,
                                      CALLBACKTYPE_syscall };
    uint64_t ticks = clock_ticks();

    for (unsigned int i = 0; i < NOWHERE; i++) {
        for (unsigned int t = 0; t < 3; t++) {
            struct callback_register reg = { .type = types[t], .address = nowhere[i] };

            EXPECT_EQ(hypercall_callback_op(CALLBACKOP_register, &reg), -XEN_EINVAL);
        }
        EXPECT_EQ(hypercall_set_callbacks(nowhere[i], nowhere[i], nowhere[i]), 0);
    }
    /* An event still arrives; the death-event scenario is what happens where it has nowhere to go. */
    EXPECT_EQ(hypercall_set_timer_op(1), 0);
    expect_ticks(ticks, 1);
}

SCENARIO(hostile_addresses_mappings, "hostile-addresses-mappings",
         "no entry at such addresses; flushing them is nothing")
{
    pfn_t page = scenario_page();
    struct ground g = ground_make();

    for (unsigned int i = 0; i < NOWHERE; i++) {
        static const unsigned int flushes[] = { MMUEXT_INVLPG_LOCAL, MMUEXT_INVLPG_ALL };
        pte_t entry = pte_make(p2m(page), PTE_P);

        EXPECT_EQ(hypercall_update_va_mapping(nowhere[i], entry, UVMF_INVLPG), -XEN_EINVAL);
        EXPECT_EQ(hypercall_update_va_mapping(nowhere[i], 0, UVMF_INVLPG), -XEN_EINVAL);
        for (unsigned int f = 0; f < 2; f++) {
            mmuext_op_t op = { .cmd = flushes[f], .arg1.linear_addr = nowhere[i] };

            EXPECT_EQ(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
            op.arg1.linear_addr = 0xffff830000100000;
            EXPECT_EQ(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
        }
        mmuext_op_t ldt = { .cmd = MMUEXT_SET_LDT,
                            .arg1.linear_addr = page_floor(nowhere[i]),
                            .arg2.nr_ents = 8 };
        EXPECT_EQ(hypercall_mmuext_op(&ldt, 1, NULL, DOMID_SELF), -XEN_EINVAL);
        if (nowhere[i] != 0x7fffffffffffffff && nowhere[i] != 0xffff7fffffffffff)
            continue;
        /* Addresses that would be fine but for their upper bits. */
        EXPECT_EQ(hypercall_update_va_mapping(g.va ^ 1UL << 63, entry, UVMF_INVLPG), -XEN_EINVAL);
        EXPECT_EQ(hypercall_update_va_mapping(g.va ^ 1UL << 48, entry, UVMF_INVLPG), -XEN_EINVAL);
        EXPECT_EQ(slot_now(&g.w, 1), 0);
    }
}

/* iret, in kernel mode, to RIP *arg; the stack stays where it is. */
static void iret_to(void *arg)
{
    guest_vcpu_info()->evtchn_upcall_mask = 1;
    __asm__ volatile(
        "mov %%rsp, %%rax;"
        "push %[ss]; push %%rax; push $2; push %[cs]; push %[rip];"
        "push $0; push %%rcx; push %%r11; push %%rax;"
        "mov %[iret], %%eax; syscall"
        :
        : [ss] "r"((uint64_t)FLAT_KERNEL_SS), [cs] "r"((uint64_t)FLAT_KERNEL_CS & ~3UL),
          [rip] "r"(*(const uint64_t *)arg), [iret] "i"(__HYPERVISOR_iret)
        : "rax", "rcx", "r11", "memory");
    __builtin_unreachable();
}

SCENARIO(hostile_addresses_iret, "hostile-addresses-iret",
         "iret to a non-canonical address: the guest's #GP(0)")
{
    for (unsigned int i = 0; i < NOWHERE; i++) {
        struct trap_report r = expect_trap(iret_to, (void *)&nowhere[i], TRAP_GP);

        EXPECT_EQ(r.error, 0);
    }
    uint64_t hv = 0xffff830000100000;
    EXPECT_EQ(expect_trap(iret_to, &hv, TRAP_PF).cr2, hv);
    guest_vcpu_info()->evtchn_upcall_mask = 0;
}
