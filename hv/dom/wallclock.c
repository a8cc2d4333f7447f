/* SPDX-License-Identifier: MIT */
/*
 * The wall clock: read once from the machine's real-time clock, kept as the epoch (seconds and ns
 * since 1970, UTC) of system time 0, published in shared_info under wc_version. The initial domain may
 * set it.
 */
#include "dom/sched.h"

#include "lib/string.h"
#include "lib/printk.h"
#include "lib/x86.h"

#define RTC_INDEX      0x70
#define RTC_DATA       0x71
#define RTC_REG_A      0x0a
#define RTC_REG_B      0x0b
#define RTC_A_UPDATING 0x80
#define RTC_B_24H      0x02
#define RTC_B_BINARY   0x04
#define RTC_PM         0x80

#define NS_PER_S        1000000000ull
#define RTC_PATIENCE_NS (10 * NS_PER_S / 1000)
#define RTC_TRIES       2000u

enum { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, RTC_FIELDS };

static uint64_t epoch_ns; /* wall clock at system time 0; 0 = not read yet */

static uint8_t rtc_read(uint8_t reg)
{
    outb(RTC_INDEX, reg | 0x80); /* NMI stays masked by bit 7 only while we read */
    return inb(RTC_DATA);
}

static void rtc_read_all(uint8_t field[RTC_FIELDS])
{
    static const uint8_t reg[RTC_FIELDS] = { 0x00, 0x02, 0x04, 0x07, 0x08, 0x09 };

    for (unsigned i = 0; i < RTC_FIELDS; i++)
        field[i] = rtc_read(reg[i]);
}

/* Days from 1970-01-01 to a date of the Gregorian calendar; March-based years make leap days last. */
static uint64_t days_from_date(unsigned year, unsigned month, unsigned day)
{
    unsigned y = month <= 2 ? year - 1 : year;
    unsigned m = month <= 2 ? month + 9 : month - 3;

    return 365ul * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/*
 * Two equal readings: none of them fell into an update, which takes 2 ms at most. A machine without a
 * clock is given up after RTC_PATIENCE_NS and RTC_TRIES: an emulated one may stand still in a reading
 * for longer than any update, and that says nothing about its clock.
 */
static void rtc_read_stable(uint8_t field[RTC_FIELDS])
{
    uint64_t start = system_time();
    uint8_t again[RTC_FIELDS];

    for (unsigned tries = 0; tries < RTC_TRIES || system_time() - start < RTC_PATIENCE_NS;
         tries++) {
        if (rtc_read(RTC_REG_A) & RTC_A_UPDATING)
            continue;
        rtc_read_all(field);
        rtc_read_all(again);
        if (!memcmp(field, again, sizeof(again)))
            break;
    }
    outb(RTC_INDEX, RTC_REG_A); /* NMI on again */
    inb(RTC_DATA);
}

static uint64_t rtc_seconds(void)
{
    uint8_t f[RTC_FIELDS] = { 0 }, mode = rtc_read(RTC_REG_B);
    bool pm;

    rtc_read_stable(f);
    pm = !(mode & RTC_B_24H) && (f[HOUR] & RTC_PM);
    if (!(mode & RTC_B_24H))
        f[HOUR] &= (uint8_t)~RTC_PM;
    if (!(mode & RTC_B_BINARY))
        for (unsigned i = 0; i < RTC_FIELDS; i++)
            f[i] = (uint8_t)((f[i] >> 4) * 10 + (f[i] & 15));
    if (!(mode & RTC_B_24H))
        f[HOUR] = (uint8_t)(f[HOUR] % 12 + (pm ? 12 : 0));
    return days_from_date(2000u + f[YEAR], f[MONTH], f[DAY]) * 86400 + f[HOUR] * 3600u +
           f[MINUTE] * 60u + f[SECOND];
}

void wallclock_refresh(struct domain *d)
{
    volatile shared_info_t *s = d->shared;
    uint64_t seconds;

    if (!epoch_ns)
        printk_epoch = epoch_ns = rtc_seconds() * NS_PER_S - system_time();
    seconds = epoch_ns / NS_PER_S;
    s->wc_version |= 1;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    s->wc_sec = (uint32_t)seconds;
    s->wc_nsec = (uint32_t)(epoch_ns % NS_PER_S);
    s->wc_sec_hi = (uint32_t)(seconds >> 32);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    s->wc_version++;
}

void wallclock_set(uint64_t seconds, uint32_t ns, uint64_t system_ns)
{
    printk_epoch = epoch_ns = seconds * NS_PER_S + ns - system_ns;
    for (struct domain *d = domain_list; d; d = d->next)
        wallclock_refresh(d);
}
