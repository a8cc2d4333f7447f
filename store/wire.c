/*
 * SPDX-License-Identifier: MIT
 *
 * wire.c - see wire.h.  Whatever a payload holds, nothing here looks behind its length.
 */
#include "wire.h"

#include <string.h>

/* The names a client may see; what else goes wrong is an invalid request. */
#define ERROR_NAME(name) [XEN_##name] = #name
static const char *const error_names[] = {
    ERROR_NAME(EPERM),  ERROR_NAME(ENOENT), ERROR_NAME(EIO),     ERROR_NAME(E2BIG),
    ERROR_NAME(EAGAIN), ERROR_NAME(ENOMEM), ERROR_NAME(EACCES),  ERROR_NAME(EBUSY),
    ERROR_NAME(EEXIST), ERROR_NAME(EISDIR), ERROR_NAME(EINVAL),  ERROR_NAME(ENOSPC),
    ERROR_NAME(EROFS),  ERROR_NAME(ENOSYS), ERROR_NAME(EISCONN), ERROR_NAME(ENOTEMPTY),
};

bool wire_number(uint32_t *number, const char *text)
{
    uint64_t value = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9' && value <= UINT32_MAX; at++)
        value = value * 10 + (uint64_t)(*at - '0');
    *number = (uint32_t)value;
    return at != text && !*at && value <= UINT32_MAX;
}

unsigned int wire_strings(const struct message *message, const char *string[], unsigned int max,
                          size_t *rest)
{
    size_t at = 0, length = message->header.len;
    unsigned int count = 0;

    while (count < max) {
        const char *end = memchr(message->payload + at, 0, length - at);

        if (!end)
            break;
        string[count++] = message->payload + at;
        at = (size_t)(end - message->payload) + 1;
    }
    if (rest)
        *rest = at;
    return count;
}

const char *wire_only(const struct message *message)
{
    const char *text;
    size_t rest;

    if (wire_strings(message, &text, 1, &rest) != 1 || rest != message->header.len)
        return NULL;
    return text;
}

void wire_reply(struct message *reply, const struct message *request)
{
    reply->header = request->header;
    reply->header.len = 0;
}

int wire_add(struct message *reply, const void *data, size_t length)
{
    if (length > XENSTORE_PAYLOAD_MAX - reply->header.len)
        return -XEN_E2BIG;
    memcpy(reply->payload + reply->header.len, data, length);
    reply->header.len += (uint32_t)length;
    return 0;
}

int wire_add_string(struct message *reply, const char *text)
{
    return wire_add(reply, text, strlen(text) + 1);
}

void wire_error(struct message *reply, int error)
{
    size_t number = (size_t)-error;
    const char *name = NULL;

    if (number < sizeof(error_names) / sizeof(error_names[0]))
        name = error_names[number];
    reply->header.type = XS_ERROR;
    reply->header.len = 0;
    (void)wire_add_string(reply, name ? name : "EINVAL");
}
