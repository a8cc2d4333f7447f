/*
 * SPDX-License-Identifier: MIT
 *
 * grants.c - the grant table; see grants.h.
 *
 * The table's frames are the hypervisor's, mapped behind the stacks.  Free entries are a list through their frame fields, which mean nothing
 * while flags are 0.
 */
#include "grants.h"

#include "guest.h"
#include "hypercall.h"
#include "mm/aspace.h"
#include "mm/layout.h"
#include "mm/pt_update.h"

#define FRAMES_MAX  32U
#define PER_FRAME   (PAGE_SIZE / sizeof(grant_entry_v1_t))
#define ERRNO_BELOW (-1000)

static volatile grant_entry_v1_t *table[FRAMES_MAX];
static unsigned int frames;
static grant_ref_t first_free;

static volatile grant_entry_v1_t *entry(grant_ref_t ref)
{
    return &table[ref / PER_FRAME][ref % PER_FRAME];
}

static int frame_map(unsigned int n, xen_pfn_t mfn)
{
    uint64_t va = GRANTS_VA + n * PAGE_SIZE;
    int error = pt_map(&kernel_aspace, va, mfn_of(mfn), PTE_P | PTE_RW | PTE_NX);

    if (!error)
        table[n] = (volatile grant_entry_v1_t *)va;
    return error;
}

static void entries_add(grant_ref_t first, grant_ref_t end)
{
    for (grant_ref_t ref = end; ref-- > first;) {
        entry(ref)->frame = first_free;
        first_free = ref;
    }
}

int grants_init(unsigned int want)
{
    static xen_pfn_t list[FRAMES_MAX];
    struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = want };
    long rc;

    if (want <= frames)
        return 0;
    if (want > FRAMES_MAX)
        return -XEN_EINVAL;
    set_xen_guest_handle(setup.frame_list, list);
    rc = hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1);
    if (rc || setup.status)
        return rc ? (int)rc : -XEN_ENOMEM;
    while (frames < want) {
        grant_ref_t begin = frames ? frames * PER_FRAME : GNTTAB_NR_RESERVED_ENTRIES;
        int error = frame_map(frames, list[frames]);

        if (error)
            return error;
        frames++;
        entries_add(begin, frames * PER_FRAME);
    }
    return 0;
}

unsigned int grants_count(void)
{
    return frames * PER_FRAME;
}

grant_ref_t grant_give(domid_t to, mfn_t frame, bool writable)
{
    grant_ref_t ref = first_free;

    if (ref == GRANT_NONE)
        return GRANT_NONE;
    first_free = entry(ref)->frame;
    entry(ref)->domid = to;
    entry(ref)->frame = (uint32_t)frame.n;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    entry(ref)->flags = GTF_permit_access | (writable ? 0 : GTF_readonly);
    return ref;
}

unsigned int grant_flags(grant_ref_t ref)
{
    return entry(ref)->flags;
}

bool grant_end(grant_ref_t ref)
{
    uint16_t *flags = (uint16_t *)&entry(ref)->flags;
    uint16_t now = *(volatile uint16_t *)flags;

    do {
        if (now & (GTF_reading | GTF_writing))
            return false;
    } while (!__atomic_compare_exchange_n(flags, &now, GTF_invalid, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
    entry(ref)->frame = first_free;
    first_free = ref;
    return true;
}

int grant_map(uint64_t va, domid_t from, grant_ref_t ref, uint32_t flags, grant_handle_t *handle)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = va, .flags = GNTMAP_host_map | flags, .ref = ref, .dom = from
    };
    long rc = hypercall_grant_table_op(GNTTABOP_map_grant_ref, &op, 1);

    if (rc)
        return (int)rc + ERRNO_BELOW;
    if (!op.status)
        *handle = op.handle;
    return op.status;
}

int grant_unmap(uint64_t va, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref op = { .host_addr = va, .handle = handle };
    long rc = hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1);

    return rc ? (int)rc + ERRNO_BELOW : op.status;
}

/* Asked of others' tables an ordinary domain is refused; the initial one is domain 0. */
domid_t grants_own_domid(void)
{
    if (guest_start_info->flags & SIF_INITDOMAIN)
        return 0;
    for (domid_t id = 1; id < DOMID_FIRST_RESERVED; id++) {
        gnttab_get_version_t op = { .dom = id };

        if (!hypercall_grant_table_op(GNTTABOP_get_version, &op, 1))
            return id;
    }
    return DOMID_INVALID;
}
