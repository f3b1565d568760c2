// SPDX-License-Identifier: GPL-2.0
/*
 * Output of exitlab stat. An interval without exits can mean that there were none or that this KVM
 * does not report them; only the end of the measurement knows. Until then "none traced" is all that
 * is said.
 */
#include "cmd/stat_print.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "engine/snapshot_json.h"
#include "out/csv.h"

int stat_print_open(struct stat_print *p, const struct stat_options *o,
		    const struct stat_check *check, vm_name_fn name, void *arg)
{
	*p = (struct stat_print){ .o = o, .check = check, .name = name, .arg = arg, .f = stdout };
	if (o->output)
		p->f = fopen(o->output, "we");
	if (!p->f)
		return -errno;
	if (o->format == STAT_CSV)
		csv_header(p->f);
	return fflush(p->f) ? -errno : 0;
}

void stat_print_close(struct stat_print *p)
{
	if (p->f && p->f != stdout)
		fclose(p->f);
	p->f = NULL;
}

static double wall_time(const struct stat_print *p)
{
	struct timespec t;

	if (!p->check)
		return p->at;
	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int put_json(struct stat_print *p, json_t *o, size_t flags)
{
	int ret = o ? 0 : -ENOMEM;

	if (o && (json_dumpf(o, p->f, flags | JSON_REAL_PRECISION(15)) ||
		  fputc('\n', p->f) == EOF))
		ret = -EIO;
	json_decref(o);
	return ret;
}

static uint64_t exits(const struct trace_snapshot *s)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < s->nr_vcpus; i++)
		n += s->vcpus[i].exits;
	return n;
}

static int interval_json(struct stat_print *p, const struct trace_snapshot *s, unsigned int n)
{
	json_t *o = snapshot_to_json(s, p->name, p->arg);
	int bad;

	if (!o)
		return -ENOMEM;
	bad = json_object_set_new(o, "interval", json_integer(n)) ||
	      json_object_set_new(o, "time", json_real(wall_time(p)));
	if (p->traced || !p->check)
		bad |= json_object_set_new(o, "exits", json_integer((json_int_t)exits(s)));
	else
		bad |= json_object_set_new(o, "exits", json_null()) ||
		       json_object_set_new(o, "exits_why",
			json_string("none traced yet; the total says whether KVM counted any"));
	if (bad) {
		json_decref(o);
		return -ENOMEM;
	}
	return put_json(p, o, JSON_COMPACT);
}

static void interval_table(struct stat_print *p, const struct trace_snapshot *s, unsigned int n)
{
	time_t t = (time_t)wall_time(p);
	char clock[16];
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	fprintf(p->f, "=== interval %u: %.3f s up to %s\n", n, (double)s->duration_ns / 1e9, clock);
	if (!exits(s))
		fputs("no exit was traced\n", p->f);
	out_exits(p->f, s, p->o->top, p->o->sort, p->name, p->arg);
	fputc('\n', p->f);
}

int stat_print_interval(struct stat_print *p, const struct trace_snapshot *s, unsigned int n)
{
	struct csv_block b = { wall_time(p), n };
	int ret = 0;

	p->traced += exits(s);
	switch (p->o->format) {
	case STAT_JSON:
		ret = interval_json(p, s, n);
		break;
	case STAT_CSV:
		csv_exits(p->f, &b, s, p->name, p->arg);
		break;
	case STAT_TABLE:
		interval_table(p, s, n);
		break;
	}
	if ((fflush(p->f) || ferror(p->f)) && !ret)
		ret = errno ? -errno : -EIO;
	return ret;
}

static int total_json(struct stat_print *p, const struct trace_snapshot *s)
{
	json_t *o = snapshot_to_json(s, p->name, p->arg);
	int ret = o ? 0 : -ENOMEM;

	if (!ret && p->check)
		ret = stat_check_json(p->check, s, o);
	else if (!ret && json_object_update_recursive(o, p->more))
		ret = -ENOMEM;
	if (!ret && p->o->interval_s > 0 &&
	    (json_object_set_new(o, "interval", json_string("total")) ||
	     json_object_set_new(o, "time", json_real(wall_time(p)))))
		ret = -ENOMEM;
	if (ret) {
		json_decref(o);
		return ret;
	}
	return put_json(p, o, p->o->interval_s > 0 ? JSON_COMPACT : JSON_INDENT(1));
}

int stat_print_total(struct stat_print *p, const struct trace_snapshot *s, bool told)
{
	struct csv_block b = { wall_time(p), 0 };
	int ret = 0;

	switch (p->o->format) {
	case STAT_JSON:
		ret = total_json(p, s);
		break;
	case STAT_CSV:
		csv_exits(p->f, &b, s, p->name, p->arg);
		break;
	case STAT_TABLE:
		if (told && p->o->interval_s > 0)
			fprintf(p->f, "=== total\n");
		if (told)
			out_exits(p->f, s, p->o->top, p->o->sort, p->name, p->arg);
		break;
	}
	if ((fflush(p->f) || ferror(p->f)) && !ret)
		ret = errno ? -errno : -EIO;
	return ret;
}
