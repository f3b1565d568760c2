// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/util/log.c */
/* What becomes of libbpf's messages: one line of each with -v, all of it with -vv. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/bpf_log.h"

static void say(enum libbpf_print_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	bpf_log(level, fmt, ap);
	va_end(ap);
}

/* What a message of a verifier with @lines lines puts on stderr. free() */
static char *printed(enum log_level threshold, enum libbpf_print_level level, int lines)
{
	char *log = calloc((size_t)lines + 1, 32), *out = calloc((size_t)lines + 4, 48);
	int i, real = dup(STDERR_FILENO);
	FILE *f = tmpfile();

	for (i = 0; i < lines; i++)
		sprintf(log + strlen(log), "%d: (b7) r0 = %d\n", i, i);
	log_threshold = threshold;
	fflush(stderr);
	dup2(fileno(f), STDERR_FILENO);
	say(level, "libbpf: prog '%s': -- BEGIN PROG LOAD LOG --\n%s-- END PROG LOAD LOG --\n", "x",
	    log);
	fflush(stderr);
	dup2(real, STDERR_FILENO);
	close(real);
	rewind(f);
	assert_true(fread(out, 1, ((size_t)lines + 4) * 48 - 1, f) < ((size_t)lines + 4) * 48 - 1);
	fclose(f);
	free(log);
	log_threshold = LOG_INFO;
	return out;
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static void test_nothing(void **state)
{
	char *t = printed(LOG_INFO, LIBBPF_WARN, 3);

	(void)state;
	assert_string_equal(t, "");
	free(t);
	t = printed(LOG_VERBOSE, LIBBPF_DEBUG, 3);
	assert_string_equal(t, "");
	free(t);
}

static void test_first_line(void **state)
{
	char *t = printed(LOG_VERBOSE, LIBBPF_WARN, 3);

	(void)state;
	assert_string_equal(t, "exitlab: libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n");
	free(t);
}

static void test_all_lines(void **state)
{
	char *t = printed(LOG_DEBUG, LIBBPF_WARN, 5000);

	(void)state;
	assert_int_equal(count(t, "\n"), 5002);
	assert_int_equal(count(t, "exitlab: "), 5002);
	assert_non_null(strstr(t, "exitlab: 4999: (b7) r0 = 4999\nexitlab: -- END PROG LOAD LOG --\n"));
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_first_line),
		cmocka_unit_test(test_all_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
