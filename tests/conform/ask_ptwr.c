/*
 * SPDX-License-Identifier: MIT
 *
 * ask_ptwr.c - plain stores to a live L1, with the assist writable_pagetables: which instructions,
 * sizes and places, and what becomes of the entry and of the flags.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"
#include "trial.h"

#include "hypercall.h"

#include <string.h>

#define SLOT 100U /* of the trial's L1: free */

static struct kind table; /* that L1 */

static const char *const modes[] = { "kernel", "user" };

/*
 * A store of all 64 bits puts frame numbers in; those of others would be of the hypervisor's
 * choice.
 */
static bool stores_all(const char *name)
{
    static const char *const names[] = { "mov64",      "movnti64",       "xchg64", "lock-xchg64",
                                         "cmpxchg64",  "lock-cmpxchg64", "stosq",  "rep-stosq",
                                         "movsq",      "rep-movsq",      "pop",    "cmpxchg8b",
                                         "cmpxchg16b", "mov-moffs" };

    for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

/* Makes another frame number of the one that is there. */
static bool computes(const char *name)
{
    static const char *const names[] = { "mov16",    "xchg16", "sub64",   "sbb64",
                                         "not64",    "neg64",  "shl64-1", "shr64-imm",
                                         "rol64-cl", "shld64", "movbe" };

    for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

/*
 * x87 stores are left out: Xen 4.17 calls a function that is not there. RBX points at the entry.
 * RAX is the new entry, RDX:RAX for the double ones; RCX:RBX cannot be, as RBX is the pointer. RCX
 * counts.
 */
static const struct {
    const char *name, *code;
    unsigned int length;
} stores[] = {
    { "mov8", "\x88\x03", 2 },
    { "mov16", "\x66\x89\x03", 3 },
    { "mov32", "\x89\x03", 2 },
    { "mov64", "\x48\x89\x03", 3 },
    { "mov64-imm", "\x48\xc7\x03\x00\xab\x00\x00", 7 },
    { "mov32-imm", "\xc7\x03\x00\xab\x00\x00", 6 },
    { "mov8-imm", "\xc6\x03\x00", 3 },
    { "movnti32", "\x0f\xc3\x03", 3 },
    { "movnti64", "\x48\x0f\xc3\x03", 4 },
    { "xchg8", "\x86\x03", 2 },
    { "xchg16", "\x66\x87\x03", 3 },
    { "xchg32", "\x87\x03", 2 },
    { "xchg64", "\x48\x87\x03", 3 },
    { "lock-xchg64", "\xf0\x48\x87\x03", 4 },
    { "xadd8", "\x0f\xc0\x03", 3 },
    { "xadd32", "\x0f\xc1\x03", 3 },
    { "xadd64", "\x48\x0f\xc1\x03", 4 },
    { "lock-xadd64", "\xf0\x48\x0f\xc1\x03", 5 },
    { "cmpxchg8", "\x0f\xb0\x0b", 3 },
    { "cmpxchg32", "\x0f\xb1\x0b", 3 },
    { "cmpxchg64", "\x48\x0f\xb1\x0b", 4 },
    { "lock-cmpxchg64", "\xf0\x48\x0f\xb1\x0b", 5 },
    { "cmpxchg8b", "\x0f\xc7\x0b", 3 },
    { "lock-cmpxchg8b", "\xf0\x0f\xc7\x0b", 4 },
    { "cmpxchg16b", "\x48\x0f\xc7\x0b", 4 },
    { "add8", "\x00\x03", 2 },
    { "add64", "\x48\x01\x03", 3 },
    { "lock-add64", "\xf0\x48\x01\x03", 4 },
    { "or32", "\x09\x03", 2 },
    { "or64", "\x48\x09\x03", 3 },
    { "adc64", "\x48\x11\x03", 3 },
    { "sbb64", "\x48\x19\x03", 3 },
    { "and64", "\x48\x21\x03", 3 },
    { "lock-and64", "\xf0\x48\x21\x03", 4 },
    { "sub64", "\x48\x29\x03", 3 },
    { "xor64", "\x48\x31\x03", 3 },
    { "cmp64", "\x48\x39\x03", 3 },
    { "test64", "\x48\x85\x03", 3 },
    { "or8-imm", "\x80\x0b\x20", 3 },
    { "or64-imm8", "\x48\x83\x0b\x20", 4 },
    { "and64-imm8", "\x48\x83\x23\xfd", 4 },
    { "and64-imm32", "\x48\x81\x23\xfd\xff\xff\xff", 7 },
    { "lock-and8-imm", "\xf0\x80\x23\xfd", 4 },
    { "inc64", "\x48\xff\x03", 3 },
    { "dec64", "\x48\xff\x0b", 3 },
    { "not64", "\x48\xf7\x13", 3 },
    { "neg64", "\x48\xf7\x1b", 3 },
    { "shl64-1", "\x48\xd1\x23", 3 },
    { "shr64-imm", "\x48\xc1\x2b\x01", 4 },
    { "rol64-cl", "\x48\xd3\x03", 3 },
    { "shld64", "\x48\x0f\xa4\x03\x04", 5 },
    { "bts64-imm", "\x48\x0f\xba\x2b\x05", 5 },
    { "btr64-imm", "\x48\x0f\xba\x33\x01", 5 },
    { "btc64-imm", "\x48\x0f\xba\x3b\x01", 5 },
    { "bt64-imm", "\x48\x0f\xba\x23\x01", 5 },
    { "lock-btr64-imm", "\xf0\x48\x0f\xba\x33\x01", 6 },
    { "lock-bts32-imm", "\xf0\x0f\xba\x2b\x06", 5 },
    { "bts64", "\x48\x0f\xab\x0b", 4 },
    { "btr64", "\x48\x0f\xb3\x0b", 4 },
    { "stosb", "\x48\x89\xdf\xaa", 4 },
    { "stosq", "\x48\x89\xdf\x48\xab", 5 },
    { "rep-stosq", "\x48\x89\xdf\xf3\x48\xab", 6 },
    { "movsq", "\x48\x89\xdf\x48\xa5", 5 },
    { "rep-movsq", "\x48\x89\xdf\xf3\x48\xa5", 6 },
    { "pop", "\x50\x8f\x03", 3 },
    { "setz", "\x0f\x94\x03", 3 },
    { "mov-seg", "\x8c\x13", 2 },
    { "movbe", "\x48\x0f\x38\xf1\x03", 5 },
    { "movq-xmm", "\x66\x48\x0f\x6e\xc0\x66\x0f\xd6\x03", 9 },
    { "movdqa", "\x66\x48\x0f\x6e\xc0\x66\x0f\x7f\x03", 9 },
    { "movups", "\x66\x48\x0f\x6e\xc0\x0f\x11\x03", 8 },
    { "mov-moffs", "\x48\xa3\x20\xc3\x00\x10\x00\x00\x00\x00", 10 },
    { "xlat", "\xd7", 1 },
    { "sidt", "\x0f\x01\x0b", 3 },
    { "smsw", "\x0f\x01\x23", 3 },
    { "sldt", "\x0f\x00\x03", 3 },
};

/* What is in the entry before. */
enum { EMPTY, PRESENT, GARBAGE, STATES };

static const char *const states[] = { "empty", "present", "absent" };

static pte_t state_entry(unsigned int state)
{
    return state == EMPTY ? 0 : state == PRESENT ? pte_make(kinds[KIND_RO].mfn, PTE_P) : 0xab00;
}

static void slot_set(pte_t value)
{
    must(update_one(slot_ma(&table, SLOT), value, NULL), "the entry");
    must(update_one(slot_ma(&table, SLOT + 1), 0, NULL), "the next entry");
}

static void store_told(struct trial *t)
{
    pte_t *data = trial_page(TRIAL_DATA);

    data[0] = t->in.rax;
    data[1] = 0;
    /* A value that is no number of this suite's must not get into the record. */
    trial_run(t);
    tell("vec=%u", t->vector);
    if (t->has_error)
        tell("err=%lx", t->error);
    if (t->vector == 14)
        tell_va("cr2", t->cr2);
    tell_va("rip", *t->rip);
    tell_pte("rax", t->at.rax);
    tell("rdi=%lx rsi=%lx rcx=%lx rfl=%lx", t->at.rdi, t->at.rsi, t->frame[0], t->rip[2]);
    tell_pte("pte", slot_read(&table, SLOT));
    tell_pte("next", slot_read(&table, SLOT + 1));
    told();
    slot_set(0);
}

static struct trial store_of(enum trial_mode mode, pte_t value)
{
    struct trial t = trial_of(mode);

    t.in.rbx = TRIAL_L1 + SLOT * sizeof(pte_t);
    t.in.rax = value;
    t.in.rcx = 2;
    t.in.rdx = 0;
    t.in.rsi = TRIAL_DATA;
    return t;
}

static void every_store(void)
{
    const struct {
        const char *name;
        pte_t value;
    } values[] = { { "zero", 0 },
                   { "low", 0x20 },
                   { "good", pte_make(kinds[KIND_RO].mfn, PTE_P) },
                   { "bad", pte_make(kinds[KIND_T2].mfn, PTE_P | PTE_RW) } };

    for (unsigned int i = 0; i < sizeof(stores) / sizeof(stores[0]); i++)
        for (unsigned int state = 0; state < STATES; state++)
            for (unsigned int v = 0; v < 4; v++) {
                struct trial t = store_of(IN_KERNEL, values[v].value);

                if ((v > 1 && !stores_all(stores[i].name)) ||
                    (state == PRESENT && computes(stores[i].name)))
                    continue;
                slot_set(state_entry(state));
                trial_code(stores[i].code, stores[i].length);
                ask("ptwr/%s/%s/%s", stores[i].name, states[state], values[v].name);
                store_told(&t);
            }
}

/* From user mode, without the assist, off the entry's boundary, across the page's end. */
static void places(void)
{
    pte_t good = pte_make(kinds[KIND_RO].mfn, PTE_P);

    for (unsigned int i = 0; i < 27; i++) {
        struct trial t = store_of(IN_USER, good);

        trial_code(stores[i].code, stores[i].length);
        ask("ptwr/user/%s", stores[i].name);
        store_told(&t);
        for (unsigned int offset = 1; offset < 8; offset++) {
            t = store_of(IN_KERNEL, 0);
            t.in.rbx += offset;
            slot_set(0xab00);
            trial_code(stores[i].code, stores[i].length);
            ask("ptwr/offset-%u/%s", offset, stores[i].name);
            store_told(&t);
        }
        for (unsigned int back = 1; back <= 8; back++) {
            t = store_of(IN_KERNEL, 0);
            t.in.rbx = TRIAL_L1 + PAGE_SIZE - back;
            trial_code(stores[i].code, stores[i].length);
            ask("ptwr/end-%u/%s", back, stores[i].name);
            store_told(&t);
        }
    }
}

/* Every kind of frame and every flag, by a plain 64-bit store. */
static void entries(void)
{
    for (unsigned int kind = 0; kind < KINDS; kind++)
        for (unsigned int rw = 0; rw < 2; rw++) {
            struct trial t =
                store_of(IN_KERNEL, pte_make(kinds[kind].mfn, PTE_P | (rw ? PTE_RW : 0)));

            trial_code("\x48\x89\x03", 3);
            ask("ptwr/frame/%s/%s", kinds[kind].name, rw ? "rw" : "ro");
            store_told(&t);
        }
    for (unsigned int bit = 0; bit < 64; bit++) {
        struct trial t = store_of(IN_KERNEL, pte_make(kinds[KIND_RO].mfn, PTE_P | 1UL << bit));

        if (!(PTE_FLAGS_MASK >> bit & 1))
            continue;
        trial_code("\x48\x89\x03", 3);
        ask("ptwr/bit/%u", bit);
        store_told(&t);
    }
}

/* Tables above L1 are not written this way, and neither is anything without the assist. */
static void others(void)
{
    for (unsigned int level = 1; level <= 4; level++)
        for (unsigned int present = 0; present < 2; present++) {
            struct trial t = trial_of(IN_KERNEL);

            t.in.rbx = (uint64_t)page_va(stage_table(level)->pfn) + stage_free(level) * 8UL;
            t.in.rax =
                present ? pte_make(level == 1 ? kinds[KIND_RO].mfn : stage_pinned(level - 1)->mfn,
                                   PTE_P)
                        : 0;
            trial_code("\x48\x89\x03", 3);
            ask("ptwr/table/l%u/%s", level, present ? "present" : "zero");
            trial_run(&t);
            tell("vec=%u err=%lx at=%u", t.vector, t.error, t.cr2 == t.in.rbx);
            tell_pte("pte", slot_read(stage_table(level), stage_free(level)));
            told();
            (void)update_one(slot_ma(stage_table(level), stage_free(level)), 0, NULL);
        }
    for (unsigned int mode = 0; mode < 2; mode++) {
        struct trial t = store_of(mode, pte_make(kinds[KIND_T2].mfn, PTE_P | PTE_RW));

        must(hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables), "assist");
        trial_code("\x48\x89\x03", 3);
        ask("ptwr/without-assist/bad/%s", modes[mode]);
        store_told(&t);
        t = store_of(mode, 0xab00);
        ask("ptwr/without-assist/absent/%s", modes[mode]);
        store_told(&t);
        must(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), "assist");
    }
}

void ask_ptwr(void)
{
    struct walk w;

    trial_begin();
    must(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), "assist");
    w = pt_walk(aspace_root(aspace_active), TRIAL_CODE);
    table = (struct kind){ "trial-l1", w.table[1], m2p(w.table[1]) };
    every_store();
    places();
    entries();
    others();
    must(hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables), "assist");
    trial_end();
}
