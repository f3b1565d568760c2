// SPDX-License-Identifier: GPL-2.0
/*
 * The signal "account": loads bpf/account.bpf.c and reads its slots.
 *
 * The hard part is to read an account that goes on. A slot is copied when its sequence number is
 * even and the same before and after, and the clock is read before the copy. Then the state in it
 * is either older than that moment, and has lasted until then, so the open interval can be added;
 * or newer, and there is nothing to add. Either way nothing in the copy is ever taken back later.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/account.h"
#include "bpf/tp_field.h"
#include "bpf/account.skel.h"
#include "core/reason.h"
#include "engine/progs.h"
#include "engine/record_fields.h"
#include "engine/rungs.h"
#include "engine/signal.h"
#include "engine/tracefs.h"
#include "out/account.h"
#include "util/bpf_log.h"
#include "util/clock.h"
#include "util/log.h"

#define SLOT_SIZE ((sizeof(struct account_slot) + 7) & ~(size_t)7)

struct account_signal {
	struct account_bpf *skel;
	struct progs progs;
	unsigned char *slots;		/* the map, in place */
	size_t slots_size;
	uint64_t attached_ns, detached_ns;
	bool has_return, has_poll;
	bool by_record;			/* the lowest rung */
};

/* How the programs are attached: in KVM, and in the scheduler and to interrupts. */
struct rung_pair {
	enum rung kvm, sched;
	const char *forced;	/* chosen by this name alone, too */
};

static const struct rung_pair ladder[] = {
	{ RUNG_TP_BTF, RUNG_TP_BTF, "tp_btf" },
	{ RUNG_RAW_TP, RUNG_TP_BTF, "" },	/* without the right to read the BTF of modules */
	{ RUNG_RAW_TP, RUNG_RAW_TP, "raw_tp" },
	{ RUNG_TP, RUNG_TP, "tp" },
};

/* Number of arguments of sched_switch, by BTF: 3 or 4. */
static unsigned int switch_args(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const struct btf_type *t;
	unsigned int n = 4;
	int id;

	if (libbpf_get_error(btf))
		return n;
	id = btf__find_by_name_kind(btf, "btf_trace_sched_switch", BTF_KIND_TYPEDEF);
	t = id > 0 ? btf__type_by_id(btf, btf__type_by_id(btf, (__u32)id)->type) : NULL;
	if (t && btf_is_ptr(t))
		t = btf__type_by_id(btf, t->type);
	/* One more than in the program: the pointer to the tracepoint's own data. */
	if (t && btf_is_func_proto(t) && btf_vlen(t) > 1)
		n = btf_vlen(t) - 1u;
	btf__free(btf);
	return n;
}

static int set_constants(struct account_bpf *skel, const struct engine_opts *o, bool records)
{
	struct account_bpf__rodata *ro = skel->rodata;
	struct tp_field reason, isa;
	const struct wanted_field fields[] = {
		{ "kvm/kvm_exit", "exit_reason", &reason, false },
		{ "kvm/kvm_exit", "isa", &isa, false },
		/* The others are for the lowest rung. */
		{ "kvm/kvm_entry", "vcpu_id", &ro->entry_vcpu_id, false },
		{ "kvm/kvm_fpu", "load", &ro->fpu_load, true },
		{ "sched/sched_switch", "prev_pid", &ro->switch_prev, false },
		{ "sched/sched_switch", "prev_state", &ro->switch_state, false },
		{ "sched/sched_switch", "next_pid", &ro->switch_next, false },
		{ "sched/sched_wakeup", "pid", &ro->woken_pid, false },
	};
	int ret = record_fields("account", fields, records ? sizeof(fields) / sizeof(fields[0]) : 2);

	if (ret)
		return ret;
	ro->exit_reason_off = reason.offset;
	ro->exit_reason_size = reason.size;
	ro->exit_isa_off = isa.offset;
	ro->switch_args = switch_args();
	ro->target_vm = (unsigned int)o->pid;
	ro->records_only = records_only();
	for (unsigned int i = 0; i < 4; i++)
		reason_class_table(i, (unsigned char *)ro->class_of[i]);
	return 0;
}

/* Loads one of the programs of an event, by rung; NULL where there is none. */
static void use(struct account_signal *s, struct bpf_program *const p[NR_RUNGS], enum rung wanted,
		const char *event)
{
	enum rung r;

	for (r = 0; r < NR_RUNGS; r++)
		if (p[r])
			bpf_program__set_autoload(p[r], r == wanted);
	if (wanted < NR_RUNGS)
		progs_add(&s->progs, p[wanted], event, rung_name(wanted));
}

/*
 * A tracepoint that not every kernel has; @event with its group. Nothing would be won by typed
 * arguments. Whether it is there.
 */
static bool use_if(struct account_signal *s, struct bpf_program *raw, struct bpf_program *tp,
		   enum rung r, const char *event)
{
	struct bpf_program *const p[NR_RUNGS] = { NULL, raw, tp };
	static char text[65536];
	bool there = !tracefs_format(event, text, sizeof(text));

	use(s, p, !there ? NR_RUNGS : r == RUNG_TP ? RUNG_TP : RUNG_RAW_TP, strchr(event, '/') + 1);
	return there;
}

static void use_interrupts(struct account_signal *s, enum rung r)
{
#define PAIR(group, name)								\
	do {										\
		use_if(s, s->skel->progs.name##_enter, s->skel->progs.name##_enter_tp, r,	\
		       group "/" #name "_entry");					\
		use_if(s, s->skel->progs.name##_leave, s->skel->progs.name##_leave_tp, r,	\
		       group "/" #name "_exit");					\
	} while (0)
	PAIR("irq", irq_handler);
	PAIR("irq", softirq);
	PAIR("irq_vectors", local_timer);
	PAIR("irq_vectors", reschedule);
	PAIR("irq_vectors", call_function);
	PAIR("irq_vectors", call_function_single);
	PAIR("irq_vectors", irq_work);
	PAIR("irq_vectors", thermal_apic);
#undef PAIR
}

static void choose(struct account_signal *s, const struct rung_pair *r)
{
#define RUNGS(name) (struct bpf_program *const[]){ s->skel->progs.name##_tp_btf, \
	s->skel->progs.name##_raw_tp, s->skel->progs.name##_tp }
	struct bpf_program *const exit[NR_RUNGS] = { [RUNG_TP] = s->skel->progs.exit_tp };

	s->progs.n = 0;
	use(s, RUNGS(entry), r->kvm, "kvm_entry");
	use(s, exit, RUNG_TP, "kvm_exit");
	use_if(s, s->skel->progs.user_raw_tp, s->skel->progs.user_tp, r->kvm,
	       "kvm/kvm_userspace_exit");
	s->has_return = use_if(s, s->skel->progs.fpu_raw_tp, s->skel->progs.fpu_tp, r->kvm,
			       "kvm/kvm_fpu");
	s->has_poll = use_if(s, s->skel->progs.wakeup_raw_tp, s->skel->progs.wakeup_tp, r->kvm,
			     "kvm/kvm_vcpu_wakeup");
	use(s, RUNGS(switch), r->sched, "sched_switch");
	use(s, RUNGS(woken), r->sched, "sched_wakeup");
	use_interrupts(s, r->sched);
#undef RUNGS
	s->by_record = r->kvm == RUNG_TP;
}

static int try_load(struct account_signal *s, const struct engine_opts *o,
		    const struct rung_pair *r)
{
	int ret;

	s->skel = account_bpf__open();
	if (!s->skel)
		return -errno;
	ret = set_constants(s->skel, o, r->sched == RUNG_TP);
	if (!ret) {
		choose(s, r);
		ret = account_bpf__load(s->skel);
	}
	if (ret) {
		account_bpf__destroy(s->skel);
		s->skel = NULL;
	}
	return ret;
}

static int load(struct account_signal *s, const struct engine_opts *o)
{
	const char *forced = rungs_forced_entry(o->rung);
	int ret = -EOPNOTSUPP;
	size_t i;

	for (i = 0; i < sizeof(ladder) / sizeof(ladder[0]); i++) {
		if (forced && strcmp(forced, ladder[i].forced))
			continue;
		ret = try_load(s, o, &ladder[i]);
		if (!ret || ret == -EOPNOTSUPP || ret == -ENODEV)
			return ret;
		verb("account, rung %zu: %s", i + 1, strerror(-ret));
	}
	err("account: the programs do not load on this kernel: %s (-vv shows why)",
	    strerror(-ret));
	return ret;
}

static void account_close(void *p)
{
	struct account_signal *s = p;

	if (s->slots)
		munmap(s->slots, s->slots_size);
	account_bpf__destroy(s->skel);
	free(s);
}

static int account_open(const struct engine_opts *o, void **out)
{
	struct account_signal *s = calloc(1, sizeof(*s));
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *m;
	int ret;

	if (!s)
		return -ENOMEM;
	libbpf_set_print(bpf_log);
	ret = load(s, o);
	if (ret)
		goto fail;
	s->slots_size = (ACCOUNT_SLOTS * SLOT_SIZE + page - 1) / page * page;
	m = mmap(NULL, s->slots_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		 bpf_map__fd(s->skel->maps.slots), 0);
	if (m == MAP_FAILED) {
		ret = -errno;
		err("account: cannot map its slots: %s", strerror(errno));
		goto fail;
	}
	s->slots = m;
	*out = s;
	return 0;
fail:
	account_close(s);
	return ret;
}

static void clear_map(struct bpf_map *map)
{
	char key[64];
	int fd = bpf_map__fd(map);

	while (!bpf_map_get_next_key(fd, NULL, key))
		if (bpf_map_delete_elem(fd, key))
			return;
}

/* No thread is known, all slots are free. */
static int reset(struct account_signal *s)
{
	int queue = bpf_map__fd(s->skel->maps.free_slots), n = libbpf_num_possible_cpus(), ret = 0;
	struct account_cpu *cpus = n > 0 ? calloc((size_t)n, sizeof(*cpus)) : NULL;
	__u32 i, v, zero = 0;

	if (!cpus)
		return n < 0 ? n : -ENOMEM;
	if (bpf_map_update_elem(bpf_map__fd(s->skel->maps.running), &zero, cpus, BPF_ANY))
		ret = -errno;
	free(cpus);
	clear_map(s->skel->maps.threads);
	clear_map(s->skel->maps.slot_of);
	memset(s->slots, 0, s->slots_size);
	while (!bpf_map_lookup_and_delete_elem(queue, NULL, &v))
		;
	for (i = 0; !ret && i < ACCOUNT_SLOTS; i++)
		if (bpf_map_update_elem(queue, NULL, &i, BPF_ANY))
			ret = -errno;
	memset(&s->skel->bss->counts, 0, sizeof(s->skel->bss->counts));
	memset(s->skel->bss->maybe_vcpu, 0, sizeof(s->skel->bss->maybe_vcpu));
	return ret;
}

static int account_attach(void *p)
{
	struct account_signal *s = p;
	int ret = reset(s);

	if (!ret)
		ret = progs_attach(&s->progs);
	if (ret)
		return ret;
	s->detached_ns = 0;
	s->attached_ns = clock_ns();
	__atomic_store_n(&s->skel->bss->enabled, 1, __ATOMIC_SEQ_CST);
	return 0;
}

/* The programs stop all at once, and not one after the other as they are detached. */
static void account_detach(void *p)
{
	struct account_signal *s = p;

	if (__atomic_exchange_n(&s->skel->bss->enabled, 0, __ATOMIC_SEQ_CST))
		s->detached_ns = clock_ns();
	progs_detach(&s->progs);
}

/* A copy that is of one moment; returns that moment or an earlier one, never later than any event
 * that is not in it. */
static uint64_t copy_slot(const struct account_signal *s, size_t i, struct account_slot *out)
{
	const struct account_slot *in = (const void *)(s->slots + i * SLOT_SIZE);
	unsigned int seq, tries;
	uint64_t now = 0;

	for (tries = 0; tries < 1000000; tries++) {
		seq = __atomic_load_n(&in->seq, __ATOMIC_ACQUIRE);
		now = clock_ns();
		*out = *in;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(seq & 1) && seq == __atomic_load_n(&in->seq, __ATOMIC_RELAXED))
			break;
	}
	return now;
}

static void set_row(const struct account_signal *s, struct account_slot *c, uint64_t now,
		    struct account_row *r)
{
	uint64_t begin = c->born > s->attached_ns ? c->born : s->attached_ns, end = now;

	if (s->detached_ns)
		end = s->detached_ns;
	if (!c->a.end && end > c->a.ts)
		account_charge(&c->a, end);
	if (c->a.end && c->a.end < end)
		end = c->a.end;
	*r = (struct account_row){ .vm = (pid_t)c->key.vm, .vm_key = c->key.kvm,
		.vcpu = c->key.vcpu, .tid = (pid_t)c->last_tid, .moves = c->moves,
		.kvm_poll_ns = c->kvm_poll_ns,
		.sched_run_ns = c->last.sched_run - c->first.sched_run,
		.sched_wait_ns = c->last.sched_wait - c->first.sched_wait,
		.run_ns = c->last.run - c->first.run, .wait_ns = c->last.wait - c->first.wait,
		.wall_ns = end > begin ? end - begin : 0,
		.unseen_ns = c->a.start > begin ? c->a.start - begin : 0 };
	r->wall_ns -= c->a.gone_ns < r->wall_ns ? c->a.gone_ns : r->wall_ns;
	for (int k = 0; k < NR_ACCOUNT; k++)
		r->ns[k] = c->a.ns[k];
}

static void add_ledger(struct account_ledger *l, const struct account_slot *c)
{
	l->unmatched_entries += c->a.unmatched_entries;
	l->unmatched_exits += c->a.unmatched_exits;
	l->unmatched_irqs += c->a.unmatched_irqs;
	l->unseen_wakeups += c->a.unseen_wakeups;
	l->clock_back_ns += c->a.back_ns;
	l->skipped += c->skipped;
}

static int account_read(void *p, struct trace_snapshot *out)
{
	struct account_signal *s = p;
	struct account_part *part = account_part_new(ACCOUNT_SLOTS);
	struct account_slot c;
	size_t i;

	if (!part)
		return -ENOMEM;
	for (i = 0; i < ACCOUNT_SLOTS; i++) {
		uint64_t now;

		if (!((const struct account_slot *)(s->slots + i * SLOT_SIZE))->key.vm)
			continue;
		now = copy_slot(s, i, &c);
		if (!c.a.start)
			continue;
		set_row(s, &c, now, &part->rows[part->nr_rows++]);
		add_ledger(&part->ledger, &c);
	}
	account_part_sort(part);
	part->has_poll = s->has_poll && s->skel->bss->has_poll;
	if (!part->has_poll && s->by_record)
		part->no_poll_why = "rung tp: no record says how long KVM polled";
	part->has_return = s->has_return;
	part->ledger.unknown_exits = s->skel->bss->counts.unknown_exits;
	part->ledger.map_full = s->skel->bss->counts.slots_full;
	progs_read(&s->progs, out);
	out->ledger.map_full += part->ledger.map_full;
	return part_put(out, &part->part);
}

const struct signal_ops account_signal = {
	.name = "account",
	.bit = SIGNAL_ACCOUNT,
	.what = "where each vCPU's wall time goes: guest, handling, polling, waiting, interrupts",
	.open = account_open,
	.attach = account_attach,
	.detach = account_detach,
	.read = account_read,
	.close = account_close,
};
