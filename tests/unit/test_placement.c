// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/run/placement.c */
/* Which pages count as a guest's: those of memory that is bound to a node. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "run/placement.h"

/* placement.c talks to guests by this; not part of what is tested. */
int guest_run(struct guest *g, const char *cmd, char *out, size_t size)
{
	(void)g, (void)cmd, (void)out, (void)size;
	return -ENODEV;
}

static json_t *parse(const char *text)
{
	FILE *f = fmemopen((void *)text, strlen(text), "r");
	json_t *o = placement_parse(f);

	fclose(f);
	return o;
}

static void bound_memory(void **state)
{
	json_t *o = parse("5555 default file=/bin/qemu-l1 mapped=900 N0=900 kernelpagesize_kB=4\n"
			  "7f01 bind:1 anon=32768 dirty=32768 N1=32768 kernelpagesize_kB=4\n"
			  "7f02 bind:1 anon=3 N0=1 N1=2 kernelpagesize_kB=4\n"
			  "7f03 default stack anon=4 N0=4 kernelpagesize_kB=4\n");

	(void)state;
	assert_int_equal(json_object_size(o), 2);
	assert_int_equal(json_integer_value(json_object_get(o, "0")), 1);
	assert_int_equal(json_integer_value(json_object_get(o, "1")), 32770);
	json_decref(o);
	o = parse("7f03 default stack anon=4 N0=4 kernelpagesize_kB=4\n");
	assert_int_equal(json_object_size(o), 0);
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(bound_memory) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
