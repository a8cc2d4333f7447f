/* SPDX-License-Identifier: MIT */
/*
 * The memory reservation of a domain (hazards P13, P15): an extent is given or taken whole or not at
 * all, the hypervisor's own pages are nobody's to give, and a list goes on where it was cut.
 */
#include "machine.h"

#include <stdio.h>
#include <string.h>

#include "mm/m2p.h"
#include "mm/page_alloc.h"

#define EXTENTS 6u

static mfn_t page[8];

static int stage(void **state)
{
    (void)state;
    machine_begin(256);
    for (unsigned i = 0; i < 8; i++)
        page[i] = machine_page(&machine_guest);
    hooks_reset();
    return 0;
}

static uint64_t *list(void)
{
    return (uint64_t *)((uint8_t *)machine_requests() + 0x100);
}

/* The list is behind the request. Result: extents done. */
static long reserve(unsigned cmd, unsigned extents, unsigned order)
{
    struct xen_memory_reservation *r = machine_requests();
    long done;

    *r = (struct xen_memory_reservation){ .nr_extents = extents,
                                          .extent_order = order,
                                          .domid = DOMID_SELF };
    r->extent_start.p = (void *)(GUEST_REQUESTS + 0x100);
    done = machine_hypercall(hc_memory_op, cmd, GUEST_REQUESTS, 0, 0);
    machine_check("reservation");
    return done;
}

static void given_back_and_taken(void **state)
{
    uint32_t pages = machine_guest.owner.pages;

    (void)state;
    for (unsigned i = 0; i < EXTENTS; i++)
        list()[i] = page[i].n;
    assert_int_equal(reserve(XENMEM_decrease_reservation, EXTENTS, 0), EXTENTS);
    assert_int_equal(machine_guest.owner.pages, pages - EXTENTS);
    for (unsigned i = 0; i < EXTENTS; i++) {
        assert_int_equal(frame_owner(page[i]), OWNER_NONE);
        list()[i] = 0x500 + i;
    }
    assert_int_equal(reserve(XENMEM_populate_physmap, EXTENTS, 0), EXTENTS);
    for (unsigned i = 0; i < EXTENTS; i++) {
        assert_int_equal(frame_owner(mfn_of(list()[i])), machine_guest.id);
        assert_int_equal(m2p_get(mfn_of(list()[i])), 0x500 + i);
    }
    assert_int_equal(reserve(XENMEM_increase_reservation, 2, 1), 2);
    assert_int_equal(machine_guest.owner.pages, pages + 4);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(list()[i] % 2, 0);
}

/* A page that the hypervisor shares with the guest stays. */
static void lent_pages(void **state)
{
    (void)state;
    frame_of(page[0])->ref |= FRAME_HV_SHARED;
    machine_guest.owner.pages--; /* it counts for nobody */
    list()[0] = page[0].n;
    assert_refused(0, reserve(XENMEM_decrease_reservation, 1, 0));
    frame_of(page[0])->ref &= ~FRAME_HV_SHARED;
    machine_guest.owner.pages++;
    assert_int_equal(reserve(XENMEM_decrease_reservation, 1, 0), 1);
}

/* One frame of an extent is not the guest's, the first or the last: all of it stays. */
static void an_extent_in_part(void **state)
{
    uint64_t first;

    (void)state;
    assert_int_equal(reserve(XENMEM_increase_reservation, 1, 2), 1);
    first = list()[0];
    for (unsigned i = 0; i < 4; i++) {
        list()[0] = first + i;
        assert_int_equal(reserve(XENMEM_decrease_reservation, 1, 0), 1);
        list()[0] = first;
        assert_refused(0, reserve(XENMEM_decrease_reservation, 1, 2));
        list()[0] = first & ~3ul;
        assert_refused(0, reserve(XENMEM_decrease_reservation, 1, 2));
        /* The same frame comes back: it is the one that was given last. */
        list()[0] = first + i;
        assert_int_equal(reserve(XENMEM_populate_physmap, 1, 0), 1);
        if (list()[0] != first + i)
            return;
    }
}

static long reserve_below(unsigned cmd, unsigned bits)
{
    struct xen_memory_reservation *r = machine_requests();
    long done;

    reserve(cmd, 0, 0);
    r->nr_extents = 1;
    r->mem_flags = XENMEMF_address_bits(bits);
    list()[0] = 0x500;
    log_clear();
    done = machine_hypercall(hc_memory_op, cmd, GUEST_REQUESTS, 0, 0);
    machine_check("reservation of low memory");
    return done;
}

/* A frame that does not lie low enough goes again; each reason is said. */
static void frames_below_an_address(void **state)
{
    static const unsigned cmds[] = { XENMEM_increase_reservation, XENMEM_populate_physmap };
    uint32_t pages = machine_guest.owner.pages, quota = machine_guest.owner.max_pages;
    unsigned all = 64 - (unsigned)__builtin_clzl((frame_limit << PAGE_SHIFT) - 1);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_refused(0, reserve_below(cmds[i], PAGE_SHIFT));
        assert_non_null(strstr(log_text(), "rule no-memory-that-low"));
        assert_int_equal(reserve_below(cmds[i], all), 1);
        assert_int_equal(reserve_below(cmds[i], 64), 1);
        machine_guest.owner.max_pages = machine_guest.owner.pages;
        assert_refused(0, reserve_below(cmds[i], 0));
        assert_non_null(strstr(log_text(), "rule no-memory-or-quota"));
        machine_guest.owner.max_pages = quota;
    }
    assert_int_equal(machine_guest.owner.pages, pages + 4);
}

static void lists_that_stop(void **state)
{
    (void)state;
    list()[0] = page[0].n;
    list()[1] = frame_limit;
    list()[2] = page[1].n;
    assert_int_equal(reserve(XENMEM_decrease_reservation, 3, 0), 1);
    assert_int_equal(frame_owner(page[1]), machine_guest.id);
    list()[0] = machine_page(&machine_control).n;
    assert_refused(0, reserve(XENMEM_decrease_reservation, 1, 0));
    machine_guest.owner.max_pages = machine_guest.owner.pages + 5;
    assert_int_equal(reserve(XENMEM_increase_reservation, 8, 1), 2);
    assert_refused(0, reserve(XENMEM_increase_reservation, 1, 10));
    machine_guest.owner.max_pages += 5;
    for (unsigned cmd = 0; cmd < 2; cmd++) {
        /* What the one before asked for is not asked for again. */
        assert_int_equal(reserve(XENMEM_increase_reservation, 1, 0), 1);
        assert_refused(0, machine_hypercall(hc_memory_op, cmd, 0x10, 0, 0));
    }
}

static void stops_by(const char *rule, unsigned cmd, const struct xen_memory_reservation *r,
                     uint64_t at)
{
    char line[96];

    memcpy(machine_requests(), r, sizeof(*r));
    snprintf(line, sizeof(line), " rule %s: -EINVAL", rule);
    log_clear();
    assert_refused(0, machine_hypercall(hc_memory_op, cmd, at, 0, 0));
    if (!strstr(log_text(), line))
        fail_msg("not %s but: %s", line, log_text());
}

/* A request that says nothing good ends where it started, and the log says why. */
static void requests_that_stop(void **state)
{
    const unsigned up = XENMEM_increase_reservation, down = XENMEM_decrease_reservation;
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

    (void)state;
    r.extent_start.p = (void *)(GUEST_REQUESTS + 0x100);
    for (unsigned cmd = 0; cmd < 2; cmd++)
        stops_by("argument-unreadable", cmd, &r, 0x10);
    r.domid = 77;
    stops_by("domain-unknown", down, &r, GUEST_REQUESTS);
    r.domid = machine_control.id;
    stops_by("domain-foreign", down, &r, GUEST_REQUESTS);
    r.domid = DOMID_SELF;
    r.extent_order = 9; /* the largest that it may ask for: there is just none */
    stops_by("no-memory-or-quota", up, &r, GUEST_REQUESTS);
    r.extent_order = 10;
    stops_by("extent-order-too-large", up, &r, GUEST_REQUESTS);
    r.extent_order = 0;
    r.nr_extents = (UINT32_MAX >> 6) + 1;
    stops_by("too-many-extents", up, &r, GUEST_REQUESTS);
    r.nr_extents = 1;
    r.extent_start.p = (void *)HV_VA_START;
    stops_by("list-out-of-range", up, &r, GUEST_REQUESTS);
    r.extent_start.p = 0;
    stops_by("list-out-of-range", down, &r, GUEST_REQUESTS);
    r.extent_start.p = (void *)0x10;
    stops_by("list-unwritable", up, &r, GUEST_REQUESTS);
    stops_by("list-unreadable", down, &r, GUEST_REQUESTS);
    stops_by("list-unreadable", XENMEM_populate_physmap, &r, GUEST_REQUESTS);
}

/* Cut after any extent, the list goes on, and the result counts from its beginning. */
static void preempted_anywhere(void **state)
{
    (void)state;
    for (unsigned long k = 0; k <= EXTENTS; k++) {
        for (unsigned i = 0; i < EXTENTS; i++)
            list()[i] = 0x500 + i;
        hooks_reset();
        hooks.preempt_at = k ? k : ALWAYS;
        assert_int_equal(reserve(XENMEM_populate_physmap, EXTENTS, 0), EXTENTS);
        assert_int_equal(machine_restarts, k ? k < EXTENTS : EXTENTS - 1);
        hooks_reset();
        hooks.preempt_at = k ? k : ALWAYS;
        assert_int_equal(reserve(XENMEM_decrease_reservation, EXTENTS, 0), EXTENTS);
    }
}

/* At each step that can fail, what was done is told, and the rest is as before. */
static void failed_anywhere(void **state)
{
    uint32_t pages = machine_guest.owner.pages;
    unsigned failures = 0;

    (void)state;
    for (unsigned long k = 1;; k++) {
        long done;
        bool all;

        for (unsigned i = 0; i < EXTENTS; i++)
            list()[i] = 0x500 + i;
        hooks_reset();
        hooks.fail_at = k;
        done = reserve(XENMEM_populate_physmap, EXTENTS, 1);
        assert_int_equal(machine_guest.owner.pages, pages + 2 * done);
        failures += done < EXTENTS;
        all = hooks.fallible_steps < k;
        hooks_reset();
        assert_int_equal(reserve(XENMEM_decrease_reservation, (unsigned)done, 1), done);
        if (all)
            break;
    }
    assert_true(failures >= EXTENTS);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, stage, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(given_back_and_taken),    T(lent_pages),      T(an_extent_in_part),
        T(frames_below_an_address), T(lists_that_stop), T(requests_that_stop),
        T(preempted_anywhere),      T(failed_anywhere),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
