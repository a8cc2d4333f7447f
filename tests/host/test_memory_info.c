/* SPDX-License-Identifier: MIT */
/*
 * The operations of memory_op that only answer: to whom, what, and where nothing can be written.
 */
#include "machine.h"

#include <string.h>

#include "mm/m2p.h"

#define INITIAL 2u /* the vCPU of the control domain */
#define BUFFER  (GUEST_REQUESTS + 0x400)
#define UNUSED  0x33u

static shared_info_t shared;

static int stage(void **state)
{
    machine_setup(state);
    memset(&shared, 0, sizeof(shared));
    machine_guest.shared = machine_control.shared = &shared;
    hooks_reset();
    return 0;
}

static long ask_at(unsigned cmd, uint64_t va)
{
    long rc = machine_hypercall(hc_memory_op, cmd, va, 0, 0);

    machine_check("a question");
    return rc;
}

static long ask(unsigned cmd)
{
    return ask_at(cmd, GUEST_REQUESTS);
}

static long ask_of(unsigned cmd, uint16_t domid)
{
    memcpy(machine_requests(), &domid, sizeof(domid));
    return ask(cmd);
}

static uint8_t *buffer(void)
{
    return (uint8_t *)machine_requests() + 0x400;
}

static void sizes(void **state)
{
    (void)state;
    machine_page(&machine_guest);
    machine_guest.owner.max_pages = 33;
    for (unsigned vcpu = 0; vcpu <= INITIAL; vcpu += INITIAL) {
        uint16_t guest = vcpu ? machine_guest.id : DOMID_SELF;

        machine_run(vcpu);
        shared.arch.max_pfn = 0;
        assert_int_equal(ask(XENMEM_maximum_ram_page), frame_limit);
        assert_int_equal(ask_of(XENMEM_current_reservation, guest), machine_guest.owner.pages);
        assert_int_equal(ask_of(XENMEM_maximum_reservation, guest), 33);
        assert_int_equal(ask_of(XENMEM_maximum_gpfn, guest), 0);
        shared.arch.max_pfn = 100;
        assert_int_equal(ask_of(XENMEM_maximum_gpfn, guest), 99);
        shared.arch.max_pfn = ~0ul; /* a large number is no refusal */
        log_clear();
        assert_int_equal(ask_of(XENMEM_maximum_gpfn, guest), -2);
        assert_string_equal(log_text(), "");
        assert_int_equal(ask_of(XENMEM_current_reservation, 77), -ESRCH);
        assert_int_equal(ask_at(XENMEM_current_reservation, 0x10), -EFAULT);
    }
    machine_run(0);
    assert_int_equal(ask_of(XENMEM_current_reservation, 0), -EPERM);
    assert_non_null(strstr(log_text(), "memory_op current_reservation"));
}

struct e820 {
    uint64_t addr, size;
    uint32_t type;
} __attribute__((packed));

static long map(unsigned cmd, unsigned entries, uint64_t at)
{
    struct xen_memory_map *m = machine_requests();

    memset(buffer(), UNUSED, 64);
    *m = (struct xen_memory_map){ .nr_entries = entries };
    m->buffer.p = (void *)at;
    return ask(cmd);
}

static void one_piece(uint64_t bytes)
{
    const struct e820 *e = (const void *)buffer();

    assert_int_equal(((struct xen_memory_map *)machine_requests())->nr_entries, 1);
    assert_int_equal(e->addr, 0);
    assert_int_equal(e->size, bytes);
    assert_int_equal(e->type, 1);
    assert_int_equal(buffer()[sizeof(*e)], UNUSED);
}

static void maps(void **state)
{
    (void)state;
    machine_guest.owner.max_pages = 33;
    assert_int_equal(map(XENMEM_memory_map, 4, BUFFER), 0);
    one_piece(33 * PAGE_SIZE);
    assert_int_equal(map(XENMEM_memory_map, 0, BUFFER), 0);
    assert_int_equal(((struct xen_memory_map *)machine_requests())->nr_entries, 0);
    assert_int_equal(buffer()[0], UNUSED);
    assert_int_equal(map(XENMEM_memory_map, 1, 0x10), -EFAULT);
    assert_int_equal(ask_at(XENMEM_memory_map, 0x10), -EFAULT);
    assert_int_equal(map(XENMEM_machine_memory_map, 4, BUFFER), -EPERM);
    machine_run(INITIAL);
    frame_ram_pages = 50;
    assert_int_equal(map(XENMEM_memory_map, 4, BUFFER), -ENOSYS);
    assert_int_equal(map(XENMEM_machine_memory_map, 4, BUFFER), 0);
    one_piece(50 * PAGE_SIZE);
    assert_int_equal(map(XENMEM_machine_memory_map, 0, BUFFER), -EINVAL);
    assert_int_equal(map(XENMEM_machine_memory_map, 1, 0x10), -EFAULT);
    assert_int_equal(ask_at(XENMEM_machine_memory_map, 0x10), -EFAULT);
}

/* The M2P of a small machine is part of one large page's worth; the test's map has none. */
static void place_of_the_m2p(void **state)
{
    struct xen_machphys_mfn_list *l = machine_requests();
    const struct xen_machphys_mapping *m;

    (void)state;
    memset(buffer(), UNUSED, 64);
    *l = (struct xen_machphys_mfn_list){ .max_extents = 3 };
    l->extent_start.p = (void *)BUFFER;
    assert_int_equal(ask(XENMEM_machphys_mfn_list), 0);
    assert_int_equal(l->nr_extents, 1);
    assert_int_equal(*(uint64_t *)buffer(), 0);
    assert_int_equal(buffer()[8], UNUSED);
    l->max_extents = 0;
    assert_int_equal(ask(XENMEM_machphys_mfn_list), 0);
    assert_int_equal(l->nr_extents, 0);
    l->max_extents = 1;
    l->extent_start.p = (void *)0x10;
    assert_int_equal(ask(XENMEM_machphys_mfn_list), -EFAULT);
    for (unsigned cmd = XENMEM_machphys_mfn_list;; cmd = XENMEM_machphys_mapping) {
        assert_int_equal(ask_at(cmd, 0x10), -EFAULT);
        if (cmd == XENMEM_machphys_mapping)
            break;
    }
    for (unsigned vcpu = 0; vcpu <= INITIAL; vcpu += INITIAL) {
        machine_run(vcpu);
        m = machine_requests();
        assert_int_equal(ask(XENMEM_machphys_mapping), 0);
        assert_int_equal(m->v_start, HV_VA_START);
        assert_int_equal(m->v_end, M2P_RO_END);
        assert_int_equal(m->max_mfn, vcpu ? frame_limit - 1 : (1ul << 35) - 1);
    }
}

static void no_physmap(void **state)
{
    struct xen_add_to_physmap *one;
    struct xen_add_to_physmap_batch *batch;

    (void)state;
    for (unsigned vcpu = 0; vcpu <= INITIAL; vcpu += INITIAL) {
        machine_run(vcpu);
        one = machine_requests();
        batch = machine_requests();
        *one = (struct xen_add_to_physmap){ .domid = DOMID_SELF };
        assert_int_equal(ask(XENMEM_add_to_physmap), -EACCES);
        one->domid = 77;
        assert_int_equal(ask(XENMEM_add_to_physmap), -ESRCH);
        one->space = XENMAPSPACE_gmfn_foreign;
        assert_int_equal(ask(XENMEM_add_to_physmap), -ENOSYS);
        *batch = (struct xen_add_to_physmap_batch){ .domid = DOMID_SELF };
        assert_int_equal(ask(XENMEM_add_to_physmap_batch), -EACCES);
        batch->domid = 77;
        assert_int_equal(ask(XENMEM_add_to_physmap_batch), -ESRCH);
        batch->space = XENMAPSPACE_gmfn_range;
        assert_int_equal(ask(XENMEM_add_to_physmap_batch), -EOPNOTSUPP);
        assert_int_equal(ask_of(XENMEM_remove_from_physmap, DOMID_SELF), -EACCES);
        assert_int_equal(ask_of(XENMEM_remove_from_physmap, 77), -ESRCH);
        assert_int_equal(ask_at(XENMEM_add_to_physmap, 0x10), -EFAULT);
        assert_int_equal(ask_at(XENMEM_add_to_physmap_batch, 0x10), -EFAULT);
        assert_int_equal(ask_at(XENMEM_remove_from_physmap, 0x10), -EFAULT);
        assert_int_equal(ask(XENMEM_set_pod_target), vcpu ? -ENOSYS : -EPERM);
        assert_int_equal(ask(63), -ENOSYS);
    }
}

/* A question does not go on from anywhere. */
static void starts(void **state)
{
    (void)state;
    assert_int_equal(ask(XENMEM_maximum_ram_page | 1 << 6), -EINVAL);
    assert_int_equal(ask(XENMEM_current_reservation | 1 << 6), -EINVAL);
    assert_int_equal(ask(XENMEM_remove_from_physmap | 1 << 6), -EINVAL);
    assert_int_equal(ask(XENMEM_machphys_mapping | 1 << 6), -ENOSYS);
    assert_int_equal(ask(XENMEM_add_to_physmap | 1 << 22), -EDOM);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, stage, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(sizes), T(maps), T(place_of_the_m2p), T(no_physmap), T(starts),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
