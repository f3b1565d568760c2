// SPDX-License-Identifier: GPL-2.0
/*
 * Which VMs and vCPUs are wanted. Names are compared when there is something to show, not once at
 * the beginning: a VM that starts later is wanted, too.
 */
#include "host/filter.h"

#include "engine/part.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A number from *@s, which moves on; -1 if there is none. */
static long number(const char **s)
{
	char *end;
	long v;

	if (!isdigit((unsigned char)**s))
		return -1;
	errno = 0;
	v = strtol(*s, &end, 10);
	*s = end;
	return errno || v > FILTER_MAX_VCPU ? -1 : v;
}

int filter_vcpus(struct filter *f, const char *list)
{
	do {
		long from = number(&list), to = from;

		if (*list == '-') {
			list++;
			to = number(&list);
		}
		if (from < 0 || to < from)
			return -EINVAL;
		for (; from <= to; from++)
			f->vcpu[from / 8] |= (unsigned char)(1u << from % 8);
	} while (*list == ',' && list++);
	f->some_vcpus = true;
	return *list ? -EINVAL : 0;
}

int filter_add_vm(struct filter *f, const char *name_or_pid)
{
	if (f->nr_vms == FILTER_MAX_VMS)
		return -E2BIG;
	f->vm[f->nr_vms++] = name_or_pid;
	return 0;
}

int filter_cgroup2_mount(const char *mountinfo, char *path, size_t size)
{
	const char *line = mountinfo;

	/* 36 35 98:0 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw */
	while (*line) {
		size_t n = strcspn(line, "\n");
		char text[4096], where[4096], *dash;

		snprintf(text, sizeof(text), "%.*s", (int)n, line);
		dash = strstr(text, " - ");
		if (dash && !strncmp(dash, " - cgroup2 ", 11) &&
		    sscanf(text, "%*s %*s %*s %*s %4095s", where) == 1) {
			snprintf(path, size, "%s", where);
			return 0;
		}
		line += n + (line[n] == '\n');
	}
	return -ENODEV;
}

static int read_mountinfo(char *buf, size_t size)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	size_t n;

	if (!f)
		return -errno;
	n = fread(buf, 1, size - 1, f);
	buf[n] = 0;
	fclose(f);
	return 0;
}

int filter_cgroup(struct filter *f, const char *path)
{
	static char text[262144];
	char mount[4096], dir[8300];
	size_t n;
	int ret = read_mountinfo(text, sizeof(text));

	if (!ret)
		ret = filter_cgroup2_mount(text, mount, sizeof(mount));
	if (ret)
		return ret;
	n = strlen(mount);
	if (!strncmp(path, mount, n) && (path[n] == '/' || path[n] == 0))
		path += n;
	while (*path == '/')
		path++;
	snprintf(f->cgroup, sizeof(f->cgroup), "/%s", path);
	for (n = strlen(f->cgroup); n > 1 && f->cgroup[n - 1] == '/'; n--)
		f->cgroup[n - 1] = 0;
	/* "x/../y" would never be equal to what the kernel says. */
	if (strstr(f->cgroup, "/../") || strstr(f->cgroup, "/./") || strstr(f->cgroup, "//"))
		return -ENOENT;
	snprintf(dir, sizeof(dir), "%s%s/cgroup.procs", mount, f->cgroup);
	return access(dir, F_OK) ? -ENOENT : 0;
}

bool filter_empty(const struct filter *f)
{
	return !f->nr_vms && !f->cgroup[0] && !f->some_vcpus;
}

bool filter_has_vm(const struct filter *f, struct names *names, pid_t pid)
{
	const struct vm_who *w = f->nr_vms || f->cgroup[0] ? names_get(names, pid) : NULL;
	bool found = f->nr_vms == 0;
	char number[16];
	size_t i;

	snprintf(number, sizeof(number), "%d", (int)pid);
	for (i = 0; i < f->nr_vms && !found; i++)
		found = (w && !strcmp(f->vm[i], w->name)) || !strcmp(f->vm[i], number);
	if (!found || !f->cgroup[0])
		return found;
	return w && w->cgroup && cgroup_within(w->cgroup, f->cgroup);
}

struct keep_arg {
	const struct filter *f;
	struct names *names;
};

static bool keep(pid_t vm, int vcpu, void *arg)
{
	const struct keep_arg *k = arg;
	const struct filter *f = k->f;

	if (vcpu >= 0 && f->some_vcpus &&
	    (vcpu > FILTER_MAX_VCPU || !(f->vcpu[vcpu / 8] & 1u << vcpu % 8)))
		return false;
	return filter_has_vm(f, k->names, vm);
}

void filter_apply(const struct filter *f, struct trace_snapshot *s, struct names *names)
{
	struct keep_arg k = { f, names };
	size_t i, n = 0;

	if (filter_empty(f))
		return;
	for (i = 0; i < s->nr_vcpus; i++) {
		if (keep(s->vcpus[i].vm, s->vcpus[i].vcpu, &k))
			s->vcpus[n++] = s->vcpus[i];
		else
			free(s->vcpus[i].reasons);
	}
	s->nr_vcpus = n;
	for (i = 0; i < s->nr_parts; i++)
		s->parts[i]->ops->filter(s->parts[i], keep, &k);
}
