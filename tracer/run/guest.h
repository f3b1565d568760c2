/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One guest of the host that runs this: its VMM process, its agent, and the means to hold it still
 * while counters are switched.
 */
#ifndef EXITLAB_GUEST_H
#define EXITLAB_GUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "run/scenario.h"
#include "util/proc.h"

/* Where the programs and images are on the host that runs the guests. */
struct lab {
	const char *qemu;	/* VMM */
	const char *share;	/* its firmware */
	const char *kernel, *initrd;
	const char *kernels;	/* folder of others: NAME/vmlinux, NAME/l2.cpio */
	const char *run_dir;	/* sockets, consoles; exists */
};

struct guest {
	int index;
	char name[16];		/* "g0" */
	char ip[16];		/* 10.0.0.10 + index */
	char mac[18];
	struct proc vmm;
	char disk[256];		/* file behind its disk, or "" */
	char block[8];		/* its disk's name in the guest, such as "vda", or "" */
	int node;		/* of the host, where its vCPUs and its memory are; -1: anywhere */
	int agent;		/* socket, -1 = none */
	uint64_t started_ns;
	uint64_t boot_ns;	/* from the VMM's start until its agent's answer was seen */
};

/* Bytes of a guest's disk. Fixed: what is read from it does not depend on its size. */
#define GUEST_DISK_BYTES (32u << 20)

/* Facts about its devices that a guest needs at its start. */
struct guest_net {
	enum sc_net kind;
	enum sc_disk disk;
	bool event_idx;		/* virtio devices suppress notifications by index */
	const char *tap;	/* virtio: name of the tap device */
	const char *vf;		/* vf: PCI address of the virtual function */
	const char *peer_ip, *peer_mac;
	unsigned int poll_us;	/* vhost: how long its worker polls before it sleeps */
	enum sc_ring ring;
	const char *wwpn;	/* vhost-scsi: name of the host's target */
};

/* The host's CPUs and how guests are put on them. */
struct guest_cpus {
	int cpus;
	int nodes;		/* 0: not divided */
	enum sc_numa numa;
};

/*
 * Starts guest @index and returns at once. Its vCPU threads are pinned to the CPUs after the first
 * (the first CPU is for the VMM's other threads, vhost and the load generator), round robin, unless
 * the host has one CPU only. 0 or negative errno, the reason logged.
 */
int guest_start(struct guest *g, int index, const struct lab *lab, const struct sc_guests *cfg,
		const struct guest_net *net, const struct guest_cpus *on);
/* Waits for the socket NAME.agent of who answers for @g, and connects. */
int guest_connect(struct guest *g, const struct lab *lab, int timeout_ms);
/*
 * Waits until the VMM has made its vCPU threads and pins them, and its vhost worker to the CPUs
 * @workers (bits). To be done for all guests before waiting for any: until then they share a CPU.
 * -ETIMEDOUT after @timeout_ms.
 */
int guest_pin(struct guest *g, const struct lab *lab, const struct sc_guests *cfg,
	      unsigned int workers, const struct guest_cpus *on, int timeout_ms);
/*
 * Moves the VMM's other threads to the first CPU. Before, while guests boot, they are on the CPU of
 * the first vCPU, so that many guests that start together do not wait for one CPU.
 */
int guest_settle(struct guest *g, const struct sc_guests *cfg, unsigned int workers,
		 const struct guest_cpus *on);
/* Loads the drivers of a disk of the host's target and waits until the disk is there. */
int guest_await_disk(struct guest *g);
/* Waits until the agent has answered; then boot_ns is set. -ETIMEDOUT after @timeout_ms. */
int guest_wait_ready(struct guest *g, int timeout_ms);
/*
 * Runs a shell command in the guest. Output (terminated, cut at @size) in @out, which may be NULL.
 * Returns the command's exit status or negative errno (-ETIMEDOUT after 60 s).
 */
int guest_run(struct guest *g, const char *cmd, char *out, size_t size);
/*
 * The same in two steps, to have several guests work at a time: guest_send() does not wait, and
 * guest_await() takes the answer, however long that takes up to @timeout_ms.
 */
int guest_send(struct guest *g, const char *cmd);
int guest_await(struct guest *g, char *out, size_t size, int timeout_ms);
/*
 * Stops every thread of the VMM (SIGSTOP) and waits until they stand still, so that no vCPU enters
 * or leaves while counters are switched on, off or read. guest_thaw() lets them go on.
 */
int guest_freeze(struct guest *g);
int guest_thaw(struct guest *g);
/* Kills the VMM and removes its disk. Harmless if it never started. */
void guest_stop(struct guest *g);

/*
 * CPU on which vCPU @vcpu of guest @index runs: any but the first, of the host or of its node. The
 * first of a node is for VMMs of guests whose I/O is done there (unaligned). Pure.
 */
int guest_vcpu_cpu(int index, int vcpu, int vcpus, const struct guest_cpus *on);
/* Node of guest @index, -1 if guests are not placed by nodes. Pure. */
int guest_node(int index, const struct guest_cpus *on);
/*
 * CPU on which the VMM of guest @index starts, -1 for any: it is there when it opens its vhost
 * devices, which are given to an I/O core of the same node. Pure.
 */
int guest_start_cpu(int index, int vcpus, const struct guest_cpus *on);

#endif
