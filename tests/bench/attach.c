// SPDX-License-Identifier: GPL-2.0
/*
 * Attaches the floor programs and the engine, the real one with the real bpf/exits.bpf.c. Where
 * this KVM never calls kvm_exit, stand_in.c has it attached elsewhere.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench/floor.skel.h"
#include "engine/engine.h"
#include "guest.h"
#include "util/log.h"

#define MSR_WRITE_VMX	32	/* and, on the stand-in, the address of the guest's loop */
#define MSR_SVM		0x7c
#define NR_ENGINES	(EXITLAB_OTHER + MAX_OTHERS)

static struct floor_bpf *skel;
static struct bpf_link *floor_links[2];
static struct engine *engines[NR_ENGINES];
static uint64_t floor_runs_before[2];
static int floor_stats_fd = -1;

int expect_events(const char *who, uint64_t seen, uint64_t events, bool exact)
{
	if (exact ? seen == events : seen >= events)
		return 0;
	err("%s saw %llu events of %llu: the measurement is void", who, (unsigned long long)seen,
	    (unsigned long long)events);
	return -EPROTO;
}

static int floor_open(void)
{
	skel = floor_bpf__open_and_load();
	if (skel)
		return 0;
	err("the floor programs do not load on this kernel: %s", strerror(errno));
	return errno ? -errno : -EINVAL;
}

/* Runs, by the kernel's BPF statistics, which are on during the round that is not kept only. */
static uint64_t runs_of(const struct bpf_program *p)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len) ? 0 : info.run_cnt;
}

static const struct bpf_program *floor_prog(int kind, int which)
{
	switch (kind) {
	case FLOOR_EMPTY:
		return which ? skel->progs.empty_exit : skel->progs.empty_entry;
	case FLOOR_COUNT:
		return which ? skel->progs.count_exit : skel->progs.count_entry;
	case FLOOR_BTF_EMPTY:
		return which ? skel->progs.empty_exit_btf : skel->progs.empty_entry;
	default:
		return which ? skel->progs.count_exit_btf : skel->progs.count_entry;
	}
}

static bool leaves_no_trace(int kind)
{
	return kind == FLOOR_EMPTY || kind == FLOOR_BTF_EMPTY;
}

/* Sum over CPUs of entries (0) or exits (1). */
static int floor_count(__u32 which, uint64_t *sum)
{
	int cpus = libbpf_num_possible_cpus(), ret = 0, i;
	uint64_t *n = cpus > 0 ? calloc((size_t)cpus, sizeof(*n)) : NULL;

	if (!n)
		return -ENOMEM;
	*sum = 0;
	if (bpf_map_lookup_elem(bpf_map__fd(skel->maps.events), &which, n))
		ret = -errno;
	for (i = 0; i < cpus; i++)
		*sum += n[i];
	free(n);
	return ret;
}

static int floor_zero(void)
{
	int cpus = libbpf_num_possible_cpus(), ret = 0;
	uint64_t *n = cpus > 0 ? calloc((size_t)cpus, sizeof(*n)) : NULL;
	__u32 i;

	if (!n)
		return -ENOMEM;
	for (i = 0; i < 2; i++)
		if (bpf_map_update_elem(bpf_map__fd(skel->maps.events), &i, n, BPF_ANY))
			ret = -errno;
	free(n);
	return ret;
}

int floor_attach(const struct method *m, const char **why)
{
	static unsigned int verified;
	int i;

	(void)why;
	if (floor_zero())
		return -EIO;
	if (leaves_no_trace(m->arg) && !(verified & 1u << m->arg))
		floor_stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	verified |= 1u << m->arg;
	for (i = 0; i < 2; i++) {
		floor_runs_before[i] = runs_of(floor_prog(m->arg, i));
		floor_links[i] = bpf_program__attach(floor_prog(m->arg, i));
		if (!floor_links[i]) {
			i = -errno;
			err("%s: cannot attach: %s", m->title, strerror(-i));
			floor_detach(m);
			return i;
		}
	}
	return 0;
}

int floor_check(const struct method *m, uint64_t events, uint64_t runs)
{
	uint64_t seen = 0;
	int ret = 0, i;

	/* An empty program leaves no trace but in the kernel's statistics. */
	if (leaves_no_trace(m->arg) && floor_stats_fd < 0)
		return 0;
	for (i = 0; i < 2 && !ret; i++) {
		if (leaves_no_trace(m->arg))
			seen = runs_of(floor_prog(m->arg, i)) - floor_runs_before[i];
		else
			ret = floor_count((__u32)i, &seen);
		/* The OUT at the end of a run is an event, too; so are those of other VMs. */
		if (!ret)
			ret = expect_events(m->title, seen, events + runs, false);
	}
	return ret;
}

void floor_detach(const struct method *m)
{
	int i;

	(void)m;
	for (i = 0; i < 2; i++) {
		bpf_link__destroy(floor_links[i]);
		floor_links[i] = NULL;
	}
	if (floor_stats_fd >= 0)
		close(floor_stats_fd);
	floor_stats_fd = -1;
}

int engine_method_attach(const struct method *m, const char **why)
{
	if (!engines[m->arg]) {
		*why = "the stand-in has one argument too few";
		return -ENOSYS;
	}
	return engine_attach(engines[m->arg]);
}

/* Exits of the guest's loop, of this process. */
static uint64_t loop_exits(const struct trace_snapshot *s, bool msr)
{
	uint64_t n = 0;
	size_t v, r;

	for (v = 0; v < s->nr_vcpus; v++)
		for (r = 0; s->vcpus[v].vm == getpid() && r < s->vcpus[v].nr_reasons; r++) {
			const struct exit_stat *e = &s->vcpus[v].reasons[r];

			if (e->reason == (!stand_in && e->isa == 2 ? MSR_SVM : MSR_WRITE_VMX) &&
			    e->has_detail == msr)
				n += e->count;
		}
	return n;
}

/* Is it as the row says? The engine falls back silently. */
static bool by_tp_btf(const struct method *m, const struct trace_snapshot *s)
{
	size_t i;

	for (i = 0; i < s->nr_probes; i++)
		if (m->arg <= EXITLAB_OFF && strcmp(s->probes[i].rung, "tp_btf"))
			return false;
	return true;
}

int engine_method_check(const struct method *m, uint64_t events, uint64_t runs)
{
	struct trace_snapshot s;
	int ret = engine_read(engines[m->arg], &s);

	(void)runs;
	if (ret) {
		err("%s: cannot be read: %s", m->title, strerror(-ret));
		return ret;
	}
	/* If somebody's perf event sits on the stand-in, exits come before their entries, and the
	 * first one is of a thread not known yet. */
	if (stand_in && s.ledger.unknown_exits)
		events--;
	if (s.ledger.map_full || s.ledger.recursion_missed) {
		err("%s lost events: %llu for want of room, %llu by recursion", m->title,
		    (unsigned long long)s.ledger.map_full,
		    (unsigned long long)s.ledger.recursion_missed);
		ret = -EPROTO;
	} else if (!by_tp_btf(m, &s)) {
		err("%s: it is attached in another way than that (-vv says why)", m->title);
		ret = -EPROTO;
	} else {
		ret = expect_events(m->title, loop_exits(&s, m->arg == EXITLAB_MSR), events,
				    !(stand_in && s.ledger.unknown_exits));
	}
	snapshot_free(&s);
	return ret;
}

void engine_method_detach(const struct method *m)
{
	engine_detach(engines[m->arg]);
}

int attach_find_tracepoints(void)
{
	static const struct method probe = { .title = "the probe of kvm_exit", .arg = FLOOR_COUNT };
	struct guest g;
	uint64_t ns, seen = 0;
	int ret = floor_open();

	if (ret)
		return ret;
	ret = floor_attach(&probe, NULL);
	if (!ret) {
		ret = guest_open(&g, true);
		if (!ret) {
			ret = guest_run(&g, 100, &ns);
			guest_close(&g);
		}
		if (ret)
			err("the guest does not run: %s", strerror(-ret));
		else
			ret = floor_count(1, &seen);
	}
	floor_detach(&probe);
	floor_bpf__destroy(skel);
	skel = NULL;
	stand_in = seen < 100;
	return ret;
}

int attach_open(const char *const others[MAX_OTHERS])
{
	static const struct cpu_list every_cpu = {
		.mask = { [0 ... CPU_LIST_MAX / 64 - 1] = ~0ull },
	};
	static const struct engine_opts opts[NR_ENGINES] = {
		[EXITLAB_PLAIN] = { .time = TIME_AUTO },
		[EXITLAB_ALL] = { .time = TIME_ALL },
		[EXITLAB_OFF] = { .time = TIME_OFF },
		[EXITLAB_TP] = { .rung = "kvm_exit=tp", .time = TIME_AUTO },
		[EXITLAB_MSR] = { .details = DETAIL_MSR },
		[EXITLAB_PORT] = { .details = DETAIL_PORT },
		[EXITLAB_GPA] = { .details = DETAIL_GPA },
		[EXITLAB_CPUS] = { .cpus = &every_cpu, .time = TIME_AUTO },
		[EXITLAB_COST] = { .own_cost = true, .time = TIME_AUTO },
		[EXITLAB_OTHER ... NR_ENGINES - 1] = { .time = TIME_AUTO },
	};
	int ret = floor_open(), i;

	for (i = 0; !ret && i < NR_ENGINES; i++) {
		if (i >= EXITLAB_OTHER) {
			if (!others[i - EXITLAB_OTHER])
				break;
			ret = use_other_object(others[i - EXITLAB_OTHER]);
		}
		if (!ret && !(stand_in && i == EXITLAB_GPA))
			ret = engine_open(&opts[i], &engines[i]);
		use_other_object(NULL);
	}
	return ret;
}

void attach_close(void)
{
	int i;

	for (i = 0; i < NR_ENGINES; i++) {
		engine_close(engines[i]);
		engines[i] = NULL;
	}
	floor_bpf__destroy(skel);
	skel = NULL;
}
