/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A piece of a trace as a timeline: when a vCPU's CPU was in the guest and when in the host, and
 * what happened there. Read from the text that `exitlab script` prints. Lines "work_on: queue=NAME" and
 * "work_off" of another recorder (testbed/paper-trace-elvis.sh) add the I/O core.
 */
#ifndef EXITLAB_TIMELINE_H
#define EXITLAB_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TIMELINE_TEXT	40
#define TIMELINE_LANES	3

/* From @from to @to, in us from the piece's beginning. */
struct timeline_span {
	double from, to;
	int lane;			/* 0 is drawn at the top */
	char label[TIMELINE_TEXT];	/* why the guest was left, or whose queue it is */
};

struct timeline_mark {
	double at;
	char label[TIMELINE_TEXT];
};

struct timeline {
	char title[64];
	char note[200];			/* from a line "# TEXT" of the file, or empty */
	char lane[TIMELINE_LANES][TIMELINE_TEXT];	/* names; empty: there is no such lane */
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
 * The same of an I/O core alone: a lane for each VM whose queues it works on, marks where it
 * switches threads.
 */
int timeline_read_core(FILE *in, const char *name, double at, double length_us, FILE *err,
		       struct timeline *out);
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

/* For gnuplot: per timeline a block of spans for each of TIMELINE_LANES lanes, and one of marks. */
int timelines_data(FILE *out, const struct timelines *t);
int timelines_variables(FILE *out, const struct timelines *t, const char *base, const char *data);

#endif
