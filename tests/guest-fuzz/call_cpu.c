/*
 * SPDX-License-Identifier: MIT
 *
 * call_cpu.c - hypercalls on the CPU's state, on events, time and the rest.
 *
 * Invariant: none of them ends the domain, waits without a timer, or closes the console.
 */
#include "fuzz.h"

static void make_trap_table(struct call *c)
{
    uint64_t count = 1 + below(8);
    struct trap_info *t = args_at((count + 1) * sizeof(*t));

    for (uint64_t i = 0; i < count; i++)
        t[i] = (struct trap_info){ .vector = (uint8_t)(32 + below(224)),
                                   .flags = (uint8_t)random64(),
                                   .cs = (uint16_t)random64(),
                                   .address = hostile() };
    t[count] = (struct trap_info){ 0 };
    c->nr = __HYPERVISOR_set_trap_table;
    c->arg[0] = chance(16) ? hostile_va() : (uint64_t)t;
    if (!c->arg[0])
        c->arg[0] = HV_VA_START;
    traps_dirty = true;
}

static void make_callback(struct call *c)
{
    struct callback_register *r = args_at(sizeof(*r));
    static const uint16_t types[] = { CALLBACKTYPE_failsafe, CALLBACKTYPE_syscall,
                                      CALLBACKTYPE_sysenter, CALLBACKTYPE_syscall32,
                                      CALLBACKTYPE_nmi };

    *r = (struct callback_register){ .type = chance(8) ? (uint16_t)(8 + random64()) | 8
                                                       : PICK(types),
                                     .flags = (uint16_t)random64(),
                                     .address = hostile() };
    c->nr = __HYPERVISOR_callback_op;
    c->arg[0] = chance(8) ? hostile() : below(2);
    c->arg[1] = chance(16) ? hostile_va() & ~0xfffUL : (uint64_t)r;
    traps_dirty = true;
}

static void make_cpu(struct call *c)
{
    switch (below(8)) {
    case 0:
        c->nr = __HYPERVISOR_stack_switch;
        traps_dirty = true;
        return;
    case 1:
        c->nr = __HYPERVISOR_fpu_taskswitch;
        return;
    case 2:
        c->nr = __HYPERVISOR_set_debugreg;
        c->arg[0] = chance(8) ? hostile() : below(9);
        c->arg[1] = chance(4) ? random64() : hostile();
        return;
    case 3:
        c->nr = __HYPERVISOR_get_debugreg;
        c->arg[0] = chance(8) ? hostile() : below(9);
        return;
    case 4:
        c->nr = __HYPERVISOR_set_segment_base;
        c->arg[0] = chance(8) ? hostile() : below(4);
        c->arg[1] = chance(2) ? selector() : hostile();
        return;
    case 5:
        make_trap_table(c);
        return;
    case 6:
        make_callback(c);
        return;
    default: /* not the type that decides what frames show of IOPL */
        c->nr = __HYPERVISOR_vm_assist;
        c->arg[0] = chance(8) ? hostile() : below(2);
        c->arg[1] = chance(8) ? hostile() | 64 : below(40);
        if ((uint32_t)c->arg[1] == VMASST_TYPE_architectural_iopl)
            c->arg[1] = VMASST_TYPE_writable_pagetables;
        return;
    }
}

/* System time a moment from now, ns. */
static uint64_t soon(void)
{
    const struct vcpu_time_info *t = &info->time;
    uint64_t ticks_gone;
    uint32_t lo, hi;

    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    ticks_gone = ((uint64_t)hi << 32 | lo) - t->tsc_timestamp;
    ticks_gone = t->tsc_shift < 0 ? ticks_gone >> -t->tsc_shift : ticks_gone << t->tsc_shift;
    return t->system_time + (uint64_t)((__uint128_t)ticks_gone * t->tsc_to_system_mul >> 32) +
           below(300000);
}

/* Only what ends by itself: a poll with a deadline; a block while the timer is on. */
static void make_sched(struct call *c, bool nested)
{
    struct sched_poll *poll = args_at(sizeof(*poll));
    evtchn_port_t *ports = args_at(4 * sizeof(*ports));

    c->nr = __HYPERVISOR_sched_op;
    switch (below(6)) {
    case 0:
        c->arg[0] = SCHEDOP_yield;
        return;
    case 1:
        c->arg[0] = nested ? SCHEDOP_yield : SCHEDOP_block;
        if (!nested) /* a blocked vCPU has no periodic timer */
            (void)hypercall_set_timer_op(soon());
        return;
    case 2: /* in a list, another's result might fall on its deadline */
        c->arg[0] = SCHEDOP_yield;
        if (nested)
            return;
        for (unsigned int i = 0; i < 4; i++)
            ports[i] = chance(2) ? timer_port : (evtchn_port_t)hostile();
        *poll = (struct sched_poll){ .nr_ports = chance(8) ? (unsigned int)hostile() | 128
                                                           : (unsigned int)below(5),
                                     .timeout = soon() };
        set_xen_guest_handle(poll->ports, chance(8) ? (evtchn_port_t *)hostile_va() : ports);
        c->arg[0] = SCHEDOP_poll;
        c->arg[1] = (uint64_t)poll;
        return;
    case 3:
        c->arg[0] = SCHEDOP_shutdown + below(3) * 2; /* shutdown, remote shutdown, watchdog */
        c->arg[1] = HV_VA_START + (random64() >> 18);
        return;
    case 4:
        c->arg[0] = chance(2) ? SCHEDOP_shutdown_code : SCHEDOP_pin_override;
        return;
    default:
        c->arg[0] = 8 + below(64);
        return;
    }
}

static void make_vcpu_op(struct call *c)
{
    static const uint8_t commands[] = { VCPUOP_initialise,
                                        VCPUOP_up,
                                        VCPUOP_is_up,
                                        VCPUOP_get_runstate_info,
                                        VCPUOP_register_runstate_memory_area,
                                        VCPUOP_stop_singleshot_timer,
                                        VCPUOP_set_singleshot_timer,
                                        VCPUOP_register_vcpu_info,
                                        VCPUOP_send_nmi,
                                        VCPUOP_send_nmi,
                                        VCPUOP_get_physid,
                                        VCPUOP_register_vcpu_time_memory_area };
    uint64_t *buffer = args_at(64);

    args_fill(buffer, 64);
    c->nr = __HYPERVISOR_vcpu_op;
    c->arg[0] = chance(16) ? 16 + below(1000) : PICK(commands);
    c->arg[1] = chance(16) ? 1 + below(100) : chance(3) ? 1 + below(2) : 0;
    c->arg[2] = args_pointer(buffer);
    switch (c->arg[0]) {
    case VCPUOP_send_nmi:
        c->arg[2] = chance(8) ? c->arg[2] : 0;
        break;
    case VCPUOP_register_runstate_memory_area:
    case VCPUOP_register_vcpu_time_memory_area:
        buffer[0] = hostile_va();
        c->arg[2] = (uint64_t)buffer;
        break;
    case VCPUOP_set_singleshot_timer:
        buffer[0] = soon();
        c->arg[2] = (uint64_t)buffer;
        break;
    case VCPUOP_register_vcpu_info: /* never a frame of this domain's: it would be moved there */
        buffer[0] = chance(2) ? kernel_table_mfn() : hostile() | 1UL << 45;
        c->arg[2] = (uint64_t)buffer;
        break;
    default:
        break;
    }
}

static void make_event(struct call *c)
{
    static const uint8_t commands[] = { EVTCHNOP_bind_interdomain,
                                        EVTCHNOP_bind_virq,
                                        EVTCHNOP_bind_pirq,
                                        EVTCHNOP_send,
                                        EVTCHNOP_send,
                                        EVTCHNOP_status,
                                        EVTCHNOP_alloc_unbound,
                                        EVTCHNOP_bind_ipi,
                                        EVTCHNOP_bind_vcpu,
                                        EVTCHNOP_unmask,
                                        EVTCHNOP_init_control,
                                        EVTCHNOP_expand_array,
                                        EVTCHNOP_set_priority,
                                        EVTCHNOP_close };
    uint32_t *buffer = args_at(32);

    args_fill(buffer, 32);
    c->nr = __HYPERVISOR_event_channel_op;
    c->arg[0] = chance(16) ? 14 + below(64) : PICK(commands);
    c->arg[1] = args_pointer(buffer);
    switch (c->arg[0]) {
    case EVTCHNOP_send:
    case EVTCHNOP_unmask:
        buffer[0] = chance(2) ? ipi_port : (uint32_t)below(16);
        break;
    case EVTCHNOP_close: /* not the console's, not the timer's */
        buffer[0] = (uint32_t)(16 + below(5000));
        c->arg[1] = (uint64_t)buffer;
        break;
    default:
        break;
    }
}

static void make_rest(struct call *c)
{
    void *buffer = args_at(128);
    struct physdev_set_iobitmap *bitmap = buffer;

    args_fill(buffer, 128);
    c->arg[1] = args_pointer(buffer);
    switch (below(8)) {
    case 0:
        c->nr = __HYPERVISOR_xen_version;
        c->arg[0] = below(16);
        return;
    case 1:
        c->nr = __HYPERVISOR_console_io; /* to write is noise: nothing, or what cannot be read */
        c->arg[0] = chance(2) ? CONSOLEIO_write : chance(8) ? 2 + below(100) : CONSOLEIO_read;
        c->arg[1] = c->arg[0] == CONSOLEIO_write ? 0 : below(64);
        c->arg[2] = args_pointer(buffer);
        return;
    case 2:
        c->nr = __HYPERVISOR_set_timer_op;
        c->arg[0] = chance(4) ? hostile() : soon();
        return;
    case 3:
        c->nr = __HYPERVISOR_nmi_op;
        c->arg[0] = below(3);
        traps_dirty = true;
        return;
    case 4:
        c->nr = __HYPERVISOR_physdev_op;
        c->arg[0] = below(40);
        return;
    case 5:
        c->nr = __HYPERVISOR_physdev_op;
        c->arg[0] = PHYSDEVOP_set_iobitmap;
        bitmap->nr_ports = (uint32_t)(chance(4) ? hostile() : below(65537));
        set_xen_guest_handle(bitmap->bitmap, (uint8_t *)hostile_va());
        c->arg[1] = (uint64_t)buffer;
        return;
    case 6:
        c->nr = __HYPERVISOR_set_callbacks;
        c->arg[0] = (uint64_t)stub_event; /* the event callback stays: it is the way out of loops */
        traps_dirty = true;
        return;
    default:
        c->nr = chance(2) ? __HYPERVISOR_sysctl : __HYPERVISOR_domctl;
        c->arg[0] = args_pointer(buffer);
        return;
    }
}

bool call_cpu(struct call *c, bool nested)
{
    switch (below(8)) {
    case 0:
        make_sched(c, nested);
        break;
    case 1:
        make_vcpu_op(c);
        break;
    case 2:
        make_event(c);
        break;
    case 3:
        make_rest(c);
        break;
    case 4: /* an iret in a list ends it; alone it is a step of its own */
        return false;
    default:
        make_cpu(c);
        break;
    }
    return true;
}
