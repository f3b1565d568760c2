// SPDX-License-Identifier: GPL-2.0
/* User space's half of bpf/endings.bpf.c. */
#include "host/endings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/endings.skel.h"
#include "bpf/vcpus.h"
#include "engine/rungs.h"
#include "util/log.h"

struct endings {
	struct endings_bpf *skel;
};

static int try_rung(struct endings *e, enum rung r)
{
	int ret;

	e->skel = endings_bpf__open();
	if (!e->skel)
		return -errno;
	bpf_program__set_autoload(e->skel->progs.process_exit, r == RUNG_RAW_TP);
	bpf_program__set_autoload(e->skel->progs.process_exit_tp, r == RUNG_TP);
	ret = endings_bpf__load(e->skel);
	if (!ret)
		ret = endings_bpf__attach(e->skel);
	verb("processes that end, by %s: %s", rung_name(r), strerror(-ret));
	if (!ret)
		return 0;
	endings_bpf__destroy(e->skel);
	e->skel = NULL;
	return ret;
}

int endings_open(struct endings **out)
{
	const char *forced = rungs_forced_entry(NULL);
	struct endings *e = calloc(1, sizeof(*e));
	int ret = -ENOMEM;

	if (!e)
		return ret;
	/* Typed arguments would win nothing: it asks for the current thread. */
	if (!forced || strcmp(forced, rung_name(RUNG_TP)))
		ret = try_rung(e, RUNG_RAW_TP);
	if (ret)
		ret = try_rung(e, RUNG_TP);
	if (ret)
		endings_close(e);
	else
		*out = e;
	return ret;
}

static struct ending *find_or_add(struct ending **list, size_t *n, const struct ended_record *r)
{
	struct ending *more;
	size_t i;

	for (i = 0; i < *n; i++)
		if ((*list)[i].pid == (pid_t)r->vcpu.tgid)
			return &(*list)[i];
	more = realloc(*list, (*n + 1) * sizeof(*more));
	if (!more)
		return NULL;
	*list = more;
	more += (*n)++;
	*more = (struct ending){ .pid = (pid_t)r->vcpu.tgid, .stat = { .source = "bpf" } };
	snprintf(more->comm, sizeof(more->comm), "%.15s", r->comm);
	return more;
}

int endings_read(struct endings *e, struct ending **out, size_t *n, uint64_t *missed)
{
	int fd = bpf_map__fd(e->skel->maps.ended);
	struct ended_key key, *prev = NULL;
	struct ended_record r;

	*out = NULL;
	*n = 0;
	*missed = e->skel->bss->missed;
	while (!bpf_map_get_next_key(fd, prev, &key)) {
		struct ending *one;

		prev = &key;
		if (bpf_map_lookup_elem(fd, &key, &r))
			continue;
		one = find_or_add(out, n, &r);
		if (!one) {
			free(*out);
			*out = NULL;
			return -ENOMEM;
		}
		kvmstat_add(&one->stat, &r.vcpu);
	}
	return 0;
}

void endings_close(struct endings *e)
{
	if (!e)
		return;
	endings_bpf__destroy(e->skel);
	free(e);
}
