// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/run/qmp.c tracer/util/proc.c tracer/util/log.c */
/* QMP against a shell script in the part of QEMU. */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "run/qmp.h"

#define GREETING "echo '{\"QMP\": {\"version\": {}, \"capabilities\": []}}'\nread x\necho '{\"return\": {}}'\n"

static void start(struct proc *p, const char *script)
{
	static const struct proc_opts o = { .cpu = -1, .pipe_stdin = true, .pipe_stdout = true };
	char *argv[] = { "sh", "-c", (char *)script, NULL };

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(proc_start(p, argv, &o), 0);
}

static void answers_and_events(void **state)
{
	json_t *r = NULL;
	struct proc p;

	(void)state;
	start(&p, GREETING
	      "read x; [ \"$x\" = '{\"execute\":\"query-status\"}' ] || exit 1\n"
	      "echo '{\"event\": \"STOP\", \"timestamp\": {}}'\n"
	      "echo '{\"return\": {\"status\": \"paused\"}}'\n"
	      "read x; [ \"$x\" = '{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"file:x\"}}' ] || exit 1\n"
	      "echo '{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such file\"}}'\n");
	assert_int_equal(qmp_open(&p), 0);
	assert_int_equal(qmp_command(&p, "query-status", NULL, &r), 0);
	assert_string_equal(json_string_value(json_object_get(r, "status")), "paused");
	json_decref(r);
	assert_int_equal(qmp_command(&p, "migrate", json_pack("{s:s}", "uri", "file:x"), NULL),
			 -EREMOTEIO);
	assert_string_equal(qmp_reason(-EREMOTEIO), "QEMU refused 'migrate': no such file");
	assert_string_equal(qmp_reason(-EPIPE), "Broken pipe");
	assert_int_equal(proc_wait(&p, 5000), 0);
	proc_kill(&p);
}

static void a_dead_qemu(void **state)
{
	struct proc p;

	(void)state;
	start(&p, GREETING "exit 0");
	assert_int_equal(qmp_open(&p), 0);
	assert_int_equal(proc_wait(&p, 5000), 0);
	assert_true(qmp_command(&p, "cont", NULL, NULL) < 0);
	proc_kill(&p);
	start(&p, "echo nonsense");
	assert_int_equal(qmp_open(&p), -EPROTO);
	proc_kill(&p);
	start(&p, "exit 3");
	assert_int_equal(qmp_open(&p), -EPIPE);
	proc_kill(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_and_events),
		cmocka_unit_test(a_dead_qemu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
