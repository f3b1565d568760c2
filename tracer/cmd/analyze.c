// SPDX-License-Identifier: GPL-2.0
/*
 * exitlab analyze: tables, CSV, JSON and comparisons from run records. It only reads files; what
 * it prints can be made again from old records, on any machine.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/diff.h"
#include "analyze/export.h"
#include "analyze/record.h"
#include "analyze/table.h"
#include "analyze/text.h"
#include "cmd/cmd.h"
#include "util/log.h"

static const char usage[] =
"Usage: exitlab analyze [OPTIONS] RESULTS...\n"
"       exitlab analyze --against OTHER RESULTS...\n"
"\n"
"Shows where the exits of a run came from. RESULTS are run records, or folders\n"
"with them, as `exitlab run` leaves in results/SCENARIO. For each workload a\n"
"table is printed: a column per configuration, a row per exit reason, in each\n"
"cell the exits per unit of work.\n"
"\n"
"  -n, --top N          rows before the rest is summed as \"other\" (default 12)\n"
"      --csv FILE       write every number as CSV, one per line (- is stdout)\n"
"      --json           print JSON instead of tables\n"
"      --against OTHER  compare point by point with another run's records;\n"
"                       what is volatile (wall time) is left out\n"
"  -h, --help           this text\n"
"\n"
"Exit status: 0 all is well; 1 a cross check failed or, with --against, points\n"
"differ; 2 a file could not be used (the others are still shown).\n"
"\n"
"Example: exitlab analyze results/demo\n";

struct options {
	size_t top;
	const char *csv, *against;
	bool json;
};

static int parse_top(const char *text, size_t *top)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || v < 1 || v > 1000)
		return -EINVAL;
	*top = v;
	return 0;
}

/* Negative errno if the command line is wrong, 1 if help was asked for. */
static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "top", required_argument, NULL, 'n' }, { "csv", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' }, { "against", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "n:h", longs, NULL)) != -1) {
		switch (c) {
		case 'n':
			if (!parse_top(optarg, &o->top))
				break;
			err("--top %s: not a number from 1 to 1000", optarg);
			return -EINVAL;
		case 'c':
			o->csv = optarg;
			break;
		case 'j':
			o->json = true;
			break;
		case 'a':
			o->against = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		default:
			fputs("Try: exitlab analyze --help\n", stderr);
			return -EINVAL;
		}
	}
	if (optind == argc) {
		err("analyze: which results? (such as results/demo; see exitlab analyze --help)");
		return -EINVAL;
	}
	return 0;
}

static int write_csv(const char *path, const struct table *tables, size_t n)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "we") : stdout;
	int failed;

	if (!f) {
		err("%s: %s", path, strerror(errno));
		return -EINVAL;
	}
	export_csv(f, tables, n);
	failed = f == stdout ? fflush(f) : fclose(f);
	if (failed)
		err("%s: %s", path, strerror(errno));
	return failed ? -EINVAL : 0;
}

static void print_text(const struct table *tables, size_t n, size_t top)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!tables[i].nr_cols)
			continue;
		if (!i || strcmp(tables[i].scenario, tables[i - 1].scenario)) {
			if (i)
				printf("\n");
			text_heading(stdout, tables[i].cols[0].rec);
		}
		text_table(stdout, &tables[i], top);
	}
}

static void warn_mixed(const struct records *rs)
{
	size_t i;

	for (i = 1; i < rs->n; i++) {
		const struct record *a = &rs->list[i - 1], *b = &rs->list[i];

		if (!strcmp(a->scenario, b->scenario) && strcmp(a->sha256, b->sha256))
			info("%s and %s are of different versions of scenario %s", a->path,
			     b->path, a->scenario);
	}
}

static int show(const struct records *rs, const struct options *o)
{
	struct table *tables = NULL;
	size_t n = 0, failed = 0, i;
	int status = EX_OK;
	FILE *loud;

	if (tables_build(rs, &tables, &n)) {
		err("out of memory");
		return EX_INPUT;
	}
	if (o->csv && write_csv(o->csv, tables, n))
		status = EX_INPUT;
	if (o->json) {
		json_t *j = export_json(tables, n);

		json_dumpf(j, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
		printf("\n");
		json_decref(j);
	} else if (!o->csv || strcmp(o->csv, "-")) {
		print_text(tables, n, o->top);
	}
	/* Loud on the terminal too when stdout is data for a program. */
	loud = o->json || (o->csv && !strcmp(o->csv, "-")) ? stderr : stdout;
	for (i = 0; i < n; i++)
		failed += text_failed_checks(loud, &tables[i]);
	tables_free(tables, n);
	return status ? status : failed ? EX_FAIL : EX_OK;
}

int cmd_analyze(int argc, char **argv)
{
	struct options o = { .top = 12 };
	struct records rs = { 0 }, other = { 0 };
	int status = EX_OK, rc, i;

	rc = parse_options(argc, argv, &o);
	if (rc)
		return rc < 0 ? EX_INPUT : EX_OK;
	for (i = optind; i < argc && rc >= 0; i++)
		rc = records_add(&rs, argv[i], stderr);
	if (o.against && rc >= 0)
		rc = records_add(&other, o.against, stderr);
	if (rc < 0) {
		err("out of memory");
		status = EX_INPUT;
		goto out;
	}
	records_sort(&rs);
	records_sort(&other);
	if (o.against && rs.n && other.n) {
		status = diff_records(stdout, &rs, &other) ? EX_FAIL : EX_OK;
	} else if (!o.against && rs.n) {
		warn_mixed(&rs);
		status = show(&rs, &o);
	}
	if (rs.bad || other.bad)
		status = EX_INPUT;
out:
	records_free(&rs);
	records_free(&other);
	return status;
}
