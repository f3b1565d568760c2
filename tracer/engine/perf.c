// SPDX-License-Identifier: GPL-2.0
/*
 * The perf engine: for hosts whose kernel has no usable BPF or BTF. Every event of KVM's
 * tracepoints is written to a ring buffer per CPU and read by a thread, which puts them in order
 * (perf_order.h) and counts (core/replay.h). The same counts as the BPF engine's, at a higher cost
 * per event; and what a ring has no room for is lost, which the ledger says.
 *
 * A tracepoint counts on the CPU where it is hit, so each CPU has its own events, and CPUs that
 * come online later need theirs.
 */
#include "engine/backend.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/replay.h"
#include "engine/perf_order.h"
#include "engine/perf_ring.h"
#include "engine/tep.h"
#include "host/privileges.h"
#include "util/cpus.h"
#include "util/log.h"

#define RING_KB 2048		/* of a CPU, if that may be locked */
#define CPUS_EVERY_MS 1000	/* looks at the CPUs, where the kernel does not tell */

/* In the order in which they are switched on: an exit needs the entry before it. */
static const struct {
	enum kvm_event_type type;
	unsigned int detail;		/* only with this one; 0 = always */
	bool optional;			/* not on every kernel */
} wanted[RING_EVENTS] = {
	{ .type = KVM_EVENT_ENTRY },
	{ .type = KVM_EVENT_EXIT },
	{ .type = KVM_EVENT_MSR, .detail = DETAIL_MSR },
	{ .type = KVM_EVENT_PIO, .detail = DETAIL_PORT },
	{ .type = KVM_EVENT_PAGE_FAULT, .detail = DETAIL_GPA },
	{ .type = KVM_EVENT_MMIO, .detail = DETAIL_GPA },
	{ .type = KVM_EVENT_FAST_MMIO, .detail = DETAIL_GPA, .optional = true },
};

struct perf_engine {
	struct engine_opts opts;
	struct kvm_decoder *decoder;
	int id[RING_EVENTS];
	enum kvm_event_type type[RING_EVENTS];
	size_t nr_ids;
	size_t ring_kb;
	bool ring_forced;		/* no smaller ring will do */
	pthread_t thread;
	bool running;
	int stop_fd;			/* eventfd */
	int cpus_fd;			/* tells that CPUs come and go; -1 = cannot */
	struct pollfd poll[2 + CPU_SETSIZE];	/* the thread's own */
	/* What follows belongs to who holds the lock. */
	pthread_mutex_t lock;
	struct perf_ring ring[CPU_SETSIZE];	/* by CPU; n == 0: none */
	cpu_set_t refused;		/* CPUs that came online and could not be opened */
	struct perf_order order;
	struct replay *replay;
	uint64_t events;		/* read */
	uint64_t closed_lost;		/* of rings that are closed */
	uint64_t reader_ns, caller_ns;	/* CPU time: of the thread; of engine_read() */
};

/* ---- opening ---- */

static int say_why(int e)
{
	if (e == -ENODEV)
		err("tracefs is not mounted; try: mount -t tracefs tracefs /sys/kernel/tracing");
	else if (e == -ENOENT)
		err("this kernel has no kvm_exit tracepoint; is the kvm module loaded?");
	else if (e == -EACCES || e == -EPERM)
		err("reading KVM's tracepoints by perf needs root, or CAP_PERFMON and read access to tracefs");
	else if (e == -EMFILE || e == -ENFILE)
		err("the limit of open files is too low for perf events on all CPUs; try: ulimit -n 65536");
	else
		err("perf events of KVM cannot be opened: %s", strerror(-e));
	return e == -ENOENT ? -EOPNOTSUPP : e;
}

static int learn_events(struct perf_engine *e)
{
	size_t i;
	int ret = 0;

	for (i = 0; !ret && i < RING_EVENTS; i++) {
		if (wanted[i].detail && !(e->opts.details & wanted[i].detail))
			continue;
		ret = kvm_decoder_add_live(e->decoder, wanted[i].type);
		if (!ret) {
			e->type[e->nr_ids] = wanted[i].type;
			e->id[e->nr_ids++] = kvm_decoder_id(e->decoder, wanted[i].type);
		} else if (ret == -ENOENT && wanted[i].optional) {
			ret = 0;
		}
	}
	if (ret == -EINVAL || ret == -EOPNOTSUPP) {
		err("the %s tracepoint of this kernel has an unknown layout",
		    kvm_event_name(wanted[i - 1].type));
		return -EOPNOTSUPP;
	}
	return ret ? say_why(ret) : 0;
}

/* Whether one event can be opened, on the first CPU there is. */
static int try_open(struct perf_engine *e)
{
	struct perf_ring r;
	cpu_set_t online;
	int cpu, ret = cpus_online(&online);

	for (cpu = 0; !ret && cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &online))
			continue;
		ret = ring_open(&r, cpu, e->id, 1);
		if (!ret)
			ring_close(&r);
		break;
	}
	return ret;
}

/* A power of two, at least a page. */
static size_t ring_size(long kb)
{
	size_t n = (size_t)sysconf(_SC_PAGESIZE);

	while (n < (size_t)kb * 1024)
		n *= 2;
	return n / 1024;
}

static int perf_open(const struct engine_opts *opts, void **out)
{
	const char *kb = getenv("EXITLAB_RING_KB");
	struct perf_engine *e = calloc(1, sizeof(*e));
	int ret;

	if (!e)
		return -ENOMEM;
	e->opts = *opts;
	e->ring_forced = kb && atoi(kb) > 0 && atoi(kb) <= 1 << 20;
	e->ring_kb = ring_size(e->ring_forced ? atoi(kb) : RING_KB);
	pthread_mutex_init(&e->lock, NULL);
	e->stop_fd = eventfd(0, EFD_CLOEXEC);
	e->cpus_fd = cpus_watch();
	e->decoder = kvm_decoder_new(NULL);
	ret = e->decoder && e->stop_fd >= 0 ? learn_events(e) : -ENOMEM;
	if (!ret) {
		ret = try_open(e);
		if (ret)
			say_why(ret);
	}
	if (ret) {
		perf_backend.close(e);
		return ret;
	}
	*out = e;
	return 0;
}

/* ---- rings ---- */

/* As large as the limit of locked memory allows. */
static int map_ring(struct perf_engine *e, struct perf_ring *r)
{
	int ret;

	while ((ret = ring_map(r, e->ring_kb * 1024)) == -EPERM && !e->ring_forced &&
	       e->ring_kb >= 128)
		e->ring_kb /= 4;
	return ret;
}

/* 0, also if @cpu is offline. */
static int open_cpu(struct perf_engine *e, int cpu)
{
	struct perf_ring *r = &e->ring[cpu];
	struct rlimit files;
	int ret = ring_open(r, cpu, e->id, e->nr_ids);

	if (ret == -EMFILE && !getrlimit(RLIMIT_NOFILE, &files) &&
	    files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		if (!setrlimit(RLIMIT_NOFILE, &files))
			ret = ring_open(r, cpu, e->id, e->nr_ids);
	}
	if (ret == -ENODEV)
		return 0;
	if (ret)
		return say_why(ret);
	ret = map_ring(e, r);
	if (!ret)
		return 0;
	if (ret == -EPERM)
		err("no ring buffer of %zu kB a CPU: see ulimit -l and kernel.perf_event_mlock_kb, or use CAP_IPC_LOCK",
		    e->ring_kb);
	else
		err("no ring buffer of %zu kB a CPU: %s", e->ring_kb, strerror(-ret));
	ring_close(r);
	return ret;
}

static void close_cpu(struct perf_engine *e, struct perf_ring *r)
{
	e->closed_lost += ring_lost(r);
	ring_close(r);
}

/* One event everywhere after the other, so that no exit is seen whose entry could not be. */
static int enable(struct perf_engine *e, bool on)
{
	int cpu, ret = 0;
	size_t i;

	for (i = 0; i < e->nr_ids; i++)
		for (cpu = 0; cpu < CPU_SETSIZE && !(on && ret); cpu++)
			if (e->ring[cpu].n)
				ret = ring_enable(&e->ring[cpu], i, on);
	return ret;
}

/* ---- reading ---- */

static void on_sample(const struct ring_sample *s, void *arg)
{
	struct kvm_event ev = { .ts_ns = s->ts_ns, .tgid = s->tgid, .tid = s->tid, .cpu = s->cpu };
	struct perf_engine *e = arg;

	e->events++;
	/* What cannot be kept or understood is a gap. */
	if (kvm_decoder_read(e->decoder, s->raw, s->raw_size, &ev) || order_event(&e->order, &ev))
		replay_lost(e->replay, 1);
}

static void on_lost(uint64_t ts_ns, uint64_t n, void *arg)
{
	struct perf_engine *e = arg;

	/* How many is asked for in the end (ring_lost()): the last ones are in no record. */
	(void)n;
	if (order_loss(&e->order, ts_ns, 0))
		replay_lost(e->replay, 0);
}

/* Reads all rings once. */
static void read_rings(struct perf_engine *e, bool all)
{
	static const struct ring_ops ops = { on_sample, on_lost };
	int cpu;

	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (e->ring[cpu].n)
			ring_drain(&e->ring[cpu], &ops, e);
	order_round(&e->order, e->replay, all);
}

static void welcome_cpu(struct perf_engine *e, int cpu)
{
	size_t i;
	int ret = open_cpu(e, cpu);

	for (i = 0; !ret && i < e->ring[cpu].n; i++)
		ret = ring_enable(&e->ring[cpu], i, true);
	if (ret)
		CPU_SET(cpu, &e->refused);
	info("CPU %d has come online: exits on it are %s", cpu,
	     ret ? "not counted" : "counted from now on");
}

/*
 * CPUs come and go. One that went takes its events with it: they do not come back by themselves,
 * not even if it is back before we look.
 */
static void look_at_cpus(struct perf_engine *e)
{
	cpu_set_t online, gone;
	int cpu;

	cpus_gone(e->cpus_fd, &gone);
	if (cpus_online(&online))
		return;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		bool on = CPU_ISSET(cpu, &online);

		if (e->ring[cpu].n && (!on || CPU_ISSET(cpu, &gone)))
			close_cpu(e, &e->ring[cpu]);
		if (on && !e->ring[cpu].n && !CPU_ISSET(cpu, &e->refused))
			welcome_cpu(e, cpu);
	}
}

static uint64_t thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The thread needs less than who started it: what CPUs that come online take. */
static void drop_privileges(void)
{
	const uint64_t keep = 1ull << CAP_PERFMON | 1ull << CAP_IPC_LOCK |
			      (privileges_perf_is_closed() ? 1ull << CAP_SYS_ADMIN : 0);
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];
	size_t i;

	if (syscall(SYS_capget, &h, d))
		return;
	for (i = 0; i < 2; i++) {
		d[i].permitted &= (uint32_t)(keep >> 32 * i);
		d[i].effective = d[i].permitted;
		d[i].inheritable = 0;
	}
	syscall(SYS_capset, &h, d);
}

/* Waits until a ring is half full or a second is over. True: go on. */
static bool wait_for_events(struct perf_engine *e, bool *cpus)
{
	struct pollfd *p = e->poll;
	nfds_t n = 2, i;
	int cpu, ret;

	p[0] = (struct pollfd){ .fd = e->stop_fd, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = e->cpus_fd, .events = POLLIN };
	pthread_mutex_lock(&e->lock);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (e->ring[cpu].n)
			p[n++] = (struct pollfd){ .fd = e->ring[cpu].fd[0], .events = POLLIN };
	pthread_mutex_unlock(&e->lock);
	ret = poll(p, n, CPUS_EVERY_MS);
	*cpus = ret == 0 || p[1].revents;
	for (i = 2; ret > 0 && i < n; i++)
		*cpus |= p[i].revents & (POLLHUP | POLLERR);
	return !p[0].revents;
}

static void *reader(void *arg)
{
	struct perf_engine *e = arg;
	bool cpus;

	drop_privileges();
	while (wait_for_events(e, &cpus)) {
		pthread_mutex_lock(&e->lock);
		read_rings(e, false);
		if (cpus)
			look_at_cpus(e);
		e->reader_ns = thread_cpu_ns();
		pthread_mutex_unlock(&e->lock);
	}
	return NULL;
}

static int start_reader(struct perf_engine *e)
{
	sigset_t all, old;
	int ret;

	/* Signals are for the thread that knows what to do. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&e->thread, NULL, reader, e);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	e->running = !ret;
	return -ret;
}

static void stop_reader(struct perf_engine *e)
{
	uint64_t n = 1;

	if (!e->running)
		return;
	if (write(e->stop_fd, &n, sizeof(n)) == sizeof(n))
		pthread_join(e->thread, NULL);
	if (read(e->stop_fd, &n, sizeof(n)) < 0)
		dbg("the reader's eventfd: %s", strerror(errno));
	e->running = false;
}

/* ---- the backend ---- */

static void perf_detach(void *b)
{
	struct perf_engine *e = b;
	uint64_t t = thread_cpu_ns();
	int cpu;

	/* The reader opens and closes rings of its own accord until it is stopped. */
	pthread_mutex_lock(&e->lock);
	enable(e, false);
	pthread_mutex_unlock(&e->lock);
	stop_reader(e);
	if (e->replay) {
		read_rings(e, false);
		read_rings(e, true);
	}
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (e->ring[cpu].n)
			close_cpu(e, &e->ring[cpu]);
	e->caller_ns += thread_cpu_ns() - t;
}

static int perf_attach(void *b)
{
	struct perf_engine *e = b;
	struct replay_opts o = { .pid = e->opts.pid, .cpus = e->opts.cpus,
				 .detail = e->opts.details };
	cpu_set_t online;
	int cpu, ret = cpus_online(&online);

	replay_free(e->replay);
	order_free(&e->order);
	CPU_ZERO(&e->refused);
	e->events = e->closed_lost = e->reader_ns = e->caller_ns = 0;
	e->replay = replay_new(&o);
	if (!e->replay)
		return -ENOMEM;
	for (cpu = 0; !ret && cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &online))
			ret = open_cpu(e, cpu);
	if (!ret)
		ret = enable(e, true);
	if (!ret)
		ret = start_reader(e);
	if (ret)
		perf_detach(e);
	return ret;
}

static void add_probes(const struct perf_engine *e, struct trace_snapshot *out)
{
	size_t i;

	for (i = 0; i < e->nr_ids && out->nr_probes < MAX_PROBES; i++) {
		struct probe_info *p = &out->probes[out->nr_probes++];

		snprintf(p->name, sizeof(p->name), "%s", kvm_event_name(e->type[i]));
		snprintf(p->rung, sizeof(p->rung), "perf");
	}
}

static int perf_read(void *b, struct trace_snapshot *out)
{
	struct perf_engine *e = b;
	uint64_t t = thread_cpu_ns();
	int cpu, ret = 0;

	pthread_mutex_lock(&e->lock);
	/* Twice: then all that had happened before this call is counted (perf_order.c). */
	if (e->running) {
		read_rings(e, false);
		read_rings(e, false);
	}
	if (e->replay)
		ret = replay_snapshot(e->replay, out);
	out->ledger.lost += e->closed_lost;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (e->ring[cpu].n)
			out->ledger.lost += ring_lost(&e->ring[cpu]);
	add_probes(e, out);
	e->caller_ns += thread_cpu_ns() - t;
	out->cost_of_reader = true;
	out->run_cnt = e->events;
	out->run_ns = e->reader_ns + e->caller_ns;
	pthread_mutex_unlock(&e->lock);
	return ret;
}

static void perf_close(void *b)
{
	struct perf_engine *e = b;

	if (e->replay)
		perf_detach(e);
	replay_free(e->replay);
	order_free(&e->order);
	kvm_decoder_free(e->decoder);
	if (e->stop_fd >= 0)
		close(e->stop_fd);
	if (e->cpus_fd >= 0)
		close(e->cpus_fd);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

const struct engine_backend perf_backend = {
	.name = "perf",
	.open = perf_open,
	.attach = perf_attach,
	.detach = perf_detach,
	.read = perf_read,
	.close = perf_close,
};
