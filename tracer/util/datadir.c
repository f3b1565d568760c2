// SPDX-License-Identifier: GPL-2.0
/*
 * Finds the program's data folder. It must work for build/exitlab in a source tree, for an
 * installed program, and for a tree of either kind that was moved after it was built; so the place
 * of the executable counts first and the compiled-in prefix last.
 */
#include "util/datadir.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef PREFIX
#define PREFIX "/usr/local"
#endif

/* Any data folder has plots/; that it exists tells one from an arbitrary folder. */
static int try_dir(char *buf, size_t n, const char *dir, const char *sub)
{
	char plots[PATH_MAX + 64];
	struct stat st;

	if ((size_t)snprintf(buf, n, "%s%s", dir, sub) >= n)
		return -ENAMETOOLONG;
	snprintf(plots, sizeof(plots), "%s/plots", buf);
	return stat(plots, &st) || !S_ISDIR(st.st_mode) ? -ENOENT : 0;
}

/* The folder above the one that holds the executable. */
static int above_executable(char *buf, size_t n)
{
	ssize_t len = readlink("/proc/self/exe", buf, n - 1);
	int i;

	if (len < 0)
		return -errno;
	buf[len] = '\0';
	for (i = 0; i < 2; i++) {
		char *slash = strrchr(buf, '/');

		if (!slash)
			return -ENOENT;
		*slash = '\0';
	}
	return 0;
}

int datadir(char *buf, size_t n)
{
	const char *env = getenv("EXITLAB_DATA");
	char top[PATH_MAX];

	if (env && *env)
		return try_dir(buf, n, env, "");
	if (!above_executable(top, sizeof(top))) {
		if (!try_dir(buf, n, top, "") || !try_dir(buf, n, top, "/share/exitlab"))
			return 0;
	}
	return try_dir(buf, n, PREFIX, "/share/exitlab");
}
