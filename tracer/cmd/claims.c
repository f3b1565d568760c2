// SPDX-License-Identifier: GPL-2.0
/*
 * exitlab claims: what the papers claim, judged by what they print and by what was measured. A
 * claim without data is neither true nor false; the text says which of the two sides lacks it.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyze/claims.h"
#include "cmd/cmd.h"
#include "util/datadir.h"
#include "util/log.h"

static const char usage[] =
"Usage: exitlab claims [OPTIONS] [MEASURED]\n"
"\n"
"Judges every claim of the ELI, ELVIS and SYSTOR'12 papers that can be put as a\n"
"number: by the values the papers print, and by ours, if MEASURED is a folder\n"
"with tables of the same form (CSV, named as in plots/paper/).\n"
"\n"
"      --printed DIR  folder with claims.csv and the printed values\n"
"                     (default: plots/paper)\n"
"      --summary      print only how many hold\n"
"      --failed       show only claims that fail\n"
"      --json         print JSON\n"
"  -h, --help         this text\n"
"\n"
"Exit status: 0 no claim fails that has data; 1 one does; 2 a file could not be\n"
"used.\n";

struct options {
	char printed[4096];
	const char *measured;
	bool failed, json, summary;
};

static const char *verdict(int v)
{
	static const char *const names[] = { "no data", "holds", "fails" };

	return names[v];
}

static void side(int v, double value, char *buf, size_t size)
{
	if (v == CLAIM_NO_DATA)
		snprintf(buf, size, "-");
	else
		snprintf(buf, size, "%.4g %s", value, verdict(v));
}

static void print_row(const struct judged_claim *j)
{
	const struct claim *c = j->c;
	char p[32], m[32], what[64];

	side(j->printed, j->printed_value, p, sizeof(p));
	if (j->why)
		snprintf(m, sizeof(m), "cannot be measured");
	else
		side(j->measured, j->measured_value, m, sizeof(m));
	snprintf(what, sizeof(what), "%s %s %g %s", c->metric, c->comparator, c->value, c->unit);
	printf("%-9s%-38.38s%-16s%s\n", c->id, what, p, m);
	if (j->why)
		printf("         n/a: %s\n", j->why);
}

static json_t *to_json(const struct judged_claim *j)
{
	const struct claim *c = j->c;
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:f, s:s, s:s, s:s, s:s}",
		"id", c->id, "source", c->source, "section", c->section, "item", c->item,
		"metric", c->metric, "expression", c->expression, "comparator", c->comparator,
		"value", c->value, "tolerance", c->tolerance, "unit", c->unit,
		"note", c->note, "printed", verdict(j->printed), "measured", verdict(j->measured));

	if (o && j->printed != CLAIM_NO_DATA)
		json_object_set_new(o, "printed_value", json_real(j->printed_value));
	if (o && j->measured != CLAIM_NO_DATA)
		json_object_set_new(o, "measured_value", json_real(j->measured_value));
	if (o && j->why)
		json_object_set_new(o, "measured_why", json_string(j->why));
	return o;
}

/* All claims. 0, 1 if one fails, or negative errno. */
static int show(const struct options *o, const struct claims *list, struct claim_values *printed,
		struct claim_values *measured)
{
	size_t i, holds[2] = { 0 }, fails[2] = { 0 };
	json_t *all = o->json ? json_array() : NULL;
	struct judged_claim *judged = NULL;
	int ret = claims_judge_all(list, printed, measured, &judged);

	if (!o->json && !o->summary)
		printf("%-9s%-38s%-16s%s\n", "claim", "", "as printed", "as measured");
	for (i = 0; !ret && i < list->n; i++) {
		struct judged_claim j = judged[i];

		holds[0] += j.printed == CLAIM_HOLDS;
		fails[0] += j.printed == CLAIM_FAILS;
		holds[1] += j.measured == CLAIM_HOLDS;
		fails[1] += j.measured == CLAIM_FAILS;
		if (o->summary || (o->failed && j.printed != CLAIM_FAILS &&
				   j.measured != CLAIM_FAILS))
			continue;
		if (all)
			json_array_append_new(all, to_json(&j));
		else
			print_row(&j);
	}
	if (all && !ret && (json_dumpf(all, stdout, JSON_INDENT(1)) || puts("") == EOF))
		ret = -EIO;
	json_decref(all);
	claims_judged_free(judged, list->n);
	if (!ret && !o->json) {
		printf("%zu claims; as printed: %zu hold, %zu fail, %zu have no data\n", list->n,
		       holds[0], fails[0], list->n - holds[0] - fails[0]);
		printf("as measured: %zu hold, %zu fail, %zu have no data\n", holds[1], fails[1],
		       list->n - holds[1] - fails[1]);
	}
	return ret ? ret : fails[0] + fails[1] > 0;
}

static int claims(const struct options *o)
{
	struct claim_values *printed = claim_values_new(o->printed), *measured = NULL;
	struct claims list = { 0 };
	char path[4200];
	int ret = printed ? 0 : -ENOMEM;

	if (!ret && o->measured) {
		measured = claim_values_new(o->measured);
		ret = measured ? 0 : -ENOMEM;
	}
	snprintf(path, sizeof(path), "%s/claims.csv", o->printed);
	if (!ret)
		ret = claims_read(path, &list);
	if (!ret)
		ret = show(o, &list, printed, measured);
	claims_free(&list);
	claim_values_free(printed);
	claim_values_free(measured);
	return ret < 0 ? EX_INPUT : ret ? EX_FAIL : EX_OK;
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "printed", required_argument, NULL, 'p' }, { "failed", no_argument, NULL, 'f' },
		{ "summary", no_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct stat st;
	int c;

	*o = (struct options){ 0 };
	optind = 0;
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 'p':
			snprintf(o->printed, sizeof(o->printed), "%s", optarg);
			break;
		case 'f':
			o->failed = true;
			break;
		case 's':
			o->summary = true;
			break;
		case 'j':
			o->json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return EX_OK;
		default:
			return EX_INPUT;
		}
	}
	if (argc - optind > 1) {
		err("claims: one folder of measured values at most, not '%s' too", argv[optind + 1]);
		return EX_INPUT;
	}
	o->measured = argv[optind];
	if (o->measured && (stat(o->measured, &st) || !S_ISDIR(st.st_mode))) {
		err("%s: no such folder", o->measured);
		return EX_INPUT;
	}
	if (!o->printed[0]) {
		char data[4000];

		if (datadir(data, sizeof(data))) {
			err("the project's plots/paper is not found; name it with --printed");
			return EX_INPUT;
		}
		snprintf(o->printed, sizeof(o->printed), "%s/plots/paper", data);
	}
	return -1;
}

int cmd_claims(int argc, char **argv)
{
	struct options o;
	int ret = parse(argc, argv, &o);

	return ret >= 0 ? ret : claims(&o);
}
