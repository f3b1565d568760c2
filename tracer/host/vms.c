// SPDX-License-Identifier: GPL-2.0
/*
 * Finds virtual machines in /proc. The hard part is the name: a pid says nothing to people, and
 * each way to start a VM leaves its name in another place. The places are tried in the order of how
 * directly somebody chose the name: command line, libvirt's pid file, cgroup, program's name.
 */
#include "host/vms.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBVIRT_PIDS "/run/libvirt/qemu"

/* ---- parsers ---- */

/* A name is somebody else's text and ends up on a terminal. */
static void copy_name(const char *from, size_t len, char *to, size_t size)
{
	size_t i;

	for (i = 0; i < len && i + 1 < size; i++)
		to[i] = isprint((unsigned char)from[i]) ? from[i] : '?';
	to[i] = 0;
}

enum vms_file vms_parse_link(const char *link, int *id)
{
	static const char pre[] = "anon_inode:";
	char rest;

	*id = -1;
	if (strncmp(link, pre, sizeof(pre) - 1))
		return VMS_OTHER;
	link += sizeof(pre) - 1;
	if (!strcmp(link, "kvm-vm"))
		return VMS_VM;
	if (!strcmp(link, "kvm-vcpu"))
		return VMS_VCPU;	/* without number: before 4.16 */
	if (sscanf(link, "kvm-vcpu:%d%c", id, &rest) == 1 && *id >= 0)
		return VMS_VCPU;
	*id = -1;
	return VMS_OTHER;
}

/* QEMU's option list: the value of guest=, or the first one if it has no key. ",," is a comma. */
static bool qemu_name(const char *s, char *name, size_t size)
{
	bool first = true;

	while (*s) {
		char item[256];
		size_t n = 0;

		while (*s && !(*s == ',' && s[1] != ',')) {
			if (*s == ',')
				s++;
			if (n < sizeof(item))
				item[n++] = *s;
			s++;
		}
		if (*s)
			s++;
		if (n > 6 && !memcmp(item, "guest=", 6)) {
			copy_name(item + 6, n - 6, name, size);
			return true;
		}
		if (first && n > 0 && !memchr(item, '=', n)) {
			copy_name(item, n, name, size);
			return true;
		}
		first = false;
	}
	return false;
}

bool vms_parse_cmdline(const char *args, size_t len, char *name, size_t size)
{
	const char *end = args + len, *p, *next;
	char value[512];

	for (p = args; p < end; p = next) {
		size_t n = strnlen(p, (size_t)(end - p)), m;

		next = p + n + 1;
		if (next >= end)
			return false;
		m = strnlen(next, (size_t)(end - next));
		if (m == 0)
			continue;
		if ((n == 5 && !memcmp(p, "-name", 5)) || (n == 6 && !memcmp(p, "--name", 6))) {
			snprintf(value, sizeof(value), "%.*s", (int)m, next);
			if (qemu_name(value, name, size))
				return true;
		} else if (n == 4 && !memcmp(p, "--id", 4)) {
			copy_name(next, m, name, size);
			return true;
		}
	}
	return false;
}

/* systemd writes most punctuation as \xNN. In place. */
static void unescape(char *s)
{
	char *to = s;
	unsigned int c;
	int used;

	while (*s) {
		if (s[0] == '\\' && s[1] == 'x' && sscanf(s + 2, "%2x%n", &c, &used) == 1 && used == 2) {
			*to++ = (char)c;
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = 0;
}

bool vms_parse_cgroup(const char *text, char *name, size_t size)
{
	/* .../machine.slice/machine-qemu\x2d3\x2dweb.scope/libvirt/emulator */
	const char *p = strstr(text, "machine.slice/machine-"), *end;
	char scope[256], *s = scope;
	int used = 0, id;

	if (!p)
		return false;
	p += strlen("machine.slice/machine-");
	end = p + strcspn(p, "/\n");
	if (end - p <= 6 || strncmp(end - 6, ".scope", 6) || end - p - 6 >= (int)sizeof(scope))
		return false;
	snprintf(scope, sizeof(scope), "%.*s", (int)(end - p - 6), p);
	unescape(scope);
	/* libvirt: driver, number, name */
	if (sscanf(scope, "qemu-%d-%n", &id, &used) == 1 && used > 0 && scope[used])
		s = scope + used;
	copy_name(s, strlen(s), name, size);
	return name[0] != 0;
}

int vms_parse_comm(const char *comm)
{
	/* QEMU, Firecracker, crosvm and Cloud Hypervisor, kvmtool */
	static const char *const form[] = { "CPU %d/KVM%n", "fc_vcpu %d%n", "vcpu%d%n", "vcpu_%d%n",
					    "kvm-vcpu-%d%n" };
	size_t i;

	for (i = 0; i < sizeof(form) / sizeof(form[0]); i++) {
		int id, used = 0;

		if (sscanf(comm, form[i], &id, &used) == 1 && used > 0 && id >= 0 &&
		    (comm[used] == 0 || comm[used] == '\n'))
			return id;
	}
	return -1;
}

/* ---- /proc ---- */

/* Reads at most @size - 1 bytes, terminated. Number of bytes or negative errno. */
static ssize_t read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (have < size - 1 && (n = read(fd, buf + have, size - 1 - have)) > 0)
		have += (size_t)n;
	close(fd);
	buf[have] = 0;
	return (ssize_t)have;
}

static ssize_t read_proc(pid_t pid, const char *file, char *buf, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return read_text(path, buf, size);
}

static bool libvirt_name(pid_t pid, char *name, size_t size)
{
	DIR *d = opendir(LIBVIRT_PIDS);
	struct dirent *e;
	bool found = false;

	while (d && !found && (e = readdir(d))) {
		char path[512], text[32];
		size_t n = strlen(e->d_name);

		if (n <= 4 || strcmp(e->d_name + n - 4, ".pid"))
			continue;
		snprintf(path, sizeof(path), LIBVIRT_PIDS "/%s", e->d_name);
		if (read_text(path, text, sizeof(text)) > 0 && atoi(text) == pid) {
			copy_name(e->d_name, n - 4, name, size);
			found = true;
		}
	}
	if (d)
		closedir(d);
	return found;
}

static void find_name(pid_t pid, char *name, size_t size)
{
	static char buf[65536];
	ssize_t n = read_proc(pid, "cmdline", buf, sizeof(buf));
	char comm[32];

	if (n > 0 && vms_parse_cmdline(buf, (size_t)n, name, size) && name[0])
		return;
	if (libvirt_name(pid, name, size))
		return;
	if (read_proc(pid, "cgroup", buf, sizeof(buf)) > 0 && vms_parse_cgroup(buf, name, size))
		return;
	n = read_proc(pid, "comm", buf, sizeof(buf));
	copy_name(buf, n > 0 ? strcspn(buf, "\n") : 0, comm, sizeof(comm));
	snprintf(name, size, "%s-%d", comm[0] ? comm : "vm", (int)pid);
}

int vms_probe(pid_t pid, struct vm_info *out)
{
	char path[64], link[128];
	struct dirent *e;
	DIR *d;
	int id;

	*out = (struct vm_info){ .pid = pid };
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? -ESRCH : -errno;
	while ((e = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1);
		enum vms_file kind;

		if (n < 0)
			continue;
		link[n] = 0;
		kind = vms_parse_link(link, &id);
		out->vms += kind == VMS_VM;
		out->vcpus += kind == VMS_VCPU;
	}
	closedir(d);
	if (!out->vms && !out->vcpus)
		return -ENOENT;
	find_name(pid, out->name, sizeof(out->name));
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	const struct vm_info *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

int vms_find(struct vm_list *out)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	*out = (struct vm_list){ 0 };
	if (!d)
		return -errno;
	while ((e = readdir(d))) {
		struct vm_info vm, *more;

		if (!isdigit((unsigned char)e->d_name[0]) || vms_probe(atoi(e->d_name), &vm))
			continue;
		more = realloc(out->vm, (out->n + 1) * sizeof(*more));
		if (!more) {
			closedir(d);
			vms_free(out);
			return -ENOMEM;
		}
		out->vm = more;
		out->vm[out->n++] = vm;
	}
	closedir(d);
	if (out->n)
		qsort(out->vm, out->n, sizeof(out->vm[0]), by_pid);
	return 0;
}

void vms_free(struct vm_list *l)
{
	free(l->vm);
	*l = (struct vm_list){ 0 };
}

const struct vm_info *vms_by_pid(const struct vm_list *l, pid_t pid)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->vm[i].pid == pid)
			return &l->vm[i];
	return NULL;
}

bool vms_have_kvm(void)
{
	return access("/dev/kvm", F_OK) == 0;
}

int vms_thread_vcpu(pid_t pid, pid_t tid)
{
	char file[48], comm[64];

	snprintf(file, sizeof(file), "task/%d/comm", (int)tid);
	return read_proc(pid, file, comm, sizeof(comm)) > 0 ? vms_parse_comm(comm) : -1;
}
