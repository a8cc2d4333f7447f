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

    if (!frame_valid(mfn) || frame_is_io(mfn)) {
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

/*
 * How many refusals in a row, this one counted, were this domain's same request by the same rule and
 * about no frame: a kernel that probes asks thousands of times. CPUs may miscount together; it is only
 * for the log.
 */
static uint32_t refused_in_a_row(const char *hypercall, unsigned index, const struct refusal *r,
                                 unsigned domid)
{
    static struct {
        const char *hypercall, *rule;
        unsigned index, domid;
        uint32_t count;
    } last;

    if (!r->rule || r->mfn != REFUSAL_NO_MFN || last.hypercall != hypercall ||
        last.index != index || last.rule != r->rule || last.domid != domid)
        last.count = 0;
    last.hypercall = hypercall;
    last.index = index;
    last.rule = r->rule;
    last.domid = domid;
    return ++last.count;
}

static void refuse_line(const char *hypercall, const struct refused_entry *e, const char *result)
{
    const struct vcpu *v = vcpu_current();
    const struct refusal *r = &this_cpu()->refusal;
    char frame[112] = "", change[112] = "", inner[64] = "", times[32] = "";
    uint32_t count = refused_in_a_row(hypercall, e ? e->index : 0, r, v->domain->id);

    if (count > 4 && (count & (count - 1))) { /* then each power of two */
        refusal_clear();
        return;
    }
    if (count > 4)
        snprintk(times, sizeof(times), " (%u times in a row)", count);
    if (r->rule && r->mfn != REFUSAL_NO_MFN)
        frame_describe(frame, sizeof(frame), r->mfn);
    if (e && e->level)
        snprintk(change, sizeof(change), " L%u[%u] old=%016lx new=%016lx", e->level, e->slot,
                 e->old, e->new);
    if (r->rule && r->slot != REFUSAL_NO_SLOT)
        snprintk(inner, sizeof(inner), " at L%u[%u]=%016lx", r->level, r->slot, r->entry);
    guest_printk(v->domain->id, v->id, LOG_WARNING, "refused %s[%u]:%s%s%s rule %s: %s%s\n",
                 hypercall, e ? e->index : 0, change, inner, frame, r->rule ? r->rule : "argument",
                 result, times);
    refusal_clear();
}

long refuse_report(const char *hypercall, const struct refused_entry *e, long err)
{
    char result[24];

    snprintk(result, sizeof(result), "-%s", errno_name(err));
    refuse_line(hypercall, e, result);
    return err;
}

void refuse_status(const char *what, unsigned index, int status)
{
    char result[16];

    snprintk(result, sizeof(result), "status %d", status);
    refuse_line(what, &(struct refused_entry){ .index = index }, result);
}

long refused(const char *hypercall, long err, const char *rule)
{
    refuse((int)err, rule, (mfn_t){ REFUSAL_NO_MFN }, 0);
    return refuse_report(hypercall, 0, err);
}
