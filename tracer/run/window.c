// SPDX-License-Identifier: GPL-2.0
/*
 * The measured interval. The order is everything: prepare and warm up, freeze the guests, read or
 * start every counter, thaw and let the clients go, wait for the end of the work, freeze, stop or
 * read every counter, thaw. Whatever talks to a guest happens outside of the two freezes, because
 * it makes exits of its own.
 */
#include "run/window.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/snapshot_json.h"
#include "host/kvmstat.h"
#include "run/counters.h"
#include "run/hosteli.h"
#include "run/load.h"
#include "run/sidecores.h"
#include "run/signals.h"
#include "util/log.h"

struct readings {
	struct irq_counts guest[HOSTNET_MAX_GUESTS];
	uint64_t disk[HOSTNET_MAX_GUESTS];	/* only if the load is the disk's */
	struct irq_counts host;
	struct kvmstat kvm[HOSTNET_MAX_GUESTS];
	char *sidecores;		/* NULL: there are none */
	uint64_t target;		/* commands of the host's SCSI target */
	json_t *eli[HOSTNET_MAX_GUESTS];	/* only if it is not off */
};

struct window {
	const struct window_env *env;
	const struct sc_workload *w;
	struct load load;
	struct readings before, after;
	struct signals signals;
	struct trace_snapshot snap;
	json_t *hist;
	uint64_t hist_total, hist_dropped;
	bool hist_on;
};

static void say(const struct window_env *env, const struct sc_workload *w, const char *what)
{
	char text[100];

	snprintf(text, sizeof(text), "%.60s: %s", w->name, what);
	env->phase(text, env->arg);
}

/* How many of the guests are VMs. */
static int nr_vms(const struct window_env *env)
{
	return env->bare ? 0 : env->nr_guests;
}

static int freeze_all(const struct window_env *env)
{
	int i, ret;

	for (i = 0; i < env->nr_guests; i++) {
		ret = guest_freeze(&env->guests[i]);
		if (ret) {
			err("guest %s does not stand still: %s", env->guests[i].name, strerror(-ret));
			return ret;
		}
	}
	return 0;
}

static int thaw_all(const struct window_env *env)
{
	int i, ret = 0;

	for (i = 0; i < env->nr_guests; i++)
		if (guest_thaw(&env->guests[i]))
			ret = -errno;
	return ret;
}

/* Readings that need the guest's help: outside of the freeze. */
static int read_guests(const struct window *win, struct readings *r)
{
	const struct window_env *env = win->env;
	int i, ret = 0;

	for (i = 0; !ret && i < env->nr_guests; i++) {
		ret = irq_counts_guest(&env->guests[i], env->bare, &r->guest[i]);
		if (!ret && win->w->tool == SC_TOOL_BLOCK)
			ret = disk_requests_guest(&env->guests[i], &r->disk[i]);
	}
	return ret;
}

/* Readings of the host: inside the freeze. */
static int read_host(const struct window_env *env, struct readings *r)
{
	int i, ret = irq_counts_host(&r->host);

	r->sidecores = sidecores_read();
	if (!ret)
		ret = hostdisk_commands(env->disk, &r->target);
	for (i = 0; !ret && env->measure->check_kvm_stats && i < nr_vms(env); i++) {
		ret = kvmstat_read(env->guests[i].vmm.pid, &r->kvm[i]);
		if (ret)
			err("cannot read KVM's statistics of %s: %s", env->guests[i].name,
			    strerror(-ret));
	}
	for (i = 0; !ret && env->eli != SC_ELI_OFF && i < nr_vms(env); i++)
		r->eli[i] = hosteli_stats(env->guests[i].vmm.pid);
	return ret;
}

static int open_window(struct window *win)
{
	const struct window_env *env = win->env;
	int ret = freeze_all(env);

	if (!ret)
		ret = read_host(env, &win->before);
	if (!ret && env->measure->check_hist) {
		ret = hist_start();
		win->hist_on = !ret;
	}
	signals_start(&win->signals);
	if (!ret) {
		ret = engine_attach(env->engine);
		if (ret)
			err("cannot attach the tracer: %s", strerror(-ret));
	}
	if (!ret)
		ret = thaw_all(env);
	return ret;
}

static int close_window(struct window *win)
{
	const struct window_env *env = win->env;
	int ret = freeze_all(env);

	if (!ret)
		ret = engine_read(env->engine, &win->snap);
	engine_detach(env->engine);
	signals_stop(&win->signals);
	if (!ret && win->hist_on)
		ret = hist_read(&win->hist, &win->hist_total, &win->hist_dropped);
	if (!ret)
		ret = read_host(env, &win->after);
	return ret ? ret : thaw_all(env);
}

static uint64_t tracer_exits(const struct trace_snapshot *s)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < s->nr_vcpus; i++)
		sum += s->vcpus[i].exits;
	return sum;
}

static uint64_t kvm_delta(const struct window *win)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < nr_vms(win->env); i++)
		sum += win->after.kvm[i].exits - win->before.kvm[i].exits;
	return sum;
}

static void add_check(json_t *checks, const char *name, uint64_t tracer, uint64_t other)
{
	json_array_append_new(checks, json_pack("{s:s, s:I, s:I, s:I}", "name", name,
		"tracer", (json_int_t)tracer, "other", (json_int_t)other,
		"difference", (json_int_t)(tracer - other)));
}

static json_t *irq_json(const struct irq_counts *a, const struct irq_counts *b, const char *nic)
{
	return json_pack("{s:I, s:I}", "interrupts", (json_int_t)(b->all - a->all),
			 nic, (json_int_t)(b->nic - a->nic));
}

static json_t *guest_json(const struct window *win)
{
	struct irq_counts before = { 0 }, after = { 0 };
	uint64_t requests = 0;
	json_t *o;
	int i;

	for (i = 0; i < win->env->nr_guests; i++) {
		before.all += win->before.guest[i].all;
		before.nic += win->before.guest[i].nic;
		after.all += win->after.guest[i].all;
		after.nic += win->after.guest[i].nic;
		requests += win->after.disk[i] - win->before.disk[i];
	}
	o = irq_json(&before, &after, "nic_interrupts");
	if (win->w->tool == SC_TOOL_BLOCK)
		json_object_set_new(o, "disk_requests", json_integer((json_int_t)requests));
	return o;
}

static json_t *eli_json(const struct window *win)
{
	json_t *a = json_array();
	int i;

	for (i = 0; i < win->env->nr_guests; i++)
		json_array_append_new(a, hosteli_delta(win->before.eli[i], win->after.eli[i]));
	return a;
}

static void free_readings(struct readings *r)
{
	int i;

	for (i = 0; i < HOSTNET_MAX_GUESTS; i++)
		json_decref(r->eli[i]);
	free(r->sidecores);
}

static json_t *counters_json(const struct window *win)
{
	const struct window_env *env = win->env;
	json_t *c = json_object(), *signals = signals_json(&win->signals);

	if (env->nr_guests > 0)
		json_object_set_new(c, "guest", guest_json(win));
	json_object_set_new(c, "host", irq_json(&win->before.host, &win->after.host,
						"vfio_interrupts"));
	if (env->measure->check_kvm_stats && nr_vms(env) > 0)
		json_object_set_new(c, "kvm", kvmstat_delta_json(win->before.kvm, win->after.kvm,
								 (size_t)env->nr_guests));
	if (env->eli != SC_ELI_OFF && nr_vms(env) > 0)
		json_object_set_new(c, "eli", eli_json(win));
	if (env->disk->made)
		json_object_set_new(c, "target", json_pack("{s:I}", "commands",
			(json_int_t)(win->after.target - win->before.target)));
	if (win->hist_dropped > 0) {
		json_object_set_new(c, "hist", json_null());
		json_object_set_new(c, "hist_why", json_sprintf(
			"the hist trigger dropped %llu events", (unsigned long long)win->hist_dropped));
	} else if (win->hist) {
		json_object_set(c, "hist", win->hist);
	}
	if (signals)
		json_object_set_new(c, "signals", signals);
	if (win->after.sidecores)
		json_object_set_new(c, "sidecores", sidecores_delta(win->before.sidecores,
								    win->after.sidecores));
	return c;
}

/* What the bare guest made against what was counted, reason by reason. */
static void probe_checks(const struct window *win, json_t *checks, const json_t *result)
{
	static const char *const key[] = { "out", "cpuid", "hlt", "wrmsr" };
	static const uint64_t svm[] = { 0x7b, 0x72, 0x78, 0x7c }, vmx[] = { 30, 10, 12, 32 };
	size_t i, k, r;

	for (k = 0; k < 4; k++) {
		uint64_t n = 0;
		char name[64];

		for (i = 0; i < win->snap.nr_vcpus; i++) {
			const struct vcpu_trace *v = &win->snap.vcpus[i];

			for (r = 0; r < v->nr_reasons; r++)
				if (v->reasons[r].reason == (v->reasons[r].isa == 2 ? svm : vmx)[k])
					n += v->reasons[r].count;
		}
		snprintf(name, sizeof(name), "tracer's count of %s = guest's own", key[k]);
		add_check(checks, name, n,
			  (uint64_t)json_integer_value(json_object_get(result, key[k])));
	}
}

static const char *vm_name(pid_t vm, void *arg)
{
	const struct window_env *env = arg;
	int i;

	for (i = 0; i < env->nr_guests; i++)
		if (env->guests[i].vmm.pid == vm)
			return env->guests[i].name;
	return NULL;
}

static json_t *window_json(struct window *win, json_t *result, double work)
{
	uint64_t exits = tracer_exits(&win->snap);
	json_t *checks = json_array(), *tracer;

	if (win->env->measure->check_kvm_stats && nr_vms(win->env) > 0)
		add_check(checks, "tracer's exits = KVM's own count", exits, kvm_delta(win));
	if (win->hist && win->hist_dropped == 0)
		add_check(checks, "tracer's exits = hist trigger", exits, win->hist_total);
	if (win->w->tool == SC_TOOL_PROBE)
		probe_checks(win, checks, result);
	tracer = snapshot_to_json(&win->snap, vm_name, (void *)win->env);
	return json_pack("{s:s, s:s, s:s, s:f, s:I, s:o, s:o, s:o, s:o}",
			 "workload", win->w->name, "tool", sc_tool_name(win->w->tool),
			 "unit", sc_tool_unit(win->w->tool), "work", work,
			 "duration_ns", (json_int_t)win->snap.duration_ns, "result", result,
			 "tracer", tracer, "counters", counters_json(win), "checks", checks);
}

int window_run(const struct window_env *env, const struct sc_workload *w, json_t **out)
{
	struct window win = { .env = env, .w = w };
	json_t *result = NULL;
	double work = 0;
	int ret;

	say(env, w, "warm-up");
	ret = load_prepare(&win.load, w, env->guests, env->nr_guests, env->lab, env->load_cpu,
			   env->load_cpus);
	if (!ret)
		ret = signals_open(&win.signals, env->measure, env->guests, nr_vms(env));
	if (!ret)
		ret = read_guests(&win, &win.before);
	if (ret)
		goto out;
	/* The text is shown before the window opens: nothing is said inside. */
	say(env, w, "window");
	ret = open_window(&win);
	if (!ret)
		ret = load_go(&win.load);
	if (!ret)
		ret = load_wait(&win.load);
	if (!ret)
		ret = close_window(&win);
	if (ret)
		goto out;
	say(env, w, "results");
	ret = read_guests(&win, &win.after);
	if (!ret)
		ret = load_result(&win.load, &result, &work);
	if (!ret)
		*out = window_json(&win, result, work);
	if (!ret && !*out)
		ret = -ENOMEM;
out:
	engine_detach(env->engine);
	if (win.hist_on)
		hist_stop();
	thaw_all(env);
	load_end(&win.load);
	signals_close(&win.signals);
	snapshot_free(&win.snap);
	json_decref(win.hist);
	free_readings(&win.before);
	free_readings(&win.after);
	return ret;
}
