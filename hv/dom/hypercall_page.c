/* SPDX-License-Identifier: MIT */
/*
 * The hypercall page. Stub n, at n * 32: push rcx; push r11; mov eax, n; syscall; pop r11; pop rcx;
 * ret. iret is jumped to and does not return: it pushes RAX as well, which with R11 and RCX begins
 * the frame that the hypercall reads.
 */
#include "dom/hypercall_page.h"

#include "abi/abi.h"
#include "lib/string.h"

#define INT3           0xcc
#define STUB_NUMBER_AT 4 /* bytes from the start to the operand of mov eax */

void hypercall_page_fill(void *page)
{
    static const uint8_t stub[] = { 0x51, 0x41, 0x53, 0xb8, 0,    0,    0,
                                    0,    0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3 };
    static const uint8_t stub_iret[] = { 0x51, 0x41, 0x53, 0x50, 0xb8, __HYPERVISOR_iret,
                                         0,    0,    0,    0x0f, 0x05 };

    memset(page, INT3, PAGE_SIZE);
    for (unsigned n = 0; n < HYPERCALL_STUB_COUNT; n++) {
        uint8_t *at = (uint8_t *)page + n * HYPERCALL_STUB_SIZE;

        if (n == __HYPERVISOR_iret) {
            memcpy(at, stub_iret, sizeof(stub_iret));
        } else {
            memcpy(at, stub, sizeof(stub));
            at[STUB_NUMBER_AT] = (uint8_t)n;
        }
    }
}
