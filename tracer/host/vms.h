/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The virtual machines of this host and what people call them, from /proc only: whoever runs a VM
 * (QEMU, Firecracker, kvmtool, a test) has the files of KVM open. Nothing is asked of any daemon.
 */
#ifndef EXITLAB_VMS_H
#define EXITLAB_VMS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "host/vm_name.h"

struct vm_info {
	pid_t pid;		/* tgid of the VMM */
	int vms, vcpus;		/* files of KVM it has open */
	char name[VM_NAME_MAX];	/* printable; never empty */
};

struct vm_list {
	struct vm_info *vm;	/* sorted by pid */
	size_t n;
	size_t hidden;		/* processes whose open files this process may not see */
};

/* All VMM processes. 0 or negative errno; those that cannot be looked at are only counted. */
int vms_find(struct vm_list *out);
/* Adds a VMM that was found another way, unless it is there. 0 or -ENOMEM. */
int vms_add(struct vm_list *l, pid_t pid, int vcpus);
void vms_free(struct vm_list *l);
/* 0; -ESRCH: no such process; -ENOENT: it has no VM; -EACCES: not permitted to look. */
int vms_probe(pid_t pid, struct vm_info *out);
/* Entry of @pid or NULL. */
const struct vm_info *vms_by_pid(const struct vm_list *l, pid_t pid);
/* Whether this host has /dev/kvm, that is, a loaded KVM. */
bool vms_have_kvm(void);
/* Number of the vCPU that thread @tid of @pid runs by the name the VMM gave it, -1 if unknown. */
int vms_thread_vcpu(pid_t pid, pid_t tid);

/* ---- Parsers; pure ---- */

enum vms_file { VMS_OTHER, VMS_VM, VMS_VCPU };

/* What a link in /proc/PID/fd leads to ("anon_inode:kvm-vcpu:3"); *@id = vCPU number if it has one. */
enum vms_file vms_parse_link(const char *link, int *id);
/* From /proc/PID/task/TID/comm: "CPU 3/KVM" -> 3; -1 if it is no vCPU's name. */
int vms_parse_comm(const char *comm);

#endif
