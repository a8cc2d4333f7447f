/*
 * SPDX-License-Identifier: MIT
 *
 * io_rights.h - which ports a guest may reach: all by its I/O privilege level, or some by a bitmap.
 */
#ifndef TESTS_SCENARIOS_IO_RIGHTS_H
#define TESTS_SCENARIOS_IO_RIGHTS_H

#include "scenario.h"

static inline void iopl_set(uint32_t iopl)
{
    struct physdev_set_iopl op = { .iopl = iopl };

    REQUIRE(hypercall_physdev_op(PHYSDEVOP_set_iopl, &op) == 0);
}

static inline void bitmap_set(void *bitmap, uint32_t ports)
{
    struct physdev_set_iobitmap op = { .nr_ports = ports };

    set_xen_guest_handle(op.bitmap, bitmap);
    REQUIRE(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &op) == 0);
}

#endif
