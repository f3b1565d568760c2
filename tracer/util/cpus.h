/* SPDX-License-Identifier: GPL-2.0 */
/* Sets of CPUs, up to CPU_SETSIZE (1024). */
#ifndef EXITLAB_CPUS_H
#define EXITLAB_CPUS_H

#include <sched.h>

/* "0-3,7" (a newline may follow) into @out. 0 or -EINVAL. Pure. */
int cpus_parse(const char *list, cpu_set_t *out);
/* Those that are online now. 0 or negative errno. */
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
