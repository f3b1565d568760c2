// SPDX-License-Identifier: GPL-2.0
/*
 * exitlab record: single events of this host's VMs into a file, for exitlab stat -i, exitlab script
 * and programs that draw them.
 *
 * What takes care is the ending. Whatever ends it (a signal, the time, a command, the file's size,
 * a full disk), first the programs are detached, then the ring is emptied, and then the ledger is
 * written, so that every event seen is in the file or counted as lost.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/record_write.h"
#include "cmd/stat_options.h"
#include "host/privileges.h"
#include "host/vms.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/proc.h"

#define LOOK_MS		10	/* how often the ring is emptied */
#define LEDGER_MS	1000	/* how often the ledger so far is written, if it has changed */

static const char usage[] =
"Usage: exitlab record [OPTION...] [-- COMMAND [ARGUMENT...]]\n"
"Writes every exit, entry, access, interrupt and switch of this host's VMs into a file,\n"
"until Ctrl-C. Needs root, or CAP_BPF, CAP_PERFMON and CAP_DAC_READ_SEARCH.\n\n"
"  -o, --output FILE  the file (default exitlab.trace)\n"
"  -p, --pid PID      only this process; can be given several times\n"
"  --vm NAME|PID      only this VM, which has to run; can be given several times\n"
"  --duration S       stop after S seconds\n"
"  --size MIB         stop when the file has this size (default 1024)\n"
"  --events LIST      only these, with commas between: names as below, kvm, irq, sched\n"
"  --rung RUNG        force how events are attached: raw_tp or tp (default: what loads)\n"
"  --ring KIB         size of the buffer in the kernel, a power of two (default 16384)\n"
"  -- COMMAND         run a command and stop when it ends\n"
"  -h, --help         this text\n\n"
"exitlab stat -i FILE counts what is in the file, exitlab script -i FILE prints it.\n"
"Exit status: 0 done, 1 it failed, 2 unusable arguments or file, 4 this host cannot.\n\n"
"Events:";

struct record {
	const char *path;
	struct filter filter;
	pid_t pid[FILTER_MAX_VMS];
	size_t nr_pids;
	double duration_s;
	long size_mib, ring_kib;
	uint32_t events;
	const char *rung;
	char **command;
	struct recorder *recorder;
	struct names names;
	struct record_write write;
	struct proc child;
	int child_status;
	int signal_fd, watch_fd;
};

/* ---- the command line ---- */

static int bad(const char *fmt, const char *arg)
{
	char text[200];

	snprintf(text, sizeof(text), fmt, arg);
	err("record: %s; see exitlab record --help", text);
	return EX_INPUT;
}

static int help(void)
{
	int i, column = 7;

	fputs(usage, stdout);
	for (i = 1; i < NR_REC_TYPES; i++) {
		column += 1 + (int)strlen(event_kinds[i].name);
		if (column > 78) {
			fputs("\n ", stdout);
			column = 2 + (int)strlen(event_kinds[i].name);
		}
		printf(" %s", event_kinds[i].name);
	}
	putchar('\n');
	return EX_OK;
}

static int add_pid(struct record *r, pid_t pid)
{
	if (r->nr_pids == FILTER_MAX_VMS)
		return -E2BIG;
	r->pid[r->nr_pids++] = pid;
	return 0;
}

static int option(int c, struct record *r)
{
	long n;

	switch (c) {
	case 'o':
		r->path = optarg;
		return EX_OK;
	case 'p':
		n = option_whole(optarg, 1, INT32_MAX);
		if (n < 0)
			return bad("'%s' is not a process id", optarg);
		return add_pid(r, (pid_t)n) ? bad("more than 64 times -p; '%s' is one too many",
						  optarg) : EX_OK;
	case 'V':
		if (!*optarg || filter_add_vm(&r->filter, optarg))
			return bad("--vm '%s': a name or a process id, up to 64 times", optarg);
		return EX_OK;
	case 'd':
		if (!option_seconds(optarg, &r->duration_s))
			return bad("'%s' is not a duration in seconds (above 0, up to 1000000)", optarg);
		return EX_OK;
	case 's':
		r->size_mib = option_whole(optarg, 1, 1 << 20);
		return r->size_mib < 0 ? bad("--size '%s' is no number of MiB from 1 to 1048576",
					     optarg) : EX_OK;
	case 'r':
		r->ring_kib = option_whole(optarg, 4, 1 << 20);
		if (r->ring_kib < 0 || r->ring_kib & (r->ring_kib - 1))
			return bad("--ring '%s' is no power of two of KiB from 4 to 1048576", optarg);
		return EX_OK;
	case 'R':
		r->rung = optarg;
		return strcmp(optarg, "raw_tp") && strcmp(optarg, "tp") ?
		       bad("--rung '%s' is neither raw_tp nor tp", optarg) : EX_OK;
	default:
		return events_parse(optarg, &r->events) ?
		       bad("--events '%s' has an event that is not known", optarg) : EX_OK;
	}
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct record *r)
{
	static const struct option opts[] = {
		{ "output", required_argument, NULL, 'o' }, { "pid", required_argument, NULL, 'p' },
		{ "vm", required_argument, NULL, 'V' }, { "size", required_argument, NULL, 's' },
		{ "duration", required_argument, NULL, 'd' }, { "help", no_argument, NULL, 'h' },
		{ "events", required_argument, NULL, 'e' },
		{ "ring", required_argument, NULL, 'r' }, { "rung", required_argument, NULL, 'R' },
		{ 0 },
	};
	int c, i, ret;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++)
		;
	if (i < argc) {
		if (i + 1 == argc)
			return bad("there is no command after '%s'", "--");
		r->command = argv + i + 1;
		argc = i;
	}
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":o:p:h", opts, NULL)) != -1) {
		if (c == 'h')
			return help();
		if (c == ':')
			return bad("option '%s' needs a value", argv[optind - 1]);
		if (c == '?')
			return bad("unknown option '%s'", argv[optind - 1]);
		ret = option(c, r);
		if (ret)
			return ret;
	}
	return optind < argc ? bad("unexpected argument '%s' (a command comes after --)",
				   argv[optind]) : -1;
}

/* ---- before it ---- */

/* VMs asked for by name into process ids. Exit status. */
static int find_vms(struct record *r)
{
	struct vm_list l = { 0 };
	size_t i, k, found;
	int ret = r->filter.nr_vms ? vms_find(&l) : 0;

	if (ret) {
		err("cannot look for VMs: %s", strerror(-ret));
		return EX_FAIL;
	}
	for (i = 0; i < r->filter.nr_vms && !ret; i++) {
		struct filter one = { .vm = { r->filter.vm[i] }, .nr_vms = 1 };

		for (k = found = 0; k < l.n && !ret; k++) {
			if (filter_has_vm(&one, &r->names, l.vm[k].pid)) {
				found++;
				ret = add_pid(r, l.vm[k].pid);
			}
		}
		if (!found) {
			err("no VM is called '%s' here; exitlab top -b -n 1 lists those there are",
			    r->filter.vm[i]);
			ret = -ENOENT;
		}
	}
	if (ret == -E2BIG)
		err("more than 64 processes have these VMs");
	vms_free(&l);
	return ret ? EX_INPUT : EX_OK;
}

static int check_host(const struct record *r)
{
	char missing[200];
	size_t i;

	for (i = 0; i < r->nr_pids; i++) {
		if (kill(r->pid[i], 0) && errno == ESRCH) {
			err("there is no process %d", (int)r->pid[i]);
			return EX_INPUT;
		}
	}
	if (!privileges_enough(true, missing, sizeof(missing))) {
		err("%s", missing);
		return EX_CANNOT;
	}
	if (!vms_have_kvm()) {
		err("this host has no KVM: /dev/kvm is missing");
		return EX_CANNOT;
	}
	return EX_OK;
}

/* Somebody's file that is no trace is not written over. Exit status. */
static int check_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char magic[8] = "";
	struct stat st;
	int ret = EX_OK;

	if (!f)
		return EX_OK;	/* creating it will say what is wrong */
	if (fstat(fileno(f), &st) || !S_ISREG(st.st_mode)) {
		err("%s is not a regular file: a trace is not written in one go; name another with -o",
		    path);
		ret = EX_INPUT;
	} else if (st.st_size > 0 && (fread(magic, 1, sizeof(magic), f) != sizeof(magic) ||
				      memcmp(magic, RECFILE_MAGIC, sizeof(magic)))) {
		err("%s exists and is no trace of exitlab; name another file with -o", path);
		ret = EX_INPUT;
	}
	fclose(f);
	return ret;
}

static int catch_signals(struct record *r)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signal_fd < 0 ? -errno : 0;
}

static void say_missing(const struct record *r)
{
	unsigned int i;

	for (i = 1; i < NR_REC_TYPES; i++)
		if (recorder_missing(r->recorder, i))
			info("%s is left out: %s", event_kinds[i].name,
			     recorder_missing(r->recorder, i));
}

/* ---- the recording ---- */

static uint64_t total(const struct record *r, bool written)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 1; i < NR_REC_TYPES; i++)
		n += written ? recfile_written(r->write.file, i) :
			       recorder_count(r->recorder, i).seen;
	return n;
}

static void progress(const struct record *r, bool last)
{
	if (!isatty(2) || log_threshold < LOG_INFO)
		return;
	fprintf(stderr, "\r%" PRIu64 " events, %.1f MB, %" PRIu64 " lost %s", total(r, false),
		(double)recfile_bytes(r->write.file) / 1e6, record_lost(&r->write, r->recorder),
		last ? "\n" : "");
}

/* One look at the ring every LOOK_MS until something ends it. 0 or negative errno. */
static int wait_for_end(struct record *r)
{
	int64_t start = clock_ms(), end = r->duration_s > 0 ?
		start + (int64_t)(r->duration_s * 1000) : INT64_MAX, next = start + LEDGER_MS, now;
	struct pollfd p[2] = { { .fd = r->signal_fd, .events = POLLIN },
			       { .fd = r->watch_fd, .events = POLLIN } };
	uint64_t told = 0;
	int ret, events;

	for (;;) {
		now = clock_ms();
		if (now >= end)
			return 0;
		events = poll(p, 2, end - now < LOOK_MS ? (int)(end - now) : LOOK_MS);
		if (events < 0 && errno != EINTR)
			return -errno;
		ret = recorder_consume(r->recorder);
		if (ret || r->write.stopped)
			return ret;
		if (events > 0) {
			if (p[1].revents && !r->child.pid)
				info("process %d has ended", (int)r->pid[0]);
			return 0;
		}
		if (clock_ms() >= next) {
			next = clock_ms() + LEDGER_MS;
			if (total(r, false) != told &&
			    record_put_ledger(&r->write, r->recorder, false))
				return 0;	/* the end says why */
			told = total(r, false);
			progress(r, false);
		}
	}
}

static int record(struct record *r)
{
	struct proc_opts po = { .cpu = -1 };
	int ret = recorder_attach(r->recorder), status;
	pid_t watched;

	if (!ret && r->command) {
		ret = proc_start(&r->child, r->command, &po);
		if (ret)
			ret = -ECHILD;	/* it has said why */
	}
	if (!ret)
		ret = privileges_drop(false);
	if (!ret) {
		watched = r->child.pid ? r->child.pid : r->nr_pids == 1 ? r->pid[0] : 0;
		r->watch_fd = watched ? (int)syscall(SYS_pidfd_open, watched, 0) : -1;
		ret = wait_for_end(r);
	}
	recorder_detach(r->recorder);
	if (!ret)
		ret = recorder_consume(r->recorder);
	status = r->child.pid ? proc_wait(&r->child, 0) : 0;
	if (status > 0)		/* below 0: it still runs, and is stopped */
		r->child_status = status;
	proc_stop(&r->child);
	return ret;
}

/* ---- after it ---- */

static void say_ledger(const struct record *r)
{
	unsigned int i;

	if (log_threshold < LOG_INFO)
		return;
	fprintf(stderr, "%-24s %12s %12s %12s\n", "EVENT", "SEEN", "WRITTEN", "LOST");
	for (i = 1; i < NR_REC_TYPES; i++) {
		struct rec_count n = recorder_count(r->recorder, i);

		if (n.seen)
			fprintf(stderr, "%-24s %12llu %12" PRIu64 " %12" PRIu64 "\n",
				event_kinds[i].name, n.seen, recfile_written(r->write.file, i),
				(uint64_t)n.lost + r->write.no_room[i]);
	}
	fprintf(stderr, "%s: %" PRIu64 " events, %.1f MB\n", r->path, total(r, true),
		(double)recfile_bytes(r->write.file) / 1e6);
}

static uint64_t seen(const struct record *r, unsigned int type)
{
	return recorder_count(r->recorder, type).seen;
}

static int finish(struct record *r)
{
	int ret = record_put_ledger(&r->write, r->recorder, true);
	uint64_t skipped = recorder_skipped(r->recorder);

	if (!ret && r->write.error == -EFBIG)
		info("%s has the size that --size allows: recording stopped", r->path);
	else if (!ret)
		ret = r->write.error;
	if (ret)
		err("%s: %s; recording stopped, what is in the file can be read", r->path,
		    strerror(-ret));
	progress(r, true);
	say_ledger(r);
	if (skipped)
		info("the kernel skipped %" PRIu64 " runs of our programs: up to so many events are missing",
		     skipped);
	if (recorder_events(r->recorder) & 1u << REC_KVM_EXIT && !seen(r, REC_KVM_EXIT) &&
	    (seen(r, REC_KVM_PIO) || seen(r, REC_KVM_USERSPACE_EXIT) || seen(r, REC_KVM_CPUID)))
		info("this KVM has not called kvm_exit once: exitlab doctor says more");
	if (r->child_status) {
		err("the command %s ended with status %d", r->command[0], r->child_status);
		return EX_FAIL;
	}
	return ret ? EX_FAIL : EX_OK;
}

static int run(struct record *r)
{
	struct recorder_opts ro = { .events = r->events, .ring_bytes = (size_t)r->ring_kib << 10,
				    .pids = r->pid, .nr_pids = r->nr_pids, .rung = r->rung };
	int ret = check_host(r);

	if (!ret)
		ret = find_vms(r);
	if (!ret)
		ret = check_file(r->path);
	if (ret)
		return ret;
	ro.nr_pids = r->nr_pids;
	r->write.names = &r->names;
	if (recorder_open(&ro, record_take, &r->write, &r->recorder))
		return EX_CANNOT;	/* it has said why */
	say_missing(r);
	ret = recfile_create(r->path, (uint64_t)r->size_mib << 20, &r->write.file);
	if (ret) {
		err("%s: %s", r->path, strerror(-ret));
		return EX_INPUT;
	}
	ret = record_put_info(&r->write, r->recorder, ro.ring_bytes);
	if (!ret)
		ret = catch_signals(r);
	if (!ret)
		ret = record(r);
	if (ret) {
		if (!log_last_error()[0])
			err("record: %s", strerror(-ret));
		return ret == -ECHILD ? EX_INPUT : EX_FAIL;
	}
	return finish(r);
}

int cmd_record(int argc, char **argv)
{
	struct record r = { .path = "exitlab.trace", .size_mib = 1024, .ring_kib = 16384,
			    .events = ALL_EVENTS, .signal_fd = -1, .watch_fd = -1,
			    .child = { .in = -1, .out = -1 } };
	int ret = parse(argc, argv, &r);

	if (ret < 0)
		ret = run(&r);
	recorder_close(r.recorder);
	recfile_close(r.write.file);
	record_write_free(&r.write);
	names_free(&r.names);
	if (r.signal_fd >= 0)
		close(r.signal_fd);
	if (r.watch_fd >= 0)
		close(r.watch_fd);
	return ret;
}
