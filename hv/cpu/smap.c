/* SPDX-License-Identifier: MIT */
/*
 * SMAP without a cost where it is off: guest_access_begin() and guest_access_end() (lib/extable.h)
 * are NOPs that become STAC and CLAC here. QEMU's TCG (7.2) makes ring-3 IRETQ fault under
 * CR4.SMAP, so it is an option.
 */
#include "cpu/smap.h"

#include "lib/extable.h"
#include "lib/machine.h"
#include "lib/printk.h"
#include "lib/x86.h"

#define CPUID_7_EBX_SMAP (1u << 20)

/* Addresses of the NOPs; bounds made by the linker, as in lib/extable.h. */
extern const int32_t __start_smap_stac[], __stop_smap_stac[];
extern const int32_t __start_smap_clac[], __stop_smap_clac[];

static bool used;

bool smap_used(void)
{
    return used;
}

static bool cpu_has_smap(void)
{
    uint32_t r[4];

    cpuid(0, 0, r);
    if (r[0] < 7)
        return false;
    cpuid(7, 0, r);
    return r[1] & CPUID_7_EBX_SMAP;
}

/* NOP 0f 1f 00 to 0f 01 and the last byte of STAC or CLAC. */
static void sites_patch(const int32_t *from, const int32_t *to, uint8_t last)
{
    for (; from < to; from++) {
        uint8_t *site = (uint8_t *)ex_address(from);

        ASSERT(site[0] == 0x0f && site[1] == 0x1f && site[2] == 0x00);
        site[1] = 0x01;
        site[2] = last;
    }
}

void smap_init(void)
{
    uint32_t r[4];

    if (!opt_smap)
        return;
    used = cpu_has_smap();
    if (!used) {
        printk(LOG_WARNING, "smap: this CPU has no SMAP\n");
        return;
    }
    sites_patch(__start_smap_stac, __stop_smap_stac, 0xcb);
    sites_patch(__start_smap_clac, __stop_smap_clac, 0xca);
    cpuid(0, 0, r); /* serialises: no stale instruction is run */
}
