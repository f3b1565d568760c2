/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A scenario as the rest of the program sees it: parsed, checked, defaults filled in, expanded
 * into points. The file format is described in man/exitlab-scenario.5.scd.
 */
#ifndef EXITLAB_SCENARIO_H
#define EXITLAB_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "run/costs.h"

/* How the emulated machine keeps time (see exitlab-scenario(5)). */
enum sc_mode {
	SC_MODE_COUNTS,		/* "counts": instruction-counted, one thread, repeats exactly */
	SC_MODE_TIMED,		/* "timed": the same, with the costs of a cost set added */
	SC_MODE_FAST,		/* "fast": one thread per CPU, for functional work only */
};

/* How a guest gets its network. */
enum sc_net {
	SC_NET_NONE,		/* "none" */
	SC_NET_VIRTIO_USER,	/* "virtio-user": virtio-net served by QEMU in user space */
	SC_NET_VIRTIO_VHOST,	/* "virtio-vhost": virtio-net served by vhost-net in the host kernel */
	SC_NET_VF,		/* "vf": an igb virtual function assigned by VFIO */
};

enum sc_tool {
	SC_TOOL_RR,		/* "rr": request-response, client on the peer, server in the guest */
	SC_TOOL_STREAM,		/* "stream": one TCP stream */
	SC_TOOL_MEMCACHED,	/* "memcached": Debian's memcached in the guest, memslap on the peer */
	SC_TOOL_IDLE,		/* "idle": nothing, for a fixed time */
	SC_TOOL_PROBE,		/* "probe": a bare guest that makes exits of known number and reason */
	SC_TOOL_TIMER,		/* "timer": timers in the guest, one armed at a time */
	SC_TOOL_BLOCK,		/* "block": fio in the guest, on its disk */
	SC_TOOL_APACHE,		/* "apache": Debian's apache2 in the guest, ab on the peer */
	SC_TOOL_IPERF3,		/* "iperf3": one TCP stream, client on the peer */
	SC_TOOL_SOCKPERF,	/* "sockperf": ping-pong, client on the peer; the last */
};

/* Exitless interrupts (eli-ref/): what a running guest takes and completes without an exit. */
enum sc_eli {
	SC_ELI_OFF,		/* "off": nothing */
	SC_ELI_DELIVERY,	/* "delivery": takes its device's interrupts */
	SC_ELI_FULL,		/* "full": and completes them */
};

/* The guest's disk: its file is in the host's memory. */
enum sc_disk {
	SC_DISK_NONE,		/* "none" */
	SC_DISK_VIRTIO,		/* "virtio-blk": served by QEMU's main thread and its pool */
	SC_DISK_VIRTIO_IOTHREAD,	/* "virtio-blk-iothread": the same with a thread of its own */
	SC_DISK_VHOST_SCSI,	/* "vhost-scsi": a disk of the host kernel's target, served by vhost */
};

/* Entries of the rings of a guest's network card and vhost-scsi disk. */
enum sc_ring {
	SC_RING_DEFAULT,	/* what the VMM takes by itself */
	SC_RING_256,
	SC_RING_512,
};

/* Which sidecore (elvis-ref/) serves a guest, whose vCPUs and memory are on one node. */
enum sc_numa {
	SC_NUMA_OFF,		/* "off": nothing is placed by nodes */
	SC_NUMA_ALIGNED,	/* "aligned": one of its node */
	SC_NUMA_UNALIGNED,	/* "unaligned": one of the next node */
};

enum sc_protocol { SC_UDP, SC_TCP };
enum sc_rw { SC_RANDREAD, SC_RANDWRITE, SC_READ, SC_WRITE };
enum sc_direction { SC_TO_GUEST, SC_FROM_GUEST };

struct sc_host {
	int cpus;		/* 1..16, default 2 */
	int memory_mb;		/* 1024..16384, default 2560 */
	bool moderation;	/* both NICs hold interrupts back for a while, default true */
	int quantum_ns;		/* 100..100000, default 500: a round of parallel virtual time */
	uint32_t halt_poll_ns;	/* 0..1000000000, default 200000: KVM's module parameter */
	bool pin_load;		/* load generators run on the first CPU only, default false */
	int nic_cpu;		/* takes the interrupts of the host's card, default 0 */
	int peer_cpus;		/* 0..8: so many CPUs, the last ones, are the peer's; default 0 */
	int numa_nodes;		/* 0..4, default 0: CPUs and memory are not divided */
};

/* The cable between the host's card and the peer's; not in mode fast. */
struct sc_link {
	uint32_t rate_mbit;	/* 0..400000, 0: no link but a hub without limit; default 10000 */
	uint32_t delay_ns;	/* 0..100000000, default 300 */
};

struct sc_guests {
	int count;		/* 0..16, default 1; 0 only if all workloads are probe or idle */
	int vcpus;		/* 1..4, default 1 */
	int memory_mb;		/* 128..4096, default 256 */
	bool pv_eoi;		/* kvm-pv-eoi CPU flag of the guest, default true */
	bool idle_poll;		/* idle=poll on the guest's command line, default false */
	uint32_t coalesce_us;	/* vf: it holds interrupts back so long; 0: its driver decides */
	char *cmdline;		/* more words for its kernel's command line, or NULL */
};

struct sc_config {
	char *name;		/* [a-z0-9-]+, unique; part of the record's file name */
	char *title;		/* for tables and plots; default: name */
	enum sc_net net;
	uint32_t poll_us;	/* virtio-vhost: how long a worker polls, 0..1000000 */
	int worker_cpu;		/* virtio-vhost: host CPU of the workers; default 0 */
	enum sc_disk disk;	/* default none */
	bool event_idx;		/* virtio: suppression of notifications by index, default true */
	char *module_params;	/* of the host: words MODULE.PARAMETER=VALUE; NULL = none */
	enum sc_eli eli;	/* exitless interrupts, default off; needs eli-ref's modules */
	bool bare_metal;	/* the host itself instead of a guest, default false */
	bool worker_free;	/* virtio-vhost: the scheduler places the workers, default false */
	char *guest_kernel;	/* a release, or a series such as "6.1"; NULL: the testbed's */
	char *guest_cmdline;	/* more words for its command line, or NULL */
	enum sc_ring ring;	/* default: the VMM's */
	enum sc_numa numa;	/* default off; else needs host.numa_nodes */
};

struct sc_workload {
	char *name;		/* [a-z0-9-]+, unique */
	char *title;		/* default: name */
	enum sc_tool tool;
	/* rr, memcached, apache: work of the window and of the warm-up before it, in requests */
	uint64_t requests;
	uint64_t warmup;
	/* rr */
	enum sc_protocol protocol;	/* default udp; sockperf, too */
	uint32_t request_bytes;		/* 1..1400 (udp) or 1..65536 (tcp), default 1 */
	uint32_t reply_bytes;		/* likewise */
	/* stream, iperf3 */
	enum sc_direction direction;	/* default to-guest */
	uint64_t bytes;			/* work of the window; "20 MB" or "16 KiB" or a number */
	uint64_t warmup_bytes;
	uint32_t write_bytes;		/* bytes per write(2), 1..1048576, default 16384 */
	bool nagle;			/* small writes may be put together, default false */
	uint32_t compute;		/* instructions per bit sent, 0..100000; default 0 */
	uint32_t rr_guests;		/* the last guests, which do rr instead; default 0 */
	uint64_t rr_requests;		/* of each of these */
	/* sockperf */
	uint32_t message_bytes;		/* 14..1400 (udp) or 14..65507 (tcp), default 14 */
	uint32_t seconds;		/* of the whole run, 1..600, default 1 */
	uint32_t warmup_seconds;	/* 0..600, default 0 */
	/* memcached */
	uint32_t value_bytes;		/* 1..65536, default 1024 */
	uint32_t clients;		/* concurrent connections, 1..64, default 1; apache, too */
	/* apache */
	uint32_t page_bytes;		/* 1..1048576, default 4096 */
	/* idle */
	uint64_t duration_ms;		/* 1..600000, default 1000 */
	/* probe: how many exits of each kind the bare guest makes */
	uint64_t probe_out, probe_cpuid, probe_hlt, probe_wrmsr; /* keys out cpuid hlt wrmsr */
	/* timer; warmup is in timers */
	uint64_t timers;		/* 1..1e9 */
	uint32_t interval_us;		/* 1..10000000, default 1000 */
	/* block; requests and warmup are in I/O requests */
	enum sc_rw rw;			/* default randread */
	uint32_t block_bytes;		/* 512..1048576, a multiple of 512, default 4096 */
	uint32_t depth;			/* 1..64 requests in flight, default 1 */
	uint32_t readers, writers;	/* 0..16 jobs at random places; both 0: one of @rw */
};

/* Measured signals and independent counters of the same window. */
struct sc_measure {
	bool msr_detail;	/* detail: [msr]: split MSR exits by MSR number (shows EOIs) */
	bool port_detail;	/* detail: [port]: I/O port exits by port and direction */
	bool gpa_detail;	/* detail: [gpa]: page faults and MMIO by guest-physical page */
	bool check_kvm_stats;	/* crosscheck: [kvm-stats]: KVM's own exit counter; default true */
	bool check_hist; /* crosscheck: [hist]: hist trigger on kvm_exit, costs time per exit */
	bool kicks;		/* signals: [kicks]: notifications by guests of their devices */
	bool replies;		/* signals: [replies]: interrupts of devices for vCPUs */
};

/* One swept key: `sweep: { guests.memory_mb: [128, 256] }`. */
struct sc_axis {
	char *key;		/* dotted path to a number, e.g. "host.cpus" or "workloads.rr.requests" */
	uint64_t *values;
	char **texts;		/* instead of values, if the key is "costs" */
	size_t n;
};

struct scenario {
	char *path;		/* as given by the user */
	char *name;		/* file name without folder and .yaml */
	char *title;		/* default: name */
	char *reproduces;	/* paper, figure: free text, or NULL */
	char *sha256;		/* of the file's bytes, 64 hex digits */
	enum sc_mode mode;
	char *costs;		/* reference of a cost set; NULL unless mode is timed */
	struct sc_host host;
	struct sc_link link;
	struct sc_guests guests;
	struct sc_config *configs;
	size_t nr_configs;
	struct sc_workload *workloads;
	size_t nr_workloads;
	struct sc_measure measure;
	struct sc_axis *sweep;
	size_t nr_axes;
	int repeat;		/* 1..100, default 1 */
};

/* One point: what a single run record is about. */
struct sc_point {
	char *id;		/* unique, usable as a file name: "vhost", "vhost,host.cpus=4", "vhost#2" */
	const struct sc_config *config;
	int repeat;		/* 1-based */
	json_t *parameters; /* swept keys and their values at this point; empty object if none */
	/*
	 * What is told to the emulated host, which must not learn of costs and link: a request of
	 * another length would move its memory and so its counts.
	 */
	char *inner_id;
	json_t *inner_parameters;
	const char *costs;	/* reference, belongs to the scenario; NULL unless mode is timed */
	struct costs cost;	/* its numbers, put in by whoever has read the file */
	struct sc_link link;
	/* copies of the scenario's settings with the swept values put in */
	struct sc_host host;
	struct sc_guests guests;	/* its string belongs to the scenario */
	struct sc_workload *workloads;	/* shallow copies: strings belong to the scenario */
	size_t nr_workloads;
};

/*
 * Reads and checks a scenario file. On error nothing is returned but every problem found is
 * written to @err, one line each, as "FILE:LINE: KEY: what is wrong; what would be right"
 * (misspelt keys and values get the nearest right spelling).
 * Returns 0, -EINVAL (the file is wrong), -ENOENT etc. (it cannot be read) or -ENOMEM.
 * The caller frees *@out with scenario_free().
 */
int scenario_load(const char *path, FILE *err, struct scenario **out);
/* The same from memory; @path only names the source in messages. For tests and the fuzzer. */
int scenario_parse(const char *path, const char *text, size_t len, FILE *err,
		   struct scenario **out);
void scenario_free(struct scenario *sc);

/* Kernels of guests that configurations name, each once, in @names; they belong to the scenario. */
#define SC_MAX_KERNELS 4
size_t scenario_kernels(const struct scenario *sc, const char *names[SC_MAX_KERNELS]);

/*
 * All points of a scenario, in the order configuration, sweep, repeat (the last varies fastest).
 * The caller frees with scenario_points_free(). Returns 0 or -ENOMEM.
 */
int scenario_points(const struct scenario *sc, struct sc_point **out, size_t *n);
void scenario_points_free(struct sc_point *points, size_t n);

/*
 * What a point asks of the machine, as JSON: the request that travels to the emulated host, and in
 * the end, completed by sc_point_complete(), the member "point" of the record. The same scenario gives the same bytes on every machine (no paths, no times).
 */
json_t *sc_point_to_json(const struct scenario *sc, const struct sc_point *pt);
/*
 * Its shape: the same with everything left out that has no effect before the first window (names,
 * workloads, what is measured). Points of equal shape can start from one snapshot.
 */
json_t *sc_shape_to_json(const struct scenario *sc, const struct sc_point *pt);
/*
 * The inverse, on the other side: a scenario of one configuration, and its one point. What the
 * point does not say (the scenario's name, title, sha256, path) is an empty string there. Free
 * with scenario_points_free(*pt, 1), then scenario_free(*sc).
 * Returns 0, -EINVAL (problems are written to @err) or -ENOMEM.
 */
int sc_point_from_json(const json_t *j, struct scenario **sc, struct sc_point **pt, FILE *err);

/*
 * Adds to a point's JSON what the emulated host is not told: its full name and parameters, the
 * link and the name of the costs. Returns 0 or -ENOMEM.
 */
int sc_point_complete(const struct scenario *sc, const struct sc_point *pt, json_t *point);

const char *sc_net_name(enum sc_net net);
const char *sc_tool_name(enum sc_tool tool);
const char *sc_rw_name(enum sc_rw rw);
const char *sc_eli_name(enum sc_eli eli);
const char *sc_mode_name(enum sc_mode mode);
/* Unit of a workload's work: "request", "MB", "second", "exit", "timer". */
const char *sc_tool_unit(enum sc_tool tool);

#endif
