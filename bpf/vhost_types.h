/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The types of vhost and the scheduler that iocores.bpf.c touches, cut down as in kvm_types.h. A
 * name with three underscores is a variant of some kernels: CO-RE leaves off what follows them.
 */
#ifndef EXITLAB_VHOST_TYPES_H
#define EXITLAB_VHOST_TYPES_H

#include "kvm_types.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct mm_struct___owner {
	struct task_struct *owner;	/* CONFIG_MEMCG */
};

struct task_struct___io {
	int pid, tgid;
	unsigned int flags;
	unsigned int __state;
	int on_cpu;
	char comm[16];
	struct mm_struct *mm;
};

struct task_struct___before_5_14 {
	long state;			/* 2f064a59a11f renamed it */
};

struct eventfd_ctx;
struct wait_queue_head;
struct wait_queue_entry {
	unsigned int flags;
};

struct vhost_task {
	struct task_struct *task;
};

struct vhost_worker {
	struct vhost_task *vtsk;
};

struct vhost_worker___fork_owner {	/* 7d9896e9f6d0, 6.17, backported */
	struct task_struct *kthread_task;
};

struct vhost_dev {
	struct mm_struct *mm;
};

struct vhost_dev___before_6_4 {		/* 1a5f8090c6de */
	struct task_struct *worker;
};

struct vhost_work {
	void *fn;
};

struct vhost_poll {
	struct wait_queue_entry wait;
	struct vhost_work work;
	__u32 mask;
	struct vhost_dev *dev;
};

struct vhost_vring_call {
	struct eventfd_ctx *ctx;
};

struct vhost_virtqueue {
	struct vhost_dev *dev;
	struct vhost_vring_call call_ctx;
	struct vhost_poll poll;
	void *handle_kick;
};

struct vhost_virtqueue___since_6_5 {	/* 737bdb643c4f */
	struct vhost_worker *worker;
};

#pragma clang attribute pop

#endif
