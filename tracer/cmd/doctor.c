// SPDX-License-Identifier: GPL-2.0
/*
 * exitlab doctor: what can be traced on this host, how, and why not.
 *
 * Whether something works is found out by doing it: a file says what a kernel was built with, not
 * what it permits. The hard one is a tracepoint that exists, can be attached to, and is never
 * called (some hypervisors inside KVM): only exits that KVM counts while the tracer sees none tell
 * it. So doctor makes a hundred of them in a VM of its own.
 */
#include "cmd/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "cmd/cmd.h"
#include "cmd/stat_check.h"
#include "engine/engine.h"
#include "engine/rungs.h"
#include "host/privileges.h"
#include "host/trial_vm.h"
#include "util/log.h"

#define TRIAL_EXITS 100

static const char usage[] =
"Usage: exitlab doctor [--json] [--no-vm]\n"
"Says what exitlab can trace on this host, by which way, and why something is missing.\n"
"\n"
"  --json      print JSON (schema exitlab-doctor/1)\n"
"  --no-vm     do not make a VM for a moment to see whether KVM reports its exits;\n"
"              watch those that run for a second instead\n"
"  -h, --help  this text\n"
"\n"
"Exit status: 0 all that is needed is there, 2 unusable arguments, 4 something\n"
"needed is missing.\n";

static const char *const state_name[] = { "ok", "note", "missing", "unknown" };

void doctor_permissions(struct findings *f)
{
	struct finding *one;
	char missing[64], why[200];
	bool ok = privileges_to_trace(missing, sizeof(missing));
	char list[128];
	/* The perf engine does without programs. */
	bool needed = !ok && !privileges_enough(false, why, sizeof(why));

	privileges_list(list, sizeof(list));
	finding_add(f, "permission", "capabilities", FOUND_OK, "%s", list);
	one = finding_add(f, "permission", "load programs", ok ? FOUND_OK : needed ? FOUND_MISSING :
			  FOUND_NOTE, "%s", ok ? "CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN" : missing);
	one->needed = ok || needed;
	if (!ok)
		snprintf(one->fix, sizeof(one->fix), "run as root, or with %s", missing);
	ok = privileges_to_read() || geteuid() == 0;
	one = finding_add(f, "permission", "read tracefs", ok ? FOUND_OK : FOUND_MISSING, "%s", ok ?
			  "root or CAP_DAC_READ_SEARCH" : "neither root nor CAP_DAC_READ_SEARCH");
	one->needed = faccessat(AT_FDCWD, "/sys/kernel/tracing/events/kvm/kvm_exit/format", R_OK, AT_EACCESS) != 0 && !ok;
	if (!ok && !one->needed)
		one->state = FOUND_OK;	/* somebody has opened it to others */
	ok = privileges_to_look();
	finding_add(f, "permission", "open files of others", ok ? FOUND_OK : FOUND_NOTE, "%s",
		    ok ? "CAP_SYS_PTRACE" : "no CAP_SYS_PTRACE: VMs are found by BPF, not by /proc");
	if (privileges_perf_is_closed() && !privileges_sys_admin()) {
		one = finding_add(f, "permission", "attach to tracepoints", FOUND_MISSING,
				  "kernel.perf_event_paranoid is above 2: takes CAP_SYS_ADMIN");
		one->needed = true;
		snprintf(one->fix, sizeof(one->fix), "sysctl kernel.perf_event_paranoid=2");
	}
	ok = privileges_sys_admin();
	finding_add(f, "permission", "administer", ok ? FOUND_OK : FOUND_NOTE, "%s", ok ?
		    "CAP_SYS_ADMIN" : "no CAP_SYS_ADMIN: no stat --cost; "
		    "no tp_btf where KVM is a module");
}

/* Loads and attaches one engine, with one rung if it has several; the reason in @why if not. */
static bool try_engine(enum engine_kind kind, const char *rung, bool msr, char *why, size_t size)
{
	struct engine_opts eo = { .kind = kind, .rung = rung,
				  .details = msr ? DETAIL_MSR : 0 };
	struct engine *e = NULL;
	int ret = engine_open(&eo, &e);

	if (!ret)
		ret = engine_attach(e);
	engine_close(e);
	snprintf(why, size, "%s", ret ? log_last_error()[0] ? log_last_error() : strerror(-ret) : "");
	return !ret;
}

/* Whether @event can be attached by @r: by BTF, and tried. */
static bool works_alone(const struct rung_facts *facts, enum rung_event event, enum rung r,
			char *why, size_t size)
{
	char force[64];

	if (rungs_possible(facts, event, r, why, size))
		return false;
	snprintf(force, sizeof(force), "%s=%s", rung_event_name(event), rung_name(r));
	return try_engine(ENGINE_BPF, force, false, why, size);
}

static bool tell_rungs(struct findings *f, const char *what, enum rung_event event,
		       const bool *works, bool perf, const char *why)
{
	const char *used = NULL;
	char text[200] = "";
	size_t n = 0;
	int r;

	for (r = 0; r < NR_RUNGS; r++) {
		if (works[r] && !used)
			used = rung_name(r);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %s", r ? ", " : "",
				      rung_name(r), works[r] ? "works" : "does not work");
	}
	if (used)
		finding_add(f, "signal", what, FOUND_OK, "%s by %s (%s)", rung_event_name(event),
			    used, text)->needed = true;
	else if (perf)
		finding_add(f, "signal", what, FOUND_OK, "%s by perf; BPF: %s",
			    rung_event_name(event), why)->needed = true;
	else
		finding_add(f, "signal", what, FOUND_MISSING, "%s", why)->needed = true;
	return used || perf;
}

static bool rungs(struct findings *f)
{
	bool entry[NR_RUNGS], exit[NR_RUNGS];
	struct rung_facts facts;
	char why[200] = "";
	bool perf;
	int r;

	perf = try_engine(ENGINE_PERF, NULL, false, why, sizeof(why));
	finding_add(f, "signal", "perf engine", perf ? FOUND_OK : FOUND_NOTE, "%s", perf ?
		    "works; counts exits where BPF does not load" : why);
	rungs_learn_host(&facts);
	for (r = 0; r < NR_RUNGS; r++) {
		/* As a rule both or none: loading them together saves time. */
		entry[r] = exit[r] = !rungs_possible(&facts, EVENT_ENTRY, r, why, sizeof(why)) &&
				     !rungs_possible(&facts, EVENT_EXIT, r, why, sizeof(why)) &&
				     try_engine(ENGINE_BPF, rung_name(r), false, why,
						sizeof(why));
		if (entry[r])
			continue;
		entry[r] = works_alone(&facts, EVENT_ENTRY, r, why, sizeof(why));
		exit[r] = works_alone(&facts, EVENT_EXIT, r, why, sizeof(why));
	}
	return tell_rungs(f, "VM entries", EVENT_ENTRY, entry, perf, why) &&
	       tell_rungs(f, "exit reasons", EVENT_EXIT, exit, perf, why);
}

/* Exits of our own VM: what was traced, and what KVM counted. Negative errno if it cannot be. */
static int trial(uint64_t *traced, uint64_t *counted)
{
	struct engine_opts eo = { .pid = getpid() };
	struct trace_snapshot s = { 0 };
	struct kvmstat before, after;
	struct trial_vm *vm = NULL;
	struct engine *e = NULL;
	int ret = trial_vm_open(&vm);
	size_t i;

	*traced = *counted = 0;
	if (!ret)
		ret = engine_open(&eo, &e);
	if (!ret)
		ret = engine_attach(e);
	if (!ret)
		ret = kvmstat_read(getpid(), &before);
	if (!ret)
		ret = trial_vm_run(vm, TRIAL_EXITS);
	if (!ret)
		ret = kvmstat_read(getpid(), &after);
	engine_detach(e);
	if (!ret)
		ret = engine_read(e, &s);
	for (i = 0; i < s.nr_vcpus; i++)
		*traced += s.vcpus[i].exits;
	if (!ret)
		*counted = after.exits - before.exits;
	snapshot_free(&s);
	engine_close(e);
	trial_vm_close(vm);
	kvmstat_end();
	return ret;
}

static void tell_exits(struct findings *f, uint64_t traced, uint64_t counted, const char *whose)
{
	struct finding *one;

	if (traced) {
		one = finding_add(f, "signal", "VM exits", FOUND_OK,
				  "kvm_exit; of %s %" PRIu64 " were traced", whose, traced);
	} else if (counted) {
		one = finding_add(f, "signal", "VM exits", FOUND_MISSING,
				  "KVM counted %" PRIu64 " exits of %s but never called the kvm_exit "
				  "tracepoint", counted, whose);
		snprintf(one->fix, sizeof(one->fix),
			 "none: this KVM has no call of it; top and export show KVM's own count");
	} else {
		one = finding_add(f, "signal", "VM exits", FOUND_UNKNOWN,
				  "kvm_exit is attached; %s made no exits to trace", whose);
	}
	one->needed = true;
}

/* Without a VM of our own: those that run, for a second. */
static void watch_vms(struct findings *f)
{
	struct trace_snapshot s = { 0 };
	struct timespec second = { .tv_sec = 1 };
	struct engine_opts eo = { 0 };
	struct stat_check c = { 0 };
	uint64_t traced = 0, counted = 0;
	struct engine *e = NULL;
	int ret = stat_check_begin(&c);
	size_t i;

	if (!ret)
		ret = engine_open(&eo, &e);
	if (!ret)
		ret = engine_attach(e);
	if (!ret)
		nanosleep(&second, NULL);
	engine_detach(e);
	if (!ret)
		ret = stat_check_end(&c);
	if (!ret)
		ret = engine_read(e, &s);
	for (i = 0; i < s.nr_vcpus; i++)
		traced += s.vcpus[i].exits;
	for (i = 0; i < c.n; i++)
		if (!c.vm[i].error && c.vm[i].after.exits > c.vm[i].before.exits)
			counted += c.vm[i].after.exits - c.vm[i].before.exits;
	if (ret)
		finding_add(f, "signal", "VM exits", FOUND_UNKNOWN, "%s", strerror(-ret))->needed = true;
	else
		tell_exits(f, traced, counted, "the VMs that run here");
	snapshot_free(&s);
	engine_close(e);
	stat_check_free(&c);
}

static void exits(struct findings *f, bool trial_vm)
{
	uint64_t traced, counted;
	int ret = trial_vm ? trial(&traced, &counted) : -EOPNOTSUPP;

	if (!ret)
		tell_exits(f, traced, counted, "a VM made for this");
	else
		watch_vms(f);
}

static void others(struct findings *f)
{
	struct endings *endings = NULL;
	struct vcpus *vcpus = NULL;
	char why[200];
	int ret;

	if (try_engine(ENGINE_BPF, NULL, true, why, sizeof(why)))
		finding_add(f, "signal", "MSR detail", FOUND_OK, "kvm_msr can be attached");
	else
		finding_add(f, "signal", "MSR detail", FOUND_MISSING, "%s", why);
	ret = vcpus_open(&vcpus);
	finding_add(f, "signal", "KVM's own counters", ret ? FOUND_MISSING : FOUND_OK, "%s%s",
		    ret ? "" : "by BPF, from the vCPUs", ret ? strerror(-ret) : "");
	vcpus_close(vcpus);
	ret = endings_open(&endings);
	finding_add(f, "signal", "VMs that end", ret ? FOUND_MISSING : FOUND_OK, "%s%s",
		    ret ? "" : "at sched_process_exit", ret ? strerror(-ret) : "");
	endings_close(endings);
}

void doctor_signals(struct findings *f, bool trial_vm)
{
	/* Failures are findings here, not messages. */
	int real = log_threshold < LOG_VERBOSE ? dup(STDERR_FILENO) : -1;
	int null = real >= 0 ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;

	if (null >= 0)
		dup2(null, STDERR_FILENO);
	if (rungs(f)) {
		exits(f, trial_vm);
		others(f);
	}
	doctor_more_signals(f);
	doctor_cost(f);
	if (real >= 0) {
		dup2(real, STDERR_FILENO);
		close(real);
	}
	if (null >= 0)
		close(null);
}

/* ---- output ---- */

static void print_text(const struct findings *f)
{
	const char *group = "";
	size_t i;

	for (i = 0; i < f->n; i++) {
		const struct finding *one = &f->list[i];

		if (strcmp(group, one->group))
			printf("%s%s\n", i ? "\n" : "", one->group);
		group = one->group;
		printf("  %-8s %s: %s\n", state_name[one->state], one->name, one->text);
		if (one->what)
			printf("           (%s)\n", one->what);
		if (one->fix[0])
			printf("           -> %s\n", one->fix);
	}
	printf("\n%s\n", findings_missing(f) ? "something needed is missing; see above" :
	       "exits can be traced on this host");
}

/* NULL: it has none. */
static json_t *probes_json(const struct finding *one)
{
	json_t *list = one->nr_probes ? json_array() : NULL;
	size_t i;

	for (i = 0; i < one->nr_probes; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "name", one->probes[i].name,
						      "rung", one->probes[i].rung));
	return list;
}

static int print_json(const struct findings *f)
{
	json_t *list = json_array(), *o;
	size_t i;
	int bad;

	for (i = 0; i < f->n; i++) {
		const struct finding *one = &f->list[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:s, s:s*, s:s*, s:o*}",
			"group", one->group, "name", one->name, "state", state_name[one->state],
			"needed", one->needed, "text", one->text, "fix",
			one->fix[0] ? one->fix : NULL, "what", one->what, "probes",
			probes_json(one)));
	}
	o = json_pack("{s:s, s:b, s:o}", "schema", "exitlab-doctor/1", "ok", !findings_missing(f),
		      "findings", list);
	bad = !o || json_dumpf(o, stdout, JSON_INDENT(1)) || putchar('\n') == EOF;
	json_decref(o);
	return bad ? -EIO : 0;
}

int cmd_doctor(int argc, char **argv)
{
	static struct findings f;
	bool json = false, vm = true;
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(usage, stdout);
			return EX_OK;
		} else if (!strcmp(argv[i], "--json")) {
			json = true;
		} else if (!strcmp(argv[i], "--no-vm")) {
			vm = false;
		} else {
			err("doctor: unknown argument '%s'; see exitlab doctor --help", argv[i]);
			return EX_INPUT;
		}
	}
	doctor_host(&f, "");
	doctor_hardware(&f);
	doctor_permissions(&f);
	doctor_signals(&f, vm);
	if (json && print_json(&f))
		return EX_FAIL;
	if (!json)
		print_text(&f);
	if (fflush(stdout))
		return EX_FAIL;
	return findings_missing(&f) ? EX_CANNOT : EX_OK;
}
