/*
 * SPDX-License-Identifier: MIT
 *
 * death-vcpu: a further vCPU ends the domain.
 *
 * Background: an exception without a handler is the domain's end, whichever vCPU it falls on. The
 * others are stopped where they are: in the guest, blocked, down, or in the middle of a request.
 *
 * Steps: one vCPU pins and unpins a tree without end, one spins; when both are at it, the second
 * divides by zero.
 *
 * Expected: the domain is gone, with every root and reference that its vCPUs held.
 * Dies: (vcpu#1) crashed
 */
#include "second.h"

static volatile uint64_t at_it;
static mfn_t table;

static void divide(struct second *self)
{
    uint64_t zero = 0;

    (void)self;
    while (at_it < 2)
        second_yield();
    __asm__ volatile("xor %%edx, %%edx; divq %0" : "+r"(zero) : : "rax", "rdx");
}

static void pin_on(struct second *self)
{
    struct mmuext_op op = { .arg1.mfn = table.n };

    (void)self;
    __atomic_add_fetch(&at_it, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        op.cmd = MMUEXT_PIN_L1_TABLE;
        (void)hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
        op.cmd = MMUEXT_UNPIN_TABLE;
        (void)hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
    }
}

static void spin(struct second *self)
{
    (void)self;
    __atomic_add_fetch(&at_it, 1, __ATOMIC_SEQ_CST);
    for (;;)
        ;
}

SCENARIO_FLAGS(death_vcpu, "death-vcpu", "an exception without a handler, on another vCPU",
               SCENARIO_ALONE)
{
    pfn_t page = scenario_page();

    seconds_require(3);
    table = p2m(page);
    for (unsigned int i = 0; i < 512; i++)
        ((volatile pte_t *)page_va(page))[i] = p2m(page).n << PAGE_SHIFT | PTE_P | PTE_U;
    EXPECT_EQ(hypercall_update_va_mapping((uint64_t)page_va(page),
                                          p2m(page).n << PAGE_SHIFT | PTE_P | PTE_NX, UVMF_INVLPG),
              0);
    (void)second_start(1, divide, NULL);
    (void)second_start(2, pin_on, NULL);
    (void)second_start(3, spin, NULL);
    for (;;)
        second_yield();
}
