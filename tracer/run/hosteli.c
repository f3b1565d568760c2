// SPDX-License-Identifier: GPL-2.0
/*
 * Files of KVM with eli-ref's patches: eli_mode, eli_state and eli_stats in the VM's folder in
 * debugfs. What was asked for (eli_mode) and what is in effect (eli_state) differ while the vCPU
 * has not come round to it, and for good when something is in the way; KVM names that.
 */
#include "run/hosteli.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/scenario_priv.h"
#include "util/clock.h"
#include "util/log.h"

#define KVM_DEBUGFS	"/sys/kernel/debug/kvm"
#define WAIT_MS		5000

/* The VM's folder, open; it is named after the thread that made the VM. -errno if there is none. */
static int vm_dir(pid_t vm)
{
	DIR *d = opendir(KVM_DEBUGFS);
	int tid, fd, dir = -ENOENT;
	struct dirent *e;
	char path[64];

	if (!d)
		return -errno;
	while (dir < 0 && (e = readdir(d))) {
		if (sscanf(e->d_name, "%d-%d", &tid, &fd) != 2)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)vm, tid);
		if (access(path, F_OK))
			continue;
		dir = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			dir = -errno;
	}
	closedir(d);
	return dir;
}

static int read_at(int dir, const char *name, char *text, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return (int)n;
	text[n] = 0;
	return 0;
}

/* The rest of the line that begins with @key and a space, or "". */
static void value_of(const char *text, const char *key, char *out, size_t size)
{
	size_t n = strlen(key);

	*out = 0;
	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		if (strncmp(text, key, n) || text[n] != ' ')
			continue;
		snprintf(out, size, "%.*s", (int)strcspn(text + n + 1, "\n"), text + n + 1);
		return;
	}
}

/* 0 when the mode is in effect, -EAGAIN with the reason in @why when it is not. */
static int in_effect(int dir, const char *mode, char *why, size_t size)
{
	char text[4096], now[32];
	int ret = read_at(dir, "eli_state", text, sizeof(text));

	if (ret)
		return ret;
	value_of(text, "mode", now, sizeof(now));
	value_of(text, "why", why, size);
	return strcmp(now, mode) ? -EAGAIN : 0;
}

static int set_mode(int dir, const char *mode)
{
	int64_t end = clock_ms() + WAIT_MS;
	char why[128] = "";
	int fd, ret = 0;

	fd = openat(dir, "eli_mode", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, mode, strlen(mode)) < 0)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	if (ret == -ENOENT)
		err("eli: %s needs a host whose KVM has the patches of eli-ref/ (--modules)", mode);
	else if (ret)
		err("cannot set the VM's eli_mode to %s: %s", mode, strerror(-ret));
	if (ret)
		return ret;
	while ((ret = in_effect(dir, mode, why, sizeof(why))) == -EAGAIN && clock_ms() < end)
		usleep(10000);
	if (ret)
		err("eli: %s is not in effect: %s", mode, ret == -EAGAIN ? why : strerror(-ret));
	return ret;
}

int hosteli_set(pid_t vm, enum sc_eli mode)
{
	int dir, ret;

	if (mode == SC_ELI_OFF)
		return 0;
	dir = vm_dir(vm);
	if (dir < 0) {
		err("no folder of process %d in " KVM_DEBUGFS ": %s", (int)vm, strerror(-dir));
		return dir;
	}
	ret = set_mode(dir, sc_eli_name(mode));
	close(dir);
	return ret;
}

static json_t *stats_json(const char *text)
{
	json_t *o = json_object();
	unsigned long long v;
	char name[64];
	int n;

	while (sscanf(text, "%63s %llu\n%n", name, &v, &n) == 2) {
		json_object_set_new(o, name, json_integer((json_int_t)v));
		text += n;
	}
	return o;
}

json_t *hosteli_state(pid_t vm)
{
	char text[8192], mode[32], why[128];
	int dir = vm_dir(vm), routes = 0, ret;
	const char *p;

	if (dir < 0)
		return json_null();
	ret = read_at(dir, "eli_state", text, sizeof(text));
	close(dir);
	if (ret)
		return json_null();
	value_of(text, "mode", mode, sizeof(mode));
	value_of(text, "why", why, sizeof(why));
	for (p = text; (p = strstr(p, "\nroute ")); p++)
		routes++;
	return json_pack("{s:s, s:s?, s:i}", "mode", mode, "why", strcmp(why, "-") ? why : NULL,
			 "routes", routes);
}

json_t *hosteli_stats(pid_t vm)
{
	int dir = vm_dir(vm), ret;
	char text[8192];

	if (dir < 0)
		return json_null();
	ret = read_at(dir, "eli_stats", text, sizeof(text));
	close(dir);
	return ret ? json_null() : stats_json(text);
}

json_t *hosteli_delta(const json_t *before, const json_t *after)
{
	json_t *o = json_object(), *v;
	const char *key;

	/* What KVM has not counted yet it leaves out. */
	json_object_foreach((json_t *)after, key, v)
		json_object_set_new(o, key, json_integer(json_integer_value(v) -
			json_integer_value(json_object_get(before, key))));
	return o;
}
