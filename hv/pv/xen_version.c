/* SPDX-License-Identifier: MIT */
/*
 * Hypercall xen_version: which ABI this is and what it offers.
 * Invariant: a buffer is written whole and zero-padded, from a copy that is cleared first (hazard H3).
 */
#include "dom/vcpu.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "pv/abi_version.h"
#include "pv/hypercall.h"
#include "pv/refuse.h"

#define COMMANDLINE_BYTES 1024u

/* XENFEAT_* bits of every PV64 guest; the initial domain has XENFEAT_dom0 besides. */
#define FEATURES                                                                     \
    (1u << XENFEAT_mmu_pt_update_preserve_ad | 1u << XENFEAT_highmem_assist |        \
     1u << XENFEAT_gnttab_map_avail_bits | 1u << XENFEAT_memory_op_vnode_supported | \
     1u << XENFEAT_direct_mapped)

static long write_out(const char *what, uint64_t va, const void *src, size_t bytes)
{
    return guest_write(va, src, bytes) ? refused(what, -EFAULT, "buffer-unwritable") : 0;
}

static long write_text(const char *what, uint64_t va, const char *text, size_t bytes)
{
    char buf[COMMANDLINE_BYTES] = "";

    strlcpy(buf, text, bytes);
    return write_out(what, va, buf, bytes);
}

static long compile_info(uint64_t va)
{
    struct xen_compile_info info = {
        .compile_by = "pinion",
        .compile_domain = "",
    };

    strlcpy(info.compiler, "gcc " __VERSION__, sizeof(info.compiler));
    return write_out("xen_version compile_info", va, &info, sizeof(info));
}

static long get_features(uint64_t va)
{
    const struct domain *d = domain_current();
    xen_feature_info_t info;

    if (guest_read(&info, va, sizeof(info)))
        return refused("xen_version get_features", -EFAULT, "argument-unreadable");
    if (info.submap_idx)
        return refused("xen_version get_features", -EINVAL, "submap-unknown");
    info.submap = FEATURES;
    if (d->initial)
        info.submap |= 1u << XENFEAT_dom0;
    if (d->vm_assist & (1ul << VMASST_TYPE_pae_extended_cr3))
        info.submap |= 1u << XENFEAT_pae_pgdir_above_4gb;
    return write_out("xen_version get_features", va, &info, sizeof(info));
}

static long privileged_answer(uint64_t cmd, uint64_t va)
{
    bool initial = domain_current()->initial;

    if (cmd == XENVER_commandline)
        return write_text("xen_version commandline", va, initial ? "" : "<denied>",
                          COMMANDLINE_BYTES);
    return initial ? refused("xen_version build_id", -ENODATA, "image-has-no-build-id")
                   : refused("xen_version build_id", -EPERM, "privileged");
}

static __attribute__((noinline)) long version_other(uint64_t cmd, uint64_t arg)
{
    xen_platform_parameters_t params = { .virt_start = HV_VA_START };

    switch (cmd) {
    case XENVER_extraversion:
        return write_text("xen_version extraversion", arg, "-pinion", XEN_EXTRAVERSION_LEN);
    case XENVER_compile_info:
        return compile_info(arg);
    case XENVER_capabilities: /* the blank after each capability belongs to the ABI */
        return write_text("xen_version capabilities", arg, "xen-3.0-x86_64 ",
                          XEN_CAPABILITIES_INFO_LEN);
    case XENVER_changeset:
        return write_text("xen_version changeset", arg, PINION_VERSION, XEN_CHANGESET_INFO_LEN);
    case XENVER_platform_parameters:
        return write_out("xen_version platform_parameters", arg, &params, sizeof(params));
    case XENVER_get_features:
        return get_features(arg);
    case XENVER_pagesize:
        return arg ? refused("xen_version pagesize", -EINVAL, "argument-not-null")
                   : (long)PAGE_SIZE;
    case XENVER_guest_handle:
        return write_out("xen_version guest_handle", arg, domain_current()->handle,
                         sizeof(xen_domain_handle_t));
    case XENVER_commandline:
    case XENVER_build_id:
        return privileged_answer(cmd, arg);
    default:
        return refused("xen_version", -ENOSYS, "version-op-unknown");
    }
}

/* The version is what guests ask for when they want nothing: it costs no stack frame. */
long hc_xen_version(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
    (void)a3, (void)a4, (void)a5;
    return (uint32_t)cmd == XENVER_version ? ABI_VERSION : version_other((uint32_t)cmd, arg);
}
