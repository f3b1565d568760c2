// SPDX-License-Identifier: GPL-2.0
/*
 * exitlab-point: the inside of the emulated host. Takes two requests from the mailbox, the shape of
 * a point and then the point, runs it on this host and puts the record back. Before each request
 * the machine stands still and can be saved. What goes wrong is put there as one line; details go
 * to stderr, which is the machine's console and ends up in the log.
 *
 * It is a program of its own so that what only reads or prints records can change without changing
 * the image, and with it every count.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

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

struct request {
	struct scenario *sc;
	struct sc_point *pt;
};

static int next_request(struct mailbox *m, struct request *r)
{
	char *text = NULL;
	json_t *j = NULL;
	json_error_t e;
	int ret = mailbox_next_request(m, &text);

	if (ret) {
		err("no request in the mailbox: %s", strerror(-ret));
		return ret;
	}
	j = json_loads(text, 0, &e);
	ret = j ? sc_point_from_json(j, &r->sc, &r->pt, stderr) : -EINVAL;
	if (ret)
		err("the request is unusable: %s", j ? strerror(-ret) : e.text);
	json_decref(j);
	free(text);
	return ret;
}

static void free_request(struct request *r)
{
	if (r->pt)
		scenario_points_free(r->pt, 1);
	scenario_free(r->sc);
}

static int run_requests(struct mailbox *m)
{
	static const struct lab lab = {
		.qemu = "/bin/qemu-l1", .share = "/lab/share", .kernel = "/lab/vmlinux",
		.initrd = "/lab/l2.cpio", .kernels = "/lab/kernels", .run_dir = "/run/exitlab",
	};
	struct request shape = { 0 }, work = { 0 };
	struct point *p = NULL;
	json_t *record = NULL;
	int ret = next_request(m, &shape);

	if (!ret && mkdir(lab.run_dir, 0755) && errno != EEXIST)
		ret = -errno;
	if (!ret)
		ret = point_prepare(shape.pt, &lab, phase, m, &p);
	if (!ret)
		ret = next_request(m, &work);
	if (!ret)
		ret = point_measure(p, work.sc, work.pt, &record);
	/* First of all: who gets it ends the emulated machine and does not wait for the rest. */
	if (!ret)
		ret = respond(m, record);
	point_end(p);
	json_decref(record);
	free_request(&work);
	free_request(&shape);
	return ret;
}

int main(int argc, char **argv)
{
	static const struct option opts[] = {
		{ "mailbox", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *path = NULL;
	struct mailbox *m;
	int c, ret;

	while ((c = getopt_long(argc, argv, "h", opts, NULL)) != -1) {
		if (c == 'm') {
			path = optarg;
		} else {
			fprintf(c == 'h' ? stdout : stderr,
				"Usage: exitlab-point --mailbox FILE|auto\n"
				"Runs one point on this host; used inside the emulated host.\n");
			return c == 'h' ? EX_OK : EX_INPUT;
		}
	}
	if (!path) {
		err("exitlab-point needs --mailbox");
		return EX_INPUT;
	}
	ret = mailbox_open(path, &m);
	if (ret) {
		err("no mailbox at '%s': %s", path, strerror(-ret));
		return EX_INPUT;
	}
	ret = run_requests(m);
	if (ret) {
		char why[600];

		snprintf(why, sizeof(why), "inside the emulated host: %s",
			 log_last_error()[0] ? log_last_error() : strerror(-ret));
		mailbox_put_response(m, MAILBOX_FAILED, why);
	}
	mailbox_close(m);
	return ret ? EX_FAIL : EX_OK;
}
