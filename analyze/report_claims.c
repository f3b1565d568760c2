// SPDX-License-Identifier: GPL-2.0
/* The claims of the papers as a table: what each says, and what print and our runs say to it. */
#include "analyze/report.h"

#include <string.h>

#include "analyze/paper_out.h"

/* What a claim that fails is explained by, with links. */
static void explained(FILE *out, const struct explanations *x, const char *claim)
{
	const struct explanation *e = NULL;
	bool any = false;

	while ((e = explain_of_claim(x, e, claim))) {
		if (!e->holds)
			continue;
		fprintf(out, "%s<a href=\"#why-%s\">%s</a>", any ? ", " : "<br>why: ", e->id, e->id);
		any = true;
	}
	fputs(any ? "" : "<br>not explained yet", out);
}

static void verdict(FILE *out, int verdict, double value, const char *why, const char *over,
		    const struct explanations *x, const char *claim)
{
	static const char *const names[] = { "no data", "holds", "fails" };
	char buf[48];

	fprintf(out, "<td class=\"t %s\">", verdict == CLAIM_NO_DATA ? "no" : names[verdict]);
	if (verdict != CLAIM_NO_DATA)
		fprintf(out, "%s: %s", names[verdict], paper_number(true, value, buf, sizeof(buf)));
	else if (why)
		fputs("cannot be measured here: ", out);
	else
		fputs("not decided by print", out);
	report_text(out, verdict == CLAIM_NO_DATA ? why : NULL);
	if (over) {
		fputs("<br>", out);
		report_text(out, over);
	}
	if (x && verdict == CLAIM_FAILS)
		explained(out, x, claim);
	fputs("</td>", out);
}

void report_claims(FILE *out, const struct report *r)
{
	size_t i, n[2][3] = { 0 };

	for (i = 0; i < r->nr_claims; i++) {
		n[0][r->claims[i].printed]++;
		n[1][r->claims[i].measured]++;
	}
	fprintf(out, "<h2 id=\"claims\">Claims</h2>\n<p>%zu claims. By what the papers print: %zu hold, "
		"%zu fail, %zu are not decided. By our runs: %zu hold, %zu fail, %zu cannot be measured "
		"here. A claim on an absolute rate speaks of the paper's machine; that ours differs is "
		"no surprise, and no error of either.</p>\n", r->nr_claims, n[0][CLAIM_HOLDS],
		n[0][CLAIM_FAILS], n[0][CLAIM_NO_DATA], n[1][CLAIM_HOLDS], n[1][CLAIM_FAILS],
		n[1][CLAIM_NO_DATA]);
	fputs("<div class=\"wide\"><table><tr><th>claim</th><th>where</th><th>says</th>"
	      "<th>as printed</th><th>ours</th></tr>\n", out);
	for (i = 0; i < r->nr_claims; i++) {
		const struct judged_claim *j = &r->claims[i];

		fprintf(out, "<tr id=\"%s\"><td class=\"t\">%s</td><td class=\"t\">", j->c->id, j->c->id);
		report_text(out, j->c->source);
		fputs(", ", out);
		report_text(out, j->c->section);
		fputs(*j->c->item ? "; " : "", out);
		report_text(out, j->c->item);
		fputs("</td><td class=\"t\">", out);
		report_text(out, j->c->metric);
		fputs(" ", out);
		report_text(out, j->c->comparator);
		fprintf(out, " %g ", j->c->value);
		report_text(out, j->c->unit);
		fputs("<br><code>", out);
		report_text(out, j->c->expression);
		fputs("</code>", out);
		if (*j->c->note) {
			fputs("<br>", out);
			report_text(out, j->c->note);
		}
		fputs("</td>", out);
		verdict(out, j->printed, j->printed_value, NULL, NULL, NULL, NULL);
		verdict(out, j->measured, j->measured_value, j->why, j->over,
			r->explanations, j->c->id);
		fputs("</tr>\n", out);
	}
	fputs("</table></div>\n", out);
}
