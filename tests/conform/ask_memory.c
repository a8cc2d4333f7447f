/*
 * SPDX-License-Identifier: MIT
 *
 * ask_memory.c - memory_op: every sub-operation with every kind of argument, and what is told about
 * memory.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"

#include "guest.h"
#include "hypercall.h"

#include <string.h>

#define MEMOP_EXTENT_SHIFT 6 /* where an interrupted request goes on: above the command */

static const uint64_t bad_pointers[] = { 0,
                                         0x10,
                                         0x00007ffffffffffc,
                                         0x0000800000000000,
                                         HV_VA_START,
                                         0xffff830000000000,
                                         0xfffffffffffffffc };
#define BAD (sizeof(bad_pointers) / sizeof(bad_pointers[0]))

static void commands(void)
{
    for (unsigned int cmd = 0; cmd < 64; cmd++) {
        for (unsigned int i = 0; i < BAD; i++) {
            ask("memory/command/%u/at-%lx", cmd, bad_pointers[i]);
            if (cmd == XENMEM_maximum_ram_page)
                tell("end=%u", hypercall_memory_op(cmd, (void *)bad_pointers[i]) ==
                                   (long)kinds[KIND_END].mfn.n);
            else
                tell_rc(hypercall_memory_op(cmd, (void *)bad_pointers[i]));
            told();
        }
        ask("memory/command/%u/started", cmd);
        tell_rc(hypercall_memory_op(cmd | 5 << MEMOP_EXTENT_SHIFT, NULL));
        told();
    }
    for (unsigned int cmd = 0; cmd < 30; cmd++)
        for (unsigned int i = 0; i < STAGE_DOMIDS; i++) {
            static uint8_t zeros[256];

            if (cmd == XENMEM_maximum_ram_page || cmd == XENMEM_machine_memory_map)
                continue;
            memset(zeros, 0, sizeof(zeros));
            memcpy(zeros, &stage_domids[i], sizeof(stage_domids[i]));
            if (cmd <= XENMEM_decrease_reservation || cmd == XENMEM_populate_physmap ||
                cmd == XENMEM_exchange)
                continue; /* below */
            ask("memory/zeros/%u/domain-%x", cmd, stage_domids[i]);
            tell_rc(hypercall_memory_op(cmd, zeros));
            told();
        }
}

/* ---- what is told about memory ---- */

static void sizes_of_domains(void)
{
    static xen_pfn_t list[4];
    static const unsigned int cmds[] = { XENMEM_current_reservation, XENMEM_maximum_gpfn };
    xen_machphys_mapping_t mapping;

    for (unsigned int c = 0; c < 2; c++)
        for (unsigned int i = 0; i < STAGE_DOMIDS; i++) {
            domid_t id = stage_domids[i];
            long rc = hypercall_memory_op(cmds[c], &id);

            ask("memory/size/%u/domain-%x", cmds[c], stage_domids[i]);
            if (rc >= 0 && cmds[c] == XENMEM_current_reservation)
                tell("as-started=%u", rc == (long)guest_start_info->nr_pages);
            else
                tell_rc(rc);
            told();
        }
    ask("memory/machphys_mapping");
    tell_rc(hypercall_memory_op(XENMEM_machphys_mapping, &mapping));
    tell("start=%lx end=%lx last=%u", mapping.v_start, mapping.v_end,
         mapping.max_mfn == kinds[KIND_END].mfn.n - 1);
    told();
    for (unsigned int count = 0; count < 4; count++) {
        struct xen_machphys_mfn_list got = { .max_extents = count };

        set_xen_guest_handle(got.extent_start, list);
        ask("memory/machphys_mfn_list/%u", count);
        tell_rc(hypercall_memory_op(XENMEM_machphys_mfn_list, &got));
        tell("extents=%u", got.nr_extents);
        told();
        set_xen_guest_handle(got.extent_start, (void *)0x10);
        ask("memory/machphys_mfn_list/%u/unwritable", count);
        tell_rc(hypercall_memory_op(XENMEM_machphys_mfn_list, &got));
        told();
    }
}

static void physmap(void)
{
    for (unsigned int space = 0; space < 7; space++)
        for (unsigned int i = 0; i < STAGE_DOMIDS; i++) {
            struct xen_add_to_physmap add = { .domid = stage_domids[i], .space = space };
            struct xen_add_to_physmap_batch batch = { .domid = stage_domids[i],
                                                      .space = (uint16_t)space };
            struct xen_remove_from_physmap remove = { .domid = stage_domids[i] };

            ask("memory/physmap/space-%u/domain-%x", space, stage_domids[i]);
            tell_rc(hypercall_memory_op(XENMEM_add_to_physmap, &add));
            tell_rc(hypercall_memory_op(XENMEM_add_to_physmap | 1 << MEMOP_EXTENT_SHIFT, &add));
            tell_rc(hypercall_memory_op(XENMEM_add_to_physmap_batch, &batch));
            tell_rc(hypercall_memory_op(XENMEM_remove_from_physmap, &remove));
            told();
        }
}

void ask_memory(void)
{
    commands();
    sizes_of_domains();
    physmap();
}
