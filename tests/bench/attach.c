// SPDX-License-Identifier: GPL-2.0
/*
 * Attaches the floor programs and the engine, the real one with the real bpf/exits.bpf.c.
 *
 * The hard part is a KVM that never calls kvm_entry and kvm_exit. There every program is attached
 * to kvm_emulate_insn instead, whose first argument is the vCPU, too. Nobody is told: the linker
 * wraps (-Wl,--wrap) the calls by which the engine loads and attaches its programs and reads the
 * layout of records. Programs run in the order in which they were attached, so every event is an
 * entry, then an exit, then (msr_detail) the MSR's number, and every exit finds its entry.
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
#include "engine/tracefs.h"
#include "guest.h"
#include "util/log.h"

#define MSR_WRITE_VMX	32	/* and, on the stand-in, the address of the guest's loop */
#define MSR_SVM		0x7c
#define NR_ENGINES	(EXITLAB_OTHER + MAX_OTHERS)

int __real_bpf_object__load_skeleton(struct bpf_object_skeleton *s);
int __wrap_bpf_object__load_skeleton(struct bpf_object_skeleton *s);
int __real_bpf_object__open_skeleton(struct bpf_object_skeleton *s,
				     const struct bpf_object_open_opts *o);
int __wrap_bpf_object__open_skeleton(struct bpf_object_skeleton *s,
				     const struct bpf_object_open_opts *o);
struct bpf_link *__real_bpf_program__attach(const struct bpf_program *p);
struct bpf_link *__wrap_bpf_program__attach(const struct bpf_program *p);
int __real_tracefs_format(const char *event, char *buf, size_t size);
int __wrap_tracefs_format(const char *event, char *buf, size_t size);
int __real_format_field(const char *format, const char *field, struct event_field *out);
int __wrap_format_field(const char *format, const char *field, struct event_field *out);

bool stand_in;
static struct floor_bpf *skel;
static struct bpf_link *floor_links[2];
static struct engine *engines[NR_ENGINES];
static uint64_t floor_runs_before[2];
static int floor_stats_fd = -1;
/* Kernel's numbers of the programs that were attached, each once. */
static __u32 ids[32];
static size_t nr_ids;
/* The next skeleton that is opened takes its programs from here. */
static void *other_obj;
static size_t other_size;

int __wrap_bpf_object__open_skeleton(struct bpf_object_skeleton *s,
				     const struct bpf_object_open_opts *o)
{
	if (other_obj) {
		s->data = other_obj;
		s->data_sz = other_size;
	}
	return __real_bpf_object__open_skeleton(s, o);
}

int __wrap_bpf_object__load_skeleton(struct bpf_object_skeleton *s)
{
	struct bpf_program *p;
	int ret = 0;

	if (!stand_in)
		return __real_bpf_object__load_skeleton(s);
	bpf_object__for_each_program(p, *s->obj)
		if (!ret && bpf_program__autoload(p) &&
		    !strncmp(bpf_program__section_name(p), "tp_btf/", 7))
			ret = bpf_program__set_attach_target(p, 0, STAND_IN);
	return ret ? ret : __real_bpf_object__load_skeleton(s);
}

static void remember(const struct bpf_program *p)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	size_t i;

	if (bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len))
		return;
	for (i = 0; i < nr_ids; i++)
		if (ids[i] == info.id)
			return;
	if (nr_ids < sizeof(ids) / sizeof(ids[0]))
		ids[nr_ids++] = info.id;
}

struct bpf_link *__wrap_bpf_program__attach(const struct bpf_program *p)
{
	const char *section = bpf_program__section_name(p);

	remember(p);
	if (stand_in && !strncmp(section, "tp/", 3))
		return bpf_program__attach_tracepoint(p, "kvm", STAND_IN);
	if (stand_in && !strncmp(section, "raw_tp/", 7))
		return bpf_program__attach_raw_tracepoint(p, STAND_IN);
	return __real_bpf_program__attach(p);
}

int __wrap_tracefs_format(const char *event, char *buf, size_t size)
{
	return __real_tracefs_format(stand_in ? "kvm/" STAND_IN : event, buf, size);
}

int __wrap_format_field(const char *format, const char *field, struct event_field *out)
{
	if (stand_in)	/* csbase is 0 */
		field = strcmp(field, "exit_reason") ? "csbase" : "rip";
	return __real_format_field(format, field, out);
}

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
	if (kind == FLOOR_EMPTY)
		return which ? skel->progs.empty_exit : skel->progs.empty_entry;
	return which ? skel->progs.count_exit : skel->progs.count_entry;
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
	static bool verified;
	int i;

	(void)why;
	if (floor_zero())
		return -EIO;
	if (m->arg == FLOOR_EMPTY && !verified)
		floor_stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	verified = verified || m->arg == FLOOR_EMPTY;
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
	if (m->arg == FLOOR_EMPTY && floor_stats_fd < 0)
		return 0;
	for (i = 0; i < 2 && !ret; i++) {
		if (m->arg == FLOOR_EMPTY)
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
	(void)why;
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

static int read_object(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret = 0;

	if (fd < 0 || fstat(fd, &st)) {
		ret = -errno;
		goto out;
	}
	other_size = (size_t)st.st_size;
	other_obj = malloc(other_size + 1);
	if (!other_obj || read(fd, other_obj, other_size) != (ssize_t)other_size)
		ret = -EIO;
out:
	if (fd >= 0)
		close(fd);
	if (ret)
		err("%s: %s", path, strerror(-ret));
	return ret;
}

int attach_open(const char *const others[MAX_OTHERS])
{
	static const struct engine_opts opts[NR_ENGINES] = {
		[EXITLAB_MSR] = { .msr_detail = true },
		[EXITLAB_COST] = { .own_cost = true },
	};
	int ret = floor_open(), i;

	for (i = 0; !ret && i < NR_ENGINES; i++) {
		if (i >= EXITLAB_OTHER) {
			if (!others[i - EXITLAB_OTHER])
				break;
			ret = read_object(others[i - EXITLAB_OTHER]);
		}
		if (!ret)
			ret = engine_open(&opts[i], &engines[i]);
		free(other_obj);
		other_obj = NULL;
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

int attach_left_over(void)
{
	int left = 0, tries;
	size_t i;

	/* The kernel frees programs a grace period after the last reference has gone. */
	for (i = 0; i < nr_ids; i++) {
		for (tries = 0; tries < 200; tries++) {
			int fd = bpf_prog_get_fd_by_id(ids[i]);

			if (fd < 0)
				break;
			close(fd);
			usleep(10000);
		}
		left += tries == 200;
	}
	return left;
}
