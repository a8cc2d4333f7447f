/* SPDX-License-Identifier: MIT */
/*
 * A virtual CPU: everything that the ABI keeps for one, and the hypervisor stack it runs on.
 *
 * The GS base of the hypervisor is the current vCPU, so its first fields are what cpu/entry.S and
 * syscall.S work on: the CPU pushes the frame of an exception from ring 3 straight into regs
 * (TSS.RSP0 is the end of regs), then the stack is switched to stack_top.
 */
#ifndef HV_DOM_VCPU_H
#define HV_DOM_VCPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/abi.h"
#include "dom/domain.h"
#include "lib/regs.h"
#include "lib/percpu.h"
#include "pt/page_type.h"

enum vcpu_state {
    VCPU_DOWN, /* never brought up, or VCPUOP_down */
    VCPU_RUNNABLE,
    VCPU_BLOCKED, /* SCHEDOP_block or poll: woken by events */
    VCPU_STOPPED, /* its domain was shut down */
};

struct vcpu_callback {
    uint64_t va;      /* 0 = none registered */
    bool mask_events; /* upcall_mask := 1 on entry */
};

struct vcpu_time {
    uint64_t periodic_ns;   /* period, 0 = off */
    uint64_t periodic_next; /* system time of its next tick */
    uint64_t singleshot;    /* deadline in system time ns, 0 = none */
    uint64_t poll_deadline; /* SCHEDOP_poll timeout, 0 = none */
    uint64_t refreshed;     /* system time at which vcpu_time_info was written */
    uint32_t version;       /* of vcpu_time_info: odd while it is written */
};

/* What an instruction that stores to memory means, for its bytes: pv/store_form.h. */
struct store_form {
    uint64_t code; /* the instruction, and what of the eight bytes it leaves */
    uint64_t value;
    int32_t disp;
    uint8_t kind; /* enum store_kind; the rest counts unless it is STORE_NONE, which is 0 */
    uint8_t length;
    uint8_t base, index, reg; /* places in struct cpu_regs, bytes */
    uint8_t scale;
    bool indexed;
};
#define STORE_FORMS 16u /* for each vCPU */

struct vcpu {
    struct percpu *cpu;       /* first: this_cpu() reads it through GS */
    struct vcpu *self;        /* set with cpu when it is switched to */
    uint64_t stack_top;       /* hypervisor stack, empty whenever the guest runs */
    uint64_t hypercall_limit; /* HYPERCALLS in guest-kernel mode, 0 in guest-user mode */
    const uint8_t *exit_test; /* byte that is not 0 when there is something to do before the
                                    guest runs: info's upcall_pending, or vcpu_exit_work()'s */
    uint64_t via_sysret;      /* 1: leave by SYSRET; regs has rcx == rip, r11 == rflags */
    uint64_t fault_handler;   /* of page faults by the short ways (cpu/fault.S, cpu/user.S), 0 =
                                    not by them; bounce_fault_route() */
    uint64_t fault_mask;      /* 1: that handler is entered with events masked */
    uint64_t fault_room[7];   /* the frame of a fault of the last IRETQ lands here and in regs */
    struct cpu_regs regs;     /* its end is 16-byte aligned, see cpu/offsets.c */

    struct domain *domain; /* 0 for the idle vCPU */
    uint32_t id;
    uint8_t state; /* enum vcpu_state */
    bool blocked;  /* while it is down: it went down blocked, and nothing has woken it since */
    bool initialised;
    uint64_t switch_rsp; /* saved RSP while not running (cpu/entry.S) */

    /* Address spaces. cr3_* are machine addresses; the vCPU holds a root reference on each. */
    uint32_t in_user; /* 1 in guest-user mode, 0 in guest-kernel mode */
    uint64_t cr3_kernel;
    uint64_t cr3_user; /* 0 = none */
    struct pt_work pt_work;

    /* Entry into the guest kernel. */
    uint64_t kernel_sp;
    uint16_t kernel_ss;
    struct trap_info *traps; /* 256 entries; address 0 = none */
    struct vcpu_callback event, failsafe, syscall, syscall32, sysenter, nmi;
    bool nmi_pending, nmi_masked;
    bool failsafe_pending; /* a segment could not be loaded: failsafe callback on the way out */
    bool restarting;       /* hypercall_restart() has set regs up; RAX is not a result */
    bool mode_changed;     /* iret within a multicall: regs are the new context */
    vcpu_info_t *info;     /* hypervisor's address: in shared_info, or registered */
    mfn_t info_mfn;        /* frame that holds a registered vcpu_info, MFN_NONE = shared_info */

    /* Segments. Selectors are in the frame (cs, ss) or here while the vCPU does not run. */
    uint64_t fs_base, gs_base_kernel, gs_base_user;
    uint16_t ds, es, fs, gs;
    mfn_t gdt_mfn[14]; /* MFN_NONE = none */
    uint32_t gdt_entries;
    uint64_t ldt_va;
    uint32_t ldt_entries;
    uint16_t ldt_mapped; /* bit n: LDT page n is mapped in the per-domain area */
    mfn_t ldt_mfn[16];   /* of the mapped ones: a descriptor-typed reference each */

    /* Registers the ABI virtualises. */
    uint64_t cr2;
    uint64_t cr4;   /* guest's view */
    uint32_t ts;    /* CR0.TS as the guest sees it */
    uint64_t dr[8]; /* DR0-3, DR6, DR7; guest's view */
    uint8_t iopl;   /* PHYSDEVOP_set_iopl */
    uint64_t iobitmap_va;
    uint32_t iobitmap_ports;
    void *fpu; /* 512-byte FXSAVE image (or XSAVE area), 64-byte aligned */
    bool fpu_initialised;

    struct vcpu_time time;
    uint64_t time_area_va; /* VCPUOP_register_vcpu_time_memory_area, 0 = none */
    uint64_t runstate_va;  /* VCPUOP_register_runstate_memory_area, 0 = none */
    vcpu_runstate_info_t runstate;
    uint32_t poll_port; /* while polling: the port polled for, or EVTCHN_ANY */
    bool polling;
    uint16_t virq_port[24]; /* port bound to each VIRQ, 0 = none; global ones on vCPU 0 */

    struct { /* one active multicall at most */
        bool active;
        bool restarted;   /* the sub-call wants to be continued */
        uint64_t args[5]; /* its rewritten arguments */
    } multicall;

    struct store_form store_forms[STORE_FORMS]; /* of its kernel's stores to page tables */

    uint64_t perdomain_gdt; /* VA of its GDT window in slot 260, 0 = not mapped yet */

    struct vcpu *run_next; /* those that wait for the CPU (dom/share.c) */
    bool queued;
    uint64_t time_run; /* ns, as its share counts them */
    struct {           /* explanation of the request under way (pv/refuse.c) */
        const char *hypercall;
        uint32_t index;
    } request;
} __attribute__((aligned(64)));

/* The vCPU whose context is loaded. */
static inline struct vcpu *vcpu_current(void)
{
    return this_vcpu();
}

static inline struct domain *domain_current(void)
{
    return vcpu_current()->domain;
}

/*
 * Whether a flush for a set of vCPUs, as the guest gives it, is one for this CPU: only the running one
 * can have anything in its TLB, since every switch loads CR3.
 */
static inline bool vcpu_set_flushes(uint64_t set)
{
    return set >> vcpu_current()->id & 1;
}

/* The register frame of a vCPU. */
static inline struct cpu_regs *vcpu_regs(struct vcpu *v)
{
    return &v->regs;
}

/*
 * The only test on the fast way out of a hypercall is the byte that exit_test points at. Whoever
 * leaves something to be done before v's guest runs (NMI, restart, new registers, a new vcpu_info,
 * the CPU wanted by another vCPU) calls this, and the way out looks at everything once.
 */
extern const uint8_t vcpu_exit_always[2];
static inline void vcpu_exit_work(struct vcpu *v)
{
    v->exit_test = vcpu_exit_always;
}

/* Asks for schedule() before the current vCPU's guest runs again; hook_preempt() becomes true. */
static inline void vcpu_preempt(void)
{
    this_cpu()->preempt_pending |= 1;
    vcpu_exit_work(vcpu_current());
}

/* Sets the mode without loading anything: the one place that keeps hypercall_limit true to it. */
void vcpu_set_mode(struct vcpu *v, bool user);

/* The L4 in force: the user base in guest-user mode. */
static inline uint64_t vcpu_cr3(const struct vcpu *v)
{
    return v->in_user ? v->cr3_user : v->cr3_kernel;
}

/* A new vCPU of d (or the idle one, d = 0), down, with stack and trap table. 0 when out of memory. */
struct vcpu *vcpu_create(struct domain *d, uint32_t id);
void vcpu_destroy(struct vcpu *v);

/*
 * pv/descriptor.c: gives back the frames of v's GDT and LDT. v does not run any more; its windows in
 * the per-domain area still name them.
 */
void vcpu_descriptors_release(struct vcpu *v);

/* Accounts the time since the last change and enters state RUNSTATE_* at now. */
void vcpu_runstate_enter(struct vcpu *v, int state, uint64_t now);

/* Writes the registered runstate area of the current vCPU, if there is one. */
void vcpu_runstate_publish(struct vcpu *v);

/*
 * Copies bytes to va in the address space of the current vCPU's kernel, even while it is in
 * guest-user mode. 0 or -EFAULT.
 */
int vcpu_write_kernel(struct vcpu *v, uint64_t va, const void *src, size_t bytes);

/*
 * Toggles the current vCPU between guest-kernel and guest-user mode: swaps the GS bases, loads the
 * other base pointer (which flushes). To user without a user base: the caller crashes the domain first.
 */
void vcpu_toggle_mode(struct vcpu *v);

/* Loads CR3 for the current vCPU again after a base pointer changed. */
void vcpu_load_root(struct vcpu *v);

#endif
