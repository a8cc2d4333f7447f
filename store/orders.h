/*
 * SPDX-License-Identifier: MIT
 *
 * orders.h - what whoever sits at the store's console may have it ask of a domain.
 *
 * There is no toolstack that would write control/shutdown; a line typed here does.
 */
#ifndef STORE_ORDERS_H
#define STORE_ORDERS_H

#include <stddef.h>

#define ORDER_MAX 64

/* A line that is being typed. */
struct order {
    char line[ORDER_MAX];
    size_t length;
};

/*
 * Takes a byte.  Result: what to answer, static text: NULL while the line goes on.  What to echo is in
 * *echo, 0 for nothing.
 */
const char *order_byte(struct order *order, char c, char *echo);

#endif
