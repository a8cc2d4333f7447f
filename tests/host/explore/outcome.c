/* SPDX-License-Identifier: MIT */
/* What two requests may do, found by running them one after the other; see outcome.h. */
#include "outcome.h"

#include "pt/table.h"
#include "small.h"

const struct request *pair[2];
const struct start *start;
struct outcome_counts outcome_counts;

void outcome_give_up_partial(void)
{
    for (unsigned g = 0; g < config.frames; g++)
        if ((frame_of(frame_mfn(g))->type & FRAME_PARTIAL) &&
            frame_owner(frame_mfn(g)) != OWNER_NONE && !frame_demote_partial(frame_mfn(g)))
            violation("%c cannot be demoted", 'A' + g);
}

/* How two requests can be less than one after the other and still be right. */
enum variant {
    AS_IT_IS,
    GIVEN_UP, /* a refused request was at a partial table, and has given it up */
    HELD, /* a frame that would go with its last entry is kept by the other's request for a moment */
    VARIANTS
};

static void frames_hold(bool get, bool *held)
{
    for (unsigned g = 0; g < config.frames; g++) {
        if (get)
            held[g] = frame_refs(frame_mfn(g)) && frame_get(frame_mfn(g), small_domain[0].id);
        else if (held[g])
            frame_put(frame_mfn(g));
    }
}

/* The requests of these CPUs one after the other, undisturbed. */
static void serial_run(struct outcome *o, enum variant variant, const unsigned *cpus,
                       unsigned count)
{
    bool held[FRAMES_MAX];

    start_install(start);
    small_run(0);
    if (variant == GIVEN_UP)
        outcome_give_up_partial();
    if (variant == HELD)
        frames_hold(true, held);
    for (unsigned i = 0; i < count; i++) {
        small_run(cpus[i]);
        o->result[cpus[i]] = request_run_here(pair[cpus[i]]);
    }
    if (variant == HELD)
        frames_hold(false, held);
    ghost_step();
    small_audit(true);
    words_take(&o->words);
}

/* ---- comparison -------------------------------------------------------------- */

/* Undisturbed: both (CPU n first), the one of CPU n, none. */
static struct outcome both[VARIANTS][2], alone[VARIANTS][2], none[VARIANTS];

void outcome_expect(void)
{
    for (enum variant v = AS_IT_IS; v < VARIANTS; v++) {
        for (unsigned cpu = 0; cpu < 2; cpu++) {
            serial_run(&both[v][cpu], v, (unsigned[]){ cpu, cpu ^ 1 }, 2);
            serial_run(&alone[v][cpu], v, &cpu, 1);
        }
        serial_run(&none[v], v, 0, 0);
    }
}

long outcome_alone(void)
{
    struct outcome o;

    serial_run(&o, AS_IT_IS, (unsigned[]){ 0 }, 1);
    return o.result[0];
}

static bool outcome_same(const struct outcome *a, const struct outcome *b)
{
    return a->result[0] == b->result[0] && a->result[1] == b->result[1] &&
           words_same(&a->words, &b->words);
}

/* Both are done in some order; or one was refused, or both, though alone they would not be. */
static bool passing_ok(const struct outcome *o, enum variant v)
{
    bool did0 = !o->result[0], did1 = !o->result[1];

    if (outcome_same(o, &both[v][0]) || outcome_same(o, &both[v][1]))
        return true;
    if (did0 && did1)
        return false;
    if (!did0 && !did1)
        return words_same(&o->words, &none[v].words);
    return !alone[v][did1].result[did1] && words_same(&o->words, &alone[v][did1].words);
}

/* A batch is no one step; and which free frame one gets is nobody's promise. */
static bool is_rules_only(const struct request *r)
{
    return r->kind == REQ_TOUCH || r->kind == REQ_TAKE;
}

void outcome_check(const long *result)
{
    struct outcome o = { .result = { result[0], result[1] } };

    ghost_step();
    small_audit(true);
    words_take(&o.words);
    if (is_rules_only(pair[0]) || is_rules_only(pair[1])) {
        outcome_counts.rules_only++;
        return;
    }
    if (outcome_same(&o, &both[AS_IT_IS][0]) || outcome_same(&o, &both[AS_IT_IS][1])) {
        outcome_counts.in_order++;
        return;
    }
    outcome_counts.passing++;
    for (enum variant v = AS_IT_IS; v < VARIANTS; v++)
        if (passing_ok(&o, v))
            return;
    violation("results %ld and %ld, and the end is that of no order of the two", o.result[0],
              o.result[1]);
}
