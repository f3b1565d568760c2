/* SPDX-License-Identifier: GPL-2.0 */
/* Last readings of KVM's counters, for VMs that end while somebody counts. */
#ifndef EXITLAB_ENDINGS_H
#define EXITLAB_ENDINGS_H

#include <stddef.h>
#include <sys/types.h>

#include "host/kvmstat.h"

struct endings;

/* One process that ended with open vCPUs. */
struct ending {
	pid_t pid;		/* tgid */
	char comm[16];
	struct kvmstat stat;
};

/* Starts to watch. 0 or negative errno; what it is missing for is not an error worth a message. */
int endings_open(struct endings **out);
/*
 * What ended since; an allocated array. *@missed = vCPUs that ended and found no room for their
 * last reading. 0 or negative errno.
 */
int endings_read(struct endings *e, struct ending **out, size_t *n, uint64_t *missed);
/* NULL is fine. */
void endings_close(struct endings *e);

#endif
