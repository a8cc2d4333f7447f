/*
 * SPDX-License-Identifier: MIT
 *
 * hello.c - the smallest kernel on the library: build/hello.elf.
 */
#include "guest.h"
#include "mm/page.h"

#include <stdio.h>

void guest_main(const start_info_t *si)
{
    printf("Hello from %s: %lu pages, %lu of them free\n", si->magic, si->nr_pages,
           page_count(PAGE_FREE));
}
