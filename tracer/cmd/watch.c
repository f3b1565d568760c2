// SPDX-License-Identifier: GPL-2.0
/*
 * A measurement without end. The hard part is "without end": the engine has room for 1024 vCPUs and
 * does not know which are gone, so a host that starts a hundred VMs a day would fill it in days.
 * Before that it is stopped, read to the last exit, and started again; the few milliseconds between
 * are lost, and counted as a restart. What does not fit is in the ledger. A vhost that is
 * loaded later gets its programs in the same way.
 */
#include "cmd/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/privileges.h"
#include "host/vcpus.h"
#include "host/vhost.h"
#include "out/delta.h"
#include "util/clock.h"
#include "util/log.h"

#define RESTART_AT	768			/* vCPUs, of 1024 */
#define FORGET_S	600			/* VMs that have ended: after ten minutes */

/* KVM's count of one vCPU at the last look. */
struct last {
	unsigned long long vcpu;	/* address */
	pid_t vm;
	uint64_t exits;
};

struct watch {
	struct watch_opts opts;
	struct engine *engine;
	struct delta *delta;
	struct vcpus *vcpus;		/* NULL = KVM's counters cannot be read */
	struct names names;
	struct watch_vm *vms;
	size_t nr_vms;
	struct last *last;
	size_t nr_last;
	size_t restart_at;
	unsigned int vhost;		/* its modules when the engine was started */
	size_t running;			/* vCPUs that KVM has now; 0 = unknown */
	uint64_t forget_ns;
	uint64_t restarts;
	bool looked;
};

static int attach(struct watch *w)
{
	delta_free(w->delta);
	w->delta = delta_new();
	w->vhost = vhost_modules("");
	return w->delta ? engine_attach(w->engine) : -ENOMEM;
}

/* Tests reach in seconds what takes a host days. */
static size_t limit(const char *variable, size_t standard)
{
	const char *text = getenv(variable);

	return text && atoi(text) > 0 ? (size_t)atoi(text) : standard;
}

int watch_open(const struct watch_opts *opts, struct watch **out)
{
	struct engine_opts eo = { .pid = opts->pid, .details = opts->details,
				  .signals = opts->signals, .own_cost = opts->own_cost,
				  .time = opts->time, .time_every = opts->time_every };
	struct watch *w;
	char missing[200];
	int ret;

	*out = NULL;
	if (!privileges_enough(false, missing, sizeof(missing))) {
		err("%s", missing);
		return EX_CANNOT;
	}
	if (!vms_have_kvm()) {
		err("this host has no KVM: /dev/kvm is missing");
		return EX_CANNOT;
	}
	w = calloc(1, sizeof(*w));
	if (!w)
		return EX_FAIL;
	w->opts = *opts;
	w->restart_at = limit("EXITLAB_RESTART_AT", RESTART_AT);
	w->forget_ns = limit("EXITLAB_FORGET_S", FORGET_S) * 1000000000ull;
	if (engine_open(&eo, &w->engine)) {
		watch_close(w);
		return EX_CANNOT;	/* it has said why */
	}
	if (vcpus_open(&w->vcpus))
		verb("KVM's own counters cannot be read here");
	ret = attach(w);
	if (!ret)
		ret = privileges_drop(opts->endless);
	if (ret) {
		if (!log_last_error()[0])
			err("cannot start tracing: %s", strerror(-ret));
		watch_close(w);
		return EX_CANNOT;
	}
	*out = w;
	return EX_OK;
}

void watch_close(struct watch *w)
{
	if (!w)
		return;
	engine_close(w->engine);
	delta_free(w->delta);
	vcpus_close(w->vcpus);
	names_free(&w->names);
	free(w->vms);
	free(w->last);
	free(w);
}

/* ---- VMs ---- */

static struct watch_vm *find_vm(struct watch *w, pid_t pid)
{
	size_t i;

	for (i = 0; i < w->nr_vms; i++)
		if (w->vms[i].pid == pid && !w->vms[i].ended_ns)
			return &w->vms[i];
	/* Its last exits are read after it has ended. */
	for (i = w->nr_vms; i > 0; i--)
		if (w->vms[i - 1].pid == pid)
			return &w->vms[i - 1];
	return NULL;
}

static bool label_taken(const struct watch *w, const char *label)
{
	size_t i;

	for (i = 0; i < w->nr_vms; i++)
		if (!w->vms[i].ended_ns && !strcmp(w->vms[i].label, label))
			return true;
	return false;
}

static struct watch_vm *add_vm(struct watch *w, pid_t pid)
{
	struct watch_vm *vm = realloc(w->vms, (w->nr_vms + 1) * sizeof(*vm));
	const char *name = names_name(pid, &w->names);

	if (!vm)
		return NULL;
	w->vms = vm;
	vm += w->nr_vms;
	*vm = (struct watch_vm){ .pid = pid };
	snprintf(vm->label, sizeof(vm->label), "%s", name ? name : "vm");
	if (!name || label_taken(w, vm->label))
		snprintf(vm->label, sizeof(vm->label), "%s-%d", name ? name : "vm", (int)pid);
	w->nr_vms++;
	return vm;
}

static bool wanted(struct watch *w, pid_t pid)
{
	if (w->opts.pid)
		return pid == w->opts.pid;
	return !w->opts.filter || filter_has_vm(w->opts.filter, &w->names, pid);
}

static void forget_old(struct watch *w, uint64_t now)
{
	size_t i, n = 0;

	for (i = 0; i < w->nr_vms; i++) {
		const struct watch_vm *vm = &w->vms[i];

		if (!vm->ended_ns || now - vm->ended_ns < w->forget_ns)
			w->vms[n++] = *vm;
		else
			names_forget(&w->names, vm->pid);	/* is read again if need be */
	}
	w->nr_vms = n;
}

/* The VMs that run, from KVM's own list. */
static int update_vms(struct watch *w, const struct vcpu_record *r, size_t n)
{
	uint64_t now = clock_ns();
	size_t i, k;

	for (i = 0; i < w->nr_vms; i++)
		w->vms[i].vcpus = 0;
	for (i = 0; i < n; i++) {
		struct watch_vm *vm;

		if (!wanted(w, (pid_t)r[i].tgid))
			continue;
		vm = find_vm(w, (pid_t)r[i].tgid);
		if (!vm || vm->ended_ns)
			vm = add_vm(w, (pid_t)r[i].tgid);
		if (!vm)
			return -ENOMEM;
		vm->vcpus++;
		for (k = 0; k < w->nr_last; k++)
			if (w->last[k].vcpu == r[i].vcpu && w->last[k].vm == vm->pid)
				break;
		/* At the first look nobody knows since when it has counted; later it is new. */
		if (k < w->nr_last && r[i].stat[KVM_STAT_exits] >= w->last[k].exits)
			vm->kvm_exits += r[i].stat[KVM_STAT_exits] - w->last[k].exits;
		else if (w->looked)
			vm->kvm_exits += r[i].stat[KVM_STAT_exits];
	}
	for (i = 0; i < w->nr_vms; i++) {
		w->vms[i].kvm_total += w->vms[i].kvm_exits;
		if (!w->vms[i].vcpus && !w->vms[i].ended_ns)
			w->vms[i].ended_ns = now;
	}
	forget_old(w, now);
	return 0;
}

static int remember(struct watch *w, const struct vcpu_record *r, size_t n)
{
	struct last *last = calloc(n + 1, sizeof(*last));
	size_t i;

	if (!last)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		last[i] = (struct last){ r[i].vcpu, (pid_t)r[i].tgid, r[i].stat[KVM_STAT_exits] };
	free(w->last);
	w->last = last;
	w->nr_last = n;
	return 0;
}

/* Without the iterator: those /proc shows, and those whose exits were traced. */
static int list_vms(struct watch *w)
{
	uint64_t now = clock_ns();
	struct vm_list l;
	size_t i;
	int ret = vms_find(&l);

	for (i = 0; !ret && i < w->nr_vms; i++)
		w->vms[i].vcpus = 0;
	for (i = 0; !ret && i < l.n; i++) {
		struct watch_vm *vm = find_vm(w, l.vm[i].pid);

		if (!wanted(w, l.vm[i].pid))
			continue;
		if (!vm || vm->ended_ns)
			vm = add_vm(w, l.vm[i].pid);
		ret = vm ? 0 : -ENOMEM;
		if (vm)
			vm->vcpus = l.vm[i].vcpus;
	}
	for (i = 0; !ret && !l.hidden && i < w->nr_vms; i++)
		if (!w->vms[i].vcpus && !w->vms[i].ended_ns)
			w->vms[i].ended_ns = now;
	forget_old(w, now);
	vms_free(&l);
	return ret;
}

static int look_at_kvm(struct watch *w, bool *known)
{
	struct vcpu_record *r = NULL;
	size_t n = 0, i;
	int ret;

	*known = w->vcpus && !vcpus_read(w->vcpus, &r, &n);
	w->running = n;
	for (i = 0; i < w->nr_vms; i++)
		w->vms[i].kvm_exits = 0;
	if (!*known)
		return list_vms(w);
	ret = update_vms(w, r, n);
	if (!ret)
		ret = remember(w, r, n);
	free(r);
	return ret;
}

/* ---- exits ---- */

static int restart(struct watch *w)
{
	int ret = privileges_resume();

	if (!ret)
		ret = attach(w);
	privileges_suspend();
	w->restarts++;
	return ret;
}

/* A module of vhost's that came after the engine was started, which has no programs on it. */
static bool vhost_came(const struct watch *w)
{
	return w->opts.endless && w->opts.signals & SIGNAL_IOCORES && vhost_modules("") & ~w->vhost;
}

static int look_at_exits(struct watch *w, struct trace_snapshot *step)
{
	bool anew = vhost_came(w);
	struct trace_snapshot all;
	int ret;

	if (!anew) {
		ret = engine_read(w->engine, &all);
		if (ret)
			return ret;
		/* Where most of them run, starting anew would gain nothing, look after look. */
		anew = w->opts.endless && all.nr_vcpus >= w->restart_at &&
		       all.nr_vcpus >= w->running + w->restart_at / 4;
		if (anew)
			snapshot_free(&all);
	}
	if (anew) {
		engine_detach(w->engine);
		ret = engine_read(w->engine, &all);
		if (ret)
			return ret;
	}
	ret = delta_step(w->delta, &all, anew, step);
	snapshot_free(&all);
	if (!ret && anew)
		ret = restart(w);
	if (!ret && w->opts.filter)
		filter_apply(w->opts.filter, step, &w->names);
	return ret;
}

static int by_label(const void *a, const void *b)
{
	const struct watch_vm *x = a, *y = b;
	int c = strcmp(x->label, y->label);

	return c ? c : x->pid < y->pid ? -1 : x->pid > y->pid;
}

int watch_look(struct watch *w, struct watch_view *v)
{
	size_t i;
	int ret;

	memset(v, 0, sizeof(*v));
	/* VMs first: who has ended in between is then still there for one look. */
	ret = look_at_kvm(w, &v->kvm_known);
	if (!ret)
		ret = look_at_exits(w, &v->step);
	for (i = 0; !ret && i < v->step.nr_vcpus; i++) {
		struct watch_vm *vm = find_vm(w, v->step.vcpus[i].vm);

		if (!vm)
			vm = add_vm(w, v->step.vcpus[i].vm);
		if (vm)
			vm->traced_total += v->step.vcpus[i].exits;
		else
			ret = -ENOMEM;
	}
	if (ret) {
		watch_view_free(v);
		return ret;
	}
	w->looked = true;
	if (w->nr_vms)
		qsort(w->vms, w->nr_vms, sizeof(w->vms[0]), by_label);
	v->vms = w->vms;
	v->nr_vms = w->nr_vms;
	v->restarts = w->restarts;
	return 0;
}

void watch_view_free(struct watch_view *v)
{
	snapshot_free(&v->step);
	memset(v, 0, sizeof(*v));
}
