/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions that the ABI emulates after their #GP, INT n, and the forced-emulation
 * prefix. The guest runs in ring 3, so its every privileged instruction arrives here; what is not
 * listed below, and everything from guest-user mode, is the guest's own #GP (hazard X12).
 */
#include "pv/priv_op.h"

#include "dom/sched.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/x86.h"
#include "mm/guest_copy.h"
#include "pv/bounce.h"
#include "pv/debugreg.h"
#include "pv/emulate.h"
#include "pv/fetch.h"
#include "pv/base_pointer.h"
#include "pv/refuse.h"

#define TRAP_UD 6u
#define TRAP_GP 13u

#define CR4_TSD     (1ul << 2)
#define CR4_DE      (1ul << 3)
#define CR4_GUEST   (CR4_TSD | CR4_DE)                           /* the guest's to choose */
#define CR4_VISIBLE (1ul << 5 | 1ul << 6 | 1ul << 9 | 1ul << 10) /* PAE MCE OSFXSR OSXMMEXCPT */

static const uint8_t forced_prefix[5] = { 0x0f, 0x0b, 'x', 'e', 'n' };
static const uint8_t cpuid_opcode[2] = { 0x0f, 0xa2 };

bool iopl_ok(const struct vcpu *v)
{
    unsigned kernel_ring = v->domain->vm_assist & 1ul << VMASST_TYPE_architectural_iopl ? 0 : 1;

    return (v->in_user ? 3 : kernel_ring) <= v->iopl;
}

void cr4_load(const struct vcpu *v)
{
    uint64_t now = read_cr4(), wanted = (now & ~CR4_TSD) | (v->cr4 & CR4_TSD);

    if (now != wanted)
        write_cr4(wanted);
}

uint64_t cr4_guest(uint64_t value)
{
    return value & CR4_GUEST;
}

static enum op_result mov_from_cr(struct priv_op *op)
{
    struct vcpu *v = op->v;
    uint64_t *reg = insn_register(op->regs, op->insn->rm);

    switch (op->insn->reg) {
    case 0:
        *reg = (read_cr0() & ~CR0_TS) | (v->ts ? CR0_TS : 0);
        return OP_DONE;
    case 2:
        *reg = v->cr2;
        return OP_DONE;
    case 3:
        *reg = v->cr3_kernel;
        return OP_DONE;
    case 4:
        *reg = (v->cr4 & CR4_GUEST) | (read_cr4() & CR4_VISIBLE);
        return OP_DONE;
    default:
        return OP_REFUSED;
    }
}

static enum op_result set_cr3(uint64_t value)
{
    int rc = base_pointer_set(ma_to_mfn(value), domain_current()->id);

    if (rc == -ERESTART)
        return OP_AGAIN;
    pt_work_drain();
    if (!rc)
        return OP_DONE;
    refuse_report("mov to cr3", 0, rc);
    return OP_REFUSED;
}

static enum op_result mov_to_cr(struct priv_op *op)
{
    struct vcpu *v = op->v;
    uint64_t value = *insn_register(op->regs, op->insn->rm);

    switch (op->insn->reg) {
    case 0:
        if ((value ^ read_cr0()) & ~CR0_TS)
            return OP_REFUSED;
        fpu_set_ts(v, value & CR0_TS);
        return OP_DONE;
    case 2:
        v->cr2 = value;
        v->info->arch.cr2 = value;
        return OP_DONE;
    case 3:
        return set_cr3(value);
    case 4:
        v->cr4 = cr4_guest(value);
        cr4_load(v);
        return OP_DONE;
    default:
        return OP_REFUSED;
    }
}

static enum op_result mov_dr(struct priv_op *op, bool store)
{
    uint64_t *reg = insn_register(op->regs, op->insn->rm);
    long rc = store ? debugreg_set(op->v, op->insn->reg, *reg)
                    : debugreg_get(op->v, op->insn->reg, reg);

    refusal_clear();
    if (rc != -ENODEV)
        return rc ? OP_REFUSED : OP_DONE;
    bounce_exception(op->v, op->regs, TRAP_UD, -1);
    return OP_REFLECTED;
}

static void set_edx_eax(struct cpu_regs *regs, uint64_t value)
{
    regs->rax = (uint32_t)value;
    regs->rdx = value >> 32;
}

static enum op_result emulate_msr(struct priv_op *op, bool store)
{
    struct cpu_regs *regs = op->regs;
    uint64_t value = (uint32_t)regs->rax | regs->rdx << 32;

    if (store)
        return msr_write(op->v, (uint32_t)regs->rcx, value) ? OP_DONE : OP_REFUSED;
    if (!msr_read(op->v, (uint32_t)regs->rcx, &value))
        return OP_REFUSED;
    set_edx_eax(regs, value);
    return OP_DONE;
}

static void emulate_cpuid(struct cpu_regs *regs)
{
    uint32_t r[4];

    cpuid_policy((uint32_t)regs->rax, (uint32_t)regs->rcx, r);
    regs->rax = r[0];
    regs->rbx = r[1];
    regs->rcx = r[2];
    regs->rdx = r[3];
}

/*
 * 0F 01: only RDTSCP, where CR4.TSD made it trap. TSC_AUX is 0 for every guest. XSAVE is not
 * offered.
 */
static enum op_result emulate_group7(struct priv_op *op)
{
    const struct insn *insn = op->insn;

    if (insn->mod != 3 || (insn->reg & 7) != 7 || (insn->rm & 7) != 1 || !(op->v->cr4 & CR4_TSD))
        return OP_REFUSED;
    set_edx_eax(op->regs, rdtsc());
    op->regs->rcx = 0;
    return OP_DONE;
}

static enum op_result emulate_kernel_op(struct priv_op *op)
{
    switch (op->insn->opcode) {
    case OP_0F | 0x01:
        return emulate_group7(op);
    case OP_0F | 0x06: /* CLTS */
        fpu_set_ts(op->v, false);
        return OP_DONE;
    case OP_0F | 0x09: /* WBINVD: no domain may control caches; the ABI ignores it then */
        return OP_DONE;
    case OP_0F | 0x20:
        return mov_from_cr(op);
    case OP_0F | 0x21:
        return mov_dr(op, false);
    case OP_0F | 0x22:
        return mov_to_cr(op);
    case OP_0F | 0x23:
        return mov_dr(op, true);
    case OP_0F | 0x30:
        return emulate_msr(op, true);
    case OP_0F | 0x32:
        return emulate_msr(op, false);
    case OP_0F | 0x31: /* RDTSC with CR4.TSD */
        set_edx_eax(op->regs, rdtsc());
        return OP_DONE;
    default:
        return OP_REFUSED;
    }
}

static enum op_result emulate(struct priv_op *op)
{
    if (op->insn->prefixes & INSN_LOCK) { /* none of these may have it; TCG raises #GP first */
        bounce_exception(op->v, op->regs, TRAP_UD, -1);
        return OP_REFLECTED;
    }
    switch (op->insn->opcode) {
    case 0x6c:
    case 0x6d:
    case 0x6e:
    case 0x6f:
    case 0xe4:
    case 0xe5:
    case 0xe6:
    case 0xe7:
    case 0xec:
    case 0xed:
    case 0xee:
    case 0xef:
        return emulate_io(op);
    case 0xfa:
    case 0xfb: /* CLI STI: the upcall mask is not touched */
        return iopl_ok(op->v) ? OP_DONE : OP_REFUSED;
    case OP_0F | 0xa2: /* traps only on CPUs with CPUID faulting */
        emulate_cpuid(op->regs);
        return OP_DONE;
    default:
        return op->v->in_user ? OP_REFUSED : emulate_kernel_op(op);
    }
}

bool emulate_priv_op(struct vcpu *v, struct cpu_regs *regs)
{
    struct insn insn;
    struct code_segment cs;
    struct priv_op op = { .v = v, .regs = regs, .insn = &insn };

    switch (fetch_insn(v, regs, &insn, &cs)) {
    case FETCH_FAULTED:
        return true;
    case FETCH_UNKNOWN:
        return false;
    default:
        break;
    }
    op.long_mode = cs.long_mode;
    switch (emulate(&op)) {
    case OP_DONE:
        insn_retire(v, regs, insn.length, op.dr6_bits);
        return true;
    case OP_AGAIN:
    case OP_REFLECTED:
        return true;
    default:
        return false;
    }
}

/* Compares what could be read of an expected byte string; *va is moved past it when it is all there. */
static enum fetch_status expect_bytes(uint64_t *va, const uint8_t *expected, unsigned bytes,
                                      uint64_t *fault_va)
{
    uint8_t read[sizeof(forced_prefix)];
    unsigned n = fetch_bytes(read, *va, bytes);

    for (unsigned i = 0; i < n; i++)
        if (read[i] != expected[i])
            return FETCH_UNKNOWN;
    *fault_va = *va + n;
    *va += bytes;
    return n < bytes ? FETCH_FAULTED : FETCH_OK;
}

bool emulate_forced(struct vcpu *v, struct cpu_regs *regs)
{
    struct code_segment cs;
    uint64_t va, fault_va;
    enum fetch_status status;

    if (!code_segment_read(v, regs, &cs))
        return false;
    va = cs.long_mode ? regs->rip : cs.base + (uint32_t)regs->rip;
    status = expect_bytes(&va, forced_prefix, sizeof(forced_prefix), &fault_va);
    if (status == FETCH_OK)
        status = expect_bytes(&va, cpuid_opcode, sizeof(cpuid_opcode), &fault_va);
    if (status == FETCH_UNKNOWN || !guest_va_ok(fault_va))
        return false;
    if (status == FETCH_FAULTED) {
        bounce_page_fault(v, regs, fault_va, 0);
        return true;
    }
    emulate_cpuid(regs);
    insn_retire(v, regs, sizeof(forced_prefix) + sizeof(cpuid_opcode), 0);
    return true;
}

bool emulate_int_n(struct vcpu *v, struct cpu_regs *regs)
{
    struct insn insn;
    struct code_segment cs;
    uint8_t vector;

    switch (fetch_insn(v, regs, &insn, &cs)) {
    case FETCH_FAULTED:
        return true;
    case FETCH_UNKNOWN:
        return false;
    default:
        break;
    }
    if (insn.opcode != 0xcd || (insn.prefixes & INSN_LOCK))
        return false;
    vector = (uint8_t)insn.imm;
    if (TRAP_DPL(v->traps[vector].flags) < (v->in_user ? 3 : 1)) {
        bounce_exception(v, regs, TRAP_GP, vector * 8 + 2);
        return true;
    }
    regs->rip += insn.length;
    regs->rflags &= ~RFLAGS_RF;
    bounce_exception(v, regs, vector, -1);
    return true;
}
