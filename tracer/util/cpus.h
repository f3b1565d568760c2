/* SPDX-License-Identifier: GPL-2.0 */
/* Lists of CPUs as the kernel writes them: "0-3,7". */
#ifndef EXITLAB_UTIL_CPUS_H
#define EXITLAB_UTIL_CPUS_H

#include <stddef.h>
#include <stdint.h>

/* Bit for each CPU of @list into @mask of @words 64-bit words. 0, -EINVAL, -ERANGE (too high). */
int cpus_parse(const char *list, uint64_t *mask, size_t words);
/* Lowest CPU that is in @some but not in @all, or -1. */
long cpus_missing(const uint64_t *some, const uint64_t *all, size_t words);

#endif
