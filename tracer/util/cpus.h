/* SPDX-License-Identifier: GPL-2.0 */
/* Lists of CPUs as the kernel writes them: "0-3,7"; and which CPUs there are. */
#ifndef EXITLAB_UTIL_CPUS_H
#define EXITLAB_UTIL_CPUS_H

#include <sched.h>
#include <stddef.h>
#include <stdint.h>

/* Bit for each CPU of @list into @mask of @words 64-bit words. 0, -EINVAL, -ERANGE (too high). */
int cpus_parse(const char *list, uint64_t *mask, size_t words);
/* Lowest CPU that is in @some but not in @all, or -1. */
long cpus_missing(const uint64_t *some, const uint64_t *all, size_t words);

/* Those that are online now, up to CPU_SETSIZE (1024). 0 or negative errno. */
int cpus_online(cpu_set_t *out);

/*
 * A descriptor that can be read when the kernel has told that CPUs came or went; -1 where it cannot
 * be had (in a container, for instance). To be closed.
 */
int cpus_watch(void);
/* CPUs that went offline since the last call, if only for a moment. @fd as above. */
void cpus_gone(int fd, cpu_set_t *out);
/* The CPU that went offline by this message of the kernel, else -1. Pure. */
int cpus_gone_message(const char *message);

#endif
