/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The programs where not every exit is timed. An exit is counted at once, and only one in about N
 * (core/sample.h) reads the clock, as does the entry after it and the exit after that, which ends
 * the guest's turn; what is timed weighs as much as the exits that it stands for.
 *
 * A detail cannot be had here: it comes when the exit has been counted. Nor is there -C: the rare
 * options would cost all others something.
 */
#ifndef EXITLAB_BPF_EXITS_FAST_H
#define EXITLAB_BPF_EXITS_FAST_H

const volatile unsigned int time_every;		/* N; 0 = by the rate of exits */
const volatile unsigned char time_off;		/* nothing is timed */

__u16 places[1 << PLACE_BITS];

/*
 * The place of a vCPU in places, in bytes. The verifier lets nobody multiply what it knows to be a
 * pointer, but the difference of two pointers is a number.
 */
#define PLACE(n)		((n) * 0x9e3779b97f4a7c15ull >> (63 - PLACE_BITS) & PLACE_MASK)
#define PLACE_MASK		(((1u << PLACE_BITS) - 1) * sizeof(places[0]))
#define PLACE_OF_POINTER(vcpu)	PLACE((__u64)((const char *)(vcpu) - (const char *)places))

static __always_inline __u16 *place_at(__u64 at)
{
	return (__u16 *)((char *)places + (at & PLACE_MASK));
}

/* ---- what is rare ---- */

/* Slot of a vCPU that this thread runs for the first time, or that is not in its place; or -1. */
static __always_inline int find_slot(__u64 vcpu, __u64 kvm, int vcpu_id, __u32 place)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct slot *s;

	if (target_vm && target_vm != id >> 32)
		return -1;
	s = slot_of_thread((__u32)id);
	if (!s || s->tid != (__u32)id || s->vcpu != vcpu || s->key.vm != id >> 32 ||
	    s->key.kvm != kvm || s->key.vcpu != vcpu_id) {
		struct slot_key key = { kvm, id >> 32, vcpu_id };

		if (new_thread((__u32)id, vcpu, &key)) {
			__sync_fetch_and_add(&counts.slots_full, 1);
			return -1;
		}
		s = slot_of_thread((__u32)id);
		if (!s)
			return -1;
	}
	*place_at(place) = s->index;
	return s->index;
}

/* An entry that ends the time of an exit; the first one; one after another entry. */
static __always_inline void odd_entry(struct slot *s)
{
	struct slot_times *t = &s->times;
	__u64 now, ns, i, w = t->weight;
	__u32 value = t->value;
	struct exit_val *v;

	if (s->pair.where != FAST_TIMED_HOST) {
		if (s->pair.where != PAIR_UNKNOWN)
			s->unmatched_entries++;
		s->pair.where = PAIR_IN_GUEST;
		/* The guest's turn that begins belongs to no exit. It is timed if all are. */
		if (time_off || t->sampler.n > 1)
			return;
		t->weight = 1;
		t->since = bpf_ktime_get_ns();
		s->pair.where = FAST_TIMED_GUEST;
		return;
	}
	now = bpf_ktime_get_ns();
	/* Clocks of two CPUs, as in core/pair.h. */
	ns = now > t->since ? now - t->since : 0;
	/* The guest's turn that follows is of the same sample. */
	t->since = now;
	s->pair.where = FAST_TIMED_GUEST;
	v = bpf_map_lookup_elem(&values, &value);
	if (!v)
		return;
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
}

/* An exit that ends a guest's turn that is timed; the first event; one after another exit. */
static __always_inline void odd_exit(struct slot *s)
{
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
}

/* An exit that is to be timed; @value: where it is counted. */
static __always_inline void timed_exit(struct slot *s, __u32 value)
{
	struct slot_times *t = &s->times;
	struct exit_val *v;

	if (time_off) {
		t->sampler.left = ~0u;
		return;
	}
	t->weight = sampler_take(&t->sampler, time_every, t->now ? t->now : bpf_ktime_get_ns(),
				 s->index + 1);
	t->now = 0;
	t->value = value;
	s->pair.where = FAST_TIMED_HOST;
	v = bpf_map_lookup_elem(&values, &value);
	if (v)
		v->chosen++;
	/* Last, and so a clock of its own: what comes before is our time and not KVM's. */
	t->since = bpf_ktime_get_ns();
}

/* All that an entry can need. -1: it is not counted. */
static __noinline int slow_entry(__u64 vcpu, __u64 kvm, __u64 vcpu_id, __u32 place)
{
	int i = find_slot(vcpu, kvm, vcpu_id, place);
	struct slot *s;

	if (i < 0)
		return -1;
	s = &slots[i & (MAX_SLOTS - 1)];
	s->entries++;
	if (s->pair.where == PAIR_IN_HOST)
		s->pair.where = PAIR_IN_GUEST;
	else
		odd_entry(s);
	return 0;
}

/* From here on fast_entry() finds the vCPU, if it is one that is wanted. */
static __noinline int first_entry(struct kvm_vcpu *vcpu, __u64 exits, __u32 place)
{
	int bad = slow_entry((__u64)vcpu, (__u64)vcpu->kvm, (__u32)vcpu->vcpu_id, place);
	struct slot *s = &slots[*place_at(place) & (MAX_SLOTS - 1)];

	if (s->vcpu != (__u64)vcpu)
		return 0;
	if (bad) {
		/* The one that had this address before. */
		s->vcpu = 0;
		return 0;
	}
	s->times.pid = (__u64)vcpu->pid;
	s->times.kvm_exits = exits ? exits : 1;
	return 0;
}

static __always_inline struct cached_value *kind_of(struct slot *s, __u64 reason)
{
	return &s->cache[reason * 0x9e3779b97f4a7c15ull >> (64 - CACHE_BITS)];
}

/* All that an exit can need. */
static __noinline int any_exit(__u32 slot, __u64 reason, __u32 isa)
{
	struct slot *s = &slots[slot & (MAX_SLOTS - 1)];
	struct cached_value *c;

	if (s->pair.where != PAIR_IN_GUEST)
		odd_exit(s);
	s->pair.where = PAIR_IN_HOST;
	c = kind_of(s, reason);
	if (c->reason != reason) {
		s->isa = isa;
		s->reason = reason;
		s->detail = 0;
		if (miss(slot) < 0)
			return 0;
	}
	if (sampler_due(&s->times.sampler))
		timed_exit(s, c->value - 1);
	else
		sampler_skip(&s->times.sampler);
	c->count++;
	return 0;
}

static __noinline int slow_exit(__u64 vcpu, __u64 reason, __u32 isa, __u32 place)
{
	struct slot *s = &slots[*place_at(place) & (MAX_SLOTS - 1)];

	if (s->vcpu != vcpu)
		s = slot_of_vcpu(vcpu);
	if (!s) {
		unknown_exit();
		return 0;
	}
	*place_at(place) = s->index;
	return any_exit(s->index, reason, isa);
}

/*
 * ---- every event ----
 *
 * What is here is paid by each exit. So there is one question after the other, of which each no
 * leads to a function that asks all again, and nothing has to be kept across a call.
 */

/*
 * Is it still the vCPU that the slot was made for, run by the same thread? Memory is used again, by
 * another VM at the same addresses; that shows in KVM's own count of exits, which begins anew.
 */
static __always_inline int fast_entry(struct kvm_vcpu *vcpu, __u64 place)
{
	struct slot *s = &slots[*place_at(place) & (MAX_SLOTS - 1)];
	__u64 exits = vcpu->stat.exits;

	barrier_var(s);
	if (s->vcpu != (__u64)vcpu || s->times.pid != (__u64)vcpu->pid ||
	    exits < s->times.kvm_exits || s->pair.where != PAIR_IN_HOST)
		return first_entry(vcpu, exits, place);
	s->times.kvm_exits = exits;
	s->entries++;
	s->pair.where = PAIR_IN_GUEST;
	return 0;
}

/*
 * The number of exits is the sum of those of its kinds, so there is no other. The isa is that of
 * the vendor's module, so a vCPU has one.
 */
static __always_inline int fast_exit(__u64 vcpu, __u64 reason, __u64 isa, __u64 place)
{
	struct slot *s = &slots[*place_at(place) & (MAX_SLOTS - 1)];
	struct cached_value *c;
	unsigned int left;

	barrier_var(s);
	c = kind_of(s, reason);
	left = s->times.sampler.left;
	if (s->vcpu != vcpu || s->pair.where != PAIR_IN_GUEST || c->reason != reason || left <= 1)
		return slow_exit(vcpu, reason, isa, place);
	s->times.sampler.left = left - 1;
	s->pair.where = PAIR_IN_HOST;
	c->count++;
	return 0;
}

#endif
