/*
 * SPDX-License-Identifier: MIT
 *
 * trap.c - every way into the kernel, and what must be true there whatever happened.
 *
 * Each entry is checked: selectors, flags, the frame's place, alignment and contents, segment
 * registers, and that no register shows an address of the hypervisor's that the step did not put there.
 * Then a trap of a step ends it, or resumes it while the plan allows; a trap outside a step is a finding.
 */
#include "fuzz.h"

#define FLAG_TF   (1UL << 8)
#define FLAG_IF   (1UL << 9)
#define FLAG_DF   (1UL << 10)
#define FLAG_IOPL (3UL << 12)
#define FLAG_NT   (1UL << 14)
#define FLAG_RF   (1UL << 16)
#define FLAG_VM   (1UL << 17)
#define FLAG_AC   (1UL << 18)
#define FLAGS_ALL 0x254fd5UL /* the CPU's; QEMU's have others at times, from nonsense */

#define VECTOR_DB     1u
#define VECTOR_NMI    2u
#define VECTOR_BP     3u
#define STUB_BYTES    16u
#define TICKS_ALLOWED 6u /* a step that runs longer is in a loop: it is ended */

struct entry trap_entry, event_entry, nmi_entry;
uint32_t trap_vector;
bool traps_dirty = true;

bool trap_taken(void);
bool event_taken(void);
bool nmi_taken(void);

static bool running; /* within shot_fire */
static uint64_t ticks_at_start;
static char kernel_stack[16384] __attribute__((aligned(16)));
static struct trap_info table[257];

struct trap_info *traps_table(void)
{
    return table;
}

static void callback(uint16_t type, const char *stub)
{
    struct callback_register reg = { type, CALLBACKF_mask_events, (uint64_t)stub };

    if (hypercall_callback_op(CALLBACKOP_register, &reg))
        finding("callback %u refused", type);
}

/* Vectors from 32 on are open to INT n of the kernel, the upper half to user mode too. */
void traps_install(void)
{
    for (unsigned int v = 0; v < 256; v++) {
        unsigned int dpl = v == 3 || v == 4 || v >= 128 ? 3 : v >= 32 ? 1 : 0;

        table[v] = (struct trap_info){
            .vector = (uint8_t)v,
            .flags = (uint8_t)(dpl | TRAP_MASK_EVENTS),
            .cs = FLAT_KERNEL_CS,
            .address = v == VECTOR_NMI ? (uint64_t)stub_nmi
                                       : (uint64_t)trap_stubs_256 + v * STUB_BYTES,
        };
    }
    if (hypercall_set_trap_table(table))
        finding("trap table refused");
    callback(CALLBACKTYPE_event, stub_event);
    callback(CALLBACKTYPE_failsafe, stub_failsafe);
    callback(CALLBACKTYPE_syscall, stub_syscall);
    callback(CALLBACKTYPE_syscall32, stub_syscall32);
    callback(CALLBACKTYPE_sysenter, stub_sysenter);
    (void)hypercall_stack_switch(FLAT_KERNEL_SS, (uint64_t)kernel_stack + sizeof(kernel_stack));
    traps_dirty = false;
}

/* ---- checks ---- */

bool was_given(uint64_t value)
{
    for (unsigned int i = 0; i < REGS; i++)
        if ((shot.in[i] ^ value) >> 16 == 0) /* an instruction may have replaced AL or AX */
            return true;
    return value == shot.frame.rip || value == shot.frame.rcx || value == shot.frame.r11 ||
           hostile_near(value);
}

void check_leak(const char *where, unsigned int reg, uint64_t value)
{
    if (va_in_hv(value) && !plan.leaks && !was_given(value))
        finding("%s: register %u shows %lx of the hypervisor's range", where, reg, value);
}

static void frame_read(const struct entry *e, bool failsafe, struct frame *f)
{
    const uint64_t *at = (const uint64_t *)e->reg[RSP];

    *f = (struct frame){ .rcx = at[0], .r11 = at[1], .has_error = !(e->reg[RSP] & 15) };
    at += failsafe ? 6 : 2;
    if (f->has_error)
        f->error = *at++;
    f->rip = at[0];
    f->cs = at[1];
    f->rflags = at[2];
    f->rsp = at[3];
    f->ss = at[4];
}

static void check_frame(const char *where, const struct entry *e, bool failsafe,
                        const struct frame *f)
{
    unsigned int words = 7 + f->has_error + (failsafe ? 4 : 0);
    uint64_t top = e->reg[RSP] + words * 8;
    bool masked = f->cs >> 32 & 0xff;

    if (va_in_hv(e->reg[RSP]) || va_in_hv(top - 1) || (top & 15))
        finding("%s: frame at %lx", where, e->reg[RSP]);
    if ((f->cs & 3) != 0 && (f->cs & 3) != 3)
        finding("%s: frame with CS %lx", where, f->cs);
    if ((f->cs & 3) == 0 && top != (f->rsp & ~15UL))
        finding("%s: kernel frame at %lx, RSP was %lx", where, e->reg[RSP], f->rsp);
    if (f->cs >> 33 || (f->cs & 0xffff0000))
        finding("%s: CS slot %lx", where, f->cs);
    if ((f->ss >> 16) || (f->ss & 3) != 3)
        finding("%s: SS slot %lx", where, f->ss);
    if (!(f->rflags & FLAG_IF) != masked || (f->rflags & FLAG_VM) ||
        ((f->rflags & FLAG_IOPL) && !world_iopl_virtual))
        finding("%s: RFLAGS slot %lx, events %s", where, f->rflags, masked ? "masked" : "open");
}

static void check_entry(const char *where, const struct entry *e, uint64_t handler)
{
    if (e->segment[SEG_CS] != FLAT_KERNEL_CS || e->segment[SEG_SS] != FLAT_KERNEL_SS)
        finding("%s: entered with CS %x SS %x", where, e->segment[SEG_CS], e->segment[SEG_SS]);
    if ((e->flags & (FLAG_TF | FLAG_IOPL | FLAG_NT | FLAG_RF | FLAG_VM | FLAG_AC)) ||
        !(e->flags & FLAG_IF))
        finding("%s: entered with RFLAGS %lx", where, e->flags);
    if (e->reg[RCX] != handler || ((e->reg[R11] ^ e->flags) & FLAGS_ALL & ~FLAG_RF))
        finding("%s: entered with RCX %lx R11 %lx, flags %lx", where, e->reg[RCX], e->reg[R11],
                e->flags);
    for (unsigned int i = 0; i < REGS; i++)
        if (i != RSP)
            check_leak(where, i, e->reg[i]);
    if (plan.segments_change || !running)
        return;
    if (e->segment[SEG_ES] | e->segment[SEG_DS] | e->segment[SEG_FS] | e->segment[SEG_GS])
        finding("%s: ES %x DS %x FS %x GS %x", where, e->segment[SEG_ES], e->segment[SEG_DS],
                e->segment[SEG_FS], e->segment[SEG_GS]);
}

/* Before the frame is looked at: a breakpoint may lie on it. */
static void breakpoints_off(void)
{
    (void)hypercall_set_debugreg(7, 0);
}

static void back_set(struct entry *e, const struct frame *f)
{
    if (plan.dr7)
        (void)hypercall_set_debugreg(7, plan.dr7);
    e->back = (struct iret_context){
        .rax = e->reg[RAX],
        .r11 = f->r11,
        .rcx = f->rcx,
        .rip = f->rip,
        .cs = f->cs & 0xffff,
        .rflags = f->rflags,
        .rsp = f->rsp,
        .ss = f->ss,
    };
}

/* ---- the three entries ---- */

static uint64_t handler_of(uint32_t vector)
{
    switch (vector) {
    case VECTOR_FAILSAFE:
        return (uint64_t)stub_failsafe;
    case VECTOR_SYSCALL:
        return (uint64_t)stub_syscall;
    case VECTOR_SYSCALL32:
        return (uint64_t)stub_syscall32;
    case VECTOR_SYSENTER:
        return (uint64_t)stub_sysenter;
    default:
        return (uint64_t)trap_stubs_256 + vector * STUB_BYTES;
    }
}

bool trap_taken(void)
{
    struct entry *e = &trap_entry;
    uint32_t vector = trap_vector;

    info->evtchn_upcall_mask = 1;
    breakpoints_off();
    result.vector = vector;
    frame_read(e, vector == VECTOR_FAILSAFE, &result.frame);
    if (!running)
        finding("vector %u error %lx outside of a step, rip %lx rsp %lx cr2 %lx", vector,
                result.frame.error, result.frame.rip, result.frame.rsp, info->arch.cr2);
    check_frame("trap", e, vector == VECTOR_FAILSAFE, &result.frame);
    check_entry("trap", e, handler_of(vector));
    if ((vector == VECTOR_DB || vector == VECTOR_BP) && plan.resume) {
        plan.resume--;
        if (!plan.resume)
            result.frame.rflags &= ~FLAG_TF;
        back_set(e, &result.frame);
        return true;
    }
    running = false;
    result.end = END_TRAPPED;
    return false;
}

static void events_clear(void)
{
    shared_info_t *s = &shared_info_page;

    info->evtchn_upcall_pending = 0;
    info->evtchn_pending_sel = 0;
    for (unsigned int i = 0; i < 64; i++) {
        if ((s->evtchn_pending[i] & ~s->evtchn_mask[i]) == 0)
            continue;
        if (timer_port / 64 == i && (s->evtchn_pending[i] >> (timer_port % 64) & 1))
            ticks++;
        s->evtchn_pending[i] &= s->evtchn_mask[i];
    }
}

bool event_taken(void)
{
    struct entry *e = &event_entry;
    struct frame f;

    breakpoints_off();
    frame_read(e, false, &f);
    check_frame("event", e, false, &f);
    check_entry("event", e, (uint64_t)stub_event);
    if (f.has_error || (f.cs >> 32 & 0xff) || !info->evtchn_upcall_mask)
        finding("event: frame at %lx, CS slot %lx, mask %u", e->reg[RSP], f.cs,
                info->evtchn_upcall_mask);
    events_clear();
    if (running && ticks - ticks_at_start > TICKS_ALLOWED) {
        running = false;
        result.end = END_OVERRUN;
        return false;
    }
    back_set(e, &f);
    return true;
}

bool nmi_taken(void)
{
    struct entry *e = &nmi_entry;
    struct frame f;

    breakpoints_off();
    frame_read(e, false, &f);
    check_frame("NMI", e, false, &f);
    check_entry("NMI", e, (uint64_t)stub_nmi);
    back_set(e, &f);
    return true;
}

/* ---- what fire.c says ---- */

void step_begins(void)
{
    ticks_at_start = ticks;
    if (plan.dr7)
        (void)hypercall_set_debugreg(7, plan.dr7);
    running = true;
}

void step_ends(void)
{
    info->evtchn_upcall_mask = 1;
    running = false;
    breakpoints_off();
}
