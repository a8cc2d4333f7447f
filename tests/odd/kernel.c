/* SPDX-License-Identifier: MIT */
/* The body of the odd kernels: what the builder promised, then each oddity in turn. */
#include "odd.h"

#include <stdarg.h>

void odd_main(void);

const start_info_t *start_info;
shared_info_t *shared_info;
static char shared_page[PAGE_SIZE] __attribute__((aligned(4096)));

static unsigned number_put(char *to, uint64_t value, unsigned base)
{
    char digits[20];
    unsigned n = 0, length = 0;

    do
        digits[n++] = "0123456789abcdef"[value % base];
    while (value /= base);
    while (n)
        to[length++] = digits[--n];
    return length;
}

void say(const char *format, ...)
{
    char line[256];
    unsigned n = 0;
    va_list args;

    va_start(args, format);
    for (const char *f = format; *f && n < sizeof(line) - 24; f++) {
        if (*f != '%') {
            line[n++] = *f;
        } else if (*++f == 's') {
            for (const char *s = va_arg(args, const char *); *s && n < sizeof(line) - 24; s++)
                line[n++] = *s;
        } else if (*f == 'l') {
            uint64_t value = va_arg(args, unsigned long);

            if (*++f == 'd' && (int64_t)value < 0) {
                line[n++] = '-';
                value = -value;
            }
            n += number_put(line + n, value, *f == 'x' ? 16 : 10);
        } else {
            n += number_put(line + n, va_arg(args, unsigned), *f == 'x' ? 16 : 10);
        }
    }
    va_end(args);
    line[n++] = '\n';
    console_write(line, n);
}

static void end(unsigned reason)
{
    struct sched_shutdown shutdown = { .reason = reason };

    for (;;)
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (uint64_t)&shutdown, 0, 0);
}

void give_up(const char *why, long rc)
{
    say("%s: %ld", why, rc);
    say("Test result: FAILURE");
    end(SHUTDOWN_poweroff);
    __builtin_unreachable();
}

mfn_t mfn_of_va(const void *va)
{
    return mfn_of(
        ((const uint64_t *)start_info->mfn_list)[((uint64_t)va - virt_base) >> PAGE_SHIFT]);
}

long page_protect(void *page, bool writable)
{
    return hypercall(__HYPERVISOR_update_va_mapping, (uint64_t)page,
                     pte_make(mfn_of_va(page), PTE_P | (writable ? PTE_RW : 0)), UVMF_INVLPG, 0);
}

static const char *yes(bool it_is)
{
    return it_is ? "yes" : "no";
}

void contract(void)
{
    const struct entry_regs *e = &entry_regs;
    const start_info_t *s = start_info;
    uint64_t others = e->rax | e->rbx | e->rcx | e->rdx | e->rdi | e->rbp | e->r8 | e->r9 | e->r10 |
                      e->r11 | e->r12 | e->r13 | e->r14 | e->r15;
    uint64_t pfn_of_tables = (s->pt_base - virt_base) >> PAGE_SHIFT;
    const uint64_t *p2m = (const uint64_t *)s->mfn_list;
    unsigned wrong = 0;

    say("magic %s", s->magic);
    say("flags but for power management %x", s->flags & ~(unsigned)SIF_PM_MASK);
    say("other registers %lx, rflags %lx, cs %lx ss %lx ds %lx es %lx fs %lx gs %lx", others,
        e->rflags, e->cs, e->ss, e->ds, e->es, e->fs, e->gs);
    say("stack behind the tables: %s",
        yes(e->rsp == s->pt_base + (s->nr_pt_frames + 1) * PAGE_SIZE));
    say("tables behind start_info: %s", yes(s->pt_base > e->rsi && !(s->pt_base & ~PAGE_MASK)));
    say("start_info behind the p2m list: %s", yes(e->rsi >= s->mfn_list + s->nr_pages * 8));
    say("p2m list behind the ramdisk: %s", yes(s->mfn_list >= s->mod_start + s->mod_len));
    say("tables %lu", s->nr_pt_frames);
    say("ramdisk %lu bytes, begins %x", s->mod_len,
        s->mod_start ? *(const volatile unsigned char *)s->mod_start : 0);
    say("command line '%s'", (const char *)s->cmd_line);
    say("frames of a p2m list apart: %lu", s->nr_p2m_frames);
    for (uint64_t pfn = 0; pfn < s->nr_pages; pfn++)
        wrong += ((const volatile uint64_t *)M2P_VA_START)[p2m[pfn]] != pfn;
    say("frames without their number in the M2P: %u", wrong);
    wrong = 0;
    for (uint64_t i = 0; i < s->nr_pt_frames; i++)
        wrong += page_protect((void *)(virt_base + ((pfn_of_tables + i) << PAGE_SHIFT)), true) == 0;
    say("tables that could be made writable: %u", wrong);
}

void odd_main(void)
{
    start_info = (const start_info_t *)entry_regs.rsi;
    say("form %s", virt_base ? "high" : "low");
    contract();
    traps_init();
    shared_info = (shared_info_t *)shared_page;
    MUST(hypercall(__HYPERVISOR_update_va_mapping, (uint64_t)shared_page,
                   start_info->shared_info | 7, UVMF_INVLPG, 0));
    console_rings();
    callbacks();
    timers();
    debug_registers();
    local_descriptors();
    user_interrupts();
    io_privilege();
    self_grants();
    probes();
    say("Test result: SUCCESS");
    end(SHUTDOWN_poweroff);
}
