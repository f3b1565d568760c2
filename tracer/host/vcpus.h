/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All vCPUs of the host with KVM's own counters, read out of the kernel by a BPF iterator. It needs
 * privileges once, when it is opened; afterwards it also shows the VMs of other users, which /proc
 * does not.
 */
#ifndef EXITLAB_VCPUS_H
#define EXITLAB_VCPUS_H

#include <stddef.h>
#include <sys/types.h>

#include "bpf/vcpus.h"
#include "host/vms.h"

struct vcpus;

/* 0 or negative errno (-EPERM: not permitted, -ENOENT and others: not on this kernel). */
int vcpus_open(struct vcpus **out);
/* Every vCPU once, as an allocated array (free()). 0 or negative errno. */
int vcpus_read(struct vcpus *v, struct vcpu_record **out, size_t *n);
/* NULL is fine. */
void vcpus_close(struct vcpus *v);

/*
 * All VMM processes, by /proc and, where that is not permitted, by @v (NULL: /proc alone).
 * 0 or negative errno.
 */
int vcpus_find_vms(struct vcpus *v, struct vm_list *out);

#endif
