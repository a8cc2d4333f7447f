/* SPDX-License-Identifier: MIT */
/*
 * The audit in a hurry: both sides of every ledger as one sum each, made anew only where a page was
 * written to since the last time. Part of the auditor; what it doubts, audit.c looks at in full.
 *
 * Each reference is a mark, a 64-bit number made of the frame, its owner and what the reference is
 * (general; typed, with its type). Left: what tables and roots stand for, mark by mark. Right: what
 * the frame table says, count times mark. A lost or doubled reference, one of another type, of
 * another owner's frame or to a table that is writable elsewhere makes the sums differ, but for one
 * chance in 2^64. A domain's account and its frames, and the number of free ones, are one mark each
 * in the same way.
 *
 * Invariant: sums and keys of pages that were not written to stand; written() is the CPU's word for
 * it, not that of the code that is audited.
 */
#include "mm/page_alloc.h"
#include "pt/audit.h"

enum role { ROLE_TYPED = 0, ROLE_GENERAL = 8, ROLE_OWNED = 9 }; /* TYPED + enum page_type */

#define TYPE_OF(type_word) ((unsigned)(((type_word)&FRAME_TYPE_MASK) >> FRAME_TYPE_SHIFT))
#define OWNER_OF(ref_word) ((uint16_t)((ref_word) >> FRAME_OWNER_SHIFT))

/* What of a frame's words decides how its content counts as a table. Not 0 for any table. */
#define KEY_FLAGS (FRAME_TYPE_MASK | FRAME_VALIDATED | FRAME_PARTIAL | FRAME_NEXT_MASK)

static inline uint64_t mark(uint64_t n, uint64_t owner, unsigned role)
{
    uint64_t x = (n << 20 | owner << 4 | role) * 0x9e3779b97f4a7c15;

    x = (x ^ x >> 32) * 0xd6e8feb86659fd93;
    return x ^ x >> 32;
}

static inline uint64_t typed(uint64_t n, uint64_t owner, unsigned type)
{
    return mark(n, owner, ROLE_TYPED + type);
}

/* ---- left: tables and roots ---- */

/* Whose the frame of an L1 entry is, in owner's table: other than owner's only with leave. */
static uint16_t leaf_owner(const struct audit_roots *r, uint64_t pte, uint16_t owner)
{
    mfn_t target = pte_mfn(pte);
    uint16_t other = frame_valid(target) ? OWNER_OF(frame_table[target.n].ref) : owner;

    return other != owner && r->may_map(owner, target, pte & PTE_RW) ? other : owner;
}

/* What the entries of a counted table stand for. False: one of them cannot be right. */
static bool table_sum(const struct audit_roots *r, uint64_t n, uint64_t ref, uint64_t type_word,
                      uint64_t *sum)
{
    const uint64_t *table = frame_va(mfn_of(n));
    unsigned level = TYPE_OF(type_word), end = PT_ENTRIES;
    uint16_t owner = OWNER_OF(ref), own = owner;
    bool good = true;

    *sum = 0;
    if (type_word & FRAME_PARTIAL)
        end = (unsigned)((type_word & FRAME_NEXT_MASK) >> FRAME_NEXT_SHIFT);
    if (level == PT_SEG || end > PT_ENTRIES)
        return level == PT_SEG && audit_descriptors_right(n);
    for (unsigned slot = audit_skip_empty(table, 0, end); slot < end; slot++) {
        uint64_t pte = table[slot], target = (pte & PTE_ADDR_MASK) >> PAGE_SHIFT;

        if (!(pte & PTE_P)) {
            slot = audit_skip_empty(table, slot + 1, end) - 1;
            continue;
        }
        if (slot_is_hv(level, slot))
            continue;
        good &= audit_entry_bits(pte, level) == pte;
        if (level == PT_L1 && r->may_map)
            owner = leaf_owner(r, pte, own);
        *sum += mark(target, owner, ROLE_GENERAL);
        if (level > PT_L1)
            *sum += typed(target, owner, level - 1);
        else if (pte & PTE_RW)
            *sum += typed(target, owner, PT_WRITABLE);
    }
    return good;
}

/* The same from the last time, if neither the table was written to nor its frame's words changed. */
static bool table_sum_kept(struct audit_sums *s, const struct audit_roots *r, uint64_t n,
                           uint64_t *sum)
{
    uint64_t ref = frame_table[n].ref, type_word = frame_table[n].type;
    uint64_t key = (type_word & KEY_FLAGS) | OWNER_OF(ref);
    struct audit_table_sum *t = &s->tables[n];
    bool good = true;

    if (s->written(frame_va(mfn_of(n))) || t->key != key) {
        good = table_sum(r, n, ref, type_word, &t->sum);
        t->key = good ? key : 0;
    }
    *sum += t->sum;
    return good;
}

static void root_sum(void *arg, const struct audit_ref *ref)
{
    uint64_t n = ref->mfn.n, *sum = arg;
    uint16_t owner = n < frame_limit ? OWNER_OF(frame_table[n].ref) : OWNER_IO;

    *sum += mark(n, owner, ROLE_GENERAL);
    if (ref->type != PT_NONE)
        *sum += typed(n, owner, ref->type);
}

static uint64_t roots_sum(const struct audit_roots *r)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < r->refs_count; i++)
        root_sum(&sum, &r->refs[i]);
    if (r->more_refs)
        r->more_refs(root_sum, &sum);
    for (unsigned i = 0; i < r->works_count; i++) {
        uint64_t n = r->works[i]->mfn.n;

        if (r->works[i]->used)
            sum += mark(n, n < frame_limit ? OWNER_OF(frame_table[n].ref) : OWNER_IO, ROLE_GENERAL);
    }
    return sum;
}

static uint64_t accounts_sum(void)
{
    uint64_t sum = page_free_count() * mark(0, OWNER_NONE, ROLE_OWNED);

    for (unsigned i = 0; i < OWNER_MAX; i++)
        if (owner_at(i))
            sum += owner_at(i)->pages * mark(0, owner_at(i)->id, ROLE_OWNED);
    return sum;
}

/* ---- right: frames ---- */

/* What one frame's words say. False: they cannot be right. */
static inline bool frame_sum(uint64_t ref, uint64_t type_word, uint64_t n, uint64_t *sum)
{
    uint64_t own = !!(type_word & FRAME_PINNED) + !!(type_word & FRAME_PARTIAL);
    uint64_t refs = (ref & FRAME_REF_COUNT) - !!(ref & FRAME_ALLOCATED) - own;
    uint64_t types = (type_word & FRAME_TYPE_COUNT) - own;
    uint16_t owner = OWNER_OF(ref);

    if (audit_unowned(ref)) {
        if (owner == OWNER_NONE)
            *sum += mark(0, OWNER_NONE, ROLE_OWNED);
        return !(ref & (FRAME_REF_COUNT | FRAME_ALLOCATED | FRAME_HV_SHARED)) &&
               (owner == OWNER_NONE || !type_word);
    }
    if (refs)
        *sum += refs * mark(n, owner, ROLE_GENERAL);
    if (types)
        *sum += types * typed(n, owner, TYPE_OF(type_word));
    if (owner_is_firmware(owner))
        return audit_state_right(type_word) && (ref & FRAME_ALLOCATED);
    if (!(ref & FRAME_HV_SHARED))
        *sum += mark(0, owner, ROLE_OWNED);
    return audit_state_right(type_word);
}

/*
 * One page of the frame table: its frames' sum, and which of them are tables. What is no table may be
 * written to by its guest, so what was known of it is forgotten.
 */
static bool page_sum(struct audit_sums *s, struct audit_page_sum *p, uint64_t first)
{
    bool good = true;

    *p = (struct audit_page_sum){ 0 };
    for (uint64_t n = first; n < first + AUDIT_PAGE_FRAMES && n < frame_limit; n++) {
        uint64_t ref = frame_table[n].ref, type_word = frame_table[n].type;

        good &= frame_sum(ref, type_word, n, &p->sum);
        if (audit_counted(type_word) && !audit_unowned(ref))
            p->tables[(n - first) / 64] |= 1ull << (n - first) % 64;
        else
            s->tables[n].key = 0;
    }
    return good;
}

/* A wrong page or table keeps no sum, so that it is wrong the next time too. */
bool audit_sums_agree(struct audit_sums *s, const struct audit_roots *roots)
{
    uint64_t left = roots_sum(roots) + accounts_sum(), right = 0;
    bool good = true;

    for (uint64_t first = 0; first < frame_limit; first += AUDIT_PAGE_FRAMES) {
        struct audit_page_sum *p = &s->pages[first / AUDIT_PAGE_FRAMES];

        if (s->written(&frame_table[first]) || !p->known)
            p->known = page_sum(s, p, first);
        good &= p->known;
        right += p->sum;
        for (unsigned i = 0; i < AUDIT_PAGE_FRAMES / 64; i++)
            for (uint64_t left_over = p->tables[i]; left_over; left_over &= left_over - 1)
                good &= table_sum_kept(s, roots,
                                       first + i * 64 + (unsigned)__builtin_ctzl(left_over), &left);
    }
    return good && left == right;
}
