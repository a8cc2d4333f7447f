/*
 * SPDX-License-Identifier: MIT
 *
 * ask_vcpu.c - vcpu_op, the trap table, callbacks and assists: what a vCPU can be told, and what
 * not.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"

#include "hypercall.h"
#include "traps.h"

static const uint64_t pointers[] = { 0, 0x10, 0x0000800000000000, HV_VA_START, 0xfffffffffffffff8 };
#define POINTERS (sizeof(pointers) / sizeof(pointers[0]))

static uint8_t zeros[8192] __attribute__((aligned(8))); /* written by who answers */

static void vcpus(void)
{
    static const unsigned int ids[] = { 0, 1, 31, 32, 8191, 8192, 0xffffffff };

    for (unsigned int cmd = 0; cmd < 18; cmd++)
        for (unsigned int i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
            for (unsigned int p = 0; p < POINTERS; p++) {
                /* The one vCPU goes down; an NMI comes. */
                if (!ids[i] && (cmd == VCPUOP_down || (cmd == VCPUOP_send_nmi && !pointers[p])))
                    continue;
                ask("vcpu/%u/vcpu-%x/at-%lx", cmd, ids[i], pointers[p]);
                tell_rc(hypercall_vcpu_op(cmd, ids[i], (void *)pointers[p]));
                told();
            }
            /* A vcpu_info, a context or a timer of zeros would be taken for one. */
            if (!ids[i] && (cmd == VCPUOP_initialise || cmd == VCPUOP_down ||
                            cmd == VCPUOP_register_vcpu_info || cmd == VCPUOP_send_nmi ||
                            cmd == VCPUOP_register_runstate_memory_area ||
                            cmd == VCPUOP_register_vcpu_time_memory_area))
                continue;
            ask("vcpu/%u/vcpu-%x/zeros", cmd, ids[i]);
            tell_rc(hypercall_vcpu_op(cmd, ids[i], zeros));
            told();
        }
    for (unsigned int kind = 0; kind < KINDS; kind++) {
        static const unsigned int offsets[] = { 1, 4, 4033, 4040, 4096, 0xfffffff8 };

        for (unsigned int i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
            struct vcpu_register_vcpu_info at = { .mfn = kinds[kind].mfn.n, .offset = offsets[i] };

            ask("vcpu/info/%s/+%x", kinds[kind].name, offsets[i]);
            tell_rc(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &at));
            told();
        }
        if (kind != KIND_A && kind != KIND_B && kind != KIND_RO && kind != KIND_BARE &&
            kind != KIND_SHARED) {
            struct vcpu_register_vcpu_info at = { .mfn = kinds[kind].mfn.n };

            ask("vcpu/info/%s", kinds[kind].name);
            tell_rc(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &at));
            told();
        }
    }
    for (unsigned int i = 0; i < 8; i++) {
        static const uint64_t periods[] = { 0,         1,         999999,
                                            1000000,   1UL << 40, (1UL << 62) - 1,
                                            1UL << 62, ~0UL };
        struct vcpu_set_periodic_timer timer = { .period_ns = periods[i] };

        ask("vcpu/period/%lx", periods[i]);
        tell_rc(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &timer));
        tell_rc(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL));
        told();
    }
}

static void traps(void)
{
    static const uint64_t addresses[] = {
        1,           0x00007fffffffffff, 0x0000800000000000, 0xffff7fffffffffff,
        HV_VA_START, 0xffff830000000000, HV_VA_END,          ~0UL
    };

    for (unsigned int i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        struct trap_info table[3] = { { .vector = 200, .cs = 0xe033, .address = addresses[i] } };

        ask("vcpu/set_trap_table/%lx", addresses[i]);
        tell_rc(hypercall_set_trap_table(table));
        told();
        for (unsigned int type = 0; type < 9; type++)
            for (unsigned int flags = 0; flags < 3; flags++) {
                struct callback_register reg = { .type = (uint16_t)type,
                                                 .flags = (uint16_t)flags,
                                                 .address = addresses[i] };

                ask("vcpu/callback/%u/flags-%u/%lx", type, flags, addresses[i]);
                tell_rc(hypercall_callback_op(CALLBACKOP_register, &reg));
                told();
            }
        ask("vcpu/set_callbacks/%lx", addresses[i]);
        tell_rc(hypercall_set_callbacks(addresses[i], addresses[i], addresses[i]));
        told();
    }
    for (unsigned int type = 0; type < 9; type++) {
        struct callback_unregister reg = { .type = (uint16_t)type };

        ask("vcpu/callback/%u/unregister", type);
        tell_rc(hypercall_callback_op(CALLBACKOP_unregister, &reg));
        told();
    }
    for (unsigned int i = 1; i < POINTERS; i++) {
        ask("vcpu/set_trap_table/at-%lx", pointers[i]);
        tell_rc(hypercall_set_trap_table((void *)pointers[i]));
        told();
    }
    must(hypercall_set_trap_table(NULL), "trap table");
    traps_init();
    for (unsigned int type = 0; type < 66; type++)
        for (unsigned int cmd = 0; cmd < 4; cmd++) {
            ask("vcpu/vm_assist/%u/%u", cmd, type);
            tell_rc(hypercall_vm_assist(cmd, type));
            told();
            (void)hypercall_vm_assist(VMASST_CMD_disable, type);
        }
    for (unsigned int i = 0; i < 3; i++) {
        static const unsigned int types[] = { 0xff, 0x7fffffff, 0xffffffff };

        ask("vcpu/vm_assist/unknown/%x", types[i]);
        tell_rc(hypercall_vm_assist(0, types[i]));
        told();
    }
}

void ask_vcpu(void)
{
    vcpus();
    traps();
}
