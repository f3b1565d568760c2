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
#include "bpf/iocores.skel.h"
#include "host/vhost.h"
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

static int try_load(const char *rung, bool functions, const struct types *types,
		    struct iocores_host *h, struct progs *sets, struct iocores_bpf **out)
{
	bool btf = !strcmp(rung, "tp_btf");
	struct iocores_bpf *skel = iocores_bpf__open();
	int ret;

	if (!skel)
		return -errno;
	memset(sets, 0, NR_PROG_SETS * sizeof(*sets));
	bpf_program__set_autoload(skel->progs.switch_tp_btf, btf);
	bpf_program__set_autoload(skel->progs.wakeup_tp_btf, btf);
	bpf_program__set_autoload(skel->progs.switch_raw_tp, !btf);
	bpf_program__set_autoload(skel->progs.wakeup_raw_tp, !btf);
	progs_add(&sets[PROGS_SCHED], btf ? skel->progs.switch_tp_btf : skel->progs.switch_raw_tp,
		  "sched_switch", rung);
	progs_add(&sets[PROGS_SCHED], btf ? skel->progs.wakeup_tp_btf : skel->progs.wakeup_raw_tp,
		  "sched_wakeup", rung);
	choose(skel, types, h, sets, functions);
	ret = iocores_bpf__load(skel);
	if (ret) {
		iocores_bpf__destroy(skel);
		return ret;
	}
	*out = skel;
	return 0;
}

int iocores_load(const struct engine_opts *opts, struct iocores_host *h, struct progs *sets,
		 struct iocores_bpf **out)
{
	const char *forced = rungs_forced_entry(opts->rung);
	bool raw = forced && !strcmp(forced, "raw_tp");
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
	if (!raw)
		ret = why = try_load("tp_btf", true, &types, h, sets, out);
	/* Functions of modules take CAP_SYS_ADMIN (BPF_BTF_GET_FD_BY_ID) and ftrace. */
	if (!raw && ret) {
		verb("programs on vhost's functions: %s", strerror(-ret));
		ret = try_load("tp_btf", false, &types, h, sets, out);
	}
	if (raw || ret)
		ret = try_load("raw_tp", false, &types, h, sets, out);
	if (raw)
		iocores_no_functions(h, "rung raw_tp was asked for, which has no functions");
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
