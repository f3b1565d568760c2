/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Remembers who the VMM processes are that were seen, also after they have ended.
 */
#ifndef EXITLAB_NAMES_H
#define EXITLAB_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "host/vm_name.h"

struct vm_who {
	pid_t pid;
	unsigned long long start;	/* clock ticks since boot: tells users of one pid apart */
	char name[VM_NAME_MAX];
	char *cgroup;			/* of the unified hierarchy; NULL = in none */
};

struct names {
	const char *root;		/* before /proc and /run; NULL = "" */
	struct vm_who **who;
	size_t n;
};

/*
 * Who @pid is. A process that has ended keeps what it was known by; a new one with its pid gets its
 * own. NULL: nobody has ever looked while it was there, or out of memory. Valid until names_free().
 */
const struct vm_who *names_get(struct names *n, pid_t pid);
/* What to print for @pid: a vm_name_fn, with a struct names as @arg. */
const char *names_name(pid_t pid, void *names);
/* Makes a process known by a name without looking at it. 0 or -ENOMEM. */
int names_add(struct names *n, pid_t pid, const char *name);
/* Forgets everybody who has had that pid. */
void names_forget(struct names *n, pid_t pid);
void names_free(struct names *n);

/* Start time from the text of /proc/PID/stat; 0 if it cannot be read. Pure. */
unsigned long long names_start_time(const char *stat);

#endif
