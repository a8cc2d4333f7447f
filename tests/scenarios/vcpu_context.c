/*
 * SPDX-License-Identifier: MIT
 *
 * vcpu-context: what a vCPU starts with.
 *
 * Background: the context has all registers, selectors and their bases, the FPU image, debug and
 * control registers, the kernel's stack and callbacks, and whether the vCPU starts in user mode.
 *
 * Steps: the last vCPU is given a value of its own for everything; its first instructions store what
 * they find. It starts in user mode, on a root of its own, and its first system call goes to the
 * kernel by the context's callback and stack.
 *
 * Expected: everything is there. Debug registers that the hypervisor refuses are 0; the general
 * registers, the flags, the FPU and the user's GS base are the context's; the kernel's stack is the
 * given one, and its GS base is loaded in the kernel.
 */
#include "second.h"

#include <string.h>

#define VCPU    4U /* nobody else's: a vCPU is initialised once */
#define USER_VA 0x20000000UL

struct start {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, rflags, rsp;
    uint64_t gs_word, fs_word, pad; /* the image is 16-aligned */
    uint8_t fpu[512];
};

/* Pages of the user: the code, and what it stores. */
extern const uint8_t start_code[], start_code_end[], start_kernel[];

/* clang-format off */
__asm__(".pushsection .rodata\n"
        "start_code:\n" /* R15 is where things are stored */
        "movq %r14, 8(%r15)\n movq %r13, 16(%r15)\n movq %r12, 24(%r15)\n"
        "movq %rbp, 32(%r15)\n movq %rbx, 40(%r15)\n movq %r11, 48(%r15)\n movq %r10, 56(%r15)\n"
        "movq %r9, 64(%r15)\n movq %r8, 72(%r15)\n movq %rax, 80(%r15)\n movq %rcx, 88(%r15)\n"
        "movq %rdx, 96(%r15)\n movq %rsi, 104(%r15)\n movq %rdi, 112(%r15)\n"
        "movq %rsp, 128(%r15)\n"
        "lea 1024(%r15), %rsp\n pushfq\n popq 120(%r15)\n"
        "movq %gs:0, %rax\n movq %rax, 136(%r15)\n"
        "movq %fs:0, %rax\n movq %rax, 144(%r15)\n"
        "fxsave64 160(%r15)\n"
        "syscall\n"
        "ud2\n"
        "start_code_end:\n"
        ".popsection\n"
        ".pushsection .text\n"
        "start_kernel:\n" /* the syscall callback: frame RCX R11 RIP CS RFLAGS RSP SS */
        "movq %gs:0, %rdi\n movq %rsp, %rsi\n"
        "call start_in_kernel\n"
        ".popsection");
/* clang-format on */

void start_in_kernel(uint64_t gs_word, uint64_t *frame) __attribute__((noreturn));

static volatile uint64_t kernel_gs_word, kernel_rsp, user_cs, upcall_masked;
static volatile uint64_t dr[8];
static volatile bool arrived;
static uint64_t gs_words[4] = { 0x11, 0x22, 0x33, 0x44 };
static uint8_t kernel_stack[8192] __attribute__((aligned(16)));

void start_in_kernel(uint64_t gs_word, uint64_t *frame)
{
    kernel_gs_word = gs_word;
    kernel_rsp = (uint64_t)frame;
    user_cs = frame[3];
    upcall_masked = second_info(VCPU)->evtchn_upcall_mask;
    for (unsigned int i = 0; i < 8; i++)
        if (i != 4 && i != 5)
            dr[i] = (uint64_t)hypercall_get_debugreg(i);
    arrived = true;
    for (;;)
        (void)hypercall_vcpu_op(VCPUOP_down, VCPU, NULL);
}

static struct vcpu_guest_context context;

/* The FPU image: control words that differ from the reset state, and a mark in XMM3. */
static void fpu_fill(uint8_t *image)
{
    uint16_t control = 0x0f7f;
    uint32_t mxcsr = 0x3f80;

    memset(image, 0, 512);
    memcpy(image, &control, sizeof(control));
    memcpy(image + 24, &mxcsr, sizeof(mxcsr));
    memset(image + 160 + 3 * 16, 0x5c, 16);
}

static void context_fill(uint64_t data_va)
{
    struct cpu_user_regs *u = &context.user_regs;

    memset(&context, 0, sizeof(context));
    fpu_fill((uint8_t *)&context.fpu_ctxt);
    context.flags = VGCF_i387_valid;
    *u = (struct cpu_user_regs){ .r15 = data_va,
                                 .r14 = 14,
                                 .r13 = 13,
                                 .r12 = 12,
                                 .r11 = 11,
                                 .r10 = 10,
                                 .r9 = 9,
                                 .r8 = 8,
                                 .rax = 1,
                                 .rbx = 2,
                                 .rcx = 3,
                                 .rdx = 4,
                                 .rsi = 5,
                                 .rdi = 6,
                                 .rbp = 7 };
    u->rip = USER_VA;
    u->rsp = 0x123456789000;
    u->rflags = 0x4ed5 & ~0x100U; /* arithmetic flags, DF, NT; IF as the ABI forces it */
    u->cs = FLAT_USER_CS;
    u->ss = FLAT_USER_SS;
    context.kernel_ss = FLAT_KERNEL_SS;
    context.kernel_sp = (uint64_t)kernel_stack + sizeof(kernel_stack);
    context.syscall_callback_eip = (uint64_t)start_kernel;
    context.fs_base = data_va + 2048;
    context.gs_base_user = data_va + 2056;
    context.gs_base_kernel = (uint64_t)&gs_words[2];
    context.debugreg[0] = 0x400000;
    context.debugreg[1] = HV_VA_START; /* refused */
    context.debugreg[7] = 0x401;
}

static void registers_expect(const struct start *got)
{
    EXPECT_EQ(got->r14, 14);
    EXPECT_EQ(got->r13, 13);
    EXPECT_EQ(got->r12, 12);
    EXPECT_EQ(got->r11, 11);
    EXPECT_EQ(got->r10, 10);
    EXPECT_EQ(got->r9, 9);
    EXPECT_EQ(got->r8, 8);
    EXPECT_EQ(got->rax, 1);
    EXPECT_EQ(got->rbx, 2);
    EXPECT_EQ(got->rcx, 3);
    EXPECT_EQ(got->rdx, 4);
    EXPECT_EQ(got->rsi, 5);
    EXPECT_EQ(got->rdi, 6);
    EXPECT_EQ(got->rbp, 7);
    EXPECT_EQ(got->rsp, 0x123456789000);
    EXPECT_EQ(got->rflags & 0xfd5, (context.user_regs.rflags & 0xfd5) | 0x200);
}

SCENARIO(vcpu_context, "vcpu-context", "a vCPU starts with all that its context says, in user mode")
{
    pfn_t code = scenario_page(), data = scenario_page();
    uint64_t data_va = USER_VA + PAGE_SIZE;
    struct start *got = (struct start *)page_va(data);
    int error;
    struct aspace *as;
    uint8_t want[512];

    if (hypercall_vcpu_op(VCPUOP_is_up, VCPU, NULL) < 0)
        scenario_skip("%u vCPUs are needed: dom0_max_vcpus=%u", VCPU + 1, VCPU + 1);
    as = aspace_create(true, &error);
    REQUIRE(as);
    memset(got, 0, PAGE_SIZE);
    ((uint64_t *)got)[256] = 0xf5; /* where FS and GS point */
    ((uint64_t *)got)[257] = 0x65;
    memcpy(page_va(code), start_code, (size_t)(start_code_end - start_code));
    EXPECT_EQ(pt_map(as, USER_VA, p2m(code), PTE_P | PTE_U), 0);
    EXPECT_EQ(pt_map(as, data_va, p2m(data), PTE_P | PTE_RW | PTE_U | PTE_NX), 0);
    context_fill(data_va);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_initialise, VCPU, &context), -XEN_EINVAL); /* no roots */
    context.ctrlreg[3] = aspace_root(as).n << PAGE_SHIFT;
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_initialise, VCPU, &context),
              -XEN_EINVAL); /* not the user's */
    context.ctrlreg[1] = p2m(as->l4_user).n << PAGE_SHIFT;
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_up, VCPU, NULL), -XEN_EINVAL);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_initialise, VCPU, &context), 0);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_is_up, VCPU, NULL), 0);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_up, VCPU, NULL), 0);
    while (!arrived || hypercall_vcpu_op(VCPUOP_is_up, VCPU, NULL))
        second_yield();
    registers_expect(got);
    EXPECT_EQ(got->fs_word, 0xf5);
    EXPECT_EQ(got->gs_word, 0x65);
    fpu_fill(want);
    for (unsigned int i = 0; i < 512; i++)
        if (i < 8 || (i >= 24 && i < 28) || (i >= 160 && i < 416))
            EXPECT_EQ(got->fpu[i], want[i]);
    EXPECT_EQ(kernel_gs_word, 0x33);
    EXPECT_EQ(kernel_rsp, context.kernel_sp - 7 * 8);
    EXPECT_EQ(user_cs & 3, 3);
    EXPECT_EQ(upcall_masked, 1);
    EXPECT_EQ(dr[0], 0x400000);
    EXPECT_EQ(dr[1], 0);
    EXPECT_EQ(dr[7], 0x401);
    /* The vCPU holds its roots as long as the domain lives: the address space stays, emptied. */
    EXPECT_EQ(pt_unmap(as, USER_VA, NULL), 0);
    EXPECT_EQ(pt_unmap(as, data_va, NULL), 0);
    pt_trim(as, USER_VA, USER_VA + 2 * PAGE_SIZE);
}
