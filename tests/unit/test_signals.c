// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/run/signals.c tracer/util/log.c */
/* Where virtio devices are notified, from PCI configuration space, and perf's filters for that. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "run/signals.h"

/* signals.c asks guests by this; not part of what is tested. */
int guest_run(struct guest *g, const char *cmd, char *out, size_t size)
{
	(void)g, (void)cmd, (void)out, (void)size;
	return -ENODEV;
}

/*
 * A device as the guest prints it: an MSI-X capability at 0x98, then virtio's at 0x84 (common) and
 * 0x70 (notification), in @bar at @offset.
 */
static void device(char *text, size_t size, unsigned int bar, unsigned int offset,
		   unsigned int next, const char *bar4)
{
	unsigned char c[256] = { 0 };
	size_t n = 7, i;

	c[0x06] = 0x10;
	c[0x34] = 0x98;
	c[0x98] = 0x11, c[0x99] = 0x84;
	c[0x84] = 0x09, c[0x85] = 0x70, c[0x86] = 16, c[0x87] = 1, c[0x88] = 4;
	c[0x70] = 0x09, c[0x71] = (unsigned char)next, c[0x72] = 20, c[0x73] = 2;
	c[0x74] = (unsigned char)bar;
	c[0x79] = (unsigned char)(offset >> 8);
	c[0x7d] = 0x10;		/* 0x1000 bytes */
	snprintf(text, size, "config ");
	for (i = 0; i < 256; i++)
		n += (size_t)snprintf(text + n, size - n, "%02x", c[i]);
	snprintf(text + n, size - n, "\n0x000000000000c000 0x000000000000c01f 0x0000000000040101\n"
		 "0x00000000febd1000 0x00000000febd1fff 0x0000000000040200\n"
		 "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
		 "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
		 "%s 0x0000000000000000 0x000000000014220c\n", bar4);
}

static void registers_are_found(void **state)
{
	char text[4096], filter[400];
	struct notify_range r[2];
	size_t n = 0;

	(void)state;
	device(text, sizeof(text), 4, 0x3000, 0, "0x000000fe00004000");
	/* Twice the same, as two guests alike would have it, is one range. */
	assert_int_equal(notify_ranges_parse(text, r, 2, &n), 0);
	assert_int_equal(notify_ranges_parse(text, r, 2, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(r[0].start, 0xfe00007000);
	assert_int_equal(r[0].end, 0xfe00008000);
	device(text, sizeof(text), 1, 0x200, 0, "0x000000fe00004000");
	assert_int_equal(notify_ranges_parse(text, r, 2, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(notify_filter(r, n, true, filter, sizeof(filter)), 0);
	assert_string_equal(filter, "type == 2 && ((gpa >= 0xfe00007000 && gpa < 0xfe00008000) || "
				    "(gpa >= 0xfebd1200 && gpa < 0xfebd2200))");
	assert_int_equal(notify_filter(r, 1, false, filter, sizeof(filter)), 0);
	assert_string_equal(filter, "((gpa >= 0xfe00007000 && gpa < 0xfe00008000))");
	assert_int_equal(notify_filter(r, 2, true, filter, 100), -ENOSPC);
}

static void what_is_no_device(void **state)
{
	struct notify_range r[1];
	char text[4096];
	size_t n = 0;

	(void)state;
	assert_int_equal(notify_ranges_parse("", r, 1, &n), 0);
	assert_int_equal(notify_ranges_parse("config 00ff\n", r, 1, &n), -EINVAL);
	assert_int_equal(notify_ranges_parse("config ", r, 1, &n), -EINVAL);
	/* A BAR that is not there, one that cannot be, and a cut list of BARs. */
	device(text, sizeof(text), 2, 0x3000, 0, "0x000000fe00004000");
	assert_int_equal(notify_ranges_parse(text, r, 1, &n), -EINVAL);
	device(text, sizeof(text), 9, 0x3000, 0, "0x000000fe00004000");
	assert_int_equal(notify_ranges_parse(text, r, 1, &n), -EINVAL);
	device(text, sizeof(text), 4, 0x3000, 0, "0x000000fe00004000");
	*strstr(text, "\n0x") = 0;
	assert_int_equal(notify_ranges_parse(text, r, 1, &n), -EINVAL);
	assert_int_equal(n, 0);
	/* More ranges than there is room for. */
	device(text, sizeof(text), 4, 0x3000, 0, "0x000000fe00004000");
	assert_int_equal(notify_ranges_parse(text, r, 1, &n), 0);
	device(text, sizeof(text), 4, 0x3000, 0, "0x000000fe00008000");
	assert_int_equal(notify_ranges_parse(text, r, 1, &n), -EINVAL);
}

/* Capabilities without notification whose list has no end, or leads out of the space. */
static void hostile_lists(void **state)
{
	struct notify_range r[1];
	char text[4096], *at;
	size_t n = 0;

	(void)state;
	device(text, sizeof(text), 4, 0x3000, 0x98, "0x000000fe00004000");
	at = text + 7 + 2 * 0x73;
	memcpy(at, "03", 2);	/* no notification any more; next is the first */
	assert_int_equal(notify_ranges_parse(text, r, 1, &n), 0);
	assert_int_equal(n, 0);
	memcpy(text + 7 + 2 * 0x71, "f8", 2);
	assert_int_equal(notify_ranges_parse(text, r, 1, &n), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers_are_found),
		cmocka_unit_test(what_is_no_device),
		cmocka_unit_test(hostile_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
