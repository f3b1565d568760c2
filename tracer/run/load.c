// SPDX-License-Identifier: GPL-2.0
/*
 * Drives the load generators; those inside guests are run/inside.c's. Two kinds of client: our own
 * (netload, kvmguest), which waits between warm-up and work and answers in JSON, and foreign ones
 * (memcaslap, ab in run/apache.c, iperf3 and sockperf in run/fieldtools.c), which do not wait:
 * their warm-up is a run of its own. What work memcaslap did is taken from the server's count.
 */
#include "run/load.h"
#include "run/apache.h"
#include "run/fieldtools.h"
#include "run/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/log.h"

#define RR_PORT		"7001"
#define STREAM_PORT	"7002"
#define MEMCACHED_PORT	"11211"
#define CLIENT_TIMEOUT_MS	(600 * 1000)
#define SERVER_START_MS		(10 * 1000)

static int guest_server(struct guest *g, const char *cmd)
{
	char out[256];
	int ret = guest_run(g, cmd, out, sizeof(out));

	if (ret == 0)
		return 0;
	err("guest %s: '%s' failed: %s", g->name, cmd, ret < 0 ? strerror(-ret) : out);
	return ret < 0 ? ret : -EIO;
}

/* What guest @i does: beside a stream, the last guests can be told to do request-response. */
static enum sc_tool tool_of(const struct load *l, int i)
{
	return l->w->tool == SC_TOOL_STREAM && i >= l->nr_guests - (int)l->w->rr_guests ?
	       SC_TOOL_RR : l->w->tool;
}

static int start_server(const struct load *l, struct guest *g)
{
	const struct sc_workload *w = l->w;
	const char *nagle = w->nagle ? "--nagle " : "";
	char compute[32] = "";
	bool rr = w->tool == SC_TOOL_RR;
	char cmd[512];

	if (w->compute)
		snprintf(compute, sizeof(compute), "--compute %u ", w->compute);
	switch (tool_of(l, g->index)) {
	case SC_TOOL_RR:
		snprintf(cmd, sizeof(cmd), "netload server %s " RR_PORT " %u %u >/dev/null 2>&1 &",
			 w->protocol == SC_TCP ? "tcp" : "udp", rr ? w->request_bytes : 1,
			 rr ? w->reply_bytes : 1);
		break;
	case SC_TOOL_STREAM:
		if (w->direction == SC_TO_GUEST)
			snprintf(cmd, sizeof(cmd), "netload sink " STREAM_PORT " >/dev/null 2>&1 &");
		else
			snprintf(cmd, sizeof(cmd), "netload %s%ssource " STREAM_PORT
				 " %u >/dev/null 2>&1 &", nagle, compute, w->write_bytes);
		break;
	case SC_TOOL_APACHE:
		apache_server(w, cmd, sizeof(cmd));
		break;
	case SC_TOOL_MEMCACHED:
		/* One worker thread: the guest has one vCPU as a rule, and four would fight for it.
		 */
		snprintf(cmd, sizeof(cmd), "memcached -d -u root -t 1 -m 64 -U 0 -p " MEMCACHED_PORT);
		break;
	case SC_TOOL_IPERF3:
	case SC_TOOL_SOCKPERF:
		fieldtools_server(w, g, cmd, sizeof(cmd));
		break;
	default:
		return 0;
	}
	return guest_server(g, cmd);
}

/* Command line of a client of our own; argv entries point into @text. */
static void client_args(const struct sc_workload *w, enum sc_tool tool, const struct guest *g,
			char *text, size_t size, char **argv)
{
	char *save = NULL, *word;
	int n = 0;

	if (w->tool == SC_TOOL_STREAM && tool == SC_TOOL_RR)
		snprintf(text, size, "netload rr udp %s " RR_PORT " 1 1 %" PRIu64 " %" PRIu64,
			 g->ip, w->rr_requests / 4, w->rr_requests);
	else if (w->tool == SC_TOOL_RR)
		snprintf(text, size, "netload rr %s %s " RR_PORT " %u %u %" PRIu64 " %" PRIu64,
			 w->protocol == SC_TCP ? "tcp" : "udp", g->ip, w->request_bytes,
			 w->reply_bytes, w->warmup, w->requests);
	else if (w->tool == SC_TOOL_PROBE)
		snprintf(text, size, "kvmguest --wait --json --out %" PRIu64 " --cpuid %" PRIu64 " --hlt %" PRIu64
			 " --wrmsr %" PRIu64, w->probe_out, w->probe_cpuid, w->probe_hlt,
			 w->probe_wrmsr);
	else if (w->direction == SC_TO_GUEST)
		snprintf(text, size, "netload %ssend %s " STREAM_PORT " %u %" PRIu64 " %" PRIu64,
			 w->nagle ? "--nagle " : "", g->ip, w->write_bytes, w->warmup_bytes, w->bytes);
	else
		snprintf(text, size, "netload receive %s " STREAM_PORT " %" PRIu64 " %" PRIu64, g->ip,
			 w->warmup_bytes, w->bytes);
	for (word = strtok_r(text, " ", &save); word && n < 15; word = strtok_r(NULL, " ", &save))
		argv[n++] = word;
	argv[n] = NULL;
}

static int start_client(struct load *l, int i)
{
	struct proc_opts o = {
		.netns = l->w->tool == SC_TOOL_PROBE ? NULL : HOSTNET_PEER_NS,
		.cpu = l->cpu, .cpus = l->cpus, .log = l->log,
		.pipe_stdin = true, .pipe_stdout = true,
	};
	char text[512], line[256], *argv[16];
	int ret;

	client_args(l->w, tool_of(l, i), &l->guests[i], text, sizeof(text), argv);
	ret = proc_start(&l->client[i], argv, &o);
	if (ret)
		return ret;
	ret = proc_read_line(&l->client[i], line, sizeof(line), CLIENT_TIMEOUT_MS);
	if (!ret && strcmp(line, "ready"))
		ret = -EPROTO;
	if (ret)
		err("load '%s': the client did not get through its warm-up: %s", l->w->name,
		    strerror(-ret));
	return ret;
}

/* Requests that memcached in @g has served so far, by its own statistics; -EIO if there is none. */
static int memcached_ops(struct guest *g, struct memcached_ops *ops)
{
	static const char cmd[] = "printf 'stats\\r\\nquit\\r\\n' | nc 127.0.0.1 " MEMCACHED_PORT;
	char out[8192], *p;
	unsigned long long get, set;
	int ret = guest_run(g, cmd, out, sizeof(out));

	if (ret)
		return ret < 0 ? ret : -EIO;
	p = strstr(out, "STAT cmd_get ");
	if (!p || sscanf(p, "STAT cmd_get %llu", &get) != 1)
		return -EPROTO;
	p = strstr(out, "STAT cmd_set ");
	if (!p || sscanf(p, "STAT cmd_set %llu", &set) != 1)
		return -EPROTO;
	*ops = (struct memcached_ops){ get, set };
	return 0;
}

/* memcached goes into the background before it listens. */
static int memcached_await(struct load *l, int i)
{
	int64_t end = clock_ms() + SERVER_START_MS;
	struct memcached_ops ops;
	int ret;

	while ((ret = memcached_ops(&l->guests[i], &ops)) == -EIO && clock_ms() < end)
		usleep(10000);
	if (ret)
		err("load '%s': memcached does not answer: %s", l->w->name, strerror(-ret));
	return ret;
}

static int memcached_total(struct load *l, struct memcached_ops *sum)
{
	struct memcached_ops ops = { 0 };
	int i, ret = 0;

	*sum = ops;
	for (i = 0; !ret && i < l->nr_guests; i++) {
		ret = memcached_ops(&l->guests[i], &ops);
		sum->get += ops.get;
		sum->set += ops.set;
	}
	if (ret)
		err("load '%s': no statistics from memcached: %s", l->w->name, strerror(-ret));
	return ret;
}

static int memcaslap(struct load *l, int i, uint64_t requests)
{
	char server[64], ops[32], conc[32], value[32];
	struct proc_opts o = { .netns = HOSTNET_PEER_NS, .cpu = l->cpu, .cpus = l->cpus,
				.log = l->peer_log };
	/* --win_size: as many keys per connection as it has to set before the first get; its
	 * default of 10,000 would be a load of its own. */
	char *argv[] = { "memcaslap", "-s", server, "-T", "1", "-c", conc, "-x", ops, "-X", value,
			 "-w", "1k", NULL };

	snprintf(server, sizeof(server), "%s:" MEMCACHED_PORT, l->guests[i].ip);
	snprintf(ops, sizeof(ops), "%" PRIu64, requests);
	snprintf(conc, sizeof(conc), "%u", l->w->clients);
	snprintf(value, sizeof(value), "%u", l->w->value_bytes);
	return proc_start(&l->client[i], argv, &o);
}

static int memcached_prepare(struct load *l)
{
	int i, ret = 0;

	for (i = 0; !ret && i < l->nr_guests; i++)
		ret = memcached_await(l, i);
	for (i = 0; !ret && l->w->warmup > 0 && i < l->nr_guests; i++) {
		ret = memcaslap(l, i, l->w->warmup);
		if (!ret)
			ret = proc_wait(&l->client[i], CLIENT_TIMEOUT_MS);
		if (ret) {
			err("load '%s': warm-up of memcaslap failed", l->w->name);
			return ret < 0 ? ret : -EIO;
		}
	}
	unlink(l->peer_log);
	return ret ? ret : memcached_total(l, &l->before);
}

int load_prepare(struct load *l, const struct sc_workload *w, struct guest *guests, int nr_guests,
		 const struct lab *lab, int cpu, int cpus)
{
	int i, ret = 0;

	*l = (struct load){ .w = w, .guests = guests, .nr_guests = nr_guests, .lab = lab,
			    .cpu = cpu, .cpus = cpus };
	for (i = 0; i < HOSTNET_MAX_GUESTS; i++)
		l->client[i].in = l->client[i].out = -1;
	snprintf(l->log, sizeof(l->log), "%s/%s.client.log", lab->run_dir, w->name);
	snprintf(l->peer_log, sizeof(l->peer_log), "%s/%s.report", lab->run_dir, w->name);
	if (w->tool == SC_TOOL_IDLE)
		return 0;
	if (w->tool == SC_TOOL_PROBE)
		return start_client(l, 0);
	if (inside_is(w))
		return inside_prepare(l);
	for (i = 0; !ret && i < nr_guests; i++)
		ret = start_server(l, &guests[i]);
	if (w->tool == SC_TOOL_MEMCACHED)
		return ret ? ret : memcached_prepare(l);
	if (w->tool == SC_TOOL_APACHE)
		return ret ? ret : apache_prepare(l);
	if (fieldtools_is(w))
		return ret ? ret : fieldtools_prepare(l);
	for (i = 0; !ret && i < nr_guests; i++)
		ret = start_client(l, i);
	return ret;
}

static int nr_clients(const struct load *l)
{
	switch (l->w->tool) {
	case SC_TOOL_IDLE:
		return 0;
	case SC_TOOL_PROBE:
		return 1;
	default:
		return l->nr_guests;
	}
}

int load_go(struct load *l)
{
	int i, ret = 0;

	if (inside_is(l->w))
		return inside_go(l);
	for (i = 0; !ret && i < nr_clients(l); i++) {
		if (l->w->tool == SC_TOOL_MEMCACHED)
			ret = memcaslap(l, i, l->w->requests);
		else if (l->w->tool == SC_TOOL_APACHE)
			ret = apache_go(l, i);
		else if (fieldtools_is(l->w))
			ret = fieldtools_go(l, i);
		else if (write(l->client[i].in, "\n", 1) != 1)
			ret = -errno;
	}
	return ret;
}

int load_wait(struct load *l)
{
	struct timespec t = { (time_t)(l->w->duration_ms / 1000),
			      (long)(l->w->duration_ms % 1000) * 1000000 };
	int i, ret;

	if (l->w->tool == SC_TOOL_IDLE)
		return nanosleep(&t, NULL) ? -errno : 0;
	if (inside_is(l->w))
		return inside_wait(l);
	for (i = 0; i < nr_clients(l); i++) {
		ret = proc_wait(&l->client[i], CLIENT_TIMEOUT_MS);
		if (ret) {
			err("load '%s': client %d ended with status %d (its log: %s)", l->w->name, i,
			    ret, l->log);
			return ret < 0 ? ret : -EIO;
		}
	}
	return 0;
}

json_t *load_parse_memcaslap(const char *report)
{
	/* Run time: 0.2s Ops: 2000 TPS: 8945 Net_rate: 8.1M/s */
	const char *p = strstr(report, "Run time:");
	double s, tps, longest = 0, rate = 0;
	long ops, all = 0;

	if (!p)
		return NULL;
	for (; p; p = strstr(p + 1, "Run time:")) {
		if (sscanf(p, "Run time: %lfs Ops: %ld TPS: %lf", &s, &ops, &tps) != 3)
			return NULL;
		longest = s > longest ? s : longest;
		all += ops;
		rate += tps;
	}
	return json_pack("{s:I, s:f, s:f}", "client_requests", (json_int_t)all, "client_run_s", longest,
			 "requests_per_s", rate);
}

static int memcached_result(struct load *l, json_t **result, double *work)
{
	char report[65536];
	struct memcached_ops after;
	uint64_t get, set;
	size_t n;
	FILE *f;
	int ret = memcached_total(l, &after);

	if (ret)
		return ret;
	f = fopen(l->peer_log, "re");
	n = f ? fread(report, 1, sizeof(report) - 1, f) : 0;
	if (f)
		fclose(f);
	report[n] = 0;
	*result = load_parse_memcaslap(report);
	if (!*result) {
		err("load '%s': no result line in memcaslap's report %s", l->w->name, l->peer_log);
		return -EPROTO;
	}
	/* Work is what the server served, the first sets of the client's window included. */
	get = after.get - l->before.get;
	set = after.set - l->before.set;
	json_object_set_new(*result, "requests", json_integer((json_int_t)(get + set)));
	json_object_set_new(*result, "gets", json_integer((json_int_t)get));
	json_object_set_new(*result, "sets", json_integer((json_int_t)set));
	*work = (double)(get + set);
	return 0;
}

static double number(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

/* Reads one client's line of JSON. */
static int client_result(struct load *l, int i, json_t **out)
{
	char line[4096];
	json_error_t e;
	int ret = proc_read_line(&l->client[i], line, sizeof(line), 1000);

	proc_close(&l->client[i]);
	if (!ret) {
		*out = json_loads(line, 0, &e);
		ret = json_is_object(*out) ? 0 : -EPROTO;
	}
	if (ret)
		err("load '%s': no result from the client: %s", l->w->name, strerror(-ret));
	return ret;
}

static double client_work(const struct load *l, const json_t *r)
{
	switch (l->w->tool) {
	case SC_TOOL_RR:
		return number(r, "requests");
	case SC_TOOL_STREAM:
		return number(r, "bytes") / 1e6;
	case SC_TOOL_PROBE:
		return number(r, "out") + number(r, "cpuid") + number(r, "hlt") + number(r, "wrmsr");
	default:
		return 0;
	}
}

int load_result(struct load *l, json_t **result, double *work)
{
	json_t *all, *one = NULL;
	int i, ret = 0;

	*result = NULL;
	*work = 0;
	if (l->w->tool == SC_TOOL_MEMCACHED)
		return memcached_result(l, result, work);
	if (l->w->tool == SC_TOOL_APACHE)
		return apache_result(l, result, work);
	if (fieldtools_is(l->w))
		return fieldtools_result(l, result, work);
	if (inside_is(l->w))
		return inside_result(l, result, work);
	if (l->w->tool == SC_TOOL_IDLE) {
		*work = (double)l->w->duration_ms / 1000;
		*result = json_object();
		return 0;
	}
	all = json_array();
	for (i = 0; !ret && i < nr_clients(l); i++) {
		ret = client_result(l, i, &one);
		if (!ret) {
			*work += client_work(l, one);
			json_array_append_new(all, one);
		}
	}
	if (!ret && json_array_size(all) == 1)
		*result = json_incref(json_array_get(all, 0));
	else if (!ret)
		*result = json_pack("{s:O}", "per_guest", all);
	json_decref(all);
	return ret;
}

void load_end(struct load *l)
{
	int i;

	for (i = 0; i < HOSTNET_MAX_GUESTS; i++)
		proc_kill(&l->client[i]);
	if (!l->w || l->w->tool == SC_TOOL_PROBE || l->w->tool == SC_TOOL_IDLE)
		return;
	if (inside_is(l->w)) {
		inside_end(l);
		return;
	}
	for (i = 0; i < l->nr_guests; i++)
		guest_run(&l->guests[i], l->w->tool == SC_TOOL_MEMCACHED ? "killall memcached" :
			  l->w->tool == SC_TOOL_APACHE ? "killall apache2" :
			  fieldtools_is(l->w) ? fieldtools_kill(l->w) : "killall netload", NULL, 0);
}
