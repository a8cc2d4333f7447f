/* SPDX-License-Identifier: MIT */
/* User mode with a root of its own: software interrupts, a breakpoint, a system call from there. */
#include "odd.h"

#define USER_VA 0x10000000000ul /* L4 slot 2 */
#define CLI_AT  9u

extern char user_code[], user_code_end[];

__asm__(".pushsection .text.user, \"ax\", @progbits\n"
        ".balign 4096\n"
        "user_code:\n"
        "int $0x20\n"
        "int $0x80\n"
        "int $0x30\n" /* its gate is closed */
        "int3\n"
        "syscall\n"
        "cli\n"
        "ud2\n"
        "user_code_end:\n"
        ".balign 4096\n"
        ".popsection\n");

static uint64_t tables[4][512] __attribute__((aligned(4096)));

static void user_trap(struct trap_regs *r)
{
    uint64_t offset = r->rip - USER_VA;

    say("user: vector %lu error %lx at %lu, cs %lx", r->number, r->error, offset, r->cs);
    if (r->number == 6 || offset > 10) {
        user_leave(r);
        return;
    }
    if (r->number == 13) /* the instruction did not happen: past it */
        r->rip += offset == CLI_AT ? 1 : 2;
}

void user_interrupts(void)
{
    mmuext_op_t op[2] = { { .cmd = MMUEXT_PIN_L4_TABLE }, { .cmd = MMUEXT_NEW_USER_BASEPTR } };

    for (unsigned level = 4; level > 1; level--)
        tables[level - 1][level_index(USER_VA, level)] =
            pte_make(mfn_of_va(tables[level - 2]), PTE_P | PTE_RW | PTE_U);
    tables[0][l1_index(USER_VA)] = pte_make(mfn_of_va(user_code), PTE_P | PTE_U);
    for (unsigned i = 0; i < 4; i++)
        MUST(page_protect(tables[i], false));
    op[0].arg1.mfn = op[1].arg1.mfn = mfn_of_va(tables[3]).n;
    MUST(hypercall(__HYPERVISOR_mmuext_op, (uint64_t)op, 2, 0, DOMID_SELF));
    trap_handler = user_trap;
    user_enter(USER_VA, USER_VA + PAGE_SIZE);
    trap_handler = 0;
    say("back from user mode");
}
