/*
 * SPDX-License-Identifier: MIT
 *
 * ask_calls.c - the hypercalls around memory and traps: every number, and the errors of each one's
 * commands. Nothing here blocks, shuts down or starts a vCPU.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"

#include "guest.h"
#include "hypercall.h"
#include "traps.h"

#include <string.h>

static const uint64_t pointers[] = { 0, 0x10, 0x0000800000000000, HV_VA_START, 0xfffffffffffffff8 };
#define POINTERS (sizeof(pointers) / sizeof(pointers[0]))

static uint8_t zeros[8192] __attribute__((aligned(8)));

static void *clean(void)
{
    memset(zeros, 0, sizeof(zeros));
    return zeros;
}

/* A hypercall of any number, its arguments in a multicall's entry. */
static long call(unsigned int op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    multicall_entry_t entry = { .op = op, .args = { a1, a2, a3, a4 } };

    must(hypercall_multicall(&entry, 1), "multicall");
    return (long)entry.result;
}

/* The same by SYSCALL. */
static long call_directly(uint64_t op, uint64_t a1, uint64_t a2, uint64_t a3)
{
    register uint64_t r10 __asm__("r10") = 0;
    register uint64_t r8 __asm__("r8") = 0;
    long rc;

    __asm__ volatile("syscall"
                     : "=a"(rc), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
                     : "a"(op)
                     : "rcx", "r11", "r9", "memory");
    return rc;
}

/* With arguments of zeros these would take the suite's own ground away. */
static bool changes_us(unsigned int op)
{
    return op == __HYPERVISOR_set_trap_table || op == __HYPERVISOR_stack_switch ||
           op == __HYPERVISOR_set_callbacks || op == __HYPERVISOR_iret ||
           op == __HYPERVISOR_fpu_taskswitch || op == __HYPERVISOR_set_timer_op ||
           op == __HYPERVISOR_set_segment_base;
}

static void numbers(void)
{
    static const uint64_t more[] = { 64,         127,        128,         255,         256, 0x10000,
                                     0x7fffffff, 0x80000000, 0x100000000, 0x100000011, ~0UL };

    for (unsigned int op = 0; op < 64; op++) {
        if (changes_us(op))
            continue;
        ask("call/number/%u", op);
        tell_rc(op == __HYPERVISOR_xen_version ? 0 : call_directly(op, 0, 0, 0));
        tell_rc(call_directly(op, ~0UL, ~0UL, ~0UL));
        tell_rc(op == __HYPERVISOR_xen_version ? 0 : call(op, 0, 0, 0, 0));
        told();
    }
    must(hypercall_set_gdt(&kinds[KIND_SEG].mfn.n, 512), "gdt back");
    for (unsigned int i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        ask("call/number/x%lx", more[i]);
        tell_rc(call_directly(more[i], 0, 0, 0));
        told();
    }
}

static void multicalls(void)
{
    static multicall_entry_t entries[4];

    for (unsigned int i = 0; i < POINTERS; i++)
        for (unsigned int count = 0; count < 2; count++) {
            ask("call/multicall/at-%lx/%u", pointers[i], count);
            tell_rc(hypercall_multicall((void *)pointers[i], count));
            told();
        }
    for (unsigned int i = 0; i < 4; i++) {
        static const uint64_t count[] = { 0x10000000, 0x7fffffff, 0x80000000, 0xffffffff };

        ask("call/multicall/count-%lx", count[i]);
        tell_rc(HYPERCALL_2(__HYPERVISOR_multicall, 0x10, count[i]));
        told();
    }
    memset(entries, 0, sizeof(entries));
    entries[0].op = __HYPERVISOR_multicall;
    entries[1].op = 99;
    entries[2].op = __HYPERVISOR_mmu_update;
    entries[2].args[3] = 1;
    entries[3].op = __HYPERVISOR_vm_assist;
    entries[3].args[0] = 7;
    ask("call/multicall/results");
    tell_rc(hypercall_multicall(entries, 4));
    for (unsigned int i = 0; i < 4; i++)
        tell_rc((long)entries[i].result);
    told();
}

/* ---- one command after the other, with every pointer ---- */

static void commands(const char *name, unsigned int op, unsigned int count,
                     bool (*skip)(unsigned int cmd, bool zeros))
{
    for (unsigned int cmd = 0; cmd < count; cmd++) {
        for (unsigned int i = 0; i < POINTERS; i++) {
            if (skip && skip(cmd, false))
                continue;
            ask("call/%s/%u/at-%lx", name, cmd, pointers[i]);
            tell_rc(call_directly(op, cmd, pointers[i], 0));
            told();
        }
        if (skip && skip(cmd, true))
            continue;
        ask("call/%s/%u/zeros", name, cmd);
        tell_rc(call_directly(op, cmd, (uint64_t)clean(), 0));
        told();
    }
    ask("call/%s/unknown", name);
    tell_rc(call_directly(op, 0x7fffffff, 0, 0));
    tell_rc(call_directly(op, 0xffffffff, 0, 0));
    tell_rc(call_directly(op, 0x100000000, 0, 0));
    told();
}

static bool version_skip(unsigned int cmd, bool with_zeros)
{
    return with_zeros ? cmd == XENVER_build_id : cmd == XENVER_version;
}

static bool sched_skip(unsigned int cmd, bool with_zeros)
{
    /* Blocks; shuts down; waits for ever. */
    return cmd == SCHEDOP_block ||
           (with_zeros && (cmd == SCHEDOP_shutdown || cmd == SCHEDOP_poll ||
                           cmd == SCHEDOP_remote_shutdown || cmd == SCHEDOP_watchdog));
}

static bool physdev_skip(unsigned int cmd, bool with_zeros)
{
    (void)with_zeros;
    /* On Xen the others would reach the machine. */
    return !(cmd < 4 || cmd == PHYSDEVOP_set_iopl || cmd == PHYSDEVOP_set_iobitmap || cmd > 35);
}

static bool event_skip(unsigned int cmd, bool with_zeros)
{
    return with_zeros && cmd == EVTCHNOP_reset;
}

static void all_commands(void)
{
    commands("xen_version", __HYPERVISOR_xen_version, 12, version_skip);
    commands("sched_op", __HYPERVISOR_sched_op, 12, sched_skip);
    commands("physdev_op", __HYPERVISOR_physdev_op, 40, physdev_skip);
    commands("event_channel_op", __HYPERVISOR_event_channel_op, 16, event_skip);
    commands("callback_op", __HYPERVISOR_callback_op, 4, NULL);
    commands("nmi_op", __HYPERVISOR_nmi_op, 4, NULL);
    traps_init();
    for (unsigned int cmd = 0; cmd < 15; cmd++)
        for (unsigned int i = 0; i < POINTERS; i++)
            for (unsigned int count = 0; count < 2; count++) {
                ask("call/grant_table_op/%u/at-%lx/%u", cmd, pointers[i], count);
                tell_rc(call_directly(__HYPERVISOR_grant_table_op, cmd, pointers[i], count));
                told();
            }
    for (unsigned int cmd = 0; cmd < 4; cmd++)
        for (unsigned int i = 0; i < POINTERS; i++)
            for (unsigned int count = 0; count < 2; count++) {
                ask("call/console_io/%u/at-%lx/%u", cmd, pointers[i], count);
                tell_rc(call_directly(__HYPERVISOR_console_io, cmd, count, pointers[i]));
                told();
            }
    ask("call/console_io/too-much");
    tell_rc(hypercall_console_io(CONSOLEIO_read, 0x80000000, zeros));
    tell_rc(hypercall_console_io(CONSOLEIO_read, 0, zeros));
    told();
}

/* ---- vCPUs ---- */

static void vcpus(void)
{
    static const unsigned int ids[] = { 0, 1, 31, 32, 8191, 8192, 0xffffffff };

    for (unsigned int cmd = 0; cmd < 18; cmd++)
        for (unsigned int i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
            for (unsigned int p = 0; p < POINTERS; p++) {
                /* The one vCPU goes down; an NMI comes. */
                if (!ids[i] && (cmd == VCPUOP_down || (cmd == VCPUOP_send_nmi && !pointers[p])))
                    continue;
                ask("call/vcpu_op/%u/vcpu-%x/at-%lx", cmd, ids[i], pointers[p]);
                tell_rc(hypercall_vcpu_op(cmd, ids[i], (void *)pointers[p]));
                told();
            }
            /* A vcpu_info, a context or a timer of zeros would be taken for one. */
            if (!ids[i] && (cmd == VCPUOP_initialise || cmd == VCPUOP_down ||
                            cmd == VCPUOP_register_vcpu_info || cmd == VCPUOP_send_nmi ||
                            cmd == VCPUOP_register_runstate_memory_area ||
                            cmd == VCPUOP_register_vcpu_time_memory_area))
                continue;
            ask("call/vcpu_op/%u/vcpu-%x/zeros", cmd, ids[i]);
            tell_rc(hypercall_vcpu_op(cmd, ids[i], clean()));
            told();
        }
    for (unsigned int kind = 0; kind < KINDS; kind++) {
        static const unsigned int offsets[] = { 1, 4, 4033, 4040, 4096, 0xfffffff8 };

        for (unsigned int i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
            struct vcpu_register_vcpu_info at = { .mfn = kinds[kind].mfn.n, .offset = offsets[i] };

            ask("call/vcpu_op/info/%s/+%x", kinds[kind].name, offsets[i]);
            tell_rc(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &at));
            told();
        }
        if (kind != KIND_A && kind != KIND_B && kind != KIND_RO && kind != KIND_BARE &&
            kind != KIND_SHARED) {
            struct vcpu_register_vcpu_info at = { .mfn = kinds[kind].mfn.n };

            ask("call/vcpu_op/info/%s", kinds[kind].name);
            tell_rc(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &at));
            told();
        }
    }
    for (unsigned int i = 0; i < 8; i++) {
        static const uint64_t periods[] = { 0,         1,         999999,
                                            1000000,   1UL << 40, (1UL << 62) - 1,
                                            1UL << 62, ~0UL };
        struct vcpu_set_periodic_timer timer = { .period_ns = periods[i] };

        ask("call/vcpu_op/period/%lx", periods[i]);
        tell_rc(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &timer));
        tell_rc(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL));
        told();
    }
}

/* ---- traps, callbacks, assists ---- */

static void traps(void)
{
    static const uint64_t addresses[] = {
        1,           0x00007fffffffffff, 0x0000800000000000, 0xffff7fffffffffff,
        HV_VA_START, 0xffff830000000000, HV_VA_END,          ~0UL
    };

    for (unsigned int i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        struct trap_info table[3] = { { .vector = 200, .cs = 0xe033, .address = addresses[i] } };

        ask("call/set_trap_table/%lx", addresses[i]);
        tell_rc(hypercall_set_trap_table(table));
        told();
        for (unsigned int type = 0; type < 9; type++)
            for (unsigned int flags = 0; flags < 3; flags++) {
                struct callback_register reg = { .type = (uint16_t)type,
                                                 .flags = (uint16_t)flags,
                                                 .address = addresses[i] };

                ask("call/callback/%u/flags-%u/%lx", type, flags, addresses[i]);
                tell_rc(hypercall_callback_op(CALLBACKOP_register, &reg));
                told();
            }
        ask("call/set_callbacks/%lx", addresses[i]);
        tell_rc(hypercall_set_callbacks(addresses[i], addresses[i], addresses[i]));
        told();
    }
    for (unsigned int type = 0; type < 9; type++) {
        struct callback_unregister reg = { .type = (uint16_t)type };

        ask("call/callback/%u/unregister", type);
        tell_rc(hypercall_callback_op(CALLBACKOP_unregister, &reg));
        told();
    }
    for (unsigned int i = 1; i < POINTERS; i++) {
        ask("call/set_trap_table/at-%lx", pointers[i]);
        tell_rc(hypercall_set_trap_table((void *)pointers[i]));
        told();
    }
    must(hypercall_set_trap_table(NULL), "trap table");
    traps_init();
    for (unsigned int type = 0; type < 66; type++)
        for (unsigned int cmd = 0; cmd < 4; cmd++) {
            ask("call/vm_assist/%u/%u", cmd, type);
            tell_rc(hypercall_vm_assist(cmd, type));
            told();
            (void)hypercall_vm_assist(VMASST_CMD_disable, type);
        }
    for (unsigned int i = 0; i < 3; i++) {
        static const unsigned int types[] = { 0xff, 0x7fffffff, 0xffffffff };

        ask("call/vm_assist/unknown/%x", types[i]);
        tell_rc(hypercall_vm_assist(0, types[i]));
        told();
    }
}

/* ---- events ---- */

static long event(unsigned int cmd, void *arg)
{
    return hypercall_event_channel_op(cmd, arg);
}

static void events(void)
{
    static const unsigned int ports[] = { 0, 500, 4095, 4096, 0x20000, 0xffffffff };
    static const domid_t doms[] = { DOMID_SELF, 0, 1, DOMID_IO, DOMID_XEN, DOMID_INVALID, 0xffff };

    for (unsigned int i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        ask("call/event/port-%x", ports[i]);
        tell_rc(event(EVTCHNOP_close, &(struct evtchn_close){ ports[i] }));
        tell_rc(event(EVTCHNOP_send, &(struct evtchn_send){ ports[i] }));
        tell_rc(event(EVTCHNOP_unmask, &(struct evtchn_unmask){ ports[i] }));
        tell_rc(event(EVTCHNOP_bind_vcpu, &(struct evtchn_bind_vcpu){ ports[i], 0 }));
        tell_rc(event(EVTCHNOP_bind_vcpu, &(struct evtchn_bind_vcpu){ ports[i], 1 }));
        tell_rc(event(EVTCHNOP_set_priority, &(struct evtchn_set_priority){ ports[i], 3 }));
        told();
    }
    for (unsigned int virq = 0; virq < 26; virq++)
        for (unsigned int vcpu = 0; vcpu < 2; vcpu++) {
            struct evtchn_bind_virq bind = { .virq = virq, .vcpu = vcpu };
            long rc;

            if (virq == VIRQ_TIMER || virq == VIRQ_CONSOLE)
                continue; /* the library's */
            ask("call/event/virq/%u/%u", virq, vcpu);
            rc = event(EVTCHNOP_bind_virq, &bind);
            tell_rc(rc);
            tell_rc(event(EVTCHNOP_bind_virq, &(struct evtchn_bind_virq){ virq, vcpu, 0 }));
            if (!rc) {
                struct evtchn_status status = { .dom = DOMID_SELF, .port = bind.port };

                tell_rc(event(EVTCHNOP_send, &(struct evtchn_send){ bind.port }));
                tell_rc(event(EVTCHNOP_status, &status));
                tell("status=%u vcpu=%u virq=%u", status.status, status.vcpu, status.u.virq);
                tell_rc(event(EVTCHNOP_bind_vcpu, &(struct evtchn_bind_vcpu){ bind.port, 0 }));
                tell_rc(event(EVTCHNOP_close, &(struct evtchn_close){ bind.port }));
            }
            told();
        }
    for (unsigned int i = 0; i < sizeof(doms) / sizeof(doms[0]); i++)
        for (unsigned int j = 0; j < sizeof(doms) / sizeof(doms[0]); j++) {
            struct evtchn_alloc_unbound alloc = { .dom = doms[i], .remote_dom = doms[j] };
            struct evtchn_status status = { .dom = DOMID_SELF };
            long rc;

            ask("call/event/alloc/%x/%x", doms[i], doms[j]);
            rc = event(EVTCHNOP_alloc_unbound, &alloc);
            tell_rc(rc);
            if (!rc) {
                struct evtchn_bind_interdomain bind = { .remote_dom = doms[j],
                                                        .remote_port = alloc.port };

                status.port = alloc.port;
                tell_rc(event(EVTCHNOP_status, &status));
                tell("status=%u dom=%x", status.status, status.u.unbound.dom);
                tell_rc(event(EVTCHNOP_send, &(struct evtchn_send){ alloc.port }));
                rc = event(EVTCHNOP_bind_interdomain, &bind);
                tell_rc(rc);
                if (!rc) {
                    tell_rc(event(EVTCHNOP_status, &status));
                    tell("status=%u dom=%x peer=%u", status.status, status.u.interdomain.dom,
                         status.u.interdomain.port == bind.local_port);
                    tell_rc(event(EVTCHNOP_bind_interdomain, &bind));
                    tell_rc(event(EVTCHNOP_close, &(struct evtchn_close){ bind.local_port }));
                    tell_rc(event(EVTCHNOP_status, &status));
                    tell("status=%u", status.status);
                }
                tell_rc(event(EVTCHNOP_close, &(struct evtchn_close){ alloc.port }));
            }
            told();
        }
    for (unsigned int vcpu = 0; vcpu < 3; vcpu++) {
        struct evtchn_bind_ipi bind = { .vcpu = vcpu };
        long rc = event(EVTCHNOP_bind_ipi, &bind);

        ask("call/event/ipi/%u", vcpu);
        tell_rc(rc);
        if (!rc) {
            struct evtchn_status status = { .dom = DOMID_SELF, .port = bind.port };

            tell_rc(event(EVTCHNOP_status, &status));
            tell("status=%u vcpu=%u", status.status, status.vcpu);
            tell_rc(event(EVTCHNOP_bind_vcpu, &(struct evtchn_bind_vcpu){ bind.port, 0 }));
            tell_rc(event(EVTCHNOP_close, &(struct evtchn_close){ bind.port }));
        }
        told();
    }
}

/* ---- the scheduler ---- */

static void scheduler(void)
{
    static const unsigned int counts[] = { 0, 1, 128, 129, 0xffffffff };
    static evtchn_port_t ports[130];

    for (unsigned int i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        for (unsigned int p = 0; p < 3; p++) {
            struct sched_poll poll = { .nr_ports = counts[i], .timeout = 1 };
            static const uint64_t at[] = { 0, HV_VA_START };

            set_xen_guest_handle(poll.ports, p == 2 ? ports : (void *)at[p]);
            ask("call/poll/%x/%u", counts[i], p);
            tell_rc(hypercall_sched_op(SCHEDOP_poll, &poll));
            told();
        }
    for (unsigned int i = 0; i < 5; i++) {
        static const evtchn_port_t odd[] = { 0, 30, 700, 4096, 0xffffffff };
        struct sched_poll poll = { .nr_ports = 1, .timeout = 1 };

        ports[0] = odd[i];
        set_xen_guest_handle(poll.ports, ports);
        ask("call/poll/port-%x", odd[i]);
        tell_rc(hypercall_sched_op(SCHEDOP_poll, &poll));
        told();
    }
    for (unsigned int id = 0; id < 5; id++) {
        struct sched_watchdog dog = { .id = id };

        if (!id)
            dog.timeout = 1000;
        ask("call/watchdog/%u", id);
        tell_rc(hypercall_sched_op(SCHEDOP_watchdog, &dog));
        told();
    }
    for (unsigned int id = 1; id < 3; id++)
        (void)hypercall_sched_op(SCHEDOP_watchdog, &(struct sched_watchdog){ .id = id });
    for (unsigned int i = 0; i < 4; i++) {
        static const domid_t doms[] = { 1, 0x7fef, DOMID_INVALID, DOMID_IDLE };
        struct sched_remote_shutdown remote = { .domain_id = doms[i] };

        ask("call/remote_shutdown/%x", doms[i]);
        tell_rc(hypercall_sched_op(SCHEDOP_remote_shutdown, &remote));
        told();
    }
}

void ask_calls(void)
{
    numbers();
    multicalls();
    all_commands();
    vcpus();
    traps();
    events();
    scheduler();
}
