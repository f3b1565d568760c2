/* SPDX-License-Identifier: GPL-2.0 */
/* What exitlab record writes: who is who in the events, the host, the ledger. */
#ifndef EXITLAB_RECORD_WRITE_H
#define EXITLAB_RECORD_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "host/names.h"
#include "offline/recorder.h"
#include "offline/recordfile.h"

/* One VM, or one process of which no VM is known. Its number in the file is its place + 1. */
struct record_vm {
	uint32_t tgid;
	uint64_t kvm;
};

/* Zero-initialised but for @file and @names. */
struct record_write {
	struct recfile_writer *file;
	struct names *names;
	struct record_vm *vm;
	size_t nr_vms, last;		/* @last: the one found last */
	unsigned char irq_known[8192 / 8];
	uint64_t taken[NR_REC_TYPES];	/* events that came out of the ring */
	uint64_t no_room[NR_REC_TYPES];	/* of these, those that did not get into the file */
	uint64_t lost;			/* so far, as the last record said */
	int error;			/* that ended the writing: -EFBIG, -ENOSPC, ... */
	bool stopped;			/* no more events go into the file */
};

/* A recorder_fn; @arg: struct record_write. Never below 0: the ring is always read to its end. */
int record_take(const struct rec *r, void *arg);
/* The block about the host. @max_bytes, @ring_bytes as asked for. 0 or negative errno. */
int record_put_info(struct record_write *w, const struct recorder *r, size_t ring_bytes);
/*
 * The ledger as of now; @final: after recorder_detach() and the last recorder_consume(), then
 * "seen" = "written" + "lost". 0 or negative errno.
 */
int record_put_ledger(struct record_write *w, const struct recorder *r, bool final);
/* Lost in the ring or for want of room in the file, all kinds. */
uint64_t record_lost(const struct record_write *w, const struct recorder *r);
void record_write_free(struct record_write *w);

#endif
