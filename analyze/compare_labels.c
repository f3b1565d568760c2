// SPDX-License-Identifier: GPL-2.0
/*
 * What the sides of a comparison are called: as the user says, else by their files. Two results
 * folders usually have one name ("a/demo" and "b/demo"), so what is above it may have to tell.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/compare.h"

/* The last @parts parts of a path, without ".json" and slashes at the end. To be freed. */
static char *tail_of(const char *path, int parts)
{
	size_t end = strlen(path), start;

	while (end > 1 && path[end - 1] == '/')
		end--;
	start = end;
	while (start && (path[start - 1] != '/' || --parts))
		start--;
	/* No slash to begin with, unless that is all there is. */
	while (start + 1 < end && path[start] == '/')
		start++;
	if (start == end)
		return strdup(path);
	if (end - start > 5 && !strncmp(path + end - 5, ".json", 5))
		end -= 5;
	return strndup(path + start, end - start);
}

int compare_parse_set(const char *arg, bool exists, struct compare_set *out)
{
	const char *equal = strchr(arg, '='), *slash = strchr(arg, '/');

	/* Points have '=' in their names, too: those of a folder have a '/' before it. */
	if (exists || !equal || equal == arg || !equal[1] || (slash && slash < equal)) {
		out->label = tail_of(arg, 1);
		out->path = strdup(arg);
	} else {
		out->label = strndup(arg, equal - arg);
		out->path = strdup(equal + 1);
	}
	return out->label && out->path ? 0 : -ENOMEM;
}

/* Whether the label was made from the path. */
static bool is_made(const struct compare_set *set)
{
	char *tail = tail_of(set->path, 1);
	bool made = tail && !strcmp(tail, set->label);

	free(tail);
	return made;
}

static size_t times(const struct compare_set *sets, size_t n, const char *label)
{
	size_t i, found = 0;

	for (i = 0; i < n; i++)
		found += !strcmp(sets[i].label, label);
	return found;
}

static int set_label(struct compare_set *set, char *label)
{
	if (!label)
		return -ENOMEM;
	free(set->label);
	set->label = label;
	return 0;
}

/* Labels that stand more than once, and were not chosen, get what is above them. */
static int add_folders(struct compare_set *sets, size_t n)
{
	bool *clash = calloc(n, sizeof(*clash));
	size_t i;
	int rc = clash ? 0 : -ENOMEM;

	for (i = 0; clash && i < n; i++)
		clash[i] = times(sets, n, sets[i].label) > 1 && is_made(&sets[i]);
	for (i = 0; i < n && !rc; i++) {
		if (clash[i])
			rc = set_label(&sets[i], tail_of(sets[i].path, 2));
	}
	free(clash);
	return rc;
}

int compare_unique_labels(struct compare_set *sets, size_t n, const char **same)
{
	size_t i, j, number;
	int rc = add_folders(sets, n);
	char *label;

	for (i = 0; i < n && !rc; i++) {
		for (j = 0, number = 2; j < i; j++) {
			char *tail;

			if (strcmp(sets[j].label, sets[i].label))
				continue;
			tail = tail_of(sets[i].path, 2);
			if (!tail || (!is_made(&sets[i]) && strcmp(tail, sets[i].label))) {
				free(tail);
				*same = sets[i].label;
				return tail ? -EEXIST : -ENOMEM;
			}
			free(tail);
			do {
				if (asprintf(&label, "%s#%zu", sets[j].label, number++) < 0)
					return -ENOMEM;
				if (!times(sets, n, label))
					break;
				free(label);
			} while (true);
			rc = set_label(&sets[i], label);
			break;
		}
	}
	return rc;
}
