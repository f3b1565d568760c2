/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The cache of saved machines. A snapshot is a folder named after everything that went into it:
 *
 *   DIR/KEY/state		the machine, as QEMU wrote it
 *   DIR/KEY/console.log	what it had printed until then
 *   DIR/KEY/meta.json		size and SHA-256 of state, and what it is a snapshot of
 *   DIR/KEY.part/		being made
 *   DIR/KEY.lock		held by whoever makes or removes it; gone when nobody does
 *
 * It appears by rename, and is removed when the cache has grown too big, the least recently used
 * first.
 */
#ifndef EXITLAB_SNAPSHOTS_H
#define EXITLAB_SNAPSHOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define SNAPSHOT_KEY_SIZE	17	/* 16 hex digits */
#define SNAPSHOTS_MAX_MB	8192	/* EXITLAB_SNAPSHOT_MAX_MB overrides it */

struct snapshots {
	char dir[512];
	int64_t max_bytes;
};

/* One that is in use: it is not removed meanwhile. */
struct snapshot {
	char dir[600];
	int fd;			/* its state, under a shared lock; -1 = none */
};

/* One that is being made. */
struct snapshot_part {
	char dir[600], final[600];
	char lock_path[600];
	int lock;		/* -1 = none */
};

/* The key of a list of texts, up to the NULL. Every text counts with its length. */
void snapshot_key(char key[SNAPSHOT_KEY_SIZE], const char *const parts[]);

/* @dir: NULL for the folder "snapshots" of exitlab's cache. It is created. */
int snapshots_open(struct snapshots *s, const char *dir);

/* A quick look: there seems to be one. */
bool snapshot_exists(const struct snapshots *s, const char *key);
/*
 * Takes hold of a complete snapshot. 0; -ENOENT if there is none, or none that is whole: a damaged
 * one is removed, after a line that says so. -ENOENT, too, while another process removes it. Other
 * errors: a damaged one that cannot be removed, the reason logged.
 */
int snapshot_hold(const struct snapshots *s, const char *key, struct snapshot *out);
void snapshot_release(struct snapshot *sn);
/* Removes one that turned out to be unusable; @why goes into the line that says so. 0, also if
 * somebody else is at it; or negative errno, the reason logged. */
int snapshot_discard(const struct snapshots *s, const char *key, const char *why);

/*
 * Starts to make one, for which there must be @need_mb of space; for that others are removed, but
 * not @keep. 0; -EBUSY while somebody else makes it; -EEXIST if it has just been made; -ENOSPC and
 * others, the reason logged.
 */
int snapshot_begin(const struct snapshots *s, const char *key, const char *keep, int need_mb,
		   struct snapshot_part *out);
/* Gives it its name and makes room: others are removed if the cache has become too big. @about is
 * kept in its meta.json and taken over. 0 or negative errno, the reason logged. */
int snapshot_finish(const struct snapshots *s, struct snapshot_part *p, json_t *about);
/* Drops what was made so far. Harmless when nothing is being made. */
void snapshot_abandon(struct snapshot_part *p);

#endif
