// SPDX-License-Identifier: GPL-2.0
#include "cmd/metrics_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/part.h"

static const struct watch_vm *find(const struct metrics_parts *m, pid_t pid)
{
	const struct watch_vm *found = NULL;
	size_t i;

	for (i = 0; i < m->nr_vms; i++)
		if (m->vms[i].pid == pid && (!found || !m->vms[i].ended_ns))
			found = &m->vms[i];
	return found;
}

static bool keep(pid_t vm, int vcpu, void *arg)
{
	const struct metrics_parts *m = arg;
	const struct watch_vm *w;
	size_t i;

	(void)vcpu;
	if (vm <= 0)
		return true;	/* a row of the host */
	w = find(m, vm);
	if (!w || !w->ended_ns)
		return w != NULL;
	for (i = 0; i < m->nr_vms; i++)
		if (m->vms[i].pid != vm && !strcmp(m->vms[i].label, w->label) &&
		    (!m->vms[i].ended_ns || m->vms[i].ended_ns > w->ended_ns))
			return false;
	return true;
}

static const char *label(pid_t vm, void *arg)
{
	const struct watch_vm *w = find(arg, vm);

	return w ? w->label : NULL;
}

static int add(struct metrics_parts *m, const struct part *step)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (m->total[i]->ops == step->ops)
			return step->ops->add(m->total[i], step);
	if (m->n == MAX_PARTS)
		return 0;
	m->total[m->n] = step->ops->delta(step, NULL);
	return m->total[m->n] ? m->n++, 0 : -ENOMEM;
}

int metrics_parts_add(struct metrics_parts *m, const struct watch_view *v)
{
	struct watch_vm *vms = calloc(v->nr_vms + 1, sizeof(*vms));
	size_t i;
	int ret = vms ? 0 : -ENOMEM;

	if (ret)
		return ret;
	memcpy(vms, v->vms, v->nr_vms * sizeof(*vms));
	free(m->vms);
	m->vms = vms;
	m->nr_vms = v->nr_vms;
	for (i = 0; !ret && i < v->step.nr_parts; i++)
		ret = add(m, v->step.parts[i]);
	for (i = 0; i < m->n; i++)
		m->total[i]->ops->filter(m->total[i], keep, m);
	return ret;
}

void metrics_parts_write(const struct metrics_parts *m, FILE *f, bool per_vcpu)
{
	struct part_ctx c = { .name = label, .arg = (void *)m, .per_vcpu = per_vcpu };
	size_t i;

	for (i = 0; i < m->n; i++)
		m->total[i]->ops->prom(f, m->total[i], &c);
}

void metrics_parts_free(struct metrics_parts *m)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		m->total[i]->ops->free(m->total[i]);
	free(m->vms);
	memset(m, 0, sizeof(*m));
}
