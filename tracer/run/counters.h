/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters that others keep, read around a window to check the tracer's by: KVM's own statistics,
 * a hist trigger on the kvm_exit tracepoint, the guest's and the host's interrupt counts, and the
 * requests that a guest's disk has completed.
 */
#ifndef EXITLAB_COUNTERS_H
#define EXITLAB_COUNTERS_H

#include <stdint.h>

#include <jansson.h>

#include "run/guest.h"

struct irq_counts {
	uint64_t all;		/* every interrupt */
	uint64_t nic;		/* those of the network device (guest) or of VFIO vectors (host) */
};

/*
 * Sums of /proc/interrupts text @text: a line counts as nic if it contains one of @match (NULL
 * terminated). all is of the CPU in column @cpu only, unless that is -1. Pure. 0 or -EINVAL.
 */
int irq_counts_parse(const char *text, const char *const match[], int cpu, struct irq_counts *out);
/* @bare: of bare metal, with all of the CPU on which the servers run (run/bare.h). */
int irq_counts_guest(struct guest *g, bool bare, struct irq_counts *out);
int irq_counts_host(struct irq_counts *out);

/* Reads and writes completed, of a file /sys/block/DISK/stat. Pure. 0 or -EINVAL. */
int disk_requests_parse(const char *text, uint64_t *requests);
/* Those of the guest's disk so far. 0 or negative errno, logged. */
int disk_requests_guest(struct guest *g, uint64_t *requests);

/* Hist trigger on kvm_exit, keyed by reason. Start and read while no vCPU runs. */
int hist_start(void);
/*
 * New array of {"reason", "count"}; *@total gets the sum. *@dropped is how many events the trigger
 * itself says it did not count (two CPUs that insert the same key at once): if it is not 0, the
 * rest is no counter to check another by. 0, -EINVAL or another negative errno.
 */
int hist_read(json_t **out, uint64_t *total, uint64_t *dropped);
void hist_stop(void);
/* Parses a hist file. Pure. */
int hist_parse(const char *text, json_t **out, uint64_t *total, uint64_t *dropped);

#endif
