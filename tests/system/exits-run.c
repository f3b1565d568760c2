// SPDX-License-Identifier: GPL-2.0
/*
 * The programs of bpf/exits.bpf.c, called by BPF_PROG_TEST_RUN with a live vCPU: what no kernel at
 * hand does by itself. That is the kvm_exit of kernels before 5.16, whose first argument is the
 * reason; more details than there is room for; more reasons than there is room for; and CPUs that
 * are not wanted. Works on any KVM, also one that never calls kvm_exit.
 *
 * usage: exits-run	prints TAP
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/exits.h"
#include "bpf/exits.skel.h"
#include "host/trial_vm.h"
#include "host/vcpus.h"

#define VALUES	300	/* room for so many reasons */
#define VMX	1ull
#define VMX_IO	30ull

static int tests, failures;
static uint64_t vcpu;

static void equal(const char *name, uint64_t got, uint64_t want)
{
	printf("%s %d - %s\n", got == want ? "ok" : "not ok", ++tests, name);
	if (got == want)
		return;
	failures++;
	printf("# got %llu, want %llu\n", (unsigned long long)got, (unsigned long long)want);
}

static void call(const struct bpf_program *p, uint64_t a, uint64_t b, uint64_t c)
{
	const uint64_t args[] = { a, b, c };
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, o, .ctx_in = args, .ctx_size_in = sizeof(args));

	if (bpf_prog_test_run_opts(bpf_program__fd(p), &o)) {
		printf("Bail out! %s: %s\n", bpf_program__name(p), strerror(errno));
		exit(1);
	}
}

static void enter(const struct exits_bpf *s)
{
	call(s->progs.entry_raw_tp, vcpu, 0, 0);
}

static void leave(const struct exits_bpf *s, uint64_t reason)
{
	call(s->progs.exit_raw_tp, reason, vcpu, VMX);
}

/* Exits of (VMX, @reason, @detail) that were booked. */
static uint64_t booked(const struct exits_bpf *s, uint64_t reason, uint64_t detail)
{
	struct exit_key key = { .isa = VMX, .reason = reason, .detail = detail };
	struct exit_val v;
	uint64_t sum = 0;
	__u32 i;

	for (key.slot = 0; key.slot < MAX_SLOTS; key.slot++)
		if (!bpf_map_lookup_elem(bpf_map__fd(s->maps.exits), &key, &i) &&
		    !bpf_map_lookup_elem(bpf_map__fd(s->maps.values), &i, &v))
			sum += v.count;
	return sum;
}

static const struct slot *our_slot(const struct exits_bpf *s)
{
	unsigned int i;

	for (i = 0; i < MAX_SLOTS; i++)
		if (s->bss->slots[i].key.vm == (unsigned int)getpid())
			return &s->bss->slots[i];
	printf("Bail out! the vCPU has no slot\n");
	exit(1);
}

static struct exits_bpf *load(int only_cpu)
{
	struct exits_bpf *s = exits_bpf__open();
	struct bpf_program *p;
	__u32 i;

	if (!s)
		return NULL;
	bpf_object__for_each_program(p, s->obj)
		bpf_program__set_autoload(p, false);
	bpf_program__set_autoload(s->progs.entry_raw_tp, true);
	bpf_program__set_autoload(s->progs.exit_raw_tp, true);
	bpf_program__set_autoload(s->progs.pio_raw_tp, true);
	s->rodata->reason_in_args = 1;
	s->rodata->only_some_cpus = only_cpu >= 0;
	if (only_cpu >= 0)
		s->rodata->cpu_mask[only_cpu / 64] = 1ull << only_cpu % 64;
	bpf_map__set_max_entries(s->maps.exits, VALUES);
	bpf_map__set_max_entries(s->maps.values, VALUES);
	bpf_map__set_max_entries(s->maps.free_values, VALUES);
	if (exits_bpf__load(s)) {
		exits_bpf__destroy(s);
		return NULL;
	}
	for (i = 0; i < MAX_SLOTS; i++)
		bpf_map_update_elem(bpf_map__fd(s->maps.free_slots), NULL, &i, BPF_ANY);
	for (i = 0; i < VALUES; i++)
		bpf_map_update_elem(bpf_map__fd(s->maps.free_values), NULL, &i, BPF_ANY);
	return s;
}

static void old_arguments(const struct exits_bpf *s)
{
	int i;

	for (i = 0; i < 7; i++) {
		enter(s);
		leave(s, VMX_IO);
		/* (rw, port, size): the second access of an exit is not its detail. */
		call(s->progs.pio_raw_tp, 1, 0x3f8, 1);
		call(s->progs.pio_raw_tp, 0, 0x60, 1);
	}
	enter(s);
	leave(s, 0x80000021);	/* an entry that failed; flags stay */
	call(s->progs.pio_raw_tp, 1, 0x3f8, 1);
	enter(s);
	equal("before 5.16: the reason is the first argument", booked(s, VMX_IO, 0x103f8 + 1), 7);
	equal("and nothing is without its detail", booked(s, VMX_IO, 0), 0);
	equal("flags of the reason stay, and it has no port", booked(s, 0x80000021, 0), 1);
	equal("exits of the vCPU", our_slot(s)->exits, 8);
	equal("entries of the vCPU", our_slot(s)->entries, 9);
	equal("none unmatched", our_slot(s)->unmatched_exits + our_slot(s)->unmatched_entries, 0);
}

static void too_many_details(const struct exits_bpf *s)
{
	uint64_t port, with = 0;

	for (port = 0; port < 290; port++) {
		leave(s, VMX_IO);
		call(s->progs.pio_raw_tp, 0, port, 1);
		enter(s);
	}
	for (port = 0; port < 290; port++)
		with += booked(s, VMX_IO, port + 1);
	/* One was there before. */
	equal("a vCPU has room for 256 details", with, MAX_DETAILS - 1);
	equal("the others are counted without", booked(s, VMX_IO, 0), 290 - (MAX_DETAILS - 1));
	equal("and are in the ledger", our_slot(s)->detail_full, 290 - (MAX_DETAILS - 1));
	equal("no exit is lost", our_slot(s)->map_full, 0);
}

static void too_many_reasons(const struct exits_bpf *s)
{
	uint64_t reason, sum = 0;

	for (reason = 1000; reason < 1100; reason++) {
		leave(s, reason);
		enter(s);
	}
	for (reason = 1000; reason < 1100; reason++)
		sum += booked(s, reason, 0);
	/* 256 details, IO without, and the failed entry are there. */
	equal("reasons for which there is room", sum, VALUES - MAX_DETAILS - 2);
	equal("those for which there is none are in the ledger", our_slot(s)->map_full, 100 - sum);
	leave(s, VMX_IO);
	enter(s);
	equal("what is known is counted on", booked(s, VMX_IO, 0), 290 - (MAX_DETAILS - 1) + 1);
}

/* Runs on @cpu from now on. */
static int move(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static void some_cpus(const struct exits_bpf *s)
{
	int i;

	/* Taken on CPU 0, entered again on CPU 1, and the other way round. */
	move(1);
	enter(s);
	for (i = 0; i < 5; i++) {
		move(0);
		leave(s, VMX_IO);
		move(1);
		enter(s);
		leave(s, VMX_IO);
		leave(s, VMX_IO);
		move(0);
		enter(s);
	}
	equal("-C: exits taken on the CPU count", our_slot(s)->exits, 5);
	equal("-C: they are booked", booked(s, VMX_IO, 0), 5);
	equal("-C: entries made on it count", our_slot(s)->entries, 5);
	equal("-C: the others are in the ledger", our_slot(s)->other_cpus, 10);
	equal("-C: none is unmatched", our_slot(s)->unmatched_exits + our_slot(s)->unmatched_entries, 0);
}

static int find_vcpu(void)
{
	struct vcpu_record *all = NULL;
	struct vcpus *v = NULL;
	size_t n = 0, i;
	int ret = vcpus_open(&v);

	if (!ret)
		ret = vcpus_read(v, &all, &n);
	for (i = 0; i < n; i++)
		if (all[i].tgid == (unsigned int)getpid())
			vcpu = all[i].vcpu;
	free(all);
	vcpus_close(v);
	return ret ? ret : vcpu ? 0 : -ENOENT;
}

int main(void)
{
	struct trial_vm *vm = NULL;
	struct exits_bpf *s = NULL;
	int ret = trial_vm_open(&vm);

	if (!ret)
		ret = find_vcpu();
	if (ret) {
		printf("ok 1 - programs of old kernels # SKIP no vCPU: %s\n", strerror(-ret));
		return 0;
	}
	s = load(-1);
	equal("the programs load for the arguments of old kernels", s != NULL, 1);
	if (s) {
		old_arguments(s);
		too_many_details(s);
		too_many_reasons(s);
	}
	exits_bpf__destroy(s);
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		printf("ok %d - -C # SKIP this machine has one CPU\n", ++tests);
	} else {
		s = load(0);
		equal("the programs load with -C", s != NULL, 1);
		if (s)
			some_cpus(s);
		exits_bpf__destroy(s);
	}
	trial_vm_close(vm);
	printf("1..%d\n", tests);
	return failures ? 1 : 0;
}
