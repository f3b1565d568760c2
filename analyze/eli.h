/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What exitless interrupts change, as rows beside the exits by reason: exits, device interrupts
 * and who handled them, injections, windows, time in the guest, throughput, and ratios.
 */
#ifndef EXITLAB_ELI_H
#define EXITLAB_ELI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "analyze/table.h"

enum eli_row {
	ELI_EXITS,		/* all exits, per second */
	ELI_GUEST,		/* share of the vCPUs' time in the guest, percent */
	ELI_INTERRUPTS,		/* device interrupts by the guest's own count, per second */
	ELI_HANDLED,		/* of them, by the host's count, taken by the host first */
	ELI_INJECTIONS,		/* interrupts that KVM injected, of devices and others */
	ELI_WINDOWS,		/* exits because a guest could take an interrupt at last */
	ELI_THROUGHPUT,		/* Mb/s, or requests per second */
	ELI_THROUGHPUT_RATIO,	/* percent of bare metal's */
	ELI_RESPONSE,		/* mean response time, us */
	ELI_EXITS_PER_IRQ,	/* exits per device interrupt */
	ELI_EXITS_RATIO,	/* exits per device interrupt, percent of the baseline's */
	ELI_ROWS
};

struct eli_value {
	const char *key;	/* "exits_per_s": for JSON and CSV */
	char label[40];
	double value;
	const char *why;	/* NULL: there is a value; else why there is none, for people */
	bool no_speed;		/* there is one, but of a time that is not to be read as speed */
};

/* Whether a column of the table is of exitless interrupts or of bare metal. */
bool eli_in_table(const struct table *t);
void eli_value(const struct table *t, size_t col, enum eli_row row, struct eli_value *out);

/* Lines under a block of columns; "-" what cannot be, "n/a" what the mode does not tell. */
void eli_lines(FILE *out, const struct table *t, size_t first, size_t end);
/* { "exits_per_s": N, ..., "throughput": null, "throughput_why": "..." } of a column. */
json_t *eli_json(const struct table *t, size_t col);

#endif
