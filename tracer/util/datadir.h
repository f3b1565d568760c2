/* SPDX-License-Identifier: GPL-2.0 */
/* Where the program's own files are: plot templates, testbed scripts, scenarios. */
#ifndef EXITLAB_DATADIR_H
#define EXITLAB_DATADIR_H

#include <stddef.h>

/*
 * Puts the data folder into @buf (of @n bytes), without a slash at its end: $EXITLAB_DATA if set;
 * else the source tree the executable was built in; else PREFIX/share/exitlab.
 * 0; -ENOENT if the folder has no plots/ in it (then @buf still names the folder that was tried
 * last); -ENAMETOOLONG.
 */
int datadir(char *buf, size_t n);

#endif
