/*
 * SPDX-License-Identifier: MIT
 *
 * orders.c - see orders.h.  `poweroff 3`: the value of control/shutdown, and whose.
 */
#include "orders.h"

#include <stdlib.h>
#include <string.h>

#include "homes.h"

static const char usage[] = "poweroff N, reboot N, halt N: ask domain N, by control/shutdown\n";

static const char *carry_out(char *line)
{
    static const char *const hows[] = { "poweroff", "reboot", "halt" };
    char *space = strchr(line, ' '), *end;
    unsigned long domid;

    if (!*line)
        return "";
    if (!space)
        return usage;
    *space = 0;
    domid = strtoul(space + 1, &end, 10);
    if (end == space + 1 || *end || space[1] < '0' || space[1] > '9')
        return usage;
    for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
        if (strcmp(line, hows[i]) != 0)
            continue;
        if (domid >= DOMID_FIRST_RESERVED || !domain_known((domid_t)domid))
            return "no such domain\n";
        return domain_ask_shutdown((domid_t)domid, hows[i]) ? "the store has no room\n" : "asked\n";
    }
    return usage;
}

const char *order_byte(struct order *order, char c, char *echo)
{
    *echo = 0;
    if (c == '\r' || c == '\n') {
        *echo = '\n';
        order->line[order->length] = 0;
        order->length = 0;
        return carry_out(order->line);
    }
    if (c == '\b' || c == 0x7f) {
        *echo = order->length ? '\b' : 0;
        order->length -= order->length > 0;
    } else if (c >= ' ' && order->length < ORDER_MAX - 1) {
        order->line[order->length++] = *echo = c;
    }
    return NULL;
}
