/* SPDX-License-Identifier: MIT */
/*
 * The requests of grant_table_op that are about tables, versions and entries as such: who may ask, where
 * the answer lies, what may not be read or written, and the line of each refusal. A request that was
 * carried out says nothing.
 */
#include "grants.h"

#include <stdio.h>
#include <string.h>

#define ABSENT  0x10ul /* an address that cannot be reached */
#define LIST    (GUEST_VA + 0x8000)
#define NOBODY  77u
#define CONTROL (machine_control.id)

static long call(unsigned cmd, uint64_t va, uint32_t count)
{
    return machine_hypercall(hc_grant_table_op, cmd, va, count, 0);
}

/* One request; the log has its rule, or nothing where it is 0. */
static void says(const char *rule)
{
    char line[96];

    snprintf(line, sizeof(line), " rule %s: ", rule ? rule : "");
    if (rule ? !strstr(log_text(), line) : *log_text())
        fail_msg("not %s but: %s", rule ? rule : "silent", log_text());
    log_clear();
}

/* Asked with the argument as it is; then where it cannot be read, and for another count than one. */
static void single(unsigned cmd, void *op, size_t bytes)
{
    log_clear();
    assert_refused(-EINVAL, call(cmd, GUEST_REQUESTS, 0));
    assert_refused(-EINVAL, call(cmd, GUEST_REQUESTS, 2));
    assert_refused(-EFAULT, call(cmd, ABSENT, 1));
    assert_string_equal(log_text(), "");
    memcpy(machine_requests(), op, bytes);
    hooks.read_only = true;
    assert_int_equal(call(cmd, GUEST_REQUESTS, 1), -EFAULT);
    hooks.read_only = false;
    log_clear();
    assert_int_equal(grant_call(cmd, op, 1, bytes), 0);
}

static int setup_of(domid_t dom, uint32_t frames, uint64_t list)
{
    struct gnttab_setup_table op = { .dom = dom, .nr_frames = frames, .status = 99 };

    set_xen_guest_handle(op.frame_list, (xen_pfn_t *)list);
    single(GNTTABOP_setup_table, &op, sizeof(op));
    return op.status;
}

static void tables_set_up(void **state)
{
    struct gnttab_setup_table op = { .dom = DOMID_SELF };
    struct gnttab *gt = machine_guest.gnttab;
    const uint64_t *list = (uint64_t *)(machine_guest_memory + 0x8000);

    (void)state;
    assert_int_equal(setup_of(NOBODY, 1, LIST), GNTST_bad_domain);
    says("domain-unknown");
    assert_int_equal(setup_of(CONTROL, 1, LIST), GNTST_permission_denied);
    says("domain-foreign");
    assert_int_equal(setup_of(DOMID_SELF, gnttab_frames_limit + 1, LIST), GNTST_general_error);
    says("too-many-frames");
    assert_int_equal(setup_of(DOMID_SELF, gnttab_frames_limit, LIST), GNTST_general_error);
    says("out-of-memory");
    assert_int_equal(setup_of(DOMID_SELF, 3, LIST), 0);
    says(0);
    assert_int_equal(gt->frames, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_ptr_equal(frame_va(mfn_of(list[i])), gt->shared[i]);
    assert_int_equal(list[3], 0); /* nothing behind the list's end */
    /* Those that there are stay; a list that cannot be written in part is an error all the same. */
    assert_int_equal(setup_of(machine_guest.id, 2, GUEST_VA + GUEST_BYTES - 8),
                     GNTST_bad_virt_addr);
    says("list-unwritable");
    assert_int_equal(setup_of(DOMID_SELF, 1, ABSENT), GNTST_bad_virt_addr);
    assert_int_equal(gt->frames, 3);
    set_xen_guest_handle(op.frame_list, (xen_pfn_t *)HV_VA_START);
    memcpy(machine_requests(), &op, sizeof(op));
    assert_refused(-EFAULT, call(GNTTABOP_setup_table, GUEST_REQUESTS, 1));
    machine_checks_off = true;
    machine_guest.gnttab = 0;
    assert_int_equal(setup_of(DOMID_SELF, 1, LIST), GNTST_bad_domain);
    says("domain-unknown");
    machine_guest.gnttab = gt;
    machine_checks_off = false;
    hooks_reset();
    hooks.fail_at = 1;
    memset(&op, 0, sizeof(op));
    op = (struct gnttab_setup_table){ .dom = DOMID_SELF, .nr_frames = 5 };
    set_xen_guest_handle(op.frame_list, (xen_pfn_t *)LIST);
    assert_int_equal(grant_call(GNTTABOP_setup_table, &op, 1, sizeof(op)), 0);
    assert_int_equal(op.status, GNTST_general_error);
    says("out-of-memory");
    hooks_reset();
    machine_run(2);
    assert_int_equal(setup_of(machine_guest.id, 4, LIST), 0);
    assert_int_equal(gt->frames, 4);
}

static void sizes(void **state)
{
    struct gnttab_query_size op = { .dom = DOMID_SELF, .status = 99 };

    (void)state;
    single(GNTTABOP_query_size, &op, sizeof(op));
    says(0);
    assert_int_equal(op.status, 0);
    assert_int_equal(op.nr_frames, machine_guest.gnttab->frames);
    assert_int_equal(op.max_nr_frames, gnttab_frames_limit);
    op = (struct gnttab_query_size){ .dom = NOBODY, .nr_frames = 7 };
    single(GNTTABOP_query_size, &op, sizeof(op));
    says("domain-unknown");
    assert_int_equal(op.status, GNTST_bad_domain);
    assert_int_equal(op.nr_frames, 7);
}

static int status_frames(domid_t dom, uint32_t frames)
{
    gnttab_get_status_frames_t op = { .dom = dom, .nr_frames = frames, .status = 99 };

    single(GNTTABOP_get_status_frames, &op, sizeof(op));
    return op.status;
}

static void frames_of_version_2(void **state)
{
    (void)state;
    assert_int_equal(status_frames(DOMID_SELF, 0), 0);
    says(0);
    assert_int_equal(status_frames(DOMID_SELF, 1), GNTST_general_error);
    says("no-status-frames");
    assert_int_equal(status_frames(CONTROL, 1), GNTST_permission_denied);
    says("domain-foreign");
}

static void versions(void **state)
{
    static const long results[] = { -EINVAL, 0, -ENOSYS, -EINVAL };

    (void)state;
    log_clear();
    for (uint32_t version = 0; version < 4; version++) {
        gnttab_set_version_t op = { .version = version };

        assert_int_equal(grant_call(GNTTABOP_set_version, &op, 1, sizeof(op)), results[version]);
        assert_int_equal(op.version, 1);
        says(results[version] ? "version-not-offered" : 0);
    }
    assert_refused(-EFAULT, call(GNTTABOP_set_version, ABSENT, 1));
    says(0);
    hooks.read_only = true;
    memset(machine_requests(), 0, 16);
    assert_int_equal(call(GNTTABOP_set_version, GUEST_REQUESTS, 1), -EFAULT);
    hooks.read_only = false;
    log_clear();
    for (unsigned i = 0; i < 3; i++) {
        gnttab_get_version_t op = { .dom = i == 0   ? DOMID_SELF
                                           : i == 1 ? NOBODY
                                                    : CONTROL,
                                    .version = 9 };

        assert_int_equal(grant_call(GNTTABOP_get_version, &op, 1, sizeof(op)), i == 0   ? 0
                                                                               : i == 1 ? -ESRCH
                                                                                        : -EPERM);
        says(i == 0 ? 0 : i == 1 ? "domain-unknown" : "domain-foreign");
        assert_int_equal(op.version, i ? 9 : 1);
    }
    assert_refused(-EFAULT, call(GNTTABOP_get_version, ABSENT, 1));
    says(0);
    memcpy(machine_requests(), &(gnttab_get_version_t){ .dom = DOMID_SELF }, 4);
    hooks.read_only = true;
    assert_int_equal(call(GNTTABOP_get_version, GUEST_REQUESTS, 1), -EFAULT);
    hooks.read_only = false;
}

/* Each request of a batch has its status; cut anywhere, the rest follows. */
static void entries_swapped(void **state)
{
    gnttab_swap_grant_ref_t ops[4] = { { REF1, 20, 9 }, { 1u << 30, 21, 9 }, { REF2, 21, 9 } };

    (void)state;
    machine_run(2);
    ops[3].status = 77; /* behind the end */
    for (unsigned long k = 0; k < 4; k++) {
        uint64_t a = *gnttab_shared(machine_control.gnttab, REF1);
        uint64_t b = *gnttab_shared(machine_control.gnttab, 20);

        hooks_reset();
        hooks.preempt_at = k == 3 ? ALWAYS : k;
        log_clear();
        assert_int_equal(grant_call(GNTTABOP_swap_grant_ref, ops, 3, sizeof(ops)), 0);
        assert_int_equal(machine_restarts, k == 3 ? 2 : k ? 1 : 0);
        assert_int_equal(ops[3].status, 77);
        assert_int_equal(ops[0].status, 0);
        assert_int_equal(ops[1].status, GNTST_bad_gntref);
        assert_int_equal(ops[2].status, 0);
        assert_non_null(strstr(log_text(), "refused grant_table_op swap_grant_ref["));
        assert_non_null(strstr(log_text(), "reference-beyond-table: status -3\n"));
        assert_int_equal(*gnttab_shared(machine_control.gnttab, REF1), b);
        assert_int_equal(*gnttab_shared(machine_control.gnttab, 20), a);
    }
    hooks_reset();
    log_clear();
    assert_refused(-EFAULT, call(GNTTABOP_swap_grant_ref, ABSENT, 1));
    assert_refused(-EFAULT, call(GNTTABOP_swap_grant_ref, HV_VA_START, 1));
    says(0);
    memcpy(machine_requests(), ops, sizeof(ops));
    hooks.read_only = true;
    assert_int_equal(call(GNTTABOP_swap_grant_ref, GUEST_REQUESTS, 3), -EFAULT);
    hooks.read_only = false;
}

static long flush(mfn_t mfn, uint32_t offset, uint32_t length, uint32_t op)
{
    gnttab_cache_flush_t f = { .length = (uint16_t)length, .offset = (uint16_t)offset, .op = op };

    f.a.dev_bus_addr = mfn_to_ma(mfn);
    log_clear();
    return grant_call(GNTTABOP_cache_flush, &f, 1, sizeof(f));
}

static void caches_flushed(void **state)
{
    const uint32_t clean = GNTTAB_CACHE_CLEAN, drop = GNTTAB_CACHE_INVAL;
    uint32_t handle;

    (void)state;
    assert_int_equal(flush(gs.own, 0, PAGE_SIZE, clean), 0);
    assert_int_equal(flush(gs.own, PAGE_SIZE - 1, 1, clean | drop), 0);
    says(0);
    assert_int_equal(flush(gs.own, PAGE_SIZE, 0, clean), -EINVAL);
    assert_int_equal(flush(gs.own, 0, PAGE_SIZE + 1, clean), -EINVAL);
    assert_int_equal(flush(gs.own, 1, PAGE_SIZE, clean), -EINVAL);
    assert_int_equal(flush(gs.own, 0, 8, 4), -EINVAL);
    says("cache-flush-argument");
    assert_int_equal(flush(mfn_of(frame_limit), 0, 0, clean), 0);
    assert_int_equal(flush(mfn_of(frame_limit), 0, 8, 0), 0);
    assert_int_equal(flush(mfn_of(frame_limit), 0, 8, clean), -EINVAL);
    says("frame-beyond-memory");
    assert_int_equal(flush(mfn_of(frame_limit - 1), 0, 8, clean), -EPERM);
    says("frame-not-a-domain's");
    assert_int_equal(flush(mfn_of(0), 0, 8, clean), -EPERM);
    assert_int_equal(flush(gs.own, 0, 8, drop), -EOPNOTSUPP);
    says("cache-invalidate");
    assert_int_equal(flush(gs.page, 0, 8, clean), -EINVAL);
    says("frame-not-mapped-by-grant");
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map, &handle), 0);
    assert_int_equal(flush(gs.page, 0, 8, clean), 0);
    assert_int_equal(grant_unmap_at(1, handle, MFN_NONE), 0);
    log_clear();
    assert_int_equal(call(GNTTABOP_cache_flush, ABSENT, 1), -EFAULT);
    says(0);
}

/* A batch of them is continued where it was cut. */
static void caches_flushed_in_pieces(void **state)
{
    gnttab_cache_flush_t f[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        f[i] = (gnttab_cache_flush_t){ .length = 8, .op = GNTTAB_CACHE_CLEAN };
        f[i].a.dev_bus_addr = mfn_to_ma(i == 2 ? mfn_of(frame_limit) : gs.own);
    }
    for (unsigned long k = 0; k < 4; k++) {
        hooks_reset();
        hooks.preempt_at = k == 3 ? ALWAYS : k;
        log_clear();
        assert_int_equal(grant_call(GNTTABOP_cache_flush, f, 3, sizeof(f)), -EINVAL);
        assert_int_equal(machine_restarts, k == 3 ? 2 : k ? 1 : 0);
        says("frame-beyond-memory");
    }
}

static void commands(void **state)
{
    (void)state;
    log_clear();
    assert_refused(-EINVAL, call(GNTTABOP_query_size, GUEST_REQUESTS, 1u << 31));
    says("count-negative");
    assert_refused(-EINVAL, call(GNTTABOP_query_size, GUEST_REQUESTS, INT32_MAX));
    says(0);
    assert_refused(-EINVAL, call(GNTTABOP_query_size | 0x1000, GUEST_REQUESTS, 1));
    says("command-bits");
    assert_int_equal(call(GNTTABOP_cache_flush | 0x1000, GUEST_REQUESTS, 0), 0);
    assert_refused(-EOPNOTSUPP, call(GNTTABOP_transfer, GUEST_REQUESTS, 1));
    says("left-out");
    assert_refused(-EFAULT, call(GNTTABOP_transfer, HV_VA_START, 1));
    assert_refused(-ENOSYS, call(13, GUEST_REQUESTS, 1));
    assert_refused(-ENOSYS, call(GNTTABOP_dump_table, GUEST_REQUESTS, 1));
    says("command-unknown");
    /* A batch of none is carried out. */
    assert_int_equal(call(GNTTABOP_map_grant_ref, GUEST_REQUESTS, 0), 0);
    assert_refused(-EFAULT, call(GNTTABOP_map_grant_ref, HV_VA_START, 0));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, grant_stage_make, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(tables_set_up),   T(sizes),          T(frames_of_version_2),      T(versions),
        T(entries_swapped), T(caches_flushed), T(caches_flushed_in_pieces), T(commands),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
