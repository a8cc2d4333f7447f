/*
 * SPDX-License-Identifier: MIT
 *
 * xenstore.h - a client of the store, over the ring of start_info.
 *
 * Calls block the calling thread until the answer is there; one thread at a time talks, others
 * wait.
 * Without a store domain no answer ever comes.  Errors are negated XEN_E* numbers.
 */
#ifndef GUEST_XENSTORE_H
#define GUEST_XENSTORE_H

#include <abi/abi.h>

/* Longest payload, and with its end a buffer that takes every answer. */
#define XENSTORE_ANSWER (XENSTORE_PAYLOAD_MAX + 1)

/* Result: 0; -XEN_ENODEV: this domain has no ring; or the hypervisor's error. */
int xenstore_init(void);

/*
 * Any request.  The answer is cut to `size` bytes (its last one always a nul behind what there is).
 * Result: the answer's length, or what the store refused it with; -XEN_EIO: it broke off.
 */
long xenstore_call(uint32_t type, uint32_t transaction, const void *payload, size_t length,
                   char *answer, size_t size);

/* `transaction` 0: none.  Results of read and directory: length in bytes. */
long xenstore_read(uint32_t transaction, const char *path, char *value, size_t size);
int xenstore_write(uint32_t transaction, const char *path, const char *value);
int xenstore_mkdir(uint32_t transaction, const char *path);
int xenstore_rm(uint32_t transaction, const char *path);

/* Names, each ended by a nul. */
long xenstore_directory(uint32_t transaction, const char *path, char *names, size_t size);

/* Entries are "n1" and the like, separated by blanks. */
int xenstore_set_perms(uint32_t transaction, const char *path, const char *entries);

int xenstore_watch(const char *path, const char *token);
int xenstore_unwatch(const char *path, const char *token);

/* Waits for the next event of any watch.  Result: 0; -XEN_EIO. */
int xenstore_event(char *path, size_t path_size, char *token, size_t token_size);

/* True when xenstore_event would not wait. */
bool xenstore_event_ready(void);

int xenstore_transaction_start(uint32_t *transaction);

/* Result: 0; -XEN_EAGAIN: somebody else was there meanwhile: start again. */
int xenstore_transaction_end(uint32_t transaction, bool commit);

#endif
