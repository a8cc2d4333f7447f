/* SPDX-License-Identifier: MIT */
/* What a guest of the small machine can ask for: every request, numbered. */
#ifndef TESTS_HOST_EXPLORE_REQUEST_H
#define TESTS_HOST_EXPLORE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state.h"

enum request_kind {
    REQ_PIN,           /* frame as a table of `level` */
    REQ_UNPIN,         /* frame */
    REQ_ROOT,          /* frame, NOBODY = the home root */
    REQ_USER_ROOT,     /* frame, NOBODY = none */
    REQ_UPDATE,        /* frame[slot] := value; foreign: a frame of the other domain */
    REQ_UPDATE_AD,     /* the same, accessed and dirty bits kept */
    REQ_UPDATE_VA,     /* slot = address in pages; value */
    REQ_COMPARE,       /* frame[slot]: value if it is what it is */
    REQ_COMPARE_OTHER, /* and if it is something else */
    REQ_STORE,         /* into a plain page */
    REQ_RELEASE,       /* frame is given back */
    REQ_TAKE,          /* a free frame is taken */
    REQ_TOUCH,         /* frame[slot] := value, then what it was; in one batch */
    REQ_FLUSH,         /* the guest flushes its TLB */
    REQ_SEGMENT,       /* frame gets into a descriptor slot */
    REQ_NO_SEGMENT,    /* and out of it */
    REQ_MAP,           /* a grant: `value`, at `slot` */
    REQ_UNMAP,         /* handle `level`, at `slot` */
    REQ_REPLACE,       /* the same, with page `frame` instead */
    REQ_GO_ON,         /* the parked vCPU `slot` goes on with its cleanup */
};

struct request {
    uint8_t kind, domain, frame, level, slot, value;
    bool foreign;
};

#define REQUESTS_MAX 4096u
extern struct request requests[REQUESTS_MAX];
extern unsigned requests_count;

/* All requests that the configuration allows. */
void requests_make(void);

/* False if the request cannot be made in this state, or is one of many that cannot do anything. */
bool request_applies(const struct request *r, const struct state *s);

/* Makes it on the installed machine, as a vCPU that does not wait. Its result. */
long request_run(const struct request *r, const struct state *s);
/* The same as the vCPU that runs now. */
long request_run_here(const struct request *r);

/* In words; names of frames through `letter`. */
void request_describe(const struct request *r, const char *letter, char *text, size_t size);
/* An entry's number in words. */
void entry_describe(unsigned number, unsigned level, const char *letter, char *text, size_t size);

#endif
