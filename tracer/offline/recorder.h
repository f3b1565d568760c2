/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Single events of this host, by BPF programs (bpf/record.bpf.c) through a ring buffer. What does
 * not fit into the ring is lost and counted.
 */
#ifndef EXITLAB_OFFLINE_RECORDER_H
#define EXITLAB_OFFLINE_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/record.h"

struct recorder;

struct recorder_opts {
	uint32_t events;	/* bits 1 << enum rec_type */
	size_t ring_bytes;	/* a power of two, 4096 or more */
	const pid_t *pids;	/* only these processes; NULL = all */
	size_t nr_pids;
	const char *rung;	/* as in engine_opts; NULL = $EXITLAB_RUNG, else the best */
};

/* Takes one record, REC_THREAD too. Below 0: enough. */
typedef int (*recorder_fn)(const struct rec *r, void *arg);

/*
 * Loads without attaching. 0 or negative errno; the reason is logged in one line. Events that this
 * kernel does not have are left out, see recorder_missing().
 */
int recorder_open(const struct recorder_opts *o, recorder_fn fn, void *arg, struct recorder **out);
/* The events that are recorded. */
uint32_t recorder_events(const struct recorder *r);
/* Why the event is left out, NULL if it is not. */
const char *recorder_missing(const struct recorder *r, unsigned int type);
/* 0 or negative errno, logged; then nothing is attached. */
int recorder_attach(struct recorder *r);
/* When it returns no program runs any more: counts and ring are final. */
void recorder_detach(struct recorder *r);
/* Gives what is in the ring to the callback. 0 or what that returned. */
int recorder_consume(struct recorder *r);
/* Since recorder_open(). */
struct rec_count recorder_count(const struct recorder *r, unsigned int type);
/* Runs of our programs that the kernel skipped. */
uint64_t recorder_skipped(const struct recorder *r);
/* May be NULL. */
void recorder_close(struct recorder *r);

#endif
