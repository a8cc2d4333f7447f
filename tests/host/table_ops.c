/* SPDX-License-Identifier: MIT */
/* The operations on page tables, what each is prepared by, and their stage; see table_ops.h. */
#include "table_ops.h"

/* The stage: three trees that share tables, one of them loaded. */
static struct stage {
    struct machine_tree a, b;
    mfn_t l4, l3,
        l1; /* spare pages of the guest: an L4 and an L3 over shared tables, an empty L1 */
} stage;

static void stage_make(void)
{
    struct stage *s = &stage;

    machine_begin(64);
    s->a = machine_tree(&machine_guest, LEAF_RW);
    s->b = machine_tree(&machine_guest, LEAF_RW);
    s->l4 = machine_page(&machine_guest);
    s->l3 = machine_page(&machine_guest);
    s->l1 = machine_page(&machine_guest);
    /* b: two entries at each level, one of them shared with a. */
    machine_poke(s->b.l[1], 1, pte_make(s->a.l[0], LEAF_RO));
    machine_poke(s->b.l[2], 1, pte_make(s->l1, BRANCH));
    machine_poke(s->b.l[3], 1, pte_make(s->a.l[2], BRANCH));
    machine_poke(s->b.l[4], 1, pte_make(s->l3, BRANCH));
    machine_poke(s->l3, GUEST_SLOT, pte_make(s->a.l[2], BRANCH));
    machine_poke(s->l3, 1, pte_make(s->b.l[2], BRANCH));
    machine_poke(s->l4, GUEST_SLOT, pte_make(s->l3, BRANCH));
    machine_poke(s->l4, 1, pte_make(s->b.l[3], BRANCH));
    machine_run(1);
    op_first_root(s->a.l[4]);
    machine_run(0);
    op_first_root(s->a.l[4]);
    hooks_reset();
}

/* ---- the operations --------------------------------------------------------- */

static void nothing(void)
{
}

static long pin_b(void)
{
    return op_pin(stage.b.l[4], 4);
}

static void b_pinned(void)
{
    assert_int_equal(op_pin(stage.b.l[4], 4), 0);
}

static long unpin_b(void)
{
    return op_unpin(stage.b.l[4]);
}

static void b_and_l4_pinned(void)
{
    b_pinned();
    assert_int_equal(op_pin(stage.l4, 4), 0);
}

static long baseptr_b(void)
{
    return op_baseptr(stage.b.l[4]);
}

static long user_baseptr_b(void)
{
    return op_user_baseptr(stage.b.l[4]);
}

static void b_is_user_base(void)
{
    assert_int_equal(op_user_baseptr(stage.b.l[4]), 0);
}

static long user_baseptr_a(void)
{
    return op_user_baseptr(stage.a.l[4]);
}

static long hook_l3_of_b(void)
{
    return op_update(stage.a.l[4], 1, pte_make(stage.b.l[3], BRANCH));
}

static void l3_of_b_hooked(void)
{
    assert_int_equal(hook_l3_of_b(), 0);
}

static long replace_l3_of_b(void)
{
    return op_update(stage.a.l[4], 1, pte_make(stage.l3, BRANCH));
}

static long unhook_l3_of_b(void)
{
    return op_update(stage.a.l[4], 1, 0);
}

static long hook_l1(void)
{
    return op_update(stage.a.l[2], 1, pte_make(stage.b.l[1], BRANCH));
}

static long map_page(void)
{
    return op_update(stage.a.l[1], 1, pte_make(stage.b.l[0], LEAF_RW));
}

static long map_page_by_va(void)
{
    return op_update_va(0, pte_make(stage.b.l[0], LEAF_RW), 0);
}

static long map_future_table(void)
{
    return op_update(stage.a.l[1], 1, pte_make(stage.b.l[1], LEAF_RW));
}

static long write_plain(void)
{
    return op_update(stage.b.l[0], 2, 0x1234);
}

static long pin_l4(void)
{
    return op_pin(stage.l4, 4);
}

static long pin_l3(void)
{
    return op_pin(stage.l3, 3);
}

static long pin_l1_of_b(void)
{
    return op_pin(stage.b.l[1], 1);
}

static long pin_l1_of_b_as_l2(void)
{
    return op_pin(stage.b.l[1], 2);
}

/* A pin that is refused at the end of a deep tree: everything taken before goes back. */
static void b_has_a_bad_end(void)
{
    machine_poke(stage.l1, PT_ENTRIES - 1, pte_make(stage.b.l[1], LEAF_RW));
}

const struct table_op table_ops[] = {
    { "pin an L4", nothing, pin_b, 0 },
    { "pin an L4 with a bad end", b_has_a_bad_end, pin_b, -EBUSY },
    { "unpin an L4", b_pinned, unpin_b, 0 },
    { "unpin an L4 that shares tables", b_and_l4_pinned, unpin_b, 0 },
    { "pin an L3", nothing, pin_l3, 0 },
    { "load a base pointer", nothing, baseptr_b, 0 },
    { "set a user base pointer", nothing, user_baseptr_b, 0 },
    { "replace a user base pointer", b_is_user_base, user_baseptr_a, 0 },
    { "hook an L3", nothing, hook_l3_of_b, 0 },
    { "replace an L3", l3_of_b_hooked, replace_l3_of_b, 0 },
    { "unhook an L3", l3_of_b_hooked, unhook_l3_of_b, 0 },
    { "hook an L1", nothing, hook_l1, 0 },
    { "map a page", nothing, map_page, 0 },
    { "map a page by its address", nothing, map_page_by_va, 0 },
    { "map a page that is no table yet", nothing, map_future_table, 0 },
    { "write to a plain page", nothing, write_plain, 0 },
    { "pin another L4", nothing, pin_l4, 0 },
    { "pin an L1", nothing, pin_l1_of_b, 0 },
    { "pin an L1 as an L2", nothing, pin_l1_of_b_as_l2, -EINVAL },
};
const unsigned table_ops_count = sizeof(table_ops) / sizeof(table_ops[0]);

void table_op_stage(const struct table_op *op, bool general)
{
    stage_make();
    op->prepare();
    hooks_reset();
    hooks.general = general;
}
