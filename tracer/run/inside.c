// SPDX-License-Identifier: GPL-2.0
/*
 * The hard thing is a window with little beside the work: no process may have to be started, and
 * the host must not ask whether it is done. So the program is started and warmed up before the
 * window and waits at a pipe (a FIFO of the guest). In the window the agent gets one command, @go:
 * it writes to that pipe and sleeps at another until the program has said that it is done; the
 * answer to the command is all that the host waits for. No shell starts for it.
 *
 * fio cannot wait by itself, but each of its jobs can run a command before its first request
 * (exec_prerun; fio sends the output of its last part to a file). Of several jobs, who is let go
 * lets the next one go.
 */
#include "run/inside.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/log.h"

#define TIMEOUT_MS (600 * 1000)

/*
 * %s: the program with its arguments. On the pipe "out": ready as often as %u says, then the result;
 * or "failed".
 */
#define START "cd /tmp; rm -f go out; mkfifo go out; exec 3<>out; " \
	"{ %s || echo failed; } <>go >&3 2>messages & n=%u; while [ $n -gt 0 ]; do read r <&3; " \
	"n=$((n - 1)); [ \"$r\" = ready ] || n=0; done; echo \"$r\""

/*
 * A request is one of fio's: fixed seed, no page cache of the guest's, no map of what was read (so
 * more can be asked for than the disk has blocks), no statistics of the disk while it runs.
 */
#define FIO "fio --filename=/dev/%s --thread --ioengine=io_uring --direct=1 --group_reporting " \
	"--invalidate=0 --size=%u --bs=%u --iodepth=%u --io_size=%" PRIu64 " --norandommap " \
	"--randrepeat=1 --disk_util=0 --lat_percentiles=1 --clat_percentiles=0 --eta=never " \
	"--output-format=json --output=report"

bool inside_is(const struct sc_workload *w)
{
	return w->tool == SC_TOOL_TIMER || w->tool == SC_TOOL_BLOCK;
}

static unsigned int nr_jobs(const struct sc_workload *w)
{
	unsigned int n = w->tool == SC_TOOL_BLOCK ? w->readers + w->writers : 0;

	return n ? n : 1;
}

/* fio's command line for @requests by all jobs; options before the first name are for all. */
static void fio(const struct sc_workload *w, const struct guest *g, uint64_t requests,
		const char *option, char *buf, size_t size)
{
	size_t n = (size_t)snprintf(buf, size, FIO "%s", g->block, GUEST_DISK_BYTES, w->block_bytes,
				    w->depth, requests / nr_jobs(w) * w->block_bytes, option);

	if (!w->readers && !w->writers)
		n += (size_t)snprintf(buf + n, size - n, " --name=load --rw=%s", sc_rw_name(w->rw));
	if (w->readers)
		n += (size_t)snprintf(buf + n, size - n, " --name=readers --rw=randread --numjobs=%u",
				      w->readers);
	if (w->writers)
		snprintf(buf + n, size - n, " --name=writers --rw=randwrite --numjobs=%u", w->writers);
}

static void program(const struct sc_workload *w, const struct guest *g, char *buf, size_t size)
{
	if (w->tool == SC_TOOL_TIMER)
		snprintf(buf, size, "timers %" PRIu64 " %u %" PRIu64, w->timers, w->interval_us,
			 w->warmup);
	else
		fio(w, g, w->requests, nr_jobs(w) > 1 ?
		    " --exec_prerun='echo ready >out; read x <go; echo >go; :'" :
		    " --exec_prerun='echo ready >out; read x <go'", buf, size);
	if (w->tool == SC_TOOL_BLOCK)
		strncat(buf, " && echo done", size - strlen(buf) - 1);
}

static int failed(const struct load *l, struct guest *g, int ret, const char *when)
{
	char messages[512] = "";

	if (ret >= 0) {
		guest_run(g, "cat /tmp/messages", messages, sizeof(messages));
		messages[strcspn(messages, "\n")] = 0;
	}
	err("load '%s': %s failed in guest %s: %s", l->w->name, when, g->name,
	    ret < 0 ? strerror(-ret) : messages);
	return ret < 0 ? ret : -EIO;
}

/* fio has no warm-up of its own: a run before. */
static int warm_up(struct load *l, struct guest *g)
{
	const struct sc_workload *w = l->w;
	char cmd[1024], text[1000];
	int ret;

	if (w->tool != SC_TOOL_BLOCK || !w->warmup)
		return 0;
	fio(w, g, w->warmup, "", text, sizeof(text));
	snprintf(cmd, sizeof(cmd), "cd /tmp; %s 2>messages", text);
	ret = guest_send(g, cmd);
	if (!ret)
		ret = guest_await(g, NULL, 0, TIMEOUT_MS);
	return ret ? failed(l, g, ret, "the warm-up") : 0;
}

int inside_prepare(struct load *l)
{
	char text[1024], cmd[1400];
	int i, ret;

	for (i = 0; i < l->nr_guests; i++) {
		struct guest *g = &l->guests[i];

		program(l->w, g, text, sizeof(text));
		snprintf(cmd, sizeof(cmd), START, text, nr_jobs(l->w));
		ret = warm_up(l, g);
		if (!ret)
			ret = guest_send(g, cmd);
		if (!ret)
			ret = guest_await(g, l->answer[i], sizeof(l->answer[i]), TIMEOUT_MS);
		if (ret || strcmp(l->answer[i], "ready\n"))
			return failed(l, g, ret, "the start");
	}
	return 0;
}

int inside_go(struct load *l)
{
	int i, ret = 0;

	for (i = 0; !ret && i < l->nr_guests; i++)
		ret = guest_send(&l->guests[i], "@go");
	return ret;
}

int inside_wait(struct load *l)
{
	int i, ret;

	for (i = 0; i < l->nr_guests; i++) {
		ret = guest_await(&l->guests[i], l->answer[i], sizeof(l->answer[i]), TIMEOUT_MS);
		l->answer[i][strcspn(l->answer[i], "\n")] = 0;
		if (ret || !strcmp(l->answer[i], "failed"))
			return failed(l, &l->guests[i], ret, "the work");
	}
	return 0;
}

static json_int_t ns_of(const json_t *o, const char *key)
{
	return (json_int_t)json_number_value(json_object_get(o, key));
}

/* Of reads or of writes: what is fio's is put under names with @prefix. */
static int add_side(json_t *result, const char *prefix, const json_t *side)
{
	static const struct { const char *name, *key; } of[] = {
		{ "mean", "mean" }, { "min", "min" }, { "p50", "50.000000" }, { "p99", "99.000000" },
		{ "max", "max" },
	};
	const json_t *lat = json_object_get(side, "lat_ns");
	char name[64];
	size_t i;

	if (!json_is_integer(json_object_get(side, "total_ios")) || !json_is_object(lat))
		return -1;
	for (i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		bool percentile = of[i].key[0] == '5' || of[i].key[0] == '9';

		snprintf(name, sizeof(name), "%slatency_%s_ns", prefix, of[i].name);
		json_object_set_new(result, name, json_integer(ns_of(percentile ?
			json_object_get(lat, "percentile") : lat, of[i].key)));
	}
	return 0;
}

json_t *inside_parse_fio(const char *text)
{
	const char *start = strchr(text, '{');
	json_t *all = start ? json_loads(start, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
	json_t *job = json_array_get(json_object_get(all, "jobs"), 0), *result = NULL;
	const json_t *read = json_object_get(job, "read"), *write = json_object_get(job, "write");
	json_int_t reads = ns_of(read, "total_ios"), writes = ns_of(write, "total_ios");
	int bad = json_array_size(json_object_get(all, "jobs")) != 1 || ns_of(job, "error") != 0;

	if (!bad)
		result = json_pack("{s:I, s:f}", "requests", reads + writes, "requests_per_s",
			(reads ? json_number_value(json_object_get(read, "iops")) : 0) +
			(writes ? json_number_value(json_object_get(write, "iops")) : 0));
	if (result && reads && writes)
		bad = json_object_set_new(result, "read_requests", json_integer(reads)) ||
		      json_object_set_new(result, "write_requests", json_integer(writes)) ||
		      add_side(result, "read_", read) || add_side(result, "write_", write);
	else if (result)
		bad = add_side(result, "", reads ? read : write);
	json_decref(all);
	if (!bad)
		return result;
	json_decref(result);
	return NULL;
}

static int guest_result(struct load *l, int i, json_t **one, double *work)
{
	static char report[64 * 1024];
	struct guest *g = &l->guests[i];
	int ret = 0;

	if (l->w->tool == SC_TOOL_TIMER) {
		*one = json_loads(l->answer[i], 0, NULL);
		*work += json_number_value(json_object_get(*one, "timers"));
	} else {
		ret = guest_run(g, "cat /tmp/report", report, sizeof(report));
		*one = ret ? NULL : inside_parse_fio(report);
		*work += json_number_value(json_object_get(*one, "requests"));
	}
	return *one ? 0 : failed(l, g, ret, "reading the result");
}

int inside_result(struct load *l, json_t **result, double *work)
{
	json_t *all = json_array(), *one;
	int i, ret = 0;

	for (i = 0; !ret && i < l->nr_guests; i++) {
		ret = guest_result(l, i, &one, work);
		if (!ret)
			json_array_append_new(all, one);
	}
	if (!ret)
		*result = json_array_size(all) == 1 ? json_incref(json_array_get(all, 0)) :
						      json_pack("{s:O}", "per_guest", all);
	json_decref(all);
	return ret;
}

void inside_end(struct load *l)
{
	int i;

	for (i = 0; i < l->nr_guests; i++)
		guest_run(&l->guests[i], "killall fio timers; rm -f /tmp/*", NULL, 0);
}
