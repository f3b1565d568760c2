// SPDX-License-Identifier: GPL-2.0
/*
 * The results folder. A run may be killed at any instant: records appear by rename, the lock is a
 * file lock that the kernel drops with the process, and everything else lives in one scratch folder
 * that the next run removes.
 */
#include "run/results.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "util/fs.h"
#include "util/log.h"

static int sub_dir(const struct results *r, const char *name)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	return make_dirs(path);
}

int results_open(struct results *r, const char *dir)
{
	char path[600];
	int ret;

	*r = (struct results){ .lock = -1 };
	if (snprintf(r->dir, sizeof(r->dir), "%s", dir) >= (int)sizeof(r->dir))
		return -ENAMETOOLONG;
	ret = make_dirs(dir);
	if (ret) {
		err("cannot create the results folder %s: %s", dir, strerror(-ret));
		return ret;
	}
	snprintf(path, sizeof(path), "%s/.lock", dir);
	r->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (r->lock < 0) {
		ret = -errno;
		err("cannot write to the results folder %s: %s", dir, strerror(-ret));
		return ret;
	}
	if (flock(r->lock, LOCK_EX | LOCK_NB)) {
		ret = errno == EWOULDBLOCK ? -EBUSY : -errno;
		err("another exitlab run is working in %s; wait for it or choose another folder with -o",
		    dir);
		close(r->lock);
		r->lock = -1;
		return ret;
	}
	snprintf(path, sizeof(path), "%s/.work", dir);
	ret = remove_tree(path);
	if (!ret)
		ret = sub_dir(r, ".work");
	if (!ret)
		ret = sub_dir(r, "logs");
	if (ret)
		err("cannot prepare the results folder %s: %s", dir, strerror(-ret));
	return ret;
}

void results_close(struct results *r)
{
	char path[600];

	if (r->lock < 0)
		return;
	snprintf(path, sizeof(path), "%s/.work", r->dir);
	remove_tree(path);
	close(r->lock);
	r->lock = -1;
}

void results_record(const struct results *r, const struct sc_point *pt, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%s.json", r->dir, pt->id);
}

void results_log(const struct results *r, const struct sc_point *pt, char *buf, size_t size)
{
	snprintf(buf, size, "%s/logs/%s.log", r->dir, pt->id);
}

void results_scratch(const struct results *r, const struct sc_point *pt, char *buf, size_t size)
{
	snprintf(buf, size, "%s/.work/%s", r->dir, pt->id);
}

static const char *string_at(const json_t *o, const char *a, const char *b)
{
	const char *s = json_string_value(json_object_get(json_object_get(o, a), b));

	return s ? s : "";
}

/* Whether the costs of a record are those that the point would get today, whatever file tells. */
static bool same_costs(const json_t *rec, const struct sc_point *pt)
{
	json_t *had = json_deep_copy(json_object_get(json_object_get(rec, "machine"), "costs"));
	json_t *want = pt->cost.name[0] ? costs_to_json(&pt->cost) : NULL;
	bool same;

	/* A changed comment is no changed number. */
	json_object_del(had, "sha256");
	json_object_del(want, "sha256");
	same = (!had && !want) || json_equal(had, want);
	json_decref(had);
	json_decref(want);
	return same;
}

bool results_complete(const struct results *r, const struct scenario *sc,
		      const struct sc_point *pt, const char *key, char *why, size_t size)
{
	char path[1024], drop[1];
	json_error_t e;
	json_t *rec;
	bool ok = false;

	if (!why)
		why = drop, size = sizeof(drop);
	results_record(r, pt, path, sizeof(path));
	if (access(path, F_OK)) {
		snprintf(why, size, "no record yet");
		return false;
	}
	rec = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
	if (!json_is_true(json_object_get(rec, "complete")))
		snprintf(why, size, "its record is damaged");
	else if (strcmp(string_at(rec, "scenario", "sha256"), sc->sha256))
		snprintf(why, size, "the scenario file has changed");
	else if (strcmp(string_at(rec, "machine", "testbed"), key))
		snprintf(why, size, "the testbed has changed");
	else if (!same_costs(rec, pt))
		snprintf(why, size, "its costs have changed");
	else
		ok = true;
	json_decref(rec);
	return ok;
}

int results_retire(const struct results *r, const struct sc_point *pt)
{
	char from[1024], to[1024];
	int ret;

	results_record(r, pt, from, sizeof(from));
	if (access(from, F_OK))
		return 0;
	ret = sub_dir(r, "previous");
	if (ret)
		return ret;
	snprintf(to, sizeof(to), "%s/previous/%s.json", r->dir, pt->id);
	return rename(from, to) ? -errno : 0;
}

int results_store(const struct results *r, const struct sc_point *pt, const json_t *record)
{
	char path[1024];
	char *text = json_dumps(record, JSON_INDENT(1) | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
	int ret;

	if (!text)
		return -ENOMEM;
	results_record(r, pt, path, sizeof(path));
	ret = write_whole(path, text, strlen(text));
	free(text);
	if (ret)
		err("cannot write %s: %s", path, strerror(-ret));
	return ret;
}
