/* SPDX-License-Identifier: GPL-2.0 */
/* Items of the papers, for commands that draw. */
#ifndef EXITLAB_CMD_PAPER_H
#define EXITLAB_CMD_PAPER_H

#include "analyze/record.h"
#include "cmd/gnuplot.h"

/* Draws records of scenarios of any name as an item. 0 or negative errno, told. */
int paper_draw_as(const char *id, const struct records *rs, const struct plot_names *names);

#endif
