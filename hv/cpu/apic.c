/* SPDX-License-Identifier: MIT */
/*
 * The local APIC in its memory-mapped mode. LINT0 is the wire from the 8259s, which some firmware
 * leaves cut; nothing else comes through it but its own timer. A machine that has none, or whose
 * firmware has put it into the mode of MSRs, does without: the 8259s reach the CPU by themselves.
 *
 * Invariant: the LVT is written only while the count is 0, so that no mode meets another one's count.
 * Under TCG a write that sets a count wakes QEMU's main loop, which costs as much as ten others: the
 * caller (cpu/timer.c) saves them where it can.
 */
#include "cpu/apic.h"

#include "lib/x86.h"
#include "mm/hv_map.h"

#define MSR_APIC_BASE     0x1bu
#define CPUID_1_EDX_APIC  (1u << 9)
#define APIC_BASE_ENABLED (1ul << 11)
#define APIC_BASE_X2APIC  (1ul << 10)

/* Registers, as indices of 32-bit words. */
#define APIC_TPR           (0x080 / 4)
#define APIC_EOI           (0x0b0 / 4)
#define APIC_SPURIOUS      (0x0f0 / 4)
#define APIC_LVT_TIMER     (0x320 / 4)
#define APIC_LVT_LINT0     (0x350 / 4)
#define APIC_LVT_LINT1     (0x360 / 4)
#define APIC_TIMER_INITIAL (0x380 / 4)
#define APIC_TIMER_CURRENT (0x390 / 4)
#define APIC_TIMER_DIVIDE  (0x3e0 / 4)

#define LVT_MASKED       0x10000u
#define LVT_PERIODIC     0x20000u
#define LVT_EXTINT       0x700u /* LINT0: the 8259s */
#define LVT_NMI          0x400u
#define SPURIOUS_APIC_ON 0x100u
#define DIVIDE_BY_1      0xbu
#define COUNT_MAX        0xffffffffu

#define HZ_MIN    100000u /* of a timer that is any use */
#define NS_PER_MS 1000000u

static volatile uint32_t *apic;
static uint32_t timer_khz;
static uint32_t timer_lvt;

static void timer_mode(uint32_t lvt)
{
    apic[APIC_TIMER_INITIAL] = 0;
    apic[APIC_LVT_TIMER] = timer_lvt = lvt;
}

void apic_init(void)
{
    uint64_t base;
    uint32_t r[4];

    cpuid(1, 0, r);
    if (!(r[3] & CPUID_1_EDX_APIC))
        return;
    base = rdmsr(MSR_APIC_BASE);
    if ((base & (APIC_BASE_ENABLED | APIC_BASE_X2APIC)) != APIC_BASE_ENABLED)
        return;
    apic = hv_map_io(base & PTE_ADDR_MASK);
    if (!apic)
        return;
    apic[APIC_SPURIOUS] = SPURIOUS_APIC_ON | APIC_SPURIOUS_VECTOR;
    timer_mode(LVT_MASKED);
    apic[APIC_TIMER_DIVIDE] = DIVIDE_BY_1;
    apic[APIC_LVT_LINT0] = LVT_EXTINT;
    apic[APIC_LVT_LINT1] = LVT_NMI;
    apic[APIC_TPR] = 0;
}

void apic_count_start(void)
{
    if (apic)
        apic[APIC_TIMER_INITIAL] = COUNT_MAX;
}

uint32_t apic_count(void)
{
    return apic ? COUNT_MAX - apic[APIC_TIMER_CURRENT] : 0;
}

bool apic_timer_init(uint64_t hz)
{
    if (hz < HZ_MIN)
        return false;
    timer_khz = (uint32_t)(hz / 1000);
    timer_mode(APIC_TIMER_VECTOR);
    return true;
}

void apic_timer_arm(uint64_t ns, bool repeating)
{
    uint64_t count = ns * timer_khz / NS_PER_MS + 1;
    uint32_t lvt = APIC_TIMER_VECTOR | (repeating ? LVT_PERIODIC : 0);

    if (timer_lvt != lvt)
        timer_mode(lvt);
    apic[APIC_TIMER_INITIAL] = count < COUNT_MAX ? (uint32_t)count : COUNT_MAX;
}

void apic_timer_stop(void)
{
    apic[APIC_TIMER_INITIAL] = 0;
}

void apic_eoi(void)
{
    apic[APIC_EOI] = 0;
}
