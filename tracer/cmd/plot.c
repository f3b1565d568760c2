// SPDX-License-Identifier: GPL-2.0
/*
 * exitlab plot: draws run records with gnuplot. What gnuplot is given stays beside the plot: the
 * numbers (.dat) and the whole script (.gp), so that a plot can be restyled without exitlab.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analyze/plotdata.h"
#include "analyze/record.h"
#include "analyze/table.h"
#include "cmd/cmd.h"
#include "util/datadir.h"
#include "util/log.h"

#define TEMPLATE "exits-per-work"

static const char usage[] =
"Usage: exitlab plot [-o BASENAME] RESULTS...\n"
"\n"
"Draws the exits per unit of work of a run: a panel per workload, a bar per\n"
"configuration, stacked by exit reason. RESULTS are run records of one scenario,\n"
"or the folder with them, as `exitlab run` leaves in results/SCENARIO.\n"
"\n"
"  -o, --output BASENAME  write BASENAME.svg and BASENAME.png, and beside them\n"
"                         the numbers (.dat) and the gnuplot script (.gp); default:\n"
"                         " TEMPLATE " in the folder of the first RESULTS\n"
"  -h, --help             this text\n"
"\n"
"To change a plot's looks, edit its .gp file and run gnuplot on it in its folder.\n"
"Exit status: 0 drawn; 2 a file could not be used, or there is no gnuplot.\n"
"\n"
"Example: exitlab plot results/demo\n";

/* The names of one plot's files. */
struct names {
	char dir[PATH_MAX];
	char base[NAME_MAX];	/* within dir */
};

/* "results/demo/x" -> "results/demo" and "x". */
static int split(const char *path, struct names *n)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

	if (!*base || strlen(base) + 5 > sizeof(n->base) || strlen(path) + 6 > sizeof(n->dir)) {
		err("-o %s: not the name of a file", path);
		return -EINVAL;
	}
	strcpy(n->base, base);
	snprintf(n->dir, sizeof(n->dir), "%.*s", slash ? (int)(slash - path) : 1,
		 slash ? path : ".");
	if (slash == path)
		strcpy(n->dir, "/");
	return 0;
}

static int default_names(const char *results, struct names *n)
{
	char path[PATH_MAX];
	const char *slash = strrchr(results, '/');
	struct stat st;

	if (!stat(results, &st) && S_ISDIR(st.st_mode))
		snprintf(path, sizeof(path), "%s/%s", results, TEMPLATE);
	else
		snprintf(path, sizeof(path), "%.*s%s", slash ? (int)(slash - results) + 1 : 0,
			 results, TEMPLATE);
	return split(path, n);
}

static FILE *create(const struct names *n, const char *ending, char *path, size_t size)
{
	FILE *f;

	snprintf(path, size, "%s/%s%s", n->dir, n->base, ending);
	f = fopen(path, "we");
	if (!f)
		err("%s: %s", path, strerror(errno));
	return f;
}

static int close_written(FILE *f, const char *path)
{
	bool failed = ferror(f);

	if (fclose(f) || failed) {
		err("%s: cannot be written: %s", path, strerror(errno));
		return -EIO;
	}
	return 0;
}

static int append_template(FILE *out)
{
	char data[PATH_MAX], path[PATH_MAX + 64], buf[4096];
	FILE *f = NULL;
	size_t n;

	if (!datadir(data, sizeof(data))) {
		snprintf(path, sizeof(path), "%s/plots/%s.gp", data, TEMPLATE);
		f = fopen(path, "re");
	}
	if (!f) {
		err("no plot template plots/%s.gp in %s; set EXITLAB_DATA to the folder of "
		    "exitlab's data", TEMPLATE, data);
		return -ENOENT;
	}
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		fwrite(buf, 1, n, out);
	fclose(f);
	return 0;
}

static int write_inputs(const struct plot *p, const struct names *n)
{
	char path[PATH_MAX + NAME_MAX], data[NAME_MAX + 8];
	FILE *f = create(n, ".dat", path, sizeof(path));
	int rc;

	if (!f)
		return -EIO;
	plot_write_data(f, p);
	rc = close_written(f, path);
	if (rc)
		return rc;
	f = create(n, ".gp", path, sizeof(path));
	if (!f)
		return -EIO;
	fprintf(f, "# Made by exitlab plot; run it again in its folder: gnuplot %s.gp\n", n->base);
	snprintf(data, sizeof(data), "%s.dat", n->base);
	plot_write_variables(f, p, n->base, data);
	fputc('\n', f);
	rc = append_template(f);
	return close_written(f, path) ? -EIO : rc;
}

/* Runs gnuplot in the folder of the plot, where the script's file names are right. */
static int run_gnuplot(const struct names *n)
{
	char script[NAME_MAX + 8];
	int status;
	pid_t pid;

	snprintf(script, sizeof(script), "./%s.gp", n->base);
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		err("cannot start gnuplot: %s", strerror(errno));
		return -errno;
	}
	if (!pid) {
		/* Fonts and messages, not numbers: those are written in the C locale by us. */
		setenv("LC_ALL", "C.UTF-8", 1);
		if (!chdir(n->dir))
			execlp("gnuplot", "gnuplot", script, (char *)NULL);
		_exit(errno == ENOENT ? 127 : 126);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		err("gnuplot is not installed (Debian: apt install gnuplot-nox); the numbers and "
		    "the script are in %s/%s.dat and .gp", n->dir, n->base);
	else
		err("gnuplot failed on %s/%s.gp", n->dir, n->base);
	return -EIO;
}

static int draw(const struct records *rs, const struct names *names)
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
	rc = write_inputs(&p, names);
	if (!rc)
		rc = run_gnuplot(names);
	if (!rc)
		printf("%s/%s.svg\n%s/%s.png\n", names->dir, names->base, names->dir, names->base);
out:
	plot_free(&p);
	tables_free(tables, n);
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

/* Negative errno if the command line is wrong, 1 if help was asked for. */
static int parse_options(int argc, char **argv, const char **output)
{
	static const struct option longs[] = {
		{ "output", required_argument, NULL, 'o' }, { "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "o:h", longs, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return 1;
		}
		if (c != 'o') {
			fputs("Try: exitlab plot --help\n", stderr);
			return -EINVAL;
		}
		*output = optarg;
	}
	if (optind == argc) {
		err("plot: which results? (such as results/demo; see exitlab plot --help)");
		return -EINVAL;
	}
	return 0;
}

int cmd_plot(int argc, char **argv)
{
	const char *output = NULL;
	struct records rs = { 0 };
	struct names names;
	int status = EX_INPUT, rc, i;

	rc = parse_options(argc, argv, &output);
	if (rc)
		return rc < 0 ? EX_INPUT : EX_OK;
	for (i = optind; i < argc && rc >= 0; i++)
		rc = records_add(&rs, argv[i], stderr);
	if (rc < 0) {
		err("out of memory");
		goto out;
	}
	records_sort(&rs);
	if (!rs.n || !one_scenario(&rs))
		goto out;
	rc = output ? split(output, &names) : default_names(argv[optind], &names);
	if (!rc && !draw(&rs, &names) && !rs.bad)
		status = EX_OK;
out:
	records_free(&rs);
	return status;
}
