/*
 * SPDX-License-Identifier: MIT
 *
 * Ports in a guest kernel that runs in ring 3, and the interrupt flag, whose rights are the same.
 *
 * Background: IN, OUT, INS, OUTS, CLI and STI raise #GP on the CPU. With the I/O privilege level that the
 * guest asked for, or by its bitmap, the hypervisor carries them out; otherwise the #GP is the guest's.
 *
 * Steps: each without rights, by level, by bitmap; INS into a page that is absent.
 *
 * Expected: ports that a domain does not have read as ones; writes to them, CLI and STI do nothing.
 */
#include "insn.h"
#include "io_rights.h"

INSN(in8, "inb %%dx, %%al")
INSN(in16, "inw %%dx, %%ax")
INSN(in32, "inl %%dx, %%eax")
INSN(in8_imm, "inb $0x21, %%al")
INSN(out8, "outb %%al, %%dx")
INSN(rep_insb, "rep insb")
INSN(insw, "insw")
INSN(rep_outsb, "rep outsb")
INSN(cli, "cli")
INSN(sti, "sti")

/* Ports that no domain has on any hypervisor: the interrupt controller's. */
#define PORT_PIC 0x21
#define ONES     0x1122334455667788UL

SCENARIO(emulate_io, "emulate-io", "IN, OUT, INS, OUTS by IOPL and bitmap; CLI and STI")
{
    static uint8_t bitmap[8192];
    static uint8_t buffer[200];
    vcpu_info_t *info = guest_vcpu_info();
    uint8_t mask = info->evtchn_upcall_mask;
    struct regs r;

    /* No I/O privilege, which is how a domain starts. */
    refused(in8, .d = PORT_PIC);
    refused(out8, .d = PORT_PIC);
    refused(cli);
    refused(sti);

    iopl_set(1);
    EXPECT_EQ(runs(in8, .a = ONES, .d = PORT_PIC).a, (ONES & ~0xffUL) | 0xff);
    EXPECT_EQ(runs(in8_imm, .a = ONES).a, (ONES & ~0xffUL) | 0xff);
    EXPECT_EQ(runs(in16, .a = ONES, .d = 0x20).a, (ONES & ~0xffffUL) | 0xffff);
    EXPECT_EQ(runs(in32, .a = ONES, .d = 0x20).a, 0xffffffff); /* 32 bits clear the upper half */
    runs(out8, .d = PORT_PIC, .a = 0x55);                      /* dropped */

    r = runs(rep_insb, .d = PORT_PIC, .c = sizeof(buffer) - 1, .di = (uint64_t)buffer);
    EXPECT_EQ(r.c, 0);
    EXPECT_EQ(r.di, (uint64_t)buffer + sizeof(buffer) - 1);
    for (unsigned int i = 0; i < sizeof(buffer) - 1; i++)
        EXPECT_EQ(buffer[i], 0xff);
    EXPECT_EQ(buffer[sizeof(buffer) - 1], 0);
    r = runs(rep_insb, .d = PORT_PIC, .c = 0, .di = 0); /* nothing is touched */
    EXPECT_EQ(r.di, 0);
    r = runs(insw, .d = 0x20, .di = (uint64_t)buffer);
    EXPECT_EQ(r.di, (uint64_t)buffer + 2);
    r = runs(rep_outsb, .d = PORT_PIC, .c = 100, .si = (uint64_t)buffer);
    EXPECT_EQ(r.c, 0);
    EXPECT_EQ(r.si, (uint64_t)buffer + 100);

    /* CLI and STI do nothing, in particular not to the upcall mask. */
    info->evtchn_upcall_mask = 1;
    runs(sti);
    EXPECT_EQ(info->evtchn_upcall_mask, 1);
    info->evtchn_upcall_mask = mask;
    runs(cli);
    EXPECT_EQ(info->evtchn_upcall_mask, mask);

    /* Without privilege, the bitmap: a clear bit allows, for all ports of the access. */
    iopl_set(0);
    for (unsigned int i = 0; i < sizeof(bitmap); i++)
        bitmap[i] = 0xff;
    bitmap[PORT_PIC / 8] &= (uint8_t) ~(1u << PORT_PIC % 8);
    bitmap_set(bitmap, 65536);
    EXPECT_EQ(runs(in8, .a = ONES, .d = PORT_PIC).a, (ONES & ~0xffUL) | 0xff);
    refused(in8, .d = PORT_PIC - 1);
    refused(in16, .d = PORT_PIC);
    refused(cli);
    bitmap_set(bitmap, PORT_PIC); /* ports from the limit on are refused */
    refused(in8, .d = PORT_PIC);
    bitmap_set((void *)0x1000, 65536); /* unreadable: refused */
    refused(in8, .d = PORT_PIC);
    bitmap_set(bitmap, 0);
    refused(in8, .d = PORT_PIC);
}

/* INS to where nothing is mapped: the fault is the guest's, what was done before stays done. */
SCENARIO(emulate_ins_fault, "emulate-ins-fault",
         "INS that runs into an absent page: #PF at its address")
{
    struct region *r = scenario_region(1, REGION_R | REGION_W, &region_anon);
    struct regs regs = { .d = PORT_PIC, .c = 64, .di = r->end - 8 };
    struct trap_report report = { 0 };

    *(volatile uint8_t *)r->start = 0;
    iopl_set(1);
    bool caught = trap_catch(rep_insb, &regs, &report);
    iopl_set(0);
    EXPECT(caught);
    EXPECT_EQ(report.vector, TRAP_PF);
    EXPECT_EQ(report.cr2, r->end);
    EXPECT_EQ(report.error & PFEC_W, PFEC_W);
    EXPECT_EQ(*(uint8_t *)(r->end - 1), 0xff);
    EXPECT_EQ(*(uint8_t *)(r->end - 9), 0);
}
