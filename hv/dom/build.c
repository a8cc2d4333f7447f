/* SPDX-License-Identifier: MIT */
/*
 * The PV64 domain builder: lays the initial address space out by the ABI's boot contract, loads the
 * kernel, and leaves vCPU 0 at its entry, down.
 *
 *   v_start = VIRT_BASE   kernel · ramdisk · p2m · start_info · (domU: store, console) ·
 *                         page tables · stack · pad to v_end (4 MiB steps, >= 512 KiB free)
 *   behind v_end          ramdisk with MOD_START_PFN · p2m and its tables with INIT_P2M
 *
 * Invariant: the layout is checked against the domain's pages and the guest's address range before
 * anything is allocated. Caller: dom/recipe.c.
 */
#include "dom/build_plan.h"

#include "dom/gnttab.h"
#include "dom/hypercall_page.h"
#include "dom/recipe.h"
#include "dom/sched.h"
#include "dom/vcpu.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "pt/page_type.h"

#define REGION_ALIGN (4ul << 20)
#define REGION_SLACK (512ul << 10)
#define P2M_ENTRIES  512u

_Static_assert(sizeof(start_info_t) + sizeof(dom0_vga_console_info_t) == 0x4b8, "start_info page");

static uint64_t pages_of(uint64_t bytes)
{
    return bytes / PAGE_SIZE + (bytes % PAGE_SIZE != 0);
}

static void region_take(struct build_region *r, uint64_t *pfn, uint64_t bytes)
{
    *r = (struct build_region){ *pfn, pages_of(bytes), bytes };
    *pfn += r->pages;
}

/* Page tables, stack and padding depend on each other's number: the smallest that holds itself. */
static void layout_tables(struct build_plan *b, uint64_t pfn)
{
    for (uint64_t tables = 4;; tables++) {
        uint64_t next = pfn, used;

        region_take(&b->tables, &next, tables * PAGE_SIZE);
        region_take(&b->stack, &next, PAGE_SIZE);
        used = build_va(b, next);
        b->v_end = (used + REGION_ALIGN - 1) & ~(REGION_ALIGN - 1);
        if (b->v_end - used < REGION_SLACK)
            b->v_end += REGION_ALIGN;
        if (b->v_end <= b->v_start || b->v_end - b->v_start > b->pages * PAGE_SIZE ||
            1 + build_tables_count(b->v_start, b->v_end - b->v_start) <= tables)
            return;
    }
}

static int layout_check(const struct build_plan *b, uint64_t pfn)
{
    uint64_t bytes = b->v_end > b->v_start ? b->v_end - b->v_start : 0;
    uint64_t needed = pfn > bytes / PAGE_SIZE ? pfn : bytes / PAGE_SIZE;

    if (needed > b->pages) {
        elf_refuse(&b->elf, "needs %lukB, the domain has %lukB", needed * 4, b->pages * 4);
        return -ENOMEM;
    }
    if (b->v_end <= b->v_start || !va_canonical(b->v_start) || !guest_range_ok(b->v_start, bytes))
        return elf_refuse(&b->elf, "VIRT_BASE %016lx leaves no room for the initial region",
                          b->v_start);
    if (b->p2m_apart && (!guest_range_ok(b->p2m_va, b->p2m.bytes) ||
                         (b->p2m_va < b->v_end && b->p2m_va + b->p2m.bytes > b->v_start)))
        return elf_refuse(&b->elf, "INIT_P2M %016lx is not a place for the p2m list", b->p2m_va);
    return 0;
}

static int layout(struct build_plan *b)
{
    const struct elf_image *elf = &b->elf;
    uint64_t initrd = b->ramdisk ? b->ramdisk->bytes : 0, p2m = b->pages * sizeof(uint64_t);
    uint64_t pfn = pages_of(elf->v_kend - elf->virt_base);

    b->v_start = elf->virt_base;
    b->p2m_apart = elf->init_p2m != ELF_UNSET && elf->init_p2m % PAGE_SIZE == 0;
    b->initrd_apart = initrd && elf->mod_start_pfn;
    if (pfn > b->pages)
        return layout_check(b, pfn); /* also keeps what follows far from wrapping */
    if (!b->initrd_apart)
        region_take(&b->initrd, &pfn, initrd);
    if (!b->p2m_apart)
        region_take(&b->p2m, &pfn, p2m);
    region_take(&b->start_info, &pfn, PAGE_SIZE);
    if (!b->d->initial) {
        region_take(&b->store, &pfn, PAGE_SIZE);
        region_take(&b->console, &pfn, PAGE_SIZE);
    }
    layout_tables(b, pfn);
    pfn = (b->v_end - b->v_start) / PAGE_SIZE;
    if (b->initrd_apart)
        region_take(&b->initrd, &pfn, initrd);
    b->p2m_va = b->p2m_apart ? elf->init_p2m : build_va(b, b->p2m.pfn);
    if (b->p2m_apart) {
        region_take(&b->p2m, &pfn, p2m);
        region_take(&b->p2m_tables, &pfn, build_tables_count(b->p2m_va, p2m) * PAGE_SIZE);
    }
    return layout_check(b, pfn);
}

static int requests_check(const struct build_plan *b)
{
    const struct elf_image *elf = &b->elf;

    if (b->d->initial && elf->supported_given && !(elf->features & (1u << XENFEAT_dom0)))
        return elf_refuse(elf, "Kernel does not support Dom0 operation");
    if (elf->hypercall_page != ELF_UNSET &&
        (elf->hypercall_page % PAGE_SIZE || elf->hypercall_page < b->v_start ||
         elf->hypercall_page >= b->v_end))
        return elf_refuse(elf, "Invalid HYPERCALL_PAGE field in ELF notes.");
    if (elf->hv_start_low != ELF_UNSET && elf->hv_start_low > HV_VA_START)
        return elf_refuse(elf, "HV_START_LOW %016lx does not leave us our range",
                          elf->hv_start_low);
    return 0;
}

static void report_region(const struct build_plan *b, const char *name,
                          const struct build_region *r)
{
    if (r->pages)
        printk(LOG_INFO, " %-14s %016lx->%016lx\n", name, build_va(b, r->pfn),
               build_va(b, r->pfn) + r->bytes);
}

static void report(const struct build_plan *b)
{
    const struct elf_image *elf = &b->elf;
    struct build_region none = { 0 };

    printk(LOG_INFO, " Dom%u kernel: 64-bit%s, lsb, paddr %#lx -> %#lx\n", b->d->id,
           elf->pae ? ", PAE" : "", elf->pstart, elf->pend);
    printk(LOG_INFO, "PHYSICAL MEMORY ARRANGEMENT:\n");
    for (unsigned i = 0; i < b->extents; i++)
        printk(LOG_INFO, " Dom%u alloc.:   %016lx->%016lx\n", b->d->id, mfn_to_ma(b->extent[i].mfn),
               mfn_to_ma(b->extent[i].mfn) + (b->extent[i + 1].pfn - b->extent[i].pfn) * PAGE_SIZE);
    printk(LOG_INFO, "VIRTUAL MEMORY ARRANGEMENT:\n");
    printk(LOG_INFO, " %-14s %016lx->%016lx\n", "Loaded kernel:", elf->v_kstart, elf->v_kend);
    report_region(b, "Init. ramdisk:", b->initrd_apart ? &none : &b->initrd);
    if (b->initrd_apart)
        printk(LOG_INFO, " %-14s pfn %lx, %lu bytes\n", "Init. ramdisk:", b->initrd.pfn,
               b->initrd.bytes);
    printk(LOG_INFO, " %-14s %016lx->%016lx\n", "Phys-Mach map:", b->p2m_va,
           b->p2m_va + b->p2m.bytes);
    report_region(b, "Start info:", &b->start_info);
    report_region(b, "Xenstore ring:", &b->store);
    report_region(b, "Console ring:", &b->console);
    report_region(b, "Page tables:", &b->tables);
    report_region(b, "Boot stack:", &b->stack);
    printk(LOG_INFO, " %-14s %016lx->%016lx\n", "TOTAL:", b->v_start, b->v_end);
    printk(LOG_INFO, " %-14s %016lx\n", "ENTRY ADDRESS:", elf->entry);
}

static void load(const struct build_plan *b)
{
    struct elf_segment s;

    /* The pages come zeroed: what lies behind a segment's content is right already. */
    for (unsigned i = 0; i < b->elf.phnum; i++)
        if (elf_segment(&b->elf, i, &s))
            build_write(b, s.paddr - b->elf.paddr_offset, s.data, s.filesz);
    if (b->initrd.pages)
        build_write(b, b->initrd.pfn * PAGE_SIZE, b->ramdisk->data, b->initrd.bytes);
    if (b->elf.hypercall_page != ELF_UNSET)
        hypercall_page_fill(
            frame_va(build_mfn(b, (b->elf.hypercall_page - b->v_start) >> PAGE_SHIFT)));
    build_p2m_write(b);
}

/* The store's end of the ring: the domain that is the store, or domain 0, which may never come. */
static uint32_t store_port_make(struct domain *d)
{
    const struct domain_recipe *store = recipe_of(ROLE_STORE);
    long port;

    spin_lock(&d->evtchn.lock);
    port = evtchn_alloc(d, EVTCHN_UNBOUND, 0);
    if (port > 0)
        d->evtchn.port[port].remote_dom = store ? store->id : 0;
    spin_unlock(&d->evtchn.lock);
    return port > 0 ? (uint32_t)port : 0;
}

/*
 * The rings of a domU. Of the console's the hypervisor is the other end, and holds the frame it writes
 * to; the store's frame is held until the domain ends, so that its number stays what it was.
 */
static int connect_rings(struct build_plan *b, start_info_t *si)
{
    struct domain *d = b->d;

    d->store_mfn = build_mfn(b, b->store.pfn);
    d->console_mfn = build_mfn(b, b->console.pfn);
    d->store_port = store_port_make(d);
    d->console_port = evtchn_bind_hypervisor(d);
    if (!d->store_port || !d->console_port)
        return -ENOMEM;
    gnttab_reserve(d, GNTTAB_RESERVED_CONSOLE, 0, d->console_mfn);
    gnttab_reserve(d, GNTTAB_RESERVED_XENSTORE, d->evtchn.port[d->store_port].remote_dom,
                   d->store_mfn);
    si->store_mfn = d->store_mfn.n;
    /* Where nobody can come to serve it, the kernel is told that there is no store: it would wait. */
    si->store_evtchn = recipe_of(ROLE_STORE) || recipe_of(ROLE_INITIAL) ? d->store_port : 0;
    si->console.domU.mfn = d->console_mfn.n;
    si->console.domU.evtchn = d->console_port;
    if (page_get_typed(d->store_mfn, d->id, PT_WRITABLE) ||
        page_get_typed(d->console_mfn, d->id, PT_WRITABLE))
        return -EINVAL;
    return 0;
}

/* The initial domain learns which screen there is: the text mode that firmware leaves. */
static void describe_screen(start_info_t *si)
{
    dom0_vga_console_info_t *vga = (void *)(si + 1);

    si->console.dom0.info_off = sizeof(*si);
    si->console.dom0.info_size = sizeof(*vga);
    vga->video_type = XEN_VGATYPE_TEXT_MODE_3;
    vga->u.text_mode_3.font_height = 16;
    vga->u.text_mode_3.rows = 25;
    vga->u.text_mode_3.columns = 80;
}

static int start_info_write(struct build_plan *b)
{
    start_info_t *si = frame_va(build_mfn(b, b->start_info.pfn));
    struct domain *d = b->d;

    strlcpy(si->magic, "xen-3.0-x86_64", sizeof(si->magic));
    if (d->initial && b->elf.pae) /* a quirk that goes back to 32-bit kernels */
        strlcpy(si->magic, "xen-3.0-x86_64p", sizeof(si->magic));
    si->nr_pages = b->pages;
    si->shared_info = mfn_to_ma(d->shared_mfn);
    si->flags = (d->initial ? SIF_PRIVILEGED | SIF_INITDOMAIN : 0) |
                (b->initrd_apart ? SIF_MOD_START_PFN : 0);
    si->pt_base = build_va(b, b->tables.pfn);
    si->nr_pt_frames = b->tables.pages;
    si->mfn_list = b->p2m_va;
    if (b->p2m_apart) {
        si->first_p2m_pfn = b->p2m.pfn;
        si->nr_p2m_frames = b->p2m.pages + b->p2m_tables.pages;
    }
    if (b->initrd.pages) {
        si->mod_start = b->initrd_apart ? b->initrd.pfn : build_va(b, b->initrd.pfn);
        si->mod_len = b->initrd.bytes;
    }
    if (strlcpy((char *)si->cmd_line, b->kernel->cmdline, sizeof(si->cmd_line)) >=
        sizeof(si->cmd_line))
        printk(LOG_WARNING, "The guest's command line is cut to %zu bytes\n",
               sizeof(si->cmd_line) - 1);
    if (!d->initial)
        return connect_rings(b, si);
    describe_screen(si);
    return 0;
}

/* Registers as the kernel finds them at its entry. */
static void registers_set(struct build_plan *b)
{
    struct vcpu *v = b->d->vcpu[0];
    struct cpu_regs *regs = vcpu_regs(v);

    regs->rip = b->elf.entry;
    regs->rsp = build_va(b, b->stack.pfn) + PAGE_SIZE;
    regs->rsi = build_va(b, b->start_info.pfn);
    regs->rflags = 0x202;
    regs->cs = FLAT_KERNEL_CS;
    regs->ss = FLAT_KERNEL_SS;
    if (!b->d->initial) {
        v->kernel_sp = regs->rsp;
        v->kernel_ss = regs->ss;
    }
    v->initialised = true;
}

static int build_steps(struct build_plan *b)
{
    int rc = elf_parse(&b->elf, b->kernel->data, b->kernel->bytes, b->kernel->name);

    if (!rc)
        rc = layout(b);
    if (!rc)
        rc = requests_check(b);
    if (!rc)
        rc = build_memory_alloc(b);
    if (rc)
        return rc;
    report(b);
    load(b);
    rc = start_info_write(b);
    return rc ? rc : build_tables(b);
}

int domain_build(struct domain *d, const struct build_image *kernel,
                 const struct build_image *ramdisk, uint32_t pages)
{
    static struct build_plan plan;
    int rc;

    plan = (struct build_plan){ .d = d, .kernel = kernel, .ramdisk = ramdisk, .pages = pages };
    printk(LOG_INFO, "*** Building a PV Dom%s ***\n", d->initial ? "0" : "U");
    rc = build_steps(&plan);
    if (rc)
        return rc;
    d->max_pfn = pages;
    if (d->initial && plan.elf.pae)
        d->vm_assist |= 1ul << VMASST_TYPE_pae_extended_cr3;
    registers_set(&plan);
    cpu_prepare_first_entry(d->vcpu[0]);
    return 0;
}
