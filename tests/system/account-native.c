// SPDX-License-Identifier: GPL-2.0
/*
 * The time account on live vCPUs of a host whose KVM never calls kvm_entry and kvm_exit: its
 * programs are attached to two tracepoints that do fire there (as in engine-native.c). Everything
 * else is real: several CPUs, more vCPU threads than CPUs, preemption, migration, interrupts, and a
 * reader that looks while it all goes on.
 *
 *   kvm_entry -> kvm_emulate_insn(vcpu, ...)	kvm_exit -> kvm_userspace_exit(reason, errno)
 *
 * usage: account-native KVMGUEST	prints TAP
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "engine/engine.h"
#include "engine/tracefs.h"
#include "out/account.h"
#include "util/log.h"

#define GUESTS	4
#define LOOKS	25

struct bpf_link *__wrap_bpf_program__attach(const struct bpf_program *p);
struct bpf_link *__real_bpf_program__attach(const struct bpf_program *p);
int __wrap_tracefs_format(const char *event, char *buf, size_t size);
int __real_tracefs_format(const char *event, char *buf, size_t size);

static int tests, failures;

struct bpf_link *__wrap_bpf_program__attach(const struct bpf_program *p)
{
	const char *name = bpf_program__name(p);

	if (!strcmp(name, "entry_raw_tp"))
		return bpf_program__attach_raw_tracepoint(p, "kvm_emulate_insn");
	if (!strcmp(name, "exit_tp"))
		return bpf_program__attach_tracepoint(p, "kvm", "kvm_userspace_exit");
	return __real_bpf_program__attach(p);
}

int __wrap_tracefs_format(const char *event, char *buf, size_t size)
{
	if (strcmp(event, "kvm/kvm_exit"))
		return __real_tracefs_format(event, buf, size);
	snprintf(buf, size, "\tfield:unsigned int exit_reason;\toffset:8;\tsize:4;\tsigned:0;\n"
		 "\tfield:u32 isa;\toffset:12;\tsize:4;\tsigned:0;\n");
	return 0;
}

static void result(bool good, const char *name)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++tests, name);
	failures += !good;
}

static pid_t start_guest(const char *kvmguest)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	freopen("/dev/null", "w", stdout);
	execl(kvmguest, "kvmguest", "--out", "50", "--cpuid", "20", "--loop", "60", (char *)NULL);
	_exit(127);
}

static const struct account_part *account(const struct trace_snapshot *s)
{
	size_t i;

	for (i = 0; i < s->nr_parts; i++)
		if (!strcmp(s->parts[i]->ops->name, "account"))
			return (const struct account_part *)s->parts[i];
	return NULL;
}

static const struct account_row *row_of(const struct trace_snapshot *s, pid_t vm)
{
	const struct account_part *p = account(s);
	size_t i;

	for (i = 0; p && i < p->nr_rows; i++)
		if (p->rows[i].vm == vm)
			return &p->rows[i];
	return NULL;
}

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

struct findings {
	uint64_t back;		/* kinds of time that became less between two looks */
	uint64_t unexplained;	/* looks at a vCPU with 1 % or more of its time unexplained */
	uint64_t looks;
};

static void compare(const struct trace_snapshot *now, const struct trace_snapshot *before,
		    const pid_t *guest, struct findings *f)
{
	int i, k;

	for (i = 0; i < GUESTS; i++) {
		const struct account_row *n = row_of(now, guest[i]), *b = row_of(before, guest[i]);

		if (!n)
			continue;
		f->looks++;
		f->unexplained += (uint64_t)llabs(account_residual(n)) >= n->wall_ns / 100 + 1;
		for (k = 0; b && k < NR_ACCOUNT; k++)
			f->back += n->ns[k] < b->ns[k];
	}
}

static void check_end(const struct trace_snapshot *s, const pid_t *guest)
{
	const struct account_part *p = account(s);
	uint64_t sched = 0, ours = 0, sched_wait = 0, wait = 0, wall = 0, irq = 0, user = 0;
	int i;

	for (i = 0; i < GUESTS; i++) {
		const struct account_row *r = row_of(s, guest[i]);

		if (!r)
			continue;
		printf("# vm %d: wall %" PRIu64 " residual %" PRId64 " unseen %" PRIu64 " ran %" PRIu64
		       " (scheduler %" PRIu64 ") waited %" PRIu64 " (scheduler %" PRIu64
		       ") irq %" PRIu64 " guest %" PRIu64 "\n", (int)r->vm, r->wall_ns,
		       account_residual(r), r->unseen_ns, r->run_ns, r->sched_run_ns, r->wait_ns,
		       r->sched_wait_ns, r->ns[ACCOUNT_HOST_IRQ], r->ns[ACCOUNT_GUEST]);
		wall += r->wall_ns;
		sched += r->sched_run_ns;
		ours += r->run_ns;
		sched_wait += r->sched_wait_ns;
		wait += r->wait_ns;
		irq += r->ns[ACCOUNT_HOST_IRQ];
		user += r->ns[ACCOUNT_USER + CLASS_OTHER];
	}
	printf("# back %" PRIu64 " ns, skipped %" PRIu64 ", unmatched %" PRIu64 "/%" PRIu64 "/%"
	       PRIu64 ", unseen wake-ups %" PRIu64 "\n", p->ledger.clock_back_ns, p->ledger.skipped,
	       p->ledger.unmatched_entries, p->ledger.unmatched_exits, p->ledger.unmatched_irqs,
	       p->ledger.unseen_wakeups);
	result(ours && apart(ours, sched) < wall / 100,
	       "time on a CPU is the scheduler's, within 1 % of the wall time");
	result(wait && apart(wait, sched_wait) < wall / 100,
	       "time in the run queue is the scheduler's, within 1 % of the wall time");
	result(irq > 0 && user > 0, "there were interrupts, and work in user space");
	result(p->ledger.unseen_wakeups == 0 && p->ledger.map_full == 0 &&
	       p->ledger.clock_back_ns < 20000, "nothing is missing in the ledger");
}

static int watch(struct engine *e, const pid_t *guest)
{
	struct trace_snapshot now, before = { 0 };
	struct findings f = { 0 };
	int i, ret = 0;

	for (i = 0; !ret && i <= LOOKS; i++) {
		usleep(100000 + (unsigned int)i * 313);
		if (i == LOOKS / 2)
			kill(guest[0], SIGKILL);
		if (i == LOOKS)
			engine_detach(e);
		ret = engine_read(e, &now);
		if (ret)
			break;
		compare(&now, &before, guest, &f);
		snapshot_free(&before);
		before = now;
	}
	result(!ret && f.looks >= 4 * LOOKS - 8, "every guest is there at every look");
	result(!ret && !f.unexplained, "at every look the account explains the wall time, within 1 %");
	result(!ret && !f.back, "no time is ever taken back");
	if (!ret)
		check_end(&before, guest);
	snapshot_free(&before);
	return ret;
}

int main(int argc, char **argv)
{
	struct engine_opts o = { .signals = SIGNAL_EXITS | SIGNAL_ACCOUNT, .rung = "kvm_entry=raw_tp,kvm_exit=tp" };
	pid_t guest[GUESTS] = { 0 };
	struct engine *e = NULL;
	int i, ret;

	if (argc != 2)
		return 2;
	ret = engine_open(&o, &e);
	if (!ret)
		ret = engine_attach(e);
	for (i = 0; !ret && i < GUESTS; i++)
		guest[i] = start_guest(argv[1]);
	if (!ret)
		ret = watch(e, guest);
	engine_close(e);
	for (i = 0; i < GUESTS; i++) {
		if (guest[i] > 0) {
			kill(guest[i], SIGKILL);
			waitpid(guest[i], NULL, 0);
		}
	}
	result(!ret, "the signal opens, attaches and reads");
	printf("1..%d\n", tests);
	return failures || ret;
}
