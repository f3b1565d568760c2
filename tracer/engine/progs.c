// SPDX-License-Identifier: GPL-2.0
#include "engine/progs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "util/log.h"

void progs_add(struct progs *p, struct bpf_program *prog, const char *name, const char *rung)
{
	struct probe_info *i = &p->info[p->n];

	p->prog[p->n++] = prog;
	snprintf(i->name, sizeof(i->name), "%s", name);
	snprintf(i->rung, sizeof(i->rung), "%s", rung);
}

static struct prog_cost prog_cost(const struct bpf_program *p)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len))
		return (struct prog_cost){ 0 };
	return (struct prog_cost){ info.run_cnt, info.run_time_ns, info.recursion_misses };
}

int progs_attach(struct progs *p)
{
	size_t i;
	int ret;

	for (i = 0; i < p->n; i++) {
		p->at_start[i] = prog_cost(p->prog[i]);
		p->link[i] = bpf_program__attach(p->prog[i]);
		if (!p->link[i]) {
			ret = -errno;
			err("cannot attach to %s by %s: %s", p->info[i].name, p->info[i].rung,
			    strerror(errno));
			progs_detach(p);
			return ret;
		}
	}
	return 0;
}

void progs_detach(struct progs *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		bpf_link__destroy(p->link[i]);
		p->link[i] = NULL;
	}
}

/* Two signals can be attached to the same event; it is named once. */
static void name_probe(struct trace_snapshot *out, const struct probe_info *p)
{
	size_t i;

	for (i = 0; i < out->nr_probes; i++)
		if (!strcmp(out->probes[i].name, p->name) && !strcmp(out->probes[i].rung, p->rung))
			return;
	if (out->nr_probes < MAX_PROBES)
		out->probes[out->nr_probes++] = *p;
}

void progs_read(const struct progs *p, struct trace_snapshot *out)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		struct prog_cost c = prog_cost(p->prog[i]);

		name_probe(out, &p->info[i]);
		out->run_cnt += c.run_cnt - p->at_start[i].run_cnt;
		out->run_ns += c.run_ns - p->at_start[i].run_ns;
		out->ledger.recursion_missed += c.missed - p->at_start[i].missed;
	}
}
