// SPDX-License-Identifier: GPL-2.0
/* LINK: */
/* The state machine of the time account, with all that can come out of turn. */
#include "unit.h"

#include <stdlib.h>

#include "core/account.h"

#define K(c) (ACCOUNT_KERNEL + (c))
#define U(c) (ACCOUNT_USER + (c))

static struct account begun(account_u64 now)
{
	struct account a = { 0 };

	account_begin(&a, now);
	return a;
}

/* Whatever happened: the parts are the whole. */
static void closes(const struct account *a)
{
	assert_int_equal(account_sum(a), a->ts - a->start - a->gone_ns);
}

static void a_round_trip(void **state)
{
	struct account a = begun(100);

	(void)state;
	account_exit(&a, 170, CLASS_IO);
	account_to_user(&a, 175);
	account_to_kernel(&a, 195);
	account_entry(&a, 198);
	account_exit(&a, 200, CLASS_MSR);
	account_entry(&a, 207);
	assert_int_equal(a.ns[ACCOUNT_GUEST], 70 + 2);
	assert_int_equal(a.ns[K(CLASS_IO)], 5 + 3);
	assert_int_equal(a.ns[U(CLASS_IO)], 20);
	assert_int_equal(a.ns[K(CLASS_MSR)], 7);
	assert_int_equal(a.unmatched_entries + a.unmatched_exits, 0);
	closes(&a);
}

/* FPU registers are loaded for other reasons, too. */
static void a_return_from_nowhere(void **state)
{
	struct account a = begun(1);

	(void)state;
	account_to_kernel(&a, 11);
	account_exit(&a, 21, CLASS_IO);
	assert_int_equal(a.ns[ACCOUNT_GUEST], 20);
	assert_int_equal(a.unmatched_exits, 0);
	closes(&a);
}

/* Without the event of the return, KVM's way back in is the VMM's. */
static void the_return_is_the_next_entry_at_last(void **state)
{
	struct account a = begun(0);

	(void)state;
	account_exit(&a, 10, CLASS_IO);
	account_to_user(&a, 20);
	account_entry(&a, 50);
	assert_int_equal(a.ns[U(CLASS_IO)], 30);
	assert_int_equal(a.unmatched_entries, 0);
	closes(&a);
}

static void a_halt_that_blocks(void **state)
{
	struct account a = begun(0);

	(void)state;
	account_exit(&a, 100, CLASS_HALT);
	account_switch_out(&a, 110, 1);
	a.woken = 500;
	account_switch_in(&a, 530);
	account_poll(&a, 532, 0);
	account_entry(&a, 540);
	assert_int_equal(a.ns[K(CLASS_HALT)], 10 + 10);
	assert_int_equal(a.ns[ACCOUNT_BLOCKED], 390);
	assert_int_equal(a.ns[ACCOUNT_RUNQUEUE], 30);
	assert_int_equal(a.ns[ACCOUNT_POLL], 0);
	assert_int_equal(a.unseen_wakeups, 0);
	closes(&a);
}

/* Sleep is waiting for an interrupt only in KVM, after a halt. */
static void sleep_elsewhere(void **state)
{
	struct account a = begun(0);

	(void)state;
	account_exit(&a, 100, CLASS_MEMORY);
	account_switch_out(&a, 110, 1);
	a.woken = 200;
	account_switch_in(&a, 200);
	account_entry(&a, 210);
	account_exit(&a, 220, CLASS_HALT);
	account_to_user(&a, 230);
	account_switch_out(&a, 240, 1);
	a.woken = 300;
	account_switch_in(&a, 310);
	account_to_kernel(&a, 320);
	account_switch_out(&a, 330, 1);	/* KVM_RUN again: still halted */
	a.woken = 400;
	account_switch_in(&a, 400);
	account_entry(&a, 410);
	assert_int_equal(a.ns[ACCOUNT_SLEEP], 90 + 60);
	assert_int_equal(a.ns[ACCOUNT_BLOCKED], 70);
	assert_int_equal(a.ns[ACCOUNT_RUNQUEUE], 10);
	closes(&a);
}

static void a_halt_that_polls(void **state)
{
	struct account a = begun(0);

	(void)state;
	account_exit(&a, 100, CLASS_HALT);
	account_poll(&a, 400, 280);
	account_entry(&a, 410);
	assert_int_equal(a.ns[ACCOUNT_POLL], 280);
	assert_int_equal(a.ns[K(CLASS_HALT)], 30);
	closes(&a);
}

/* It polled in vain and went to sleep: what came after does not count as polling. */
static void a_poll_that_fails(void **state)
{
	struct account a = begun(0);

	(void)state;
	account_exit(&a, 100, CLASS_HALT);
	account_switch_out(&a, 320, 1);
	a.woken = 1000;
	account_switch_in(&a, 1050);
	account_poll(&a, 1080, 200);
	account_entry(&a, 1090);
	assert_int_equal(a.ns[ACCOUNT_POLL], 200);
	assert_int_equal(a.ns[K(CLASS_HALT)], 20 + 40);
	assert_int_equal(a.ns[ACCOUNT_BLOCKED], 680);
	assert_int_equal(a.ns[ACCOUNT_RUNQUEUE], 50);
	closes(&a);
	/* Nor does it if KVM's clock says a little more. */
	account_exit(&a, 1100, CLASS_HALT);
	account_switch_out(&a, 1200, 1);
	a.woken = 1300;
	account_switch_in(&a, 1300);
	account_poll(&a, 1350, 110);
	assert_int_equal(a.ns[ACCOUNT_POLL], 200 + 100);
	closes(&a);
}

/* KVM counts interrupts and other threads as polling; the account has them already. */
static void a_poll_that_is_interrupted(void **state)
{
	struct account a = begun(0);

	(void)state;
	account_exit(&a, 100, CLASS_HALT);
	account_irq_enter(&a, 150);
	account_irq_exit(&a, 170);
	account_switch_out(&a, 200, 0);
	account_switch_in(&a, 260);
	account_poll(&a, 300, 190);
	assert_int_equal(a.ns[ACCOUNT_HOST_IRQ], 20);
	assert_int_equal(a.ns[ACCOUNT_RUNQUEUE], 60);
	assert_int_equal(a.ns[ACCOUNT_POLL], 190 - 20 - 60);
	assert_int_equal(a.ns[K(CLASS_HALT)], 200 - 20 - 60 - 110);
	closes(&a);
	/* More than there was: a number from somewhere else takes nothing away. */
	account_exit(&a, 310, CLASS_HALT);
	account_poll(&a, 350, 1000000);
	assert_int_equal(a.ns[ACCOUNT_POLL], 110 + 40);
	closes(&a);
}

static void preempted_anywhere(void **state)
{
	struct account a = begun(0);

	(void)state;
	account_switch_out(&a, 10, 0);	/* older SVM: kvm_exit comes later */
	account_switch_in(&a, 30);
	account_exit(&a, 40, CLASS_INTERRUPT);
	account_switch_out(&a, 50, 0);
	account_switch_in(&a, 90);
	account_to_user(&a, 100);
	account_switch_out(&a, 110, 0);
	account_switch_in(&a, 115);
	account_entry(&a, 120);
	assert_int_equal(a.ns[ACCOUNT_GUEST], 20);
	assert_int_equal(a.ns[ACCOUNT_RUNQUEUE], 20 + 40 + 5);
	assert_int_equal(a.ns[K(CLASS_INTERRUPT)], 20);
	assert_int_equal(a.ns[U(CLASS_INTERRUPT)], 15);
	closes(&a);
}

static void interrupts_nest(void **state)
{
	struct account a = begun(0);

	(void)state;
	account_irq_enter(&a, 10);	/* softirq */
	account_irq_enter(&a, 15);	/* a timer in it */
	account_irq_exit(&a, 18);
	account_irq_exit(&a, 25);
	account_exit(&a, 40, CLASS_INTERRUPT);
	assert_int_equal(a.ns[ACCOUNT_HOST_IRQ], 15);
	assert_int_equal(a.ns[ACCOUNT_GUEST], 25);
	assert_int_equal(a.unmatched_irqs, 0);
	closes(&a);
}

static void interrupts_without_partner(void **state)
{
	struct account a = begun(0);

	(void)state;
	account_irq_exit(&a, 10);	/* its entry was before the tracing */
	assert_int_equal(a.unmatched_irqs, 1);
	account_irq_enter(&a, 20);	/* its exit is lost: the next event of KVM ends it */
	account_exit(&a, 30, CLASS_IO);
	account_entry(&a, 40);
	assert_int_equal(a.unmatched_irqs, 2);
	assert_int_equal(a.ns[ACCOUNT_HOST_IRQ], 10);
	assert_int_equal(a.ns[K(CLASS_IO)], 10);
	closes(&a);
}

/* RT kernels: a soft interrupt in the thread's own context can be preempted. */
static void switch_in_an_interrupt(void **state)
{
	struct account a = begun(0);

	(void)state;
	account_irq_enter(&a, 10);
	account_switch_out(&a, 12, 0);
	account_switch_in(&a, 20);
	account_irq_exit(&a, 25);
	account_exit(&a, 30, CLASS_IO);
	assert_int_equal(a.ns[ACCOUNT_HOST_IRQ], 2 + 5);
	assert_int_equal(a.ns[ACCOUNT_RUNQUEUE], 8);
	closes(&a);
}

static void exit_after_exit(void **state)
{
	struct account a = begun(0);

	(void)state;
	account_exit(&a, 10, CLASS_MSR);
	account_exit(&a, 30, CLASS_IO);	/* a fast path re-entered without saying so */
	account_entry(&a, 40);
	account_entry(&a, 60);
	assert_int_equal(a.unmatched_exits, 1);
	assert_int_equal(a.unmatched_entries, 1);
	assert_int_equal(a.ns[K(CLASS_MSR)], 20);
	assert_int_equal(a.ns[K(CLASS_IO)], 10);
	assert_int_equal(a.ns[ACCOUNT_GUEST], 10 + 20);
	closes(&a);
}

/* The second exit took less than the poll of the first one: no class may go below zero. */
static void a_poll_belongs_to_its_exit(void **state)
{
	struct account a = begun(0);

	(void)state;
	account_exit(&a, 10, CLASS_HALT);
	account_exit(&a, 100, CLASS_MSR);
	account_poll(&a, 105, 80);
	assert_int_equal(a.ns[K(CLASS_MSR)], 0);
	assert_int_equal(a.ns[ACCOUNT_POLL], 5);
	closes(&a);
	account_entry(&a, 110);
	account_poll(&a, 120, 5);	/* in the guest: nonsense */
	assert_int_equal(a.ns[ACCOUNT_POLL], 5);
	closes(&a);
}

static void clocks_that_differ(void **state)
{
	struct account a = begun(100);

	(void)state;
	account_switch_out(&a, 200, 0);
	account_switch_in(&a, 190);	/* another CPU */
	account_exit(&a, 195, CLASS_IO);
	account_entry(&a, 220);
	assert_int_equal(a.back_ns, 10 + 5);
	assert_int_equal(a.ns[ACCOUNT_GUEST], 100);
	assert_int_equal(a.ns[K(CLASS_IO)], 20);
	closes(&a);
}

static void wakeups_out_of_turn(void **state)
{
	struct account a = begun(0);

	(void)state;
	a.woken = 5;			/* while it ran */
	account_exit(&a, 10, CLASS_HALT);
	account_switch_out(&a, 20, 1);
	account_switch_in(&a, 50);	/* no wake-up in between */
	assert_int_equal(a.unseen_wakeups, 1);
	assert_int_equal(a.ns[ACCOUNT_BLOCKED], 30);
	account_switch_out(&a, 60, 1);
	a.woken = 99;			/* the waker's clock is ahead */
	account_switch_in(&a, 90);
	assert_int_equal(a.ns[ACCOUNT_BLOCKED], 60);
	assert_int_equal(a.ns[ACCOUNT_RUNQUEUE], 0);
	closes(&a);
}

static void a_switch_that_was_not_seen(void **state)
{
	struct account a = begun(0);

	(void)state;
	account_exit(&a, 10, CLASS_HALT);
	account_switch_out(&a, 20, 1);
	account_entry(&a, 50);		/* it runs: it must have got the CPU */
	account_exit(&a, 60, CLASS_IO);
	assert_int_equal(a.ns[ACCOUNT_BLOCKED], 30);
	assert_int_equal(a.ns[ACCOUNT_GUEST], 10 + 10);
	closes(&a);
}

static void a_thread_that_ends(void **state)
{
	struct account a = begun(0);

	(void)state;
	account_exit(&a, 10, CLASS_OTHER);
	account_to_user(&a, 20);
	account_end(&a, 70);
	assert_int_equal(a.end, 70);
	assert_int_equal(a.ns[U(CLASS_OTHER)], 50);
	closes(&a);
}

static void a_vcpu_that_changes_its_thread(void **state)
{
	struct account a = begun(5);

	(void)state;
	account_exit(&a, 10, CLASS_IO);
	account_to_user(&a, 20);
	account_switch_out(&a, 30, 1);
	account_end(&a, 40);		/* its thread runs another vCPU, or is gone */
	account_begin(&a, 100);
	account_exit(&a, 150, CLASS_IO);
	assert_int_equal(a.start, 5);
	assert_int_equal(a.gone_ns, 60);
	assert_int_equal(a.ns[ACCOUNT_GUEST], 5 + 50);
	assert_int_equal(a.ns[ACCOUNT_SLEEP], 10);
	closes(&a);
}

/* Reading: the open interval is added to a copy, and nothing of it is taken back later. */
static void reading_takes_nothing_back(void **state)
{
	struct account a = begun(0), c;
	int k;

	(void)state;
	account_exit(&a, 10, CLASS_HALT);
	account_switch_out(&a, 20, 1);
	c = a;
	account_charge(&c, 60);
	assert_int_equal(c.ns[ACCOUNT_BLOCKED], 40);
	a.woken = 70;
	account_switch_in(&a, 80);
	for (k = 0; k < NR_ACCOUNT; k++)
		assert_true(a.ns[k] >= c.ns[k]);
	c = a;
	account_switch_out(&a, 90, 1);
	a.woken = 100;
	c = a;
	account_charge(&c, 130);	/* woken, but it has no CPU yet */
	assert_int_equal(c.ns[ACCOUNT_RUNQUEUE], 10 + 30);
	closes(&c);
}

/* Half a million events in random order: the parts are always the whole, and none is negative. */
static void any_order_closes(void **state)
{
	struct account a = begun(1000);
	account_u64 now = 1000;
	int i, k;

	(void)state;
	srandom(1);
	for (i = 0; i < 500000; i++) {
		now += (account_u64)(random() % 50);
		if (random() % 100 == 0)
			now -= 20;
		switch (random() % 12) {
		case 0: account_entry(&a, now); break;
		case 1: account_exit(&a, now, (unsigned int)random() % NR_REASON_CLASSES); break;
		case 2: account_to_user(&a, now); break;
		case 3: account_to_kernel(&a, now); break;
		case 4: account_poll(&a, now, (account_u64)(random() % 300)); break;
		case 5: account_switch_out(&a, now, random() & 1); break;
		case 6: account_switch_in(&a, now); break;
		case 7: account_irq_enter(&a, now); break;
		case 8: account_irq_exit(&a, now); break;
		case 9: a.woken = now; break;
		case 10: account_exit(&a, now, CLASS_HALT); break;
		case 11:
			if (random() % 50)
				break;
			account_end(&a, now);
			now = a.ts + (account_u64)(random() % 100);
			account_begin(&a, now);
			break;
		}
		closes(&a);
	}
	for (k = 0; k < NR_ACCOUNT; k++)
		assert_true(a.ns[k] < 1ull << 40);
	for (k = ACCOUNT_KERNEL; k < ACCOUNT_KERNEL + NR_REASON_CLASSES; k++)
		assert_true(a.ns[k] > 0);
	assert_true(a.ns[ACCOUNT_POLL] > 0 && a.ns[ACCOUNT_BLOCKED] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_round_trip),
		cmocka_unit_test(a_return_from_nowhere),
		cmocka_unit_test(the_return_is_the_next_entry_at_last),
		cmocka_unit_test(a_halt_that_blocks),
		cmocka_unit_test(sleep_elsewhere),
		cmocka_unit_test(a_halt_that_polls),
		cmocka_unit_test(a_poll_that_fails),
		cmocka_unit_test(a_poll_that_is_interrupted),
		cmocka_unit_test(preempted_anywhere),
		cmocka_unit_test(interrupts_nest),
		cmocka_unit_test(interrupts_without_partner),
		cmocka_unit_test(switch_in_an_interrupt),
		cmocka_unit_test(exit_after_exit),
		cmocka_unit_test(a_poll_belongs_to_its_exit),
		cmocka_unit_test(clocks_that_differ),
		cmocka_unit_test(wakeups_out_of_turn),
		cmocka_unit_test(a_switch_that_was_not_seen),
		cmocka_unit_test(a_thread_that_ends),
		cmocka_unit_test(a_vcpu_that_changes_its_thread),
		cmocka_unit_test(reading_takes_nothing_back),
		cmocka_unit_test(any_order_closes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
