/*
 * SPDX-License-Identifier: MIT
 *
 * main.c - the store domain: xenstore for the domains beside it, a kernel on the guest library.
 *
 * It never ends; the machine does, when the last of the others has.
 */
#include "account.h"
#include "link.h"
#include "orders.h"
#include "transaction.h"

#include "console.h"
#include "guest.h"
#include "mm/page.h"

#include <stdio.h>
#include <string.h>

/* Kept busy, it lets the others run at times: they are what it is here for. */
#define BUSY_ROUNDS 16

/* What was typed since the last time. */
static void orders_take(void)
{
    static struct order order;
    char typed[16], echo;
    size_t count = console_read(typed, sizeof(typed));

    for (size_t i = 0; i < count; i++) {
        const char *answer = order_byte(&order, typed[i], &echo);

        if (echo)
            console_write(&echo, 1);
        if (answer)
            console_write(answer, strlen(answer));
    }
}

void guest_main(const start_info_t *si)
{
    int error;

    (void)si;
    /* The rest is for page tables, and for what malloc loses between blocks. */
    account_init(page_count(PAGE_FREE) * PAGE_SIZE / 2);
    error = transactions_init();
    if (!error)
        error = links_init();
    if (error)
        guest_panic("the store cannot begin: error %d", error);
    printf("store: %zu KiB, %zu for each domain\n", account_budget / 1024,
           2 * account_share / 1024);
    for (unsigned int busy = 0;; busy++) {
        links_scan();
        orders_take();
        if (!links_step()) {
            links_wait();
            busy = 0;
        } else if (busy % BUSY_ROUNDS == BUSY_ROUNDS - 1) {
            links_yield();
        }
    }
}
