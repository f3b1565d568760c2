// SPDX-License-Identifier: GPL-2.0
/* exitlab plot: draws the run records of one scenario with gnuplot. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyze/plotdata.h"
#include "analyze/record.h"
#include "analyze/table.h"
#include "analyze/timeline.h"
#include "cmd/cmd.h"
#include "cmd/gnuplot.h"
#include "cmd/paper.h"
#include "util/log.h"

#define TEMPLATE "exits-per-work"

static const char usage[] =
"Usage: exitlab plot [-o BASENAME] RESULTS...\n"
"       exitlab plot --as ITEM [-o BASENAME] RESULTS...\n"
"       exitlab plot --as timeline [OPTIONS] [-o BASENAME] SCRIPT...\n"
"\n"
"Draws the exits per unit of work of a run: a panel per workload, a bar per\n"
"configuration, stacked by exit reason. RESULTS are run records of one scenario,\n"
"or the folder with them, as `exitlab run` leaves in results/SCENARIO.\n"
"\n"
"  -o, --output BASENAME  write BASENAME.svg and BASENAME.png, and beside them\n"
"                         the numbers (.dat) and the gnuplot script (.gp); default:\n"
"                         " TEMPLATE " in the folder of the first RESULTS\n"
"      --as ITEM          draw RESULTS as a table or figure of the papers, such as\n"
"                         elvis-fig4, beside what is printed; `exitlab paper --list`\n"
"                         names them. Scenarios may have any name; configurations\n"
"                         and workloads those that exitlab-paper(1) tells\n"
"      --as timeline      draw text of `exitlab script` (a panel per file): when a\n"
"                         vCPU's CPU was in the guest and in the host, with\n"
"                         interrupts, injections and completions\n"
"                         A file is given as FILE[@SECONDS[+US]]: where the piece\n"
"                         begins (default: shortly before the first injection or\n"
"                         completion of a device's interrupt), and how much of it\n"
"      --vcpu VM/VCPU     of a timeline; default: the one that is entered last\n"
"      --length US        how much is shown where the file does not say (default 60)\n"
"  -h, --help             this text\n"
"\n"
"To change a plot's looks, edit its .gp file and run gnuplot on it in its folder.\n"
"Exit status: 0 drawn; 2 a file could not be used, or there is no gnuplot.\n"
"\n"
"Example: exitlab plot results/demo\n";

static int default_names(const char *results, const char *what, struct plot_names *n)
{
	char path[PATH_MAX];
	const char *slash = strrchr(results, '/');
	struct stat st;

	if (!stat(results, &st) && S_ISDIR(st.st_mode))
		snprintf(path, sizeof(path), "%s/%s", results, what);
	else
		snprintf(path, sizeof(path), "%.*s%s", slash ? (int)(slash - results) + 1 : 0,
			 results, what);
	return gnuplot_names("-o", path, n);
}

static int write_data(FILE *out, const void *plot)
{
	plot_write_data(out, plot);
	return 0;
}

static int write_variables(FILE *out, const void *plot, const char *base, const char *data)
{
	plot_write_variables(out, plot, base, data);
	return 0;
}

static int draw(const struct records *rs, const struct plot_names *names)
{
	struct table *tables = NULL;
	struct plot p = { 0 };
	size_t n = 0;
	int rc;

	rc = tables_build(rs, &tables, &n);
	if (!rc && !n) {
		err("nothing to draw: the records have no windows");
		rc = -EINVAL;
		goto out;
	}
	if (!rc)
		rc = plot_choose(tables, n, &p);
	if (rc) {
		err("out of memory");
		goto out;
	}
	rc = gnuplot_draw(names, "plot", TEMPLATE, write_data, write_variables, &p);
out:
	plot_free(&p);
	tables_free(tables, n);
	return rc;
}

/* What the command line says. */
struct options {
	const char *output, *as, *vcpu;
	double length;
};

static int timelines_write_data(FILE *out, const void *t)
{
	return timelines_data(out, t);
}

static int timelines_write_variables(FILE *out, const void *t, const char *base, const char *data)
{
	return timelines_variables(out, t, base, data);
}

static int draw_timelines(const struct options *o, char **files, int n)
{
	struct timelines t = { calloc(n, sizeof(t.list[0])), 0, "Guest and host over time" };
	struct plot_names names;
	int rc = t.list ? 0 : -ENOMEM, i;

	for (i = 0; !rc && i < n; i++) {
		double at = -1, length = o->length;
		FILE *f;

		rc = timeline_piece(files[i], &at, &length);
		if (rc) {
			err("%s: not a file with @SECONDS or @SECONDS+US", files[i]);
			break;
		}
		f = fopen(files[i], "re");
		if (!f) {
			err("%s: %s", files[i], strerror(errno));
			rc = -EINVAL;
			break;
		}
		rc = timeline_read(f, files[i], o->vcpu, at, length, stderr, &t.list[t.n]);
		fclose(f);
		t.n += !rc;
	}
	if (!rc)
		rc = o->output ? gnuplot_names("-o", o->output, &names) :
		     default_names(files[0], "timeline", &names);
	if (!rc)
		rc = gnuplot_draw(&names, "plot", "timeline", timelines_write_data,
				  timelines_write_variables, &t);
	while (t.n)
		timeline_free(&t.list[--t.n]);
	free(t.list);
	return rc;
}

static bool one_scenario(const struct records *rs)
{
	size_t i;

	for (i = 1; i < rs->n; i++) {
		if (!strcmp(rs->list[i].scenario, rs->list[0].scenario))
			continue;
		err("records of several scenarios (%s, %s); one plot shows one scenario",
		    rs->list[0].scenario, rs->list[i].scenario);
		return false;
	}
	return true;
}

static int positive(const char *option, const char *text, double *out)
{
	char *end;

	*out = strtod(text, &end);
	if (end != text && !*end && *out > 0 && *out < 1e9)
		return 0;
	err("%s %s: not a number above 0", option, text);
	return -EINVAL;
}

/* Negative errno if the command line is wrong, 1 if help was asked for. */
static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "output", required_argument, NULL, 'o' }, { "as", required_argument, NULL, 'a' },
		{ "vcpu", required_argument, NULL, 'v' },
		{ "length", required_argument, NULL, 'l' }, { "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c, rc = 0;

	optind = 0;
	while (!rc && (c = getopt_long(argc, argv, "o:h", longs, NULL)) != -1) {
		switch (c) {
		case 'o':
			o->output = optarg;
			break;
		case 'a':
			o->as = optarg;
			break;
		case 'v':
			o->vcpu = optarg;
			break;
		case 'l':
			rc = positive("--length", optarg, &o->length);
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		default:
			fputs("Try: exitlab plot --help\n", stderr);
			return -EINVAL;
		}
	}
	if (!rc && optind == argc) {
		err("plot: which results? (such as results/demo; see exitlab plot --help)");
		return -EINVAL;
	}
	return rc;
}

int cmd_plot(int argc, char **argv)
{
	struct options o = { .length = 60 };
	struct records rs = { 0 };
	struct plot_names names;
	int status = EX_INPUT, rc, i;

	rc = parse_options(argc, argv, &o);
	if (rc)
		return rc < 0 ? EX_INPUT : EX_OK;
	if (o.as && !strcmp(o.as, "timeline"))
		return draw_timelines(&o, argv + optind, argc - optind) ? EX_INPUT : EX_OK;
	for (i = optind; i < argc && rc >= 0; i++)
		rc = records_add(&rs, argv[i], stderr);
	if (rc < 0) {
		err("out of memory");
		goto out;
	}
	records_sort(&rs);
	if (!rs.n || (!o.as && !one_scenario(&rs)))
		goto out;
	rc = o.output ? gnuplot_names("-o", o.output, &names) :
	     default_names(argv[optind], o.as ? o.as : TEMPLATE, &names);
	if (!rc && !(o.as ? paper_draw_as(o.as, &rs, &names) : draw(&rs, &names)) && !rs.bad)
		status = EX_OK;
out:
	records_free(&rs);
	return status;
}
