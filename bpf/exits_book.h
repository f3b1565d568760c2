/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where an exit's numbers go: one struct exit_val per vCPU, isa, reason and detail.
 *
 * The numbers are in an array and the hash map holds only indices, because an array's element is
 * found without a call, and an index can be kept in the slot. So the hash map is asked for the
 * first exit of a kind, and when two kinds want the same place in the slot's small cache.
 */
#ifndef EXITLAB_BPF_EXITS_BOOK_H
#define EXITLAB_BPF_EXITS_BOOK_H

/* Sizes are set by user space, by the number of CPUs. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct exit_key);
	__type(value, __u32);			/* index into values */
} exits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exit_val);
} values SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__type(value, __u32);
} free_values SEC(".maps");

/* Index of the numbers of (isa, reason, @detail), made if they are new; -1: no room. */
static __always_inline int find_value(struct slot *s, __u64 detail)
{
	struct exit_key key = { s->index, s->isa, s->reason, detail };
	__u32 *known = bpf_map_lookup_elem(&exits, &key), i;

	if (known)
		return *known;
	if (detail && s->nr_details >= MAX_DETAILS)
		return -1;
	if (bpf_map_pop_elem(&free_values, &i))
		return -1;
	if (bpf_map_update_elem(&exits, &key, &i, BPF_NOEXIST)) {
		bpf_map_push_elem(&free_values, &i, 0);
		return -1;
	}
	if (detail)
		s->nr_details++;
	return i;
}

/* The same where the cache does not know it; the cache learns it. */
static __noinline int miss(__u32 slot)
{
	struct slot *s = &slots[slot & (MAX_SLOTS - 1)];
	__u64 mix = (s->reason + s->detail) * 0x9e3779b97f4a7c15ull;
	struct cached_value *c = &s->cache[mix >> (64 - CACHE_BITS)];
	__u64 count = c->count;
	int i = find_value(s, s->detail);

	if (i >= 0) {
		/* First out, then in: who reads meanwhile may miss them, but has none twice. */
		if (count) {
			__u32 old = c->value - 1;
			struct exit_val *v = bpf_map_lookup_elem(&values, &old);

			c->count = 0;
			barrier();
			if (v)
				v->count += count;
		}
		c->isa = s->isa;
		c->reason = s->reason;
		c->detail = s->detail;
		c->value = i + 1;
		return i;
	}
	/* No room for one more detail: the exit itself is counted all the same. */
	if (s->detail) {
		s->detail_full++;
		i = find_value(s, 0);
	}
	if (i < 0)
		s->map_full++;
	return i;
}

/* Books the exit that waits in @s; @ns is its handling time if @timed. */
static __always_inline void book_exit(struct slot *s, int timed, __u64 ns)
{
	__u64 mix = (s->reason + s->detail) * 0x9e3779b97f4a7c15ull, i;
	struct cached_value *c = &s->cache[mix >> (64 - CACHE_BITS)];
	struct exit_val *v;
	__u32 value;

	if (c->value && c->reason == s->reason && c->detail == s->detail && c->isa == s->isa)
		value = c->value - 1;
	else
		value = miss(s->index);
	/* -1 is an index without a value, too. */
	v = bpf_map_lookup_elem(&values, &value);
	if (!v)
		return;
	v->count++;
	if (!timed)
		return;
	if (!v->timed || ns < v->min_ns)
		v->min_ns = ns;
	if (ns > v->max_ns)
		v->max_ns = ns;
	v->timed++;
	v->total_ns += ns;
	i = hist_index(ns);
	/*
	 * The check is always true, and for the verifier. It must be of the very register that
	 * is the index, 64 bits wide: that of 6.1 does not see that two hold the same.
	 */
	barrier_var(i);
	if (i < HIST_BUCKETS)
		v->hist.n[i]++;
}

#endif
