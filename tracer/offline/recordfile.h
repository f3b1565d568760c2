/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files of single events, written by exitlab record; layout in exitlab-trace(5). A file is a row of
 * blocks, each with its length and checksum, so that it can be read up to the last whole block
 * whatever ended its writing.
 */
#ifndef EXITLAB_OFFLINE_RECORDFILE_H
#define EXITLAB_OFFLINE_RECORDFILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "offline/events.h"
#include "offline/reader.h"

#define RECFILE_MAGIC	"XLTRACE\n"	/* the first 8 bytes */
#define RECFILE_VERSION	1u

enum recfile_block {
	RECFILE_INFO = 1,	/* JSON: the host; the first block */
	RECFILE_NAMES = 2,	/* JSON: VMs, threads, interrupts; before events of theirs */
	RECFILE_EVENTS = 3,	/* events */
	RECFILE_LEDGER = 4,	/* JSON: what was seen, written and lost; at the end "final": true */
};

/* ---- writing ---- */

struct recfile_writer;

/*
 * Creates @path, or empties it. Events are taken until it has @max_bytes, less what the last blocks
 * need. 0 or negative errno.
 */
int recfile_create(const char *path, uint64_t max_bytes, struct recfile_writer **out);
/* At once: before events that are kept back. 0 or negative errno. */
int recfile_put_json(struct recfile_writer *w, enum recfile_block type, const json_t *o);
/* 0; -EFBIG: there is no room for more events; or negative errno (-ENOSPC). */
int recfile_put_event(struct recfile_writer *w, const struct trace_event *e);
/* Writes what is kept back. As recfile_put_event(). */
int recfile_flush(struct recfile_writer *w);
/* Bytes of the file, and events of a type that are in it. */
uint64_t recfile_bytes(const struct recfile_writer *w);
uint64_t recfile_written(const struct recfile_writer *w, unsigned int type);
/* Without flushing. 0 or negative errno of the file system. @w may be NULL. */
int recfile_close(struct recfile_writer *w);

/* ---- reading ---- */

/* What a reader of a file gets; each may be NULL. A result below 0 ends the reading with it. */
struct recfile_ops {
	/* Borrowed; an object for sure, nothing else is checked. */
	int (*json)(enum recfile_block type, const json_t *o, void *arg);
	/* In order of time. */
	int (*event)(const struct trace_event *e, void *arg);
};

/* How a file ended. */
struct recfile_end {
	bool cut;		/* inside a block: the writer was stopped hard */
	uint64_t cut_at;	/* offset of the block that is not whole */
};

/*
 * Reads the whole file. 0; -EINVAL and others: the file is no such file or damaged, and r->why says
 * where; or what an operation has returned.
 */
int recfile_read(struct reader *r, const struct recfile_ops *ops, void *arg,
		 struct recfile_end *end);

#endif
