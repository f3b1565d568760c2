/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The programs where not every exit is timed. An exit is counted at once, and only one in about N
 * (core/sample.h) reads the clock, as does the entry after it and the exit after that, which ends
 * the guest's turn; what is timed weighs as much as the exits that it stands for.
 *
 * What every event has to do is in fast_entry() and fast_exit(), in line and without a call where
 * that can be; the rest is in functions of their own. A detail cannot be had here: it comes when
 * the exit has been counted.
 */
#ifndef EXITLAB_BPF_EXITS_FAST_H
#define EXITLAB_BPF_EXITS_FAST_H

const volatile unsigned int time_every;		/* N; 0 = by the rate of exits */
const volatile unsigned char time_off;		/* nothing is timed */

/* ---- what is rare ---- */

/* Entry of a vCPU that this thread, or this CPU, was not the last to run: its slot's number or -1. */
static __noinline int slow_slot(__u64 vcpu, __u64 kvm, int vcpu_id)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct slot *s;

	if (target_vm && target_vm != id >> 32)
		return -1;
	s = slot_of_thread((__u32)id);
	if (!s || s->times.thread != id || s->vcpu != vcpu || s->key.kvm != kvm ||
	    s->key.vcpu != vcpu_id) {
		struct slot_key key = { kvm, id >> 32, vcpu_id };

		if (new_thread((__u32)id, vcpu, &key)) {
			__sync_fetch_and_add(&counts.slots_full, 1);
			return -1;
		}
		s = slot_of_thread((__u32)id);
		if (!s)
			return -1;
	}
	return s->index;
}

/* An entry that ends the time of an exit; the first one; one after another entry. */
static __noinline int odd_entry(__u32 slot)
{
	struct slot *s = &slots[slot & (MAX_SLOTS - 1)];
	struct slot_times *t = &s->times;
	__u64 now, ns, i, w = t->weight;
	__u32 value = t->value;
	struct exit_val *v;

	if (s->pair.where != FAST_TIMED_HOST) {
		if (s->pair.where != PAIR_UNKNOWN)
			s->unmatched_entries++;
		s->pair.where = PAIR_IN_GUEST;
		/* The guest's turn that begins belongs to no exit. While all are timed, so is it. */
		if (time_off || t->sampler.n > 1)
			return 0;
		t->weight = 1;
		t->since = bpf_ktime_get_ns();
		s->pair.where = FAST_TIMED_GUEST;
		return 0;
	}
	now = bpf_ktime_get_ns();
	/* Clocks of two CPUs, as in core/pair.h. */
	ns = now > t->since ? now - t->since : 0;
	/* The guest's turn that follows is of the same sample. */
	t->since = now;
	s->pair.where = FAST_TIMED_GUEST;
	v = bpf_map_lookup_elem(&values, &value);
	if (!v)
		return 0;
	if (!v->timed || ns < v->min_ns)
		v->min_ns = ns;
	if (ns > v->max_ns)
		v->max_ns = ns;
	v->timed++;
	v->weight += w;
	v->square += w * w;
	v->total_ns += w * ns;
	i = hist_index(ns);
	/* As in book_exit(). */
	barrier_var(i);
	if (i < HIST_BUCKETS)
		v->hist.n[i] += w;
	return 0;
}

/* An exit that ends a guest's turn that is timed; the first event; one after another exit. */
static __noinline int odd_exit(__u32 slot)
{
	struct slot *s = &slots[slot & (MAX_SLOTS - 1)];
	struct slot_times *t = &s->times;
	__u64 now;

	if (s->pair.where == FAST_TIMED_GUEST) {
		now = bpf_ktime_get_ns();
		s->guest_ns += now > t->since ? t->weight * (now - t->since) : 0;
		t->guest_timed++;
		t->guest_weight += t->weight;
		if (sampler_due(&t->sampler))
			t->now = now;
	} else if (s->pair.where != PAIR_UNKNOWN) {
		s->unmatched_exits++;
	}
	return 0;
}

/* An exit that is to be timed; @value: where it is counted. */
static __noinline int timed_exit(__u32 slot, __u32 value)
{
	struct slot *s = &slots[slot & (MAX_SLOTS - 1)];
	struct slot_times *t = &s->times;
	struct exit_val *v;

	if (time_off) {
		t->sampler.left = ~0u;
		return 0;
	}
	t->since = t->now ? t->now : bpf_ktime_get_ns();
	t->now = 0;
	t->weight = sampler_take(&t->sampler, time_every, t->since, slot + 1);
	t->value = value;
	s->pair.where = FAST_TIMED_HOST;
	v = bpf_map_lookup_elem(&values, &value);
	if (v)
		v->chosen++;
	return 0;
}

/* Exit of a kind that the cache does not know: 0, or -1 if there is no room to count it. */
static __noinline int fast_miss(__u32 slot, __u32 isa, __u64 reason)
{
	struct slot *s = &slots[slot & (MAX_SLOTS - 1)];

	s->isa = isa;
	s->reason = reason;
	s->detail = 0;
	return miss(slot) < 0 ? -1 : 0;
}

/* ---- every event ---- */

static __always_inline int fast_entry(__u64 vcpu, __u64 kvm, int vcpu_id)
{
	struct slot *s = &slots[this_hint()->slot & (MAX_SLOTS - 1)];

	if (s->times.thread != bpf_get_current_pid_tgid() || s->vcpu != vcpu ||
	    s->key.kvm != kvm || s->key.vcpu != vcpu_id) {
		int i = slow_slot(vcpu, kvm, vcpu_id);

		if (i < 0)
			return 0;
		s = &slots[i & (MAX_SLOTS - 1)];
	}
	s->entries++;
	if (s->pair.where == PAIR_IN_HOST)
		s->pair.where = PAIR_IN_GUEST;
	else
		odd_entry(s->index);
	return 0;
}

/* The number of exits is the sum of those of its kinds, so there is no other. */
static __always_inline void fast_exit(struct slot *s, __u64 reason, __u32 isa)
{
	struct cached_value *c;

	if (s->pair.where != PAIR_IN_GUEST)
		odd_exit(s->index);
	s->pair.where = PAIR_IN_HOST;
	c = &s->cache[reason * 0x9e3779b97f4a7c15ull >> (64 - CACHE_BITS)];
	if (c->reason != reason || c->isa != isa || !c->value)
		if (fast_miss(s->index, isa, reason))
			return;
	if (sampler_due(&s->times.sampler))
		timed_exit(s->index, c->value - 1);
	else
		sampler_skip(&s->times.sampler);
	c->count++;
}

#endif
