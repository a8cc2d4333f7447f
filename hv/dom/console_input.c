/* SPDX-License-Identifier: MIT */
/*
 * Who has the serial line's input. CTRL-a three times passes it on: from domain to domain in the order
 * of the module lines, then to the hypervisor's own keys, then to the first domain again.
 *
 * Invariant: a domain is named by its recipe, so the input stays with it when it is made again.
 * Called by cpu/irq.c for each byte, and by dom/domain.c when a domain has ended.
 */
#include "dom/console.h"

#include "dom/recipe.h"
#include "lib/machine.h"
#include "lib/printk.h"

#define SWITCH_KEY   1 /* CTRL-a */
#define SWITCH_TIMES 3u

static unsigned input_to; /* place of the recipe; recipes_count: the hypervisor */

static struct domain *input_domain(void)
{
    struct domain *d = input_to < recipes_count ? recipes[input_to].domain : 0;

    return d && !d->shut_down ? d : 0;
}

static void input_report(void)
{
    const struct domain *d = input_domain();
    char to[48] = "Pinion";

    if (d && recipes_count > 1)
        snprintk(to, sizeof(to), "DOM%u (%s)", d->id, d->name);
    else if (d)
        snprintk(to, sizeof(to), "DOM%u", d->id);
    printk(LOG_ALWAYS, "*** Serial input to %s (type 'CTRL-a' three times to switch input)\n", to);
}

static void input_switch(void)
{
    if (input_domain())
        console_flush(input_domain());
    do
        input_to = input_to < recipes_count ? input_to + 1 : 0;
    while (input_to < recipes_count && !input_domain());
    input_report();
}

void console_input_lost(const struct domain_recipe *r)
{
    if (input_to == (unsigned)(r - recipes))
        input_switch();
}

/* ---- keys of the hypervisor ---- */

static void key_help(void);

static const struct {
    char key;
    void (*act)(void);
    const char *what;
} keys[] = {
    { 'h', key_help, "list the keys" },
    { 'A', books_report, "audit" },
    { 'q', domains_report, "domains and their vCPUs, which get VIRQ_DEBUG" },
    { 'e', ports_report, "event channels" },
};

static void key_help(void)
{
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        printk(LOG_ALWAYS, " '%c' %s\n", keys[i].key, keys[i].what);
}

static void key_pressed(char c)
{
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i].key == c) {
            keys[i].act();
            return;
        }
    }
}

/* A byte that is not held back any more. */
static void pass_on(char c)
{
    struct domain *d = input_domain();

    if (d)
        console_give(d, c);
    else if (input_to == recipes_count)
        key_pressed(c);
}

void console_input(char c)
{
    static unsigned switches;

    if (c == SWITCH_KEY && ++switches == SWITCH_TIMES) {
        switches = 0;
        input_switch();
        return;
    }
    if (c == SWITCH_KEY)
        return;
    for (; switches; switches--)
        pass_on(SWITCH_KEY);
    pass_on(c);
}
