// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/run/mailbox.c */
/* The mailbox, both ends in one process; and an inside that writes nonsense. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/mailbox.h"

static char path[64];

static int make_path(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/exitlab-mailbox-test.%d", getpid());
	return 0;
}

static int remove_path(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static void there_and_back(void **state)
{
	struct mailbox *out, *in;
	char *text, phase[128];
	uint64_t ns;
	uint32_t seq;

	(void)state;
	assert_int_equal(mailbox_create(path, &out), 0);
	assert_int_equal(mailbox_open(path, &in), 0);
	assert_int_equal(mailbox_take_request(in, &text), -ENODATA);
	assert_int_equal(mailbox_put_request(out, "{\"a\":1}"), 0);
	assert_int_equal(mailbox_take_request(in, &text), 0);
	assert_string_equal(text, "{\"a\":1}");
	free(text);
	assert_int_equal(mailbox_state(out), MAILBOX_RUNNING);
	assert_int_equal(mailbox_response(out, &text), -ENODATA);

	seq = mailbox_phase(out, phase, sizeof(phase), &ns);
	mailbox_set_phase(in, 77, "rr: window");
	assert_int_not_equal(mailbox_phase(out, phase, sizeof(phase), &ns), seq);
	assert_string_equal(phase, "rr: window");
	assert_int_equal(ns, 77);

	assert_int_equal(mailbox_put_response(in, MAILBOX_DONE, "done"), 0);
	assert_int_equal(mailbox_state(out), MAILBOX_DONE);
	assert_int_equal(mailbox_response(out, &text), 0);
	assert_string_equal(text, "done");
	free(text);
	mailbox_close(in);
	mailbox_close(out);
}

static void *ask_later(void *arg)
{
	while (mailbox_state(arg) != MAILBOX_READY)
		usleep(100);
	assert_int_equal(mailbox_put_request(arg, "later"), 0);
	return NULL;
}

/* Requests are asked for one after the other; with a file, by waiting. */
static void one_request_after_the_other(void **state)
{
	struct mailbox *out, *in;
	pthread_t t;
	char *text;
	int i;

	(void)state;
	assert_int_equal(mailbox_create(path, &out), 0);
	assert_int_equal(mailbox_open(path, &in), 0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&t, NULL, ask_later, out), 0);
		assert_int_equal(mailbox_next_request(in, &text), 0);
		assert_int_equal(pthread_join(t, NULL), 0);
		assert_string_equal(text, "later");
		assert_int_equal(mailbox_state(out), MAILBOX_RUNNING);
		free(text);
	}
	mailbox_close(in);
	mailbox_close(out);
}

static void sizes_are_bounded(void **state)
{
	char *big = calloc(1, MAILBOX_SIZE + 1);
	struct mailbox *m;

	(void)state;
	memset(big, 'x', MAILBOX_SIZE);
	assert_int_equal(mailbox_create(path, &m), 0);
	assert_int_equal(mailbox_put_request(m, big), -EMSGSIZE);
	assert_int_equal(mailbox_put_response(m, MAILBOX_DONE, big), -EMSGSIZE);
	assert_int_equal(mailbox_state(m), MAILBOX_EMPTY);
	mailbox_close(m);
	free(big);
}

/* The other side can write anything into the shared memory. */
static void a_hostile_other_side(void **state)
{
	struct mailbox *m;
	char *text, phase[16];
	uint32_t words[1024];
	uint64_t ns;
	int fd;

	(void)state;
	assert_int_equal(mailbox_create(path, &m), 0);
	memset(words, 0xff, sizeof(words));
	words[2] = MAILBOX_DONE;	/* state; everything else is all ones */
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, words, sizeof(words), 0), sizeof(words));
	assert_int_equal(mailbox_response(m, &text), -EMSGSIZE);
	mailbox_phase(m, phase, sizeof(phase), &ns);
	assert_int_equal(strlen(phase), sizeof(phase) - 1);
	words[2] = MAILBOX_REQUEST;
	assert_int_equal(pwrite(fd, words, sizeof(words), 0), sizeof(words));
	assert_int_equal(mailbox_take_request(m, &text), -ENODATA);
	close(fd);
	mailbox_close(m);
	assert_int_equal(mailbox_open(path, &m), -EINVAL);
	assert_int_equal(mailbox_open("/nonexistent/mailbox", &m), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(one_request_after_the_other),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(a_hostile_other_side),
	};

	return cmocka_run_group_tests(tests, make_path, remove_path);
}
