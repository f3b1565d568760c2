// SPDX-License-Identifier: GPL-2.0
/*
 * Feeds the time account of every vCPU (core/account.h) with what its thread does: entries and
 * exits, returns to user space, polls, switches, wake-ups, interrupts.
 *
 * Hard is to cost nothing where there is no vCPU, because switches, wake-ups and interrupts happen
 * everywhere. So each CPU knows the slot of the vCPU thread that it runs now: an interrupt asks for
 * that alone, and a switch or a wake-up makes one hash look-up at most, for the thread that comes.
 *
 * Hard, too, is that an interrupt can come in the middle of one of these programs, where interrupts
 * are on. It must not book then, or an interval would be booked twice. It begins and ends inside
 * that program, so it leaves the slot alone, and its time stays with what it interrupted.
 */
#include "account_maps.h"

static __always_inline struct account_cpu *this_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&running, &zero);
}

/* The slot number of a thread that runs a vCPU, or NULL. */
static __always_inline __u32 *slot_of_thread(__u32 tid)
{
	return maybe_vcpu[tid & (ACCOUNT_TIDS - 1)] ? bpf_map_lookup_elem(&threads, &tid) : 0;
}

static __always_inline struct account_slot *slot_at(__u32 i)
{
	return bpf_map_lookup_elem(&slots, &i);
}

/* The slot of the running vCPU thread, or NULL; also if another thread has taken its vCPU over. */
static __always_inline struct account_slot *current_slot(void)
{
	struct account_cpu *cur = enabled ? this_cpu() : 0;
	struct account_slot *s;

	if (!cur || !cur->tid)
		return 0;
	s = slot_at(cur->slot);
	return s && s->tid == cur->tid ? s : 0;
}

/* 0: somebody is at it, under us. Nobody else is: all writers run on the CPU of the thread. */
static __always_inline int begin(struct account_slot *s)
{
	if (s->seq & 1) {
		s->skipped++;
		return 0;
	}
	s->seq++;
	barrier();
	return 1;
}

static __always_inline void end(struct account_slot *s)
{
	barrier();
	s->seq++;
}

/* ---- which thread runs which vCPU ---- */

static __always_inline __u64 poll_ns_of(__u64 vcpu_addr)
{
	struct kvm_vcpu___generic *g = (void *)vcpu_addr;
	struct kvm_vcpu___flat *f = (void *)vcpu_addr;

	if (!vcpu_addr)		/* the rung does not show it */
		return 0;
	if (bpf_core_field_exists(g->stat.generic.halt_poll_success_ns)) {
		if (!has_poll)
			has_poll = 1;
		return BPF_CORE_READ(g, stat.generic.halt_poll_success_ns) +
		       BPF_CORE_READ(g, stat.generic.halt_poll_fail_ns);
	}
	if (bpf_core_field_exists(f->stat.halt_poll_success_ns)) {
		if (!has_poll)
			has_poll = 1;
		return BPF_CORE_READ(f, stat.halt_poll_success_ns) +
		       BPF_CORE_READ(f, stat.halt_poll_fail_ns);
	}
	return 0;
}

/* Its thread runs it no more: it has ended, or runs another vCPU. */
static __always_inline void leave(struct account_slot *s, __u64 now)
{
	if (!begin(s))
		return;
	account_end(&s->a, now);
	s->tid = 0;
	end(s);
}

static __always_inline struct account_slot *find_slot(const struct account_key *key, __u32 *i)
{
	__u32 *known = bpf_map_lookup_elem(&slot_of, key);

	if (known) {
		*i = *known;
	} else {
		if (bpf_map_pop_elem(&free_slots, i))
			return 0;
		bpf_map_update_elem(&slot_of, key, i, BPF_NOEXIST);
	}
	return slot_at(*i);
}

/* This thread runs a vCPU for the first time, or again after another one. Rare. */
static __noinline int new_thread(__u32 tid, __u64 vcpu_addr, const struct account_key *key)
{
	struct task_struct___account *task = (void *)bpf_get_current_task();
	__u64 now = bpf_ktime_get_ns();
	struct account_cpu *cur = this_cpu();
	__u32 i = 0, *known, old;
	struct account_slot *s;

	if (!key || !cur)
		return -1;
	known = bpf_map_lookup_elem(&threads, &tid);
	s = known ? slot_at(*known) : 0;
	if (s && s->tid == tid)
		leave(s, now);
	cur->tid = 0;
	s = find_slot(key, &i);
	if (!s) {
		bpf_map_delete_elem(&threads, &tid);
		return -1;
	}
	old = s->tid;
	if (old && old != tid) {
		leave(s, now);
		bpf_map_delete_elem(&threads, &old);
	}
	if (bpf_map_update_elem(&threads, &tid, &i, BPF_ANY))
		return -1;
	maybe_vcpu[tid & (ACCOUNT_TIDS - 1)] = 1;
	if (!begin(s))
		return 0;
	if (s->last_tid != tid)
		s->switches = 0;
	s->moves += s->last_tid && s->last_tid != tid;
	s->key = *key;
	s->tid = s->last_tid = tid;
	if (!s->born)
		s->born = BPF_CORE_READ(task, start_time);
	if (s->vcpu_addr != vcpu_addr)
		s->poll_ns = poll_ns_of(vcpu_addr);
	s->vcpu_addr = vcpu_addr;
	account_begin(&s->a, now);
	end(s);
	cur->slot = i;
	cur->tid = tid;
	return 0;
}

/* ---- KVM ---- */

static __always_inline int handle_entry(__u64 vcpu_addr, __u64 kvm, int vcpu_id)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct account_key key = { kvm, id >> 32, vcpu_id };
	struct account_slot *s;

	if (!enabled || (target_vm && target_vm != key.vm))
		return 0;
	s = current_slot();
	if (!s || s->vcpu_addr != vcpu_addr || s->key.kvm != kvm || s->key.vcpu != vcpu_id ||
	    s->tid != (__u32)id) {
		if (new_thread((__u32)id, vcpu_addr, &key))
			__sync_fetch_and_add(&counts.slots_full, 1);
		return 0;
	}
	if (!begin(s))
		return 0;
	account_entry(&s->a, bpf_ktime_get_ns());
	end(s);
	return 0;
}

SEC("tp_btf/kvm_entry")
int BPF_PROG(entry_tp_btf, struct kvm_vcpu *vcpu)
{
	if (!vcpu)	/* 6.12's verifier takes the argument for one that may be NULL */
		return 0;
	return handle_entry((__u64)vcpu, (__u64)vcpu->kvm, vcpu->vcpu_id);
}

/* The same where BTF does not describe the tracepoint of a module. */
SEC("raw_tp/kvm_entry")
int entry_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	struct kvm_vcpu *vcpu = (struct kvm_vcpu *)ctx->args[0];

	return handle_entry((__u64)vcpu, (__u64)BPF_CORE_READ(vcpu, kvm),
			    BPF_CORE_READ(vcpu, vcpu_id));
}

/* The record has only the vCPU's number. */
SEC("tp/kvm/kvm_entry")
int entry_tp(void *ctx)
{
	__u64 vcpu = tp_vcpu();

	handle_entry(vcpu, tp_kvm(vcpu), tp_read(ctx, &entry_vcpu_id));
	return 1;
}

static __always_inline unsigned int class_of_record(void *ctx)
{
	__u64 reason = 0;
	__u32 isa = 0, r32 = 0, i;

	/* The layout of 6.12 and 6.18, read without a call. */
	if (exit_reason_size == 4 && exit_reason_off == 8 && exit_isa_off == 24) {
		reason = *(__u32 *)(ctx + 8);
		isa = *(__u32 *)(ctx + 24);
	} else {
		if (exit_reason_size == 8) {
			bpf_probe_read_kernel(&reason, 8, ctx + exit_reason_off);
		} else {
			bpf_probe_read_kernel(&r32, 4, ctx + exit_reason_off);
			reason = r32;
		}
		bpf_probe_read_kernel(&isa, 4, ctx + exit_isa_off);
	}
	i = reason_index(reason) & (REASON_INDEXES - 1);
	return class_of[isa & 3][i] & 7;
}

/*
 * The classic tracepoint on every rung, because the reason is only in its record since 0a62a0319abb
 * (5.16).
 */
SEC("tp/kvm/kvm_exit")
int exit_tp(void *ctx)
{
	struct account_slot *s = current_slot();
	unsigned int class;

	if (!s) {
		if (enabled)
			__sync_fetch_and_add(&counts.unknown_exits, 1);
		return 1;
	}
	class = class_of_record(ctx);
	if (!begin(s))
		return 1;
	account_exit(&s->a, bpf_ktime_get_ns(), class);
	end(s);
	return 1;
}

/* The CPU leaves KVM_RUN... */
static __always_inline void handle_user(void)
{
	struct account_slot *s = current_slot();

	if (!s || !begin(s))
		return;
	account_to_user(&s->a, bpf_ktime_get_ns());
	end(s);
}

SEC("raw_tp/kvm_userspace_exit")
int user_raw_tp(void *ctx)
{
	handle_user();
	return 0;
}

SEC("tp/kvm/kvm_userspace_exit")
int user_tp(void *ctx)
{
	handle_user();
	return 1;
}

/* ... and is back: the guest's FPU registers are loaded first thing (argument 1). */
static __always_inline void handle_fpu(__u32 load)
{
	struct account_slot *s = current_slot();

	if (!s || !load || !begin(s))
		return;
	account_to_kernel(&s->a, bpf_ktime_get_ns());
	end(s);
}

SEC("raw_tp/kvm_fpu")
int fpu_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	handle_fpu((__u32)ctx->args[0]);
	return 0;
}

SEC("tp/kvm/kvm_fpu")
int fpu_tp(void *ctx)
{
	handle_fpu(tp_read(ctx, &fpu_load));
	return 1;
}

/* How long it polled is in no record, only in the vCPU. */
static __always_inline void handle_halt_end(void)
{
	struct account_slot *s = current_slot();
	__u64 sum;

	if (!s || !begin(s))
		return;
	sum = poll_ns_of(s->vcpu_addr);
	account_poll(&s->a, bpf_ktime_get_ns(), sum - s->poll_ns);
	s->kvm_poll_ns += sum - s->poll_ns;
	s->poll_ns = sum;
	end(s);
}

SEC("raw_tp/kvm_vcpu_wakeup")
int wakeup_raw_tp(void *ctx)
{
	handle_halt_end();
	return 0;
}

SEC("tp/kvm/kvm_vcpu_wakeup")
int wakeup_tp(void *ctx)
{
	handle_halt_end();
	return 1;
}

/* ---- the scheduler ---- */

/* The scheduler has brought its own sums up to date just before. */
static __always_inline void witness(struct account_slot *s, struct task_struct___account *prev)
{
	const struct account *a = &s->a;

	s->last.sched_run = BPF_CORE_READ(prev, se.sum_exec_runtime);
	if (bpf_core_field_exists(prev->sched_info.run_delay))
		s->last.sched_wait = BPF_CORE_READ(prev, sched_info.run_delay);
	s->last.wait = a->ns[ACCOUNT_RUNQUEUE];
	s->last.run = a->ts - a->start - a->gone_ns - a->ns[ACCOUNT_RUNQUEUE] -
		      a->ns[ACCOUNT_BLOCKED] - a->ns[ACCOUNT_SLEEP];
	if (!s->switches++)
		s->first = s->last;
}

static __always_inline void switch_out(struct account_slot *s, struct task_struct___account *prev,
				       __u32 pid, __u64 state)
{
	__u64 now = bpf_ktime_get_ns();

	if (s->tid != pid || !begin(s))
		return;
	account_switch_out(&s->a, now, state != 0);
	witness(s, prev);
	end(s);
	if (state & TASK_DEAD) {
		leave(s, now);
		bpf_map_delete_elem(&threads, &pid);
	}
}

static __always_inline void switch_in(struct account_slot *s, __u32 pid)
{
	if (s->tid != pid || !begin(s))
		return;
	account_switch_in(&s->a, bpf_ktime_get_ns());
	end(s);
}

/* @state: of the thread that leaves; 0 = it could go on. */
static __always_inline int handle_switch(void *prev, __u32 pid, __u32 next,
					 __u64 state)
{
	struct account_slot *s;
	struct account_cpu *cur;
	__u32 *i;

	if (!enabled)
		return 0;
	cur = this_cpu();
	if (!cur)
		return 0;
	if (cur->tid) {
		s = slot_at(cur->slot);
		if (s)
			switch_out(s, prev, pid, state);
		cur->tid = 0;
	}
	if (!next)	/* the idle thread */
		return 0;
	i = slot_of_thread(next);
	if (!i)
		return 0;
	cur->slot = *i;
	cur->tid = next;
	s = slot_at(*i);
	if (s)
		switch_in(s, next);
	return 0;
}

static __always_inline __u64 state_of(void *task)
{
	struct task_struct___state *t = task;
	struct task_struct___old *old = task;

	if (bpf_core_field_exists(t->__state))
		return BPF_CORE_READ(t, __state);
	return BPF_CORE_READ(old, state);
}

/* A thread that was preempted on its way to sleep can still run. */
#define SWITCH_STATE(args, prev) \
	((args)[0] ? 0 : switch_args == 4 ? (__u32)(args)[3] : state_of(prev))

SEC("tp_btf/sched_switch")
int switch_tp_btf(__u64 *ctx)
{
	struct task_struct___account *prev = (void *)ctx[1], *next = (void *)ctx[2];

	if (!prev || !next)
		return 0;
	return handle_switch(prev, prev->pid, next->pid, SWITCH_STATE(ctx, prev));
}

SEC("raw_tp/sched_switch")
int switch_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct___account *prev = (void *)ctx->args[1], *next = (void *)ctx->args[2];

	return handle_switch(prev, BPF_CORE_READ(prev, pid), BPF_CORE_READ(next, pid),
			     SWITCH_STATE(ctx->args, prev));
}

/* It is the current thread that leaves. */
SEC("tp/sched/sched_switch")
int switch_tp(void *ctx)
{
	handle_switch((void *)bpf_get_current_task(), tp_read(ctx, &switch_prev),
		      tp_read(ctx, &switch_next), tp_state(tp_read(ctx, &switch_state)));
	return 1;
}

/* From any CPU. Only the time is left: the thread itself books it when it runs again. */
static __always_inline int handle_wakeup(__u32 pid)
{
	__u32 *i = enabled ? slot_of_thread(pid) : 0;
	struct account_slot *s = i ? slot_at(*i) : 0;

	if (s)
		s->a.woken = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(woken_tp_btf, struct task_struct___account *p)
{
	return p ? handle_wakeup(p->pid) : 0;
}

SEC("raw_tp/sched_wakeup")
int woken_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct___account *p = (void *)ctx->args[0];

	return handle_wakeup(BPF_CORE_READ(p, pid));
}

SEC("tp/sched/sched_wakeup")
int woken_tp(void *ctx)
{
	handle_wakeup(tp_read(ctx, &woken_pid));
	return 1;
}

/* ---- interrupts of the host ---- */

static __always_inline int irq_enter(void)
{
	struct account_slot *s = current_slot();

	if (!s || !begin(s))
		return 0;
	account_irq_enter(&s->a, bpf_ktime_get_ns());
	end(s);
	return 0;
}

static __always_inline int irq_exit(void)
{
	struct account_slot *s = current_slot();

	if (!s || !begin(s))
		return 0;
	account_irq_exit(&s->a, bpf_ktime_get_ns());
	end(s);
	return 0;
}

/*
 * Devices, soft interrupts, and the local vectors that have work to do. Those of errors are left
 * out, and those that have no tracepoint (posted interrupts).
 */
#define IRQ_PAIR(group, name)								\
	SEC("raw_tp/" #name "_entry") int name##_enter(void *ctx) { return irq_enter(); }	\
	SEC("raw_tp/" #name "_exit") int name##_leave(void *ctx) { return irq_exit(); }	\
	SEC("tp/" group "/" #name "_entry")						\
	int name##_enter_tp(void *ctx) { irq_enter(); return 1; }			\
	SEC("tp/" group "/" #name "_exit")						\
	int name##_leave_tp(void *ctx) { irq_exit(); return 1; }

IRQ_PAIR("irq", irq_handler)
IRQ_PAIR("irq", softirq)
IRQ_PAIR("irq_vectors", local_timer)
IRQ_PAIR("irq_vectors", reschedule)
IRQ_PAIR("irq_vectors", call_function)
IRQ_PAIR("irq_vectors", call_function_single)
IRQ_PAIR("irq_vectors", irq_work)
IRQ_PAIR("irq_vectors", thermal_apic)

char LICENSE[] SEC("license") = "GPL";
