/*
 * SPDX-License-Identifier: MIT
 *
 * xenstore.c - see xenstore.h.
 *
 * Bytes go out and come in as the ring has room; whoever waits for an answer queues the events that
 * come before it.  `talking` keeps messages of threads apart.
 */
#include "xenstore.h"

#include "events.h"
#include "guest.h"
#include "hypercall.h"
#include "mm/p2m.h"
#include "thread.h"

#include <stdlib.h>
#include <string.h>

struct message {
    struct message *next;
    struct xsd_sockmsg header;
    char payload[]; /* and a nul */
};

static struct xenstore_domain_interface *ring;
static evtchn_port_t port;
static struct thread *waiter;
static bool talking;
static uint32_t last_id;
static struct message *events, **events_end = &events;

static void on_event(evtchn_port_t channel)
{
    (void)channel;
    if (waiter)
        thread_wake(waiter);
}

static void notify(void)
{
    struct evtchn_send send = { .port = port };

    (void)hypercall_event_channel_op(EVTCHNOP_send, &send);
}

int xenstore_init(void)
{
    const start_info_t *si = guest_start_info;

    if (si->flags & SIF_INITDOMAIN || !si->store_evtchn)
        return -XEN_ENODEV;
    ring = page_va(m2p(mfn_of(si->store_mfn)));
    port = si->store_evtchn;
    return event_bind(port, on_event);
}

/* ---- bytes ---- */

static uint32_t ready(void)
{
    return __atomic_load_n(&ring->rsp_prod, __ATOMIC_ACQUIRE) - ring->rsp_cons;
}

static uint32_t room(void)
{
    return XENSTORE_RING_SIZE -
           (ring->req_prod - __atomic_load_n(&ring->req_cons, __ATOMIC_ACQUIRE));
}

/* Until the other end has moved.  Events are masked between the look and the wait. */
static void wait_for(uint32_t (*amount)(void))
{
    while (!amount()) {
        bool masked = events_mask();

        waiter = thread_current;
        if (!amount())
            thread_wait();
        waiter = NULL;
        events_restore(masked);
    }
}

static void send_bytes(const void *data, size_t length)
{
    const char *from = data;

    while (length) {
        wait_for(room);
        for (uint32_t n = room(); n && length; n--, length--, ring->req_prod++)
            ring->req[MASK_XENSTORE_IDX(ring->req_prod)] = *from++;
        __atomic_thread_fence(__ATOMIC_RELEASE);
        notify();
    }
}

static void receive_bytes(void *data, size_t length)
{
    char *to = data;

    while (length) {
        wait_for(ready);
        for (uint32_t n = ready(); n && length; n--, length--) {
            *to++ = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons)];
            __atomic_store_n(&ring->rsp_cons, ring->rsp_cons + 1, __ATOMIC_RELEASE);
        }
        notify();
    }
}

/* ---- messages ---- */

static void talk_begin(void)
{
    while (talking)
        thread_yield();
    talking = true;
}

/* Result: NULL when memory is short or the length impossible: nothing is understood any more. */
static struct message *receive(void)
{
    struct xsd_sockmsg header;
    struct message *message;

    receive_bytes(&header, sizeof(header));
    if (header.len > XENSTORE_PAYLOAD_MAX)
        return NULL;
    message = malloc(sizeof(*message) + header.len + 1);
    if (!message)
        return NULL;
    message->next = NULL;
    message->header = header;
    receive_bytes(message->payload, header.len);
    message->payload[header.len] = 0;
    return message;
}

static void queue(struct message *event)
{
    *events_end = event;
    events_end = &event->next;
}

#define ERROR_NAME(name)  \
    {                     \
#name, XEN_##name \
    }
static long error_number(const char *text)
{
    static const struct {
        const char *name;
        int number;
    } errors[] = {
        ERROR_NAME(EINVAL), ERROR_NAME(EACCES), ERROR_NAME(EEXIST), ERROR_NAME(EISDIR),
        ERROR_NAME(ENOENT), ERROR_NAME(ENOMEM), ERROR_NAME(ENOSPC), ERROR_NAME(EIO),
        ERROR_NAME(EROFS),  ERROR_NAME(EBUSY),  ERROR_NAME(ENOSYS), ERROR_NAME(ENOTEMPTY),
        ERROR_NAME(EAGAIN), ERROR_NAME(E2BIG),  ERROR_NAME(EPERM),  ERROR_NAME(EISCONN),
    };

    for (unsigned int i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (strcmp(errors[i].name, text) == 0)
            return errors[i].number;
    return XEN_EIO;
}

static long answer_take(const struct message *message, char *answer, size_t size)
{
    size_t length = message->header.len;

    if (message->header.type == XS_ERROR)
        return -error_number(message->payload);
    if (length >= size)
        length = size ? size - 1 : 0;
    if (size) {
        memcpy(answer, message->payload, length);
        answer[length] = 0;
    }
    return message->header.len;
}

long xenstore_call(uint32_t type, uint32_t transaction, const void *payload, size_t length,
                   char *answer, size_t size)
{
    struct xsd_sockmsg header = { .type = type, .tx_id = transaction, .len = (uint32_t)length };
    struct message *message;
    long result = -XEN_EIO;

    if (!ring || length > XENSTORE_PAYLOAD_MAX)
        return -XEN_EINVAL;
    talk_begin();
    header.req_id = ++last_id;
    send_bytes(&header, sizeof(header));
    send_bytes(payload, length);
    while ((message = receive()) != NULL && message->header.type == XS_WATCH_EVENT)
        queue(message);
    if (message && message->header.req_id == header.req_id)
        result = answer_take(message, answer, size);
    free(message);
    talking = false;
    return result;
}

/* ---- requests ---- */

static long call_path(uint32_t type, uint32_t transaction, const char *path, char *answer,
                      size_t size)
{
    return xenstore_call(type, transaction, path, strlen(path) + 1, answer, size);
}

/* A string with its nul, and `more` bytes behind it. */
static int call_pair(uint32_t type, uint32_t transaction, const char *first, const char *second,
                     size_t more)
{
    char payload[XENSTORE_PAYLOAD_MAX];
    size_t length = strlen(first) + 1;
    long result;

    if (length + more > sizeof(payload))
        return -XEN_EINVAL;
    memcpy(payload, first, length);
    memcpy(payload + length, second, more);
    result = xenstore_call(type, transaction, payload, length + more, NULL, 0);
    return result < 0 ? (int)result : 0;
}

static int done(long result)
{
    return result < 0 ? (int)result : 0;
}

long xenstore_read(uint32_t transaction, const char *path, char *value, size_t size)
{
    return call_path(XS_READ, transaction, path, value, size);
}

int xenstore_write(uint32_t transaction, const char *path, const char *value)
{
    return call_pair(XS_WRITE, transaction, path, value, strlen(value));
}

int xenstore_mkdir(uint32_t transaction, const char *path)
{
    return done(call_path(XS_MKDIR, transaction, path, NULL, 0));
}

int xenstore_rm(uint32_t transaction, const char *path)
{
    return done(call_path(XS_RM, transaction, path, NULL, 0));
}

long xenstore_directory(uint32_t transaction, const char *path, char *names, size_t size)
{
    return call_path(XS_DIRECTORY, transaction, path, names, size);
}

int xenstore_set_perms(uint32_t transaction, const char *path, const char *entries)
{
    char payload[XENSTORE_PAYLOAD_MAX];
    size_t length = strlen(path) + 1, more = strlen(entries) + 1;

    if (length + more > sizeof(payload))
        return -XEN_EINVAL;
    memcpy(payload, path, length);
    memcpy(payload + length, entries, more);
    for (size_t i = length; i < length + more; i++)
        if (payload[i] == ' ')
            payload[i] = 0;
    return done(xenstore_call(XS_SET_PERMS, transaction, payload, length + more, NULL, 0));
}

int xenstore_watch(const char *path, const char *token)
{
    return call_pair(XS_WATCH, 0, path, token, strlen(token) + 1);
}

int xenstore_unwatch(const char *path, const char *token)
{
    return call_pair(XS_UNWATCH, 0, path, token, strlen(token) + 1);
}

int xenstore_transaction_start(uint32_t *transaction)
{
    char text[16];
    long result = xenstore_call(XS_TRANSACTION_START, 0, "", 1, text, sizeof(text));

    if (result >= 0)
        *transaction = (uint32_t)strtoul(text, NULL, 10);
    return done(result);
}

int xenstore_transaction_end(uint32_t transaction, bool commit)
{
    return done(call_path(XS_TRANSACTION_END, transaction, commit ? "T" : "F", NULL, 0));
}

/* ---- events ---- */

static void text_copy(char *to, size_t size, const char *from)
{
    size_t length = strlen(from);

    if (length >= size)
        length = size - 1;
    memcpy(to, from, length);
    to[length] = 0;
}

bool xenstore_event_ready(void)
{
    return events || (ring && ready());
}

int xenstore_event(char *path, size_t path_size, char *token, size_t token_size)
{
    struct message *event;

    if (!ring)
        return -XEN_EIO;
    talk_begin();
    if (!events) {
        event = receive();
        if (event)
            queue(event);
    }
    talking = false;
    event = events;
    if (!event)
        return -XEN_EIO;
    events = event->next;
    if (!events)
        events_end = &events;
    text_copy(path, path_size, event->payload);
    text_copy(token, token_size, event->payload + strnlen(event->payload, event->header.len) + 1);
    free(event);
    return 0;
}
