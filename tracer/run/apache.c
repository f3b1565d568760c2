// SPDX-License-Identifier: GPL-2.0
/*
 * ab makes a connection per request, as it does unless told otherwise, and keeps a fixed number of
 * them open at a time from one thread. It has no warm-up: that is a run of its own.
 */
#include "run/apache.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/reports.h"
#include "util/log.h"

#define TIMEOUT_MS	(600 * 1000)

void apache_server(const struct sc_workload *w, char *cmd, size_t size)
{
	snprintf(cmd, size, "mkdir -p /tmp/www && head -c %u /dev/zero >/tmp/www/page && "
		 "rm -f /tmp/apache.pid && apache2 -f /etc/apache.conf >/tmp/apache.out 2>&1 || "
		 "{ cat /tmp/apache.*; false; }", w->page_bytes);
}

static int start(struct load *l, int i, uint64_t requests, uint64_t clients)
{
	char log[REPORTS_PATH], url[64], n[32], c[32];
	struct proc_opts o = { .netns = HOSTNET_PEER_NS, .cpu = l->cpu, .cpus = l->cpus,
				.log = log };
	char *argv[] = { "ab", "-q", "-n", n, "-c", c, url, NULL };

	reports_path(l, i, log, sizeof(log));
	unlink(log);
	snprintf(url, sizeof(url), "http://%s/page", l->guests[i].ip);
	snprintf(n, sizeof(n), "%" PRIu64, requests);
	snprintf(c, sizeof(c), "%" PRIu64, clients);
	return proc_start(&l->client[i], argv, &o);
}

int apache_go(struct load *l, int i)
{
	return start(l, i, l->w->requests, l->w->clients);
}

json_t *apache_parse_ab(const char *report)
{
	const char *done = strstr(report, "Complete requests:");
	const char *failed = strstr(report, "Failed requests:");
	const char *rate = strstr(report, "Requests per second:");
	const char *mean = strstr(report, "Time per request:");
	long requests, failures;
	double per_s, ms;

	if (!done || sscanf(done, "Complete requests: %ld", &requests) != 1 || !failed ||
	    sscanf(failed, "Failed requests: %ld", &failures) != 1 || !rate ||
	    sscanf(rate, "Requests per second: %lf", &per_s) != 1 || !mean ||
	    sscanf(mean, "Time per request: %lf [ms] (mean)", &ms) != 1)
		return NULL;
	/* An answer that is not the page is no failure to ab. */
	if (failures || strstr(report, "Non-2xx responses:"))
		return NULL;
	return json_pack("{s:I, s:f, s:I}", "requests", (json_int_t)requests,
			 "requests_per_s", per_s, "response_mean_ns", (json_int_t)(ms * 1e6 + 0.5));
}

static int read_report(struct load *l, int i, json_t **out)
{
	char report[8192];

	reports_text(l, i, report, sizeof(report));
	*out = apache_parse_ab(report);
	if (*out)
		return 0;
	err("load '%s': ab of guest %s did not fetch every page; it said: %.300s", l->w->name,
	    l->guests[i].name, report);
	return -EPROTO;
}

int apache_prepare(struct load *l)
{
	json_t *report = NULL;
	int i, ret = 0;

	for (i = 0; !ret && i < l->nr_guests; i++) {
		ret = l->w->warmup ? start(l, i, l->w->warmup, l->w->clients) : start(l, i, 1, 1);
		if (!ret)
			ret = proc_wait(&l->client[i], TIMEOUT_MS);
		if (ret > 0)
			ret = -EIO;
		/* Read in any case: it says what is wrong. */
		if (read_report(l, i, &report) && !ret)
			ret = -EIO;
		json_decref(report);
	}
	if (ret) {
		char log[512] = "";

		guest_run(&l->guests[i - 1], "tail -n 3 /tmp/apache.log", log, sizeof(log));
		err("load '%s': the warm-up of ab failed: %s; the server's log: %s", l->w->name,
		    strerror(-ret), log);
	}
	return ret;
}

int apache_result(struct load *l, json_t **result, double *work)
{
	return reports_result(l, read_report, "requests", 1, result, work);
}
