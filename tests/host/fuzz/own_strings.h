/* SPDX-License-Identifier: MIT */
/*
 * Before hypervisor sources of a target that tests the hypervisor's own string functions: they get
 * names of their own beside the C library's.
 */
#ifndef TESTS_HOST_FUZZ_OWN_STRINGS_H
#define TESTS_HOST_FUZZ_OWN_STRINGS_H

#define memcpy  own_memcpy
#define memmove own_memmove
#define memset  own_memset
#define memcmp  own_memcmp
#define strlen  own_strlen
#define strnlen own_strnlen
#define strcmp  own_strcmp
#define strncmp own_strncmp
#define strchr  own_strchr
#define strlcpy own_strlcpy
#define strtoul own_strtoul

#endif
