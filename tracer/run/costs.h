/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cost sets: what an emulator makes too cheap, as numbers with their sources. A file of sets is
 * described in man/exitlab-costs.5.scd; testbed/costs.yaml is the one that comes along.
 */
#ifndef EXITLAB_COSTS_H
#define EXITLAB_COSTS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

/* The set that mode: timed uses if the scenario names none. */
#define COSTS_DEFAULT	"epyc"

enum costs_variant {
	COSTS_VALUE,		/* "NAME" */
	COSTS_LOW,		/* "NAME@low": the low end of every published range */
	COSTS_HIGH,		/* "NAME@high" */
	COSTS_SLOW,		/* "NAME@slow": the low end of what is assumed (instructions a cycle) */
	COSTS_FAST,		/* "NAME@fast" */
};

/* How a scenario names a set: [FILE:]NAME[@VARIANT]. */
struct costs_ref {
	char file[256];		/* empty: testbed/costs.yaml */
	char name[41];
	enum costs_variant variant;
	char label[48];		/* NAME or NAME.VARIANT, fit for a file name */
};

/* The numbers of a set, in the order of exitlab-costs(5). All but the first are virtual ns. */
enum costs_key {
	COST_VMRUN, COST_VMEXIT, COST_INTR, COST_IPI_SEND, COST_IPI_DELAY, COST_MMIO_READ,
	COST_MMIO_WRITE, COST_PIO, COST_PAUSE, COST_N
};

struct costs {
	char name[48];		/* as in the scenario without the file: "x5570@low"; "" = no costs */
	char file[256];		/* as in the scenario; "testbed/costs.yaml" if it names none */
	char title[201];
	char sha256[65];	/* of the file's bytes */
	uint32_t clock_mhz;
	uint32_t mips;		/* million instructions per second of a CPU: clock x IPC */
	uint32_t ns[COST_N];	/* 0 = not modelled */
};

/* Takes a reference apart. 0 or -EINVAL. */
int costs_ref_parse(const char *text, struct costs_ref *ref);

/*
 * Checks a whole file of sets and takes out the one that @ref names. Every problem found is
 * written to @err, one line each, as "FILE:LINE: KEY: what is wrong; what would be right".
 * @path only names the file in messages. 0, -EINVAL or -ENOMEM.
 */
int costs_parse(const char *path, const char *text, size_t len, const struct costs_ref *ref,
		FILE *err, struct costs *out);
/* The same from a file; also -ENOENT etc. (told, too). */
int costs_load(const char *path, const struct costs_ref *ref, FILE *err, struct costs *out);

/* ",mips=2930,vmrun=341,..." for QEMU's -icount; what is 0 is left out. */
void costs_icount(const struct costs *c, char *buf, size_t size);
/* What the record holds: { name, file, mips, vmrun_ns, ... }. */
json_t *costs_to_json(const struct costs *c);

#endif
