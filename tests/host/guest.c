/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of the test machine: memory behind guest pointers, hypercalls with their restarts,
 * and the rooms above pt/ that the requests call.
 */
#include "machine.h"

#include <stdio.h>
#include <string.h>

#include "guest_word_copy.h"
#include "mm/hv_map.h"
#include "mm/refusal.h"
#include "mm/tlb.h"
#include "pt/pin.h"
#include "pv/descriptor.h"

uint8_t machine_guest_memory[GUEST_BYTES];
static uint8_t bytes_read[GUEST_BYTES]; /* by the hypercall under way */
void (*machine_between_restarts)(void);
unsigned machine_restarts;

static struct {
    bool wanted;
    unsigned nr;
    uint64_t args[5];
} restart;

static bool in_guest_memory(uint64_t va, size_t bytes)
{
    return va >= GUEST_VA && bytes <= GUEST_BYTES && va - GUEST_VA <= GUEST_BYTES - bytes;
}

int guest_read(void *dst, uint64_t va, size_t bytes)
{
    uint64_t at = va - GUEST_VA;

    if (!in_guest_memory(va, bytes)) {
        memset(dst, 0xa5, bytes); /* nothing that anybody may look at */
        return -EFAULT;
    }
    for (size_t i = 0; i < bytes; i++) {
        uint8_t byte = machine_guest_memory[at + i];

        hooks.double_reads += bytes_read[at + i] != 0;
        ((uint8_t *)dst)[i] = hooks.flip && bytes_read[at + i] ? (uint8_t)~byte : byte;
        bytes_read[at + i] = 1;
    }
    return 0;
}

int guest_write(uint64_t va, const void *src, size_t bytes)
{
    if (!in_guest_memory(va, bytes) || hooks.read_only)
        return -EFAULT;
    memcpy(machine_guest_memory + (va - GUEST_VA), src, bytes);
    memset(bytes_read + (va - GUEST_VA), 0, bytes);
    return 0;
}

int guest_zero(uint64_t va, size_t bytes)
{
    if (!in_guest_memory(va, bytes))
        return -EFAULT;
    memset(machine_guest_memory + (va - GUEST_VA), 0, bytes);
    return 0;
}

long hypercall_restart(unsigned nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    restart.wanted = true;
    restart.nr = nr;
    memcpy(restart.args, (uint64_t[]){ a1, a2, a3, a4, a5 }, sizeof(restart.args));
    return 0;
}

long machine_hypercall(hypercall_fn *fn, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    struct percpu *cpu = machine_this_cpu;
    unsigned restarts = 0;
    long rc;

    refusal_clear(); /* of what a test asked lower layers for */
    memcpy(restart.args, (uint64_t[]){ a1, a2, a3, a4, 0 }, sizeof(restart.args));
    for (;;) {
        restart.wanted = false;
        memset(bytes_read, 0, sizeof(bytes_read));
        rc = fn(restart.args[0], restart.args[1], restart.args[2], restart.args[3], 0);
        assert_int_not_equal(rc, -ERESTART);
        machine_restarts = restarts;
        if (!restart.wanted) {
            /* A reason left behind would explain the next refusal, of another request. */
            assert_null(this_cpu()->refusal.rule);
            return rc;
        }
        machine_check("between restarts");
        if (++restarts > 100000)
            fail_msg("a hypercall is restarted without end");
        if (machine_between_restarts) {
            uint64_t args[5];

            memcpy(args, restart.args, sizeof(args));
            machine_between_restarts();
            memcpy(restart.args, args, sizeof(args));
            machine_this_cpu = cpu;
        }
    }
}

long op_explained(const char *what, const char *rule, hypercall_fn *fn, uint64_t a1, uint64_t a2)
{
    char line[96];
    long rc;

    snprintf(line, sizeof(line), " rule %s: ", rule ? rule : "");
    log_clear();
    rc = machine_hypercall(fn, a1, a2, 0, 0);
    machine_check(what);
    if (rule ? !strstr(log_text(), line) || !strstr(log_text(), what) : *log_text())
        fail_msg("%s: not %s but: %s", what, rule ? rule : "silent", log_text());
    return rc;
}

void *machine_requests(void)
{
    return machine_guest_memory + (GUEST_REQUESTS - GUEST_VA);
}

uint32_t machine_done(void)
{
    uint32_t done;

    memcpy(&done, machine_guest_memory + (GUEST_DONE - GUEST_VA), sizeof(done));
    return done;
}

static long ext(unsigned cmd, mfn_t mfn)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.mfn = mfn.n };
    long rc;

    memcpy(machine_requests(), &op, sizeof(op));
    rc = machine_hypercall(hc_mmuext_op, GUEST_REQUESTS, 1, GUEST_DONE, DOMID_SELF);
    assert_int_equal(machine_done(), rc ? 0 : 1);
    machine_check("mmuext_op");
    return rc;
}

long op_pin(mfn_t mfn, unsigned level)
{
    return ext(MMUEXT_PIN_L1_TABLE + level - 1, mfn);
}

long op_unpin(mfn_t mfn)
{
    return ext(MMUEXT_UNPIN_TABLE, mfn);
}

long op_baseptr(mfn_t mfn)
{
    return ext(MMUEXT_NEW_BASEPTR, mfn);
}

long op_user_baseptr(mfn_t mfn)
{
    return ext(MMUEXT_NEW_USER_BASEPTR, mfn);
}

static long update(mfn_t table, unsigned slot, unsigned cmd, uint64_t value)
{
    struct mmu_update req = { mfn_to_ma(table) + slot * 8ul + cmd, value };
    long rc;

    memcpy(machine_requests(), &req, sizeof(req));
    rc = machine_hypercall(hc_mmu_update, GUEST_REQUESTS, 1, GUEST_DONE, DOMID_SELF);
    assert_int_equal(machine_done(), rc ? 0 : 1);
    machine_check("mmu_update");
    return rc;
}

long op_update(mfn_t table, unsigned slot, uint64_t value)
{
    return update(table, slot, MMU_NORMAL_PT_UPDATE, value);
}

long op_update_ad(mfn_t table, unsigned slot, uint64_t value)
{
    return update(table, slot, MMU_PT_UPDATE_PRESERVE_AD, value);
}

long op_update_va(uint64_t va, uint64_t value, uint64_t flags)
{
    long rc = machine_hypercall(hc_update_va_mapping, va, value, flags, 0);

    machine_check("update_va_mapping");
    return rc;
}

void op_first_root(mfn_t mfn)
{
    struct vcpu *v = vcpu_current();

    assert_int_equal(v->cr3_kernel, 0);
    assert_int_equal(root_get(mfn, v->domain->id), 0);
    v->cr3_kernel = mfn_to_ma(mfn);
    hv_map_show_m2p(frame_va(mfn), 1);
    vcpu_load_root(v);
    machine_check("first root");
}

void vcpu_load_root(struct vcpu *v)
{
    tlb_load_root(vcpu_cr3(v));
}

struct domain *domain_find(uint16_t id)
{
    return id == machine_guest.id     ? &machine_guest
           : id == machine_control.id ? &machine_control
           : id == DOMID_SELF         ? domain_current()
                                      : 0;
}
