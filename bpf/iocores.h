/* SPDX-License-Identifier: GPL-2.0 */
/* What iocores.bpf.c and engine/iocores.c share: plain structs, no pointers. */
#ifndef EXITLAB_BPF_IOCORES_H
#define EXITLAB_BPF_IOCORES_H

#include "core/iocore.h"

#define MAX_WORKERS	1024	/* between two starts of tracing */
#define MAX_WORKER_CPUS	(8 * MAX_WORKERS)

/*
 * The functions that vhost's workers call for a work item, with the module that has them. All are
 * called through pointers, so no compiler can inline them. Not among them is vhost's own house-
 * keeping (vhost_flush_work and such), which serves no guest.
 */
#define VHOST_WORKS(X)				\
	X(handle_tx_kick, net)			\
	X(handle_rx_kick, net)			\
	X(handle_tx_net, net)			\
	X(handle_rx_net, net)			\
	X(vhost_scsi_handle_kick, scsi)		\
	X(vhost_scsi_ctl_handle_kick, scsi)	\
	X(vhost_scsi_evt_handle_kick, scsi)	\
	X(vhost_scsi_complete_cmd_work, scsi)	\
	X(vhost_scsi_evt_work, scsi)		\
	X(vhost_scsi_tmf_resp_work, scsi)	\
	X(vhost_vsock_handle_tx_kick, vsock)	\
	X(vhost_vsock_handle_rx_kick, vsock)	\
	X(vhost_transport_send_pkt_work, vsock)

#define VHOST_WORK_INDEX(name, module) WORK_##name,
enum { VHOST_WORKS(VHOST_WORK_INDEX) NR_VHOST_WORKS };

/*
 * One worker. Only whoever holds the worker's run-queue lock or is the worker itself writes it, one
 * at a time, but for @kicks (atomic). @seq is odd meanwhile.
 */
struct worker {
	unsigned int seq;
	unsigned int tid;		/* 0 = slot not in use */
	unsigned int tgid;
	unsigned int vm;		/* tgid of whose memory it works on; 0 = unknown */
	unsigned int flags;		/* the task's PF_ flags */
	unsigned int cpu;		/* last one it ran on */
	unsigned int ended;
	unsigned int pad;
	char comm[16];
	unsigned long long born;	/* first seen, ns */
	struct iocore core;
	unsigned long long run_at[NR_IOCORE_STATES];	/* core.ns when it got its CPU */
	unsigned long long call;	/* eventfd of the interrupt it may signal next */
	unsigned long long switches;	/* times it got a CPU */
	unsigned long long kicks, replies, buffers;
	unsigned long long works[NR_VHOST_WORKS];
};

struct worker_cpu_key {
	unsigned int slot, cpu;
};

/* Time of one worker on one CPU; states IOCORE_USEFUL, _POLL, _OTHER. */
struct worker_cpu {
	unsigned long long ns[3];
};

struct iocores_counts {
	unsigned long long events;
	unsigned long long no_room;		/* events of workers for which there was no slot */
	unsigned long long lost_kicks;		/* kicks of nobody knows which worker */
};

#define TASK_IS_KTHREAD		0x00200000u	/* PF_KTHREAD */
#define TASK_IS_USER_WORKER	0x00004000u	/* PF_USER_WORKER, since 6.4 (54e6842d0775) */

#endif
