// SPDX-License-Identifier: GPL-2.0
/* LINK: analyze/paper_read.c analyze/paper_eval.c analyze/paper_cells.c analyze/paper_out.c analyze/paper_measure.c analyze/expr.c analyze/values.c analyze/numbers.c analyze/record.c analyze/table.c tracer/core/reason.c tracer/run/scenario_msg.c tracer/run/yaml.c tracer/util/log.c -lcsv */
/* Items of the papers: what a bad file gets, what a number is called, bands, ratios, reasons. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyze/paper.h"
#include "analyze/paper_out.h"
#include "util/log.h"

static char dir[64];

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int make_dir(void **state)
{
	(void)state;
	log_threshold = LOG_ERROR - 1;
	strcpy(dir, "/tmp/test-paper-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	put("t.csv", "configuration,x,metric,value,unit,provenance,source,note\n"
	    "Base,1,rate,100,1/s,table,P,\nNew,1,rate,200,1/s,table,P,\n"
	    "Base,2,rate,,1/s,not-published,P,\nNew,2,rate,400,1/s,derived,P,\n"
	    "Base,1,kicks,4,1,table,P,\nNew,1,gain,1,x,table,P,\n");
	return 0;
}

static int remove_dir(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/t.csv", dir);
	unlink(path);
	return rmdir(dir);
}

#define HEAD \
"configurations:\n  - { id: c, names: [[Base, base], [New, new]], absent: [[Old, \"gone\"]] }\n"
#define METRICS \
"metrics:\n  - id: m\n    metrics:\n" \
"      - { name: rate, value: \"window('work') / window('seconds')\" }\n" \
"      - { name: kicks, value: \"window('exits') / window('work')\" }\n" \
"      - { name: gain, value: \"mine('rate') / ours('Base', 'rate')\" }\n"
#define ITEM \
"items:\n  - { id: i, title: T, source: S, caption: C, kind: lines, costs: p, configurations: c,\n" \
"      scenario: s, parameter: guests.count, metrics: m,\n" \
"      panels: [{ title: P, printed: [t], draw: rate, ylabel: Y }] }\n"

/* What is told about @text, which must be refused. */
static char *refused(const char *text)
{
	struct paper p;
	char *said;
	size_t len;
	FILE *f = open_memstream(&said, &len);

	assert_non_null(f);
	assert_int_equal(paper_parse("i.yaml", text, strlen(text), dir, f, &p), -EINVAL);
	fclose(f);
	return said;
}

static void test_mistakes(void **state)
{
	static const struct { const char *text, *said; } bad[] = {
		{ HEAD METRICS, "i.yaml:1: items: missing; a list is needed" },
		{ HEAD METRICS "items:\n  - { id: i }\n", "i.yaml:10: i.title: missing" },
		{ HEAD METRICS "items:\n  - { id: i, titel: T }\n",
		  "i.yaml:10: i.titel: unknown key; did you mean title" },
		{ HEAD METRICS "items: [{ id: i, kind: pie, panels: [] }]\n",
		  "i.kind: table, bars or lines" },
		{ HEAD METRICS "items: [{ id: i, configurations: d, panels: [] }]\n",
		  "i.configurations: no set of this id" },
		{ HEAD METRICS "items: [{ id: i, panels: [{ title: P, printed: [u] }] }]\n",
		  "i.printed: no such table" },
		{ HEAD METRICS "items: [{ id: i, panels: [{ printed: [t], metrics: m, draw: z }] }]\n",
		  "i.draw: no such metric" },
		{ HEAD METRICS "items: [{ id: i, panels: [{ printed: [t], metrics: m, x: [9] }] }]\n",
		  "i.x: the printed tables have no such row" },
		{ HEAD "metrics: [{ id: m, metrics: [{ name: rate, value: \"1\" }] }]\n"
		  "items: [{ id: i, panels: [{ printed: [t], metrics: m }] }]\n",
		  "i.metrics: t has the metric kicks, which the set does not describe" },
		{ "metrics: [{ id: m, metrics: [{ name: r, value: \"windw('x')\" }] }]\nitems: []\n",
		  "i.yaml:1: metrics.value: no such function" },
		{ "metrics: [{ id: m, metrics: [{ name: r, value: \"1\", why: no }] }]\nitems: []\n",
		  "each has either a value or a why" },
		{ "metrics: [{ id: m, metrics: [{ name: r }] }]\nitems: []\n",
		  "each has either a value or a why" },
		{ "items: []\nmeasures: [{ configuration: a, x: b, metric: c }]\n",
		  "i.yaml:2: measures.value: either a value or a why is needed" },
		{ "items: []\nmeasures: [{ configuration: a, x: b, metric: c, value: \"window('x')\" }]\n",
		  "measures.value: no such function" },
		{ "[1, 2]\n", "a mapping with configurations" },
		{ HEAD METRICS ITEM "  - { id: i, title: T, source: S, caption: C, kind: table, "
		  "configurations: c, why: w, metrics: m, panels: [{ title: P, printed: [t] }] }\n",
		  "i.id: given twice" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *said = refused(bad[i].text);

		if (!strstr(said, bad[i].said))
			print_error("%s\nsaid: %swanted: %s\n", bad[i].text, said, bad[i].said);
		assert_non_null(strstr(said, bad[i].said));
		free(said);
	}
}

/* A record: @exits exits and @work units of work in a millisecond. */
struct rec {
	const char *config, *mode, *costs;
	int repeat, guests, exits, work, lost;
};

static void add(struct records *rs, const struct rec *r)
{
	char *text;

	assert_true(asprintf(&text,
"{\"schema\":\"exitlab-record/1\",\"complete\":true,\"backend\":\"emulated\",\"time_base\":\"b\","
"\"scenario\":{\"name\":\"s\",\"title\":\"T\",\"sha256\":\"00\"},\"machine\":{},"
"\"point\":{\"id\":\"p\",\"configuration\":{\"name\":\"%s\",\"title\":\"X\",\"net\":\"vf\"},"
"\"parameters\":{\"guests.count\":%d},\"repeat\":%d,\"mode\":\"%s\"%s%s%s},"
"\"windows\":[{\"workload\":\"idle\",\"tool\":\"idle\",\"unit\":\"second\",\"work\":1,"
"\"duration_ns\":1,\"tracer\":{\"schema\":\"exitlab-stat/1\",\"vms\":[]}},"
"{\"workload\":\"rr\",\"tool\":\"rr\",\"unit\":\"request\",\"work\":%d,\"duration_ns\":1000000,"
"\"tracer\":{\"schema\":\"exitlab-stat/1\",\"ledger\":{\"map_full\":%d,\"recursion_missed\":0},"
"\"vms\":[{\"vm\":\"g\",\"vcpus\":[{\"vcpu\":0,\"entries\":1,\"exits\":%d,\"guest_ns\":0,"
"\"reasons\":[{\"isa\":\"svm\",\"reason\":120,\"name\":\"HLT\",\"count\":%d,\"timed\":0}]}]}]},"
"\"counters\":{}}]}", r->config, r->guests, r->repeat, r->mode, r->costs ? ",\"costs\":\"" : "",
		r->costs ? r->costs : "", r->costs ? "\"" : "", r->work, r->lost, r->exits,
		r->exits) > 0);
	assert_int_equal(records_add_text(rs, "r.json", text, strlen(text), stderr), 0);
	free(text);
}

struct world {
	struct paper p;
	struct records rs;
	struct paper_values v;
};

static void build(struct world *w, const char *text, const struct rec *r, size_t n, bool any)
{
	size_t i;

	memset(w, 0, sizeof(*w));
	assert_int_equal(paper_parse("i.yaml", text, strlen(text), dir, stderr, &w->p), 0);
	for (i = 0; i < n; i++)
		add(&w->rs, &r[i]);
	records_sort(&w->rs);
	assert_int_equal(paper_evaluate(&w->p.items[0], &w->rs, any, &w->v), 0);
}

static void end(struct world *w)
{
	paper_values_free(&w->v);
	records_free(&w->rs);
	paper_free(&w->p);
}

#define BUILD(w, ...) do { \
	static const struct rec r_[] = { __VA_ARGS__ }; \
	build(w, HEAD METRICS ITEM, r_, sizeof(r_) / sizeof(r_[0]), false); \
} while (0)

static const struct paper_cell *cell(const struct world *w, const char *c, const char *x,
				     const char *m)
{
	const struct paper_cell *found = paper_cell(&w->v, NULL, c, x, m);

	assert_non_null(found);
	return found;
}

static void test_labels(void **state)
{
	struct world w;
	double ratio;

	(void)state;
	BUILD(&w, { "base", "timed", "p", 1, 1, 300, 100, 0 },
	      { "new", "timed", "p", 1, 1, 30, 150, 0 });
	/* A time went into it: modelled, by that set. A count did not: measured. */
	assert_int_equal(cell(&w, "Base", "1", "rate")->label, PAPER_MODELLED);
	assert_string_equal(cell(&w, "Base", "1", "rate")->costs, "p");
	assert_true(cell(&w, "Base", "1", "rate")->ours == 100000);
	assert_int_equal(cell(&w, "Base", "1", "kicks")->label, PAPER_MEASURED);
	assert_true(cell(&w, "Base", "1", "kicks")->ours == 3);
	/* Also where the time is in a value that is referred to. */
	assert_int_equal(cell(&w, "New", "1", "gain")->label, PAPER_MODELLED);
	assert_true(cell(&w, "New", "1", "gain")->ours == 1.5);
	assert_true(paper_ratio(cell(&w, "Base", "1", "rate"), &ratio) && ratio == 1000);
	/* Not printed: no ratio; not run: why. */
	assert_false(paper_ratio(cell(&w, "Base", "2", "rate"), &ratio));
	assert_false(paper_ratio(cell(&w, "New", "2", "rate"), &ratio));
	assert_string_equal(cell(&w, "New", "2", "rate")->why,
			    "not run: no record of configuration new at this guests.count");
	end(&w);

	BUILD(&w, { "base", "counts", NULL, 1, 1, 300, 100, 0 });
	assert_int_equal(cell(&w, "Base", "1", "rate")->label, PAPER_INSTRUCTIONS);
	assert_int_equal(cell(&w, "Base", "1", "kicks")->label, PAPER_MEASURED);
	assert_string_equal(cell(&w, "New", "1", "rate")->why,
			    "not run: scenario s has no record of configuration new");
	end(&w);
}

static void test_band(void **state)
{
	struct world w;
	char buf[64];

	(void)state;
	BUILD(&w, { "base", "timed", "p@high", 1, 1, 1, 80, 0 },
	      { "base", "timed", "p", 1, 1, 1, 100, 0 }, { "base", "timed", "p", 2, 1, 1, 101, 0 },
	      { "base", "timed", "p@low", 1, 1, 1, 130, 0 }, { "base", "timed", "q", 1, 1, 1, 900, 0 },
	      { "new", "timed", "p", 1, 1, 1, 200, 0 }, { "new", "timed", "p@low", 1, 1, 1, 195, 0 });
	/* The set itself is the value, its variants and repetitions the band; no other set. */
	assert_true(cell(&w, "Base", "1", "rate")->ours == 100000);
	assert_int_equal(cell(&w, "Base", "1", "rate")->variants, 4);
	assert_string_equal(paper_band(cell(&w, "Base", "1", "rate"), buf, sizeof(buf)),
			    "80000 to 130000");
	/* A ratio divides what the same prices gave: 200/100 and 195/130. */
	assert_true(cell(&w, "New", "1", "gain")->ours == 2);
	assert_int_equal(cell(&w, "New", "1", "gain")->variants, 2);
	assert_true(cell(&w, "New", "1", "gain")->low == 1.5);
	assert_true(cell(&w, "New", "1", "gain")->high == 2);
	end(&w);

	/* Where only another set was run, that is shown, by its name. */
	BUILD(&w, { "base", "timed", "q", 1, 1, 1, 900, 0 });
	assert_string_equal(cell(&w, "Base", "1", "rate")->costs, "q");
	assert_string_equal(paper_band(cell(&w, "Base", "1", "rate"), buf, sizeof(buf)), "");
	end(&w);
}

static void test_refused(void **state)
{
	struct world w;

	(void)state;
	BUILD(&w, { "base", "fast", NULL, 1, 1, 1, 1, 0 }, { "new", "counts", NULL, 1, 1, 5, 1, 7 });
	assert_false(cell(&w, "Base", "1", "rate")->has_ours);
	assert_non_null(strstr(cell(&w, "Base", "1", "rate")->why, "mode fast"));
	assert_false(cell(&w, "New", "1", "rate")->has_ours);
	assert_non_null(strstr(cell(&w, "New", "1", "rate")->why, "lost 7 events"));
	end(&w);
	/* No record at all. */
	BUILD(&w);
	assert_string_equal(cell(&w, "Base", "1", "rate")->why,
			    "not run: no record of scenario s");
	assert_true(cell(&w, "Base", "1", "rate")->has_printed);
	end(&w);
}

static void test_own_points(void **state)
{
	static const struct rec r[] = { { "new", "counts", NULL, 1, 5, 1, 50, 0 } };
	struct world w;

	(void)state;
	/* A setting that nobody printed is a point of ours. */
	build(&w, HEAD METRICS ITEM, r, 1, false);
	assert_true(cell(&w, "New", "5", "rate")->has_ours);
	assert_false(cell(&w, "New", "5", "rate")->has_printed);
	end(&w);
	/* A user's scenario has another name. */
	build(&w, HEAD METRICS "items:\n  - { id: i, title: T, source: S, caption: C, kind: bars, "
	      "configurations: c, scenario: other, metrics: m, "
	      "panels: [{ title: P, printed: [t] }] }\n", r, 1, true);
	assert_true(cell(&w, "New", "1", "rate")->has_ours);
	end(&w);
}

static char *measures(const char *expression, const struct rec *r, size_t n)
{
	struct world w;
	char *text, *out;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	assert_non_null(f);
	assert_true(asprintf(&text, HEAD METRICS ITEM "measures: [{ configuration: a, x: b, "
			     "metric: c, value: \"%s\" }]\n", expression) > 0);
	build(&w, text, r, n, false);
	assert_int_equal(paper_write_measures(f, &w.p, &w.v, 1), 0);
	fclose(f);
	end(&w);
	free(text);
	return out;
}

static void test_measures(void **state)
{
	static const struct rec r[] = {
		{ "base", "counts", NULL, 1, 1, 1, 10, 0 }, { "base", "counts", NULL, 1, 2, 1, 20, 0 },
		{ "base", "counts", NULL, 1, 3, 1, 20, 0 }, { "new", "counts", NULL, 1, 1, 1, 30, 0 },
		{ "new", "counts", NULL, 1, 2, 1, 40, 0 }, { "new", "counts", NULL, 1, 3, 1, 60, 0 },
	};
	static const struct { const char *expression, *line; } t[] = {
		{ "v('t', 'New', '2', 'rate')", "\na,b,c,40000," },
		{ "ratio_max('t', 'New', 'Base', 'rate', 1, 9)", "\na,b,c,3," },
		{ "ratio_min('t', 'New', 'Base', 'rate', 1, 9)", "\na,b,c,2," },
		{ "ratio_min('t', 'New', 'Base', 'rate', 3, 9)", "run with one number of VMs only" },
		{ "ratio_min('t', 'New', 'Base', 'rate', 3, 3)", "\na,b,c,3," },
		{ "gap_max('t', 'New', 'Base', 'rate', 3)", "\na,b,c,40000," },
		{ "gap_max('t', 'New', 'Base', 'rate', 4)", "run up to N = 3 only" },
		{ "last_growth('t', 'Base', 'rate', 9)", "\na,b,c,2," },
		{ "last_growth('t', 'New', 'rate', 9)", "still grows at N = 3, the largest" },
		{ "last_growth('t', 'New', 'rate', 3)", "\na,b,c,3," },
		{ "last_growth('t', 'New', 'rate', 2)", "\na,b,c,2," },
		{ "mean('t', 'Base', 'rate per x')", "\na,b,c,8888.8" },
		{ "highest('t', 'Base', 'rate', 3)", "\na,b,c,20000," },
		{ "highest('t', 'Base', 'rate', 7)", "run up to N = 3 only" },
		{ "v('t', 'Old', '2', 'rate')", "no such value\n" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char *out = measures(t[i].expression, r, 6);

		if (!strstr(out, t[i].line))
			print_error("%s: %s", t[i].expression, out);
		assert_non_null(strstr(out, t[i].line));
		free(out);
	}
	/* The reason is that of the value that is missing. */
	for (i = 0; i < 3; i++) {
		char *out = measures(t[i].expression, NULL, 0);

		assert_non_null(strstr(out, "no record of scenario s\n"));
		free(out);
	}
}

/* Over N where nothing is saturated: the share below a limit, and what has no I/O core linear. */
static void test_unsaturated(void **state)
{
	static const struct rec r[] = {
		{ "base", "counts", NULL, 1, 1, 1, 10, 0 }, { "base", "counts", NULL, 1, 2, 1, 20, 0 },
		{ "base", "counts", NULL, 1, 4, 1, 20, 0 }, { "new", "counts", NULL, 1, 1, 1, 30, 0 },
		{ "new", "counts", NULL, 1, 2, 1, 40, 0 }, { "new", "counts", NULL, 1, 4, 1, 30, 0 },
	};
	/* The rate stands for the share, so that one table will do. */
#define UNSATURATED(limit) "unsaturated_min('t', 'New', 'Base', 'rate', 't', 'rate', " limit ")"
	static const struct { const char *expression, *line; size_t from, n; } t[] = {
		{ UNSATURATED("100000"), "\na,b,c,2,,from items,", 0, 6 },
		{ UNSATURATED("100000"), "unsaturated: N = 1, 2; saturated: N = 4\"\n", 0, 6 },
		{ UNSATURATED("35000"), "\na,b,c,3,,from items,", 0, 6 },
		{ UNSATURATED("10"), "saturated at each N that was run: 1, 2, 4", 0, 6 },
		{ UNSATURATED("100000"), "without Base at N = 1 it is not known", 1, 5 },
		{ "unsaturated_min('t', 'New', 'Base', 'rate', 't', 'gain', 9)", "no such value", 0, 6 },
		/* Steps between which N are missing. */
		{ "last_growth('t', 'New', 'rate', 4)", "\na,b,c,2,", 0, 6 },
		{ "last_growth('t', 'Base', 'rate per x', 4)", "\na,b,c,1,", 0, 6 },
	};
	static const struct rec gap[] = {
		{ "base", "counts", NULL, 1, 1, 1, 10, 0 }, { "base", "counts", NULL, 1, 3, 1, 30, 0 },
		{ "base", "counts", NULL, 1, 4, 1, 30, 0 },
	};
	char *out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		out = measures(t[i].expression, r + t[i].from, t[i].n);
		if (!strstr(out, t[i].line))
			print_error("%s: %s", t[i].expression, out);
		assert_non_null(strstr(out, t[i].line));
		free(out);
	}
	out = measures("last_growth('t', 'Base', 'rate', 9)", gap, 3);
	assert_non_null(strstr(out, "growth ends between N = 1 and 3"));
	free(out);
}

/* The project's own file: complete, and every printed table is somebody's. */
static void test_project(void **state)
{
	struct records rs = { 0 };
	struct paper_values v;
	struct paper p;
	size_t i, j;

	(void)state;
	assert_int_equal(paper_load("plots/paper/items.yaml", "plots/paper", stderr, &p), 0);
	assert_non_null(paper_find(&p, "elvis-fig4"));
	for (i = 0; i < p.nr_items; i++) {
		assert_int_equal(paper_evaluate(&p.items[i], &rs, false, &v), 0);
		assert_true(v.n > 0);
		/* No cell without a value has no reason. */
		for (j = 0; j < v.n; j++)
			assert_true(v.cells[j].has_ours || (v.cells[j].why && *v.cells[j].why));
		paper_values_free(&v);
	}
	paper_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes), cmocka_unit_test(test_labels),
		cmocka_unit_test(test_band), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_own_points), cmocka_unit_test(test_measures),
		cmocka_unit_test(test_unsaturated),
		cmocka_unit_test(test_project),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
