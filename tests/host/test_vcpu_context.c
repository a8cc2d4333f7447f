/* SPDX-License-Identifier: MIT */
/*
 * VCPUOP_initialise (hazards X2, P3, P5, H2): every address and number of the context is looked at
 * before anything changes; a refusal, a failure or a preemption at any step leaves no reference too
 * many; what is read is read once.
 */
#include "events.h"

#include "mm/hv_map.h"

#include <stdlib.h>
#include <string.h>

#include "pv/descriptor.h"
#include "pv/vcpu_context.h"

#define NEW         3u /* machine_vcpu: the guest's vCPU 2 */
#define NON_CANON   0x0000800000000000ul
#define IN_HV       0xffff830000000000ul
#define DESCRIPTORS (PAGE_SIZE / 8)
#define DATA        (DESC_P | DESC_S | DESC_DPL_MASK)

static struct machine_tree kernel, user;
static mfn_t gdt;
static vcpu_guest_context_t good;
static uint8_t fpu[512];

static int stage(void **state)
{
    machine_setup(state);
    events_begin();
    kernel = machine_tree(&machine_guest, LEAF_RO);
    user = machine_tree(&machine_guest, LEAF_RO);
    for (unsigned slot = 1; slot < 4; slot++) /* work to be interrupted at */
        for (unsigned level = 2; level <= 4; level++) {
            machine_poke(kernel.l[level], slot, pte_make(machine_page(&machine_guest), BRANCH));
            machine_poke(user.l[level], slot, pte_make(machine_page(&machine_guest), BRANCH));
        }
    gdt = machine_page(&machine_guest);
    for (unsigned i = 0; i < DESCRIPTORS; i++)
        machine_poke(gdt, i, DATA | 0x234567ul << 16 | 1ul << 56);
    machine_vcpu[NEW].state = VCPU_DOWN;
    machine_vcpu[NEW].fpu = fpu;
    good = (vcpu_guest_context_t){ .flags = VGCF_in_kernel };
    good.user_regs.rip = 0xffffffff80001000ul;
    good.user_regs.rsp = 0x7fffffffe000ul;
    good.user_regs.rflags = 0x3202;
    good.user_regs.fs = 0x0b;
    good.kernel_sp = 0xffffffff80009000ul;
    good.kernel_ss = FLAT_KERNEL_SS;
    good.trap_ctxt[14].address = 0xffffffff80002000ul;
    good.trap_ctxt[14].cs = 0xe030;
    good.gdt_frames[0] = gdt.n;
    good.gdt_ents = DESCRIPTORS;
    good.ctrlreg[3] = mfn_to_ma(kernel.l[4]);
    good.ctrlreg[1] = mfn_to_ma(user.l[4]);
    good.ctrlreg[4] = ~0ul;
    good.fs_base = 0x1111000;
    good.gs_base_user = 0x2222000;
    good.gs_base_kernel = 0x3333000;
    good.debugreg[0] = 0x400000;
    good.debugreg[1] = IN_HV; /* not taken */
    hooks_reset();
    return 0;
}

static int unstage(void **state)
{
    events_end();
    return machine_teardown(state);
}

static long initialise(const vcpu_guest_context_t *c)
{
    long rc;

    memcpy(machine_requests(), c, sizeof(*c));
    rc = machine_hypercall(hc_vcpu_op, VCPUOP_initialise, machine_vcpu[NEW].id, GUEST_REQUESTS, 0);
    machine_check("initialise");
    return rc;
}

/* Gives back what the vCPU holds, so that it can be initialised again. */
static void take_apart(void)
{
    struct vcpu *v = &machine_vcpu[NEW];
    mfn_t roots[2] = { ma_to_mfn(v->cr3_kernel), ma_to_mfn(v->cr3_user) };
    bool held[2] = { v->cr3_kernel, v->cr3_user };

    v->cr3_kernel = v->cr3_user = 0;
    for (unsigned i = 0; i < 2; i++) {
        if (held[i])
            page_put_typed(roots[i]);
        pt_work_drain();
    }
    vcpu_descriptors_release(v);
    v->initialised = false;
    v->state = VCPU_DOWN;
    machine_check("taken apart");
}

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

/* A failure at each step that may fail, then the same once more without. */
static void failing_anywhere(void **state)
{
    unsigned refusals = 0;

    (void)state;
    for (unsigned long k = 1;; k++) {
        long rc;

        hooks_reset();
        hooks.fail_at = k;
        rc = initialise(&good);
        if (!rc)
            break;
        refusals++;
        assert_false(machine_vcpu[NEW].initialised);
        assert_int_equal(machine_vcpu[NEW].cr3_kernel | machine_vcpu[NEW].cr3_user, 0);
        assert_int_equal(frame_type_refs(kernel.l[4]) + frame_type_refs(user.l[4]), 0);
        assert_int_equal(frame_type_refs(gdt), 0);
        assert_int_equal(frame_refs(kernel.l[4]), 1);
    }
    assert_true(refusals >= 5);
}

static bool kernel_root_kept;

static void look_between(void)
{
    kernel_root_kept |= machine_vcpu[NEW].cr3_kernel != 0;
}

/* A preemption at each check, one at a time and all of them, with the user's root refused or not. */
static void preempted_anywhere(void **state)
{
    unsigned restarts = 0;

    (void)state;
    kernel_root_kept = false;
    machine_between_restarts = look_between;
    for (unsigned bad = 0; bad < 2; bad++) {
        for (unsigned long k = 1;; k++) {
            hooks_reset();
            hooks.preempt_at = k == 30 ? ALWAYS : k;
            good.ctrlreg[1] = mfn_to_ma(bad ? gdt : user.l[4]);
            assert_int_equal(initialise(&good), bad ? -EINVAL : 0);
            restarts += machine_restarts;
            if (bad)
                assert_int_equal(frame_refs(kernel.l[4]), 1);
            if (k == 30)
                break;
            if (!bad)
                take_apart();
        }
        if (!bad) {
            machine_vcpu[NEW].initialised = false;
            unstage(state);
            stage(state);
            machine_between_restarts = look_between;
        }
    }
    assert_true(restarts > 8);
    assert_true(kernel_root_kept); /* what a piece has taken is not begun anew */
}

static struct machine_tree other;
static unsigned long pieces;

static void ask_for_another(void)
{
    pieces++;
    good.ctrlreg[3] = mfn_to_ma(pieces % 2 ? other.l[4] : kernel.l[4]);
    memcpy(machine_requests(), &good, sizeof(good));
    hooks_reset();
    hooks.preempt_at = pieces < 20 ? pieces : 0;
}

/* The guest changes its mind between two pieces: none leaves cleanup for the next. */
static void another_root_in_between(void **state)
{
    (void)state;
    other = machine_tree(&machine_guest, LEAF_RO);
    pieces = 0;
    hooks.preempt_at = 1;
    machine_between_restarts = ask_for_another;
    assert_int_equal(initialise(&good), 0);
    machine_between_restarts = 0;
    assert_true(pieces > 2);
    assert_int_equal(machine_vcpu[NEW].cr3_kernel, good.ctrlreg[3]);
}

/* What was preempted and then refused may stay half validated: that is the frame's own reference. */
static bool left_partial(mfn_t mfn)
{
    return frame_of(mfn)->type & FRAME_PARTIAL;
}

/* Any words of the context changed, with failures and preemptions: refused and unchanged, or taken. */
static void whatever_is_given(void **state)
{
    static uint64_t words[sizeof(good) / 8];
    unsigned taken = 0;

    (void)state;
    srand(7);
    for (unsigned round = 0; round < 4000; round++) {
        long rc;

        memcpy(words, &good, sizeof(words));
        for (unsigned n = (unsigned)rand() % 4; n-- > 0;) {
            uint64_t value = (uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^ (uint64_t)rand();
            unsigned at = (unsigned)rand() % (sizeof(words) / 8);

            if (rand() % 2) /* where the numbers are */
                at = (unsigned)(offsetof(vcpu_guest_context_t, ldt_base) / 8 +
                                (unsigned)rand() % 40);
            words[at] = rand() % 3 ? value >> rand() % 64 : mfn_to_ma(mfn_of(value % 64));
        }
        hooks_reset();
        hooks.fail_at = rand() % 4 ? 0 : 1 + (unsigned)rand() % 40;
        /* Not both: a table that another level was tried on, and left at that, would stay so. */
        hooks.preempt_at = hooks.fail_at || rand() % 4 ? 0 : 1 + (unsigned)rand() % 20;
        machine_note("round %u", round);
        rc = initialise((const vcpu_guest_context_t *)words);
        assert_true(!rc || rc == -EINVAL || rc == -ENOMEM || rc == -EBUSY); /* of an entry */
        taken += !rc;
        /* Only here may the window of a vCPU that has one be refused the page of zeroes. */
        if (rc && hooks.fail_at)
            vcpu_descriptors_release(&machine_vcpu[NEW]);
        if (!rc)
            take_apart();
        assert_int_equal(frame_refs(kernel.l[4]), left_partial(kernel.l[4]) ? 2 : 1);
        assert_int_equal(frame_refs(user.l[4]), left_partial(user.l[4]) ? 2 : 1);
        assert_int_equal(frame_refs(gdt), 1);
    }
    /* From the round on in which one of them is tried as an L4, which is written to, few are taken. */
    assert_true(taken > 200 && taken < 3700);
}

static void read_once(void **state)
{
    (void)state;
    hooks_reset();
    assert_int_equal(initialise(&good), 0);
    assert_int_equal(hooks.double_reads, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, stage, unstage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_it_starts_with),
        TEST(what_its_roots_show),
        TEST(bases_beside_nul),
        TEST(every_word),
        TEST(by_its_flags),
        TEST(every_address),
        TEST(every_number),
        TEST(not_to_be_read),
        TEST(failing_anywhere),
        TEST(preempted_anywhere),
        TEST(another_root_in_between),
        TEST(read_once),
        TEST(whatever_is_given),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
