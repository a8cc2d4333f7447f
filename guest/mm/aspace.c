/*
 * SPDX-License-Identifier: MIT
 *
 * aspace.c - pairs of L4 tables, and their teardown.
 *
 * Teardown goes from the roots down: a table that is unpinned and hooked nowhere loses its type, and
 * the hypervisor drops the references of all its entries at once; so no entry has to be cleared one
 * by one, and each table, once its parent is gone, is unhooked already.  The entries are read after
 * the table has become an ordinary page.
 */
#include "mm/aspace.h"

#include "guest.h"
#include "hypercall.h"
#include "mm/page.h"
#include "mm/pool.h"
#include "mm/pt_page.h"
#include "mm/region.h"

struct aspace kernel_aspace;
struct aspace *aspace_active = &kernel_aspace;
uint64_t aspace_count;

static struct pool aspaces = POOL_OF(struct aspace);
static uint64_t next_id;

/* The kernel's half of a new kernel L4: the same L3 tables as in the boot L4. */
static void fill_kernel_half(pte_t *table)
{
    const pte_t *boot = page_va(kernel_aspace.l4);

    for (unsigned int i = KERNEL_L4_SLOT; i < PT_ENTRIES; i++)
        table[i] = boot[i];
}

struct aspace *aspace_create(bool with_user, int *error)
{
    struct aspace *as = pool_alloc(&aspaces);

    *error = -XEN_ENOMEM;
    if (!as)
        return NULL;
    *as = (struct aspace){ .id = ++next_id };
    *error = pt_page_make(4, fill_kernel_half, &as->l4);
    if (*error)
        goto out_pool;
    if (with_user) {
        *error = pt_page_make(4, NULL, &as->l4_user);
        if (*error)
            goto out_l4;
        as->has_user = true;
    }
    aspace_count++;
    return as;

out_l4:
    pt_page_release(as->l4);
out_pool:
    pool_free(&aspaces, as);
    return NULL;
}

void aspace_switch(struct aspace *as)
{
    mmuext_op_t op[2] = {
        { .cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = p2m(as->l4).n },
        { .cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = as->has_user ? p2m(as->l4_user).n : 0 },
    };

    if (as == aspace_active)
        return;
    if (hypercall_mmuext_op(op, 2, NULL, DOMID_SELF))
        guest_panic("aspace: base pointers refused");
    aspace_active = as;
}

/* Frees a retired table's children, then the table. */
static void tables_free(struct region *regions, pfn_t table, unsigned int level, uint64_t va)
{
    const pte_t *entry = page_va(table);
    unsigned int last = level == 4 ? HV_L4_SLOT_FIRST : PT_ENTRIES;

    for (unsigned int i = 0; i < last; i++) {
        uint64_t child_va = va + ((uint64_t)i << level_shift(level));

        if (!entry[i])
            continue;
        if (level == 1) {
            region_entry_drop(region_find(regions, child_va), entry[i]);
            continue;
        }
        pfn_t child = m2p(pte_mfn(entry[i]));
        pt_page_retire(child);
        tables_free(regions, child, level - 1, child_va);
    }
    pt_page_free(table);
}

void aspace_destroy(struct aspace *as)
{
    if (as == aspace_active || as == &kernel_aspace)
        guest_panic("aspace: the running one cannot be destroyed");
    if (as->has_user)
        pt_page_release(as->l4_user);
    pt_page_retire(as->l4);
    tables_free(as->regions, as->l4, 4, 0);
    while (as->regions)
        region_forget(&as->regions);
    pool_free(&aspaces, as);
    aspace_count--;
}

struct aspace *aspace_duplicate(struct aspace *from, int *error)
{
    struct aspace *to = aspace_create(from->has_user, error);

    for (struct region *r = from->regions; to && r; r = r->next) {
        *error = region_duplicate(r, to);
        if (*error) {
            aspace_destroy(to);
            return NULL;
        }
    }
    return to;
}
