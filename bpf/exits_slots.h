/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the numbers of a vCPU are kept, and how an event finds them: its slot.
 *
 * The hard part is to ask no hash map in the common case. Each CPU remembers the slot that it used
 * last. That is a hint only: whether the slot is the right one is read in the slot itself, by the
 * address of the vCPU or, where the event does not show it, by the thread that runs it. The hash
 * map is for a vCPU that has come from another CPU.
 */
#ifndef EXITLAB_BPF_EXITS_SLOTS_H
#define EXITLAB_BPF_EXITS_SLOTS_H

const volatile unsigned int target_vm;		/* trace this tgid only; 0 = all */
const volatile unsigned char only_some_cpus;	/* count only what cpu_mask lists */
const volatile __u64 cpu_mask[MAX_CPUS / 64];

struct hint hints[MAX_HINTS];
struct slot slots[MAX_SLOTS];
struct global_counts counts;

/* Thread ids and addresses of struct kvm_vcpu, which cannot be mistaken for each other. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8 * MAX_SLOTS);
	__type(key, __u64);
	__type(value, __u32);			/* slot */
} slot_of SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_SLOTS);
	__type(key, struct slot_key);
	__type(value, __u32);
} slot_of_key SEC(".maps");

/* Numbers of slots not in use; filled by user space. A queue because an atomic add that returns the
 * old value needs 5.12. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, MAX_SLOTS);
	__type(value, __u32);
} free_slots SEC(".maps");

static __always_inline int cpu_is_wanted(void)
{
	__u32 cpu;

	if (!only_some_cpus)
		return 1;
	cpu = bpf_get_smp_processor_id() & (MAX_CPUS - 1);
	return cpu_mask[cpu / 64] >> (cpu % 64) & 1;
}

static __always_inline struct hint *this_hint(void)
{
	return &hints[bpf_get_smp_processor_id() & (MAX_HINTS - 1)];
}

/* The slot of a thread id or an address of struct kvm_vcpu, or 0; the hash map's answer. */
static __always_inline struct slot *look_up_slot(__u64 who, struct hint *h)
{
	__u32 *i = bpf_map_lookup_elem(&slot_of, &who);

	if (!i)
		return 0;
	h->slot = *i;
	return &slots[*i & (MAX_SLOTS - 1)];
}

static __always_inline struct slot *slot_of_thread(__u32 tid)
{
	struct hint *h = this_hint();
	struct slot *s = &slots[h->slot & (MAX_SLOTS - 1)];

	return s->tid == tid ? s : look_up_slot(tid, h);
}

static __always_inline struct slot *slot_of_vcpu(__u64 vcpu)
{
	struct hint *h = this_hint();
	struct slot *s = &slots[h->slot & (MAX_SLOTS - 1)];

	return s->vcpu == vcpu ? s : look_up_slot(vcpu, h);
}

/* No hint may lead @who to the slot that was its own until now. */
static __always_inline void forget(__u64 who, int is_vcpu)
{
	__u32 *i = bpf_map_lookup_elem(&slot_of, &who);
	struct slot *s;

	if (!i)
		return;
	s = &slots[*i & (MAX_SLOTS - 1)];
	if (is_vcpu && s->vcpu == who)
		s->vcpu = 0;
	if (!is_vcpu && s->tid == who)
		s->tid = 0;
}

/*
 * A vCPU that this thread runs for the first time; @vcpu is the address of its struct kvm_vcpu, 0
 * if that is not known. 0, or -1 if there is no room. Rare.
 */
static __noinline int new_thread(__u32 tid, __u64 vcpu, const struct slot_key *key)
{
	__u64 who = tid;
	__u32 *known, i = 0;
	struct slot *s;

	if (!key)
		return -1;
	/* A thread that ran another vCPU, an address that was another vCPU's. */
	forget(who, 0);
	if (vcpu)
		forget(vcpu, 1);
	known = bpf_map_lookup_elem(&slot_of_key, key);
	if (known) {
		i = *known;
	} else {
		if (bpf_map_pop_elem(&free_slots, &i)) {
			/* Its exits belong to nobody, least of all to the vCPU before. */
			bpf_map_delete_elem(&slot_of, &who);
			return -1;
		}
		bpf_map_update_elem(&slot_of_key, key, &i, BPF_NOEXIST);
	}
	s = &slots[i & (MAX_SLOTS - 1)];
	s->key = *key;
	s->index = i;
	s->tid = tid;
	s->vcpu = vcpu;
	if (vcpu && bpf_map_update_elem(&slot_of, &vcpu, &i, BPF_ANY))
		return -1;
	return bpf_map_update_elem(&slot_of, &who, &i, BPF_ANY) ? -1 : 0;
}

/* An exit of a vCPU without a slot. */
static __always_inline void unknown_exit(void)
{
	if ((!target_vm || target_vm == bpf_get_current_pid_tgid() >> 32) && cpu_is_wanted())
		__sync_fetch_and_add(&counts.unknown_exits, 1);
}

#endif
