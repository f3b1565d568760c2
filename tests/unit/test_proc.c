// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/util/proc.c tracer/util/log.c tracer/util/args.c tracer/util/fs.c */
/* Child processes, argument vectors and files. */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/args.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/proc.h"

static const struct proc_opts piped = { .cpu = -1, .pipe_stdin = true, .pipe_stdout = true };

static void output_and_status(void **state)
{
	char *argv[] = { "sh", "-c", "echo hello; echo lost >&2; exit 7", NULL };
	struct proc_opts o = { .cpu = -1, .log = "/dev/null" };
	char out[32];

	(void)state;
	assert_int_equal(proc_run(argv, &o, out, sizeof(out)), 7);
	assert_string_equal(out, "hello\n");
	o.merge_stderr = true;
	assert_int_equal(proc_run(argv, &o, out, sizeof(out)), 7);
	assert_string_equal(out, "hello\nlost\n");
	assert_int_equal(proc_run(argv, &o, out, 4), 7);
	assert_string_equal(out, "hel");
}

static void a_program_that_is_not_there(void **state)
{
	char *argv[] = { "/nonexistent/program", NULL };
	struct proc p;

	(void)state;
	log_threshold = LOG_ERROR - 1;
	assert_int_equal(proc_start(&p, argv, &piped), -ENOENT);
	assert_int_equal(p.pid, 0);
	assert_non_null(strstr(log_last_error(), "/nonexistent/program"));
	assert_int_equal(proc_cmd("sh -c exit%d", 1), -EIO);
	log_threshold = LOG_INFO;
}

static void a_dialogue(void **state)
{
	char *argv[] = { "sh", "-c", "echo ready; read x; echo got $x", NULL }, line[32];
	struct proc p;

	(void)state;
	assert_int_equal(proc_start(&p, argv, &piped), 0);
	assert_int_equal(proc_read_line(&p, line, sizeof(line), 5000), 0);
	assert_string_equal(line, "ready");
	assert_int_equal(proc_read_line(&p, line, sizeof(line), 20), -ETIMEDOUT);
	assert_int_equal(proc_wait(&p, 20), -ETIMEDOUT);
	assert_int_equal(write(p.in, "it\n", 3), 3);
	assert_int_equal(proc_wait(&p, 5000), 0);
	/* What it wrote can be read after its end. */
	assert_int_equal(proc_read_line(&p, line, sizeof(line), 1000), 0);
	assert_string_equal(line, "got it");
	assert_int_equal(proc_read_line(&p, line, sizeof(line), 1000), -EPIPE);
	proc_close(&p);
	assert_int_equal(p.out, -1);
}

static void stopping(void **state)
{
	char *argv[] = { "sleep", "1000", NULL };
	struct proc p;
	pid_t pid;

	(void)state;
	assert_int_equal(proc_start(&p, argv, &piped), 0);
	pid = p.pid;
	proc_stop(&p);
	assert_int_equal(p.pid, 0);
	assert_int_equal(kill(pid, 0), -1);
	proc_stop(&p);
}

/* A child dies with the parent that started it, even when that one is killed. */
static void no_orphans(void **state)
{
	char *argv[] = { "sleep", "1000", NULL };
	int fds[2], i;
	struct proc p;
	pid_t middle, grandchild = 0;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	middle = fork();
	if (middle == 0) {
		if (proc_start(&p, argv, &piped) || write(fds[1], &p.pid, sizeof(p.pid)) < 0)
			_exit(1);
		pause();
	}
	assert_int_equal(read(fds[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	assert_int_equal(kill(grandchild, 0), 0);
	kill(middle, SIGKILL);
	waitpid(middle, NULL, 0);
	for (i = 0; i < 500 && !kill(grandchild, 0); i++) {
		char path[64], text[128] = "";
		FILE *f;

		/* Whoever adopts it may be slow to reap: a zombie is dead. */
		snprintf(path, sizeof(path), "/proc/%d/stat", grandchild);
		f = fopen(path, "r");
		if (f && fgets(text, sizeof(text), f) && strstr(text, ") Z"))
			i = 1000;
		if (f)
			fclose(f);
		usleep(10000);
	}
	assert_true(i != 500);
	close(fds[0]);
	close(fds[1]);
}

static void argument_vectors(void **state)
{
	struct args a = { .n = 0 };
	int i;

	(void)state;
	args_words(&a, "-machine  q35 ");
	args_add(&a, "-m %d", 256);
	assert_int_equal(a.n, 3);
	assert_string_equal(a.v[1], "q35");
	assert_string_equal(a.v[2], "-m 256");
	assert_null(a.v[3]);
	for (i = 3; i < ARGS_MAX; i++)
		args_add(&a, "x");
	assert_int_equal(args_ok(&a), 0);
	args_add(&a, "one too many");
	assert_int_equal(args_ok(&a), -E2BIG);
	args_free(&a);
	assert_int_equal(a.n, 0);
}

static void files(void **state)
{
	char dir[] = "/tmp/exitlab-fs-test.XXXXXX", path[128], text[8] = "";
	struct stat st;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a/b/c", dir);
	assert_int_equal(make_dirs(path), 0);
	assert_int_equal(make_dirs(path), 0);
	snprintf(path, sizeof(path), "%s/a/b/file", dir);
	assert_int_equal(write_whole(path, "old", 3), 0);
	assert_int_equal(write_whole(path, "new", 3), 0);
	f = fopen(path, "r");
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, "new");
	assert_int_equal(write_whole("/nonexistent/x", "y", 1), -ENOENT);
	assert_int_equal(remove_tree(dir), 0);
	assert_int_equal(stat(dir, &st), -1);
	assert_int_equal(remove_tree(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_and_status),
		cmocka_unit_test(a_program_that_is_not_there),
		cmocka_unit_test(a_dialogue),
		cmocka_unit_test(stopping),
		cmocka_unit_test(no_orphans),
		cmocka_unit_test(argument_vectors),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
