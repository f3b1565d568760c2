/* SPDX-License-Identifier: GPL-2.0 */
/* The report on the papers: one page that needs nothing else, for any browser. */
#ifndef EXITLAB_REPORT_H
#define EXITLAB_REPORT_H

#include <stdio.h>

#include "analyze/claims.h"
#include "analyze/explain.h"
#include "analyze/paper.h"

struct report {
	const struct paper *paper;
	const struct paper_values *values;	/* one per item of the paper */
	const struct records *records;
	const struct judged_claim *claims;
	size_t nr_claims;
	const char *pictures;		/* folder with ITEM.svg; missing ones are said */
	const struct explanations *explanations;
	const char *command;		/* how to repeat */
};

/* 0 or -ENOMEM. */
int report_write(FILE *out, const struct report *r);

/* Text of HTML: nothing of it is a tag. */
void report_text(FILE *out, const char *text);
/* A file as base64. 0 or negative errno. */
int report_base64(FILE *out, const char *path);
/* The part about claims. */
void report_claims(FILE *out, const struct report *r);

#endif
