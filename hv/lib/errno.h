/* SPDX-License-Identifier: MIT */
/*
 * Error numbers of the ABI (xen/errno.h) as E* names, including the internal -ERESTART that no
 * guest sees.
 */
#ifndef HV_LIB_ERRNO_H
#define HV_LIB_ERRNO_H

#define XEN_ERRNO(name, value) name = value,
enum {
#include <xen/errno.h>
    ERESTART = 85, /* never in a guest's hands */
};

#endif
