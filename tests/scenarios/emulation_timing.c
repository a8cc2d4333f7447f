/*
 * SPDX-License-Identifier: MIT
 *
 * Side effects of emulated instructions: single steps, I/O breakpoints, the timer that kernels poll.
 *
 * Background: an instruction that the hypervisor carries out never executes on the CPU, so what the CPU
 * would have done after it is the hypervisor's to do: the #DB of a single step, the #DB of a breakpoint
 * on an I/O port. Timer 2 of the PC is emulated for every domain, because kernels measure the TSC by it.
 *
 * Steps and expected outcome: with each scenario.
 */
#include "io_rights.h"

#include "clock.h"

#define PORT_PIC     0x21
#define PORT_TIMER2  0x42
#define PORT_COMMAND 0x43
#define PORT_GATE    0x61
#define GATE         0x01
#define OUTPUT       0x20
#define TICKS_10MS   11932
#define MS           1000000UL
#define PIT_HZ       1193182UL
#define MARGIN       10       /* ticks by which the two clocks may differ */
#define SURE         (9 * MS) /* 10 ms of ticks have not passed yet */
#define GIVEN_UP     (1000 * MS)

extern const char step_next[], io_next[];

static void step_over_mov(void *arg)
{
    uint64_t cr0;

    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; mov %%cr0, %0;"
                     ".globl step_next; step_next: nop"
                     : "=r"(cr0)
                     :
                     : "memory", "cc");
    *(uint64_t *)arg = cr0;
}

/* With TF set, #DB comes behind the emulated instruction, before the next one. */
SCENARIO(emulate_step, "emulate-step", "a single step over an emulated instruction")
{
    uint64_t value = 0;
    struct trap_report r;

    REQUIRE(hypercall_set_debugreg(6, 0) == 0);
    r = expect_trap(step_over_mov, &value, TRAP_DB);
    EXPECT_EQ(r.rip, (uint64_t)step_next);
    EXPECT_EQ(hypercall_get_debugreg(6) & 0x4000, 0x4000); /* BS */
    REQUIRE(hypercall_set_debugreg(6, 0) == 0);
}

static void cr4_de(void *arg)
{
    uint64_t cr4;

    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    cr4 = arg ? cr4 | 8 : cr4 & ~8UL;
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
}

static void in_pic(void *arg)
{
    uint8_t value;

    __asm__ volatile("inb $0x21, %0; .globl io_next; io_next: nop" : "=a"(value));
    *(uint8_t *)arg = value;
}

/* An I/O breakpoint needs CR4.DE; it hits behind the access, only for its port. */
SCENARIO(emulate_io_break, "emulate-io-break", "a breakpoint on an I/O port")
{
    struct trap_report r = { 0 };
    uint8_t value = 0;

    iopl_set(1);
    EXPECT_EQ(hypercall_set_debugreg(0, PORT_PIC), 0);
    EXPECT_EQ(hypercall_set_debugreg(7, 1 | 2UL << 16), -XEN_EPERM);
    REQUIRE(!trap_catch(cr4_de, (void *)1, &r));
    EXPECT_EQ(hypercall_set_debugreg(7, 1 | 2UL << 16), 0);
    EXPECT_EQ(hypercall_get_debugreg(7), 0x400 | 1 | 2UL << 16);
    r = expect_trap(in_pic, &value, TRAP_DB);
    EXPECT_EQ(r.rip, (uint64_t)io_next);
    EXPECT_EQ(hypercall_get_debugreg(6) & 0xf, 1);
    EXPECT_EQ(hypercall_set_debugreg(0, PORT_PIC + 1), 0); /* another port */
    EXPECT_EQ(hypercall_set_debugreg(6, 0), 0);
    EXPECT(!trap_catch(in_pic, &value, &r));
    EXPECT_EQ(value, 0xff);

    EXPECT_EQ(hypercall_set_debugreg(7, 0), 0);
    EXPECT_EQ(hypercall_set_debugreg(0, 0), 0);
    REQUIRE(!trap_catch(cr4_de, NULL, &r));
    iopl_set(0);
}

static uint8_t in8(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "d"(port));
    return value;
}

static void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "d"(port));
}

static uint16_t timer2_latched(void)
{
    uint16_t count;

    out8(PORT_COMMAND, 0x80);
    count = in8(PORT_TIMER2);
    return count | (uint16_t)(in8(PORT_TIMER2) << 8);
}

static uint64_t ticks_of(uint64_t ns)
{
    return ns * PIT_HZ / 1000000000;
}

/*
 * One run of 10 ms by the guest's own clock. The machine may stand still anywhere in it: so a count is
 * between those of the moments before and after it, and it is looked at only when it was read before
 * it can have passed 0; the output is asked for once more after the last moment. Result: how many
 * counts were looked at.
 */
static unsigned int timer2_run(uint64_t *took)
{
    unsigned int looked = 0;
    uint64_t start, opened;
    bool high, late;

    out8(PORT_GATE, 0);
    out8(PORT_COMMAND, 0xb0); /* timer 2, both bytes, mode 0 */
    start = clock_ns();       /* Xen counts from the load on, a gate or not */
    out8(PORT_TIMER2, TICKS_10MS & 0xff);
    out8(PORT_TIMER2, TICKS_10MS >> 8);
    high = in8(PORT_GATE) & OUTPUT;
    EXPECT(!high || clock_ns() - start >= SURE);
    out8(PORT_GATE, GATE);
    opened = clock_ns();
    do {
        uint64_t before = clock_ns(), passed, after;

        late = before - start >= GIVEN_UP;
        high = in8(PORT_GATE) & OUTPUT;
        passed = (uint16_t)(TICKS_10MS - timer2_latched());
        after = clock_ns();
        if (after - start < SURE) {
            if (passed + MARGIN < ticks_of(before - opened) ||
                passed > ticks_of(after - start) + MARGIN)
                scenario_fail("%lu ticks in %lu to %lu ns", passed, before - opened, after - start);
            looked++;
        }
    } while (!high && !late);
    *took = clock_ns() - start;
    out8(PORT_GATE, 0);
    EXPECT(high);
    EXPECT(*took >= SURE);
    return looked;
}

/* Mode 0: the output rises once when the count has run down; a busy machine may be late, never early. */
SCENARIO(emulate_pit, "emulate-pit", "timer 2 counts down and raises its output")
{
    unsigned int looked = 0;
    uint64_t ns;

    iopl_set(1);
    for (unsigned int try = 0; try < 20 && looked < 2; try++)
        looked = timer2_run(&ns);
    iopl_set(0);
    EXPECT(looked >= 2);
    scenario_reason("%lu us for 10 ms of ticks", ns / 1000);
}
