/* SPDX-License-Identifier: GPL-2.0 */
/* Files and folders. */
#ifndef EXITLAB_FS_H
#define EXITLAB_FS_H

#include <stddef.h>

/* mkdir -p. 0 or negative errno. */
int make_dirs(const char *path);
/* rm -rf; does not follow symbolic links and stays on one file system. 0 or negative errno. */
int remove_tree(const char *path);
/* Writes @text to @path so that a reader sees the old file or the whole new one, even after a
 * crash. 0 or negative errno. */
int write_whole(const char *path, const char *text, size_t len);

#endif
