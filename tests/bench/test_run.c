// SPDX-License-Identifier: GPL-2.0
/*
 * The programs themselves, without the tracepoint around them: BPF_PROG_TEST_RUN calls the raw_tp
 * versions with a live vCPU, an exit and an entry in turn, and the kernel's BPF statistics say how
 * long they ran. A run includes what those statistics cost, which the empty program shows.
 */
#include "bench.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench/floor.skel.h"
#include "core/reason.h"
#include "engine/engine.h"
#include "guest.h"
#include "host/vcpus.h"
#include "util/log.h"

enum { EMPTY, COUNT, ENTRY, EXIT, NR_PROGS };
static const char *const names[NR_PROGS] = {
	"empty program", "per-CPU counter", "exitlab, entry", "exitlab, exit",
};

/* Address of our vCPU's struct kvm_vcpu; 0: not found. */
static uint64_t our_vcpu(void)
{
	struct vcpu_record *all = NULL;
	struct vcpus *v = NULL;
	uint64_t found = 0;
	size_t n = 0, i;

	if (!vcpus_open(&v) && !vcpus_read(v, &all, &n))
		for (i = 0; i < n; i++)
			if (all[i].tgid == (unsigned int)getpid())
				found = all[i].vcpu;
	free(all);
	vcpus_close(v);
	return found;
}

static int call(int fd, const uint64_t *args, size_t size)
{
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, o, .ctx_in = args, .ctx_size_in = (__u32)size);

	return bpf_prog_test_run_opts(fd, &o) ? -errno : 0;
}

static struct bpf_prog_info stats(int fd)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	bpf_obj_get_info_by_fd(fd, &info, &len);
	return info;
}

/* All in turn, so that they meet the same machine. */
static int run_all(const int *fd, uint64_t vcpu, uint64_t runs, double *ns)
{
	uint64_t isa = stand_in ? 0 : access("/sys/module/kvm_amd", F_OK) ? KVM_ISA_VMX : KVM_ISA_SVM;
	const uint64_t entry[] = { vcpu, 0 }, exit[] = { vcpu, isa };
	struct bpf_prog_info before[NR_PROGS], after;
	uint64_t r;
	int ret = 0, i;

	for (i = 0; i < NR_PROGS; i++)
		before[i] = stats(fd[i]);
	for (r = 0; r < runs && !ret; r++)
		for (i = 0; i < NR_PROGS && !ret; i++)
			ret = call(fd[i], i == EXIT ? exit : entry, sizeof(entry));
	for (i = 0; i < NR_PROGS && !ret; i++) {
		after = stats(fd[i]);
		ret = expect_events(names[i], after.run_cnt - before[i].run_cnt, runs, true);
		ns[i] = (double)(after.run_time_ns - before[i].run_time_ns) / (double)runs;
	}
	return ret;
}

/* The engine must have counted them for our vCPU. */
static int verify(struct engine *e, uint64_t runs)
{
	struct trace_snapshot s;
	uint64_t exits = 0;
	size_t i;
	int ret = engine_read(e, &s);

	if (ret)
		return ret;
	for (i = 0; i < s.nr_vcpus; i++)
		if (s.vcpus[i].vm == getpid())
			exits = s.vcpus[i].exits;
	snapshot_free(&s);
	return expect_events("exitlab", exits, runs, true);
}

static int print(const double *ns, uint64_t runs)
{
	json_t *rows = json_array(), *top;
	double pair = ns[ENTRY] + ns[EXIT] - 2 * ns[EMPTY], floor = 2 * (ns[COUNT] - ns[EMPTY]);
	int i;

	for (i = 0; i < NR_PROGS; i++)
		json_array_append_new(rows, json_pack("{s:s, s:f}", "name", names[i], "ns", ns[i]));
	top = json_pack("{s:s, s:I, s:f, s:f, s:o}", "schema", "exitlab-bench-test-run/1",
			"runs", (json_int_t)runs, "pair_added_ns", pair, "counters_added_ns", floor,
			"rows", rows);
	if (!top)
		return -ENOMEM;
	json_dumpf(top, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(top);
	return 0;
}

int test_run(uint64_t runs)
{
	const struct engine_opts opts = { .rung = "raw_tp", .time = TIME_AUTO };
	int stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME), fd[NR_PROGS], ret;
	struct floor_bpf *floor = floor_bpf__open_and_load();
	struct engine *e = NULL;
	double ns[NR_PROGS];
	struct guest g;
	uint64_t vcpu;

	ret = guest_open(&g, !stand_in);
	if (ret || stats_fd < 0 || !floor) {
		err("test run: %s", strerror(ret ? -ret : errno));
		return ret ? ret : -EIO;
	}
	ret = engine_open(&opts, &e);
	/* Before another object is loaded. */
	fd[ENTRY] = ret ? -1 : bpf_program__fd(last_program("fast_entry_raw_tp"));
	fd[EXIT] = ret ? -1 : bpf_program__fd(last_program("fast_exit_raw_tp"));
	fd[EMPTY] = bpf_program__fd(floor->progs.empty_raw);
	fd[COUNT] = bpf_program__fd(floor->progs.count_raw);
	vcpu = our_vcpu();
	if (!ret && !vcpu) {
		err("test run: the vCPU is not found");
		ret = -ENOENT;
	}
	if (!ret)
		ret = run_all(fd, vcpu, runs, ns);
	if (!ret)
		ret = verify(e, runs);
	if (!ret)
		ret = print(ns, runs);
	engine_close(e);
	floor_bpf__destroy(floor);
	guest_close(&g);
	close(stats_fd);
	return ret;
}
