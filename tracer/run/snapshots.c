// SPDX-License-Identifier: GPL-2.0
/*
 * The cache of saved machines. Two things are hard. Any process may be killed at any time, so a
 * lock is always a file lock, which the kernel drops, and what lies under a lock nobody holds is
 * rubbish. And lock files are removed, so whoever got a lock has to look whether the file he locked
 * is still the one with that name.
 */
#include "run/snapshots.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "util/fs.h"
#include "util/log.h"

#define HASH_HEX	65

static void hex(const unsigned char *md, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		sprintf(out + 2 * i, "%02x", md[i]);
}

void snapshot_key(char key[SNAPSHOT_KEY_SIZE], const char *const parts[])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char md[EVP_MAX_MD_SIZE] = { 0 };

	EVP_DigestInit_ex(c, EVP_sha256(), NULL);
	for (; *parts; parts++) {
		uint64_t n = strlen(*parts);

		EVP_DigestUpdate(c, &n, sizeof(n));
		EVP_DigestUpdate(c, *parts, n);
	}
	EVP_DigestFinal_ex(c, md, NULL);
	EVP_MD_CTX_free(c);
	hex(md, (SNAPSHOT_KEY_SIZE - 1) / 2, key);
}

static int hash_file(int fd, char out[HASH_HEX])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char md[EVP_MAX_MD_SIZE];
	size_t size = 1 << 20;
	char *buf = malloc(size);
	off_t at = 0;
	ssize_t n = -ENOMEM;

	if (c && buf && EVP_DigestInit_ex(c, EVP_sha256(), NULL))
		while ((n = pread(fd, buf, size, at)) > 0) {
			EVP_DigestUpdate(c, buf, (size_t)n);
			at += n;
		}
	if (!n && EVP_DigestFinal_ex(c, md, NULL))
		hex(md, (HASH_HEX - 1) / 2, out);
	else
		n = -EIO;
	EVP_MD_CTX_free(c);
	free(buf);
	return (int)n;
}

/* The folder that testbed/lib.sh calls CACHE. */
static int cache_dir(char *buf, size_t size)
{
	const char *own = getenv("EXITLAB_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	int n;

	if (own && own[0])
		n = snprintf(buf, size, "%s", own);
	else if (xdg && xdg[0])
		n = snprintf(buf, size, "%s/exitlab", xdg);
	else
		n = snprintf(buf, size, "%s/.cache/exitlab", home && home[0] ? home : "/root");
	return n < (int)size ? 0 : -ENAMETOOLONG;
}

int snapshots_open(struct snapshots *s, const char *dir)
{
	const char *max = getenv("EXITLAB_SNAPSHOT_MAX_MB");
	char cache[400], *end;
	int64_t mb = SNAPSHOTS_MAX_MB;
	int ret = 0;

	if (max && max[0]) {
		mb = strtoll(max, &end, 10);
		if (*end || mb < 0 || mb > INT_MAX) {
			err("EXITLAB_SNAPSHOT_MAX_MB: '%s' is not a number of MiB", max);
			return -EINVAL;
		}
	}
	s->max_bytes = mb << 20;
	if (dir)
		ret = snprintf(s->dir, sizeof(s->dir), "%s", dir) < (int)sizeof(s->dir) ?
			0 : -ENAMETOOLONG;
	else if (!(ret = cache_dir(cache, sizeof(cache))))
		snprintf(s->dir, sizeof(s->dir), "%s/snapshots", cache);
	if (!ret)
		ret = make_dirs(s->dir);
	if (ret)
		err("cannot create the folder for snapshots %s: %s", dir ? dir : s->dir,
		    strerror(-ret));
	return ret;
}

/* Takes the lock of @key; -EBUSY if somebody has it. */
static int take_lock(const struct snapshots *s, const char *key, char *path, size_t size)
{
	struct stat a, b;
	int fd;

	snprintf(path, size, "%s/%s.lock", s->dir, key);
	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB)) {
			close(fd);
			return -EBUSY;
		}
		if (!fstat(fd, &a) && !stat(path, &b) && a.st_ino == b.st_ino)
			return fd;
		close(fd);	/* removed by its owner between open and flock */
	}
}

static void drop_lock(int fd, const char *path)
{
	unlink(path);
	close(fd);
}

/* Under the lock of the key: takes a folder away by rename first, so that no half of it is seen. */
static void remove_locked(const struct snapshots *s, const char *key)
{
	char from[600], to[600];

	snprintf(from, sizeof(from), "%s/%s", s->dir, key);
	snprintf(to, sizeof(to), "%s/%s.part", s->dir, key);
	remove_tree(to);
	if (!rename(from, to))
		remove_tree(to);
}

int snapshot_discard(const struct snapshots *s, const char *key, const char *why)
{
	char path[600];
	int lock = take_lock(s, key, path, sizeof(path));

	if (lock == -EBUSY)
		return 0;
	if (lock < 0) {
		err("snapshot %s/%s cannot be used (%s), nor removed: %s", s->dir, key, why,
		    strerror(-lock));
		return lock;
	}
	info("snapshot %s cannot be used (%s); making it again", key, why);
	remove_locked(s, key);
	drop_lock(lock, path);
	return 0;
}

bool snapshot_exists(const struct snapshots *s, const char *key)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", s->dir, key);
	return !access(path, F_OK);
}

/* NULL if the state is what was written, else what is wrong. */
static const char *damage(const char *dir, int fd, char *buf, size_t size)
{
	char path[700], sum[HASH_HEX] = "";
	const char *want;
	json_int_t bytes;
	struct stat st;
	json_error_t e;
	json_t *meta;

	snprintf(path, sizeof(path), "%s/meta.json", dir);
	meta = json_load_file(path, 0, &e);
	bytes = json_integer_value(json_object_get(meta, "bytes"));
	want = json_string_value(json_object_get(meta, "sha256"));
	if (!want || fstat(fd, &st))
		snprintf(buf, size, "its description is damaged");
	else if (st.st_size != bytes)
		snprintf(buf, size, "its file has %lld bytes, %lld were written",
			 (long long)st.st_size, (long long)bytes);
	else if (hash_file(fd, sum) || strcmp(sum, want))
		snprintf(buf, size, "its content has changed");
	else
		buf = NULL;
	json_decref(meta);
	return buf;
}

int snapshot_hold(const struct snapshots *s, const char *key, struct snapshot *out)
{
	char path[700], why[128];
	int ret;

	out->fd = -1;
	if (!snapshot_exists(s, key))
		return -ENOENT;
	snprintf(out->dir, sizeof(out->dir), "%s/%s", s->dir, key);
	snprintf(path, sizeof(path), "%s/state", out->dir);
	out->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (out->fd < 0) {
		ret = snapshot_exists(s, key) ?
			snapshot_discard(s, key, "its file is missing") : 0;
		return ret ? ret : -ENOENT;
	}
	if (flock(out->fd, LOCK_SH | LOCK_NB)) {
		snapshot_release(out);	/* being removed */
		return -ENOENT;
	}
	if (damage(out->dir, out->fd, why, sizeof(why))) {
		snapshot_release(out);
		ret = snapshot_discard(s, key, why);
		return ret ? ret : -ENOENT;
	}
	futimens(out->fd, NULL);	/* used now; see prune() */
	return 0;
}

void snapshot_release(struct snapshot *sn)
{
	if (sn->fd >= 0)
		close(sn->fd);
	sn->fd = -1;
}

struct entry {
	char key[SNAPSHOT_KEY_SIZE];
	struct timespec used;
	int64_t bytes;
};

static int older(const void *a, const void *b)
{
	const struct timespec *x = &((const struct entry *)a)->used;
	const struct timespec *y = &((const struct entry *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

static bool is_key(const char *name, size_t len)
{
	return len == SNAPSHOT_KEY_SIZE - 1 && strspn(name, "0123456789abcdef") >= len;
}

/* Removes one that nobody uses. */
static bool remove_unused(const struct snapshots *s, const char *key)
{
	char path[700], lock_path[600];
	int lock = take_lock(s, key, lock_path, sizeof(lock_path)), fd;
	bool done = false;

	if (lock < 0)
		return false;
	snprintf(path, sizeof(path), "%s/%s/state", s->dir, key);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !flock(fd, LOCK_EX | LOCK_NB)) {
		remove_locked(s, key);
		done = true;
	}
	if (fd >= 0)
		close(fd);
	drop_lock(lock, lock_path);
	return done;
}

/* What is there; folders that killed makers have left are removed on the way. */
static size_t list(const struct snapshots *s, struct entry *e, size_t max)
{
	DIR *d = opendir(s->dir);
	struct dirent *de;
	size_t n = 0;

	while (d && (de = readdir(d))) {
		size_t len = strcspn(de->d_name, ".");
		char path[800];
		struct stat st;

		if (!is_key(de->d_name, len))
			continue;
		snprintf(path, sizeof(path), "%s/%.16s/state", s->dir, de->d_name);
		if (!strcmp(de->d_name + len, ".part") && stat(path, &st)) {
			char key[SNAPSHOT_KEY_SIZE];

			snprintf(key, sizeof(key), "%.16s", de->d_name);
			remove_unused(s, key);
		}
		if (de->d_name[len] || stat(path, &st) || n == max)
			continue;
		snprintf(e[n].key, sizeof(e[n].key), "%.16s", de->d_name);
		e[n].used = st.st_mtim;
		e[n].bytes = (int64_t)st.st_blocks * 512;
		n++;
	}
	if (d)
		closedir(d);
	qsort(e, n, sizeof(*e), older);
	return n;
}

/* Removes the least recently used until the rest fits into @max bytes. @keep stays. */
static void prune(const struct snapshots *s, int64_t max, const char *keep)
{
	struct entry *e = calloc(1024, sizeof(*e));
	size_t n = e ? list(s, e, 1024) : 0, i;
	int64_t sum = 0;

	for (i = 0; i < n; i++)
		sum += e[i].bytes;
	for (i = 0; i < n && sum > max; i++) {
		if (!strcmp(e[i].key, keep) || !remove_unused(s, e[i].key))
			continue;
		verb("snapshot %s removed: the cache may hold %lld MiB", e[i].key,
		     (long long)(max >> 20));
		sum -= e[i].bytes;
	}
	free(e);
}

static int64_t free_mb(const char *dir)
{
	struct statvfs v;

	return statvfs(dir, &v) ? 0 : (int64_t)(v.f_bavail * (v.f_frsize / 1024) / 1024);
}

int snapshot_begin(const struct snapshots *s, const char *key, const char *keep, int need_mb,
		   struct snapshot_part *out)
{
	int ret;

	snprintf(out->final, sizeof(out->final), "%s/%s", s->dir, key);
	snprintf(out->dir, sizeof(out->dir), "%s/%s.part", s->dir, key);
	out->lock = take_lock(s, key, out->lock_path, sizeof(out->lock_path));
	if (out->lock == -EBUSY)
		return -EBUSY;
	ret = out->lock < 0 ? out->lock : 0;
	if (!ret && !access(out->final, F_OK)) {
		snapshot_abandon(out);
		return -EEXIST;
	}
	if (!ret && free_mb(s->dir) < need_mb)
		prune(s, 0, keep);
	if (!ret && free_mb(s->dir) < need_mb) {
		err("%s has %lld MiB free, a snapshot may need %d; free some or move the cache with EXITLAB_CACHE",
		    s->dir, (long long)free_mb(s->dir), need_mb);
		snapshot_abandon(out);
		return -ENOSPC;
	}
	if (!ret)
		ret = remove_tree(out->dir);
	if (!ret)
		ret = make_dirs(out->dir);
	if (ret) {
		err("cannot make a snapshot in %s: %s", s->dir, strerror(-ret));
		snapshot_abandon(out);
	}
	return ret;
}

int snapshot_finish(const struct snapshots *s, struct snapshot_part *p, json_t *about)
{
	char path[700], sum[HASH_HEX] = "", *text = NULL;
	json_t *meta = NULL;
	struct stat st;
	int fd, ret;

	snprintf(path, sizeof(path), "%s/state", p->dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ret = fd < 0 || fstat(fd, &st) ? -errno : hash_file(fd, sum);
	if (fd >= 0)
		close(fd);
	if (!ret)
		meta = json_pack("{s:s, s:I, s:s, s:O}", "schema", "exitlab-snapshot/1",
				 "bytes", (json_int_t)st.st_size, "sha256", sum, "about", about);
	if (meta)
		text = json_dumps(meta, JSON_INDENT(1) | JSON_SORT_KEYS);
	if (!ret && !text)
		ret = -ENOMEM;
	snprintf(path, sizeof(path), "%s/meta.json", p->dir);
	if (!ret)
		ret = write_whole(path, text, strlen(text));
	if (!ret && rename(p->dir, p->final))
		ret = -errno;
	if (ret)
		err("cannot keep the snapshot %s: %s", p->final, strerror(-ret));
	free(text);
	json_decref(meta);
	json_decref(about);
	if (!ret)
		prune(s, s->max_bytes, strrchr(p->final, '/') + 1);
	snapshot_abandon(p);
	return ret;
}

void snapshot_abandon(struct snapshot_part *p)
{
	if (p->lock >= 0) {
		remove_tree(p->dir);
		drop_lock(p->lock, p->lock_path);
	}
	p->lock = -1;
}
