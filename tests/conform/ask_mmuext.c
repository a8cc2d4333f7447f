/*
 * SPDX-License-Identifier: MIT
 *
 * ask_mmuext.c - mmuext_op: every command with every kind of argument, domain and list.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"

#include "hypercall.h"

#include <string.h>

/* One operation, told with `done`; what it has done is undone. */
static void op_told(mmuext_op_t op, unsigned int dom)
{
    unsigned int done = 77;
    long rc = hypercall_mmuext_op(&op, 1, &done, dom);

    tell_rc(rc);
    tell("done=%u", done);
    if (!rc && op.cmd <= MMUEXT_PIN_L4_TABLE)
        tell("undo=%lu", (unsigned long)mmuext_one(MMUEXT_UNPIN_TABLE, mfn_of(op.arg1.mfn)));
    if (!rc && op.cmd == MMUEXT_NEW_USER_BASEPTR)
        tell("undo=%lu", (unsigned long)mmuext_one(MMUEXT_NEW_USER_BASEPTR, mfn_of(0)));
    told();
}

static const unsigned int ids[] = { DOMID_SELF,    0,          1,
                                    DOMID_IO,      DOMID_XEN,  DOMID_COW,
                                    DOMID_INVALID, DOMID_IDLE, 0x8000,
                                    0xffff,        0x17ff0,    0x27ff0 };
#define IDS (sizeof(ids) / sizeof(ids[0]))

static void commands(void)
{
    static const unsigned int more[] = { 64, 255, 256, 0x7fffffff, 0x80000000, 0xffffffff };

    for (unsigned int cmd = 0; cmd < 32; cmd++)
        for (unsigned int i = 0; i < IDS; i++) {
            ask("mmuext/command/%u/%x", cmd, ids[i]);
            op_told((mmuext_op_t){ .cmd = cmd }, ids[i]);
        }
    for (unsigned int i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        ask("mmuext/command/%x", more[i]);
        op_told((mmuext_op_t){ .cmd = more[i] }, DOMID_SELF);
    }
    for (unsigned int i = 0; i < IDS; i++) {
        unsigned int done = 77;

        ask("mmuext/empty/%x", ids[i]);
        tell_rc(hypercall_mmuext_op(NULL, 0, &done, ids[i]));
        tell("done=%u", done);
        told();
    }
}

/* It would be left without the kernel's mappings. */
static bool deadly(unsigned int cmd, unsigned int kind)
{
    return cmd == MMUEXT_NEW_BASEPTR && (kind == KIND_L4 || kind == KIND_T4 || kind == KIND_RO ||
                                         kind == KIND_BARE || kind == KIND_SEG);
}

static void frames(void)
{
    static const unsigned int cmds[] = { MMUEXT_PIN_L1_TABLE,     MMUEXT_PIN_L2_TABLE,
                                         MMUEXT_PIN_L3_TABLE,     MMUEXT_PIN_L4_TABLE,
                                         MMUEXT_UNPIN_TABLE,      MMUEXT_NEW_BASEPTR,
                                         MMUEXT_NEW_USER_BASEPTR, MMUEXT_CLEAR_PAGE,
                                         MMUEXT_MARK_SUPER,       MMUEXT_UNMARK_SUPER };

    for (unsigned int c = 0; c < sizeof(cmds) / sizeof(cmds[0]); c++)
        for (unsigned int kind = 0; kind < KINDS; kind++) {
            bool pinned = (kind >= KIND_T1 && kind <= KIND_T4) || kind == KIND_L4;

            if (deadly(cmds[c], kind) || (cmds[c] == MMUEXT_CLEAR_PAGE && kind == KIND_SHARED))
                continue;
            /* The root would lose its pin and nothing else; it gets it back. */
            ask("mmuext/frame/%u/%s", cmds[c], kinds[kind].name);
            op_told((mmuext_op_t){ .cmd = cmds[c], .arg1.mfn = kinds[kind].mfn.n }, DOMID_SELF);
            if (cmds[c] == MMUEXT_UNPIN_TABLE && (pinned || kind == KIND_ROOT)) {
                unsigned int level = kind == KIND_ROOT || kind == KIND_L4 ? 4 : kind - KIND_T1 + 1;

                must(mmuext_one(MMUEXT_PIN_L1_TABLE + level - 1, kinds[kind].mfn), "pin again");
            }
        }
    for (unsigned int kind = 0; kind < KINDS; kind++) {
        ask("mmuext/copy-from/%s", kinds[kind].name);
        op_told((mmuext_op_t){ .cmd = MMUEXT_COPY_PAGE,
                               .arg1.mfn = kinds[KIND_RO].mfn.n,
                               .arg2.src_mfn = kinds[kind].mfn.n },
                DOMID_SELF);
        if (kind == KIND_SHARED)
            continue;
        ask("mmuext/copy-to/%s", kinds[kind].name);
        op_told((mmuext_op_t){ .cmd = MMUEXT_COPY_PAGE,
                               .arg1.mfn = kinds[kind].mfn.n,
                               .arg2.src_mfn = kinds[KIND_B].mfn.n },
                DOMID_SELF);
    }
    must(hypercall_mmuext_op(
             &(mmuext_op_t){ .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = kinds[KIND_RO].mfn.n }, 1, NULL,
             DOMID_SELF),
         "clear");
}

/* Contents: copied and cleared in full. */
static void contents(void)
{
    uint64_t *a = page_va(kinds[KIND_A].pfn), *b = page_va(kinds[KIND_B].pfn), sum = 0;
    mmuext_op_t op = { .cmd = MMUEXT_COPY_PAGE,
                       .arg1.mfn = kinds[KIND_B].mfn.n,
                       .arg2.src_mfn = kinds[KIND_A].mfn.n };

    for (unsigned int i = 0; i < 512; i++)
        a[i] = i * 0x9e3779b97f4a7c15;
    ask("mmuext/copied");
    tell_rc(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF));
    tell("same=%u", !memcmp(a, b, PAGE_SIZE));
    told();
    op.arg1.mfn = op.arg2.src_mfn;
    ask("mmuext/copied-to-itself");
    tell_rc(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF));
    tell("same=%u", !memcmp(a, b, PAGE_SIZE));
    told();
    op = (mmuext_op_t){ .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = kinds[KIND_B].mfn.n };
    ask("mmuext/cleared");
    tell_rc(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF));
    for (unsigned int i = 0; i < 512; i++)
        sum |= b[i];
    tell("sum=%lx", sum);
    told();
    memset(a, 0, PAGE_SIZE);
}

static void flushes(void)
{
    static uint64_t set[8] = { 1 };
    static const uint64_t va[] = {
        0, 0x1000, 0x1001, 0x0000800000000000, HV_VA_START, 0xffff830000000000, HV_VA_END, ~0UL
    };
    static const struct {
        const char *name;
        const void *set;
    } sets[] = { { "one", set },
                 { "null", NULL },
                 { "unreadable", (void *)0x10 },
                 { "hypervisor", (void *)HV_VA_START },
                 { "noncanonical", (void *)0x0000800000000000 },
                 { "last", (void *)0xfffffffffffffff8 } };
    static const unsigned int single[] = { MMUEXT_TLB_FLUSH_LOCAL, MMUEXT_INVLPG_LOCAL,
                                           MMUEXT_TLB_FLUSH_ALL,   MMUEXT_INVLPG_ALL,
                                           MMUEXT_FLUSH_CACHE,     MMUEXT_FLUSH_CACHE_GLOBAL };

    for (unsigned int i = 0; i < sizeof(va) / sizeof(va[0]); i++) {
        for (unsigned int c = 0; c < sizeof(single) / sizeof(single[0]); c++) {
            ask("mmuext/flush/%u/%lx", single[c], va[i]);
            op_told((mmuext_op_t){ .cmd = single[c], .arg1.linear_addr = va[i] }, DOMID_SELF);
        }
        for (unsigned int s = 0; s < sizeof(sets) / sizeof(sets[0]); s++)
            for (unsigned int cmd = MMUEXT_TLB_FLUSH_MULTI; cmd <= MMUEXT_INVLPG_MULTI; cmd++) {
                mmuext_op_t op = { .cmd = cmd, .arg1.linear_addr = va[i] };

                set_xen_guest_handle(op.arg2.vcpumask, sets[s].set);
                ask("mmuext/flush/%u/%lx/%s", cmd, va[i], sets[s].name);
                op_told(op, DOMID_SELF);
            }
    }
}

/* ---- lists ---- */

static mmuext_op_t ops[48];

static void lists(void)
{
    static const uint64_t bad[] = { 0,
                                    0x10,
                                    0x00007ffffffffff0,
                                    0x0000800000000000,
                                    HV_VA_START,
                                    0xffff830000000000,
                                    HV_VA_END - 24,
                                    0xffffffffffffffff };
    static const unsigned int at[] = { 0, 1, 7, 47 };
    unsigned int done;

    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        for (unsigned int big = 0; big < 2; big++) {
            done = 77;
            ask("mmuext/list-at/%lx/%s", bad[i], big ? "most" : "1");
            tell_rc(hypercall_mmuext_op((void *)bad[i], big ? 0x7fffffff : 1, &done, DOMID_SELF));
            tell("done=%u", done);
            told();
        }
    for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++)
        for (unsigned int cmd = 0; cmd < 3; cmd++) {
            static const unsigned int failing[] = { MMUEXT_UNPIN_TABLE, 14, 99 };

            for (unsigned int n = 0; n < 48; n++)
                ops[n] = (mmuext_op_t){ .cmd = MMUEXT_TLB_FLUSH_LOCAL };
            ops[at[i]] = (mmuext_op_t){ .cmd = failing[cmd] };
            done = 77;
            ask("mmuext/list/%u-at/%u", failing[cmd], at[i]);
            tell_rc(hypercall_mmuext_op(ops, 48, &done, DOMID_SELF));
            tell("done=%u", done);
            told();
        }
    for (unsigned int n = 0; n < 48; n++)
        ops[n] = (mmuext_op_t){ .cmd = MMUEXT_TLB_FLUSH_LOCAL };
    done = 10;
    ask("mmuext/list/preempted-bit");
    tell_rc(hypercall_mmuext_op(ops, 3 | 1U << 31, &done, DOMID_SELF));
    tell("done=%u", done);
    told();
    done = 10;
    ask("mmuext/list/preempted-bit-0");
    tell_rc(hypercall_mmuext_op(ops, 1U << 31, &done, DOMID_SELF));
    tell("done=%u", done);
    told();
    ask("mmuext/list/done-unwritable");
    tell_rc(hypercall_mmuext_op(ops, 3, (unsigned int *)0x10, DOMID_SELF));
    told();
}

void ask_mmuext(void)
{
    commands();
    frames();
    contents();
    flushes();
    lists();
}
