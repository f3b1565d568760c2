// SPDX-License-Identifier: GPL-2.0
/*
 * The engines end to end on a host whose KVM never calls kvm_entry and kvm_exit (a software
 * hypervisor such as PVM): they are attached to two tracepoints that do fire there,
 * with the same first argument or at other offsets of the record, and must count what kvmguest did.
 *
 *   kvm_entry -> kvm_emulate_insn(vcpu, ...)	kvm_exit -> kvm_userspace_exit(reason, errno)
 *
 * The engine does not know: its look-up of the layout is answered here, and bpf_program__attach()
 * is wrapped by the linker (-Wl,--wrap); the perf engine takes the number of the event from the
 * layout, too. So what is tested is the map handling, the attribution to
 * VM and vCPU, pairing, the exit without an entry after it, and starting again from zero. What is
 * not is the reading of real kvm_exit records; the emulated testbed does that.
 *
 * usage: engine-native KVMGUEST	prints TAP
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "engine/engine.h"
#include "engine/tracefs.h"
#include "util/log.h"
#include "util/proc.h"

struct bpf_link *__wrap_bpf_program__attach(const struct bpf_program *p);
static const char *kvmguest;
static int tests, failures;

struct bpf_link *__wrap_bpf_program__attach(const struct bpf_program *p)
{
	if (strstr(bpf_program__name(p), "entry"))
		return bpf_program__attach_raw_tracepoint(p, "kvm_emulate_insn");
	return bpf_program__attach_tracepoint(p, "kvm", "kvm_userspace_exit");
}

/* Of the field "failed" in kvm_emulate_insn's record. */
static int failed_offset(void)
{
	FILE *f = fopen("/sys/kernel/tracing/events/kvm/kvm_emulate_insn/format", "re");
	char line[256], *p;
	int offset = 8;

	while (f && fgets(line, sizeof(line), f)) {
		p = strstr(line, " failed;");
		if (p)
			sscanf(p, " failed; offset:%d;", &offset);
	}
	if (f)
		fclose(f);
	return offset;
}

#define FORMAT "name: %s\nID: %d\nformat:\n" \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n" \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n" \
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
#define FIELDS_OF_EXIT \
	"\tfield:unsigned int exit_reason;\toffset:8;\tsize:4;\tsigned:0;\n" \
	"\tfield:u32 isa;\toffset:12;\tsize:4;\tsigned:0;\n"

/* What an event is said to be, and the number of the one that stands in for it. */
int tracefs_format(const char *event, char *buf, size_t size)
{
	bool entry = strstr(event, "entry");
	int id = -1;
	FILE *f = fopen(entry ? "/sys/kernel/tracing/events/kvm/kvm_emulate_insn/id" :
			"/sys/kernel/tracing/events/kvm/kvm_userspace_exit/id", "re");

	if (!f || fscanf(f, "%d", &id) != 1)
		id = -1;
	if (f)
		fclose(f);
	/*
	 * kvm_userspace_exit's record: u32 reason at 8, int errno at 12 (0: the "isa"). That of
	 * kvm_emulate_insn has no vCPU, but "failed", which is 0.
	 */
	if (entry)
		snprintf(buf, size, FORMAT "\tfield:u8 vcpu_id;\toffset:%d;\tsize:1;\tsigned:0;\n",
			 "kvm_entry", id, failed_offset());
	else
		snprintf(buf, size, FORMAT FIELDS_OF_EXIT, "kvm_exit", id);
	return 0;
}

int format_field(const char *format, const char *field, struct event_field *out)
{
	(void)format;
	out->offset = strcmp(field, "isa") ? 8 : 12;
	out->size = 4;
	return 0;
}

static void result(bool good, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void result(bool good, const char *name, const char *fmt, ...)
{
	va_list ap;

	printf("%s %d - %s\n", good ? "ok" : "not ok", ++tests, name);
	if (good)
		return;
	failures++;
	fputs("# ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void equal(const char *name, uint64_t got, uint64_t want)
{
	result(got == want, name, "got %" PRIu64 ", want %" PRIu64, got, want);
}

/* A guest that is set up and waits for its newline. */
static int start_guest(struct proc *p, const char *out, const char *hlt)
{
	char *argv[] = { (char *)kvmguest, "--wait", "--out", (char *)out, "--hlt", (char *)hlt, NULL };
	struct proc_opts o = { .cpu = -1, .pipe_stdin = true, .pipe_stdout = true };
	char line[64];
	int ret = proc_start(p, argv, &o);

	return ret ? ret : proc_read_line(p, line, sizeof(line), 10000);
}

static int finish_guest(struct proc *p)
{
	int ret;

	if (write(p->in, "\n", 1) != 1)
		return -errno;
	ret = proc_wait(p, 60000);
	proc_close(p);
	return ret;
}

static const struct vcpu_trace *vcpu_of(const struct trace_snapshot *s, pid_t vm)
{
	size_t i;

	for (i = 0; i < s->nr_vcpus; i++)
		if (s->vcpus[i].vm == vm)
			return &s->vcpus[i];
	return NULL;
}

static uint64_t nr_vcpus_of(const struct trace_snapshot *s, pid_t vm)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < s->nr_vcpus; i++)
		n += s->vcpus[i].vm == vm;
	return n;
}

static const struct exit_stat *reason_of(const struct vcpu_trace *v, uint64_t reason)
{
	static const struct exit_stat none;
	size_t i;

	for (i = 0; v && i < v->nr_reasons; i++)
		if (v->reasons[i].reason == reason)
			return &v->reasons[i];
	return &none;
}

static void check_times(const struct exit_stat *r)
{
	uint64_t p50 = hist_percentile(&r->hist, 50);

	equal("every timed exit is in the histogram", hist_count(&r->hist), r->timed);
	result(r->min_ns > 0 && r->min_ns <= p50 && r->min_ns * r->timed <= r->total_ns &&
		       r->max_ns * r->timed >= r->total_ns &&
		       hist_lower(hist_index(r->max_ns)) <= r->max_ns,
	       "minimum, median, mean and maximum are in order",
	       "min %" PRIu64 ", p50 %" PRIu64 ", total %" PRIu64 " of %" PRIu64 ", max %" PRIu64,
	       r->min_ns, p50, r->total_ns, r->timed, r->max_ns);
}

/* One guest, all of its exits. */
static void one_guest(struct engine *e, const char *out, const char *hlt, bool times)
{
	struct trace_snapshot s = { 0 };
	const struct vcpu_trace *v;
	uint64_t n = strtoull(out, NULL, 10), h = strtoull(hlt, NULL, 10);
	struct proc p;
	int ret = start_guest(&p, out, hlt);
	pid_t pid = p.pid;

	if (!ret)
		ret = engine_attach(e);
	if (!ret)
		ret = finish_guest(&p);
	if (!ret)
		ret = engine_read(e, &s);
	engine_detach(e);
	equal("the guest runs and the engine reads", (uint64_t)ret, 0);
	v = vcpu_of(&s, pid);
	equal("one vCPU is seen", nr_vcpus_of(&s, pid), 1);
	equal("exits of the vCPU", v ? v->exits : 0, n + h + 1);
	equal("exits for OUT", reason_of(v, KVM_EXIT_IO)->count, n);
	equal("exits for HLT", reason_of(v, KVM_EXIT_HLT)->count, h);
	/* The write that says the guest is done: nothing came after it. */
	equal("the last exit is counted", reason_of(v, KVM_EXIT_MMIO)->count, 1);
	equal("the last exit has no time", reason_of(v, KVM_EXIT_MMIO)->timed, 0);
	equal("nothing was lost", s.ledger.map_full + s.ledger.recursion_missed + s.ledger.unknown_exits,
	      0);
	result(v && s.ledger.events >= v->entries + v->exits, "events are entries and exits",
	       "%" PRIu64, s.ledger.events);
	if (times)
		check_times(reason_of(v, KVM_EXIT_IO));
	snapshot_free(&s);
}

/* Two guests at a time; @filter: only the first is wanted. */
static void two_guests(struct engine *e, bool filter, struct proc *a, struct proc *b)
{
	struct trace_snapshot s = { 0 };
	pid_t pa = a->pid, pb = b->pid;
	int ret = engine_attach(e);

	if (!ret && write(b->in, "\n", 1) != 1)
		ret = -errno;
	if (!ret)
		ret = finish_guest(a);
	if (!ret)
		ret = proc_wait(b, 60000);
	proc_close(b);
	if (!ret)
		ret = engine_read(e, &s);
	engine_detach(e);
	equal(filter ? "with a filter: two guests run" : "two guests run", (uint64_t)ret, 0);
	equal("the first guest's exits", reason_of(vcpu_of(&s, pa), KVM_EXIT_IO)->count, 211);
	equal(filter ? "the other guest is left out" : "the second guest's exits",
	      reason_of(vcpu_of(&s, pb), KVM_EXIT_IO)->count, filter ? 0 : 307);
	equal(filter ? "and takes no room" : "each has one vCPU", nr_vcpus_of(&s, pb), filter ? 0 : 1);
	snapshot_free(&s);
}

static void with_two_guests(enum engine_kind kind, bool filter)
{
	struct engine_opts o = { .kind = kind, .rung = "kvm_entry=raw_tp,kvm_exit=tp" };
	struct engine *e = NULL;
	struct proc a = { 0 }, b = { 0 };
	int ret = start_guest(&a, "211", "0");

	if (!ret)
		ret = start_guest(&b, "307", "0");
	o.pid = filter ? a.pid : 0;
	if (!ret)
		ret = engine_open(&o, &e);
	if (ret)
		result(false, "two guests are set up", "%s", strerror(-ret));
	else
		two_guests(e, filter, &a, &b);
	engine_close(e);
	proc_kill(&a);
	proc_kill(&b);
}

static bool same_counts(const struct vcpu_trace *a, const struct vcpu_trace *b)
{
	size_t i;

	if (!a || !b || a->entries != b->entries || a->exits != b->exits ||
	    a->nr_reasons != b->nr_reasons)
		return false;
	for (i = 0; i < a->nr_reasons; i++)
		if (a->reasons[i].reason != b->reasons[i].reason ||
		    a->reasons[i].count != b->reasons[i].count ||
		    a->reasons[i].timed != b->reasons[i].timed)
			return false;
	return true;
}

/* Three engines at the same time, read while the guest runs, too. */
static void at_the_same_time(void)
{
	struct engine_opts o[3] = { { .kind = ENGINE_BPF,
				      .rung = "kvm_entry=raw_tp,kvm_exit=tp" },
				    { .kind = ENGINE_PERF }, { .kind = ENGINE_PERF } };
	struct trace_snapshot s[3] = { 0 };
	struct engine *e[3] = { 0 };
	struct proc p = { 0 };
	pid_t pid;
	int ret = start_guest(&p, "1013", "307"), i, k;

	pid = p.pid;
	for (i = 0; !ret && i < 3; i++)
		ret = engine_open(&o[i], &e[i]);
	for (i = 0; !ret && i < 3; i++)
		ret = engine_attach(e[i]);
	if (!ret && write(p.in, "\n", 1) != 1)
		ret = -errno;
	for (k = 0; !ret && k < 50; k++) {
		ret = engine_read(e[1], &s[1]);
		snapshot_free(&s[1]);
	}
	if (!ret)
		ret = proc_wait(&p, 60000);
	proc_close(&p);
	for (i = 0; !ret && i < 3; i++)
		ret = engine_read(e[i], &s[i]);
	equal("three engines at the same time", (uint64_t)ret, 0);
	result(same_counts(vcpu_of(&s[0], pid), vcpu_of(&s[1], pid)), "BPF and perf: the same counts",
	       "they differ");
	result(same_counts(vcpu_of(&s[1], pid), vcpu_of(&s[2], pid)), "perf twice: the same counts",
	       "they differ");
	equal("no event was lost", s[1].ledger.lost + s[2].ledger.lost, 0);
	result(s[1].cost_of_reader && s[1].run_cnt >= s[1].ledger.events && s[1].run_ns > 0,
	       "the reader's own cost is measured", "%" PRIu64 " events, %" PRIu64 " ns",
	       s[1].run_cnt, s[1].run_ns);
	if (s[2].run_cnt)
		printf("# reading an event took %" PRIu64 " ns\n", s[2].run_ns / s[2].run_cnt);
	for (i = 0; i < 3; i++) {
		snapshot_free(&s[i]);
		engine_close(e[i]);
	}
	proc_kill(&p);
}

/* With a ring of one page, which nobody reads while the guest runs. */
static void too_small_a_ring(void)
{
	struct engine_opts o = { .kind = ENGINE_PERF };
	struct trace_snapshot s = { 0 }, all = { 0 };
	struct engine *small = NULL, *large = NULL;
	struct proc p = { 0 };
	int ret = start_guest(&p, "2003", "0");

	if (!ret)
		ret = engine_open(&o, &large);
	setenv("EXITLAB_RING_KB", "4", 1);
	if (!ret)
		ret = engine_open(&o, &small);
	unsetenv("EXITLAB_RING_KB");
	if (!ret)
		ret = engine_attach(large);
	if (!ret)
		ret = engine_attach(small);
	if (!ret)
		ret = finish_guest(&p);
	engine_detach(small);
	engine_detach(large);
	if (!ret)
		ret = engine_read(large, &all);
	if (!ret)
		ret = engine_read(small, &s);
	equal("a small ring and a large one", (uint64_t)ret, 0);
	equal("seen and lost are all there were", s.ledger.events + s.ledger.unknown_exits +
	      s.ledger.lost, all.ledger.events + all.ledger.unknown_exits);
	printf("# %" PRIu64 " of %" PRIu64 " events lost\n", s.ledger.lost, all.ledger.events);
	snapshot_free(&s);
	snapshot_free(&all);
	engine_close(small);
	engine_close(large);
	proc_kill(&p);
}

static void all_of(enum engine_kind kind)
{
	struct engine_opts o = { .kind = kind, .rung = "kvm_entry=raw_tp,kvm_exit=tp",
				 .own_cost = true };
	struct trace_snapshot s = { 0 };
	struct engine *e;

	printf("# the %s engine\n", kind == ENGINE_PERF ? "perf" : "BPF");
	if (engine_open(&o, &e)) {
		result(false, "the engine loads", "%s", log_last_error());
		return;
	}
	one_guest(e, "1009", "503", true);
	/* Again, with other numbers: nothing of the first run may be left. */
	one_guest(e, "101", "53", false);
	if (!engine_read(e, &s))
		result(s.run_cnt >= 155 && s.run_ns > 0, "the programs' own cost is measured",
		       "%" PRIu64 " runs, %" PRIu64 " ns", s.run_cnt, s.run_ns);
	snapshot_free(&s);
	engine_close(e);
	with_two_guests(kind, false);
	with_two_guests(kind, true);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "Usage: engine-native KVMGUEST\n");
		return 2;
	}
	kvmguest = argv[1];
	all_of(ENGINE_BPF);
	all_of(ENGINE_PERF);
	at_the_same_time();
	too_small_a_ring();
	printf("1..%d\n", tests);
	return failures ? 1 : 0;
}
