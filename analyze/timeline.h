/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A piece of a trace as a timeline: when a vCPU's CPU was in the guest and when in the host, and
 * what happened there. Read from the text that `exitlab script` prints.
 */
#ifndef EXITLAB_TIMELINE_H
#define EXITLAB_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TIMELINE_TEXT	40

/* From @from to @to, in us from the piece's beginning. */
struct timeline_span {
	double from, to;
	bool guest;
	char label[TIMELINE_TEXT];	/* of a stay in the host: why the guest was left */
};

struct timeline_mark {
	double at;
	char label[TIMELINE_TEXT];
};

struct timeline {
	char title[64];
	char note[200];			/* from a line "# TEXT" of the file, or empty */
	struct timeline_span *spans;
	size_t nr_spans;
	struct timeline_mark *marks;
	size_t nr_marks;
	double length;			/* us */
	double began;			/* seconds of the trace at which it begins */
};

/*
 * Reads @length_us of one vCPU ("web/0"; NULL: the one that is entered last). It begins at @at
 * seconds of the trace; if that is negative, shortly before the first injection or completion of a
 * device's interrupt (or at the vCPU's first entry, if there is none). Lines that cannot be read
 * are told on @err with their number. 0, -EINVAL (told) or -ENOMEM.
 */
int timeline_read(FILE *in, const char *name, const char *vcpu, double at, double length_us,
		  FILE *err, struct timeline *out);
/*
 * Takes "FILE@SECONDS+US" apart: cuts @file at the @, and sets what is given. -EINVAL: it is
 * neither this nor a file alone.
 */
int timeline_piece(char *file, double *at, double *length_us);
void timeline_free(struct timeline *t);

struct timelines {
	struct timeline *list;
	size_t n;
	const char *heading;
};

/* For gnuplot: per timeline a block of spans in the guest, one in the host, one of marks. */
int timelines_data(FILE *out, const struct timelines *t);
int timelines_variables(FILE *out, const struct timelines *t, const char *base, const char *data);

#endif
