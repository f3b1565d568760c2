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

/* The vCPU's first entry, or one after another entry. */
static __noinline int odd_entry(__u32 slot)
{
	struct slot *s = &slots[slot & (MAX_SLOTS - 1)];

	if (s->pair.where == PAIR_IN_GUEST && cpu_is_wanted())
		s->unmatched_entries++;
	/* The guest's turn that begins here belongs to no exit. While every exit is timed, so is it. */
	s->times.since = time_off || s->times.sampler.n > 1 ? 0 : bpf_ktime_get_ns();
	s->times.weight = 1;
	return 0;
}

/* The vCPU's first event is this exit, or it comes after another exit. */
static __noinline int odd_exit(__u32 slot)
{
	struct slot *s = &slots[slot & (MAX_SLOTS - 1)];

	if (s->pair.where == PAIR_IN_HOST)
		s->unmatched_exits++;
	s->times.since = 0;
	return 0;
}

static __noinline int other_cpu(__u32 slot)
{
	struct slot *s = &slots[slot & (MAX_SLOTS - 1)];

	s->pair.where = PAIR_UNKNOWN;
	s->times.since = 0;
	s->other_cpus++;
	return 0;
}

/* Ends a time: of the exit at the entry, and then the guest's turn begins; both are of one sample. */
static __noinline int timed_entry(__u32 slot)
{
	struct slot *s = &slots[slot & (MAX_SLOTS - 1)];
	__u64 now = bpf_ktime_get_ns(), ns, i, w = s->times.weight;
	__u32 value = s->times.value;
	struct exit_val *v = bpf_map_lookup_elem(&values, &value);

	/* Clocks of two CPUs, as in core/pair.h. */
	ns = now > s->times.since ? now - s->times.since : 0;
	s->times.since = now;
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

/* Exit that ends a time, or is to be timed, or both. @value: where it is counted. */
static __noinline int timed_exit(__u32 slot, __u32 value)
{
	struct slot *s = &slots[slot & (MAX_SLOTS - 1)];
	struct sampler *sampler = &s->times.sampler;
	__u64 now = bpf_ktime_get_ns(), w = s->times.weight;
	struct exit_val *v;

	if (s->times.since) {
		s->guest_ns += now > s->times.since ? w * (now - s->times.since) : 0;
		s->times.guest_timed++;
		s->times.guest_weight += w;
		s->times.since = 0;
	}
	if (!sampler_due(sampler)) {
		sampler_skip(sampler);
		return 0;
	}
	s->times.weight = sampler_take(sampler, time_every, now, slot + 1);
	s->times.value = value;
	s->times.since = now;
	s->times.chosen++;
	v = bpf_map_lookup_elem(&values, &value);
	if (v)
		v->chosen++;
	return 0;
}

/* Exit of a kind that the cache does not know: index of its numbers, or -1. */
static __noinline int fast_miss(__u32 slot, __u32 isa, __u64 reason)
{
	struct slot *s = &slots[slot & (MAX_SLOTS - 1)];

	s->isa = isa;
	s->reason = reason;
	s->detail = 0;
	return miss(slot);
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
	if (s->pair.where != PAIR_IN_HOST)
		odd_entry(s->index);
	else if (!time_off && s->times.since)
		timed_entry(s->index);
	s->pair.where = PAIR_IN_GUEST;
	if (cpu_is_wanted())
		s->entries++;
	return 0;
}

static __always_inline void fast_exit(struct slot *s, __u64 reason, __u32 isa)
{
	struct cached_value *c;
	struct exit_val *v;
	__u32 value;

	if (!cpu_is_wanted()) {
		other_cpu(s->index);
		return;
	}
	if (s->pair.where != PAIR_IN_GUEST)
		odd_exit(s->index);
	s->pair.where = PAIR_IN_HOST;
	s->exits++;
	c = &s->cache[reason * 0x9e3779b97f4a7c15ull >> (64 - CACHE_BITS)];
	value = c->value - 1;
	if (c->reason != reason || c->isa != isa || !c->value)
		value = fast_miss(s->index, isa, reason);
	v = bpf_map_lookup_elem(&values, &value);
	if (!v)
		return;
	if (time_off)
		;
	else if (s->times.since || sampler_due(&s->times.sampler))
		timed_exit(s->index, value);
	else
		sampler_skip(&s->times.sampler);
	v->count++;
}

#endif
