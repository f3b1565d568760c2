// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/cmd/baseline.c tracer/cmd/check.c analyze/baseline.c analyze/baseline_read.c analyze/baseline_update.c analyze/baseline_write.c analyze/facts.c analyze/numbers.c analyze/record.c tracer/core/reason.c tracer/run/scenario_msg.c tracer/run/yaml.c analyze/gate.c analyze/gate_json.c analyze/gate_judge.c analyze/gate_junit.c analyze/gate_text.c analyze/welch.c -lgsl tracer/util/fs.c tracer/util/log.c -lgsl -lgslcblas */
/* The two commands with files: exit statuses, what is written, and what must stay as it was. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "gate_record.h"
#include "util/fs.h"

static char dir[] = "/tmp/exitlab-check-XXXXXX";
static int run_status;		/* what the run will return */
static char run_args[512];	/* what it was called with */

int cmd_run(int argc, char **argv)
{
	int i;

	*run_args = '\0';
	for (i = 0; i < argc; i++) {
		strcat(run_args, i ? " " : "");
		strcat(run_args, argv[i]);
	}
	return run_status;
}

static void put(const char *name, struct run r)
{
	char *text = run_text(&r);

	assert_int_equal(write_whole(name, text, strlen(text)), 0);
	free(text);
}

static char *content(const char *name)
{
	char *text = calloc(1, 100000);
	FILE *f = fopen(name, "re");

	assert_non_null(text);
	if (f) {
		assert_true(fread(text, 1, 99999, f) < 99999);
		fclose(f);
	}
	return text;
}

/* Status of a command line; what it prints goes to the files out and err. */
static int call(int (*cmd)(int, char **), const char *line)
{
	char copy[512], *argv[32], *word, *rest;
	int argc = 0, status, out = dup(1), err = dup(2);

	snprintf(copy, sizeof(copy), "%s", line);
	for (word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	argv[argc] = NULL;
	fflush(stdout);
	assert_int_equal(dup2(open("out", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600), 1), 1);
	assert_int_equal(dup2(open("err", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600), 2), 2);
	status = cmd(argc, argv);
	fflush(stdout);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	return status;
}

static void said(const char *file, const char *wanted)
{
	char *text = content(file);

	if (*wanted ? !strstr(text, wanted) : *text)
		assert_string_equal(text, wanted);
	free(text);
}

/* The statuses of a gate. */
static void test_status(void **state)
{
	(void)state;
	put("good.json", RUN());
	put("more.json", RUN(.eoi = 101));
	put("less.json", RUN(.eoi = 99));
	put("none.json", RUN(.signals = "{}"));
	assert_int_equal(call(cmd_baseline, "baseline -o t.baseline good.json"), 0);
	said("out", "");
	assert_int_equal(call(cmd_check, "check t.baseline good.json"), 0);
	said("out", "t: pass: 1 passed\n");
	assert_int_equal(call(cmd_check, "check -q t.baseline good.json"), 0);
	said("out", "");
	assert_int_equal(call(cmd_check, "check -q t.baseline more.json"), 1);
	said("out", "MSR EOI exits: 1.000 -> 1.010 per request");
	assert_int_equal(call(cmd_check, "check t.baseline less.json"), 0);
	assert_int_equal(call(cmd_check, "check --improvement=fail t.baseline less.json"), 1);
	assert_int_equal(call(cmd_check, "check t.baseline none.json"), 2);
	assert_int_equal(call(cmd_check, "check --min-effect 2 t.baseline more.json"), 0);
	assert_int_equal(call(cmd_check, "check --json t.baseline more.json"), 1);
	said("out", "\"status\": 1");
	assert_int_equal(call(cmd_check, "check --only vf t.baseline good.json"), 0);
	assert_int_equal(call(cmd_check, "check --only v t.baseline good.json"), 2);
}

/* One line on stderr, status 2, and reports that say so. */
static void test_unusable(void **state)
{
	char *text, *err;

	(void)state;
	put("lost.json", RUN(.lost = "1"));
	assert_int_equal(call(cmd_check, "check t.baseline lost.json"), 2);
	said("err", "lost.json: workload rr: tracer.ledger.map_full: the tracer lost 1 events");
	assert_int_equal(call(cmd_check, "check --json --junit x.xml t.baseline absent.json"), 2);
	said("out", "\"verdict\": \"unusable\"");
	said("x.xml", "<error type=\"unusable\" message=\"absent.json: No such file or directory\"/>");
	assert_int_equal(call(cmd_check, "check absent.baseline good.json"), 2);
	said("err", "absent.baseline: No such file or directory; write it with exitlab baseline\n");
	/* Cut in the middle. */
	text = content("t.baseline");
	assert_int_equal(write_whole("cut.baseline", text, strlen(text) / 2), 0);
	free(text);
	assert_int_equal(call(cmd_check, "check cut.baseline good.json"), 2);
	err = content("err");
	assert_non_null(strstr(err, "cut.baseline:"));
	assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
	free(err);
}

static void test_arguments(void **state)
{
	static const char *const bad[] = {
		"check", "check t.baseline", "check --nonsense t.baseline good.json",
		"check --min-effect -1 t.baseline good.json",
		"check --min-effect x t.baseline good.json",
		"check --confidence 100 t.baseline good.json",
		"check --confidence 49 t.baseline good.json",
		"check --exact --min-effect 1 t.baseline good.json",
		"check --improvement=what t.baseline good.json",
		"check --run s.yaml t.baseline good.json", "check -o d t.baseline good.json",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(call(cmd_check, bad[i]), 2);
	assert_int_equal(call(cmd_check, "check --help"), 0);
	assert_int_equal(call(cmd_baseline, "baseline good.json"), 2);
	assert_int_equal(call(cmd_baseline, "baseline -o x"), 2);
	assert_int_equal(call(cmd_baseline, "baseline -o x --update y good.json"), 2);
	assert_int_equal(access("x", F_OK), -1);
}

/* The run's status, if there is nothing to check. */
static void test_run(void **state)
{
	(void)state;
	assert_int_equal(mkdir("results", 0700), 0);
	assert_int_equal(mkdir("results/t", 0700), 0);
	put("results/t/vf.json", RUN(.hlt = 51));
	put("results/t/other.json", RUN(.id = "other", .testbed = "of another time"));
	run_status = 0;
	assert_int_equal(call(cmd_check, "check --only vf --run s/t.yaml t.baseline"), 1);
	assert_string_equal(run_args, "run -o results/t --only vf -- s/t.yaml");
	assert_int_equal(call(cmd_check, "check -o elsewhere --run s/t.yaml t.baseline"), 2);
	assert_string_equal(run_args, "run -o elsewhere -- s/t.yaml");
	/* Options of exitlab run are passed on, and mean nothing without it. */
	assert_int_equal(call(cmd_check, "check --kernel 6.1.0-1-amd64 --run s/t.yaml --again -o x "
			      "--modules=m --qemu q --qemu-share=s --guest-kernel g --jobs 2 "
			      "--timeout 9 --no-snapshot t.baseline"), 2);
	assert_string_equal(run_args, "run -o x --kernel 6.1.0-1-amd64 --again --modules m --qemu q "
			    "--qemu-share s --guest-kernel g --jobs 2 --timeout 9 --no-snapshot -- s/t.yaml");
	assert_int_equal(call(cmd_check, "check --again t.baseline results"), 2);
	said("err", "--again: only with --run");
	run_status = 4;
	assert_int_equal(call(cmd_check, "check --json --run t.yaml t.baseline"), 4);
	said("out", "this host cannot run the scenario");
	run_status = 130;
	assert_int_equal(call(cmd_check, "check --run t.yaml t.baseline"), 130);
	/* A failed run is no regression. */
	run_status = 1;
	assert_int_equal(call(cmd_check, "check --run t.yaml t.baseline"), 2);
	run_status = 2;
	assert_int_equal(call(cmd_check, "check --run t.yaml t.baseline"), 2);
}

/* Refused, the file stays; taken, what changed is told. */
static void test_update(void **state)
{
	char *before, *after;

	(void)state;
	put("second.json", RUN(.id = "b"));
	put("kernel.json", RUN(.id = "b", .kernel = "6.13"));
	assert_int_equal(call(cmd_baseline, "baseline -o u.baseline good.json second.json"), 0);
	before = content("u.baseline");
	assert_int_equal(call(cmd_baseline, "baseline --update u.baseline kernel.json"), 2);
	said("err", "kernel.json: kernel: 6.13, but 6.12 in u.baseline, and vf stays");
	assert_int_equal(call(cmd_baseline, "baseline --update u.baseline lost.json"), 2);
	assert_int_equal(call(cmd_baseline, "baseline -o u.baseline good.json absent.json"), 2);
	assert_int_equal(call(cmd_baseline, "baseline -o u.baseline good.json kernel.json"), 2);
	after = content("u.baseline");
	assert_string_equal(after, before);
	free(after);
	assert_int_equal(call(cmd_baseline, "baseline --update u.baseline good.json"), 0);
	said("out", "no number changed\n");
	after = content("u.baseline");
	assert_string_equal(after, before);
	free(after);
	free(before);
	assert_int_equal(call(cmd_baseline, "baseline --update u.baseline more.json"), 0);
	said("out", "vf/rr: MSR EOI exits: 1.000 -> 1.010 per request\n");
	assert_int_equal(call(cmd_check, "check u.baseline more.json second.json"), 0);
	assert_int_equal(call(cmd_baseline, "baseline -o absent/u.baseline good.json"), 2);
	said("err", "absent/u.baseline: No such file or directory");
}

static int enter(void **state)
{
	(void)state;
	return !mkdtemp(dir) || chdir(dir);
}

static int leave(void **state)
{
	(void)state;
	return chdir("/") || remove_tree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status), cmocka_unit_test(test_unusable),
		cmocka_unit_test(test_arguments), cmocka_unit_test(test_run),
		cmocka_unit_test(test_update),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
