/*
 * SPDX-License-Identifier: MIT
 *
 * second.c - further vCPUs for scenarios: their first instruction, their traps, their jobs.
 *
 * A vCPU can be initialised once, so that its function returns to a loop: down, and when it comes up
 * again, the next job.  GS is the vCPU's struct second, in the kernel as on every entry to it.
 */
#include "second.h"

#include <string.h>

#define STACK_SIZE  16384
#define MASK_EVENTS 4 /* trap_info.flags */

/* As second_common leaves it; the FPU image lies below. */
struct second_frame {
    uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

void second_main(struct second *self) __attribute__((noreturn));
void second_trap(struct second_frame *frame);

extern const char second_entry[], second_pf[], second_gp[], second_ud[], second_event[];

/* clang-format off */
__asm__(".pushsection .text\n"
        "second_entry: xor %ebp, %ebp\n call second_main\n"
        ".macro SECOND_STUB name, vector, has_error\n"
        "\\name: pop %rcx\n pop %r11\n"
        ".if !\\has_error\n push $0\n .endif\n"
        "push $\\vector\n jmp second_common\n"
        ".endm\n"
        "SECOND_STUB second_pf, 14, 1\n"
        "SECOND_STUB second_gp, 13, 1\n"
        "SECOND_STUB second_ud, 6, 0\n"
        "SECOND_STUB second_event, 32, 0\n"
        "second_common: push %rdi\n push %rsi\n push %rdx\n push %rcx\n push %rax\n"
        "push %r8\n push %r9\n push %r10\n push %r11\n"
        "cld\n mov %rsp, %rdi\n"
        "push %rbp\n mov %rsp, %rbp\n sub $512, %rsp\n and $-16, %rsp\n"
        "fxsave64 (%rsp)\n"
        "call second_trap\n"
        "fxrstor64 (%rsp)\n mov %rbp, %rsp\n pop %rbp\n"
        "pop %r11\n pop %r10\n pop %r9\n pop %r8\n pop %rax\n pop %rcx\n"
        "pop %rdx\n pop %rsi\n pop %rdi\n"
        "add $8, %rsp\n movq $0, (%rsp)\n"
        "jmp hypercall_page + (23 * 32)\n"
        ".popsection");
/* clang-format on */

static struct second second[SECONDS_MAX];
static uint8_t stack[SECONDS_MAX][STACK_SIZE] __attribute__((aligned(16)));
static bool initialised[SECONDS_MAX];

vcpu_info_t *second_info(unsigned int vcpu)
{
    return &shared_info_page.vcpu_info[vcpu];
}

void second_yield(void)
{
    (void)hypercall_sched_op(SCHEDOP_yield, NULL);
}

void second_wait(const volatile uint64_t *word, uint64_t value)
{
    while (*word != value)
        second_yield();
}

int second_state(unsigned int n)
{
    struct vcpu_runstate_info info;

    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_get_runstate_info, n, &info), 0);
    return info.state;
}

void second_blocked_wait(unsigned int n)
{
    while (second_state(n) != RUNSTATE_blocked)
        second_yield();
}

uint64_t second_ports(unsigned int vcpu)
{
    volatile vcpu_info_t *info = second_info(vcpu);
    volatile xen_ulong_t *pending = shared_info_page.evtchn_pending;
    uint64_t ready;

    __atomic_exchange_n(&info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
    __atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
    ready = *pending & ~*(volatile xen_ulong_t *)shared_info_page.evtchn_mask;
    return ready;
}

static void go_down(struct second *self)
{
    (void)hypercall_vcpu_op(VCPUOP_down, self->id, NULL);
}

void second_main(struct second *self)
{
    for (;;) {
        if (self->finished == self->started) {
            go_down(self);
            continue;
        }
        self->fn(self);
        second_info(self->id)->evtchn_upcall_mask = 1;
        self->finished++;
    }
}

void second_trap(struct second_frame *frame)
{
    struct second *self;
    uint64_t cr2;

    __asm__ volatile("mov %%gs:0, %0" : "=r"(self));
    cr2 = second_info(self->id)->arch.cr2;
    if (frame->vector == 32) {
        if (self->event)
            self->event(self);
        return;
    }
    if (frame->vector == 14 && self->fault && self->fault(self, cr2, (uint32_t)frame->error))
        return;
    self->died = (frame->vector << 32 | frame->error) + 1;
    self->died_at = frame->rip;
    self->died_cr2 = cr2;
    for (;;)
        go_down(self);
}

unsigned int seconds(void)
{
    unsigned int n = 0;

    while (n < SECONDS_MAX && hypercall_vcpu_op(VCPUOP_is_up, n + 1, NULL) >= 0)
        n++;
    return n;
}

void seconds_require(unsigned int n)
{
    if (seconds() < n)
        scenario_skip("%u vCPUs are needed: dom0_max_vcpus=%u", n + 1, n + 1);
}

/* Where GS points: the word at its base is its own address. */
static struct second *gs_word[SECONDS_MAX];

static void handler(struct trap_info *t, const char *stub, unsigned int flags)
{
    t->address = (uint64_t)stub;
    t->cs = FLAT_KERNEL_CS;
    t->flags = (uint8_t)flags;
}

void second_context(unsigned int n, struct vcpu_guest_context *c)
{
    memset(c, 0, sizeof(*c));
    c->flags = VGCF_in_kernel;
    c->user_regs.rip = (uint64_t)second_entry;
    c->user_regs.rsp = (uint64_t)stack[n - 1] + STACK_SIZE;
    c->user_regs.rdi = (uint64_t)&second[n - 1];
    c->user_regs.rflags = 0x200;
    c->user_regs.cs = FLAT_KERNEL_CS;
    c->user_regs.ss = FLAT_KERNEL_SS;
    c->kernel_ss = FLAT_KERNEL_SS;
    c->kernel_sp = c->user_regs.rsp;
    handler(&c->trap_ctxt[14], second_pf, MASK_EVENTS);
    handler(&c->trap_ctxt[13], second_gp, MASK_EVENTS);
    handler(&c->trap_ctxt[6], second_ud, MASK_EVENTS);
    c->event_callback_eip = (uint64_t)second_event;
    c->gs_base_kernel = (uint64_t)&gs_word[n - 1];
    c->ctrlreg[3] = aspace_root(&kernel_aspace).n << PAGE_SHIFT;
}

struct second *second_start(unsigned int n, void (*fn)(struct second *self), void *arg)
{
    static struct vcpu_guest_context context;
    struct second *s = &second[n - 1];

    REQUIRE(n >= 1 && n <= SECONDS_MAX);
    REQUIRE(s->finished == s->started);
    s->id = n;
    s->fn = fn;
    s->arg = arg;
    s->fault = NULL;
    s->event = NULL;
    s->started++;
    if (!initialised[n - 1]) {
        gs_word[n - 1] = s;
        second_context(n, &context);
        EXPECT_EQ(hypercall_vcpu_op(VCPUOP_initialise, n, &context), 0);
        initialised[n - 1] = true;
    }
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_up, n, NULL), 0);
    return s;
}

void second_join(struct second *s)
{
    while (s->finished != s->started || hypercall_vcpu_op(VCPUOP_is_up, s->id, NULL)) {
        if (s->died)
            scenario_fail("vCPU %u died: vector %lu, error %lx, rip %lx, cr2 %lx", s->id,
                          (s->died - 1) >> 32, (s->died - 1) & 0xffffffff, s->died_at, s->died_cr2);
        second_yield();
    }
}
