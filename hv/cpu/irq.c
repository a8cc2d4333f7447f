/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of the machine: timer and serial input, by the two 8259 controllers, which every platform
 * we run on has. The local APIC, as some firmware leaves it, could hold them back: it is made a wire. Vectors IRQ_VECTOR.. have DPL 0 gates, so
 * no guest can raise them. Called by cpu/traps.c with interrupts off.
 */
#include "cpu/irq.h"

#include "cpu/timer.h"
#include "dom/console.h"
#include "lib/printk.h"
#include "lib/uart.h"
#include "lib/x86.h"
#include "mm/hv_map.h"

#define IRQ_VECTOR  0xe0u
#define IRQ_LINES   16u
#define IRQ_TIMER   0u
#define IRQ_CASCADE 2u

#define PIC1         0x20
#define PIC2         0xa0
#define PIC_ICW1     0x11 /* edge triggered, cascaded, ICW4 follows */
#define PIC_ICW4     0x01
#define PIC_EOI      0x20
#define PIC_READ_ISR 0x0b

#define MSR_APIC_BASE     0x1bu
#define CPUID_1_EDX_APIC  (1u << 9)
#define APIC_BASE_ENABLED (1ul << 11)
#define APIC_BASE_X2APIC  (1ul << 10)
/* Registers, as indices of 32-bit words. */
#define APIC_TPR          (0x080 / 4)
#define APIC_SPURIOUS     (0x0f0 / 4)
#define APIC_LVT_TIMER    (0x320 / 4)
#define APIC_LVT_LINT0    (0x350 / 4)
#define APIC_LVT_LINT1    (0x360 / 4)
#define APIC_MASKED       0x10000u
#define APIC_EXTINT       0x700u /* LINT0: the 8259s */
#define APIC_NMI          0x400u
#define APIC_SPURIOUS_ON  0x1ffu

static uint16_t irq_masked = 0xffff & ~(1u << IRQ_CASCADE);

static void masks_write(void)
{
    outb(PIC1 + 1, (uint8_t)irq_masked);
    outb(PIC2 + 1, (uint8_t)(irq_masked >> 8));
}

static void apic_wire(void)
{
    volatile uint32_t *apic;
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
    apic[APIC_SPURIOUS] = APIC_SPURIOUS_ON;
    apic[APIC_LVT_TIMER] = APIC_MASKED;
    apic[APIC_LVT_LINT0] = APIC_EXTINT;
    apic[APIC_LVT_LINT1] = APIC_NMI;
    apic[APIC_TPR] = 0;
}

void irq_init(void)
{
    apic_wire();
    outb(PIC1, PIC_ICW1);
    outb(PIC2, PIC_ICW1);
    outb(PIC1 + 1, IRQ_VECTOR);
    outb(PIC2 + 1, IRQ_VECTOR + 8);
    outb(PIC1 + 1, 1 << IRQ_CASCADE);
    outb(PIC2 + 1, IRQ_CASCADE);
    outb(PIC1 + 1, PIC_ICW4);
    outb(PIC2 + 1, PIC_ICW4);
    masks_write();
}

void irq_unmask(unsigned line)
{
    irq_masked &= (uint16_t) ~(1u << line);
    masks_write();
}

/* Lines 7 and 15 also stand for an interrupt that went away: then nothing is in service. */
static bool irq_spurious(unsigned line)
{
    uint16_t pic = line < 8 ? PIC1 : PIC2;

    if (line != 7 && line != 15)
        return false;
    outb(pic, PIC_READ_ISR);
    if (inb(pic) & 0x80)
        return false;
    if (line == 15)
        outb(PIC1, PIC_EOI);
    return true;
}

void irq_dispatch(uint32_t vector)
{
    unsigned line = vector - IRQ_VECTOR;
    int c;

    if (vector == (APIC_SPURIOUS_ON & 0xff))
        return;
    if (line >= IRQ_LINES) {
        printk(LOG_WARNING, "Interrupt %u: nobody's\n", vector);
        return;
    }
    if (irq_spurious(line))
        return;
    if (line >= 8)
        outb(PIC2, PIC_EOI);
    outb(PIC1, PIC_EOI);
    if (line == IRQ_TIMER)
        timer_interrupt();
    else if (line == uart_irq())
        while ((c = uart_read()) >= 0)
            console_input((char)c);
}
