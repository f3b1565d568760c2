/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What `exitlab top` shows, as lines of text: no terminal here, so that the same goes to a screen,
 * to a file, and into tests.
 */
#ifndef EXITLAB_TOP_VIEW_H
#define EXITLAB_TOP_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include "cmd/watch.h"
#include "out/exits.h"

enum top_level { TOP_VMS, TOP_VCPUS, TOP_REASONS };

/* What is shown; the others have one level, and are there if they are measured. */
enum top_view { TOP_EXITS, TOP_ACCOUNT, TOP_INTERRUPTS, TOP_IOCORES, NR_TOP_VIEWS };

/* Where the reader is. */
struct top_state {
	enum top_view view;
	enum top_level level;
	pid_t vm;			/* from TOP_VCPUS on; with TOP_REASONS 0 = all VMs */
	int vcpu;			/* TOP_REASONS: -1 = all of the VM */
	enum out_sort sort;
	size_t cursor;			/* selected row, 0 = first */
	bool paused;
	double interval_s;
};

/* A row can be entered: what it leads to. */
struct top_target {
	pid_t vm;
	int vcpu;
};

struct top_lines {
	char (*line)[160];
	struct top_target *target;	/* per row */
	size_t n;			/* all lines */
	size_t first_row, nr_rows;	/* where the table's rows are among them */
};

/* Title, table, footnotes. @now: to print. 0 or -ENOMEM. top_lines_free() in any case. */
int top_render(const struct top_state *s, const struct watch_view *v, time_t now,
	       struct top_lines *out);
/* One or two lines: what was lost and how is traced. 0 or -ENOMEM. Adds to @out. */
int top_render_ledger(const struct watch_view *v, struct top_lines *out);
void top_lines_free(struct top_lines *l);

/* As in --signals. */
const char *top_view_name(enum top_view v);

/* One key (a character; TOP_KEY_* for others) changes @s. False if it does not know the key. */
enum { TOP_KEY_UP = 1000, TOP_KEY_DOWN, TOP_KEY_ENTER, TOP_KEY_BACK };
bool top_key(struct top_state *s, const struct top_lines *l, int key);

#endif
