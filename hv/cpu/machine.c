/* SPDX-License-Identifier: MIT */
/*
 * The end of the machine, by whatever door it has: QEMU's debug-exit port, which gives the reason
 * to whoever started QEMU; ACPI's soft-off as QEMU's chipsets place it; the reset lines. A door
 * that is not there ignores the write and the next one is tried.
 */
#include "lib/machine.h"

#include "lib/printk.h"
#include "lib/x86.h"

#define PORT_DEBUG_EXIT 0xf4
#define PORT_PM1A_PIIX4 0x604 /* QEMU "pc" and "q35" since 2.5 */
#define PORT_PM1A_OLD   0xb004
#define PM1_SLEEP_S5    0x2000
#define PORT_KEYBOARD   0x64
#define PORT_RESET      0xcf9

static void machine_power_off(void)
{
    outw(PORT_PM1A_PIIX4, PM1_SLEEP_S5);
    outw(PORT_PM1A_OLD, PM1_SLEEP_S5);
}

static void machine_reset(void)
{
    static const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) no_idt = { 0, 0 };

    /* The keyboard controller takes a command only with its input buffer empty. */
    for (unsigned i = 0; i < 100000 && (inb(PORT_KEYBOARD) & 2); i++)
        ;
    outb(PORT_KEYBOARD, 0xfe);
    outb(PORT_RESET, 0x02);
    outb(PORT_RESET, 0x06);
    /* Triple fault. */
    asm volatile("lidt %0; int3" : : "m"(no_idt));
}

void machine_stop(unsigned value)
{
    bool held = opt_noreboot && value != MACHINE_POWEROFF && value != MACHINE_REBOOT;

    asm volatile("cli");
    console_drain();
    outb(PORT_DEBUG_EXIT, (uint8_t)value);
    if (value == MACHINE_POWEROFF)
        machine_power_off();
    else if (!held)
        machine_reset();
    for (;;)
        asm volatile("hlt");
}
