/* SPDX-License-Identifier: MIT */
/*
 * One request, and what is checked after it:
 *   - the auditor, the ghost TLB, no cleanup left behind;
 *   - a refused request has changed nothing (I7), unless it met a table that was left partial before;
 *   - a preempted request, asked again until it is done, ends like the undisturbed one (I8), and so
 *     does one that takes a short way.
 */
#include "step.h"

#include <string.h>

#include "grants.h"
#include "mm/tlb.h"
#include "small.h"
#include "words.h"

static struct state from;
static state_code from_code;
static bool from_partial;
static struct words from_words;
static jmp_buf parking;

void step_from(const struct state *s)
{
    from = *s;
    from_code = state_pack(s);
    from_partial = false;
    for (unsigned g = 0; g < config.frames; g++)
        from_partial |= s->frame[g].partial;
    state_install(&from);
    words_take(&from_words);
}

/* Cleanup was preempted: the vCPU waits, if there is room for one more that does. */
static void park(void)
{
    unsigned waiting = 0;

    for (unsigned i = 0; i < PARKED_MAX; i++)
        waiting += small_vcpu[i].pt_work.used && &small_percpu[i] != this_cpu();
    if (waiting < config.parked && this_cpu()->cpu_id < PARKED_MAX)
        longjmp(parking, 1);
    small_hooks.no_preempt = true;
}

static long run_parkable(const struct request *r, bool *parked)
{
    *parked = false;
    if (setjmp(parking)) {
        *parked = true;
        return 0;
    }
    small_hooks.wait = park;
    return request_run(r, &from);
}

/* ---- the preempted request, asked again -------------------------------------- */

/* Pages that the request has not read yet: some content, the same for every such run. */
static void settle_contents(void)
{
    static uint64_t seed = 1;

    for (unsigned g = 0; g < config.frames; g++) {
        for (unsigned slot = 0; slot < SLOTS; slot++) {
            uint64_t *word = (uint64_t *)frame_va(frame_mfn(g)) + slot;
            unsigned value;

            if (small_hooks.known[g] & 1u << slot)
                continue;
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            value = (unsigned)(seed >> 33) % (2 * config.frames + 1);
            *word = entry_word(value, value && ENTRY_RW(value) && (seed >> 60 & 1) ? 2 : 1);
        }
    }
}

/* What pages hold that no table was in before: as read, or as settled. */
static void contents_exchange(uint64_t (*words)[SLOTS], bool save)
{
    for (unsigned g = 0; g < config.frames; g++) {
        uint64_t *word = frame_va(frame_mfn(g));

        for (unsigned slot = 0; slot < SLOTS; slot++) {
            if (state_entry_known(&from.frame[g], slot))
                continue;
            if (save)
                words[g][slot] = word[slot];
            else
                word[slot] = words[g][slot];
        }
    }
}

static long undisturbed(const struct request *r)
{
    unsigned restarts = 0;
    long rc;

    small_hooks.quiet = true;
    do {
        small_hooks.restart = false;
        rc = request_run(r, &from);
        if (++restarts > 1)
            violation("a request is restarted, though nothing has interrupted it");
    } while (small_hooks.restart);
    return rc;
}

/*
 * Contents may be read as another level later than they were settled or read before; what counts is
 * that both runs see the same words.
 */
void step_check_repeat(const struct request *r, const struct step *step)
{
    uint64_t words[FRAMES_MAX][SLOTS];
    struct words got, undisturbed_words;
    long rc = step->result, want;

    settle_contents();
    contents_exchange(words, true);
    small_hooks.wait = 0;
    if (step->restart)
        rc = undisturbed(r);
    small_hooks.quiet = true;
    if (step->parked)
        pt_work_drain();
    words_take(&got);
    state_install(&from);
    contents_exchange(words, false);
    want = undisturbed(r);
    if (!step->parked && rc != want)
        violation("preempted or by a short way: result %ld, undisturbed %ld", rc, want);
    words_take(&undisturbed_words);
    if (!words_same(&got, &undisturbed_words))
        violation("preempted or by a short way, it ends otherwise than undisturbed");
}

/* ---- one step --------------------------------------------------------------- */

static bool at_rest(void)
{
    return !small_vcpu[0].pt_work.used && !small_vcpu[1].pt_work.used;
}

void step_run(const struct request *r, struct step *step, struct state *end)
{
    struct words now;
    bool same;

    memset(step, 0, sizeof(*step));
    state_install(&from);
    small_hooks.no_preempt = !config.preempt;
    step->result = run_parkable(r, &step->parked);
    step->restart = small_hooks.restart;
    step->failed = small_hooks.failed;
    step->preempted = small_hooks.preempted;
    step->fast = small_hooks.fast;
    if (config.tlb) {
        if (step->parked)
            tlb_load_root(small_percpu[0].cr3); /* another vCPU gets the CPU */
        ghost_step();
    }
    if (!step->parked && this_cpu()->pt_work->used)
        violation("cleanup is left when the request has ended");
    state_observe(end);
    words_take(&now);
    same = words_same(&now, &from_words);
    step->unchanged = same && state_pack(end) == from_code;
    if (!same) {
        small_audit(at_rest());
        grants_check();
        /* A replacement that comes to nothing has lost the entry that was to be moved (docs/abi.md). */
        if (step->result < 0 && !from_partial && r->kind != REQ_REPLACE)
            violation("refused with %ld, but something has changed", step->result);
    }
}

bool step_repeats(const struct request *r, const struct step *step)
{
    return config.repeat && (step->preempted || step->fast) && !step->failed &&
           r->kind != REQ_GO_ON && r->kind != REQ_TAKE;
}

void step_check_new(const struct state *end)
{
    struct words was, is;

    words_take(&was);
    state_install(end);
    words_take(&is);
    if (!words_same(&was, &is))
        violation("the state's counts are not what follows from its entries");
    for (unsigned d = 0; d < config.domains; d++) {
        if (d)
            state_install(end);
        small_teardown(d);
    }
}
