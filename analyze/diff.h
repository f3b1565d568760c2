/* SPDX-License-Identifier: GPL-2.0 */
/* Are two runs of a scenario the same? */
#ifndef EXITLAB_DIFF_H
#define EXITLAB_DIFF_H

#include <stdio.h>

#include "analyze/record.h"

/*
 * Compares two JSON values and writes the paths that differ with both values, at most @max of
 * them, each after @indent. Members named "volatile" or ending in "_volatile" are left out, at any
 * depth. Returns how many values differ.
 */
size_t diff_json(FILE *out, const char *indent, const json_t *a, const json_t *b, size_t max);

/*
 * Compares each point of @a with the point of the same scenario and id in @b; writes the points
 * that differ and, last, "N of M points identical". A point that only one side has counts as
 * different. Returns how many points are not identical.
 */
size_t diff_records(FILE *out, const struct records *a, const struct records *b);

#endif
