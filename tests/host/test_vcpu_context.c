/* SPDX-License-Identifier: MIT */
/*
 * VCPUOP_initialise (hazard X2): what of the context arrives where, and each address and number of it
 * that is refused before anything changes.
 */
#include "context.h"

#include "mm/hv_map.h"
#include "pv/vcpu_context.h"

#define NON_CANON 0x0000800000000000ul

static void what_it_starts_with(void **state)
{
    const struct vcpu *v = &machine_vcpu[NEW];

    (void)state;
    assert_int_equal(initialise(&good), 0);
    assert_true(v->initialised);
    assert_int_equal(v->state, VCPU_DOWN);
    assert_int_equal(v->regs.rip, good.user_regs.rip);
    assert_int_equal(v->iopl, 3);
    assert_int_equal(v->cr3_kernel, good.ctrlreg[3]);
    assert_int_equal(v->cr3_user, good.ctrlreg[1]);
    assert_int_equal(v->gdt_mfn[0].n, gdt.n);
    assert_int_equal(v->fs_base, 0x1234567); /* a selector's base is its descriptor's */
    assert_int_equal(v->gs_base_user, good.gs_base_user);
    assert_int_equal(v->gs_base_kernel, good.gs_base_kernel);
    assert_int_equal(v->traps[14].address, good.trap_ctxt[14].address);
    assert_int_equal(v->traps[14].cs, 0xe033);
    assert_int_equal(v->dr[0], 0x400000);
    assert_int_equal(v->dr[1], 0);
    assert_int_equal(v->cr4, 0xc);
    assert_false(v->in_user);
    assert_false(v->failsafe.mask_events);
    assert_int_equal(frame_type(kernel.l[4]), PT_L4);
    assert_refused(-EEXIST, initialise(&good));
}

/* A NUL selector, with any RPL, leaves the base that is given apart. */
static void bases_beside_nul(void **state)
{
    (void)state;
    for (uint16_t sel = 0; sel < 5; sel++) {
        good.user_regs.fs = sel;
        assert_int_equal(initialise(&good), 0);
        assert_int_equal(machine_vcpu[NEW].fs_base, sel < 4 ? good.fs_base : 0);
        take_apart();
    }
}

/* The kernel's root shows the M2P; a strict guest's user root does not. */
static void what_its_roots_show(void **state)
{
    (void)state;
    machine_guest.vm_assist |= 1ul << VMASST_TYPE_m2p_strict;
    assert_int_equal(op_pin(user.l[4], 4), 0);
    hv_map_show_m2p(frame_va(user.l[4]), 1); /* a kernel ran on it */
    assert_int_equal(initialise(&good), 0);
    assert_int_not_equal(machine_peek(kernel.l[4], PT_HV_SLOT_FIRST), 0);
    assert_int_equal(machine_peek(user.l[4], PT_HV_SLOT_FIRST), 0);
}

/* Each word of the context arrives where it belongs. */
static void every_word(void **state)
{
    struct vcpu *v = &machine_vcpu[NEW];
    struct cpu_user_regs *u = &good.user_regs;

    (void)state;
    u->r15 = 0x101;
    u->r14 = 0x102;
    u->r13 = 0x103;
    u->r12 = 0x104;
    u->rbp = 0x105;
    u->rbx = 0x106;
    u->r11 = 0x107;
    u->r10 = 0x108;
    u->r9 = 0x109;
    u->r8 = 0x10a;
    u->rax = 0x10b;
    u->rcx = 0x10c;
    u->rdx = 0x10d;
    u->rsi = 0x10e;
    u->rdi = 0x10f;
    u->cs = 0xe033;
    u->ss = 0xe02b;
    u->ds = 1;
    u->es = 2;
    u->gs = 3;
    good.event_callback_eip = 0x5000;
    good.failsafe_callback_eip = 0x6000;
    good.syscall_callback_eip = 0x7000;
    good.kernel_ss = 0xe028;
    good.ldt_base = 0x8000;
    good.ldt_ents = 5;
    good.ctrlreg[0] = 8; /* TS */
    v->fpu_initialised = true;
    assert_int_equal(initialise(&good), 0);
    assert_int_equal(v->regs.r15, u->r15);
    assert_int_equal(v->regs.r14, u->r14);
    assert_int_equal(v->regs.r13, u->r13);
    assert_int_equal(v->regs.r12, u->r12);
    assert_int_equal(v->regs.rbp, u->rbp);
    assert_int_equal(v->regs.rbx, u->rbx);
    assert_int_equal(v->regs.r11, u->r11);
    assert_int_equal(v->regs.r10, u->r10);
    assert_int_equal(v->regs.r9, u->r9);
    assert_int_equal(v->regs.r8, u->r8);
    assert_int_equal(v->regs.rax, u->rax);
    assert_int_equal(v->regs.rcx, u->rcx);
    assert_int_equal(v->regs.rdx, u->rdx);
    assert_int_equal(v->regs.rsi, u->rsi);
    assert_int_equal(v->regs.rdi, u->rdi);
    assert_int_equal(v->regs.rsp, u->rsp);
    assert_int_equal(v->regs.cs, 0xe033);
    assert_int_equal(v->regs.ss, 0xe02b);
    assert_int_equal(v->ds << 16 | v->es << 8 | v->gs, 0x10203);
    assert_int_equal(v->fs, 0x0b);
    assert_int_equal(v->event.va, 0x5000);
    assert_true(v->event.mask_events);
    assert_int_equal(v->failsafe.va, 0x6000);
    assert_int_equal(v->syscall.va, 0x7000);
    assert_false(v->syscall.mask_events);
    assert_int_equal(v->kernel_ss, 0xe02b);
    assert_int_equal(v->kernel_sp, good.kernel_sp);
    assert_int_equal(v->ldt_va, 0x8000);
    assert_int_equal(v->ldt_entries, 5);
    assert_int_equal(v->ts, 1);
    assert_false(v->fpu_initialised);
}

static void by_its_flags(void **state)
{
    const struct vcpu *v = &machine_vcpu[NEW];

    (void)state;
    good.flags = VGCF_online | VGCF_failsafe_disables_events | VGCF_syscall_disables_events |
                 VGCF_i387_valid;
    memset(good.fpu_ctxt.x, 0x5a, sizeof(good.fpu_ctxt.x));
    assert_int_equal(initialise(&good), 0);
    assert_int_equal(v->state, VCPU_RUNNABLE);
    assert_true(v->in_user && v->failsafe.mask_events && v->syscall.mask_events);
    assert_true(v->fpu_initialised);
    assert_memory_equal(fpu, good.fpu_ctxt.x, sizeof(fpu));
}

/* Each address with each value that the hypervisor must not take. */
static void every_address(void **state)
{
    uint64_t *const addresses[] = {
        &good.user_regs.rip,
        &good.user_regs.rsp,
        &good.kernel_sp,
        &good.fs_base,
        &good.gs_base_kernel,
        &good.gs_base_user,
        &good.event_callback_eip,
        &good.failsafe_callback_eip,
        &good.syscall_callback_eip,
        &good.trap_ctxt[0].address,
        &good.trap_ctxt[255].address,
    };
    static const uint64_t bad[] = { NON_CANON, NON_CANON - 1 + 2, 0xffff7ffffffffffful, 1ul << 63 };

    (void)state;
    for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        uint64_t right = *addresses[i];

        for (unsigned k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
            *addresses[i] = bad[k];
            machine_note("address %u, value %u", i, k);
            assert_refused(-EINVAL, initialise(&good));
        }
        *addresses[i] = right;
    }
    assert_int_equal(initialise(&good), 0);
}

static void every_number(void **state)
{
    const struct {
        uint64_t *at, value;
    } wrong[] = {
        { &good.ldt_base, 0x1001 },
        { &good.ldt_base, IN_HV },
        { &good.ldt_base, NON_CANON },
        { &good.ldt_ents, LDT_MAX_ENTRIES + 1 },
        { &good.ldt_ents, 1ul << 32 },
        { &good.gdt_ents, GDT_GUEST_ENTRIES + 1 },
        { &good.gdt_ents, 1ul << 32 },
        { &good.gdt_ents, DESCRIPTORS + 1 }, /* its second frame is 0 */
        { &good.gdt_frames[0], kernel.l[1].n },
        { &good.gdt_frames[0], frame_limit },
        { &good.gdt_frames[0], ~0ul },
        { &good.ctrlreg[3], 0 },
        { &good.ctrlreg[3], mfn_to_ma(gdt) },
        { &good.ctrlreg[3], mfn_to_ma(kernel.l[3]) },
        { &good.ctrlreg[3], frame_limit << PAGE_SHIFT },
        { &good.ctrlreg[3], ~0ul },
        { &good.ctrlreg[1], mfn_to_ma(user.l[2]) },
        { &good.ctrlreg[1], mfn_to_ma(gdt) },
        { &good.ctrlreg[1], 1ul << 63 },
    };

    (void)state;
    assert_int_equal(op_pin(kernel.l[4], 4), 0); /* so that each of its tables has a level */
    assert_int_equal(op_pin(user.l[4], 4), 0);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint64_t right = *wrong[i].at;

        *wrong[i].at = wrong[i].value;
        machine_note("number %u", i);
        assert_refused(-EINVAL, initialise(&good));
        *wrong[i].at = right;
    }
    good.flags = 0;
    good.ctrlreg[1] = 0;
    assert_refused(-EINVAL, initialise(&good)); /* user mode without a root for it */
    good.flags = VGCF_in_kernel;
    assert_int_equal(initialise(&good), 0);
    assert_int_equal(machine_vcpu[NEW].cr3_user, 0);
}

static void not_to_be_read(void **state)
{
    (void)state;
    assert_refused(-EFAULT, vcpu_context_set(&machine_vcpu[NEW], GUEST_VA + GUEST_BYTES - 64));
    assert_refused(-EFAULT, vcpu_context_set(&machine_vcpu[NEW], IN_HV));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, stage, unstage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_it_starts_with), TEST(what_its_roots_show), TEST(bases_beside_nul),
        TEST(every_word),          TEST(by_its_flags),        TEST(every_address),
        TEST(every_number),        TEST(not_to_be_read),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
