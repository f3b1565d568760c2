/* SPDX-License-Identifier: GPL-2.0 */
/* Tables for programs. */
#ifndef EXITLAB_EXPORT_H
#define EXITLAB_EXPORT_H

#include <stdio.h>

#include "analyze/table.h"

/*
 * One value per line, with a header line. Columns: scenario, point, configuration, parameters
 * ("key=value;key=value"), workload, unit, work, metric, isa, reason, detail, value. Numbers are
 * of the C locale; a field with a comma, a quote or a line end is quoted as RFC 4180 says.
 */
void export_csv(FILE *out, const struct table *tables, size_t n);
/* A field of CSV, quoted if need be. */
void export_field(FILE *out, const char *text);
/* An "exitlab-analysis/1" object, described in exitlab-analyze(1). NULL: no memory. */
json_t *export_json(const struct table *tables, size_t n);

#endif
