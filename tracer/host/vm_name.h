/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What people call a VM, from files only: /proc and libvirt's folder. No daemon is asked, because
 * one that hangs would take the measurement with it.
 */
#ifndef EXITLAB_VM_NAME_H
#define EXITLAB_VM_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define VM_NAME_MAX 64

/* Where the name of a VM came from. */
enum vm_name_source {
	VM_NAME_CMDLINE,	/* -name guest=, --name, --id, --api-sock of the VMM */
	VM_NAME_LIBVIRT,	/* /run/libvirt/qemu/NAME.pid */
	VM_NAME_CGROUP,		/* scope of machined or libvirt; pod of Kubernetes */
	VM_NAME_COMM,		/* program and pid: nobody has given it a name */
};

/*
 * The name of the VM(s) of process @pid. @root is put before "/proc" and "/run" ("" = this host).
 * @name is always set, never empty, printable, cut to @size - 1 characters.
 */
enum vm_name_source vm_name_read(const char *root, pid_t pid, char *name, size_t size);

/*
 * The cgroup of process @pid in the unified hierarchy ("/machine.slice/..."). 0; -ESRCH; -ENOENT:
 * it is in none.
 */
int vm_cgroup_read(const char *root, pid_t pid, char *path, size_t size);
/* Whether @path is @dir or below it; both as in /proc/PID/cgroup, without "/" at the end. */
bool cgroup_within(const char *path, const char *dir);

/* ---- Parsers; pure ---- */

/*
 * From /proc/PID/cmdline: -name [guest=]X[,...] of QEMU, --name X of kvmtool and crosvm, --id X of
 * Firecracker, the socket's name of Cloud Hypervisor (--api-socket).
 */
bool vm_name_cmdline(const char *args, size_t len, char *name, size_t size);
/* From /proc/PID/cgroup: the scope that machined or libvirt has made for the VM, or its pod. */
bool vm_name_cgroup(const char *text, char *name, size_t size);

#endif
