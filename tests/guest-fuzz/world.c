/*
 * SPDX-License-Identifier: MIT
 *
 * world.c - the arena, the address space, and the state that every step starts from.
 *
 * Invariant: after world_restore() no step's callbacks, segments, breakpoints, stacks, timers or roots
 * are in force; after world_reset() no step's tables, descriptors or assists are either.
 */
#include "fuzz.h"

#include "events.h"
#include "mm/aspace.h"
#include "mm/page.h"
#include "mm/pt_update.h"
#include "thread.h"

#define PERIOD_NS  2000000UL
#define FLAGS_OPEN 0x202UL /* events open */
#define FLAGS_SHUT 0x002UL

#define RESTORE_CALLS 6

vcpu_info_t *info;
uint16_t timer_port, ipi_port;
uint64_t ticks;
bool roots_dirty, world_iopl_virtual;

static struct aspace *space;
static void tables_find(void);
static uint8_t info_page[4096] __attribute__((aligned(4096)));

static void must(long rc, const char *what)
{
    if (rc)
        guest_panic("guest-fuzz: %s: %ld", what, rc);
}

static void map(uint64_t va, pfn_t pfn, uint64_t flags)
{
    must(pt_map(va < KERNEL_VA ? space : &kernel_aspace, va, p2m(pfn), flags), "mapping the arena");
}

static pfn_t page(void)
{
    pfn_t pfn = page_alloc_zero(PAGE_KERNEL);

    if (page_none(pfn))
        guest_panic("guest-fuzz: no page");
    return pfn;
}

static void arena_make(void)
{
    pfn_t code = page();

    map(CODE_VA, code, PTE_P | PTE_RW | PTE_A | PTE_D);
    map(USER_CODE, code, PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D);
    for (unsigned int i = 0; i < ARGS_PAGES; i++)
        map(ARGS_VA + i * PAGE_SIZE, page(), PAGE_RW);
    for (unsigned int i = 0; i < STACK_PAGES; i++)
        map(STACK_VA + i * PAGE_SIZE, page(), PAGE_RW);
    pfn_t ro = page();
    for (unsigned int i = 0; i < PT_ENTRIES; i++) /* as a list of calls, nothing's numbers */
        ((uint64_t *)page_va(ro))[i] = 63;
    map(RO_VA, ro, PTE_P | PTE_NX);
    map(USER_DATA, page(), PAGE_RW | PTE_U);
    map(USER_DATA + PAGE_SIZE, page(), PAGE_RW | PTE_U);
    map(TOP_VA, page(), PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D);
}

/* Half of all runs have their vcpu_info in a page of their own. */
static void info_make(uint64_t seed)
{
    vcpu_register_vcpu_info_t reg = { .mfn = p2m(image_pfn(info_page)).n, .offset = 0x240 };

    info = guest_vcpu_info();
    if (!(seed & 1))
        return;
    must(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), "registering vcpu_info");
    info = (vcpu_info_t *)(info_page + reg.offset);
    info->evtchn_upcall_mask = 1;
}

/* The library's clock has the timer by now: its port is closed, and there is a new one. */
static void ports_make(void)
{
    evtchn_bind_ipi_t ipi = { 0 };
    evtchn_bind_virq_t virq = { .virq = VIRQ_TIMER };

    for (evtchn_port_t port = 1; port < 16; port++) {
        evtchn_status_t status = { .dom = DOMID_SELF, .port = port };
        evtchn_close_t close = { port };

        if (hypercall_event_channel_op(EVTCHNOP_status, &status) == 0 &&
            status.status == EVTCHNSTAT_virq && status.u.virq == VIRQ_TIMER)
            (void)hypercall_event_channel_op(EVTCHNOP_close, &close);
    }
    must(hypercall_event_channel_op(EVTCHNOP_bind_virq, &virq), "binding the timer");
    timer_port = (uint16_t)virq.port;
    must(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), "binding an IPI");
    ipi_port = (uint16_t)ipi.port;
}

void world_make(uint64_t seed)
{
    int error = 0;

    (void)events_mask();
    space = aspace_create(true, &error);
    if (!space)
        guest_panic("guest-fuzz: no address space: %d", error);
    arena_make();
    pool_make();
    grants_make();
    thread_set_aspace(space);
    info_make(seed);
    ports_make();
    traps_install();
    tables_find();
}

mfn_t world_root(void)
{
    return p2m(space->l4);
}

mfn_t world_user_root(void)
{
    return p2m(space->l4_user);
}

static uint64_t tables[16];

/* Looked up once: a step may take the M2P out of the kernel's root, which the walk needs. */
static void tables_find(void)
{
    static const uint64_t va[] = { IMAGE_VA, DIRECT_MAP_VA, CODE_VA, USER_CODE };

    for (unsigned int i = 0; i < 4; i++) {
        struct walk w = pt_walk(world_root(), va[i]);

        for (unsigned int level = 1; level <= 4; level++)
            tables[i * 4 + level - 1] = w.table[level].n;
    }
}

uint64_t kernel_table_mfn(void)
{
    return PICK(tables);
}

static void segments_restore(void)
{
    for (unsigned int which = SEGBASE_FS; which <= SEGBASE_GS_KERNEL; which++)
        (void)hypercall_set_segment_base(which, 0);
}

static void timer_restore(void)
{
    vcpu_set_periodic_timer_t period = { PERIOD_NS };

    must(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &period), "the timer");
}

static void roots_restore(void)
{
    mmuext_op_t ops[] = {
        { .cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = world_root().n },
        { .cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = world_user_root().n },
        { .cmd = MMUEXT_SET_LDT },
    };

    must(hypercall_mmuext_op(ops, 3, NULL, DOMID_SELF), "the roots");
    must(hypercall_set_gdt(NULL, 0), "the GDT");
    roots_dirty = false;
}

/* Nothing is pending, and the two ports in use are open: a lost event would be a block for ever. */
static void events_restore_all(void)
{
    shared_info_t *s = &shared_info_page;

    info->evtchn_upcall_mask = 1;
    info->evtchn_upcall_pending = 0;
    info->evtchn_pending_sel = 0;
    s->evtchn_mask[timer_port / 64] &= ~(1UL << (timer_port % 64));
    s->evtchn_mask[ipi_port / 64] &= ~(1UL << (ipi_port % 64));
    s->evtchn_pending[timer_port / 64] = 0;
    s->evtchn_pending[ipi_port / 64] = 0;
}

void world_restore(void)
{
    physdev_set_iopl_t iopl = { .iopl = (uint32_t)(chance(4) ? below(4) : 0) };

    events_restore_all();
    (void)hypercall_fpu_taskswitch(0);
    (void)hypercall_set_debugreg(7, 0);
    if (traps_dirty)
        traps_install();
    if (roots_dirty)
        roots_restore();
    segments_restore();
    calls_in_all += RESTORE_CALLS;
    must(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), "I/O privilege");
}

void world_reset(void)
{
    static const uint8_t assists[] = { VMASST_TYPE_writable_pagetables, VMASST_TYPE_m2p_strict,
                                       VMASST_TYPE_runstate_update_flag };
    struct physdev_set_iobitmap bitmap = { .nr_ports = 0 };

    roots_dirty = traps_dirty = true;
    world_restore();
    timer_restore();
    (void)hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &bitmap);
    for (unsigned int i = 0; i < sizeof(assists); i++)
        must(hypercall_vm_assist(chance(2) ? VMASST_CMD_enable : VMASST_CMD_disable, assists[i]),
             "an assist");
    world_iopl_virtual = chance(2);
    must(hypercall_vm_assist(world_iopl_virtual ? VMASST_CMD_enable : VMASST_CMD_disable,
                             VMASST_TYPE_architectural_iopl),
         "an assist");
    for (unsigned int reg = 0; reg < 4; reg++)
        (void)hypercall_set_debugreg(reg, 0);
    grants_reset();
    pool_reset();
}

/* ---- preparing a shot ---- */

static void words_fill(uint64_t va, uint64_t words)
{
    for (uint64_t *at = (uint64_t *)va; words--; at++)
        *at = chance(2) ? hostile() : ARGS_VA + below(ARGS_PAGES * PAGE_SIZE);
}

void shot_prepare(void)
{
    plan = (struct plan){ 0 };
    for (unsigned int i = 0; i < REGS; i++)
        shot.in[i] = chance(2) ? hostile() : random64() >> below(64);
    shot.frame = (struct iret_context){
        .rax = shot.in[RAX],
        .rcx = shot.in[RCX],
        .r11 = shot.in[R11],
        .rip = CODE_VA,
        .cs = FLAT_KERNEL_CS & ~3u,
        .rflags = chance(2) ? FLAGS_OPEN : FLAGS_SHUT,
        .rsp = STACK_VA + STACK_PAGES * PAGE_SIZE - 256 - below(32) * 8,
        .ss = FLAT_KERNEL_SS,
    };
    shot.frame.rflags |= random64() & 0x8d5;
    words_fill(shot.frame.rsp, 16);
}

void shot_land(void);

uint8_t *code_end(uint8_t *code, bool user)
{
    static const uint8_t jump[] = { 0xff, 0x25, 0, 0, 0, 0 };
    uint64_t target = (uint64_t)shot_land;

    if (user) {
        *code++ = 0xcc;
        *code++ = 0xcc;
        return code;
    }
    for (unsigned int i = 0; i < sizeof(jump); i++)
        *code++ = jump[i];
    for (unsigned int i = 0; i < 8; i++)
        *code++ = (uint8_t)(target >> i * 8);
    return code;
}
