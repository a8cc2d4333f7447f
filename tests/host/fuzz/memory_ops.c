/* SPDX-License-Identifier: MIT */
/*
 * Memory programs: their kinds of records, and the order in which records run. The cursor moves from
 * record to record, wherever the next one is wanted: at the end of the last, where a request waits,
 * on the other CPU of a race, in a batch.
 */
#include "memory_requests.h"

#include <stdlib.h>
#include <string.h>

static unsigned depth; /* records under way, one within another */

/* ---- the kinds ---- */

static const struct kind {
    const char *name;
    uint8_t weight; /* of 128, and of another 128 */
    enum op_class class;
    enum op_ext ext;
    struct call (*call)(const struct op *op, unsigned i);
    void (*act)(const struct op *op);
} kinds[] = {
    { "mmu_update", 28, CLASS_UPDATE, EXT_OTHER, call_update, 0 },
    { "pin", 14, CLASS_EXT, EXT_PIN, call_ext, 0 },
    { "unpin", 10, CLASS_EXT, EXT_UNPIN, call_ext, 0 },
    { "new_baseptr", 4, CLASS_EXT, EXT_BASEPTR, call_ext, 0 },
    { "new_user_baseptr", 4, CLASS_EXT, EXT_USER_BASEPTR, call_ext, 0 },
    { "mmuext_op", 5, CLASS_EXT, EXT_OTHER, call_ext, 0 },
    { "update_va_mapping", 11, CLASS_CALL, EXT_OTHER, call_update_va, 0 },
    { "set_gdt", 3, CLASS_CALL, EXT_OTHER, call_set_gdt, 0 },
    { "update_descriptor", 3, CLASS_CALL, EXT_OTHER, call_update_descriptor, 0 },
    { "memory_op", 9, CLASS_CALL, EXT_OTHER, call_memory, 0 },
    { "multicall", 4, CLASS_ACT, EXT_OTHER, call_multicall, 0 },
    { "guest writes", 14, CLASS_ACT, EXT_OTHER, 0, act_poke },
    { "guest fills", 4, CLASS_ACT, EXT_OTHER, 0, act_fill },
    { "store to a table", 6, CLASS_ACT, EXT_OTHER, 0, act_store },
    { "LDT fault", 4, CLASS_ACT, EXT_OTHER, 0, act_ldt_fault },
    { "CPU sets A, D", 2, CLASS_ACT, EXT_OTHER, 0, act_accessed },
    { "mode toggled", 2, CLASS_ACT, EXT_OTHER, 0, act_toggle },
    { "domain ends or begins", 1, CLASS_ACT, EXT_OTHER, 0, act_domain },

    { "guest grants", 22, CLASS_ACT, EXT_OTHER, 0, act_grant },
    { "map_grant_ref", 30, CLASS_MAP, EXT_OTHER, call_grant_map, 0 },
    { "unmap_grant_ref", 18, CLASS_UNMAP, EXT_OTHER, call_grant_unmap, 0 },
    { "unmap_and_replace", 9, CLASS_REPLACE, EXT_OTHER, call_grant_replace, 0 },
    { "grant copy", 8, CLASS_COPY, EXT_OTHER, call_grant_copy, 0 },
    { "grant_table_op", 7, CLASS_CALL, EXT_OTHER, call_grant_table, 0 },
    { "event_channel_op", 30, CLASS_EVENT, EXT_OTHER, call_event, 0 },
    { "events", 4, CLASS_ACT, EXT_OTHER, 0, act_events },
};

static const struct kind *kind_of(uint8_t kind)
{
    static uint8_t of[256];
    static bool known;

    if (!known) {
        unsigned n = 0;

        for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
            for (unsigned i = 0; i < kinds[k].weight; i++)
                of[n++] = (uint8_t)k;
        fuzz_assert(n == sizeof(of));
        known = true;
    }
    return &kinds[of[kind]];
}

const char *op_name(uint8_t kind)
{
    return kind_of(kind)->name;
}

enum op_class op_class(uint8_t kind)
{
    return kind_of(kind)->class;
}

enum op_ext op_ext(uint8_t kind)
{
    return kind_of(kind)->ext;
}

struct call op_call(const struct op *op, unsigned i)
{
    return kind_of(op->kind)->call(op, i);
}

/*
 * What a record met, as coverage: its kind, what came of it, and the types that the frames it names
 * had before. libFuzzer keeps inputs that meet something new.
 */
#define TYPES 8u
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
enum outcome { OUTCOME_DONE, OUTCOME_REFUSED, OUTCOME_DIED, OUTCOMES };

__attribute__((
    used,
    section("__libfuzzer_extra_counters"))) static uint8_t met[KINDS * OUTCOMES * TYPES * TYPES];

static unsigned type_of(uint64_t n)
{
    uint64_t type = n < FRAMES ? frame_table[n].type : 0;

    return n >= FRAMES || frame_owner(mfn_of(n)) == OWNER_NONE ? 6
           : type & FRAME_TYPE_COUNT                           ? (unsigned)frame_type(mfn_of(n))
                                                               : 0;
}

static void meet(const struct op *op, enum outcome outcome, unsigned a, unsigned b)
{
    size_t kind = (size_t)(kind_of(op->kind) - kinds);
    static int unwanted = -1; /* by a merge to a small corpus */

    if (unwanted < 0)
        unwanted = getenv("FUZZ_EDGES_ONLY") ? 1 : 0;
    if (unwanted)
        return;
    met[((kind * OUTCOMES + outcome) * TYPES + a) * TYPES + b] = 1;
}

/*
 * A single request that is refused leaves every count and flag as it was (I15), unless it was cut
 * into pieces: what is partial then is the frame's own. Dates and idle types of frames without a type
 * count only say what is to be flushed next time.
 */
static struct frame before[FRAMES];

static bool is_simple(const struct op *op)
{
    return depth == 1 && op_class(op->kind) != CLASS_ACT && op_class(op->kind) != CLASS_CALL &&
           op->y < 244 && !(op->mode & (OP_JOIN | OP_NEST | OP_RACE)) && !strand_hooks->preempt_at;
}

static void frames_same(void)
{
    const uint64_t flags = FRAME_PINNED | FRAME_VALIDATED | FRAME_PARTIAL | FRAME_LOCKED;

    for (unsigned n = 0; n < FRAMES; n++)
        if (frame_owner(mfn_of(n)) != OWNER_NONE && (before[n].type & FRAME_PARTIAL))
            return; /* left by a request before: this one may have taken it back */
    for (unsigned n = 0; n < FRAMES; n++) {
        uint64_t ref = before[n].ref ^ frame_table[n].ref, was = before[n].type;
        uint64_t type = was ^ frame_table[n].type;

        if (frame_owner(mfn_of(n)) == OWNER_HV)
            continue; /* the hypervisor's own, taken for what comes next */
        if (frame_owner(mfn_of(n)) == OWNER_NONE)
            ref &= ~FRAME_FREED_MASK;
        if (!((was | frame_table[n].type) & FRAME_TYPE_COUNT))
            type &= flags;
        if (ref || (type && frame_owner(mfn_of(n)) != OWNER_NONE))
            fuzz_fail("refused, and frame %x was %016lx %016lx, is %016lx %016lx", n, before[n].ref,
                      was, frame_table[n].ref, frame_table[n].type);
    }
}

static bool is_grant(enum op_class class)
{
    return class >= CLASS_MAP && class <= CLASS_COPY;
}

static void all_keep(enum op_class class)
{
    memcpy(before, frame_table, sizeof(before));
    if (is_grant(class))
        grants_keep();
    if (class == CLASS_EVENT)
        events_keep();
}

/* A replacement that comes to nothing has lost the entry that was to be moved (docs/abi.md). */
static void all_same(enum op_class class)
{
    if (class != CLASS_REPLACE)
        frames_same();
    if (is_grant(class))
        grants_same();
    if (class == CLASS_EVENT)
        events_same();
}

static long grant_done(const struct op *op, enum op_class class, bool simple)
{
    return class == CLASS_MAP       ? grant_map_done(op, simple)
           : class == CLASS_UNMAP   ? grant_unmap_done()
           : class == CLASS_REPLACE ? grant_replace_done()
                                    : grant_copy_done();
}

/* Where the answer cannot be written, the request has been carried out. */
static long all_done(const struct op *op, enum op_class class, bool simple, long result)
{
    long status = is_grant(class) && !result ? grant_done(op, class, simple) : result;

    if (simple && status < 0 && (!is_grant(class) || !result) &&
        (class != CLASS_EVENT || status != -EFAULT))
        all_same(class);
    return status;
}

static void op_perform(const struct op *op)
{
    const struct kind *k = kind_of(op->kind);
    struct vcpu *v = vcpu_current();
    unsigned a = type_of(select_frame(op->a)), b = type_of(select_frame(op->b));
    bool simple = is_simple(op);
    struct call c;
    long result;

    if (k->act) {
        k->act(op);
        return;
    }
    if (v->in_user)
        act_toggle(op);
    if (!v->cr3_kernel)
        return;
    c = k->call(op, 0);
    if (simple)
        all_keep(k->class);
    if (fuzz_verbose)
        fprintf(stderr, "\n");
    if (!hypercall(c.nr, c.a[0], c.a[1], c.a[2], c.a[3], &result)) {
        meet(op, OUTCOME_DIED, a, b);
        if (fuzz_verbose)
            fprintf(stderr, "  the domain died in it\n");
        return;
    }
    result = all_done(op, k->class, simple, result);
    meet(op, result < 0 ? OUTCOME_REFUSED : OUTCOME_DONE, a, b);
    if (fuzz_verbose)
        fprintf(stderr, "  = %ld\n", result);
}

/* ---- running them ---- */

/* For the message of a finding. */
static struct place {
    size_t number;
    const struct op *op;
    int vcpu;
    bool inner;
} place;

void program_where(char *text, size_t size)
{
    if (place.op)
        snprintf(text, size, "record %zu (%s), vCPU %d%s", place.number, op_name(place.op->kind),
                 place.vcpu, place.inner ? ", in the middle of another" : "");
    else
        snprintf(text, size, "%s", program_ended() ? "the end" : "the start");
}

static const struct op *records;
static size_t records_count, cursor;

void program_start(const struct op *ops, size_t count)
{
    place = (struct place){ 0 };
    records = ops;
    records_count = count;
    cursor = depth = 0;
}

bool program_ended(void)
{
    return cursor == records_count;
}

/* The next record too, if it belongs in the same batch as the last. */
const struct op *record_joined(const struct op *last)
{
    unsigned class = op_class(last->kind);

    if (!(last->mode & OP_JOIN) || !class || program_ended() ||
        op_class(records[cursor].kind) != class)
        return 0;
    return &records[cursor++];
}

/* For a multicall: the next record, if it can be an entry of one. */
const struct op *record_entry(void)
{
    if (program_ended() || !op_class(records[cursor].kind))
        return 0;
    return &records[cursor++];
}

/* The vCPU of the record, or the next one that exists and has no request under way. */
static int vcpu_choose(const struct op *op)
{
    for (unsigned i = 0; i < VCPUS; i++) {
        unsigned n = ((op->mode & OP_VCPU) + i) % VCPUS;

        if (vcpu_exists(n) && !(busy & 1u << n))
            return (int)n;
    }
    return -1;
}

static unsigned long select_check(uint8_t byte)
{
    return byte < 0x80 ? 0 : byte >= 0xe0 ? ALWAYS : (byte & 0x60) ? (byte & 7) + 1u : byte & 63;
}

static void record_run(const struct op *op, size_t number)
{
    struct op_hooks mine = { .preempt_at = select_check(op->preempt),
                             .fail_at = op->fail < 0xa0 ? 0 : op->fail - 0x9fu,
                             .flip = op->mode & OP_FLIP,
                             .nest = op->mode & OP_NEST ? 1u + (op->race_for & 3) : 0 };
    struct percpu *cpu = this_cpu();
    struct op_hooks *before = strand_hooks;
    bool alone = !depth && !race_under_way();
    int n = vcpu_choose(op);
    struct place where = place;

    if (n < 0)
        return;
    place = (struct place){ number, op, n, !alone };
    if (fuzz_verbose)
        fprintf(stderr, "%*s%2zu vCPU %d: ", 2 * (int)depth, "", number, n);
    busy |= 1u << n;
    depth++;
    strand_hooks = &mine;
    machine_run((unsigned)n);
    hooks_request();
    if (alone && !one_cpu && op->mode & OP_RACE)
        race_arm(op->race_at & 0x3f, 1 + op->race_for);
    op_perform(op);
    if (alone)
        race_finish();
    strand_hooks = before;
    machine_this_cpu = cpu;
    depth--;
    busy &= ~(1u << n);
    if (!race_under_way())
        machine_check();
    if (!depth)
        ghost_rest();
    place = where;
}

void program_step(void)
{
    size_t number = cursor;

    if (!program_ended() && depth < 4)
        record_run(&records[cursor++], number);
}

size_t program_read(const uint8_t *data, size_t size, struct header *h, struct op ops[OPS_MAX])
{
    size_t count;

    *h = (struct header){ 0 };
    if (size < sizeof(*h))
        return 0;
    memcpy(h, data, sizeof(*h));
    count = (size - sizeof(*h)) / sizeof(*ops);
    count = count < OPS_MAX ? count : OPS_MAX;
    memcpy(ops, data + sizeof(*h), count * sizeof(*ops));
    return count;
}
