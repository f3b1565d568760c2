/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A results folder: one record per point, logs, nothing else. One `exitlab run` works in it at a
 * time; what a killed one left behind is removed by the next.
 *
 *   results/demo/POINT.json		records
 *   results/demo/logs/POINT.log	serial console of the emulated host
 *   results/demo/previous/		records that were measured anew
 *   results/demo/.work/		scratch, gone when no run is active
 *   results/demo/.lock
 */
#ifndef EXITLAB_RESULTS_H
#define EXITLAB_RESULTS_H

#include <stdbool.h>

#include <jansson.h>

#include "run/scenario.h"

struct results {
	char dir[512];
	int lock;
};

/* Creates the folder, takes its lock and cleans up after a killed run. 0, -EBUSY (another run
 * holds the lock) or negative errno; the reason is logged. */
int results_open(struct results *r, const char *dir);
/* Removes the scratch folder and gives the lock back. */
void results_close(struct results *r);

/* Paths into @buf: the record of a point, its console log, its scratch folder. */
void results_record(const struct results *r, const struct sc_point *pt, char *buf, size_t size);
void results_log(const struct results *r, const struct sc_point *pt, char *buf, size_t size);
void results_scratch(const struct results *r, const struct sc_point *pt, char *buf, size_t size);

/*
 * True if the folder holds a complete record of this point of this very scenario made on the
 * testbed @key. Otherwise @why (if not NULL) tells what is there.
 */
bool results_complete(const struct results *r, const struct scenario *sc,
		      const struct sc_point *pt, const char *key, char *why, size_t size);
/* Moves an existing record of the point to previous/. 0 or negative errno; no record is no error.
 */
int results_retire(const struct results *r, const struct sc_point *pt);
/* Writes a record whole or not at all. */
int results_store(const struct results *r, const struct sc_point *pt, const json_t *record);

#endif
