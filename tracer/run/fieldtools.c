// SPDX-License-Identifier: GPL-2.0
/*
 * Both are started for the window and do not wait between a warm-up and their work: a warm-up is
 * a run of its own, and the window has in it what they say to each other at beginning and end.
 * iperf3 is told how many bytes, sockperf knows time only; in virtual time that is a fixed number
 * of requests. Both servers go into the background before they listen, and iperf3's listens anew
 * after each client.
 */
#include "run/fieldtools.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/reports.h"
#include "util/log.h"

#define IPERF3_PORT	"7003"
#define SOCKPERF_PORT	"7004"
/* As /proc/net/tcp and udp write it: 7003 with nobody at the other end, listening; 7004. */
#define IPERF3_LISTENS	"' 00000000:1B5B 00000000:0000 0A ' /proc/net/tcp"
#define SOCKPERF_UDP	"':1B5C 00000000:0000 ' /proc/net/udp"
#define SOCKPERF_TCP	"':1B5C 00000000:0000 0A ' /proc/net/tcp"
#define TIMEOUT_MS	(600 * 1000)
/* A server that has lost its client has done with it by then. */
#define SETTLE_US	100000

bool fieldtools_is(const struct sc_workload *w)
{
	return w->tool == SC_TOOL_IPERF3 || w->tool == SC_TOOL_SOCKPERF;
}

void fieldtools_server(const struct sc_workload *w, const struct guest *g, char *cmd, size_t size)
{
	if (w->tool == SC_TOOL_IPERF3)
		snprintf(cmd, size, "iperf3 -4 -s -p " IPERF3_PORT " >/tmp/server.log 2>&1 &");
	else
		snprintf(cmd, size, "sockperf server -i %s -p " SOCKPERF_PORT
			 "%s >/tmp/server.log 2>&1 &", g->ip, w->protocol == SC_TCP ? " --tcp" : "");
}

const char *fieldtools_kill(const struct sc_workload *w)
{
	return w->tool == SC_TOOL_IPERF3 ? "killall iperf3" : "killall sockperf";
}

/* @amount: bytes, or seconds. */
static int start(struct load *l, int i, uint64_t amount)
{
	const struct sc_workload *w = l->w;
	char log[REPORTS_PATH], text[300], *argv[20], *save = NULL, *word;
	struct proc_opts o = { .netns = HOSTNET_PEER_NS, .cpu = l->cpu, .log = log };
	int n = 0;

	reports_path(l, i, log, sizeof(log));
	unlink(log);
	/* -i 0: no interim reports, whose timer would be part of what is measured. */
	if (w->tool == SC_TOOL_IPERF3)
		snprintf(text, sizeof(text), "iperf3 -4 -c %s -p " IPERF3_PORT " -J -i 0 -l %u -n %"
			 PRIu64 "%s%s", l->guests[i].ip, w->write_bytes, amount,
			 w->nagle ? "" : " -N", w->direction == SC_FROM_GUEST ? " -R" : "");
	else
		snprintf(text, sizeof(text), "sockperf ping-pong -i %s -p " SOCKPERF_PORT
			 "%s -m %u -t %" PRIu64 " --full-rtt", l->guests[i].ip,
			 w->protocol == SC_TCP ? " --tcp" : "", w->message_bytes, amount);
	for (word = strtok_r(text, " ", &save); word && n < 19; word = strtok_r(NULL, " ", &save))
		argv[n++] = word;
	argv[n] = NULL;
	return proc_start(&l->client[i], argv, &o);
}

int fieldtools_go(struct load *l, int i)
{
	const struct sc_workload *w = l->w;

	return start(l, i, w->tool == SC_TOOL_IPERF3 ? w->bytes : w->seconds);
}

json_t *fieldtools_parse_iperf3(const char *report)
{
	json_t *all = json_loads(report, 0, NULL), *end = json_object_get(all, "end"), *o = NULL;
	const json_t *sent = json_object_get(end, "sum_sent");
	const json_t *got = json_object_get(end, "sum_received");
	const json_t *bytes = json_object_get(got, "bytes"), *out = json_object_get(sent, "bytes");
	double s = json_number_value(json_object_get(got, "seconds"));

	if (!json_object_get(all, "error") && json_is_integer(bytes) && json_is_integer(out) && s > 0)
		o = json_pack("{s:O, s:O, s:I, s:f}", "bytes", bytes, "sent_bytes", out,
			      "elapsed_ns", (json_int_t)(s * 1e9 + 0.5),
			      "bytes_per_s", (double)json_integer_value(bytes) / s);
	/* A sender that cannot ask its kernel leaves it out. */
	if (o && json_is_integer(json_object_get(sent, "retransmits")))
		json_object_set(o, "retransmits", json_object_get(sent, "retransmits"));
	json_decref(all);
	return o;
}

/* The number of microseconds behind @key, in nanoseconds. */
static bool us_behind(const char *text, const char *key, json_int_t *ns)
{
	const char *p = strstr(text, key);
	double us;

	if (!p || sscanf(p + strlen(key), " = %lf", &us) != 1)
		return false;
	*ns = (json_int_t)(us * 1000 + 0.5);
	return true;
}

json_t *fieldtools_parse_sockperf(const char *report)
{
	const char *total = strstr(report, "[Total Run]"), *mean = strstr(report, "avg-rtt=");
	const char *valid = strstr(report, "[Valid Duration]"), *lost = strstr(report, "# dropped messages =");
	long sent, received, observed, dropped;
	json_int_t min, p50, p99, max;
	double us;

	if (!total || !valid || !mean || !lost ||
	    sscanf(total, "[Total Run] RunTime=%*f sec; Warm up time=%*d msec; SentMessages=%ld; "
		   "ReceivedMessages=%ld", &sent, &received) != 2 ||
	    sscanf(valid, "[Valid Duration] RunTime=%*f sec; SentMessages=%*d; ReceivedMessages=%ld",
		   &observed) != 1 ||
	    sscanf(lost, "# dropped messages = %ld", &dropped) != 1 ||
	    sscanf(mean, "avg-rtt=%lf", &us) != 1 || !us_behind(report, "<MIN> observation", &min) ||
	    !us_behind(report, "percentile 50.000", &p50) ||
	    !us_behind(report, "percentile 99.000", &p99) ||
	    !us_behind(report, "<MAX> observation", &max))
		return NULL;
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "requests", (json_int_t)received, "sent", (json_int_t)sent,
			 "dropped", (json_int_t)dropped, "observed", (json_int_t)observed,
			 "rtt_mean_ns", (json_int_t)(us * 1000 + 0.5), "rtt_min_ns", min,
			 "rtt_p50_ns", p50, "rtt_p99_ns", p99, "rtt_max_ns", max);
}

static int read_report(struct load *l, int i, json_t **out)
{
	bool iperf3 = l->w->tool == SC_TOOL_IPERF3;
	char report[16384];
	size_t n = reports_text(l, i, report, sizeof(report));

	*out = iperf3 ? fieldtools_parse_iperf3(report) : fieldtools_parse_sockperf(report);
	if (*out)
		return 0;
	/* What went wrong it says last. */
	err("load '%s': no result in the report of %s for guest %s; it ends with: %s", l->w->name,
	    iperf3 ? "iperf3" : "sockperf", l->guests[i].name, report + (n > 300 ? n - 300 : 0));
	return -EPROTO;
}

static int await_server(struct load *l, int i)
{
	const struct sc_workload *w = l->w;
	char cmd[256], log[256] = "";
	int ret;

	snprintf(cmd, sizeof(cmd), "n=0; until grep -q %s; do [ $n -lt 1000 ] || exit 1; usleep 10000; "
		 "n=$((n + 1)); done", w->tool == SC_TOOL_IPERF3 ? IPERF3_LISTENS :
		 w->protocol == SC_TCP ? SOCKPERF_TCP : SOCKPERF_UDP);
	ret = guest_run(&l->guests[i], cmd, NULL, 0);
	if (ret > 0)
		guest_run(&l->guests[i], "tail -n 3 /tmp/server.log", log, sizeof(log));
	if (ret)
		err("load '%s': the server of %s does not listen in guest %s: %s", w->name,
		    sc_tool_name(w->tool), l->guests[i].name, ret < 0 ? strerror(-ret) : log);
	return ret > 0 ? -EIO : ret;
}

static int warm_up(struct load *l, int i, uint64_t amount)
{
	json_t *report = NULL;
	int ret = start(l, i, amount);

	if (!ret)
		ret = proc_wait(&l->client[i], TIMEOUT_MS);
	if (ret > 0)
		ret = -EIO;
	/* Read in any case: it says what is wrong. */
	if (read_report(l, i, &report) && !ret)
		ret = -EPROTO;
	json_decref(report);
	if (!ret)
		usleep(SETTLE_US);
	return ret ? ret : await_server(l, i);
}

int fieldtools_prepare(struct load *l)
{
	const struct sc_workload *w = l->w;
	uint64_t amount = w->tool == SC_TOOL_IPERF3 ? w->warmup_bytes : w->warmup_seconds;
	int i, ret = 0;

	for (i = 0; !ret && i < l->nr_guests; i++)
		ret = await_server(l, i);
	for (i = 0; !ret && amount && i < l->nr_guests; i++)
		ret = warm_up(l, i, amount);
	return ret;
}

int fieldtools_result(struct load *l, json_t **result, double *work)
{
	bool iperf3 = l->w->tool == SC_TOOL_IPERF3;

	return reports_result(l, read_report, iperf3 ? "bytes" : "requests", iperf3 ? 1e-6 : 1, result,
			      work);
}
