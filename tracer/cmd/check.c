// SPDX-License-Identifier: GPL-2.0
/*
 * exitlab check: the regression gate. It reads a baseline and records, or runs the scenario first,
 * and its exit status is the answer. What takes care: whatever goes wrong on the way must neither
 * look like a pass nor like a regression, also in the files for CI systems.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/baseline.h"
#include "analyze/gate.h"
#include "analyze/gate_out.h"
#include "analyze/record.h"
#include "cmd/cmd.h"
#include "run/scenario_msg.h"
#include "util/fs.h"
#include "util/log.h"

static const char usage[] =
"Usage: exitlab check [OPTION...] BASELINE RESULTS...\n"
"       exitlab check [OPTION...] --run SCENARIO.yaml BASELINE\n"
"\n"
"Compares exits, interrupts and notifications per unit of work with a baseline\n"
"that `exitlab baseline` wrote. RESULTS are run records, or folders with them.\n"
"\n"
"      --run FILE         run this scenario first, and check its records\n"
"  -o, --output DIR       with --run: results folder (default: results/SCENARIO)\n"
"      --only POINT       check (and run) this point only\n"
"      --partial          points or workloads without a record are no failure\n"
"      --any-scenario     the records may be of a scenario of another name\n"
"      --exact            counts must be equal whatever they were made on\n"
"      --min-effect PCT   smallest difference that counts (default: 0 on the\n"
"                         baseline's testbed, 5 on another, 2 with repeats)\n"
"      --confidence PCT   of a statistical comparison (default: 99)\n"
"      --improvement=fail an improvement fails too, so that the baseline is updated\n"
"      --json             print JSON instead of text\n"
"      --junit FILE       write JUnit XML as well\n"
"  -q, --quiet            print nothing if it passes\n"
"  -h, --help             this text\n"
"\n"
"With --run also these, as in exitlab-run(1):\n"
"      --jobs N\n"
"      --again\n"
"      --no-snapshot\n"
"      --timeout S\n"
"      --kernel PKG\n"
"      --guest-kernel PKG\n"
"      --modules DIR\n"
"      --qemu BIN\n"
"      --qemu-share DIR\n"
"\n"
"Exit status: 0 pass; 1 regression; 2 undecided, or unusable records, baseline or\n"
"arguments; 4 this host cannot run it; 130 interrupted. See exitlab-check(1).\n"
"\n"
"Example: exitlab check scenarios/demo.baseline results/demo\n";

struct options {
	struct gate_options gate;
	const char *run, *output, *junit, *baseline;
	bool json, quiet, improvement_fails;
	/* Options of exitlab run, passed on as they are. */
	char *for_run[32];
	int nr_for_run;
};

/* Values of getopt_long() for the options of exitlab run: FOR_RUN + place in this list. */
#define FOR_RUN 1000
static const struct {
	const char *option;
	int has_value;
} of_run[] = {
	{ "--jobs", required_argument }, { "--again", no_argument },
	{ "--no-snapshot", no_argument }, { "--timeout", required_argument },
	{ "--kernel", required_argument }, { "--guest-kernel", required_argument },
	{ "--modules", required_argument }, { "--qemu", required_argument },
	{ "--qemu-share", required_argument },
};
#define NR_OF_RUN (sizeof(of_run) / sizeof(of_run[0]))

static int pass_on(int which, struct options *o)
{
	const int room = (int)(sizeof(o->for_run) / sizeof(o->for_run[0]));

	if (o->nr_for_run + 2 > room) {
		err("check: too many options of exitlab run");
		return -EINVAL;
	}
	o->for_run[o->nr_for_run++] = (char *)of_run[which].option;
	if (of_run[which].has_value)
		o->for_run[o->nr_for_run++] = optarg;
	return 0;
}

static int percent(const char *name, const char *text, double min, double max, double *out)
{
	char *end;
	double v = strtod(text, &end);

	if (*end || end == text || !isfinite(v) || v < min || v > max) {
		err("%s %s: not a number from %g to %g", name, text, min, max);
		return -EINVAL;
	}
	*out = v;
	return 0;
}

static int improvement(const char *text, bool *fails)
{
	*fails = !strcmp(text, "fail");
	if (*fails || !strcmp(text, "pass"))
		return 0;
	err("--improvement=%s: either fail or pass", text);
	return -EINVAL;
}

static int one_option(int c, struct options *o)
{
	if (c >= FOR_RUN)
		return pass_on(c - FOR_RUN, o);
	switch (c) {
	case 'r':
		o->run = optarg;
		return 0;
	case 'o':
		o->output = optarg;
		return 0;
	case 'n':
		o->gate.only = optarg;
		return 0;
	case 'p':
		o->gate.partial = true;
		return 0;
	case 'a':
		o->gate.any_scenario = true;
		return 0;
	case 'e':
		o->gate.exact = true;
		return 0;
	case 'm':
		return percent("--min-effect", optarg, 0, 1000, &o->gate.min_effect);
	case 'c':
		return percent("--confidence", optarg, 50, 99.9999, &o->gate.confidence);
	case 'i':
		return improvement(optarg, &o->improvement_fails);
	case 'j':
		o->json = true;
		return 0;
	case 'x':
		o->junit = optarg;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case 'h':
		fputs(usage, stdout);
		return 1;
	default:
		fputs("Try: exitlab check --help\n", stderr);
		return -EINVAL;
	}
}

static const struct option own_options[] = {
	{ "run", required_argument, NULL, 'r' }, { "output", required_argument, NULL, 'o' },
	{ "only", required_argument, NULL, 'n' }, { "partial", no_argument, NULL, 'p' },
	{ "any-scenario", no_argument, NULL, 'a' }, { "exact", no_argument, NULL, 'e' },
	{ "min-effect", required_argument, NULL, 'm' },
	{ "confidence", required_argument, NULL, 'c' },
	{ "improvement", required_argument, NULL, 'i' },
	{ "json", no_argument, NULL, 'j' }, { "junit", required_argument, NULL, 'x' },
	{ "quiet", no_argument, NULL, 'q' }, { "help", no_argument, NULL, 'h' },
};
#define NR_OWN (sizeof(own_options) / sizeof(own_options[0]))

/* Negative errno if the command line is wrong, 1 if help was asked for. */
static int parse_options(int argc, char **argv, struct options *o)
{
	struct option longs[NR_OWN + NR_OF_RUN + 1] = { 0 };
	size_t i;
	int c, rc;

	memcpy(longs, own_options, sizeof(own_options));
	for (i = 0; i < NR_OF_RUN; i++)
		longs[NR_OWN + i] = (struct option){ of_run[i].option + 2, of_run[i].has_value,
						     NULL, FOR_RUN + (int)i };
	optind = 0;
	while ((c = getopt_long(argc, argv, "o:qh", longs, NULL)) != -1) {
		rc = one_option(c, o);
		if (rc)
			return rc;
	}
	if (o->gate.exact && o->gate.min_effect >= 0)
		err("--exact and --min-effect: give one of them");
	else if (optind == argc)
		err("check: which baseline? (such as scenarios/demo.baseline; see exitlab check --help)");
	else if (!o->run && optind + 1 == argc)
		err("check: which results? (such as results/demo, or --run SCENARIO.yaml)");
	else if (o->run && optind + 1 != argc)
		err("check: with --run, no results are given but the baseline alone");
	else if (o->nr_for_run && !o->run)
		err("%s: only with --run; it is an option of exitlab run", o->for_run[0]);
	else if (o->output && !o->run)
		err("--output: only with --run; results to check are given without an option");
	else
		return 0;
	return -EINVAL;
}

/* Runs the scenario. Its results folder in @dir. EX_OK, or the status to end with. */
static int run_first(const struct options *o, char *dir, size_t n)
{
	char *args[8 + sizeof(o->for_run) / sizeof(o->for_run[0])] = { "run", "-o", dir };
	const char *slash = strrchr(o->run, '/'), *name = slash ? slash + 1 : o->run;
	size_t len = strlen(name);
	int argc = 3, status;

	if (len > 5 && !strcmp(name + len - 5, ".yaml"))
		len -= 5;
	if (o->output)
		snprintf(dir, n, "%s", o->output);
	else
		snprintf(dir, n, "results/%.*s", (int)len, name);
	if (o->gate.only) {
		args[argc++] = "--only";
		args[argc++] = (char *)o->gate.only;
	}
	memcpy(args + argc, o->for_run, (size_t)o->nr_for_run * sizeof(o->for_run[0]));
	argc += o->nr_for_run;
	args[argc++] = "--";
	args[argc++] = (char *)o->run;
	optind = 0;
	status = cmd_run(argc, args);
	/* A run that failed is no regression: there is nothing to judge. */
	return status == EX_FAIL ? EX_INPUT : status;
}

/* Is this a record of the point, "NAME" or "NAME#2"? */
static bool is_of_point(const struct record *r, const char *point)
{
	size_t len = strlen(point);

	return !strncmp(r->id, point, len) && (!r->id[len] || r->id[len] == '#');
}

/* Leaves the records of one point: others in the folder may be of another time. */
static void keep_only(struct records *rs, const char *point)
{
	size_t kept = 0, i;

	for (i = 0; i < rs->n; i++) {
		if (is_of_point(&rs->list[i], point)) {
			rs->list[kept++] = rs->list[i];
			continue;
		}
		free(rs->list[i].path);
		json_decref(rs->list[i].root);
	}
	rs->n = kept;
}

/* Reads and compares. 0, -EINVAL (told on @told) or -ENOMEM. */
static int compare(const struct options *o, char *const *paths, int n, FILE *told, struct gate *g)
{
	struct records rs = { 0 };
	json_t *base = NULL, *now = NULL;
	int rc = baseline_load(o->baseline, told, &base), i;

	for (i = 0; i < n && !rc; i++)
		rc = records_add(&rs, paths[i], told);
	if (!rc && rs.bad)
		rc = -EINVAL;
	if (!rc && o->gate.only)
		keep_only(&rs, o->gate.only);
	if (!rc && !rs.n) {
		fprintf(told, "%s: no record of point %s (--only)\n", paths[0],
			o->gate.only ? sc_quote(o->gate.only).s : "");
		rc = -EINVAL;
	}
	records_sort(&rs);
	if (!rc)
		rc = baseline_of_records(&rs, told, &now);
	if (!rc)
		rc = gate_compare(base, now, &o->gate, told, g);
	json_decref(base);
	json_decref(now);
	records_free(&rs);
	return rc;
}

static int status_of(const struct options *o, const struct gate *g)
{
	if (g->verdict == GATE_REGRESSION)
		return EX_FAIL;
	/* An improvement of one workload must not hide behind what is undecided at another. */
	for (size_t i = 0; i < g->n && o->improvement_fails; i++) {
		if (g->loads[i].verdict == GATE_IMPROVEMENT)
			return EX_FAIL;
	}
	return g->verdict >= GATE_UNDECIDED ? EX_INPUT : EX_OK;
}

static void print_json(json_t *j)
{
	if (!j || json_dumpf(j, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(15)))
		err("no JSON: out of memory");
	printf("\n");
	json_decref(j);
}

/* @g is NULL if nothing could be compared; then @why is a line that says why. */
static int write_junit(const struct options *o, const struct gate *g, const char *why)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int rc = 0;

	if (!f)
		return -ENOMEM;
	if (g)
		gate_junit(f, g, o->improvement_fails);
	else
		gate_junit_unusable(f, "exitlab", why);
	if (fclose(f))
		rc = -ENOMEM;
	if (!rc)
		rc = write_whole(o->junit, text, len);
	if (rc)
		err("%s: %s", o->junit, strerror(-rc));
	free(text);
	return rc;
}

static int report(const struct options *o, const struct gate *g, int status)
{
	if (o->json)
		print_json(gate_json(g, status));
	else if (status || !o->quiet)
		gate_text(stdout, g);
	if (o->junit && write_junit(o, g, NULL) && status != EX_FAIL)
		status = EX_INPUT;
	return status;
}

static int report_unusable(const struct options *o, const char *why, int status)
{
	char *line = strndup(why, strcspn(why, "\n"));
	json_t *text = line ? json_string(line) : NULL;

	/* A file's name may be no UTF-8. */
	if (!text)
		text = json_string("see the messages");
	if (o->json)
		print_json(json_pack("{s:s, s:s, s:i, s:O}", "schema", "exitlab-check/1", "verdict",
				     "unusable", "status", status, "why", text));
	json_decref(text);
	if (o->junit)
		write_junit(o, NULL, line ? line : "");
	free(line);
	return status;
}

static int check(const struct options *o, char *const *paths, int n)
{
	struct gate g = { 0 };
	char *why = NULL;
	size_t len;
	FILE *told = open_memstream(&why, &len);
	int rc = told ? compare(o, paths, n, told, &g) : -ENOMEM, status;

	if (told)
		fclose(told);
	if (why)
		fputs(why, stderr);
	if (rc == -ENOMEM)
		err("out of memory");
	if (rc)
		status = report_unusable(o, why && *why ? why : "out of memory", EX_INPUT);
	else
		status = report(o, &g, status_of(o, &g));
	gate_free(&g);
	free(why);
	return status;
}

int cmd_check(int argc, char **argv)
{
	struct options o = { .gate = { .min_effect = -1, .confidence = GATE_CONFIDENCE } };
	char dir[PATH_MAX], *paths[1] = { dir };
	int rc = parse_options(argc, argv, &o), first = optind, status;

	if (rc)
		return rc < 0 ? EX_INPUT : EX_OK;
	o.baseline = argv[first];
	if (!o.run)
		return check(&o, argv + first + 1, argc - first - 1);
	status = run_first(&o, dir, sizeof(dir));
	if (status == EX_OK)
		return check(&o, paths, 1);
	return report_unusable(&o, status == EX_CANNOT ? "this host cannot run the scenario" :
			       status == EX_INTERRUPTED ? "interrupted" :
			       "the scenario could not be run; see the messages", status);
}
