/* SPDX-License-Identifier: GPL-2.0 */
/* Which programs of bpf/iocores.bpf.c this host can take, and what is missing where it cannot. */
#ifndef EXITLAB_IOCORES_PROGS_H
#define EXITLAB_IOCORES_PROGS_H

#include "engine/engine.h"
#include "engine/progs.h"
#include "out/iocores.h"

struct iocores_bpf;

/* Sets, because of the limit on the programs of one. */
enum { PROGS_SCHED, PROGS_VHOST, PROGS_OTHERS, NR_PROG_SETS };

/* vhost's modules; the order of enum vhost_module_id in iocores_progs.c. */
#define NR_VHOST_MODULES 4

struct iocores_host {
	bool module[NR_VHOST_MODULES];	/* was there when the programs were loaded */
	char why[NR_IOCORES_GAPS][160];	/* "" = it is there */
};

/*
 * Loads what this host can take, best rung first, and puts it into @sets. 0 or negative errno; the
 * reason is logged in one line.
 */
int iocores_load(const struct engine_opts *opts, struct iocores_host *h, struct progs *sets,
		 struct iocores_bpf **out);
/* Whether the modules are still those that the programs were loaded for. */
bool iocores_host_same(const struct iocores_host *h);
/* Nothing is known of vhost's functions but when workers run. */
void iocores_no_functions(struct iocores_host *h, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* What is missing, into the part; also what came after loading. */
void iocores_host_gaps(const struct iocores_host *h, struct iocores *p);

#endif
