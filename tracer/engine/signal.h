/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A signal beside exits, of the BPF engine: programs of its own, and a part of the snapshot
 * (engine/part.h). To add one: a bit in engine.h, its operations here, one line in signals.c.
 */
#ifndef EXITLAB_SIGNAL_H
#define EXITLAB_SIGNAL_H

#include "engine/engine.h"

struct signal_ops {
	const char *name;		/* as in --signals: "account" */
	unsigned int bit;		/* enum engine_signal */
	/* What it shows, for --help and exitlab doctor. */
	const char *what;
	/*
	 * Loads without attaching. 0 or negative errno; -EOPNOTSUPP: this host cannot. Has said why
	 * in one line.
	 */
	int (*open)(const struct engine_opts *opts, void **out);
	/* Starts counting from zero. */
	int (*attach)(void *s);
	void (*detach)(void *s);
	/* Adds its part, its probes and cost (progs_read()) and its share of the ledger. */
	int (*read)(void *s, struct trace_snapshot *out);
	void (*close)(void *s);
};

/* All there are, ended by NULL; in the order in which they are printed. */
extern const struct signal_ops *const engine_signals[];
/* "exits,account" or "all" into bits; SIGNAL_EXITS is always set. 0 or -EINVAL. */
int signals_parse(const char *list, unsigned int *bits);

#endif
