/*
 * SPDX-License-Identifier: MIT
 *
 * memory-…: memory_op, which changes how many frames a domain has, and which.
 *
 * Background: frames are given back by number and got for pseudo-physical pages; a frame that anything
 * still refers to cannot go. A list that cannot be done to its end is done up to there.
 *
 * Steps: frames given back and got again, exchanged, asked for by lists that are partly bad.
 *
 * Expected: how many were done, the same on every hypervisor; reservations end as they began.
 */
#include "request.h"

#include "mm/p2m.h"

static long reservation(unsigned int cmd, uint64_t *list, unsigned long count, unsigned int order)
{
    struct xen_memory_reservation r = { .nr_extents = count,
                                        .extent_order = order,
                                        .domid = DOMID_SELF };

    set_xen_guest_handle(r.extent_start, list);
    return hypercall_memory_op(cmd, &r);
}

static long current_reservation(void)
{
    domid_t self = DOMID_SELF;

    return hypercall_memory_op(XENMEM_current_reservation, &self);
}

/* A page of ours without a mapping, so that only its allocation refers to its frame. */
static pfn_t page_unmapped(void)
{
    pfn_t pfn = page_alloc(PAGE_KERNEL);

    REQUIRE(!page_none(pfn));
    REQUIRE(!hypercall_update_va_mapping((uint64_t)page_va(pfn), 0, UVMF_INVLPG));
    return pfn;
}

/* It gets the frame mfn instead of the one it had. */
static void page_remap(pfn_t pfn, uint64_t mfn)
{
    p2m_list[pfn.n] = mfn;
    EXPECT_EQ(hypercall_update_va_mapping((uint64_t)page_va(pfn),
                                          pte_make(mfn_of(mfn), PTE_P | PTE_RW | PTE_A | PTE_D),
                                          UVMF_INVLPG),
              0);
    page_put(pfn);
}

SCENARIO(memory_reservation, "memory-reservation", "frames given back and got again; partial lists")
{
    pfn_t pfn[3];
    uint64_t list[4], old[3];
    long before = current_reservation();
    struct xen_machphys_mapping m2p_place;

    for (int i = 0; i < 3; i++) {
        pfn[i] = page_unmapped();
        list[i] = old[i] = p2m(pfn[i]).n;
    }
    list[3] = ~0UL;
    EXPECT_EQ(reservation(XENMEM_decrease_reservation, list, 4, 0), 3);
    EXPECT_EQ(current_reservation(), before - 3);
    EXPECT_EQ(reservation(XENMEM_decrease_reservation, old, 3, 0), 0);
    for (int i = 0; i < 3; i++)
        list[i] = pfn[i].n;
    EXPECT_EQ(reservation(XENMEM_populate_physmap, list, 3, 0), 3);
    EXPECT_EQ(current_reservation(), before);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(m2p(mfn_of(list[i])).n, pfn[i].n);
        page_remap(pfn[i], list[i]);
        EXPECT_EQ(*(volatile uint64_t *)page_va(pfn[i]), 0);
    }
    EXPECT_EQ(reservation(XENMEM_populate_physmap, BAD_POINTER, 1, 0), 0);
    EXPECT_EQ(reservation(XENMEM_populate_physmap, list, 1, 63), 0);
    EXPECT_EQ(hypercall_memory_op(XENMEM_decrease_reservation, BAD_POINTER), 0);
    EXPECT_EQ(hypercall_memory_op(XENMEM_current_reservation, BAD_POINTER), -XEN_EFAULT);
    domid_t nobody = 77;
    EXPECT_EQ(hypercall_memory_op(XENMEM_current_reservation, &nobody), -XEN_ESRCH);
    EXPECT(hypercall_memory_op(XENMEM_maximum_ram_page, NULL) > 0);
    EXPECT_EQ(hypercall_memory_op(XENMEM_machphys_mapping, &m2p_place), 0);
    EXPECT_EQ(m2p_place.v_start, M2P_VA_START);
    EXPECT_EQ(m2p_place.v_end, M2P_VA_END);
    EXPECT_EQ(hypercall_memory_op(63, NULL), -XEN_ENOSYS);
}

/* Three single pages and one that is mapped: the exchange stops there, and says where. */
SCENARIO(memory_exchange, "memory-exchange",
         "single frames exchanged one by one; a mapped one stops it")
{
    struct xen_memory_exchange x = { 0 };
    uint64_t in[4], out[4];
    long before = current_reservation();
    pfn_t pfn[3], mapped = scenario_page();

    for (int i = 0; i < 3; i++) {
        pfn[i] = page_unmapped();
        in[i] = p2m(pfn[i]).n;
        out[i] = pfn[i].n;
    }
    in[3] = p2m(mapped).n;
    out[3] = mapped.n;
    set_xen_guest_handle(x.in.extent_start, in);
    set_xen_guest_handle(x.out.extent_start, out);
    x.in.nr_extents = x.out.nr_extents = 4;
    x.in.domid = x.out.domid = DOMID_SELF;
    EXPECT_EQ(hypercall_memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
    EXPECT_EQ(x.nr_exchanged, 3);
    EXPECT_EQ(out[3], mapped.n);
    EXPECT_EQ(current_reservation(), before);
    for (int i = 0; i < 3; i++) {
        EXPECT(out[i] != in[i]);
        EXPECT_EQ(m2p(mfn_of(out[i])).n, pfn[i].n);
        page_remap(pfn[i], out[i]);
    }
    x.nr_exchanged = 5;
    EXPECT_EQ(hypercall_memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
    x.nr_exchanged = 0;
    x.in.extent_order = x.out.extent_order = 20;
    EXPECT_EQ(hypercall_memory_op(XENMEM_exchange, &x), -XEN_EPERM);
    x.in.extent_order = 1;
    x.out.extent_order = 0;
    EXPECT_EQ(hypercall_memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
    EXPECT_EQ(hypercall_memory_op(XENMEM_exchange, BAD_POINTER), -XEN_EFAULT);
    EXPECT_EQ(hypercall_memory_op(XENMEM_exchange | 1 << 6, &x), -XEN_EINVAL);
}

SCENARIO(memory_refused, "memory-no-physmap", "what only translated guests may ask")
{
    struct xen_add_to_physmap add = { .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info };
    struct xen_remove_from_physmap drop = { .domid = DOMID_SELF };

    EXPECT_EQ(hypercall_memory_op(XENMEM_add_to_physmap, &add), -XEN_EACCES);
    EXPECT_EQ(hypercall_memory_op(XENMEM_add_to_physmap, BAD_POINTER), -XEN_EFAULT);
    EXPECT_EQ(hypercall_memory_op(XENMEM_add_to_physmap | 0x10000 << 6, &add), -XEN_EDOM);
    add.space = XENMAPSPACE_gmfn_foreign;
    EXPECT_EQ(hypercall_memory_op(XENMEM_add_to_physmap, &add), -XEN_ENOSYS);
    EXPECT_EQ(hypercall_memory_op(XENMEM_remove_from_physmap, &drop), -XEN_EACCES);
}
