// SPDX-License-Identifier: GPL-2.0
/*
 * The hard thing is a window with little beside the work: no process may have to be started, and
 * the host must not ask whether it is done. So the program is started and warmed up before the
 * window and waits at a pipe (a FIFO of the guest). In the window the agent gets one command, @go:
 * it writes to that pipe and sleeps at another until the program has said that it is done; the
 * answer to the command is all that the host waits for. No shell starts for it.
 *
 * fio cannot wait by itself, but it can run a command before its first request (exec_prerun).
 */
#include "run/inside.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/log.h"

#define TIMEOUT_MS (600 * 1000)

/* %s: the program with its arguments. On the pipe "out": ready, then the result or "failed". */
#define START "cd /tmp; rm -f go out; mkfifo go out; exec 3<>out; " \
	"{ %s || echo failed; } <>go >&3 2>messages & read r <&3; echo \"$r\""

/*
 * A request is one of fio's: fixed seed, no page cache of the guest's, no map of what was read (so
 * more can be asked for than the disk has blocks), no statistics of the disk while it runs.
 */
#define FIO "fio --name=load --filename=/dev/vda --thread --ioengine=io_uring --direct=1 " \
	"--invalidate=0 --size=%u --rw=%s --bs=%u --iodepth=%u --io_size=%" PRIu64 " --norandommap " \
	"--randrepeat=1 --disk_util=0 --lat_percentiles=1 --clat_percentiles=0 --eta=never " \
	"--output-format=json --output=report"

bool inside_is(const struct sc_workload *w)
{
	return w->tool == SC_TOOL_TIMER || w->tool == SC_TOOL_BLOCK;
}

static void program(const struct sc_workload *w, char *buf, size_t size)
{
	if (w->tool == SC_TOOL_TIMER)
		snprintf(buf, size, "timers %" PRIu64 " %u %" PRIu64, w->timers, w->interval_us,
			 w->warmup);
	else
		snprintf(buf, size, FIO " --exec_prerun='echo ready >out; read x <go' && echo done",
			 GUEST_DISK_BYTES, sc_rw_name(w->rw), w->block_bytes, w->depth,
			 w->requests * w->block_bytes);
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
	char cmd[1024];
	int ret;

	if (w->tool != SC_TOOL_BLOCK || !w->warmup)
		return 0;
	snprintf(cmd, sizeof(cmd), "cd /tmp; " FIO " 2>messages", GUEST_DISK_BYTES,
		 sc_rw_name(w->rw), w->block_bytes, w->depth, w->warmup * w->block_bytes);
	ret = guest_send(g, cmd);
	if (!ret)
		ret = guest_await(g, NULL, 0, TIMEOUT_MS);
	return ret ? failed(l, g, ret, "the warm-up") : 0;
}

int inside_prepare(struct load *l)
{
	char text[1024], cmd[1400];
	int i, ret;

	program(l->w, text, sizeof(text));
	snprintf(cmd, sizeof(cmd), START, text);
	for (i = 0; i < l->nr_guests; i++) {
		struct guest *g = &l->guests[i];

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

json_t *inside_parse_fio(const char *text)
{
	const char *start = strchr(text, '{');
	json_t *all = start ? json_loads(start, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
	json_t *job = json_array_get(json_object_get(all, "jobs"), 0), *result = NULL;
	const json_t *read = json_object_get(job, "read"), *write = json_object_get(job, "write");
	const json_t *side = ns_of(read, "total_ios") ? read : write, *lat, *percentile;

	lat = json_object_get(side, "lat_ns");
	percentile = json_object_get(lat, "percentile");
	if (json_array_size(json_object_get(all, "jobs")) == 1 && ns_of(job, "error") == 0 &&
	    json_is_integer(json_object_get(side, "total_ios")) && json_is_object(lat))
		result = json_pack("{s:I, s:f, s:I, s:I, s:I, s:I, s:I}",
			"requests", ns_of(read, "total_ios") + ns_of(write, "total_ios"),
			"requests_per_s", json_number_value(json_object_get(side, "iops")),
			"latency_mean_ns", ns_of(lat, "mean"), "latency_min_ns", ns_of(lat, "min"),
			"latency_p50_ns", ns_of(percentile, "50.000000"),
			"latency_p99_ns", ns_of(percentile, "99.000000"),
			"latency_max_ns", ns_of(lat, "max"));
	json_decref(all);
	return result;
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
