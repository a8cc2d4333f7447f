/*
 * SPDX-License-Identifier: MIT
 *
 * Privileged instructions in a guest kernel that runs in ring 3.
 *
 * Background: each raises #GP on the CPU. For a short list the hypervisor carries out what the guest
 * kernel meant, on the state that the ABI gives it; everything else, and everything from user mode,
 * is the guest's own #GP with error code 0, at the instruction.
 *
 * Steps: one scenario for each group of instructions; each runs it with operands that are allowed and
 * with operands that are not. An instruction is executed with registers of the test's choice
 * (struct regs), its trap is caught.
 *
 * Expected: results as listed in each scenario, the same on every hypervisor; state is put back.
 */
#include "insn.h"

#include "mm/p2m.h"

#define TRAP_NM 7

#define MSR_TSC       0x10
#define MSR_APIC_BASE 0x1b
#define MSR_PAT       0x277
#define MSR_EFER      0xc0000080
#define MSR_STAR      0xc0000081
#define MSR_LSTAR     0xc0000082
#define MSR_FS_BASE   0xc0000100
#define MSR_GS_BASE   0xc0000101
#define MSR_GS_USER   0xc0000102
#define CR0_TS        (1UL << 3)
#define CR4_TSD       (1UL << 2)
#define CR4_DE        (1UL << 3)
#define NOT_CANONICAL 0x0000900000000000UL

/* ---- control registers ---- */

INSN(cr0_read, "mov %%cr0, %%rax")
INSN(cr0_write, "mov %%rax, %%cr0")
INSN(cr2_read, "mov %%cr2, %%rax")
INSN(cr2_write, "mov %%rax, %%cr2")
INSN(cr3_read, "mov %%cr3, %%rax")
INSN(cr3_write, "mov %%rax, %%cr3")
INSN(cr4_read, "mov %%cr4, %%rax")
INSN(cr4_write, "mov %%rax, %%cr4")
INSN(cr8_read, "mov %%cr8, %%rax")
INSN(clear_ts, "clts")
INSN(wbinvd, "wbinvd")
/* TS as left by fpu_taskswitch(1), by CLTS, by a write of CR0; nothing here touches the FPU. */
INSN(ts_sequence,
     "mov $1, %%edi; call hypercall_page + 5 * 32; mov %%cr0, %%rbx; clts; mov %%cr0, %%rcx;"
     "mov %%rcx, %%rax; or $8, %%rax; mov %%rax, %%cr0; mov %%cr0, %%rdx; clts")
INSN(sse_with_ts, "mov $1, %%edi; call hypercall_page + 5 * 32; movaps %%xmm0, %%xmm0")
INSN(rdtsc, "rdtsc")

SCENARIO(emulate_cr, "emulate-cr", "CR0, CR2, CR3, CR4, CLTS, WBINVD")
{
    vcpu_info_t *info = guest_vcpu_info();
    uint8_t mask = info->evtchn_upcall_mask;
    uint64_t root = mfn_to_ma(aspace_root(aspace_active)), cr0, cr4;
    struct regs r;

    cr0 = runs(cr0_read).a;
    EXPECT_EQ(cr0 & 0x80000009, 0x80000001); /* PG, PE, no TS */
    runs(cr0_write, .a = cr0);
    refused(cr0_write, .a = cr0 & ~0x80000000UL);
    refused(cr0_write, .a = cr0 ^ (1UL << 16)); /* WP */

    /* An event would find TS set on its way in. */
    info->evtchn_upcall_mask = 1;
    r = runs(ts_sequence);
    EXPECT_EQ(r.b & CR0_TS, CR0_TS);
    EXPECT_EQ(r.c & CR0_TS, 0);
    EXPECT_EQ(r.d & CR0_TS, CR0_TS);
    traps(TRAP_NM, 0, sse_with_ts);
    info->evtchn_upcall_mask = mask;
    EXPECT_EQ(runs(cr0_read).a & CR0_TS, 0); /* delivering #NM cleared it */

    runs(cr2_write, .a = 0x123456789000);
    EXPECT_EQ(runs(cr2_read).a, 0x123456789000);
    EXPECT_EQ(info->arch.cr2, 0x123456789000);

    EXPECT_EQ(runs(cr3_read).a, root);
    runs(cr3_write, .a = root);
    refused(cr3_write, .a = 0);                               /* a frame that is not ours */
    refused(cr3_write, .a = mfn_to_ma(p2m(scenario_page()))); /* mapped writable: no page table */
    EXPECT_EQ(runs(cr3_read).a, root);

    cr4 = runs(cr4_read).a;
    EXPECT_EQ(cr4 & (CR4_TSD | CR4_DE), 0);
    runs(cr4_write, .a = cr4 | CR4_TSD | CR4_DE);
    EXPECT_EQ(runs(cr4_read).a, cr4 | CR4_TSD | CR4_DE);
    r = runs(rdtsc); /* traps now, and is emulated */
    EXPECT(r.a <= 0xffffffff && (r.a | r.d));
    runs(cr4_write, .a = cr4 ^ (1UL << 20)); /* SMEP is not the guest's: ignored */
    EXPECT_EQ(runs(cr4_read).a, cr4);

    refused(cr8_read);
    runs(clear_ts);
    runs(wbinvd); /* ignored */
}

/* ---- what is not emulated ---- */

static uint64_t pseudo_descriptor[2];

INSN(hlt, "hlt")
INSN(invlpg, "invlpg (%%rax)")
INSN(invd, "invd")
INSN(lgdt, "lgdt (%%rax)")
INSN(lidt, "lidt (%%rax)")
INSN(lldt, "lldt %%ax")
INSN(ltr, "ltr %%ax")
INSN(lmsw, "lmsw %%ax")
INSN(swapgs, "swapgs")
INSN(sysret, "sysretq")
INSN(ud2, "ud2")

SCENARIO(emulate_none, "emulate-none", "HLT, INVLPG, LGDT and others stay #GP")
{
    uint64_t p = (uint64_t)pseudo_descriptor;

    refused(hlt);
    refused(invlpg, .a = p);
    refused(invd);
    refused(lgdt, .a = p);
    refused(lidt, .a = p);
    refused(lldt);
    refused(ltr);
    refused(lmsw);
    refused(swapgs);
    refused(sysret, .c = p);
    traps(TRAP_UD, 0, ud2);
}

/* ---- MSRs ---- */

INSN(rdmsr, "rdmsr")
INSN(wrmsr, "wrmsr")

static uint64_t msr_get(uint32_t msr)
{
    struct regs r = runs(rdmsr, .c = msr);

    EXPECT(r.a <= 0xffffffff && r.d <= 0xffffffff);
    return r.a | r.d << 32;
}

#define MSR_VALUE(msr, value) .c = (msr), .a = (uint32_t)(value), .d = (value) >> 32

SCENARIO(emulate_msr, "emulate-msr", "RDMSR and WRMSR: an allow-list")
{
    uint64_t gs = msr_get(MSR_GS_BASE), gs_user = msr_get(MSR_GS_USER), fs = msr_get(MSR_FS_BASE);
    uint64_t efer = msr_get(MSR_EFER);

    EXPECT_EQ(efer & 0xd01, 0xd01);   /* SCE LME LMA NXE */
    EXPECT_EQ(efer & (1UL << 12), 0); /* SVME */
    runs(wrmsr, MSR_VALUE(MSR_EFER, efer));
    refused(wrmsr, MSR_VALUE(MSR_EFER, efer ^ 0x800));
    EXPECT_EQ(msr_get(MSR_PAT), 0x0000050100070406);
    refused(wrmsr, MSR_VALUE(MSR_PAT, 0x0007040600070406UL));
    EXPECT_EQ(msr_get(MSR_APIC_BASE), 0xfee00900);
    EXPECT(msr_get(MSR_TSC) != 0);

    runs(wrmsr, MSR_VALUE(MSR_FS_BASE, 0x7000deadb000));
    EXPECT_EQ(msr_get(MSR_FS_BASE), 0x7000deadb000);
    runs(wrmsr, MSR_VALUE(MSR_GS_USER, 0xffff900012345000));
    EXPECT_EQ(msr_get(MSR_GS_USER), 0xffff900012345000);
    EXPECT_EQ(msr_get(MSR_GS_BASE), gs);
    refused(wrmsr, MSR_VALUE(MSR_FS_BASE, NOT_CANONICAL));
    refused(wrmsr, MSR_VALUE(MSR_GS_BASE, NOT_CANONICAL));
    refused(wrmsr, MSR_VALUE(MSR_GS_USER, NOT_CANONICAL));
    EXPECT_EQ(msr_get(MSR_FS_BASE), 0x7000deadb000);
    runs(wrmsr, MSR_VALUE(MSR_FS_BASE, fs));
    runs(wrmsr, MSR_VALUE(MSR_GS_USER, gs_user));

    /* Dropped writes: machine check, MISC_ENABLE. */
    EXPECT_EQ(msr_get(0x17a), 0);
    runs(wrmsr, MSR_VALUE(0x179, ~0UL));
    EXPECT(msr_get(0x179) != ~0UL);
    runs(wrmsr, MSR_VALUE(0x1a0, 0x40UL));
    EXPECT_EQ(msr_get(0x1a0) & 0x40, 0);

    refused(rdmsr, .c = MSR_STAR);
    refused(rdmsr, .c = MSR_LSTAR);
    refused(wrmsr, MSR_VALUE(MSR_LSTAR, (uint64_t)pseudo_descriptor));
    refused(rdmsr, .c = 0x1d9); /* DEBUGCTL */
    refused(rdmsr, .c = 0x174); /* SYSENTER_CS */
    refused(rdmsr, .c = 0xdeadbeef);
    refused(wrmsr, .c = 0xdeadbeef);
    refused(rdmsr, .c = 0x40000100);
}

/*
 * A kernel that has no #GP handler yet cannot recover: an MSR that exists reads as 0 for it. Without a
 * trap table there is no way back from a fault, so nothing is caught here.
 */
SCENARIO(emulate_msr_early, "emulate-msr-early", "RDMSR before there is a #GP handler gives 0")
{
    struct regs r = { .a = 1, .c = MSR_STAR, .d = 1 };

    REQUIRE(hypercall_set_trap_table(NULL) == 0);
    rdmsr(&r);
    traps_init();
    EXPECT_EQ(r.a, 0);
    EXPECT_EQ(r.d, 0);
    refused(rdmsr, .c = MSR_STAR);
}

/* The hypercall page by MSR: a frame address with index 0. */
SCENARIO(emulate_msr_page, "emulate-msr-page", "WRMSR 0x40000000 fills a page with stubs")
{
    pfn_t page = scenario_page();
    uint8_t *at = page_va(page);
    static const uint8_t stub_17[] = { 0x51, 0x41, 0x53, 0xb8, 17,   0,    0,
                                       0,    0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3 };

    EXPECT_EQ(msr_get(0x40000000), 0);
    refused(wrmsr, MSR_VALUE(0x40000000, mfn_to_ma(p2m(page)) | 1));
    refused(wrmsr, MSR_VALUE(0x40000000, mfn_to_ma(aspace_root(&kernel_aspace))));
    EXPECT_EQ(at[0], 0);
    runs(wrmsr, MSR_VALUE(0x40000000, mfn_to_ma(p2m(page))));
    for (unsigned int i = 0; i < sizeof(stub_17); i++)
        EXPECT_EQ(at[17 * 32 + i], stub_17[i]);
    EXPECT_EQ(at[23 * 32 + 3], 0x50); /* iret pushes RAX */
    EXPECT_EQ(at[127 * 32 + 4], 127);
}

/* ---- CPUID by the forced-emulation prefix ---- */

INSN(forced_cpuid, ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; cpuid")
INSN(forced_rdtsc, ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; rdtsc")
INSN(forced_prefixed, ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x66; cpuid")

SCENARIO(emulate_cpuid, "emulate-cpuid", "the hypervisor's leaves, and what the guest must not see")
{
    struct regs r = runs(forced_cpuid, .a = 0x40000000);
    uint64_t version = (uint64_t)hypercall_xen_version(XENVER_version, NULL);

    EXPECT(r.a >= 0x40000002 && r.a <= 0x400000ff);
    EXPECT_EQ(r.b, 0x566e6558);
    EXPECT_EQ(r.c, 0x65584d4d);
    EXPECT_EQ(r.d, 0x4d4d566e);
    r = runs(forced_cpuid, .a = 0x40000001);
    EXPECT_EQ(r.a, version);
    EXPECT_EQ(r.b | r.c | r.d, 0);
    r = runs(forced_cpuid, .a = 0x40000002);
    EXPECT_EQ(r.a, 1);
    EXPECT_EQ(r.b, 0x40000000);
    EXPECT_EQ(r.c, 1); /* MMU_PT_UPDATE_PRESERVE_AD */

    r = runs(forced_cpuid, .a = 1);
    EXPECT_EQ(r.c >> 31, 1);                               /* hypervisor */
    EXPECT_EQ(r.c & (1UL << 17 | 1UL << 5), 0);            /* PCID VMX */
    EXPECT_EQ(r.d & (1UL << 1 | 1UL << 3 | 1UL << 13), 0); /* VME PSE PGE */
    EXPECT_EQ(r.d & (1UL << 0 | 1UL << 4 | 1UL << 5 | 1UL << 6 | 1UL << 24 | 1UL << 26),
              1UL << 0 | 1UL << 4 | 1UL << 5 | 1UL << 6 | 1UL << 24 | 1UL << 26);
    r = runs(forced_cpuid, .a = 7);
    EXPECT_EQ(r.b & (1UL << 7 | 1UL << 10 | 1UL << 20), 0); /* SMEP INVPCID SMAP */
    EXPECT_EQ(r.c & (1UL << 3 | 1UL << 16), 0);             /* PKU LA57 */
    r = runs(forced_cpuid, .a = 0x80000001);
    EXPECT_EQ(r.d & (1UL << 11 | 1UL << 20 | 1UL << 29), 1UL << 11 | 1UL << 20 | 1UL << 29);
    EXPECT_EQ(r.d & (1UL << 26), 0); /* 1 GiB pages */
    EXPECT_EQ(r.c & (1UL << 2), 0);  /* SVM */

    /* Nothing but exactly CPUID follows the prefix. */
    traps(TRAP_UD, 0, forced_rdtsc);
    traps(TRAP_UD, 0, forced_prefixed);
    scenario_reason("version %lu.%lu", version >> 16, version & 0xffff);
}

/* An executable page whose successor is absent, filled with what its last bytes are to be. */
SCENARIO(emulate_fetch, "emulate-fetch",
         "instruction that runs into an absent page: #PF at its address")
{
    static const uint8_t forced[] = { 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2 };
    struct region *r = scenario_region(1, REGION_R | REGION_W | REGION_X, &region_anon);
    uint8_t *end = (uint8_t *)r->end;
    struct trap_report report = { 0 };

    for (unsigned int here = 2; here < sizeof(forced); here++) {
        for (unsigned int i = 0; i < here; i++)
            end[(long)i - (long)here] = forced[i];
        EXPECT(probe_exec(r->end - here, &report));
        EXPECT_EQ(report.vector, TRAP_PF);
        EXPECT_EQ(report.cr2, r->end);
        EXPECT_EQ(report.rip, r->end - here);
    }
    /* The CPU itself faults on the absent byte of what is no complete instruction. */
    end[-1] = 0x0f;
    EXPECT(probe_exec(r->end - 1, &report));
    EXPECT_EQ(report.vector, TRAP_PF);
    EXPECT_EQ(report.cr2, r->end);
    /* All there: carried out, and what follows is fetched from the absent page. */
    for (unsigned int i = 0; i < sizeof(forced); i++)
        end[(long)i - (long)sizeof(forced)] = forced[i];
    EXPECT(probe_exec(r->end - sizeof(forced), &report));
    EXPECT_EQ(report.vector, TRAP_PF);
    EXPECT_EQ(report.cr2, r->end);
    EXPECT_EQ(report.rip, r->end);
}
