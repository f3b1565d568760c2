// SPDX-License-Identifier: GPL-2.0
/*
 * Accounts for the time of vhost's workers, and counts what they do.
 *
 * sched_switch and sched_wakeup say when a worker runs, waits and sleeps; entry and return of the
 * work functions say what for. Workers are recognised here, in the kernel, at the first event of
 * theirs: a VM may start and end between two looks of user space. What this costs everybody else is
 * a test of two flags of the tasks that change places, and for kernel threads a hash look-up.
 *
 * A kick is a wake-up of the poll entry that belongs to a virtqueue (the guest's doorbell, by an
 * eventfd); the same function is also called when a socket becomes readable, which is no kick. A
 * reply is an eventfd signalled by a worker for the interrupt of the virtqueue it has just filled;
 * vhost_signal() alone says little, because it often finds that the guest wants no interrupt.
 */
#include "vhost_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "iocores.h"
#include "tp_record.h"

/* Of the records that the lowest rung reads; set by user space before loading. */
const volatile struct tp_field switch_prev, switch_state, switch_next, woken_pid;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_WORKERS);
	__type(key, __u32);			/* thread id */
	__type(value, __u32);			/* slot */
} slot_of SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_WORKERS);
	__type(key, __u32);
	__type(value, struct worker);
} workers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_WORKER_CPUS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct worker_cpu_key);
	__type(value, struct worker_cpu);
} cpus SEC(".maps");

/* Numbers of slots not in use; filled by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, MAX_WORKERS);
	__type(value, __u32);
} free_slots SEC(".maps");

struct iocores_counts counts;
int on;		/* programs count; set when all are attached, so that all begin at one time */

/* A field of a task that a typed argument leads to (@btf 1), or any pointer. */
#define TASK(t, field) (btf ? (t)->field : BPF_CORE_READ(t, field))

static __always_inline void begin(struct worker *w)
{
	w->seq++;
	barrier();
}

static __always_inline void end(struct worker *w)
{
	barrier();
	w->seq++;
}

static __always_inline struct worker *find(__u32 tid)
{
	__u32 *i = bpf_map_lookup_elem(&slot_of, &tid);

	return i ? bpf_map_lookup_elem(&workers, i) : 0;
}

/* Whose memory it works on: for a kernel thread the memory it has borrowed says so. */
static __always_inline __u32 owner(struct task_struct___io *t)
{
	struct mm_struct___owner *mm = (void *)BPF_CORE_READ(t, mm);
	struct task_struct___io *o;

	if (!mm || !bpf_core_field_exists(mm->owner))
		return 0;
	o = (void *)BPF_CORE_READ(mm, owner);
	return o ? BPF_CORE_READ(o, tgid) : 0;
}

/* Rare. @t may be any pointer to a task. */
static __always_inline struct worker *new_worker(struct task_struct___io *t, __u64 now)
{
	__u32 tid = BPF_CORE_READ(t, pid), i;
	struct worker *w;

	if (bpf_map_pop_elem(&free_slots, &i)) {
		__sync_fetch_and_add(&counts.no_room, 1);
		return 0;
	}
	w = bpf_map_lookup_elem(&workers, &i);
	if (!w)
		return 0;
	w->tgid = BPF_CORE_READ(t, tgid);
	w->flags = BPF_CORE_READ(t, flags);
	BPF_CORE_READ_INTO(&w->comm, t, comm);
	w->born = now;
	w->core.since = now;
	w->tid = tid;
	if (bpf_map_update_elem(&slot_of, &tid, &i, BPF_ANY))
		return 0;
	return w;
}

static __always_inline int named_vhost(struct task_struct___io *t)
{
	char c[16] = {};

	BPF_CORE_READ_INTO(&c, t, comm);
	return c[0] == 'v' && c[1] == 'h' && c[2] == 'o' && c[3] == 's' && c[4] == 't' &&
	       c[5] == '-' && c[6] >= '0' && c[6] <= '9';
}

/* The slot of a task that may be a worker: neither its flags nor its name alone make it one. */
static __always_inline struct worker *worker_of(struct task_struct___io *t, __u32 tid, __u64 now)
{
	struct worker *w = find(tid);

	if (w)
		return w;
	return named_vhost(t) ? new_worker(t, now) : 0;
}

#define IS_WORKER(flags) ((flags) & (TASK_IS_KTHREAD | TASK_IS_USER_WORKER))

/* ---- The scheduler ---- */

/* Adds what it has run since it got its CPU to the account of that CPU. */
static __always_inline void book_cpu(struct worker *w, __u32 slot)
{
	struct worker_cpu_key key = { slot, w->cpu };
	struct worker_cpu *c = bpf_map_lookup_elem(&cpus, &key), none = {};

	if (!c) {
		bpf_map_update_elem(&cpus, &key, &none, BPF_NOEXIST);
		c = bpf_map_lookup_elem(&cpus, &key);
		if (!c)
			return;	/* user space finds the time missing from the sum */
	}
	c->ns[0] += w->core.ns[IOCORE_USEFUL] - w->run_at[IOCORE_USEFUL];
	c->ns[1] += w->core.ns[IOCORE_POLL] - w->run_at[IOCORE_POLL];
	c->ns[2] += w->core.ns[IOCORE_OTHER] - w->run_at[IOCORE_OTHER];
}

static __always_inline long state_of(struct task_struct___io *t)
{
	struct task_struct___before_5_14 *old = (void *)t;

	if (bpf_core_field_exists(t->__state))
		return BPF_CORE_READ(t, __state);
	return BPF_CORE_READ(old, state);
}

/* @state: 0 = it could go on. */
static __always_inline void worker_leaves(struct task_struct___io *t, __u32 tid, long state)
{
	__u64 now = bpf_ktime_get_ns();
	struct worker *w = worker_of(t, tid, now);
	__u32 *slot;

	if (!w)
		return;
	if (!w->vm)
		w->vm = owner(t);
	begin(w);
	/* The first event of all: what it ran until now began at "since". */
	if (w->core.state == IOCORE_UNKNOWN)
		w->cpu = bpf_get_smp_processor_id();
	iocore_leave(&w->core, now, state != 0);
	end(w);
	slot = bpf_map_lookup_elem(&slot_of, &tid);
	if (slot)
		book_cpu(w, *slot);
	if (state & TASK_DEAD) {
		w->ended = 1;
		/* Somebody else may get the number. */
		bpf_map_delete_elem(&slot_of, &tid);
	}
}

static __always_inline void worker_runs(struct worker *w, __u64 now)
{
	if (!w)
		return;
	begin(w);
	iocore_run(&w->core, now);
	w->cpu = bpf_get_smp_processor_id();
	w->switches++;
	w->run_at[IOCORE_USEFUL] = w->core.ns[IOCORE_USEFUL];
	w->run_at[IOCORE_POLL] = w->core.ns[IOCORE_POLL];
	w->run_at[IOCORE_OTHER] = w->core.ns[IOCORE_OTHER];
	end(w);
}

static __always_inline int switched(int preempted, struct task_struct___io *prev,
				    struct task_struct___io *next, const int btf)
{
	__u64 now;
	__u32 tid;

	if (!on)
		return 0;
	/* Number 0 is the idle task. */
	if (IS_WORKER(TASK(prev, flags)) && (tid = TASK(prev, pid)))
		worker_leaves(prev, tid, preempted ? 0 : state_of(prev));
	if (IS_WORKER(TASK(next, flags)) && (tid = TASK(next, pid))) {
		now = bpf_ktime_get_ns();
		worker_runs(worker_of(next, tid, now), now);
	}
	return 0;
}

static __always_inline int woken(struct task_struct___io *t, const int btf)
{
	struct worker *w;
	__u64 now;
	__u32 tid;

	if (!on || !IS_WORKER(TASK(t, flags)))
		return 0;
	tid = TASK(t, pid);
	now = bpf_ktime_get_ns();
	/* One that is on its CPU: it was about to sleep, and nothing may be written from here. */
	if (bpf_core_field_exists(t->on_cpu) && BPF_CORE_READ(t, on_cpu))
		return 0;
	w = worker_of(t, tid, now);
	if (!w)
		return 0;
	begin(w);
	iocore_wake(&w->core, now);
	end(w);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(switch_tp_btf, _Bool preempt, struct task_struct___io *prev,
	     struct task_struct___io *next)
{
	return switched(preempt, prev, next, 1);
}

SEC("raw_tp/sched_switch")
int switch_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	return switched((int)(ctx->args[0] & 1), (void *)ctx->args[1], (void *)ctx->args[2], 0);
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(wakeup_tp_btf, struct task_struct___io *t)
{
	return woken(t, 1);
}

SEC("raw_tp/sched_wakeup")
int wakeup_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	return woken((void *)ctx->args[0], 0);
}

/*
 * A record has no flags of the thread that comes or is woken, and a name alone makes no worker. So
 * one that starts while this runs is known from the first time that it leaves its CPU, when it is
 * the current thread, or works.
 */
SEC("tp/sched/sched_switch")
int switch_tp(void *ctx)
{
	struct task_struct___io *prev = (void *)bpf_get_current_task();
	__u32 tid;

	if (!on)
		return 1;
	if (IS_WORKER(BPF_CORE_READ(prev, flags)) && (tid = tp_read(ctx, &switch_prev)))
		worker_leaves(prev, tid, tp_state(tp_read(ctx, &switch_state)));
	tid = tp_read(ctx, &switch_next);
	if (tid)
		worker_runs(find(tid), bpf_ktime_get_ns());
	return 1;
}

SEC("tp/sched/sched_wakeup")
int wakeup_tp(void *ctx)
{
	struct worker *w = on ? find(tp_read(ctx, &woken_pid)) : 0;

	/*
	 * The record does not say whether it is on a CPU. But what has brought it there or away was
	 * seen, under the lock of its run queue; one that nothing was seen of is as good as asleep.
	 */
	if (!w || IOCORE_ON_CPU(w->core.state))
		return 1;
	begin(w);
	iocore_wake(&w->core, bpf_ktime_get_ns());
	end(w);
	return 1;
}

/* ---- What a worker does with its time ---- */

/* The slot of the thread that runs this. */
static __always_inline struct worker *self(void)
{
	return on ? find((__u32)bpf_get_current_pid_tgid()) : 0;
}

static __always_inline int work_begins(unsigned int which)
{
	struct task_struct___io *t;
	struct worker *w = self();
	__u64 now;

	if (!on)
		return 0;
	now = bpf_ktime_get_ns();
	t = (void *)bpf_get_current_task();
	if (!w && IS_WORKER(BPF_CORE_READ(t, flags)))
		w = new_worker(t, now);		/* whatever it calls itself */
	if (!w)
		return 0;
	if (!w->vm)
		w->vm = owner(t);
	begin(w);
	w->cpu = bpf_get_smp_processor_id();
	iocore_work(&w->core, now);
	w->works[which]++;
	end(w);
	return 0;
}

/* A moment in which the worker that runs this goes over to another state. */
#define WORKER_STEP(step)				\
	do {						\
		struct worker *w = self();		\
		if (w) {				\
			begin(w);			\
			step(&w->core, bpf_ktime_get_ns()); \
			end(w);				\
		}					\
	} while (0)

#define WORK_PROGRAMS(name, module)					\
	SEC("fentry/" #name)						\
	int BPF_PROG(in_##name) { return work_begins(WORK_##name); }	\
	SEC("fexit/" #name)						\
	int BPF_PROG(out_##name) { WORKER_STEP(iocore_work_end); return 0; }
VHOST_WORKS(WORK_PROGRAMS)

SEC("fentry/vhost_net_busy_poll")
int BPF_PROG(poll_begins)
{
	WORKER_STEP(iocore_poll);
	return 0;
}

SEC("fexit/vhost_net_busy_poll")
int BPF_PROG(poll_ends)
{
	WORKER_STEP(iocore_poll_end);
	return 0;
}

/* ---- Kicks and replies ---- */

/* Thread of the worker that @vq is served by; 0 = cannot tell. */
static __always_inline __u32 worker_tid(struct vhost_virtqueue *vq)
{
	struct vhost_virtqueue___since_6_5 *new_vq = (void *)vq;
	struct vhost_dev___before_6_4 *old_dev;
	struct vhost_worker___fork_owner *kw;
	struct task_struct *t = 0;
	struct vhost_worker *w;

	if (bpf_core_field_exists(new_vq->worker)) {
		w = BPF_CORE_READ(new_vq, worker);
		kw = (void *)w;
		if (bpf_core_field_exists(kw->kthread_task))
			t = BPF_CORE_READ(kw, kthread_task);
		if (!t)
			t = BPF_CORE_READ(w, vtsk, task);
	} else if (!bpf_core_type_exists(struct vhost_worker)) {
		old_dev = (void *)BPF_CORE_READ(vq, dev);
		t = BPF_CORE_READ(old_dev, worker);
	}
	return t ? BPF_CORE_READ((struct task_struct___io *)t, pid) : 0;
}

SEC("fentry/vhost_poll_wakeup")
int BPF_PROG(kicked, void *wait, unsigned int mode, int sync, void *key)
{
	__u64 poll_at = (__u64)wait - bpf_core_field_offset(struct vhost_poll, wait);
	__u64 vq_at = poll_at - bpf_core_field_offset(struct vhost_virtqueue, poll);
	struct vhost_virtqueue *vq = (void *)vq_at;
	struct vhost_poll *poll = (void *)poll_at;
	struct worker *w;

	if (!on || !((__u32)(__u64)key & BPF_CORE_READ(poll, mask)))
		return 0;
	/* Is there a virtqueue around this poll entry? Sockets have entries of their own. */
	if (BPF_CORE_READ(vq, dev) != BPF_CORE_READ(poll, dev) ||
	    BPF_CORE_READ(vq, handle_kick) != BPF_CORE_READ(poll, work.fn))
		return 0;
	w = find(worker_tid(vq));
	if (w)
		__sync_fetch_and_add(&w->kicks, 1);
	else
		__sync_fetch_and_add(&counts.lost_kicks, 1);
	return 0;
}

/* The next signal of this virtqueue's eventfd by this thread is a reply. */
static __always_inline int may_reply(void *vq)
{
	struct worker *w = self();

	if (w)
		w->call = (__u64)BPF_CORE_READ((struct vhost_virtqueue *)vq, call_ctx.ctx);
	return 0;
}

SEC("fentry/vhost_signal")
int BPF_PROG(signal, void *dev, void *vq)
{
	return may_reply(vq);
}

SEC("fentry/vhost_add_used_and_signal")
int BPF_PROG(used_signal, void *dev, void *vq)
{
	return may_reply(vq);
}

SEC("fentry/vhost_add_used_and_signal_n")
int BPF_PROG(used_signal_n, void *dev, void *vq)
{
	struct worker *w = self();
	__u64 n = 0;

	/* The number of buffers is the fourth argument, or the fifth of five (since 6.18). */
	if (w && !bpf_get_func_arg(ctx, bpf_get_func_arg_cnt(ctx) > 4 ? 4 : 3, &n))
		w->buffers += (__u32)n;
	return may_reply(vq);
}

/* One signal may pass through both functions below; the first one that sees it takes it. */
static __always_inline int replied(void *ctx)
{
	struct worker *w = self();

	if (w && w->call && w->call == (__u64)ctx) {
		w->replies++;
		w->call = 0;
	}
	return 0;
}

SEC("fentry/eventfd_signal_mask")
int BPF_PROG(reply_mask, void *eventfd)
{
	return replied(eventfd);
}

SEC("fentry/eventfd_signal")
int BPF_PROG(reply, void *eventfd)
{
	return replied(eventfd);
}

char LICENSE[] SEC("license") = "GPL";
