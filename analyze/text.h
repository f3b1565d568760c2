/* SPDX-License-Identifier: GPL-2.0 */
/* Tables for people: under 80 columns, one per workload. */
#ifndef EXITLAB_TEXT_H
#define EXITLAB_TEXT_H

#include <stdio.h>

#include "analyze/table.h"

/* The scenario, its kernel and its time base: what stands above its tables. */
void text_heading(FILE *out, const struct record *r);
/* A table; reasons after the @top largest are put together as "other". */
void text_table(FILE *out, const struct table *t, size_t top);
/*
 * Every cross check that does not agree and every event that was lost, loudly. Returns how many
 * there are.
 */
size_t text_failed_checks(FILE *out, const struct table *t);

#endif
