/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The head of a perf.data file: which events it has, and how their records are laid out. The
 * records themselves: perfrec.c. Layout: tools/perf/Documentation/perf.data-file-format.txt.
 */
#ifndef EXITLAB_OFFLINE_PERFDATA_H
#define EXITLAB_OFFLINE_PERFDATA_H

#include <linux/perf_event.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/tep.h"
#include "offline/reader.h"

struct perf_id {
	uint64_t id;
	uint32_t attr;		/* index */
};

struct perf_file {
	struct reader *r;
	uint64_t data_off, data_size;
	struct perf_event_attr *attr;
	size_t nr_attrs;
	struct perf_id *id;	/* sorted by id */
	size_t nr_ids;
	struct kvm_decoder *decoder;
	char kernel[96];	/* "" = not told */
};

/* Zero-initialised but for @r. 0 or negative errno with r->why; perf_file_free() in any case. */
int perf_file_open(struct perf_file *p);
void perf_file_free(struct perf_file *p);
/* The event with that id, NULL if there is none. */
const struct perf_event_attr *perf_attr_of(const struct perf_file *p, uint64_t id);

#endif
