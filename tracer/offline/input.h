/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files of events, ours and those of others, read for counting: exitlab record, perf.data of perf,
 * trace.dat of trace-cmd. Which one it is, its first bytes tell.
 */
#ifndef EXITLAB_OFFLINE_INPUT_H
#define EXITLAB_OFFLINE_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/replay.h"
#include "host/names.h"
#include "offline/reader.h"

/* What a file told besides its events. */
struct input_info {
	const char *format;	/* "exitlab-trace", "perf.data", "trace.dat"; NULL = none of them */
	char kernel[96];	/* release of the host; "" = not told */
	uint64_t start_ns, end_ns;	/* of the recording, or of its first and last event */
	double start_time;	/* seconds since the epoch at @start_ns; 0 = not told */
	uint64_t events;	/* of KVM, of the kinds that count here */
	uint64_t lost;		/* events of any kind that are not in the file */
	bool lost_unknown;	/* the file says that some were lost, not how many */
	uint64_t skipped;	/* runs of the recording programs that the kernel skipped */
	bool cut;		/* the recording was stopped hard; what is there was read */
	uint64_t cut_at;	/* offset of what is not whole */
	const char *pids;	/* what stands in for process ids; NULL = they are those */
};

struct input_ops {
	/* In order of time. Below 0 ends the reading. */
	int (*event)(const struct kvm_event *e, void *arg);
	/* @n events (0: some) were lost before the next one. */
	void (*lost)(uint64_t n, void *arg);
	void *arg;
	struct names *names;	/* gets the names of processes that the file has */
};

/*
 * Reads all of @path. 0; negative errno, with one line for people in @why (300 bytes) that names
 * the place in the file, or what an operation has returned (then @why is "").
 */
int input_read(const char *path, const struct input_ops *ops, struct input_info *info, char *why);

/* ---- One per format; for input.c and the fuzzers ---- */

int recfile_input(struct reader *r, const struct input_ops *ops, struct input_info *info);
int perfdata_input(struct reader *r, const struct input_ops *ops, struct input_info *info);
int tracedat_input(struct reader *r, const struct input_ops *ops, struct input_info *info);

#endif
