/*
 * SPDX-License-Identifier: MIT
 *
 * path.c - see path.h.
 */
#include "path.h"

#include <stdio.h>
#include <string.h>

#define PATH_CHARACTERS          \
    "abcdefghijklmnopqrstuvwxyz" \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
    "0123456789"                 \
    "-/_@"

static bool path_valid(const char *path)
{
    size_t length = strlen(path);

    if (path[0] != '/' || strspn(path, PATH_CHARACTERS) != length || strstr(path, "//"))
        return false;
    return length == 1 || path[length - 1] != '/';
}

bool path_resolve(char path[PATH_SIZE], const char *name, domid_t domid)
{
    size_t length = strlen(name);
    int base = 0;

    if (length > XENSTORE_ABS_PATH_MAX)
        return false;
    if (name[0] != '/') {
        if (length == 0 || length > XENSTORE_REL_PATH_MAX)
            return false;
        base = snprintf(path, PATH_SIZE, "/local/domain/%u/", domid);
    }
    memcpy(path + base, name, length + 1);
    return path_valid(path);
}

void path_home(char path[PATH_SIZE], domid_t domid, const char *suffix)
{
    (void)snprintf(path, PATH_SIZE, "/local/domain/%u%s", domid, suffix);
}

const char *path_relative(const char *path, domid_t domid)
{
    char home[32];
    int length = snprintf(home, sizeof(home), "/local/domain/%u/", domid);

    return strncmp(path, home, (size_t)length) == 0 ? path + length : path;
}

bool path_parent(char above[PATH_SIZE], const char *path)
{
    size_t length = (size_t)(strrchr(path, '/') - path);

    if (path[1] == 0)
        return false;
    if (length == 0)
        length = 1;
    memcpy(above, path, length);
    above[length] = 0;
    return true;
}

size_t path_component(const char *at, const char **name)
{
    if (*at == '/')
        at++;
    *name = at;
    return strcspn(at, "/");
}

bool path_beneath(const char *path, const char *above)
{
    size_t length = strlen(above);

    if (length == 1 && above[0] == '/')
        return path[0] == '/';
    return strncmp(path, above, length) == 0 && (path[length] == 0 || path[length] == '/');
}
