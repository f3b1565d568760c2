// SPDX-License-Identifier: GPL-2.0
/*
 * The gate's answer as JUnit XML. There is no standard; what is written here is what the readers of
 * GitHub's actions and of GitLab agree on. The hard thing is that texts come from files: XML 1.0
 * cannot hold most control characters, not even escaped.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/gate_out.h"

/* Escapes; what XML cannot hold, and what is no UTF-8 (a text that was cut), becomes '?'. */
static void escape(FILE *out, const char *s)
{
	json_t *whole = json_string(s);
	const unsigned char *c;

	for (c = (const unsigned char *)s; *c; c++) {
		switch (*c) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			/* U+FFFE and U+FFFF: EF BF BE, EF BF BF */
			if (c[0] == 0xef && c[1] == 0xbf && c[2] >= 0xbe && whole) {
				fputc('?', out);
				c += 2;
			} else {
				fputc((*c < 0x20 && *c != '\n') || *c == 0x7f ||
				      (*c >= 0x80 && !whole) ? '?' : *c, out);
			}
		}
	}
	json_decref(whole);
}

static void attribute(FILE *out, const char *name, const char *value)
{
	fprintf(out, " %s=\"", name);
	escape(out, value);
	fputc('"', out);
}

/* "failure", "error" or NULL. */
static const char *element_of(enum gate_verdict v, bool improvement_fails)
{
	if (v == GATE_REGRESSION || (v == GATE_IMPROVEMENT && improvement_fails))
		return "failure";
	return v == GATE_UNDECIDED || v == GATE_UNUSABLE ? "error" : NULL;
}

/* The text of a workload with what its two sides differ in; NULL without memory. */
static char *load_text(const struct gate *g, const struct gate_load *l)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	gate_text_load(f, l);
	gate_text_differences(f, g, l->point);
	fclose(f);
	return text;
}

static void load_case(FILE *out, const struct gate *g, const struct gate_load *l,
		      const char *element)
{
	char *text = element ? load_text(g, l) : NULL, *name = NULL;
	int cut = text ? (int)strcspn(text, "\n") : 0;

	if (asprintf(&name, "%s/%s", l->point, l->name) < 0)
		name = NULL;
	fputs("    <testcase", out);
	attribute(out, "classname", g->scenario);
	attribute(out, "name", name ? name : l->name);
	free(name);
	if (!element) {
		fputs("/>\n", out);
		return;
	}
	fprintf(out, ">\n      <%s type=\"%s\"", element, gate_verdict_name(l->verdict));
	if (text) {
		char *line = strndup(text, cut);

		attribute(out, "message", line ? line : "");
		free(line);
	}
	fputc('>', out);
	escape(out, text ? text : gate_verdict_name(l->verdict));
	fprintf(out, "</%s>\n    </testcase>\n", element);
	free(text);
}

static void missing_case(FILE *out, const struct gate *g, const char *name)
{
	fputs("    <testcase", out);
	attribute(out, "classname", g->scenario);
	attribute(out, "name", name);
	fputs(">\n      <error type=\"missing\" message=\"no record has it\"/>\n    </testcase>\n",
	      out);
}

static void suite(FILE *out, const char *name, size_t tests, size_t failures, size_t errors)
{
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", out);
	fprintf(out, "<testsuites tests=\"%zu\" failures=\"%zu\" errors=\"%zu\">\n  <testsuite",
		tests, failures, errors);
	attribute(out, "name", name);
	fprintf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"0\" time=\"0\">\n",
		tests, failures, errors);
}

void gate_junit(FILE *out, const struct gate *g, bool improvement_fails)
{
	/* With --partial what is missing does not count, and is not an error here either. */
	bool tell_missing = !g->missing_allowed || !g->n;
	size_t missing = tell_missing ? json_array_size(g->missing) : 0, failures = 0, i;
	size_t errors = missing;
	const char *element;
	json_t *name;

	for (i = 0; i < g->n; i++) {
		element = element_of(g->loads[i].verdict, improvement_fails);
		failures += element && *element == 'f';
		errors += element && *element == 'e';
	}
	suite(out, g->scenario, g->n + missing, failures, errors);
	for (i = 0; i < g->n; i++)
		load_case(out, g, &g->loads[i],
			  element_of(g->loads[i].verdict, improvement_fails));
	json_array_foreach(g->missing, i, name) {
		if (tell_missing)
			missing_case(out, g, json_string_value(name));
	}
	fputs("  </testsuite>\n</testsuites>\n", out);
}

void gate_junit_unusable(FILE *out, const char *name, const char *why)
{
	suite(out, name, 1, 0, 1);
	fputs("    <testcase classname=\"exitlab\" name=\"check\">\n      <error type=\"unusable\"",
	      out);
	attribute(out, "message", why);
	fputs("/>\n    </testcase>\n  </testsuite>\n</testsuites>\n", out);
}
