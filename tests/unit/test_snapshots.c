// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/run/snapshots.c tracer/util/fs.c tracer/util/log.c */
/* The cache of snapshots: keys, damage, locks, what is removed and what stays. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/snapshots.h"
#include "util/fs.h"
#include "util/log.h"

static char dir[64];
static struct snapshots store;

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/exitlab-snapshots-test.%d", getpid());
	unsetenv("EXITLAB_SNAPSHOT_MAX_MB");
	log_threshold = LOG_ERROR;
	return snapshots_open(&store, dir);
}

static int remove_dir(void **state)
{
	(void)state;
	return remove_tree(dir);
}

/* Names in the cache, "." and ".." left out. */
static int entries(void)
{
	DIR *d = opendir(dir);
	int n = -2;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static const char *key_of(const char *a, const char *b)
{
	static char key[4][SNAPSHOT_KEY_SIZE];
	static int i;
	const char *parts[] = { a, b, NULL };

	i = (i + 1) % 4;
	snapshot_key(key[i], parts);
	return key[i];
}

static void keys(void **state)
{
	(void)state;
	assert_int_equal(strlen(key_of("a", "b")), SNAPSHOT_KEY_SIZE - 1);
	assert_string_equal(key_of("a", "b"), key_of("a", "b"));
	assert_string_not_equal(key_of("a", "b"), key_of("a", "c"));
	assert_string_not_equal(key_of("a", "b"), key_of("b", "a"));
	/* What is one text and what is two is part of it. */
	assert_string_not_equal(key_of("ab", "c"), key_of("a", "bc"));
	assert_string_not_equal(key_of("ab", ""), key_of("ab", NULL));
}

static void put_state(const struct snapshot_part *p, const char *text)
{
	char path[700];

	snprintf(path, sizeof(path), "%s/state", p->dir);
	assert_int_equal(write_whole(path, text, strlen(text)), 0);
}

static void make(const char *key, const char *text)
{
	struct snapshot_part p;

	assert_int_equal(snapshot_begin(&store, key, "", 1, &p), 0);
	put_state(&p, text);
	assert_int_equal(snapshot_finish(&store, &p, json_object()), 0);
}

/* The time it was last used at. */
static void set_used(const char *key, time_t at)
{
	struct timespec t[2] = { { at, 0 }, { at, 0 } };
	char path[700];

	snprintf(path, sizeof(path), "%s/%s/state", dir, key);
	assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

static void made_and_found(void **state)
{
	const char *key = key_of("one", "x");
	struct snapshot sn;

	(void)state;
	assert_int_equal(snapshot_hold(&store, key, &sn), -ENOENT);
	make(key, "a machine");
	assert_int_equal(entries(), 1);		/* no lock, no part */
	assert_int_equal(snapshot_hold(&store, key, &sn), 0);
	snapshot_release(&sn);
	snapshot_release(&sn);
	snapshot_discard(&store, key, "test");
	assert_int_equal(entries(), 0);
}

static void damage_is_noticed(void **state)
{
	const char *key = key_of("two", "x");
	struct snapshot sn;
	char path[700];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/%s/state", dir, key);
	make(key, "a machine");
	assert_int_equal(truncate(path, 3), 0);
	assert_int_equal(snapshot_hold(&store, key, &sn), -ENOENT);
	assert_int_equal(entries(), 0);

	make(key, "a machine");
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "A", 1, 0), 1);
	close(fd);
	assert_int_equal(snapshot_hold(&store, key, &sn), -ENOENT);
	assert_int_equal(entries(), 0);

	make(key, "a machine");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(snapshot_hold(&store, key, &sn), -ENOENT);
	assert_int_equal(entries(), 0);

	make(key, "a machine");
	snprintf(path, sizeof(path), "%s/%s/meta.json", dir, key);
	assert_int_equal(truncate(path, 10), 0);
	assert_int_equal(snapshot_hold(&store, key, &sn), -ENOENT);
	assert_int_equal(entries(), 0);
}

static void one_maker_at_a_time(void **state)
{
	const char *key = key_of("three", "x");
	struct snapshot_part p, second;
	struct snapshot sn;

	(void)state;
	assert_int_equal(snapshot_begin(&store, key, "", 1, &p), 0);
	assert_int_equal(snapshot_begin(&store, key, "", 1, &second), -EBUSY);
	snapshot_abandon(&second);
	assert_int_equal(snapshot_hold(&store, key, &sn), -ENOENT);
	assert_int_equal(entries(), 2);		/* lock and part are still the first's */
	snapshot_abandon(&p);
	assert_int_equal(entries(), 0);

	make(key, "a machine");
	assert_int_equal(snapshot_begin(&store, key, "", 1, &p), -EEXIST);
	assert_int_equal(entries(), 1);
	snapshot_discard(&store, key, "test");
}

static void nothing_is_kept_without_a_state(void **state)
{
	struct snapshot_part p;

	(void)state;
	assert_int_equal(snapshot_begin(&store, key_of("four", "x"), "", 1, &p), 0);
	assert_int_equal(snapshot_finish(&store, &p, json_object()), -ENOENT);
	assert_int_equal(entries(), 0);
	assert_int_equal(snapshot_begin(&store, key_of("four", "x"), "", 2000000000, &p), -ENOSPC);
	assert_int_equal(entries(), 0);
}

static void the_oldest_go_first(void **state)
{
	char big[64 << 10], a[SNAPSHOT_KEY_SIZE], b[SNAPSHOT_KEY_SIZE], c[SNAPSHOT_KEY_SIZE];
	char path[700];
	struct snapshot sn, held;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	strcpy(a, key_of("a", ""));
	strcpy(b, key_of("b", ""));
	strcpy(c, key_of("c", ""));
	make(a, big);
	make(b, big);
	set_used(a, 1000);
	set_used(b, 2000);
	/* What a killed maker has left goes, too; what others keep there stays. */
	snprintf(path, sizeof(path), "%s/0123456789abcdef.part", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/README.part", dir);
	assert_int_equal(mkdir(path, 0700), 0);

	store.max_bytes = 150 << 10;
	make(c, big);
	assert_int_equal(entries(), 3);
	assert_int_equal(snapshot_hold(&store, a, &sn), -ENOENT);
	assert_int_equal(snapshot_hold(&store, b, &held), 0);

	/* One that is in use stays; so does the one just made, however big it is. */
	store.max_bytes = 1;
	set_used(c, 3000);
	make(a, big);
	assert_int_equal(snapshot_hold(&store, c, &sn), -ENOENT);
	assert_int_equal(snapshot_hold(&store, a, &sn), 0);
	snapshot_release(&sn);
	snapshot_release(&held);
	assert_int_equal(entries(), 3);
}

static void limits_are_checked(void **state)
{
	struct snapshots s;

	(void)state;
	setenv("EXITLAB_SNAPSHOT_MAX_MB", "many", 1);
	assert_int_equal(snapshots_open(&s, dir), -EINVAL);
	setenv("EXITLAB_SNAPSHOT_MAX_MB", "3", 1);
	assert_int_equal(snapshots_open(&s, dir), 0);
	assert_int_equal(s.max_bytes, 3 << 20);
	setenv("EXITLAB_CACHE", "/dev/null/nowhere", 1);
	assert_int_equal(snapshots_open(&s, NULL), -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(made_and_found),
		cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(one_maker_at_a_time),
		cmocka_unit_test(nothing_is_kept_without_a_state),
		cmocka_unit_test(the_oldest_go_first),
		cmocka_unit_test(limits_are_checked),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
