/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vhost's workers, the threads of the host's kernel that serve virtio devices of VMs, from /proc
 * only. A worker is a kernel thread before Linux 6.4 (and later where its VMM asks for that), else
 * a thread of the VMM that never leaves the kernel.
 */
#ifndef EXITLAB_VHOST_H
#define EXITLAB_VHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* One task, from /proc/PID/stat or /proc/PID/task/TID/stat. */
struct vhost_thread {
	pid_t tid, pid;		/* thread; its process (vhost_parse_stat() leaves that alone) */
	char comm[16];
	char state;		/* 'S' = asleep */
	unsigned int flags;	/* PF_ of linux/sched.h */
	int threads;		/* of its process */
};

struct vhost_list {
	struct vhost_thread *worker;
	size_t n;
};

/* Whether module @name ("vhost_net") is there, or built in with parameters. @root: "" = this host. */
bool vhost_module(const char *root, const char *name);
/* Those of vhost's modules that are there, a bit each. */
unsigned int vhost_modules(const char *root);
/* All workers of the host. 0 or negative errno. */
int vhost_find(const char *root, struct vhost_list *out);
void vhost_free(struct vhost_list *l);
/* One thread by its number. 0 or -ESRCH. */
int vhost_thread_read(const char *root, pid_t tid, struct vhost_thread *out);
/*
 * The process that worker @t serves, as far as its own name and place tell: its process, or that of
 * the thread a kernel thread is named after. 0 = that one has ended.
 */
pid_t vhost_vm(const char *root, const struct vhost_thread *t);

/* ---- Parsers; pure ---- */

/* The text of a stat file. 0 or -EINVAL. */
int vhost_parse_stat(const char *text, struct vhost_thread *out);
/*
 * Whether it is a worker. The flags alone would also fit other threads that the kernel makes for a
 * VMM (kvm-nx-lpage-recovery, io_uring's), and the name alone anybody's.
 */
bool vhost_is_worker(const struct vhost_thread *t);
/* N of a worker's name "vhost-N": the thread that made it; 0 = no such name. */
pid_t vhost_maker(const char *comm);

#endif
