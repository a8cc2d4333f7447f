/* SPDX-License-Identifier: MIT */
/*
 * The auditor must see grants that do not add up: pins against handles, references of device mappings,
 * entries of tables for other domains' frames, the tables' own frames.
 */
#include "damage.h"
#include "grants.h"

static uint32_t host, host_ro, device, device_ro;

static int made(void **state)
{
    grant_stage_make(state);
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map, &host), 0);
    assert_int_equal(grant_map_at(2, REF2, GNTMAP_host_map | GNTMAP_readonly, &host_ro), 0);
    assert_int_equal(grant_map_at(0, REF1, GNTMAP_device_map, &device), 0);
    assert_int_equal(grant_map_at(0, REF2, GNTMAP_device_map | GNTMAP_readonly, &device_ro), 0);
    return 0;
}

static struct grant_handle *handle_of(uint32_t handle)
{
    return grant_handle_find(machine_guest.gnttab, handle);
}

static struct grant_active *active_of(uint32_t ref)
{
    return gnttab_active(machine_control.gnttab, ref);
}

static uint64_t *entry_of(unsigned slot)
{
    return (uint64_t *)frame_va(gs.tree.l[1]) + slot;
}

static void pin_lost(void)
{
    active_of(REF1)->pins -= GRANT_HOST_WRITE;
}
static void pin_gained(void)
{
    active_of(REF2)->pins += GRANT_HOST_READ;
}
static void pin_of_another_kind(void)
{
    active_of(REF1)->pins += GRANT_HOST_READ - GRANT_HOST_WRITE;
}
static void pin_of_nobody(void)
{
    active_of(REF1 + 5)->pins = GRANT_HOST_READ;
}
static void pin_for_another(void)
{
    active_of(REF1)->domid = 7;
}
static void host_handle_lost(void)
{
    handle_of(host)->flags = 0;
}
static void handle_without_part(void)
{
    handle_of(host)->flags = GNTMAP_readonly;
}
static void handle_of_another_entry(void)
{
    handle_of(host)->ref = REF2;
}
static void handle_beyond_table(void)
{
    handle_of(host)->ref = GNTTAB_PER_FRAME;
}
static void handle_of_nobody(void)
{
    handle_of(host)->domid = 7;
}
static void handle_made_writable(void)
{
    handle_of(host_ro)->flags &= (uint16_t)~GNTMAP_readonly;
}
static void handles_miscounted(void)
{
    machine_guest.gnttab->handles++;
}
static void in_use_miscounted(void)
{
    machine_control.gnttab->in_use--;
}
static void device_handle_lost(void)
{
    handle_of(device)->flags = 0;
    machine_guest.gnttab->handles--;
    active_of(REF1)->pins -= GRANT_DEV_WRITE;
}
static void device_handle_made_writable(void)
{
    handle_of(device_ro)->flags &= (uint16_t)~GNTMAP_readonly;
    active_of(REF2)->pins += GRANT_DEV_WRITE - GRANT_DEV_READ;
}
static void device_frame_changed(void)
{
    active_of(REF2)->frame = gs.own;
}
static void entry_without_grant(void)
{
    *entry_of(3) = pte_make(gs.other.l[0], LEAF_RO);
}
static void entry_writable_without_grant(void)
{
    *entry_of(2) |= PTE_RW;
}
static void entry_after_grant(void)
{
    active_of(REF1)->frame = gs.own;
}
static void table_not_typed(void)
{
    mfn_t table = frame_of_va(machine_control.gnttab->shared[0]);

    TYPE(table) = (uint64_t)PT_L1 << FRAME_TYPE_SHIFT | FRAME_VALIDATED | 1;
}
static void table_not_held(void)
{
    REF(frame_of_va(machine_control.gnttab->shared[0]))--;
}
static void table_of_another(void)
{
    REF(frame_of_va(machine_control.gnttab->shared[0])) ^= 1ull << FRAME_OWNER_SHIFT;
}

static const struct damage damages[] = {
    DAMAGE(pin_lost, "grants", false),
    DAMAGE(pin_gained, "grants", false),
    DAMAGE(pin_of_another_kind, "grants", false),
    DAMAGE(pin_of_nobody, "grants", false),
    DAMAGE(pin_for_another, "grants", false),
    DAMAGE(host_handle_lost, "grants", false),
    DAMAGE(handle_without_part, "grants", false),
    DAMAGE(handle_of_another_entry, "grants", false),
    DAMAGE(handle_beyond_table, "grants", false),
    DAMAGE(handle_of_nobody, "grants", false),
    DAMAGE(handle_made_writable, "grants", false),
    DAMAGE(handles_miscounted, "grants", false),
    DAMAGE(in_use_miscounted, "grants", false),
    DAMAGE(device_handle_lost, "exact-counts", true),
    DAMAGE(device_handle_made_writable, "exact-counts", true),
    DAMAGE(device_frame_changed, "exact-counts", true),
    DAMAGE(entry_without_grant, "owner", true),
    DAMAGE(entry_writable_without_grant, "owner", true),
    DAMAGE(entry_after_grant, "owner", true),
    DAMAGE(table_not_typed, "one-type", true),
    DAMAGE(table_not_held, "exact-counts", true),
    DAMAGE(table_of_another, "grants", false),
};

static void each_damage_is_seen(void **state)
{
    (void)state;
    damages_are_seen(damages, sizeof(damages) / sizeof(damages[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_damage_is_seen, made, machine_teardown),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
