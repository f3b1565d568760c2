// SPDX-License-Identifier: GPL-2.0
/*
 * KVM's own counters, by two ways that give the same numbers. debugfs needs no program in the
 * kernel, but may not be mounted, and its counters cannot be opened under kernel lockdown. The
 * iterator (bpf/vcpus.bpf.c) reads the same fields out of the vCPUs themselves.
 *
 * The hard part is whose counters they are. A folder in debugfs is named after the thread that
 * created the VM, which is not always the process; a vCPU's file may be open twice in it.
 */
#include "host/kvmstat.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/vcpus.skel.h"
#include "util/bpf_log.h"
#include "util/log.h"

#define KVM_DEBUGFS "/sys/kernel/debug/kvm"

static const char *const counter_name[NR_KVM_STATS] = {
#define X(name) #name,
	KVM_STATS(X)
#undef X
};

static uint64_t *counter(struct kvmstat *s, int i)
{
	switch (i) {
#define X(name) case KVM_STAT_##name: return &s->name;
	KVM_STATS(X)
#undef X
	}
	return NULL;
}

static uint64_t value(const struct kvmstat *s, int i)
{
	return *counter((struct kvmstat *)s, i);
}

/* ---- debugfs ---- */

static int read_number(int dir, const char *name, uint64_t *out)
{
	char text[32];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n <= 0)
		return n < 0 ? (int)n : -EIO;
	text[n] = 0;
	return sscanf(text, "%" SCNu64, out) == 1 ? 0 : -EIO;
}

static int count_vcpus(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0, id;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	if (!d) {
		if (copy >= 0)
			close(copy);
		return 0;
	}
	while ((e = readdir(d)))
		if (sscanf(e->d_name, "vcpu%d", &id) == 1)
			n++;
	closedir(d);
	return n;
}

/* Adds the counters of the VM whose folder is @name. */
static int add_vm_dir(int kvm_dir, const char *name, struct kvmstat *out)
{
	int dir = openat(kvm_dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), i, ret = 0;
	uint64_t v;

	if (dir < 0)
		return -errno;
	for (i = 0; i < NR_KVM_STATS; i++) {
		ret = read_number(dir, counter_name[i], &v);
		if (ret == -ENOENT && i != KVM_STAT_exits)
			continue;
		if (ret)
			break;
		out->present |= 1ull << i;
		*counter(out, i) += v;
	}
	/* A missing last counter is no failure. */
	if (i == NR_KVM_STATS) {
		ret = 0;
		out->vcpus += count_vcpus(dir);
	}
	close(dir);
	return ret;
}

/* Whether thread @tid belongs to process @vm. */
static bool thread_of(pid_t vm, int tid)
{
	char path[64];

	if (tid == vm)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)vm, tid);
	return faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0;
}

int kvmstat_read_debugfs(const char *kvm_dir, pid_t vm, struct kvmstat *out)
{
	DIR *d = opendir(kvm_dir);
	struct dirent *e;
	int tid, fd, ret = 0;
	char rest;

	*out = (struct kvmstat){ .source = "debugfs" };
	if (!d)
		return -errno;
	while (!ret && (e = readdir(d))) {
		if (sscanf(e->d_name, "%d-%d%c", &tid, &fd, &rest) != 2 || !thread_of(vm, tid))
			continue;
		ret = add_vm_dir(dirfd(d), e->d_name, out);
		if (ret == -ENOENT)
			ret = 0;	/* it ended under our eyes */
	}
	closedir(d);
	return ret ? ret : out->vcpus ? 0 : -ESRCH;
}

/* ---- BPF iterator ---- */

static struct vcpus_bpf *skel;
static int skel_error;		/* why there is no skel, after the first try */

static int load(void)
{
	libbpf_print_fn_t old;

	if (skel || skel_error)
		return skel_error;
	old = libbpf_set_print(bpf_log);
	skel = vcpus_bpf__open_and_load();
	if (!skel)
		skel_error = -errno;
	libbpf_set_print(old);
	return skel_error;
}

/* An iterator over @vm's files; over everybody's where the kernel cannot restrict it (before 6.1).
 */
static int open_iterator(pid_t vm, struct bpf_link **link)
{
	union bpf_iter_link_info info = { .task.pid = (__u32)vm };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));
	libbpf_print_fn_t old = libbpf_set_print(bpf_log);
	int fd;

	*link = bpf_program__attach_iter(skel->progs.list_vcpus, &opts);
	if (!*link && errno != ESRCH)
		*link = bpf_program__attach_iter(skel->progs.list_vcpus, NULL);
	libbpf_set_print(old);
	if (!*link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(*link));
	if (fd < 0) {
		fd = -errno;
		bpf_link__destroy(*link);
	}
	return fd;
}

/* All records of an iterator, allocated. */
static int read_records(int fd, struct vcpu_record **out, size_t *n)
{
	size_t have = 0, room = 0;
	char *buf = NULL;

	for (;;) {
		ssize_t r;

		if (room - have < sizeof(struct vcpu_record)) {
			char *more = realloc(buf, room + 64 * sizeof(struct vcpu_record));

			if (!more) {
				free(buf);
				return -ENOMEM;
			}
			buf = more;
			room += 64 * sizeof(struct vcpu_record);
		}
		r = read(fd, buf + have, room - have);
		if (r < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (r < 0) {
			int e = errno;

			free(buf);
			return -e;
		}
		if (r == 0)
			break;
		have += (size_t)r;
	}
	*out = (struct vcpu_record *)buf;
	*n = have / sizeof(struct vcpu_record);
	return 0;
}

void kvmstat_add(struct kvmstat *out, const struct vcpu_record *r)
{
	int i;

	for (i = 0; i < NR_KVM_STATS; i++)
		*counter(out, i) += r->stat[i];
	out->present |= r->have;
	out->vcpus++;
}

int kvmstat_read_bpf(pid_t vm, struct kvmstat *out)
{
	struct vcpu_record *rec = NULL;
	struct bpf_link *link = NULL;
	size_t n = 0, i, k;
	int fd, ret = load();

	*out = (struct kvmstat){ .source = "bpf" };
	if (ret)
		return ret;
	fd = open_iterator(vm, &link);
	if (fd < 0)
		return fd;
	ret = read_records(fd, &rec, &n);
	close(fd);
	bpf_link__destroy(link);
	if (ret)
		return ret;
	for (i = 0; i < n; i++) {
		/* A file that is open twice is one vCPU all the same. */
		for (k = 0; k < i && rec[k].vcpu != rec[i].vcpu; k++)
			;
		if (k == i && rec[i].tgid == (unsigned int)vm)
			kvmstat_add(out, &rec[i]);
	}
	free(rec);
	return out->vcpus ? 0 : -ESRCH;
}

/* ---- both ---- */

int kvmstat_read(pid_t vm, struct kvmstat *out)
{
	int ret = kvmstat_read_debugfs(KVM_DEBUGFS, vm, out);

	/* Also when there is no such folder: the thread it is named after may have ended. */
	return ret ? kvmstat_read_bpf(vm, out) : 0;
}

void kvmstat_prepare(void)
{
	if (faccessat(AT_FDCWD, KVM_DEBUGFS "/exits", R_OK, AT_EACCESS))
		load();
}

void kvmstat_end(void)
{
	vcpus_bpf__destroy(skel);
	skel = NULL;
	skel_error = 0;
}

void kvmstat_sub(const struct kvmstat *before, const struct kvmstat *after, struct kvmstat *delta)
{
	int i;

	*delta = *after;
	delta->present = before->present & after->present;
	for (i = 0; i < NR_KVM_STATS; i++)
		*counter(delta, i) = value(after, i) - value(before, i);
}

json_t *kvmstat_delta_json(const struct kvmstat *before, const struct kvmstat *after, size_t n)
{
	struct kvmstat sum = { .present = n ? ~0ull : 0 }, d;
	json_t *o = json_object();
	char why[64];
	size_t v;
	int i, bad = 0;

	for (v = 0; v < n; v++) {
		kvmstat_sub(&before[v], &after[v], &d);
		for (i = 0; i < NR_KVM_STATS; i++)
			*counter(&sum, i) += value(&d, i);
		sum.present &= d.present;
		sum.vcpus += d.vcpus;
	}
	for (i = 0; i < NR_KVM_STATS; i++) {
		if (sum.present & 1ull << i) {
			bad |= json_object_set_new(o, counter_name[i],
						   json_integer((json_int_t)value(&sum, i)));
			continue;
		}
		snprintf(why, sizeof(why), "%s_why", counter_name[i]);
		bad |= json_object_set_new(o, counter_name[i], json_null());
		bad |= json_object_set_new(o, why, json_string("KVM of this kernel has no such counter"));
	}
	bad |= json_object_set_new(o, "vcpus", json_integer(sum.vcpus));
	bad |= json_object_set_new(o, "source", n && after[0].source ?
				   json_string(after[0].source) : json_null());
	if (bad) {
		json_decref(o);
		return NULL;
	}
	return o;
}
