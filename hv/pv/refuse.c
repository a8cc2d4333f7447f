/* SPDX-License-Identifier: MIT */
/* The explained refusal; see refuse.h. Reads state for the line only, after the decision is made. */
#include "pv/refuse.h"

#include "dom/vcpu.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/m2p.h"
#include "pt/page_type.h"

static const char *const type_name[8] = { "none", "L1", "L2", "L3", "L4", "seg", "?", "writable" };

static const char *errno_name(long err)
{
#define XEN_ERRNO(name, value) #name "\0"
    static const char names[] =
#include <xen/errno.h>
        ;
#define XEN_ERRNO(name, value) value,
    static const uint8_t values[] = {
#include <xen/errno.h>
    };
    const char *name = names;

    for (unsigned i = 0; i < sizeof(values); i++, name += strlen(name) + 1)
        if (values[i] == -err)
            return name;
    return "?";
}

void frame_describe(char *buf, size_t size, uint64_t n)
{
    mfn_t mfn = { n };
    uint64_t type;
    char owner[16] = "hypervisor";

    if (!frame_valid(mfn) || frame_owner(mfn) == OWNER_IO) {
        snprintk(buf, size, " mfn=%lx (%s)", n, frame_valid(mfn) ? "not memory" : "beyond memory");
        return;
    }
    /* The type word of a free frame is the allocator's. */
    if (frame_owner(mfn) == OWNER_NONE) {
        snprintk(buf, size, " mfn=%lx (free)", n);
        return;
    }
    if (frame_owner(mfn) != OWNER_HV)
        snprintk(owner, sizeof(owner), "d%u", frame_owner(mfn));
    type = frame_of(mfn)->type;
    snprintk(buf, size, " mfn=%lx pfn=%lx owner=%s type=%s/%u refs=%u%s%s", n, m2p_get(mfn), owner,
             type_name[frame_type(mfn)], frame_type_refs(mfn), frame_refs(mfn),
             type & FRAME_PINNED ? " pinned" : "", type & FRAME_PARTIAL ? " partial" : "");
}

long refuse_report(const char *hypercall, const struct refused_entry *e, long err)
{
    const struct vcpu *v = vcpu_current();
    const struct refusal *r = &this_cpu()->refusal;
    char frame[112] = "", change[112] = "", inner[64] = "";

    if (r->rule && r->mfn != REFUSAL_NO_MFN)
        frame_describe(frame, sizeof(frame), r->mfn);
    if (e && e->level)
        snprintk(change, sizeof(change), " L%u[%u] old=%016lx new=%016lx", e->level, e->slot,
                 e->old, e->new);
    if (r->rule && r->slot != REFUSAL_NO_SLOT)
        snprintk(inner, sizeof(inner), " at L%u[%u]=%016lx", r->level, r->slot, r->entry);
    guest_printk(v->domain->id, v->id, LOG_WARNING, "refused %s[%u]:%s%s%s rule %s: -%s\n",
                 hypercall, e ? e->index : 0, change, inner, frame, r->rule ? r->rule : "argument",
                 errno_name(err));
    refusal_clear();
    return err;
}

long refused(const char *hypercall, long err, const char *rule)
{
    refuse((int)err, rule, (mfn_t){ REFUSAL_NO_MFN }, 0);
    return refuse_report(hypercall, 0, err);
}
