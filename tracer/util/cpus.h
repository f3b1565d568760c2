/* SPDX-License-Identifier: GPL-2.0 */
/* Sets of CPUs, up to CPU_SETSIZE (1024). */
#ifndef EXITLAB_CPUS_H
#define EXITLAB_CPUS_H

#include <sched.h>

/* "0-3,7" (a newline may follow) into @out. 0 or -EINVAL. Pure. */
int cpus_parse(const char *list, cpu_set_t *out);
/* Those that are online now. 0 or negative errno. */
int cpus_online(cpu_set_t *out);

#endif
