// SPDX-License-Identifier: GPL-2.0
/*
 * exitlab export: the tracer's counters for Prometheus, over HTTP on this host or as a file for
 * node_exporter's textfile collector.
 *
 * One thread waits for everything. It looks at the counters when somebody scrapes, and also every
 * interval, so that a VM that comes and goes between two scrapes gets its name. A look reads maps
 * and asks no VMM and no daemon, so a stuck VM cannot hold it up.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/http.h"
#include "cmd/metrics.h"
#include "cmd/stat_options.h"
#include "engine/details.h"
#include "cmd/watch.h"
#include "host/privileges.h"
#include "host/vms.h"
#include "util/clock.h"
#include "util/fs.h"
#include "util/log.h"

#ifndef EXITLAB_VERSION
#define EXITLAB_VERSION "unknown"
#endif

static const char usage[] =
"Usage: exitlab export [--listen ADDRESS:PORT] [OPTION...]\n"
"       exitlab export --textfile FILE [--interval S] [OPTION...]\n"
"Gives the exits of this host's VMs to Prometheus, until SIGTERM or Ctrl-C.\n"
"Needs root, or CAP_BPF, CAP_PERFMON and CAP_DAC_READ_SEARCH.\n"
"\n"
"  --listen ADDR:PORT  serve /metrics and /-/healthy there (default 127.0.0.1:9118)\n"
"  --allow-remote      let --listen be an address that others can reach\n"
"  --textfile FILE     write FILE instead, whole at a time; name it *.prom\n"
"  --interval S        write, or look at the counters, every S seconds (default 15)\n"
"  --count N           end after N times\n"
"  --per-vcpu          add the label vcpu (more series: vCPUs x reasons)\n"
"  --no-histograms     leave out exitlab_exit_duration_seconds\n"
"  --vm NAME|PID       only this VM; can be given several times\n"
"  --cgroup PATH       only VMs in this cgroup (version 2) and below\n"
"  --detail LIST       add the label detail: msr, port, gpa, with commas between\n"
"  --time WHICH        which exits are timed (all are counted): auto (default), all,\n"
"                      N (one in about N) or off\n"
"  --signals LIST      more than exits: account, interrupts, io_cores, or all\n"
"  -h, --help          this text\n"
"\n"
"Exit status: 0 ended by a signal or --count, 1 it failed, 2 unusable arguments,\n"
"4 this host cannot be traced.\n";

struct export {
	struct sockaddr_storage listen;
	const char *listen_text, *textfile;
	bool allow_remote;
	unsigned int details;		/* enum engine_detail */
	unsigned int signals;		/* enum engine_signal */
	enum engine_time time;
	unsigned int time_every;
	double interval_s;
	long count;			/* 0 = no end */
	struct filter filter;
	struct metrics_opts metrics_opts;
	struct watch *watch;		/* NULL: there has been no KVM yet */
	bool waiting;			/* for one */
	struct metrics *metrics;
	struct http *http;
	int signal_fd;
};

static int bad(const char *fmt, const char *arg)
{
	return option_bad("export", fmt, arg);
}

static int option(int c, struct export *x)
{
	switch (c) {
	case 'l':
		x->listen_text = optarg;
		return EX_OK;
	case 'r':
		x->allow_remote = true;
		return EX_OK;
	case 't':
		x->textfile = optarg;
		return EX_OK;
	case 'i':
		if (!option_seconds(optarg, &x->interval_s))
			return bad("'%s' is not an interval in seconds", optarg);
		return EX_OK;
	case 'n':
		x->count = option_whole(optarg, 1, INT32_MAX);
		return x->count < 0 ? bad("--count '%s' is not a number", optarg) : EX_OK;
	case 'v':
		x->metrics_opts.per_vcpu = true;
		return EX_OK;
	case 'H':
		x->metrics_opts.histograms = false;
		return EX_OK;
	case 'V':
	case 'g':
		return option_filter("export", c, optarg, &x->filter);
	case 'S':
		return option_signals("export", optarg, &x->signals);
	case 'T':
		return option_time("export", optarg, &x->time, &x->time_every);
	default:
		return details_parse(optarg, &x->details) ?
		       bad("the details are msr, port and gpa, not '%s'", optarg) : EX_OK;
	}
}

static int check_listen(struct export *x)
{
	if (x->textfile && x->listen_text)
		return bad("only one of --listen and --textfile%s", "");
	if (x->textfile)
		return -1;
	if (!x->listen_text)
		x->listen_text = "127.0.0.1:9118";
	if (http_parse_address(x->listen_text, &x->listen))
		return bad("'%s' is not an address and port such as 127.0.0.1:9118 or [::1]:9118",
			   x->listen_text);
	if (!http_is_loopback(&x->listen) && !x->allow_remote)
		return bad("others could reach %s, and there is no authentication; "
			   "--allow-remote if that is meant", x->listen_text);
	return -1;
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct export *x)
{
	static const struct option opts[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "allow-remote", no_argument, NULL, 'r' },
		{ "textfile", required_argument, NULL, 't' },
		{ "interval", required_argument, NULL, 'i' },
		{ "signals", required_argument, NULL, 'S' },
		{ "time", required_argument, NULL, 'T' },
		{ "count", required_argument, NULL, 'n' },
		{ "per-vcpu", no_argument, NULL, 'v' },
		{ "no-histograms", no_argument, NULL, 'H' },
		{ "vm", required_argument, NULL, 'V' },
		{ "cgroup", required_argument, NULL, 'g' },
		{ "detail", required_argument, NULL, 'D' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c, ret;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":h", opts, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return EX_OK;
		}
		if (c == ':')
			return bad("option '%s' needs a value", argv[optind - 1]);
		if (c == '?')
			return bad("unknown option '%s'", argv[optind - 1]);
		ret = option(c, x);
		if (ret)
			return ret;
	}
	if (optind < argc)
		return bad("unexpected argument '%s'", argv[optind]);
	ret = option_time_fits("export", x->time, x->details, x->signals);
	return ret ? ret : check_listen(x);
}

/* ---- work ---- */

/* With nothing in effect meanwhile that tracing takes. Exit status. */
static int open_watch(struct export *x)
{
	struct watch_opts wo = { .details = x->details, .signals = x->signals, .endless = true,
				 .time = x->time, .time_every = x->time_every,
				 .filter = filter_empty(&x->filter) ? NULL : &x->filter };
	char missing[200];

	if (vms_have_kvm()) {
		if (x->waiting && privileges_resume())
			return EX_FAIL;
		if (x->waiting)
			info("there is a KVM now");
		x->waiting = false;
		return watch_open(&wo, &x->watch);
	}
	if (x->waiting)
		return EX_OK;
	x->waiting = true;
	if (!privileges_enough(false, missing, sizeof(missing))) {
		err("%s", missing);
		return EX_CANNOT;
	}
	info("this host has no KVM yet: /dev/kvm is missing; waiting for it");
	return privileges_drop(true) ? EX_FAIL : EX_OK;
}

static int look(struct export *x)
{
	struct watch_view v;
	int ret;

	if (!x->watch) {
		ret = open_watch(x) ? -EIO : 0;
		if (ret || !x->watch)
			return ret;
	}
	ret = watch_look(x->watch, &v);
	if (!ret)
		ret = metrics_add(x->metrics, &v);
	watch_view_free(&v);
	if (ret)
		err("cannot read the counters: %s", strerror(-ret));
	return ret;
}

static char *text_of(size_t *len, void *arg)
{
	struct export *x = arg;
	char *text = NULL;
	FILE *f;

	if (look(x))
		return NULL;
	f = open_memstream(&text, len);
	if (!f)
		return NULL;
	metrics_write(x->metrics, f);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

static int write_file(struct export *x)
{
	size_t len = 0;
	char *text = text_of(&len, x);
	int ret = text ? write_whole(x->textfile, text, len) : -EIO;

	free(text);
	if (ret)
		err("%s: %s", x->textfile, strerror(-ret));
	return ret;
}

/* 1: a signal to end; 0: it is time; negative errno. */
static int serve_until(struct export *x, double until)
{
	struct pollfd p[2] = { { .fd = x->signal_fd, .events = POLLIN },
			       { .fd = x->http ? http_fd(x->http) : -1, .events = POLLIN } };

	for (;;) {
		double left = until - (double)clock_ns() * 1e-9;
		int ms = left > 3600 ? 3600000 : (int)(left * 1000) + 1, http, ret;

		if (left <= 0)
			return 0;
		http = x->http ? http_timeout_ms(x->http) : -1;
		ret = poll(p, 2, http >= 0 && http < ms ? http : ms);
		if (ret < 0 && errno != EINTR)
			return -errno;
		if (p[0].revents && ret > 0)
			return 1;
		if (x->http)
			http_run(x->http);
	}
}

static int work(struct export *x)
{
	double start = (double)clock_ns() * 1e-9;
	unsigned long long n;
	int ret;

	/* A file, or an error, at once. */
	ret = x->textfile ? write_file(x) : look(x);
	for (n = 1; !ret; n++) {
		ret = serve_until(x, start + (double)n * x->interval_s);
		if (ret < 0)
			return ret;
		if (ret > 0) {
			ret = x->textfile ? write_file(x) : 0;
			break;
		}
		ret = x->textfile ? write_file(x) : look(x);
		if (x->count && n >= (unsigned long long)x->count)
			break;
	}
	return ret;
}

static int catch_signals(struct export *x)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* libmicrohttpd writes to sockets that may be closed. */
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	x->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return x->signal_fd < 0 ? -errno : 0;
}

/* Exit status. */
static int start(struct export *x)
{
	int ret;

	/* A port that is taken should be told before anything is loaded. */
	if (!x->textfile) {
		ret = http_open(&x->listen, text_of, x, &x->http);
		if (ret) {
			err("cannot listen on %s: %s", x->listen_text, strerror(-ret));
			return EX_FAIL;
		}
	}
	x->metrics = metrics_new(&x->metrics_opts);
	ret = x->metrics ? open_watch(x) : EX_FAIL;
	if (ret)
		return ret;
	if (x->http)
		info("serving http://%s/metrics", x->listen_text);
	return catch_signals(x) || work(x) ? EX_FAIL : EX_OK;
}

int cmd_export(int argc, char **argv)
{
	struct export x = { .interval_s = 15, .signal_fd = -1, .time = TIME_AUTO,
			    .metrics_opts = { .histograms = true, .version = EXITLAB_VERSION } };
	int ret = parse(argc, argv, &x);

	if (ret >= 0)
		return ret;
	ret = start(&x);
	http_close(x.http);
	watch_close(x.watch);
	metrics_free(x.metrics);
	if (x.signal_fd >= 0)
		close(x.signal_fd);
	return ret;
}
