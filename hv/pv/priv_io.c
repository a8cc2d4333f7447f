/* SPDX-License-Identifier: MIT */
/*
 * IN, OUT, INS, OUTS. Two questions, both answered "no" by default (hazard M5): may this vCPU
 * execute the instruction (I/O privilege or its bitmap; else #GP), and has its domain the port
 * (else reads give ones and writes are dropped). No domain has ports of the machine itself: timer 2
 * is emulated, and behind the PCI address register, which keeps what is written to it, there is
 * nothing. The initial domain can read the clock (RTC), and finds a legacy interrupt controller
 * when it looks for one: it would give the legacy interrupts' numbers to event channels, and its
 * drivers of legacy devices would take those. On Xen it learns of the controller from ACPI.
 */
#include "dom/sched.h"
#include "lib/x86.h"
#include "mm/guest_copy.h"
#include "mm/tlb.h"
#include "pv/bounce.h"
#include "pv/debugreg.h"
#include "pv/pit.h"
#include "pv/priv_op.h"

#define PORT_PIC_MASK    0x21
#define PORT_RTC_INDEX   0x70
#define PORT_RTC_DATA    0x71
#define PORT_PIT2_DATA   0x42
#define PORT_PIT_COMMAND 0x43
#define PORT_SPEAKER     0x61
#define PORT_PCI_ADDRESS 0xcf8

#define PIC_ALL_BUT_CASCADE 0xfb /* what kernels write to the mask and read back */

#define STRING_CHUNK 64u /* iterations of REP done for one trap; then the instruction runs again */

/* True if the bits of [port, port + bytes) are clear in the guest's bitmap. Unreadable means denied. */
static bool bitmap_allows(struct vcpu *v, uint16_t port, unsigned bytes)
{
    uint8_t bits[2] = { 0xff, 0xff };
    uint64_t va = v->iobitmap_va + port / 8;
    unsigned mask = ((1u << bytes) - 1) << (port & 7);

    if ((uint32_t)port + bytes > v->iobitmap_ports)
        return false;
    if (v->in_user) /* the pointer is the kernel's */
        tlb_load_root(v->cr3_kernel);
    if (guest_read(&bits[0], va, 1))
        bits[0] = 0xff;
    if (mask > 0xff && guest_read(&bits[1], va + 1, 1))
        bits[1] = 0xff;
    if (v->in_user)
        tlb_load_root(v->cr3_user);
    return !((bits[0] | bits[1] << 8) & mask);
}

static uint8_t rtc_read(const struct domain *d)
{
    outb(PORT_RTC_INDEX, d->io.cmos_index);
    return inb(PORT_RTC_DATA);
}

static uint8_t port_read(struct domain *d, uint16_t port)
{
    switch (port) {
    case PORT_RTC_INDEX:
        return d->io.cmos_index;
    case PORT_RTC_DATA:
        return d->initial ? rtc_read(d) : 0xff;
    case PORT_PIC_MASK:
        return d->initial && d->io.pic_probed ? PIC_ALL_BUT_CASCADE : 0xff;
    case PORT_PIT2_DATA:
    case PORT_PIT_COMMAND:
    case PORT_SPEAKER:
        return pit_read(&d->io, port);
    default:
        return 0xff;
    }
}

static void port_write(struct domain *d, uint16_t port, uint8_t value)
{
    if (port == PORT_RTC_INDEX)
        d->io.cmos_index = value & 0x7f;
    else if (port == PORT_PIC_MASK)
        d->io.pic_probed = value == PIC_ALL_BUT_CASCADE;
    else if (port == PORT_PIT2_DATA || port == PORT_PIT_COMMAND || port == PORT_SPEAKER)
        pit_write(&d->io, port, value);
}

static uint32_t io_read(struct domain *d, uint16_t port, unsigned bytes)
{
    uint32_t value = 0;

    if (port == PORT_PCI_ADDRESS && bytes == 4)
        return d->io.pci_address;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint32_t)port_read(d, (uint16_t)(port + i)) << i * 8;
    return value;
}

static void io_write(struct domain *d, uint16_t port, unsigned bytes, uint32_t value)
{
    if (port == PORT_PCI_ADDRESS && bytes == 4) {
        d->io.pci_address = value;
        return;
    }
    for (unsigned i = 0; i < bytes; i++)
        port_write(d, (uint16_t)(port + i), (uint8_t)(value >> i * 8));
}

/* One memory access of INS or OUTS. False: a fault was reflected, or (*refused) has to be. */
static bool string_memory(struct priv_op *op, uint64_t va, void *item, unsigned bytes, bool store,
                          bool *refused)
{
    unsigned first = (unsigned)(PAGE_SIZE - (va & (PAGE_SIZE - 1)));

    if (first > bytes)
        first = bytes;
    *refused = !va_canonical(va) || !va_canonical(va + bytes - 1);
    if (*refused)
        return false;
    for (unsigned at = 0; at < bytes; at += first, first = bytes - first) {
        int rc = store ? guest_write(va + at, (char *)item + at, first)
                       : guest_read((char *)item + at, va + at, first);

        if (rc) {
            bounce_page_fault(op->v, op->regs, va + at, store ? PFEC_W : 0);
            return false;
        }
    }
    return true;
}

static uint64_t segment_base(const struct insn *insn)
{
    if (insn->segment == SEGMENT_FS)
        return rdmsr(MSR_FS_BASE);
    return insn->segment == SEGMENT_GS ? rdmsr(MSR_SHADOW_GS_BASE) : 0;
}

static enum op_result string_io(struct priv_op *op, uint16_t port, unsigned bytes)
{
    const struct insn *insn = op->insn;
    struct cpu_regs *regs = op->regs;
    bool in = insn->opcode < 0x6e, rep = insn->prefixes & (INSN_REP | INSN_REPNE), refused;
    uint64_t mask = insn_mask(insn->addr_bytes);
    uint64_t step = regs->rflags & RFLAGS_DF ? -(uint64_t)bytes : bytes;
    uint64_t *pointer = in ? &regs->rdi : &regs->rsi;
    uint64_t base = in ? 0 : segment_base(insn); /* INS: always ES */

    for (unsigned done = 0; !rep || (regs->rcx & mask); done++) {
        uint64_t va = (*pointer & mask) + base;
        uint32_t item;

        if (done == STRING_CHUNK)
            return OP_AGAIN;
        if (in)
            item = io_read(op->v->domain, port, bytes);
        if (!string_memory(op, va, &item, bytes, in, &refused))
            return refused ? OP_REFUSED : OP_REFLECTED;
        if (!in)
            io_write(op->v->domain, port, bytes, item);
        *pointer = (*pointer + step) & mask;
        if (!rep)
            break;
        regs->rcx = (regs->rcx - 1) & mask;
    }
    return OP_DONE;
}

enum op_result emulate_io(struct priv_op *op)
{
    const struct insn *insn = op->insn;
    unsigned bytes = insn->op_bytes > 4 ? 4 : insn->op_bytes;
    uint16_t port = (uint16_t)op->regs->rdx;
    uint8_t opcode = (uint8_t)insn->opcode;

    if (opcode >= 0xe4 && opcode <= 0xe7)
        port = (uint8_t)insn->imm;
    if (!iopl_ok(op->v) && !bitmap_allows(op->v, port, bytes))
        return OP_REFUSED;
    op->dr6_bits = debugreg_io_hits(op->v, port, bytes);
    if (opcode < 0x70)
        return op->long_mode ? string_io(op, port, bytes) : OP_REFUSED;
    if (opcode & 2)
        io_write(op->v->domain, port, bytes, (uint32_t)(op->regs->rax & insn_mask(bytes)));
    else
        insn_reg_write(insn, op->regs, 0, bytes, io_read(op->v->domain, port, bytes));
    return OP_DONE;
}
