// SPDX-License-Identifier: GPL-2.0
/* exitlab run: scenario file in, run records out. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "run/costs.h"
#include "run/session.h"
#include "util/datadir.h"
#include "util/log.h"

static void help(FILE *out)
{
	fputs("Usage: exitlab run [OPTION...] SCENARIO.yaml\n"
	      "Runs every point of a scenario file and writes one run record each.\n\n"
	      "Points that already have a complete record of this scenario, made on this testbed, are\n"
	      "not run again, so an interrupted run goes on where it stopped.\n\n"
	      "  -o, --output DIR   results folder (default: results/SCENARIO)\n"
	      "  -j, --jobs N       points at a time (default: as CPUs and memory allow)\n"
	      "      --again        if all points are complete, measure them anew; the old records\n"
	      "                     move to DIR/previous\n"
	      "      --no-snapshot  boot every point's machine anew instead of starting from a saved one\n"
	      "      --only POINT   run this point only; may be given several times\n"
	      "      --timeout S    longest wall time of a point in seconds (default: 1800)\n"
	      "      --check        check the file and stop\n"
	      "      --list         print the points and stop\n"
	      "  -h, --help         this text\n\n"
	      "What to test instead of the testbed's own (see docs/bisect.md):\n"
	      "      --kernel PKG   kernel of the emulated host: a linux-image .deb file, or a release\n"
	      "                     that apt knows, such as 6.1.0-56-amd64\n"
	      "      --modules DIR  folder with *.ko for the host in place of those of the same name\n"
	      "      --qemu BIN     the qemu-system-x86_64 that runs the guests\n"
	      "      --qemu-share DIR    its firmware (default: ours)\n"
	      "      --guest-kernel PKG  kernel of the guests; --kernel does not change it\n\n"
	      "Exit status: 0 all points complete, 1 a point failed, 2 unusable scenario, folder or\n"
	      "set-up, 4 this machine cannot run it, 130 interrupted. See exitlab-run(1) and exitlab-scenario(5).\n", out);
}

struct run_args {
	struct session_opts session;
	struct testbed_opts testbed;
	const char *output, **only;
	size_t nr_only;
	bool check, list;
};

static int number_arg(const char *name, const char *text, int max, int *out)
{
	char *end;
	long v = strtol(text, &end, 10);

	if (*end || end == text || v < 1 || v > max) {
		err("%s: '%s' is not a number from 1 to %d", name, text, max);
		return -EINVAL;
	}
	*out = (int)v;
	return 0;
}

/* The options that say what to test. False: @c is none of them. */
static bool testbed_arg(struct testbed_opts *o, int c, const char *value)
{
	switch (c) {
	case 'K':
		o->kernel = value;
		return true;
	case 'G':
		o->guest_kernel = value;
		return true;
	case 'M':
		o->modules = value;
		return true;
	case 'Q':
		o->qemu = value;
		return true;
	case 'S':
		o->qemu_share = value;
		return true;
	}
	return false;
}

/* Returns -1 to go on, else the status to end with. */
static int parse_args(int argc, char **argv, struct run_args *a)
{
	static const struct option opts[] = {
		{ "output", required_argument, NULL, 'o' }, { "jobs", required_argument, NULL, 'j' },
		{ "again", no_argument, NULL, 'a' },	{ "only", required_argument, NULL, 'n' },
		{ "timeout", required_argument, NULL, 't' }, { "check", no_argument, NULL, 'c' },
		{ "no-snapshot", no_argument, NULL, 's' },
		{ "list", no_argument, NULL, 'l' },	{ "help", no_argument, NULL, 'h' },
		{ "kernel", required_argument, NULL, 'K' },
		{ "guest-kernel", required_argument, NULL, 'G' },
		{ "modules", required_argument, NULL, 'M' },
		{ "qemu", required_argument, NULL, 'Q' },
		{ "qemu-share", required_argument, NULL, 'S' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "o:j:h", opts, NULL)) != -1) {
		switch (c) {
		case 'o':
			a->output = optarg;
			break;
		case 'j':
			if (number_arg("--jobs", optarg, 64, &a->session.jobs))
				return EX_INPUT;
			break;
		case 'a':
			a->session.again = true;
			break;
		case 'n':
			a->only[a->nr_only++] = optarg;
			break;
		case 't':
			if (number_arg("--timeout", optarg, 1000000, &a->session.timeout_s))
				return EX_INPUT;
			break;
		case 'c':
			a->check = true;
			break;
		case 's':
			a->session.no_snapshot = true;
			break;
		case 'l':
			a->list = true;
			break;
		case 'h':
			help(stdout);
			return EX_OK;
		default:
			if (!testbed_arg(&a->testbed, c, optarg))
				return EX_INPUT;
		}
	}
	if (optind + 1 != argc) {
		err("exitlab run needs one scenario file; see 'exitlab run --help'");
		return EX_INPUT;
	}
	return -1;
}

/* Moves the points of these names to the front; their number goes to @chosen. */
static int select_points(struct sc_point *points, size_t n, const struct run_args *a,
			 size_t *chosen)
{
	struct sc_point p;
	size_t i, k = 0, o;

	for (o = 0; o < a->nr_only; o++) {
		for (i = 0; i < n && strcmp(points[i].id, a->only[o]) != 0; i++)
			;
		if (i == n) {
			err("--only: the scenario has no point '%s'; --list prints them", a->only[o]);
			return -ENOENT;
		}
		if (i < k)
			continue;	/* named twice */
		p = points[i];
		points[i] = points[k];
		points[k++] = p;
	}
	*chosen = k;
	return 0;
}

/* Where a set's file is: beside the scenario if that names one, else the one that comes along. */
static int costs_path(const struct scenario *sc, const struct costs_ref *ref, char *buf,
		      size_t size)
{
	const char *slash = strrchr(sc->path, '/');
	char data[PATH_MAX];

	if (ref->file[0] == '/' || (ref->file[0] && !slash))
		return snprintf(buf, size, "%s", ref->file) < (int)size ? 0 : -ENAMETOOLONG;
	if (ref->file[0])
		return snprintf(buf, size, "%.*s/%s", (int)(slash - sc->path), sc->path,
				ref->file) < (int)size ? 0 : -ENAMETOOLONG;
	if (datadir(data, sizeof(data))) {
		err("exitlab's data folder is not in %s; set EXITLAB_DATA to the folder with testbed/ and plots/",
		    data);
		return -ENOENT;
	}
	return snprintf(buf, size, "%s/testbed/costs.yaml", data) < (int)size ? 0 : -ENAMETOOLONG;
}

/* Reads the costs of every point, so that a mistake shows before anything starts. */
static int load_costs(const struct scenario *sc, struct sc_point *points, size_t n)
{
	struct costs_ref ref;
	char path[PATH_MAX];
	size_t i;
	int ret;

	for (i = 0; i < n; i++) {
		if (!points[i].costs)
			continue;
		/* Points come in runs of the same costs. */
		if (i && points[i - 1].costs && !strcmp(points[i - 1].costs, points[i].costs)) {
			points[i].cost = points[i - 1].cost;
			continue;
		}
		ret = costs_ref_parse(points[i].costs, &ref);
		if (!ret)
			ret = costs_path(sc, &ref, path, sizeof(path));
		if (!ret)
			ret = costs_load(path, &ref, stderr, &points[i].cost);
		if (ret)
			return ret;
	}
	return 0;
}

/* What modelled time is made of belongs before the reader's eyes. */
static void show_costs(const struct sc_point *points, size_t n)
{
	const struct costs *c;
	char text[256];
	size_t i;

	for (i = 0; i < n; i++) {
		c = &points[i].cost;
		if (!c->name[0] || (i && !strcmp(points[i - 1].cost.name, c->name)))
			continue;
		costs_icount(c, text, sizeof(text));
		info("costs %s (%s): %s", c->name, c->file, text[0] ? text + 1 : "none");
	}
}

/* What no set-up can change. True if the emulated testbed can be made here. */
static bool able(void)
{
	struct utsname u;

	if (!uname(&u) && strcmp(u.machine, "x86_64")) {
		err("the emulated testbed is built of packages for x86-64; this machine is %s", u.machine);
		return false;
	}
	if (geteuid()) {
		err("exitlab run must be root: images of the emulated testbed hold device nodes; try sudo");
		return false;
	}
	return true;
}

static int run_points(const struct scenario *sc, struct sc_point *points, size_t n,
		      const struct run_args *a)
{
	char dir[PATH_MAX];
	struct testbed t;
	struct results r;
	int ret;

	snprintf(dir, sizeof(dir), a->output ? "%s" : "results/%s", a->output ? a->output : sc->name);
	if (!able())
		return EX_CANNOT;
	if (results_open(&r, dir))
		return EX_INPUT;
	session_catch_signals();
	show_costs(points, n);
	ret = testbed_prepare(&t, &a->testbed);
	if (!ret)
		ret = session_run(sc, points, n, &t, &r, &a->session);
	else if (ret == -EINTR)
		err("interrupted before the testbed was complete; the next run goes on with it");
	if (ret < 0)
		ret = ret == -EINTR ? EX_INTERRUPTED : EX_INPUT;
	testbed_release(&t);
	results_close(&r);
	return ret;
}

int cmd_run(int argc, char **argv)
{
	struct run_args a = { .session.timeout_s = 1800 };
	struct scenario *sc = NULL;
	struct sc_point *points = NULL;
	size_t n = 0, nr_chosen, i;
	int ret;

	a.only = calloc((size_t)argc, sizeof(*a.only));	/* fewer than arguments */
	if (!a.only)
		return EX_FAIL;
	ret = parse_args(argc, argv, &a);
	if (ret >= 0)
		goto out;
	ret = scenario_load(argv[optind], stderr, &sc);
	if (ret) {
		if (ret != -EINVAL)
			err("cannot read %s: %s", argv[optind], strerror(-ret));
		ret = EX_INPUT;
		goto out;
	}
	ret = scenario_points(sc, &points, &n);
	nr_chosen = n;
	if (ret) {
		err("%s: no memory for its points", sc->path);
		ret = EX_FAIL;
	} else if (load_costs(sc, points, n)) {
		ret = EX_INPUT;
	} else if (a.list || a.check) {
		for (i = 0; a.list && i < n; i++)
			printf("%s\n", points[i].id);
		if (a.check)
			info("%s is correct: %zu points", sc->path, n);
		ret = EX_OK;
	} else if (a.nr_only && select_points(points, n, &a, &nr_chosen)) {
		ret = EX_INPUT;
	} else {
		a.testbed.nr_more = scenario_kernels(sc, a.testbed.more_kernels);
		ret = run_points(sc, points, nr_chosen, &a);
	}
	scenario_points_free(points, n);
	scenario_free(sc);
out:
	free(a.only);
	return ret;
}
