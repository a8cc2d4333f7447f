/*
 * SPDX-License-Identifier: MIT
 *
 * ask_roots.c - roots: the base pointers of kernel and user, what the hypervisor shows in them,
 * what may be done to a root that is in use, and what long requests leave behind.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"

#include "hypercall.h"
#include "mm/aspace.h"
#include "mm/page.h"
#include "mm/pt_page.h"
#include "traps.h"

#include <string.h>

static struct kind copy; /* an L4 with the kernel's half of the running one */

static void copy_fill(pte_t *table)
{
    const pte_t *root = page_va(kernel_aspace.l4);

    for (unsigned int i = KERNEL_L4_SLOT; i < PT_ENTRIES; i++)
        table[i] = root[i];
}

static void copy_make(void)
{
    must(pt_page_make(4, copy_fill, &copy.pfn), "copy");
    copy.mfn = p2m(copy.pfn);
    copy.name = "copy";
    record_name(copy.mfn, copy.name);
}

static long base(unsigned int cmd, mfn_t mfn)
{
    return mmuext_one(cmd, mfn);
}

static void m2p_told(void)
{
    struct trap_report report = { 0 };
    uint64_t value;
    bool caught = probe_read(M2P_VA_START + kinds[KIND_A].mfn.n * 8, &value, &report);

    tell("slot-256=%u", slot_read(&copy, 256) != 0);
    if (caught)
        tell("m2p vec=%u err=%x", report.vector, report.error);
    else
        tell("m2p=%u", value == kinds[KIND_A].pfn.n);
}

/* One step each: how the M2P's slot comes and goes, with and without m2p_strict. */
static void m2p_slot(void)
{
    for (unsigned int strict = 0; strict < 2; strict++) {
        (void)hypercall_vm_assist(strict ? VMASST_CMD_enable : VMASST_CMD_disable,
                                  VMASST_TYPE_m2p_strict);
        copy_make();
        ask("root/m2p/%s/pinned", strict ? "strict" : "plain");
        m2p_told();
        told();
        ask("root/m2p/%s/user", strict ? "strict" : "plain");
        tell_rc(base(MMUEXT_NEW_USER_BASEPTR, copy.mfn));
        m2p_told();
        told();
        ask("root/m2p/%s/kernel", strict ? "strict" : "plain");
        tell_rc(base(MMUEXT_NEW_BASEPTR, copy.mfn));
        m2p_told();
        told();
        ask("root/m2p/%s/user-again", strict ? "strict" : "plain");
        tell_rc(base(MMUEXT_NEW_USER_BASEPTR, mfn_of(0)));
        tell_rc(base(MMUEXT_NEW_USER_BASEPTR, copy.mfn));
        m2p_told();
        told();
        ask("root/m2p/%s/left", strict ? "strict" : "plain");
        tell_rc(base(MMUEXT_NEW_BASEPTR, kinds[KIND_ROOT].mfn));
        tell_rc(base(MMUEXT_NEW_USER_BASEPTR, mfn_of(0)));
        m2p_told();
        told();
        ask("root/m2p/%s/as-page", strict ? "strict" : "plain");
        tell_rc(mmuext_one(MMUEXT_UNPIN_TABLE, copy.mfn));
        tell("slot-256=%u slot-260=%u", slot_read(&copy, 256) != 0, slot_read(&copy, 260) != 0);
        tell_rc(page_rights(copy.pfn, PTE_P | PTE_RW));
        told();
        record_unname(copy.mfn);
        page_put(copy.pfn);
    }
    (void)hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_m2p_strict);
}

/* ---- what may be done to a root in use ---- */

/*
 * k, u: base pointers to the copy; K, U: back, none. p, P: unpin, pin. w, r: writable, read-only.
 * 1-3: pin as.
 */
static void step(char what)
{
    long rc;

    switch (what) {
    case 'k':
        rc = base(MMUEXT_NEW_BASEPTR, copy.mfn);
        break;
    case 'u':
        rc = base(MMUEXT_NEW_USER_BASEPTR, copy.mfn);
        break;
    case 'K':
        rc = base(MMUEXT_NEW_BASEPTR, kinds[KIND_ROOT].mfn);
        break;
    case 'U':
        rc = base(MMUEXT_NEW_USER_BASEPTR, mfn_of(0));
        break;
    case 'p':
        rc = mmuext_one(MMUEXT_UNPIN_TABLE, copy.mfn);
        break;
    case 'P':
        rc = mmuext_one(MMUEXT_PIN_L4_TABLE, copy.mfn);
        break;
    case 'w':
        rc = page_rights(copy.pfn, PTE_P | PTE_RW);
        break;
    case 'r':
        rc = page_rights(copy.pfn, PTE_P);
        break;
    case 'e': /* an entry of the running root */
        rc = update_one(slot_ma(&copy, 300), pte_make(kinds[KIND_T3].mfn, PTE_P), NULL);
        break;
    case 'E':
        rc = update_one(slot_ma(&copy, 300), 0, NULL);
        break;
    default:
        rc = mmuext_one(MMUEXT_PIN_L1_TABLE + (unsigned int)(what - '1'), copy.mfn);
    }
    if (rc < 0)
        tell("%c:-%lu", what, -(unsigned long)rc);
    else
        tell("%c:%lu", what, (unsigned long)rc);
}

static void orders(void)
{
    static const char *const list[] = {
        "kK",    "kkK",  "kpK",    "kpwKwr", "kpPK",  "kPK",    "k1K",      "kwK",    "uU",
        "uuU",   "upU",  "upwUwr", "upUwr",  "kuKU",  "kuUK",   "kupKwUwr", "kueEKU", "keEK",
        "kpeEK", "pkK",  "pkPK",   "pkwKwr", "puU",   "puwUwr", "pkuKwUwr", "pwkr",   "pwu",
        "pwr1",  "p1kp", "p2up",   "p3kp",   "kpKkK", "kpKwrk", "upUwru"
    };

    for (unsigned int i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        copy_make();
        ask("root/order/%s", list[i]);
        for (const char *s = list[i]; *s; s++)
            if (*s != ' ')
                step(*s);
        told();
        (void)base(MMUEXT_NEW_BASEPTR, kinds[KIND_ROOT].mfn);
        (void)base(MMUEXT_NEW_USER_BASEPTR, mfn_of(0));
        (void)mmuext_one(MMUEXT_UNPIN_TABLE, copy.mfn);
        must(page_rights(copy.pfn, PTE_P | PTE_RW), "writable");
        record_unname(copy.mfn);
        page_put(copy.pfn);
    }
}

/* ---- long requests: the count is of the whole list ---- */

static mmuext_op_t ops[1024];
static mmu_update_t reqs[2048];

static void long_requests(void)
{
    unsigned int done;

    for (unsigned int count = 16; count <= 1024; count *= 2) {
        for (unsigned int i = 0; i < count; i++)
            ops[i] = (mmuext_op_t){ .cmd = i % 2 ? MMUEXT_UNPIN_TABLE : MMUEXT_PIN_L1_TABLE,
                                    .arg1.mfn = kinds[KIND_RO].mfn.n };
        done = 77;
        ask("root/long/pins/%u", count);
        tell_rc(hypercall_mmuext_op(ops, count, &done, DOMID_SELF));
        tell("done=%u", done);
        told();
        ops[count - 1].cmd = 99;
        done = 77;
        ask("root/long/pins/%u/last-fails", count);
        tell_rc(hypercall_mmuext_op(ops, count, &done, DOMID_SELF));
        tell("done=%u", done);
        tell_rc(mmuext_one(MMUEXT_UNPIN_TABLE, kinds[KIND_RO].mfn));
        told();
    }
    for (unsigned int count = 16; count <= 2048; count *= 2) {
        for (unsigned int i = 0; i < count; i++)
            reqs[i] =
                (mmu_update_t){ slot_ma(&kinds[KIND_L1], 100 + i % 256),
                                i / 256 % 2 ? 0 : pte_make(kinds[KIND_A].mfn, PTE_P | PTE_RW) };
        reqs[count - 1].ptr |= 7;
        done = 77;
        ask("root/long/updates/%u", count);
        tell_rc(hypercall_mmu_update(reqs, count, &done, DOMID_SELF));
        tell("done=%u", done);
        told();
        for (unsigned int i = 0; i < 256; i++)
            reqs[i] = (mmu_update_t){ slot_ma(&kinds[KIND_L1], 100 + i), 0 };
        must(hypercall_mmu_update(reqs, 256, NULL, DOMID_SELF), "clear");
    }
}

void ask_roots(void)
{
    m2p_slot();
    orders();
    long_requests();
}
