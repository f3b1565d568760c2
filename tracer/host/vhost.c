// SPDX-License-Identifier: GPL-2.0
/*
 * Finds vhost's workers in /proc. The hard part is that since Linux 6.4 they hide among the threads
 * of their VMM, so that looking at processes (as pgrep does) no longer shows them.
 */
#include "host/vhost.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/iocores.h"

/* ---- parsers ---- */

int vhost_parse_stat(const char *text, struct vhost_thread *out)
{
	/* A name may hold anything, brackets and blanks as well. */
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	size_t len;

	if (!open || !close || close < open || sscanf(text, "%d", &out->tid) != 1)
		return -EINVAL;
	len = (size_t)(close - open - 1);
	if (len >= sizeof(out->comm))
		len = sizeof(out->comm) - 1;
	memcpy(out->comm, open + 1, len);
	out->comm[len] = 0;
	/* 3 state, 9 flags, 20 threads */
	if (sscanf(close + 1, " %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d",
		   &out->state, &out->flags, &out->threads) != 3)
		return -EINVAL;
	return 0;
}

pid_t vhost_maker(const char *comm)
{
	char *end;
	long n;

	if (strncmp(comm, "vhost-", 6) || !isdigit((unsigned char)comm[6]))
		return 0;
	n = strtol(comm + 6, &end, 10);
	return *end || n <= 0 || n > 0x7fffffff ? 0 : (pid_t)n;
}

bool vhost_is_worker(const struct vhost_thread *t)
{
	return vhost_maker(t->comm) && t->flags & (TASK_IS_KTHREAD | TASK_IS_USER_WORKER);
}

/* ---- /proc, /sys ---- */

bool vhost_module(const char *root, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/sys/module/%s", root, name);
	return access(path, F_OK) == 0;
}

unsigned int vhost_modules(const char *root)
{
	static const char *const names[] = { "vhost", "vhost_net", "vhost_scsi", "vhost_vsock" };
	unsigned int i, have = 0;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		have |= (unsigned int)vhost_module(root, names[i]) << i;
	return have;
}

static int read_stat(const char *path, struct vhost_thread *out)
{
	FILE *f = fopen(path, "re");
	char text[512];
	size_t n;

	if (!f)
		return -ESRCH;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = 0;
	return vhost_parse_stat(text, out) ? -ESRCH : 0;
}

int vhost_thread_read(const char *root, pid_t tid, struct vhost_thread *out)
{
	char path[300];

	*out = (struct vhost_thread){ .tid = tid };
	/* A thread's number leads there, too, though it is not listed. */
	snprintf(path, sizeof(path), "%s/proc/%d/task/%d/stat", root, (int)tid, (int)tid);
	return read_stat(path, out);
}

pid_t vhost_vm(const char *root, const struct vhost_thread *t)
{
	char path[300], line[128];
	int tgid = 0;
	FILE *f;

	if (!(t->flags & TASK_IS_KTHREAD))
		return t->pid;
	snprintf(path, sizeof(path), "%s/proc/%d/status", root, (int)vhost_maker(t->comm));
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "Tgid: %d", &tgid) != 1)
		;
	if (f)
		fclose(f);
	return tgid;
}

static int add(struct vhost_list *l, const struct vhost_thread *t)
{
	struct vhost_thread *more = realloc(l->worker, (l->n + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	l->worker = more;
	l->worker[l->n++] = *t;
	return 0;
}

/* The workers among the threads of one process. */
static int look_at(const char *root, pid_t pid, struct vhost_list *l)
{
	char path[300];
	struct vhost_thread t;
	struct dirent *e;
	int ret = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/proc/%d/task", root, (int)pid);
	d = opendir(path);
	while (!ret && d && (e = readdir(d))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%s/proc/%d/task/%.20s/stat", root, (int)pid,
			 e->d_name);
		if (read_stat(path, &t) || !vhost_is_worker(&t))
			continue;
		t.pid = pid;
		ret = add(l, &t);
	}
	if (d)
		closedir(d);
	return ret;
}

int vhost_find(const char *root, struct vhost_list *out)
{
	char path[300];
	struct vhost_thread t;
	struct dirent *e;
	int ret = 0;
	DIR *d;

	*out = (struct vhost_list){ 0 };
	snprintf(path, sizeof(path), "%s/proc", root);
	d = opendir(path);
	if (!d)
		return -errno;
	while (!ret && (e = readdir(d))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%s/proc/%.20s/stat", root, e->d_name);
		if (read_stat(path, &t))
			continue;
		t.pid = t.tid;
		if (t.threads > 1)
			ret = look_at(root, t.tid, out);
		else if (vhost_is_worker(&t))
			ret = add(out, &t);
	}
	closedir(d);
	if (ret)
		vhost_free(out);
	return ret;
}

void vhost_free(struct vhost_list *l)
{
	free(l->worker);
	*l = (struct vhost_list){ 0 };
}
