/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One workload of one scenario as numbers: a column per point, a row per exit reason. Everything
 * that is printed, written or plotted is taken from here.
 */
#ifndef EXITLAB_TABLE_H
#define EXITLAB_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "analyze/record.h"

/* What an exit was for; the order is that of the plot's legend. */
enum family {
	FAMILY_INTERRUPT, /* a host interrupt, or waiting to inject one */
	FAMILY_EOI,	  /* completing an interrupt */
	FAMILY_HLT,	  /* the guest has nothing to do */
	FAMILY_MMIO,	  /* nested page fault, EPT misconfiguration: a doorbell, a register */
	FAMILY_IO,	  /* port I/O */
	FAMILY_MSR,	  /* MSR accesses that are no EOI: timer, IPI */
	FAMILY_OTHER,
	NR_FAMILIES,
};

struct cell {
	uint64_t count;		/* exits */
	uint64_t timed;		/* of these, with a time */
	uint64_t total_ns;	/* from exit to next entry, summed over the timed */
};

struct row {
	char isa[8];		/* "svm", "vmx" */
	int64_t reason;
	bool has_detail;
	uint64_t detail;
	char name[48];		/* "MSR", from the record */
	char detail_name[48];	/* "EOI", "0x80b", or empty */
	char label[128];	/* "MSR EOI"; with the isa in front if there are several */
	enum family family;
	struct cell *cells;	/* one per column */
	double weight;		/* largest number of exits per unit of work in a column */
};

struct column {
	const struct record *rec;
	const json_t *window;
	double work;		/* in units of the table */
	double duration_s;
	uint64_t exits, entries, guest_ns;
	uint64_t reason_exits;	/* sum of the rows; differs from exits only if something was lost */
	uint64_t handling_ns;	/* exit to entry, HLT apart */
	uint64_t halted_ns;	/* exit to entry of HLT: mostly sleeping */
	unsigned vcpus;
	uint64_t lost;		/* events that the tracer's ledger says it lost */
};

struct table {
	const char *scenario;
	const char *workload, *title, *tool, *unit;
	struct column *cols;
	size_t nr_cols;
	struct row *rows;	/* by weight, largest first */
	size_t nr_rows;
};

/*
 * All tables of a list of sorted records, one per scenario and workload, in order of appearance.
 * They refer to the records. 0 or -ENOMEM; free with tables_free().
 */
int tables_build(const struct records *rs, struct table **out, size_t *n);
void tables_free(struct table *tables, size_t n);
/*
 * The table of one workload with the @n records of @list as columns, in this order and of whatever
 * scenarios. Each must have a window of the workload, of one unit. 0 or -ENOMEM; in both cases free
 * with table_clear().
 */
int table_of(const struct record *const *list, size_t n, const char *workload, struct table *out);
void table_clear(struct table *t);

/* Exits of a row (or all, with @row NULL) per unit of work; 0 if there was no work. */
double table_rate(const struct table *t, const struct row *row, size_t col);
/* Share of the window that the vCPUs were in the guest, 0..100. */
double table_guest_percent(const struct column *c);
/* "interrupts", "EOI", ...: for legends. */
const char *family_name(enum family f);

/* One number of the workload's own result: guests of one point put together. */
struct result {
	char key[64];		/* as in the record, "rtt_mean_ns" */
	double value;
};
/* Up to @max of them: times averaged over guests, everything else summed. Returns how many. */
size_t table_results(const json_t *window, struct result *out, size_t max);

/* A counter of the window such as ("guest", "interrupts"); false if it is not there. */
bool table_counter(const json_t *window, const char *group, const char *key, double *v);

#endif
