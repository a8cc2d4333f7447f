/*
 * SPDX-License-Identifier: MIT
 *
 * record.c - builds and prints the lines of the record.
 */
#include "record.h"

#include "console.h"
#include "guest.h"
#include "hypercall.h"
#include "kprint.h"
#include "mm/p2m.h"

#define NAMES 64

unsigned int record_lines;

static char line[512];
static size_t used;
static struct {
    mfn_t mfn;
    const char *name;
} names[NAMES];

static void add(const char *fmt, va_list ap)
{
    used += kformat(line + used, sizeof(line) - 1 - used, fmt, ap);
}

void ask(const char *fmt, ...)
{
    va_list ap;

    used = 0;
    for (const char *c = "ask "; *c; c++)
        line[used++] = *c;
    va_start(ap, fmt);
    add(fmt, ap);
    va_end(ap);
}

void tell(const char *fmt, ...)
{
    va_list ap;

    line[used++] = ' ';
    va_start(ap, fmt);
    add(fmt, ap);
    va_end(ap);
}

void told(void)
{
    if (used >= sizeof(line) - 2)
        guest_panic("record: a line is too long");
    line[used++] = '\n';
    console_write(line, used);
    record_lines++;
}

void tell_rc(long rc)
{
    /* kprint has no sign for long. */
    if (rc < 0)
        tell("rc=-%lu", -(unsigned long)rc);
    else
        tell("rc=%lu", (unsigned long)rc);
}

void record_name(mfn_t mfn, const char *name)
{
    for (unsigned int i = 0; i < NAMES; i++) {
        if (!names[i].name || mfn_eq(names[i].mfn, mfn)) {
            names[i].mfn = mfn;
            names[i].name = name;
            return;
        }
    }
    guest_panic("record: too many names");
}

void record_unname(mfn_t mfn)
{
    for (unsigned int i = 0; i < NAMES; i++)
        if (names[i].name && mfn_eq(names[i].mfn, mfn))
            names[i].name = NULL;
}

static const char *known(mfn_t mfn)
{
    for (unsigned int i = 0; i < NAMES; i++)
        if (names[i].name && mfn_eq(names[i].mfn, mfn))
            return names[i].name;
    return NULL;
}

const char *record_frame(mfn_t mfn)
{
    const char *name = known(mfn);

    if (name)
        return name;
    if (mfn.n >= (uint64_t)hypercall_memory_op(XENMEM_maximum_ram_page, NULL))
        return "beyond";
    return mfn_is_own(mfn) ? "own" : "other";
}

void tell_pte(const char *key, pte_t pte)
{
    const char *name = known(pte_mfn(pte));

    if (!pte)
        tell("%s=0", key);
    else if (!(pte & PTE_P) && !name)
        tell("%s=%lx", key, pte);
    else
        tell("%s=%s|%lx", key, record_frame(pte_mfn(pte)), pte_flags(pte));
}

void tell_m2p(mfn_t mfn, pfn_t pfn)
{
    pfn_t now = m2p(mfn);

    if (pfn_eq(now, pfn))
        tell("m2p=own");
    else
        tell("m2p=%lx", now.n);
}
