// SPDX-License-Identifier: GPL-2.0
/*
 * exitlab point: the inside of the emulated host. Takes a point from the mailbox, runs it on this
 * host and puts the record back. What goes wrong is put there as one line; details go to stderr,
 * which is the machine's console and ends up in the log.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "cmd/cmd.h"
#include "run/mailbox.h"
#include "run/point.h"
#include "util/clock.h"
#include "util/log.h"

static void phase(const char *text, void *arg)
{
	mailbox_set_phase(arg, clock_ns(), text);
}

static int respond(struct mailbox *m, const json_t *record)
{
	char *text = json_dumps(record, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
	int ret = text ? mailbox_put_response(m, MAILBOX_DONE, text) : -ENOMEM;

	free(text);
	return ret;
}

static int run_request(struct mailbox *m, const char *text)
{
	static const struct lab lab = {
		.qemu = "/bin/qemu-l1", .share = "/lab/share", .kernel = "/lab/vmlinux",
		.initrd = "/lab/l2.cpio", .run_dir = "/run/exitlab",
	};
	struct scenario *sc = NULL;
	struct sc_point *pt = NULL;
	json_t *request, *record = NULL;
	json_error_t e;
	int ret;

	request = json_loads(text, 0, &e);
	ret = request ? sc_point_from_json(request, &sc, &pt, stderr) : -EINVAL;
	if (ret)
		err("the request is unusable: %s", request ? strerror(-ret) : e.text);
	if (!ret && mkdir(lab.run_dir, 0755) && errno != EEXIST)
		ret = -errno;
	if (!ret)
		ret = point_run(sc, pt, &lab, phase, m, &record);
	if (!ret)
		ret = respond(m, record);
	json_decref(record);
	json_decref(request);
	if (pt)
		scenario_points_free(pt, 1);
	scenario_free(sc);
	return ret;
}

int cmd_point(int argc, char **argv)
{
	static const struct option opts[] = {
		{ "mailbox", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *path = NULL;
	struct mailbox *m;
	char *text = NULL;
	int c, ret;

	while ((c = getopt_long(argc, argv, "h", opts, NULL)) != -1) {
		if (c == 'm') {
			path = optarg;
		} else {
			fprintf(c == 'h' ? stdout : stderr,
				"Usage: exitlab point --mailbox FILE|auto\n"
				"Runs one point on this host; used inside the emulated host.\n");
			return c == 'h' ? EX_OK : EX_INPUT;
		}
	}
	if (!path) {
		err("exitlab point needs --mailbox");
		return EX_INPUT;
	}
	ret = mailbox_open(path, &m);
	if (ret) {
		err("no mailbox at '%s': %s", path, strerror(-ret));
		return EX_INPUT;
	}
	ret = mailbox_take_request(m, &text);
	if (ret)
		err("no request in the mailbox");
	else
		ret = run_request(m, text);
	if (ret) {
		char why[600];

		snprintf(why, sizeof(why), "inside the emulated host: %s",
			 log_last_error()[0] ? log_last_error() : strerror(-ret));
		mailbox_put_response(m, MAILBOX_FAILED, why);
	}
	free(text);
	mailbox_close(m);
	return ret ? EX_FAIL : EX_OK;
}
