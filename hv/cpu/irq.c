/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of the machine: serial input by the two 8259 controllers, which every platform we run on
 * has; the timer by the local APIC, or by line 0 where there is none. All their vectors have DPL 0
 * gates, so no guest can raise them. Called by cpu/traps.c with interrupts off.
 */
#include "cpu/irq.h"

#include "cpu/apic.h"
#include "cpu/timer.h"
#include "dom/console.h"
#include "lib/printk.h"
#include "lib/uart.h"
#include "lib/x86.h"

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

static uint16_t irq_masked = 0xffff & ~(1u << IRQ_CASCADE);

static void masks_write(void)
{
    outb(PIC1 + 1, (uint8_t)irq_masked);
    outb(PIC2 + 1, (uint8_t)(irq_masked >> 8));
}

void irq_init(void)
{
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

    if (vector == APIC_TIMER_VECTOR) {
        apic_eoi();
        timer_interrupt();
        return;
    }
    if (vector == APIC_SPURIOUS_VECTOR)
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
