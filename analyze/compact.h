/* SPDX-License-Identifier: GPL-2.0 */
/* Records made small, to be kept with the project: what tables and plots need stays. */
#ifndef EXITLAB_COMPACT_H
#define EXITLAB_COMPACT_H

#include "analyze/record.h"

/*
 * Writes each record to DIR/SCENARIO/POINT.json, on few lines, without what is volatile and without
 * distributions (histograms). Prints nothing. 0 or negative errno, told.
 */
int compact_write(const struct records *rs, const char *dir);

#endif
