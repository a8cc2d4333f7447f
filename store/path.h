/*
 * SPDX-License-Identifier: MIT
 *
 * path.h - names of nodes: which are valid, relative ones, parents.
 *
 * Inside the store a path is absolute and valid: "/" or "/a/b", without doubled or final slashes.
 */
#ifndef STORE_PATH_H
#define STORE_PATH_H

#include <abi/abi.h>

#define PATH_SIZE  (XENSTORE_ABS_PATH_MAX + 1)
#define PATH_DEPTH (XENSTORE_ABS_PATH_MAX / 2 + 1) /* nodes on the longest way down */

/* Writes the absolute form of what domain `domid` calls `name`.  Result: false: not valid. */
bool path_resolve(char path[PATH_SIZE], const char *name, domid_t domid);

/* The domain's own part of the tree; `suffix` is the store's own: "" or beginning with a slash. */
void path_home(char path[PATH_SIZE], domid_t domid, const char *suffix);

/* How the domain would name it relative to its own part.  Result: a place in `path`. */
const char *path_relative(const char *path, domid_t domid);

/* The path without its last component.  Result: false for "/". */
bool path_parent(char above[PATH_SIZE], const char *path);

/* The component after `at` (which is at a slash, or at the end): its length, 0 at the end. */
size_t path_component(const char *at, const char **name);

/* True when `path` is `above` or lies beneath it. */
bool path_beneath(const char *path, const char *above);

#endif
