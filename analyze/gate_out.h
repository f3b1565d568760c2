/* SPDX-License-Identifier: GPL-2.0 */
/* What the gate found, for people and for programs. */
#ifndef EXITLAB_GATE_OUT_H
#define EXITLAB_GATE_OUT_H

#include <stdio.h>

#include "analyze/gate.h"

/* All of it, under 80 columns; the last line is the summary. */
void gate_text(FILE *out, const struct gate *g);
/* Only what belongs to one workload: its verdict, what moved, and how it was compared. */
void gate_text_load(FILE *out, const struct gate_load *l);
/* What the sides differ in, or that they do not. @point: for this one only; NULL: everywhere. */
void gate_text_differences(FILE *out, const struct gate *g, const char *point);

/* Schema exitlab-check/1, a new object; @status is that of the program. NULL without memory. */
json_t *gate_json(const struct gate *g, int status);

/*
 * JUnit XML as GitHub's and GitLab's readers take it: a suite per scenario, a case per workload. An
 * undecided workload is an error; @improvement_fails makes an improvement a failure.
 */
void gate_junit(FILE *out, const struct gate *g, bool improvement_fails);
/* The same for a gate that could not be used at all: a suite with one error. */
void gate_junit_unusable(FILE *out, const char *name, const char *why);

#endif
