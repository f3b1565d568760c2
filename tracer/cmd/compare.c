// SPDX-License-Identifier: GPL-2.0
/*
 * exitlab compare: two or more records, or folders of them, side by side. Like analyze it only
 * reads files.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyze/compare.h"
#include "analyze/compare_print.h"
#include "cmd/cmd.h"
#include "cmd/gnuplot.h"
#include "util/log.h"

/* More panels cannot be read on a page. */
#define MAX_PANELS 12

static const char usage[] =
"Usage: exitlab compare [OPTIONS] [LABEL=]RESULTS [LABEL=]RESULTS...\n"
"\n"
"Shows two or more runs side by side: exits per unit of work by reason, signals,\n"
"and where the vCPUs' time went, with the differences from the first. RESULTS are\n"
"run records, or folders with them. Points with equal configuration and\n"
"parameters are compared; single records are, whatever their configuration.\n"
"\n"
"  -r, --reference LABEL  differences are from this one (default: the first)\n"
"  -w, --workload NAME    only this workload\n"
"      --point ID         only this point (and its repeats)\n"
"  -n, --top N            rows before the rest is summed as \"other\" (default 12)\n"
"      --csv FILE         write every number as CSV (- is stdout)\n"
"      --json             print JSON instead of tables\n"
"      --plot BASENAME    draw BASENAME.svg and .png; the numbers (.dat) and the\n"
"                         gnuplot script (.gp) are beside them\n"
"  -h, --help             this text\n"
"\n"
"Exit status: 0 compared; 2 a file could not be used, or nothing is comparable.\n"
"\n"
"Example: exitlab compare before=old/demo after=results/demo\n"
"         exitlab compare results/demo/virtio-vhost.json results/demo/vf.json\n";

struct options {
	size_t top;
	const char *csv, *plot, *reference;
	struct compare_filter filter;
	bool json;
};

static int parse_top(const char *text, size_t *top)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || v < 1 || v > 1000) {
		err("--top %s: not a number from 1 to 1000", text);
		return -EINVAL;
	}
	*top = v;
	return 0;
}

static int parse_option(int c, struct options *o)
{
	switch (c) {
	case 'n':
		return parse_top(optarg, &o->top);
	case 'r':
		o->reference = optarg;
		return 0;
	case 'w':
		o->filter.workload = optarg;
		return 0;
	case 'i':
		o->filter.point = optarg;
		return 0;
	case 'c':
		o->csv = optarg;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case 'p':
		o->plot = optarg;
		return 0;
	case 'h':
		fputs(usage, stdout);
		return 1;
	}
	fputs("Try: exitlab compare --help\n", stderr);
	return -EINVAL;
}

/* Negative errno if the command line is wrong, 1 if help was asked for. */
static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "reference", required_argument, NULL, 'r' },
		{ "workload", required_argument, NULL, 'w' },
		{ "point", required_argument, NULL, 'i' },
		{ "top", required_argument, NULL, 'n' }, { "csv", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' }, { "plot", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	int c, rc;

	optind = 0;
	while ((c = getopt_long(argc, argv, "r:w:n:h", longs, NULL)) != -1) {
		rc = parse_option(c, o);
		if (rc)
			return rc;
	}
	if (argc - optind < 2) {
		err("compare: needs two results or more (such as old/demo results/demo; see exitlab "
		    "compare --help)");
		return -EINVAL;
	}
	if (o->json && o->csv && !strcmp(o->csv, "-")) {
		err("--json and --csv -: only one of them can be on standard output");
		return -EINVAL;
	}
	return 0;
}

/* Reads all sets. What cannot be used has been told. */
static int read_sets(char **args, struct compare_set *sets, size_t n)
{
	const char *same;
	size_t i, bad = 0;
	int rc = 0;

	for (i = 0; i < n && !rc; i++) {
		rc = compare_parse_set(args[i], !access(args[i], F_OK), &sets[i]);
		if (!rc)
			rc = records_add(&sets[i].rs, sets[i].path, stderr);
		bad += sets[i].rs.bad;
	}
	if (!rc)
		rc = compare_unique_labels(sets, n, &same);
	if (rc == -EEXIST)
		err("two of the results are called '%s'; name them (LABEL=RESULTS)", same);
	else if (rc)
		err("out of memory");
	return rc ? rc : bad ? -EINVAL : 0;
}

static int find_reference(const struct compare_set *sets, size_t n, const char *label)
{
	size_t i;

	if (!label)
		return 0;
	for (i = 0; i < n; i++) {
		if (!strcmp(sets[i].label, label))
			return i;
	}
	err("--reference %s: none of the results is called that; the first is '%s'", label,
	    sets[0].label);
	return -EINVAL;
}

static int write_csv(const struct compare *c, const char *path)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "we") : stdout;
	int failed;

	if (!f) {
		err("%s: %s", path, strerror(errno));
		return -EINVAL;
	}
	compare_csv(f, c);
	failed = f == stdout ? fflush(f) : fclose(f);
	if (failed)
		err("%s: %s", path, strerror(errno));
	return failed ? -EINVAL : 0;
}

static int plot_data(FILE *out, const void *c)
{
	return compare_plot_data(out, c);
}

static int plot_variables(FILE *out, const void *c, const char *base, const char *data)
{
	return compare_plot_variables(out, c, base, data);
}

static int draw(const struct compare *c, const char *basename)
{
	struct plot_names names;
	struct compare shown = *c;
	int rc = gnuplot_names("--plot", basename, &names);

	if (rc)
		return rc;
	if (c->n > MAX_PANELS) {
		info("the plot shows the first %d of %zu; choose with --point or --workload",
		     MAX_PANELS, c->n);
		shown.n = MAX_PANELS;
	}
	return gnuplot_draw(&names, "compare", "compare", plot_data, plot_variables, &shown);
}

static int print(const struct compare *c, const struct options *o)
{
	json_t *j;
	int rc = 0;

	if (o->json) {
		j = compare_json(c);
		rc = j ? json_dumpf(j, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(15)) : -ENOMEM;
		printf("\n");
		json_decref(j);
	} else if (!o->csv || strcmp(o->csv, "-")) {
		rc = compare_text(stdout, c, o->top);
	}
	if (rc)
		err("out of memory");
	return rc;
}

static int show(struct compare_set *sets, size_t n, size_t reference, const struct options *o)
{
	struct compare c;
	size_t i;
	int rc = compare_build(sets, n, reference, &o->filter, &c);

	if (rc) {
		err("out of memory");
		return EX_INPUT;
	}
	for (i = 0; i < c.nr_unmatched; i++)
		info("left out: %s", c.unmatched[i]);
	if (!c.n) {
		err("nothing comparable: no workload of a point is in '%s' and in another",
		    sets[reference].label);
		rc = -EINVAL;
	}
	if (!rc && o->csv)
		rc = write_csv(&c, o->csv);
	if (!rc)
		rc = print(&c, o);
	if (!rc && o->plot)
		rc = draw(&c, o->plot);
	compare_free(&c);
	return rc ? EX_INPUT : EX_OK;
}

int cmd_compare(int argc, char **argv)
{
	struct options o = { .top = 12 };
	struct compare_set *sets;
	int status = EX_INPUT, reference, rc;
	size_t n, i;

	rc = parse_options(argc, argv, &o);
	if (rc)
		return rc < 0 ? EX_INPUT : EX_OK;
	n = argc - optind;
	sets = calloc(n, sizeof(*sets));
	if (!sets) {
		err("out of memory");
		return EX_INPUT;
	}
	if (!read_sets(argv + optind, sets, n)) {
		reference = find_reference(sets, n, o.reference);
		if (reference >= 0)
			status = show(sets, n, reference, &o);
	}
	for (i = 0; i < n; i++) {
		free(sets[i].label);
		free(sets[i].path);
		records_free(&sets[i].rs);
	}
	free(sets);
	return status;
}
