/*
 * SPDX-License-Identifier: MIT
 *
 * rows_users.c - processes: made, faulting in user mode, torn down.
 *
 * A process is a kernel L4 and a user L4 that share an L3 in slot 0; below it one L2 and one L1. They
 * are filled while they are ordinary pages, then made read-only and pinned, as a lean kernel does.
 * Where its pages come from is not measured: they are at hand, filled with zeros.
 */
#include "bench.h"

#include "guest.h"
#include "mm/aspace.h"
#include "mm/page.h"
#include "traps.h"

#include <string.h>

#define PAGES   64U
#define ROUNDS  20U
#define DATA_VA (USER_TEXT_VA + PAGE_SIZE)

extern const uint64_t trap_stubs[];
extern const char bench_user_text[], bench_user_touch[], bench_user_fault[], bench_user_end[];
uint64_t bench_user_run(uint64_t rip, uint64_t rdi, uint64_t rsi);
void bench_syscall_entry(void);

enum { L4, L4_USER, L3, L2, L1, TABLES };

static pfn_t tables[TABLES], text;
static pte_t data[PAGES]; /* what a fault in the process maps */
static char entry_stack[8192] __attribute__((aligned(16)));

static uint64_t user_va(const char *place)
{
    return USER_TEXT_VA + (uint64_t)(place - bench_user_text);
}

static void map_page(void)
{
    uint64_t va = guest_cr2() & PAGE_MASK;

    hypercall_update_va_mapping(va, data[(va - DATA_VA) >> PAGE_SHIFT & (PAGES - 1)], UVMF_NONE);
}

static void stock_up(void)
{
    for (unsigned int i = 0; i < TABLES; i++)
        tables[i] = bench_page();
    text = bench_page();
    memcpy(page_va(text), bench_user_text, (size_t)(bench_user_end - bench_user_text));
    for (unsigned int i = 0; i < PAGES; i++)
        data[i] = pte_make(p2m(bench_page()), AREA_FLAGS | PTE_U);
    bench_fault_handler(map_page);
    bench_callback(CALLBACKTYPE_syscall, (uint64_t)bench_syscall_entry);
    bench_check(hypercall_stack_switch(FLAT_KERNEL_SS, (uint64_t)entry_stack + sizeof(entry_stack)),
                "stack_switch");
}

static void give_back(void)
{
    bench_fault_handler(NULL);
    bench_callback(CALLBACKTYPE_syscall, trap_stubs[TRAP_SYSCALL]);
    for (unsigned int i = 0; i < PAGES; i++)
        page_put(m2p(pte_mfn(data[i])));
    page_put(text);
    for (unsigned int i = 0; i < TABLES; i++)
        page_put(tables[i]);
}

static pte_t table_entry(unsigned int table)
{
    return pte_make(p2m(tables[table]), TABLE_FLAGS);
}

static void base_pointers(mfn_t kernel, mfn_t user)
{
    mmuext_op_t ops[2] = { { .cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = kernel.n },
                           { .cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = user.n } };

    bench_check(hypercall_mmuext_op(ops, 2, NULL, DOMID_SELF), "base pointers");
}

static void pin_both(unsigned int cmd)
{
    mmuext_op_t ops[2] = { { .cmd = cmd, .arg1.mfn = p2m(tables[L4]).n },
                           { .cmd = cmd, .arg1.mfn = p2m(tables[L4_USER]).n } };

    bench_check(hypercall_mmuext_op(ops, 2, NULL, DOMID_SELF), "pin or unpin");
}

static void process_make(void)
{
    const pte_t *live = page_va(kernel_aspace.l4);
    pte_t *l4 = page_va(tables[L4]);

    for (unsigned int i = KERNEL_L4_SLOT; i < PT_ENTRIES; i++)
        l4[i] = live[i];
    l4[0] = ((pte_t *)page_va(tables[L4_USER]))[0] = table_entry(L3);
    ((pte_t *)page_va(tables[L3]))[0] = table_entry(L2);
    ((pte_t *)page_va(tables[L2]))[USER_TEXT_VA >> 21] = table_entry(L1);
    ((pte_t *)page_va(tables[L1]))[0] = pte_make(p2m(text), PTE_P | PTE_U | PTE_A);
    for (unsigned int i = 0; i < TABLES; i++)
        bench_protect(tables[i], false);
    pin_both(MMUEXT_PIN_L4_TABLE);
    base_pointers(p2m(tables[L4]), p2m(tables[L4_USER]));
}

static void process_end(void)
{
    base_pointers(p2m(kernel_aspace.l4), mfn_of(0));
    pin_both(MMUEXT_UNPIN_TABLE);
    for (unsigned int i = 0; i < TABLES; i++)
        bench_protect(tables[i], true);
}

static void row_process(const char *name)
{
    uint64_t total = 0;

    stock_up();
    for (unsigned int n = 0; n < ROUNDS; n++) {
        uint64_t start = clock_start();

        process_make();
        (void)bench_user_run(user_va(bench_user_touch), DATA_VA, PAGES);
        process_end();
        total += clock_stop() - start;
        for (unsigned int i = 0; i < TABLES; i++)
            page_clear(tables[i]);
    }
    give_back();
    bench_report(name, total, ROUNDS);
}

static void row_user_fault(const char *name)
{
    uint64_t total = 0;

    stock_up();
    process_make();
    for (unsigned int n = 0; n < 200; n++) {
        total += bench_user_run(user_va(bench_user_fault), DATA_VA, 0);
        hypercall_update_va_mapping(DATA_VA, 0, UVMF_INVLPG);
    }
    process_end();
    give_back();
    bench_report(name, total, 200);
}

const struct bench_row bench_rows_users[] = {
    { "user-fault", row_user_fault },
    { "process-64-pages", row_process },
    { NULL, NULL },
};
