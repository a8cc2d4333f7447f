/*
 * SPDX-License-Identifier: MIT
 *
 * clock.c - vcpu_time_info and the single-shot timer.
 *
 * The hypervisor publishes a time stamp with an even version; an odd one, or a change while reading,
 * means read again.  system time = system_time + ((tsc - tsc_timestamp) << shift) * mul / 2^32.
 */
#include "clock.h"

#include "events.h"
#include "guest.h"
#include "hypercall.h"
#include "thread.h"

static volatile uint64_t ticks;

static uint64_t tsc_read(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return low | (uint64_t)high << 32;
}

uint64_t clock_ns(void)
{
    const volatile struct vcpu_time_info *t = &guest_vcpu_info()->time;
    uint32_t version;
    uint64_t ns;

    do {
        version = t->version;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        uint64_t delta = tsc_read() - t->tsc_timestamp;

        delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
        ns = t->system_time + (uint64_t)(((unsigned __int128)delta * t->tsc_to_system_mul) >> 32);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while ((version & 1) || version != t->version);
    return ns;
}

uint64_t clock_wall_ns(void)
{
    const volatile shared_info_t *s = &shared_info_page;
    uint32_t version;
    uint64_t ns;

    do {
        version = s->wc_version;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        ns = (s->wc_sec | (uint64_t)s->wc_sec_hi << 32) * 1000000000UL + s->wc_nsec;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while ((version & 1) || version != s->wc_version);
    return ns + clock_ns();
}

static void timer_arrived(evtchn_port_t port)
{
    (void)port;
    ticks++;
}

void clock_init(void)
{
    (void)hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
    if (event_bind_virq(VIRQ_TIMER, timer_arrived) < 0)
        guest_panic("clock: no timer");
}

uint64_t clock_ticks(void)
{
    return ticks;
}

static void timer_arm(uint64_t deadline_ns)
{
    vcpu_set_singleshot_timer_t timer = { .timeout_abs_ns = deadline_ns };

    if (hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer))
        (void)hypercall_set_timer_op(deadline_ns);
}

void clock_sleep(uint64_t ns)
{
    uint64_t deadline = clock_ns() + ns;

    while (clock_ns() < deadline) {
        struct thread *self = thread_current;

        thread_yield();
        if (thread_current != self)
            continue;
        /* Masked, so that the timer's event cannot come and go before the vCPU blocks for it. */
        bool masked = events_mask();

        if (clock_ns() < deadline) {
            timer_arm(deadline);
            events_wait();
        }
        events_restore(masked);
    }
}
