// SPDX-License-Identifier: GPL-2.0
/*
 * Finds virtual machines in /proc. The hard part is permission: the files another user's process
 * has open are nobody's business without CAP_SYS_PTRACE. Such processes are counted, so that the
 * caller can ask the kernel another way (host/vcpus.h) and add what it learns.
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

/* ---- parsers ---- */

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

int vms_probe(pid_t pid, struct vm_info *out)
{
	char path[64], link[128];
	struct dirent *e;
	bool denied = false;
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

		/* The owner may list the folder, and yet not see where the links lead. */
		if (n < 0) {
			denied |= errno == EACCES || errno == EPERM;
			continue;
		}
		link[n] = 0;
		kind = vms_parse_link(link, &id);
		out->vms += kind == VMS_VM;
		out->vcpus += kind == VMS_VCPU;
	}
	closedir(d);
	if (!out->vms && !out->vcpus)
		return denied ? -EACCES : -ENOENT;
	vm_name_read("", pid, out->name, sizeof(out->name));
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	const struct vm_info *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int add(struct vm_list *l, const struct vm_info *vm)
{
	struct vm_info *more = realloc(l->vm, (l->n + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	l->vm = more;
	l->vm[l->n++] = *vm;
	return 0;
}

int vms_find(struct vm_list *out)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int ret = 0;

	*out = (struct vm_list){ 0 };
	if (!d)
		return -errno;
	while (!ret && (e = readdir(d))) {
		struct vm_info vm;
		int found;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		found = vms_probe(atoi(e->d_name), &vm);
		if (!found)
			ret = add(out, &vm);
		out->hidden += found == -EACCES || found == -EPERM;
	}
	closedir(d);
	if (ret)
		vms_free(out);
	else if (out->n)
		qsort(out->vm, out->n, sizeof(out->vm[0]), by_pid);
	return ret;
}

int vms_add(struct vm_list *l, pid_t pid, int vcpus)
{
	struct vm_info vm = { .pid = pid, .vms = 1, .vcpus = vcpus };
	int ret;

	if (vms_by_pid(l, pid))
		return 0;
	vm_name_read("", pid, vm.name, sizeof(vm.name));
	ret = add(l, &vm);
	if (!ret)
		qsort(l->vm, l->n, sizeof(l->vm[0]), by_pid);
	return ret;
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
