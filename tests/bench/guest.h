/* SPDX-License-Identifier: GPL-2.0 */
/* The benchmark's load: a virtual machine that makes a known number of events. See guest.c. */
#ifndef EXITLAB_BENCH_GUEST_H
#define EXITLAB_BENCH_GUEST_H

#include <stdbool.h>
#include <stdint.h>

struct guest {
	int kvm, vm, vcpu;
	unsigned char *mem;
	struct kvm_run *run;
	bool wrmsr;	/* the loop is WRMSR (true) or LOOP (false) */
};

/*
 * Makes a machine with one vCPU, to be run by the calling thread. @wrmsr: every event is a VM exit
 * for WRMSR; otherwise it is one instruction that KVM emulates. 0 or negative errno.
 */
int guest_open(struct guest *g, bool wrmsr);
/*
 * Runs @events (1..2^32-1) turns of the loop and one OUT that ends it, and verifies that all were
 * made. *@cpu_ns = CPU time this thread took. 0 or negative errno (-EPROTO: not what was planned).
 */
int guest_run(struct guest *g, uint64_t events, uint64_t *cpu_ns);
void guest_close(struct guest *g);

#endif
