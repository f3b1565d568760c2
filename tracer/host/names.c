// SPDX-License-Identifier: GPL-2.0
/*
 * Names of VMM processes, kept. A VM is looked at while it runs and shown when it may be gone; and
 * a pid is given to somebody else one day, which its start time tells.
 */
#include "host/names.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned long long names_start_time(const char *stat)
{
	/* The command may hold blanks and parentheses; what follows it does not. */
	const char *p = strrchr(stat, ')');
	unsigned long long start;
	int field;

	if (!p || !p[1])
		return 0;
	p++;
	for (field = 3; field < 22; field++) {
		p += *p == ' ';
		p += strcspn(p, " ");
	}
	return sscanf(p, " %llu", &start) == 1 ? start : 0;
}

/* 0: there is no such process. */
static unsigned long long start_of(const struct names *n, pid_t pid)
{
	char path[PATH_MAX], text[1024];
	size_t have;
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/%d/stat", n->root ? n->root : "", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	have = fread(text, 1, sizeof(text) - 1, f);
	text[have] = 0;
	fclose(f);
	return names_start_time(text);
}

static struct vm_who *find(const struct names *n, pid_t pid)
{
	size_t i;

	for (i = n->n; i > 0; i--)	/* the newest of that pid */
		if (n->who[i - 1]->pid == pid)
			return n->who[i - 1];
	return NULL;
}

static struct vm_who *add(struct names *n, pid_t pid)
{
	struct vm_who **more = realloc(n->who, (n->n + 1) * sizeof(*more)), *w;

	if (!more)
		return NULL;
	n->who = more;
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->pid = pid;
	n->who[n->n++] = w;
	return w;
}

const struct vm_who *names_get(struct names *n, pid_t pid)
{
	const char *root = n->root ? n->root : "";
	unsigned long long start = start_of(n, pid);
	struct vm_who *w = find(n, pid);
	char cgroup[4096];

	if (!start || (w && (w->start == start || !w->start)))
		return w;
	w = add(n, pid);
	if (!w)
		return NULL;
	w->start = start;
	vm_name_read(root, pid, w->name, sizeof(w->name));
	if (!vm_cgroup_read(root, pid, cgroup, sizeof(cgroup)))
		w->cgroup = strdup(cgroup);
	return w;
}

const char *names_name(pid_t pid, void *names)
{
	const struct vm_who *w = names_get(names, pid);

	return w ? w->name : NULL;
}

int names_add(struct names *n, pid_t pid, const char *name)
{
	struct vm_who *w = add(n, pid);

	if (!w)
		return -ENOMEM;
	snprintf(w->name, sizeof(w->name), "%s", name);
	return 0;
}

void names_forget(struct names *n, pid_t pid)
{
	size_t i, left = 0;

	for (i = 0; i < n->n; i++) {
		if (n->who[i]->pid == pid) {
			free(n->who[i]->cgroup);
			free(n->who[i]);
		} else {
			n->who[left++] = n->who[i];
		}
	}
	n->n = left;
}

void names_free(struct names *n)
{
	size_t i;

	for (i = 0; i < n->n; i++) {
		free(n->who[i]->cgroup);
		free(n->who[i]);
	}
	free(n->who);
	*n = (struct names){ .root = n->root };
}
