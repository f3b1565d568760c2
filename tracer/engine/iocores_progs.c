// SPDX-License-Identifier: GPL-2.0
/*
 * Chooses programs. Functions of modules are looked up in the modules' BTF; what is not there (an
 * older or newer vhost, a function that the compiler has inlined) is left out, with a reason. Where
 * the kernel takes no programs on functions at all, the scheduler's events remain: they say when a
 * worker runs, not what for.
 */
#include "engine/iocores_progs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/iocores.h"
#include "bpf/tp_field.h"
#include "bpf/iocores.skel.h"
#include "host/vhost.h"
#include "engine/record_fields.h"
#include "engine/rungs.h"
#include "util/log.h"

enum vhost_module_id { MODULE_vhost, MODULE_net, MODULE_scsi, MODULE_vsock, MODULE_kernel };

static const char *const module_name[NR_VHOST_MODULES] = {
	[MODULE_vhost] = "vhost", [MODULE_net] = "vhost_net", [MODULE_scsi] = "vhost_scsi",
	[MODULE_vsock] = "vhost_vsock",
};

/* A program on a function. */
struct target {
	struct bpf_program *prog;
	const char *function;
	enum vhost_module_id module;
	enum iocores_gap what;		/* that it takes part in */
	const char *how;
};

#define MAX_TARGETS (2 * NR_VHOST_WORKS + 16)

static size_t list_targets(const struct iocores_bpf *skel, struct target *t)
{
#define WORK_TARGETS(name, module)							\
	{ skel->progs.in_##name, #name, MODULE_##module, GAP_WORKS, "fentry" },		\
	{ skel->progs.out_##name, #name, MODULE_##module, GAP_WORKS, "fexit" },
	const struct target all[] = {
		VHOST_WORKS(WORK_TARGETS)
		{ skel->progs.poll_begins, "vhost_net_busy_poll", MODULE_net, GAP_POLL, "fentry" },
		{ skel->progs.poll_ends, "vhost_net_busy_poll", MODULE_net, GAP_POLL, "fexit" },
		{ skel->progs.kicked, "vhost_poll_wakeup", MODULE_vhost, GAP_KICKS, "fentry" },
		{ skel->progs.signal, "vhost_signal", MODULE_vhost, GAP_REPLIES, "fentry" },
		{ skel->progs.used_signal, "vhost_add_used_and_signal", MODULE_vhost, GAP_REPLIES,
		  "fentry" },
		{ skel->progs.used_signal_n, "vhost_add_used_and_signal_n", MODULE_vhost,
		  GAP_BUFFERS, "fentry" },
		{ skel->progs.reply_mask, "eventfd_signal_mask", MODULE_kernel, GAP_REPLIES,
		  "fentry" },
		{ skel->progs.reply, "eventfd_signal", MODULE_kernel, GAP_REPLIES, "fentry" },
	};

	memcpy(t, all, sizeof(all));
	return sizeof(all) / sizeof(all[0]);
}

/* ---- What this host has ---- */

struct types {
	struct btf *kernel;
	struct btf *module[NR_VHOST_MODULES];	/* NULL: not loaded, or built in */
	bool present[NR_VHOST_MODULES];
};

static void types_free(struct types *t)
{
	int i;

	for (i = 0; i < NR_VHOST_MODULES; i++)
		btf__free(t->module[i]);
	btf__free(t->kernel);
}

static int types_read(struct types *t, struct iocores_host *h)
{
	int i;

	memset(t, 0, sizeof(*t));
	t->kernel = btf__load_vmlinux_btf();
	if (!t->kernel)
		return -errno;
	for (i = 0; i < NR_VHOST_MODULES; i++) {
		h->module[i] = t->present[i] = vhost_module("", module_name[i]);
		if (h->module[i])
			t->module[i] = btf__load_module_btf(module_name[i], t->kernel);
		if (libbpf_get_error(t->module[i]))
			t->module[i] = NULL;
	}
	return 0;
}

/*
 * Whether there is such a function to attach to. Of a module's BTF only its own part is searched:
 * the kernel's is a hundred times as large.
 */
static bool has_function(const struct types *t, const char *function, enum vhost_module_id module)
{
	const struct btf *b = module == MODULE_kernel ? t->kernel : t->module[module];
	__u32 id = b && b != t->kernel ? btf__type_cnt(t->kernel) : 1;

	/* Built in, or not there at all. */
	if (!b && !t->present[module])
		return false;
	if (!b)
		b = t->kernel;
	for (; id < btf__type_cnt(b); id++) {
		const struct btf_type *type = btf__type_by_id(b, id);

		if (btf_is_func(type) && !strcmp(btf__name_by_offset(b, type->name_off), function))
			return true;
	}
	return false;
}

static void gap(struct iocores_host *h, enum iocores_gap g, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(h->why[g], sizeof(h->why[g]), fmt, ap);
	va_end(ap);
}

void iocores_no_functions(struct iocores_host *h, const char *fmt, ...)
{
	va_list ap;
	int g;

	va_start(ap, fmt);
	vsnprintf(h->why[GAP_WORKS], sizeof(h->why[GAP_WORKS]), fmt, ap);
	va_end(ap);
	for (g = GAP_POLL; g < NR_IOCORES_GAPS; g++)
		memcpy(h->why[g], h->why[GAP_WORKS], sizeof(h->why[g]));
}

/* ---- Choosing ---- */

/* Loads what there is of @targets; programs on functions only if @functions. */
static void choose(struct iocores_bpf *skel, const struct types *types, struct iocores_host *h,
		   struct progs *sets, bool functions)
{
	struct target t[MAX_TARGETS];
	size_t n = list_targets(skel, t), i;
	bool have[NR_IOCORES_GAPS] = { false };
	bool there;
	int set;

	for (i = 0; i < n; i++) {
		there = functions && has_function(types, t[i].function, t[i].module);
		bpf_program__set_autoload(t[i].prog, there);
		if (!there)
			continue;
		have[t[i].what] = true;
		set = t[i].module == MODULE_scsi || t[i].module == MODULE_vsock ? PROGS_OTHERS :
		      PROGS_VHOST;
		progs_add(&sets[set], t[i].prog, t[i].function, t[i].how);
	}
	if (!functions)
		return;
	if (!have[GAP_WORKS])
		gap(h, GAP_WORKS, "none of the work functions is in the BTF of vhost's modules");
	if (!have[GAP_POLL])
		gap(h, GAP_POLL, h->module[MODULE_net] ?
		    "vhost_net_busy_poll cannot be attached to here; it counts as useful" :
		    "vhost_net, which polls, is not loaded");
	if (!have[GAP_KICKS])
		gap(h, GAP_KICKS, "vhost_poll_wakeup cannot be attached to here");
	if (!have[GAP_REPLIES])
		gap(h, GAP_REPLIES, "neither vhost_signal nor eventfd_signal can be attached to here");
	if (!have[GAP_BUFFERS])
		gap(h, GAP_BUFFERS, "vhost_add_used_and_signal_n cannot be attached to here");
}

static void choose_sched(struct iocores_bpf *skel, enum rung rung, struct progs *set)
{
	struct bpf_program *const p[2][NR_RUNGS] = {
		{ skel->progs.switch_tp_btf, skel->progs.switch_raw_tp, skel->progs.switch_tp },
		{ skel->progs.wakeup_tp_btf, skel->progs.wakeup_raw_tp, skel->progs.wakeup_tp },
	};
	enum rung r;
	int i;

	for (i = 0; i < 2; i++) {
		for (r = 0; r < NR_RUNGS; r++)
			bpf_program__set_autoload(p[i][r], r == rung);
		progs_add(set, p[i][rung], i ? "sched_wakeup" : "sched_switch", rung_name(rung));
	}
}

static int set_constants(struct iocores_bpf *skel)
{
	const struct wanted_field fields[] = {
		{ "sched/sched_switch", "prev_pid", &skel->rodata->switch_prev, false },
		{ "sched/sched_switch", "prev_state", &skel->rodata->switch_state, false },
		{ "sched/sched_switch", "next_pid", &skel->rodata->switch_next, false },
		{ "sched/sched_wakeup", "pid", &skel->rodata->woken_pid, false },
	};

	return record_fields("I/O cores", fields, sizeof(fields) / sizeof(fields[0]));
}

static int try_load(enum rung rung, bool functions, const struct types *types,
		    struct iocores_host *h, struct progs *sets, struct iocores_bpf **out)
{
	struct iocores_bpf *skel = iocores_bpf__open();
	int ret;

	if (!skel)
		return -errno;
	memset(sets, 0, NR_PROG_SETS * sizeof(*sets));
	choose_sched(skel, rung, &sets[PROGS_SCHED]);
	choose(skel, types, h, sets, functions);
	ret = rung == RUNG_TP ? set_constants(skel) : 0;
	if (!ret)
		ret = iocores_bpf__load(skel);
	verb("I/O cores by %s%s: %s", rung_name(rung), functions ? " and fentry" : "",
	     strerror(-ret));
	if (ret) {
		iocores_bpf__destroy(skel);
		return ret;
	}
	*out = skel;
	return 0;
}

/*
 * The best rung that loads, or the forced one; with programs on functions if they load, too: those
 * of modules take CAP_SYS_ADMIN (BPF_BTF_GET_FD_BY_ID) and ftrace. Why they did not, or 0, in @why.
 */
static int load_best(const char *forced, bool functions, const struct types *types,
		     struct iocores_host *h, struct progs *sets, struct iocores_bpf **out, int *why)
{
	int ret = -EOPNOTSUPP;
	enum rung r;

	for (r = 0; r < NR_RUNGS; r++) {
		if (forced && strcmp(forced, rung_name(r)))
			continue;
		ret = functions ? try_load(r, true, types, h, sets, out) : -EPERM;
		*why = ret;
		if (ret)
			ret = try_load(r, false, types, h, sets, out);
		if (!ret)
			break;
	}
	return ret;
}

int iocores_load(const struct engine_opts *opts, struct iocores_host *h, struct progs *sets,
		 struct iocores_bpf **out)
{
	bool functions = !getenv("EXITLAB_NO_FENTRY");
	struct types types;
	int ret, why = 0;

	*out = NULL;
	memset(h, 0, sizeof(*h));
	ret = types_read(&types, h);
	if (ret) {
		err("this kernel has no BTF, which I/O cores take: %s", strerror(-ret));
		types_free(&types);
		return -EOPNOTSUPP;
	}
	ret = load_best(rungs_forced_entry(opts->rung), functions, &types, h, sets, out, &why);
	if (!functions)
		iocores_no_functions(h, "programs on functions were not wanted ($EXITLAB_NO_FENTRY)");
	else if (why)
		iocores_no_functions(h, "this kernel, or our privileges, take no programs on functions of modules: %s",
				     strerror(-why));
	types_free(&types);
	if (ret)
		err("the programs for I/O cores do not load on this kernel: %s (-vv shows why)",
		    strerror(-ret));
	return ret;
}

bool iocores_host_same(const struct iocores_host *h)
{
	int i;

	for (i = 0; i < NR_VHOST_MODULES; i++)
		if (h->module[i] != vhost_module("", module_name[i]))
			return false;
	return true;
}

void iocores_host_gaps(const struct iocores_host *h, struct iocores *p)
{
	int i;

	memcpy(p->why, h->why, sizeof(p->why));
	for (i = 0; i < NR_VHOST_MODULES; i++)
		if (!h->module[i] && vhost_module("", module_name[i]))
			snprintf(p->why[GAP_ALL], sizeof(p->why[GAP_ALL]),
				 "%s was loaded after tracing began: its works count as other time",
				 module_name[i]);
}
