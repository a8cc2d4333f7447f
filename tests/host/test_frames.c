/* SPDX-License-Identifier: MIT */
/*
 * Frames without their tables: whose they are, what the general count allows, the way to a domain and
 * back to the allocator, and the allocator itself.
 */
#include "machine.h"

#include <string.h>

#include "mm/m2p.h"
#include "mm/page_alloc.h"
#include "mm/refusal.h"

#define FRAMES 64u

static void references_by_owner(void **state)
{
    mfn_t mine = machine_page(&machine_guest);

    (void)state;
    assert_true(frame_get(mine, machine_guest.id));
    assert_int_equal(frame_refs(mine), 2);
    frame_put(mine);
    assert_false(frame_get(mine, machine_control.id));
    assert_false(frame_get(mine, OWNER_NONE));
    assert_false(frame_get(mine, OWNER_HV));
    assert_int_equal(frame_refs(mine), 1);
}

/* Free, the hypervisor's, not RAM, beyond memory: no reference, whoever asks. */
static void no_reference_on_what_is_not_owned(void **state)
{
    const uint16_t askers[] = { 1, 0, OWNER_NONE, OWNER_IO, OWNER_HV };

    (void)state;
    for (unsigned i = 0; i < sizeof(askers) / sizeof(askers[0]); i++) {
        for (uint64_t n = 0; n < FRAMES; n++)
            assert_false(frame_get(mfn_of(n), askers[i]));
        assert_false(frame_get(mfn_of(frame_limit), askers[i]));
        assert_false(frame_get(MFN_NONE, askers[i]));
    }
    machine_check("refused");
}

static void why_there_is_no_reference(void **state)
{
    (void)state;
    refusal_clear();
    assert_false(frame_get(mfn_of(frame_limit), 1));
    assert_string_equal(this_cpu()->refusal.rule, "frame-beyond-memory");
    /* The innermost reason stays. */
    assert_false(frame_get(mfn_of(0), 1));
    assert_string_equal(this_cpu()->refusal.rule, "frame-beyond-memory");
    refusal_clear();
    assert_false(frame_get(mfn_of(0), 1));
    assert_string_equal(this_cpu()->refusal.rule, "frame-not-owned");
    refusal_clear();
    /* Its last reference is going; or no more fit. */
    for (unsigned full = 0; full < 2; full++) {
        mfn_t mfn = machine_page(&machine_guest);
        uint64_t ref = frame_of(mfn)->ref;

        frame_of(mfn)->ref = (ref & FRAME_OWNER_MASK) | (full ? FRAME_REF_MAX : 0);
        assert_false(frame_get(mfn, machine_guest.id));
        assert_string_equal(this_cpu()->refusal.rule, full ? "reference-count-full" : "frame-free");
        refusal_clear();
        frame_of(mfn)->ref = ref;
    }
}

static void given_back_and_reused(void **state)
{
    mfn_t mfn = machine_page(&machine_guest);
    uint32_t pages = machine_guest.owner.pages;

    (void)state;
    m2p_set(mfn, 5);
    memset(frame_va(mfn), 0x5a, PAGE_SIZE);
    assert_true(frame_get(mfn, machine_guest.id));
    assert_true(owner_release(&machine_guest.owner, mfn));
    assert_false(owner_release(&machine_guest.owner, mfn));
    assert_int_equal(machine_guest.owner.pages, pages);
    frame_put(mfn);
    machine_check("given back");
    assert_int_equal(frame_owner(mfn), OWNER_NONE);
    assert_int_equal(machine_guest.owner.pages, pages - 1);
    assert_int_equal(m2p_get(mfn), M2P_INVALID);
    for (;;) {
        mfn_t got = owner_alloc(&machine_control.owner, 0);

        assert_true(frame_valid(got));
        if (!mfn_eq(got, mfn))
            continue;
        for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
            assert_int_equal(machine_peek(got, i), 0);
        break;
    }
    machine_check("reused");
}

static void quota(void **state)
{
    struct owner *o = &machine_guest.owner;

    (void)state;
    o->max_pages = 10;
    assert_true(frame_valid(owner_alloc(o, 3)));
    assert_false(frame_valid(owner_alloc(o, 2)));
    assert_true(frame_valid(owner_alloc(o, 1)));
    assert_false(frame_valid(owner_alloc(o, 0)));
    assert_int_equal(o->pages, 10);
    machine_check("at quota");
    o->dying = true;
    o->max_pages = 20;
    assert_false(frame_valid(owner_alloc(o, 0)));
    o->dying = false;
}

static void out_of_memory(void **state)
{
    uint64_t before = page_free_count();

    (void)state;
    assert_true(page_alloc_idle());
    assert_false(frame_valid(owner_alloc(&machine_guest.owner, 6)));
    while (frame_valid(owner_alloc(&machine_guest.owner, 0)))
        ;
    assert_int_equal(page_free_count(), 0);
    assert_int_equal(machine_guest.owner.pages, before);
    assert_null(page_alloc_zeroed());
    machine_check("out of memory");
}

static void allocation_fails_anywhere(void **state)
{
    (void)state;
    for (unsigned long k = 1; k <= 2; k++) {
        struct snapshot *before = snapshot_take();

        hooks_reset();
        hooks.fail_at = k;
        assert_false(frame_valid(owner_alloc(&machine_guest.owner, 1)));
        assert_int_equal(hooks.fallible_steps, k);
        assert_true(snapshot_same(before));
        snapshot_free(before);
        machine_check("allocation failed");
    }
}

/* A page of the hypervisor that its domain may map: not in the account, and gone with the last use. */
static void lent_by_the_hypervisor(void **state)
{
    void *shared = page_alloc_zeroed();
    mfn_t mfn = frame_of_va(shared);
    struct machine_tree t;
    uint32_t pages;

    (void)state;
    frame_assign(mfn, machine_guest.id, FRAME_HV_SHARED);
    machine_check("lent");
    t = machine_tree(&machine_guest, LEAF_RO);
    pages = machine_guest.owner.pages;
    assert_int_equal(op_pin(t.l[1], 1), 0);
    assert_int_equal(op_update(t.l[1], 1, pte_make(mfn, LEAF_RW)), 0);
    assert_true(frame_release(mfn));
    machine_check("still mapped");
    assert_int_equal(frame_owner(mfn), machine_guest.id);
    assert_int_equal(op_update(t.l[1], 1, 0), 0);
    assert_int_equal(frame_owner(mfn), OWNER_NONE);
    assert_int_equal(machine_guest.owner.pages, pages);
}

static void counts_that_cannot_be(void **state)
{
    mfn_t mfn = machine_page(&machine_guest), unused = mfn_of(FRAMES - 1);
    struct snapshot *before = snapshot_take();

    (void)state;
    assert_true(machine_panics(frame_put(unused)));
    snapshot_restore(before);
    snapshot_free(before);
    assert_true(machine_panics(frame_get_again(unused)));
    assert_true(machine_panics(page_type_put(mfn)));
    assert_true(machine_panics(page_writable_put(mfn)));
    assert_true(machine_panics(page_free(unused, 0)));
    assert_true(machine_panics(page_free(mfn, 0)));
    assert_true(machine_panics((void)owner_release(&machine_control.owner, mfn)));
    machine_check("nothing came of it");
}

static void owners_by_number(void **state)
{
    static struct owner many[100];
    unsigned n = 0;

    (void)state;
    assert_ptr_equal(owner_find(1), &machine_guest.owner);
    assert_null(owner_find(77));
    many[0].id = 1;
    assert_false(owner_register(&many[0]));
    for (; n < 100; n++) {
        many[n].id = (uint16_t)(100 + n);
        if (!owner_register(&many[n]))
            break;
    }
    assert_int_equal(n, 62); /* with the machine's two */
    while (n-- > 0) {
        assert_ptr_equal(owner_find(many[n].id), &many[n]);
        owner_unregister(&many[n]);
        assert_null(owner_find(many[n].id));
    }
    owner_unregister(&many[0]);
}

/* ---- the allocator ---------------------------------------------------------- */

static void blocks_are_aligned_and_whole(void **state)
{
    (void)state;
    for (unsigned order = 0; order <= 5; order++) {
        mfn_t block[FRAMES];
        unsigned n = 0;

        while (n < FRAMES && frame_valid(block[n] = page_alloc(order))) {
            assert_int_equal(block[n].n & ((1u << order) - 1), 0);
            for (unsigned i = 0; i < 1u << order; i++)
                assert_int_equal(frame_owner(mfn_add(block[n], i)), OWNER_HV);
            n++;
        }
        assert_true(n << order <= FRAMES - 3);
        assert_true(order > 0 || n == FRAMES - 3);
        machine_check("all out");
        while (n-- > 0)
            page_free(block[n], order);
        assert_int_equal(page_free_count(), FRAMES - 3);
        machine_check("all back");
    }
    assert_false(frame_valid(page_alloc(PAGE_ORDER_MAX + 1)));
}

/* Singles in any order grow together again. */
static void buddies_join(void **state)
{
    (void)state;
    for (unsigned step = 1; step < 60; step += 2) {
        mfn_t page[FRAMES - 3], big;

        for (unsigned i = 0; i < FRAMES - 3; i++)
            page[i] = page_alloc(0);
        assert_false(frame_valid(page_alloc(0)));
        for (unsigned i = 0; i < FRAMES - 3; i++)
            page_free(page[i * step % (FRAMES - 3)], 0);
        big = page_alloc(5);
        assert_int_equal(big.n, 32);
        page_free(big, 5);
        machine_check("joined");
    }
}

/* A frame in use may have a type word like a free block's, by what its last flush left there. */
static void only_free_buddies_join(void **state)
{
    mfn_t page[FRAMES - 3], even = mfn_of(32), odd = mfn_of(33);

    (void)state;
    for (unsigned i = 0; i < FRAMES - 3; i++)
        page[i] = page_alloc(0);
    frame_of(odd)->type = 1ull << 63; /* an epoch */
    page_free(even, 0);
    assert_int_equal(page_free_count(), 1);
    assert_false(frame_valid(page_alloc(1)));
    assert_true(mfn_eq(page_alloc(0), even));
    frame_of(odd)->type = 0;
    for (unsigned i = 0; i < FRAMES - 3; i++)
        page_free(page[i], 0);
}

static void pages_for_the_hypervisor_are_zero(void **state)
{
    uint64_t *page = page_alloc_zeroed();

    (void)state;
    for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
        assert_int_equal(page[i], 0);
    page_free(frame_of_va(page), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, machine_setup, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(references_by_owner),
        T(no_reference_on_what_is_not_owned),
        T(why_there_is_no_reference),
        T(given_back_and_reused),
        T(quota),
        T(out_of_memory),
        T(allocation_fails_anywhere),
        T(lent_by_the_hypervisor),
        T(counts_that_cannot_be),
        T(owners_by_number),
        T(blocks_are_aligned_and_whole),
        T(buddies_join),
        T(only_free_buddies_join),
        T(pages_for_the_hypervisor_are_zero),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
