/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Drawing with gnuplot. What it is given stays beside the plot: the numbers (.dat) and the whole
 * script (.gp), so that a plot can be restyled without exitlab. Functions tell what went wrong.
 */
#ifndef EXITLAB_GNUPLOT_H
#define EXITLAB_GNUPLOT_H

#include <limits.h>
#include <stdio.h>

/* Where one plot's files are. */
struct plot_names {
	char dir[PATH_MAX];
	char base[NAME_MAX];	/* within dir, without an ending */
};

/* "results/demo/x" into "results/demo" and "x". @option is named if it cannot be. 0 or -EINVAL. */
int gnuplot_names(const char *option, const char *path, struct plot_names *n);

/*
 * Writes DIR/BASE.dat by @write_data, DIR/BASE.gp by @write_variables (given the names of the plot
 * and of the data file) and the template plots/TEMPLATE.gp, then runs gnuplot and prints the names
 * of what was drawn. @command is named in the script. The writers return 0 or -ENOMEM. 0 or
 * negative errno.
 */
int gnuplot_draw(const struct plot_names *n, const char *command, const char *template_name,
		 int (*write_data)(FILE *out, const void *arg),
		 int (*write_variables)(FILE *out, const void *arg, const char *base,
					const char *data), const void *arg);

#endif
