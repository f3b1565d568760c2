// SPDX-License-Identifier: GPL-2.0
/*
 * What concerns several keys of a scenario at once. Sweeps make it hard: a rule must hold at every
 * point. All combinations of swept values occur, so that the worst of each key taken together is
 * a point that will be run, and looking at that one is enough.
 */
#include "run/scenario_priv.h"

#include <stdlib.h>
#include <string.h>

/* Memory that the host itself needs beside its guests. */
#define HOST_OWN_MB 1024
/* Virtual functions of the emulated card (igb). */
#define MAX_VFS 7

static bool needs_net(const struct sc_workload *w)
{
	return w->tool == SC_TOOL_RR || w->tool == SC_TOOL_STREAM ||
	       w->tool == SC_TOOL_MEMCACHED || w->tool == SC_TOOL_APACHE ||
	       w->tool == SC_TOOL_IPERF3 || w->tool == SC_TOOL_SOCKPERF;
}

/* Runs in a guest with an operating system. */
static bool needs_guest(const struct sc_workload *w)
{
	return w->tool != SC_TOOL_IDLE && w->tool != SC_TOOL_PROBE;
}

static void check_names(struct sc_reader *rd, const struct sc_lines *lines)
{
	const struct scenario *sc = rd->sc;
	size_t i, j;

	for (i = 0; i < sc->nr_configs; i++) {
		for (j = 0; j < i && strcmp(sc->configs[i].name, sc->configs[j].name); j++)
			;
		if (j < i)
			sc_problem(&rd->pb, lines->config[i], "configurations.%s: the name is "
				   "taken (line %d); each needs its own", sc->configs[i].name,
				   lines->config[j]);
	}
	for (i = 0; i < sc->nr_workloads; i++) {
		for (j = 0; j < i && strcmp(sc->workloads[i].name, sc->workloads[j].name); j++)
			;
		if (j < i)
			sc_problem(&rd->pb, lines->workload[i], "workloads.%s: the name is taken "
				   "(line %d); each needs its own", sc->workloads[i].name,
				   lines->workload[j]);
	}
}

static void check_guests(struct sc_reader *rd, const struct sc_lines *lines)
{
	const struct scenario *sc = rd->sc;
	struct sc_range count = sc_over_points(sc, "guests.count", sc->guests.count);
	struct sc_range guest_mb = sc_over_points(sc, "guests.memory_mb", sc->guests.memory_mb);
	struct sc_range host_mb = sc_over_points(sc, "host.memory_mb", sc->host.memory_mb);
	unsigned long long need_mb = count.max * guest_mb.max + HOST_OWN_MB;
	size_t i;

	if (need_mb > host_mb.min)
		sc_problem(&rd->pb, lines->host ? lines->host : lines->guests,
			   "host.memory_mb: %llu is not enough for %llu guests of %llu MB and %d "
			   "MB for the host itself; at least %llu",
			   (unsigned long long)host_mb.min, (unsigned long long)count.max,
			   (unsigned long long)guest_mb.max, HOST_OWN_MB, need_mb);
	for (i = 0; i < sc->nr_configs; i++) {
		if (sc->configs[i].net == SC_NET_VF && count.max > MAX_VFS)
			sc_problem(&rd->pb, lines->config[i], "configurations.%s.net: vf with %llu "
				   "guests; the card has %d virtual functions, guests.count at "
				   "most %d", sc->configs[i].name, (unsigned long long)count.max,
				   MAX_VFS, MAX_VFS);
	}
	for (i = 0; i < sc->nr_workloads; i++) {
		if (!count.min && needs_guest(&sc->workloads[i]))
			sc_problem(&rd->pb, lines->workload[i], "workloads.%s.tool: %s needs a "
				   "guest, but guests.count is 0; at least 1",
				   sc->workloads[i].name, sc_tool_name(sc->workloads[i].tool));
	}
}

static bool has_vhost(const struct sc_config *c)
{
	return c->net == SC_NET_VIRTIO_VHOST || c->disk == SC_DISK_VHOST_SCSI;
}

static void check_workers(struct sc_reader *rd, const struct sc_lines *lines)
{
	const struct scenario *sc = rd->sc;
	struct sc_range cpus = sc_over_points(sc, "host.cpus", (uint64_t)sc->host.cpus);
	size_t i;

	for (i = 0; i < sc->nr_configs; i++) {
		const struct sc_config *c = &sc->configs[i];

		if ((c->poll_us || c->worker_free) && c->net != SC_NET_VIRTIO_VHOST)
			sc_problem(&rd->pb, lines->config[i], "configurations.%s.%s: only with "
				   "net: virtio-vhost, which has workers", c->name,
				   c->poll_us ? "poll_us" : "worker_free");
		else if (c->worker_cpu && !has_vhost(c))
			sc_problem(&rd->pb, lines->config[i], "configurations.%s.worker_cpu: only "
				   "with net: virtio-vhost or disk: vhost-scsi, which have workers",
				   c->name);
		else if (c->worker_cpu && c->worker_free)
			sc_problem(&rd->pb, lines->config[i], "configurations.%s.worker_cpu: not with "
				   "worker_free, which leaves them to the scheduler", c->name);
		else if ((uint64_t)c->worker_cpu >= cpus.min)
			sc_problem(&rd->pb, lines->config[i], "configurations.%s.worker_cpu: %d, but "
				   "the host has %llu CPUs, counted from 0", c->name, c->worker_cpu,
				   (unsigned long long)cpus.min);
	}
}

/* The peer's CPUs are none of the vCPUs', and of neither the first one nor the card's. */
static void check_cpus(struct sc_reader *rd, const struct sc_lines *lines)
{
	const struct scenario *sc = rd->sc;
	struct sc_range cpus = sc_over_points(sc, "host.cpus", (uint64_t)sc->host.cpus);
	struct sc_range nic = sc_over_points(sc, "host.nic_cpu", (uint64_t)sc->host.nic_cpu);
	struct sc_range peer = sc_over_points(sc, "host.peer_cpus", (uint64_t)sc->host.peer_cpus);
	uint64_t vcpus = sc_over_points(sc, "guests.count", sc->guests.count).max *
			 sc_over_points(sc, "guests.vcpus", (uint64_t)sc->guests.vcpus).max;
	uint64_t own = 1 + (vcpus > nic.max ? vcpus : nic.max);

	if (nic.max >= cpus.min)
		sc_problem(&rd->pb, lines->host, "host.nic_cpu: %llu, but the host has %llu CPUs, "
			   "counted from 0", (unsigned long long)nic.max,
			   (unsigned long long)cpus.min);
	else if (peer.max && peer.max + own > cpus.min)
		sc_problem(&rd->pb, lines->host, "host.peer_cpus: %llu, but vCPUs and interrupts use "
			   "the first %llu of %llu CPUs", (unsigned long long)peer.max,
			   (unsigned long long)own, (unsigned long long)cpus.min);
	if (peer.max && sc->host.pin_load)
		sc_problem(&rd->pb, lines->host, "host.pin_load: not with peer_cpus, where load "
			   "generators are on the peer's CPUs");
}

/* Each word of module_params is MODULE.PARAMETER=VALUE. */
static void check_module_params(struct sc_reader *rd, const struct sc_config *c, int line)
{
	const char *w = c->module_params ? c->module_params : "";

	for (; *w; w += strcspn(w, " "), w += strspn(w, " ")) {
		size_t len = strcspn(w, " "), name = strcspn(w, "= "), dot = strcspn(w, ".= ");

		if (!dot || w[dot] != '.' || name == dot + 1 || w[name] != '=' ||
		    memchr(w, '/', name))
			sc_problem(&rd->pb, line, "configurations.%s.module_params: '%.*s' is not "
				   "MODULE.PARAMETER=VALUE, such as kvm.halt_poll_ns=0", c->name,
				   (int)len, w);
	}
}

static void check_net(struct sc_reader *rd, const struct sc_lines *lines)
{
	const struct scenario *sc = rd->sc;
	const struct sc_workload *w = NULL;
	size_t i;

	for (i = 0; i < sc->nr_workloads && !w; i++) {
		if (needs_net(&sc->workloads[i]))
			w = &sc->workloads[i];
	}
	for (i = 0; w && i < sc->nr_configs; i++) {
		if (sc->configs[i].net == SC_NET_NONE)
			sc_problem(&rd->pb, lines->config[i], "configurations.%s.net: none, but "
				   "workload %s (%s) needs a network; virtio-user, virtio-vhost or "
				   "vf", sc->configs[i].name, w->name, sc_tool_name(w->tool));
	}
}

static void check_eli(struct sc_reader *rd, const struct sc_lines *lines)
{
	const struct scenario *sc = rd->sc;
	struct sc_range cpus = sc_over_points(sc, "host.cpus", (uint64_t)sc->host.cpus);
	size_t i;

	for (i = 0; i < sc->nr_configs; i++) {
		const struct sc_config *c = &sc->configs[i];

		if (c->eli == SC_ELI_OFF)
			continue;
		if (sc_over_points(sc, "guests.vcpus", (uint64_t)sc->guests.vcpus).max > 1)
			sc_problem(&rd->pb, lines->config[i], "configurations.%s.eli: %s, but guests "
				   "have more than one vCPU; guests.vcpus: 1", c->name,
				   sc_eli_name(c->eli));
		if (cpus.min < 2)
			sc_problem(&rd->pb, lines->config[i], "configurations.%s.eli: %s, but the host "
				   "has one CPU and needs one beside the vCPU's; host.cpus: 2", c->name,
				   sc_eli_name(c->eli));
	}
}

/* A guest's settings mean nothing where there is none; so they are refused, not ignored. */
static void check_bare_metal(struct sc_reader *rd, const struct sc_lines *lines)
{
	const struct scenario *sc = rd->sc;
	struct sc_range cpus = sc_over_points(sc, "host.cpus", (uint64_t)sc->host.cpus);
	struct sc_range count = sc_over_points(sc, "guests.count", (uint64_t)sc->guests.count);
	struct sc_range vcpus = sc_over_points(sc, "guests.vcpus", (uint64_t)sc->guests.vcpus);
	size_t i, j;

	for (i = 0; i < sc->nr_configs; i++) {
		const struct sc_config *c = &sc->configs[i];
		const char *what = NULL;

		if (!c->bare_metal)
			continue;
		if (c->net != SC_NET_VF)
			what = "the host's own driver drives a virtual function; net: vf";
		else if (c->eli != SC_ELI_OFF)
			what = "there is no guest to take interrupts without exits; without eli";
		else if (c->disk != SC_DISK_NONE)
			what = "there is no guest to have a disk; without disk";
		else if (c->guest_kernel || c->guest_cmdline)
			what = "there is no guest to have a kernel; without guest_kernel and guest_cmdline";
		else if (count.min != 1 || count.max != 1)
			what = "it stands for one guest; guests.count: 1";
		else if (vcpus.max > 1)
			what = "it stands for a guest with one vCPU; guests.vcpus: 1";
		else if (cpus.min < 2)
			what = "the servers need a CPU beside the load generators'; host.cpus: 2";
		if (what)
			sc_problem(&rd->pb, lines->config[i], "configurations.%s.bare_metal: %s",
				   c->name, what);
		for (j = 0; !what && j < sc->nr_workloads; j++) {
			const struct sc_workload *w = &sc->workloads[j];

			if (!needs_net(w) && w->tool != SC_TOOL_IDLE)
				sc_problem(&rd->pb, lines->config[i], "configurations.%s.bare_metal: "
					   "workload %s (%s) runs in a guest only; rr, stream, "
					   "memcached, apache, iperf3, sockperf or idle", c->name, w->name,
					   sc_tool_name(w->tool));
		}
	}
}

/*
 * The driver igbvf keeps to a moderation only if what it makes of it, interrupts per second of a
 * clock of 256 ns, is a multiple of 4: other numbers it takes for its words that mean "adapt".
 */
static bool igbvf_keeps(uint64_t us)
{
	return us >= 10 && 1000000000 / (us * 4 * 256) % 4 == 0;
}

static void check_coalesce_value(struct sc_reader *rd, uint64_t us, int line)
{
	uint64_t low = us, high = us;

	if (!us || igbvf_keeps(us))
		return;
	while (low > 10 && !igbvf_keeps(low))
		low--;
	while (!igbvf_keeps(high))
		high++;
	sc_problem(&rd->pb, line, "guests.coalesce_us: the driver of the virtual function does not "
		   "keep to %llu us; %llu or %llu, or 0 to leave it to the driver",
		   (unsigned long long)us, (unsigned long long)(igbvf_keeps(low) ? low : 10),
		   (unsigned long long)high);
}

static void check_coalesce(struct sc_reader *rd, const struct sc_lines *lines)
{
	const struct scenario *sc = rd->sc;
	size_t i, j, vfs = 0;
	bool swept = false;

	for (i = 0; i < sc->nr_configs; i++)
		vfs += sc->configs[i].net == SC_NET_VF;
	for (i = 0; i < sc->nr_axes; i++) {
		if (strcmp(sc->sweep[i].key, "guests.coalesce_us"))
			continue;
		swept = true;
		for (j = 0; j < sc->sweep[i].n; j++)
			check_coalesce_value(rd, sc->sweep[i].values[j], lines->sweep);
	}
	if (!swept)
		check_coalesce_value(rd, sc->guests.coalesce_us, lines->guests);
	/* Swept, the points of other configurations would all be the same. */
	if (swept && vfs < sc->nr_configs)
		sc_problem(&rd->pb, lines->sweep, "guests.coalesce_us: swept only with net: vf in every "
			   "configuration; a virtio device has no moderation");
	else if (sc->guests.coalesce_us && !vfs)
		sc_problem(&rd->pb, lines->guests, "guests.coalesce_us: no configuration has net: vf; a "
			   "virtio device has no moderation");
}

size_t scenario_kernels(const struct scenario *sc, const char *names[SC_MAX_KERNELS])
{
	size_t n = 0, i, j;

	for (i = 0; i < sc->nr_configs; i++) {
		const char *name = sc->configs[i].guest_kernel;

		for (j = 0; name && j < n && strcmp(names[j], name); j++)
			;
		if (name && j == n && n < SC_MAX_KERNELS)
			names[n++] = name;
	}
	return n;
}

/* Each is in the host's memory, and an own image of guests with it. */
static void check_kernels(struct sc_reader *rd, const struct sc_lines *lines)
{
	const char *names[SC_MAX_KERNELS];
	size_t n = scenario_kernels(rd->sc, names), i, j;

	for (i = 0; i < rd->sc->nr_configs; i++) {
		const char *name = rd->sc->configs[i].guest_kernel;

		for (j = 0; name && j < n && strcmp(names[j], name); j++)
			;
		if (name && j == n)
			sc_problem(&rd->pb, lines->config[i], "configurations.%s.guest_kernel: %s is one "
				   "too many; a scenario can have %d kernels beside the testbed's own",
				   rd->sc->configs[i].name, name, SC_MAX_KERNELS);
	}
}

static bool is_virtio(const struct sc_config *c)
{
	return c->net == SC_NET_VIRTIO_USER || c->net == SC_NET_VIRTIO_VHOST ||
	       c->disk != SC_DISK_NONE;
}

static void check_disk(struct sc_reader *rd, const struct sc_lines *lines)
{
	const struct scenario *sc = rd->sc;
	const struct sc_workload *w = NULL;
	size_t i;

	for (i = 0; i < sc->nr_workloads && !w; i++) {
		if (sc->workloads[i].tool == SC_TOOL_BLOCK)
			w = &sc->workloads[i];
	}
	for (i = 0; i < sc->nr_configs; i++) {
		const struct sc_config *c = &sc->configs[i];

		if (w && c->disk == SC_DISK_NONE)
			sc_problem(&rd->pb, lines->config[i], "configurations.%s.disk: none, but "
				   "workload %s (block) needs a disk; virtio-blk, "
				   "virtio-blk-iothread or vhost-scsi", c->name, w->name);
		check_module_params(rd, c, lines->config[i]);
		if (!c->event_idx && !is_virtio(c))
			sc_problem(&rd->pb, lines->config[i], "configurations.%s.event_idx: only "
				   "with a virtio device, which this has not; net: virtio-user or "
				   "virtio-vhost, or a disk", c->name);
		/* virtio-blk has a ring of 256 from QEMU as it is; nobody has asked for more. */
		if (c->ring && c->net != SC_NET_VIRTIO_USER && !has_vhost(c))
			sc_problem(&rd->pb, lines->config[i], "configurations.%s.ring: only with net: "
				   "virtio-user or virtio-vhost, or disk: vhost-scsi", c->name);
	}
}

/* Each node is to have the same, and a CPU for vCPUs beside its first. */
static void check_nodes(struct sc_reader *rd, const struct sc_lines *lines)
{
	const struct scenario *sc = rd->sc;
	struct sc_range nodes = sc_over_points(sc, "host.numa_nodes", (uint64_t)sc->host.numa_nodes);
	struct sc_range cpus = sc_over_points(sc, "host.cpus", (uint64_t)sc->host.cpus);
	struct sc_range mb = sc_over_points(sc, "host.memory_mb", (uint64_t)sc->host.memory_mb);
	uint64_t n = nodes.max;

	if (n && (nodes.min != n || cpus.min != cpus.max || mb.min != mb.max))
		sc_problem(&rd->pb, lines->sweep, "host.numa_nodes: not together with a sweep of "
			   "itself, of host.cpus or of host.memory_mb");
	else if (n && (cpus.min % n || cpus.min / n < 2))
		sc_problem(&rd->pb, lines->host, "host.numa_nodes: %llu CPUs cannot be divided among "
			   "%llu nodes, at least 2 each; host.cpus: %llu", (unsigned long long)cpus.min,
			   (unsigned long long)n, (unsigned long long)(cpus.min < 2 * n ? 2 * n :
			   cpus.min - cpus.min % n));
	else if (n && mb.min % n)
		sc_problem(&rd->pb, lines->host, "host.numa_nodes: %llu MB cannot be divided among "
			   "%llu nodes; host.memory_mb: %llu", (unsigned long long)mb.min,
			   (unsigned long long)n, (unsigned long long)(mb.min - mb.min % n + n));
}

static void check_numa(struct sc_reader *rd, const struct sc_lines *lines)
{
	const struct scenario *sc = rd->sc;
	uint64_t nodes = (uint64_t)sc->host.numa_nodes;
	struct sc_range count = sc_over_points(sc, "guests.count", (uint64_t)sc->guests.count);
	struct sc_range guest_mb = sc_over_points(sc, "guests.memory_mb", (uint64_t)sc->guests.memory_mb);
	size_t i;

	for (i = 0; i < sc->nr_configs; i++) {
		const struct sc_config *c = &sc->configs[i];
		uint64_t need;

		if (!c->numa)
			continue;
		if (nodes < 2) {
			sc_problem(&rd->pb, lines->config[i], "configurations.%s.numa: the host has one "
				   "node; host.numa_nodes: 2", c->name);
			continue;
		}
		if (!has_vhost(c))
			sc_problem(&rd->pb, lines->config[i], "configurations.%s.numa: only with net: "
				   "virtio-vhost or disk: vhost-scsi, which I/O cores serve", c->name);
		/* Guests take turns: node 0, node 1, ... */
		need = (count.max + nodes - 1) / nodes * guest_mb.max + HOST_OWN_MB / nodes;
		need *= nodes;
		if (need > (uint64_t)sc->host.memory_mb)
			sc_problem(&rd->pb, lines->host, "host.memory_mb: %d is not enough for %llu "
				   "guests of %llu MB on %llu nodes; at least %llu", sc->host.memory_mb,
				   (unsigned long long)count.max, (unsigned long long)guest_mb.max,
				   (unsigned long long)nodes, (unsigned long long)need);
	}
}

/* How many points there will be, and whether their names fit. */
static void check_points(struct sc_reader *rd, const struct sc_lines *lines)
{
	const struct scenario *sc = rd->sc;
	uint64_t n = sc->nr_configs * (uint64_t)sc->repeat;
	size_t longest = 0, i, j, len = 4;

	for (i = 0; i < sc->nr_configs; i++) {
		size_t l = strlen(sc->configs[i].name);

		longest = l > longest ? l : longest;
	}
	len += longest;
	for (i = 0; i < sc->nr_axes; i++) {
		const struct sc_axis *axis = &sc->sweep[i];

		longest = 0;
		for (j = 0; j < axis->n; j++) {
			struct costs_ref ref;
			size_t l;

			if (axis->texts && !costs_ref_parse(axis->texts[j], &ref))
				l = snprintf(NULL, 0, ",%s=%s", axis->key, ref.label);
			else
				l = snprintf(NULL, 0, ",%s=%llu", axis->key,
					     (unsigned long long)axis->values[j]);

			longest = l > longest ? l : longest;
		}
		len += longest;
		/* At most 64 * 100 * 1000 so far, and no more multiplied once it is too many. */
		if (n <= SC_MAX_POINTS)
			n *= axis->n;
	}
	if (n > SC_MAX_POINTS)
		sc_problem(&rd->pb, lines->sweep ? lines->sweep : lines->configs,
			   "sweep: more than %d points (configurations x sweep x repeat); sweep "
			   "fewer values", SC_MAX_POINTS);
	if (len > SC_MAX_ID)
		sc_problem(&rd->pb, lines->sweep, "sweep: points would have names of %zu bytes; "
			   "at most %d, so shorter names or fewer swept keys", len, SC_MAX_ID);
}

static void check_mode(struct sc_reader *rd, const struct sc_lines *lines)
{
	const struct scenario *sc = rd->sc;
	bool swept = false;
	size_t i;

	for (i = 0; i < sc->nr_axes; i++)
		swept |= sc->sweep[i].texts != NULL;
	if (sc->costs && sc->mode != SC_MODE_TIMED)
		sc_problem(&rd->pb, lines->costs, "costs: nothing is added in mode %s; mode: timed",
			   sc_mode_name(sc->mode));
	if (swept && sc->mode != SC_MODE_TIMED)
		sc_problem(&rd->pb, lines->sweep, "sweep.costs: nothing is added in mode %s; "
			   "mode: timed", sc_mode_name(sc->mode));
}

void sc_check(struct sc_reader *rd, const struct sc_lines *lines)
{
	check_names(rd, lines);
	check_mode(rd, lines);
	check_guests(rd, lines);
	check_nodes(rd, lines);
	check_numa(rd, lines);
	check_net(rd, lines);
	check_disk(rd, lines);
	check_eli(rd, lines);
	check_bare_metal(rd, lines);
	check_kernels(rd, lines);
	check_coalesce(rd, lines);
	check_cpus(rd, lines);
	check_workers(rd, lines);
	sc_check_workloads(rd, lines);
	check_points(rd, lines);
}
