// SPDX-License-Identifier: GPL-2.0
/*
 * The page. Pictures are images of their own within it (data URIs): SVG that is laid into a page
 * shares its names, and the fillings of one picture would be drawn with those of another. Wide
 * things scroll inside themselves, so that the page never does.
 */
#include "analyze/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyze/paper_out.h"

#define MAX_REASONS	24

static const char style[] =
"<style>\n"
":root{color-scheme:light}\n"
"body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:72rem;padding:0 1rem 3rem;"
"color:#111;background:#fff;overflow-wrap:anywhere}\n"
"h1{line-height:1.2}h2{margin-top:2.5rem;border-top:2px solid #ccc;padding-top:1rem}\n"
"nav ul{columns:18rem;padding-left:1.2rem}\n"
".wide{overflow-x:auto;margin:.8rem 0}\n"
".wide img{display:block;height:auto;max-width:100%;min-width:min(46rem,190%)}\n"
"table{border-collapse:collapse;font-size:.85rem}\n"
"th,td{border:1px solid #bbb;padding:.2rem .5rem;text-align:right;vertical-align:top;"
"overflow-wrap:normal}\n"
"th{background:#f0f0f0}th:first-child,td.t{text-align:left}\n"
"td.t:first-child{min-width:8rem}\n"
".r{color:#555;display:block}.no{color:#777}\n"
".holds{background:#e4f4e4}.fails{background:#f8dede;font-weight:bold}\n"
"code{background:#f2f2f2;padding:0 .2rem}pre{background:#f2f2f2;padding:.6rem;overflow-x:auto}\n"
"@media(max-width:40rem){body{font-size:15px;padding:0 .7rem 2rem}}\n"
"</style>\n";

static void report_text_n(FILE *out, const char *text, size_t n)
{
	for (; n; text++, n--) {
		if (*text == '&')
			fputs("&amp;", out);
		else if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '>')
			fputs("&gt;", out);
		else if (*text == '"')
			fputs("&quot;", out);
		else if ((unsigned char)*text >= 0x20 || *text == '\n')
			fputc(*text, out);
	}
}

void report_text(FILE *out, const char *text)
{
	report_text_n(out, text, text ? strlen(text) : 0);
}

int report_base64(FILE *out, const char *path)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	FILE *f = fopen(path, "re");
	unsigned char b[3];
	size_t n;

	if (!f)
		return -errno;
	while ((n = fread(b, 1, 3, f)) > 0) {
		unsigned int v = b[0] << 16 | (n > 1 ? b[1] : 0) << 8 | (n > 2 ? b[2] : 0);

		fputc(digits[v >> 18], out);
		fputc(digits[v >> 12 & 63], out);
		fputc(n > 1 ? digits[v >> 6 & 63] : '=', out);
		fputc(n > 2 ? digits[v & 63] : '=', out);
	}
	n = ferror(f);
	fclose(f);
	return n ? -EIO : 0;
}

static void para(FILE *out, const char *tag, const char *text)
{
	fprintf(out, "<%s>", tag);
	report_text(out, text);
	fprintf(out, "</%s>\n", tag);
}

static const char *of(const json_t *o, const char *a)
{
	const json_t *v = json_object_get(o, a);

	return json_is_string(v) ? json_string_value(v) : "";
}

static void cell(FILE *out, const char *tag, const char *class, const char *text)
{
	fprintf(out, "<%s%s%s%s>", tag, class ? " class=\"" : "", class ? class : "",
		class ? "\"" : "");
	report_text(out, text);
	fprintf(out, "</%s>", tag);
}

/* Records that differ in parameters and repetition only are one line. */
static bool same_line(const struct record *a, const struct record *b)
{
	static const char *const keys[] = { "mode", "costs" };
	const json_t *m = json_object_get(a->root, "machine"), *n = json_object_get(b->root, "machine");
	size_t i;

	for (i = 0; i < 2; i++)
		if (strcmp(of(a->point, keys[i]), of(b->point, keys[i])))
			return false;
	return !strcmp(a->scenario, b->scenario) && !strcmp(a->config, b->config) &&
	       !strcmp(a->sha256, b->sha256) && !strcmp(of(m, "kernel"), of(n, "kernel")) &&
	       !strcmp(of(m, "testbed"), of(n, "testbed"));
}

static void run_row(FILE *out, const struct records *rs, size_t at)
{
	const struct record *r = &rs->list[at];
	const json_t *machine = json_object_get(r->root, "machine");
	const char *costs = of(r->point, "costs");
	char points[24];
	size_t i, n = 0;

	for (i = 0; i < rs->n; i++) {
		if (!same_line(r, &rs->list[i]))
			continue;
		if (i < at)
			return;
		n++;
	}
	snprintf(points, sizeof(points), "%zu", n);
	fputs("<tr>", out);
	cell(out, "td", "t", r->scenario);
	cell(out, "td", "t", r->config_title);
	cell(out, "td", NULL, points);
	cell(out, "td", "t", of(r->root, "backend"));
	cell(out, "td", "t", of(r->point, "mode"));
	cell(out, "td", "t", *costs ? costs : "-");
	cell(out, "td", "t", of(machine, "kernel"));
	cell(out, "td", "t", of(machine, "testbed"));
	fprintf(out, "<td class=\"t\">%.12s</td></tr>\n", r->sha256);
}

/* What the times of the records are, each once. */
static void time_labels(FILE *out, const struct records *rs)
{
	size_t i, j;

	for (i = 0; i < rs->n; i++) {
		const char *label = record_time_label(&rs->list[i]);

		for (j = 0; j < i && strcmp(record_time_label(&rs->list[j]), label); j++)
			;
		if (j == i)
			para(out, "p", label);
	}
}

static void runs(FILE *out, const struct records *rs)
{
	static const char *const titles[] = { "scenario", "configuration", "points", "backend",
		"mode", "costs", "kernel", "testbed", "scenario file" };
	size_t i;

	fputs("<h2 id=\"runs\">What was run on what</h2>\n", out);
	if (!rs->n) {
		fputs("<p>No records were given: this page has the printed values only.</p>\n", out);
		return;
	}
	fprintf(out, "<p>%zu records. Each holds the whole machine it was made on; records with "
		"the same testbed and scenario file can be compared to the last exit.</p>\n", rs->n);
	time_labels(out, rs);
	fputs("<div class=\"wide\"><table><tr>", out);
	for (i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		cell(out, "th", NULL, titles[i]);
	fputs("</tr>\n", out);
	for (i = 0; i < rs->n; i++)
		run_row(out, rs, i);
	fputs("</table></div>\n", out);
}

static void value_cell(FILE *out, const struct paper_cell *c)
{
	char buf[64];
	double ratio;

	if (!c) {
		fputs("<td></td>", out);
		return;
	}
	fprintf(out, "<td>%s", c->has_printed ? paper_number(true, c->printed, buf, sizeof(buf)) :
		"<span class=\"no\">not printed</span>");
	if (c->has_ours)
		fprintf(out, "<br><b>%s</b>", paper_number(true, c->ours, buf, sizeof(buf)));
	else
		fputs("<br><span class=\"no\">n/a</span>", out);
	if (*paper_band(c, buf, sizeof(buf)))
		fprintf(out, "<span class=\"r\">%s</span>", buf);
	if (paper_ratio(c, &ratio))
		fprintf(out, "<span class=\"r\">x %s</span>",
			paper_number(true, ratio, buf, sizeof(buf)));
	if (c->has_ours)
		fprintf(out, "<span class=\"r\">%s%s%s</span>", paper_label_name(c->label),
			*c->costs ? " " : "", c->costs);
	fputs("</td>", out);
}

static int panel_rows(FILE *out, const struct paper_values *v, const struct paper_panel *p,
		      const struct paper_names *configs, const char *metric)
{
	struct paper_names xs;
	size_t i, j, unknown = 0;
	int ret = paper_axis_names(v, p, PAPER_XS, metric, &xs);

	for (i = 0; !ret && i < xs.n; i++) {
		const struct paper_cell *c = NULL;

		if (xs.n > 1 && !paper_row_known(v, p, configs, xs.name[i], metric)) {
			unknown++;
			continue;
		}
		for (j = 0; !c && j < configs->n; j++)
			c = paper_cell(v, p, configs->name[j], xs.name[i], metric);
		fputs("<tr><td class=\"t\">", out);
		report_text(out, metric);
		if (c && *c->unit) {
			fputs(", ", out);
			report_text(out, c->unit);
		}
		if (xs.n > 1) {
			fputs(": ", out);
			report_text(out, xs.name[i]);
		}
		fputs("</td>", out);
		for (j = 0; j < configs->n; j++)
			value_cell(out, paper_cell(v, p, configs->name[j], xs.name[i], metric));
		fputs("</tr>\n", out);
	}
	if (unknown)
		fprintf(out, "<tr><td class=\"t no\" colspan=\"%zu\">%zu more rows have no value, "
			"printed or ours</td></tr>\n", configs->n + 1, unknown);
	free(xs.name);
	return ret;
}

static int panel(FILE *out, const struct paper_values *v, const struct paper_panel *p)
{
	struct paper_names configs, metrics = { 0 };
	struct paper_reason why[MAX_REASONS];
	int ret = paper_axis_names(v, p, PAPER_CONFIGURATIONS, NULL, &configs);
	size_t i, n;

	if (!ret)
		ret = paper_axis_names(v, p, PAPER_METRICS, NULL, &metrics);
	if (!ret) {
		para(out, "h4", p->title);
		fputs("<div class=\"wide\"><table><tr><th>as printed, <b>ours</b>, x ratio</th>", out);
		for (i = 0; i < configs.n; i++)
			cell(out, "th", NULL, configs.name[i]);
		fputs("</tr>\n", out);
	}
	for (i = 0; !ret && i < metrics.n; i++)
		ret = panel_rows(out, v, p, &configs, metrics.name[i]);
	if (!ret) {
		fputs("</table></div>\n", out);
		n = paper_reasons(v, p, NULL, why, MAX_REASONS);
		for (i = 0; i < n; i++) {
			fputs("<p class=\"no\">n/a: ", out);
			report_text(out, why[i].who);
			fputs(": ", out);
			report_text(out, why[i].why);
			fprintf(out, " (%zu value%s)</p>\n", why[i].cells,
				why[i].cells == 1 ? "" : "s");
		}
	}
	free(configs.name);
	free(metrics.name);
	return ret;
}

/* Paragraphs, and the counters their numbers come from. */
static void explained(FILE *out, const struct explanation *e, bool first)
{
	const char *line = e->shown, *end;

	fprintf(out, "<div%s%s%s>", first ? " id=\"why-" : "", first ? e->id : "", first ? "\"" : "");
	for (; e->holds && (end = strchr(line, '\n')); line = end + 1) {
		fputs("<p>", out);
		report_text_n(out, line, end - line);
		fputs("</p>\n", out);
	}
	fputs(e->holds ? "<p class=\"r\">Counters: " : "<p class=\"no\">Not explained yet: ", out);
	report_text(out, e->holds ? e->counters : e->why);
	fputs("</p></div>\n", out);
}

static void differences(FILE *out, const struct report *r, const struct paper_item *it)
{
	const struct explanation *e = NULL;
	bool any = false;

	while ((e = explain_of_item(r->explanations, e, it->id))) {
		fputs(any ? "" : "<h4>Differences</h4>\n", out);
		any = true;
		explained(out, e, !strcmp(explain_name(e, false, 0), it->id));
	}
}

/* An image without data would be a broken one. */
static int no_picture(FILE *out)
{
	fputs("<p class=\"no\">The picture was not drawn (--no-plots, or no gnuplot).</p>\n", out);
	return 0;
}

static int picture(FILE *out, const struct paper_item *it, const char *path)
{
	int ret;

	fputs("<div class=\"wide\"><img alt=\"", out);
	report_text(out, it->title);
	fputs("\" src=\"data:image/svg+xml;base64,", out);
	ret = report_base64(out, path);
	fputs("\"></div>\n", out);
	return ret;
}

static int item(FILE *out, const struct report *r, const struct paper_values *v)
{
	const struct paper_item *it = v->item;
	char path[4300], buf[200];
	size_t i;
	int ret = 0;

	fprintf(out, "<section id=\"%s\"><h2>", it->id);
	report_text(out, it->title);
	fputs("</h2>\n", out);
	para(out, "p", it->caption);
	fputs("<p>As printed: ", out);
	report_text(out, it->source);
	fputs(". Ours: ", out);
	report_text(out, paper_labels(v, buf, sizeof(buf)));
	fputs(".</p>\n", out);
	if (it->traces.n) {
		snprintf(path, sizeof(path), "%s/%s-timeline.svg", r->pictures, it->id);
		fputs("<p>From traces of our own runs:</p>\n", out);
		ret = access(path, R_OK) ? no_picture(out) : picture(out, it, path);
	}
	if (!ret && paper_drawn(it)) {
		snprintf(path, sizeof(path), "%s/%s.svg", r->pictures, it->id);
		ret = access(path, R_OK) ? no_picture(out) : picture(out, it, path);
	}
	for (i = 0; !ret && i < it->nr_panels; i++)
		ret = panel(out, v, &it->panels[i]);
	if (!ret && it->notes.n) {
		fputs("<ul>\n", out);
		for (i = 0; i < it->notes.n; i++)
			para(out, "li", it->notes.p[i].a);
		fputs("</ul>\n", out);
	}
	differences(out, r, it);
	fputs("</section>\n", out);
	return ret;
}

static void contents(FILE *out, const struct paper *p)
{
	size_t i;

	fputs("<nav><ul>\n<li><a href=\"#runs\">What was run on what</a></li>\n", out);
	for (i = 0; i < p->nr_items; i++) {
		fprintf(out, "<li><a href=\"#%s\">", p->items[i].id);
		report_text(out, p->items[i].title);
		fputs("</a></li>\n", out);
	}
	fputs("<li><a href=\"#claims\">Claims</a></li>\n"
	      "<li><a href=\"#repeat\">How to repeat</a></li>\n</ul></nav>\n", out);
}

int report_write(FILE *out, const struct report *r)
{
	size_t i;
	int ret = 0;

	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	      "<title>ELI, ELVIS and SYSTOR 2012: as printed and ours</title>\n", out);
	fputs(style, out);
	fputs("</head><body>\n<h1>ELI, ELVIS and SYSTOR 2012: as printed and ours</h1>\n"
	      "<p>Every table and figure of the papers, with the values they print and those of our "
	      "own runs. What has no value has a reason.</p>\n"
	      "<p><b>measured</b>: counted by the host's kernel, no time in it. <b>modelled</b>: "
	      "virtual time of an emulated machine with published prices for what an emulator makes "
	      "too cheap; the cost set is named, and a range is what the set's published ranges and "
	      "repetitions give. <b>instruction time</b>: virtual time of one instruction a "
	      "nanosecond; compare configurations by it, not machines.</p>\n", out);
	contents(out, r->paper);
	runs(out, r->records);
	for (i = 0; !ret && i < r->paper->nr_items; i++)
		ret = item(out, r, &r->values[i]);
	report_claims(out, r);
	fputs("<h2 id=\"repeat\">How to repeat</h2>\n<p>From the records of this page:</p><pre>", out);
	report_text(out, r->command);
	fputs("</pre>\n<p>The runs themselves, on Debian 12 as root: <code>make paper-quick</code> for "
	      "a subset, <code>make paper</code> for all. Both go on where they stopped. Modes "
	      "counts and timed give the same records again, byte for byte.</p>\n</body></html>\n",
	      out);
	return ret;
}
