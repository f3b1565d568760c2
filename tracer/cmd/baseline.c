// SPDX-License-Identifier: GPL-2.0
/*
 * exitlab baseline: writes the file that exitlab check compares with. What takes care: a baseline
 * is committed and trusted, so the file either becomes what was asked for, and what the reader
 * will take, or stays as it was.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/baseline.h"
#include "analyze/record.h"
#include "cmd/cmd.h"
#include "util/fs.h"
#include "util/log.h"

static const char usage[] =
"Usage: exitlab baseline -o FILE RESULTS...\n"
"       exitlab baseline --update FILE RESULTS...\n"
"\n"
"Writes the exit counts of run records to FILE (by custom SCENARIO.baseline), for\n"
"`exitlab check` to compare with. RESULTS are run records, or folders with them.\n"
"\n"
"  -o, --output FILE  write a new baseline; one that is there is replaced\n"
"      --update FILE  replace the points and workloads that the records have,\n"
"                     keep the others, and print what changed\n"
"  -h, --help         this text\n"
"\n"
"Records that cannot be compared with each other, or with what stays in FILE,\n"
"are refused, and so are those with failed cross checks or lost events.\n"
"\n"
"Exit status: 0 written; 2 refused, FILE is as it was. See exitlab-baseline(1).\n"
"\n"
"Example: exitlab baseline -o scenarios/demo.baseline results/demo\n";

struct options {
	const char *output, *update;
};

/* Negative errno if the command line is wrong, 1 if help was asked for. */
static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "update", required_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "o:h", longs, NULL)) != -1) {
		switch (c) {
		case 'o':
			o->output = optarg;
			break;
		case 'u':
			o->update = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		default:
			fputs("Try: exitlab baseline --help\n", stderr);
			return -EINVAL;
		}
	}
	if (!o->output == !o->update) {
		err("baseline: say where: either -o FILE or --update FILE; see exitlab baseline --help");
		return -EINVAL;
	}
	if (optind == argc) {
		err("baseline: of which results? (such as results/demo; see exitlab baseline --help)");
		return -EINVAL;
	}
	return 0;
}

/* Writes what the reader takes, and nothing else. */
static int save(const char *path, const json_t *baseline)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	json_t *again;
	int rc = f ? baseline_write(f, baseline) : -ENOMEM;

	if (f && fclose(f))
		rc = -ENOMEM;
	if (!rc) {
		rc = baseline_read(path, text, len, stderr, &again);
		if (!rc)
			json_decref(again);
		else
			err("%s: not written, as exitlab check would refuse it", path);
	}
	if (!rc) {
		rc = write_whole(path, text, len);
		if (rc) {
			err("%s: %s", path, strerror(-rc));
			rc = -EINVAL;
		}
	}
	free(text);
	return rc;
}

static int update(const char *path, const json_t *fresh)
{
	json_t *base = NULL;
	char *changes = NULL;
	size_t len;
	FILE *f;
	int rc = baseline_load(path, stderr, &base);

	if (rc)
		return rc;
	f = open_memstream(&changes, &len);
	rc = f ? baseline_update(base, fresh, f, stderr) : -ENOMEM;
	if (f && fclose(f))
		rc = -ENOMEM;
	if (!rc)
		rc = save(path, base);
	/* Only now have they happened. */
	if (!rc)
		fputs(*changes ? changes : "no number changed\n", stdout);
	free(changes);
	json_decref(base);
	return rc;
}

int cmd_baseline(int argc, char **argv)
{
	struct records rs = { 0 };
	struct options o = { 0 };
	json_t *baseline = NULL;
	int rc = parse_options(argc, argv, &o), i;

	if (rc)
		return rc < 0 ? EX_INPUT : EX_OK;
	for (i = optind; i < argc && !rc; i++)
		rc = records_add(&rs, argv[i], stderr);
	if (!rc && (rs.bad || !rs.n)) {
		err("baseline: nothing written; every record given must be usable");
		rc = -EINVAL;
	}
	records_sort(&rs);
	if (!rc)
		rc = baseline_of_records(&rs, stderr, &baseline);
	if (!rc)
		rc = o.update ? update(o.update, baseline) : save(o.output, baseline);
	if (rc == -ENOMEM)
		err("out of memory");
	json_decref(baseline);
	records_free(&rs);
	return rc ? EX_INPUT : EX_OK;
}
