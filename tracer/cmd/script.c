// SPDX-License-Identifier: GPL-2.0
/*
 * exitlab script: the events of a file of exitlab record, one per line, for reading and for
 * programs that draw them.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/stat_options.h"
#include "offline/recordfile.h"
#include "util/log.h"

static const char usage[] =
"Usage: exitlab script [-i FILE] [OPTION...]\n"
"Prints the events of a file of exitlab record in order of time, one per line.\n\n"
"  -i, --input FILE  the file (default exitlab.trace)\n"
"  -p, --pid PID     only events of this process\n"
"  --vm NAME|PID     only events of this VM; can be given several times\n"
"  --vcpu LIST       only events of these vCPUs, such as 0-3,7\n"
"  --events LIST     only these kinds, see exitlab record --help\n"
"  --header          print what the file says of the host, and its ledger, instead\n"
"  --json            print JSON, an object per line\n"
"  -h, --help        this text\n\n"
"Exit status: 0 done, 1 it failed, 2 unusable arguments or file.\n";

struct vm {
	pid_t pid;
	char *name;		/* NULL = unknown */
};

struct script {
	const char *path;
	pid_t pid;		/* 0 = all */
	struct filter filter;
	uint32_t events;
	bool json, header;
	uint64_t start_ns;
	struct vm vm[UINT16_MAX + 1];	/* by the number in the file */
	json_t *threads;	/* tid -> name */
};

static int bad(const char *fmt, const char *arg)
{
	char text[200];

	snprintf(text, sizeof(text), fmt, arg);
	err("script: %s; see exitlab script --help", text);
	return EX_INPUT;
}

static int option(int c, struct script *s)
{
	long n;

	switch (c) {
	case 'i':
		s->path = optarg;
		return EX_OK;
	case 'p':
		n = option_whole(optarg, 1, INT32_MAX);
		s->pid = (pid_t)n;
		return n < 0 ? bad("'%s' is not a process id", optarg) : EX_OK;
	case 'V':
		if (!*optarg || filter_add_vm(&s->filter, optarg))
			return bad("--vm '%s': a name or a process id, up to 64 times", optarg);
		return EX_OK;
	case 'u':
		return filter_vcpus(&s->filter, optarg) ?
		       bad("'%s' is not a list of vCPUs such as 0-3,7", optarg) : EX_OK;
	case 'e':
		return events_parse(optarg, &s->events) ?
		       bad("--events '%s' has an event that is not known", optarg) : EX_OK;
	case 'H':
		s->header = true;
		return EX_OK;
	default:
		s->json = true;
		return EX_OK;
	}
}

static int parse(int argc, char **argv, struct script *s)
{
	static const struct option opts[] = {
		{ "input", required_argument, NULL, 'i' }, { "pid", required_argument, NULL, 'p' },
		{ "vm", required_argument, NULL, 'V' }, { "vcpu", required_argument, NULL, 'u' },
		{ "events", required_argument, NULL, 'e' }, { "header", no_argument, NULL, 'H' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	int c, ret;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":i:p:h", opts, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return EX_OK;
		}
		if (c == ':')
			return bad("option '%s' needs a value", argv[optind - 1]);
		if (c == '?')
			return bad("unknown option '%s'", argv[optind - 1]);
		ret = option(c, s);
		if (ret)
			return ret;
	}
	return optind < argc ? bad("unexpected argument '%s' (a file comes after -i)", argv[optind]) :
	       -1;
}

static int take_names(struct script *s, const json_t *o)
{
	char key[24];
	size_t i;
	json_t *v;

	json_array_foreach(json_object_get(o, "vms"), i, v) {
		json_int_t n = json_integer_value(json_object_get(v, "vm"));
		const char *name = json_string_value(json_object_get(v, "name"));

		if (n < 1 || n > UINT16_MAX)
			continue;
		s->vm[n].pid = (pid_t)json_integer_value(json_object_get(v, "pid"));
		free(s->vm[n].name);
		s->vm[n].name = name ? strdup(name) : NULL;
	}
	json_array_foreach(json_object_get(o, "threads"), i, v) {
		snprintf(key, sizeof(key), "%" PRId64,
			 (int64_t)json_integer_value(json_object_get(v, "tid")));
		json_object_set(s->threads, key, json_object_get(v, "comm"));
	}
	return 0;
}

static int take_json(enum recfile_block type, const json_t *o, void *arg)
{
	struct script *s = arg;

	if (s->header && json_dumpf(o, stdout, s->json ? JSON_COMPACT : JSON_INDENT(1)))
		return -EIO;
	if (s->header)
		putchar('\n');
	if (type == RECFILE_INFO)
		s->start_ns = (uint64_t)json_integer_value(json_object_get(o, "start_ns"));
	return type == RECFILE_NAMES ? take_names(s, o) : 0;
}

static bool wanted(const struct script *s, const struct trace_event *e)
{
	const struct filter *f = &s->filter;
	const struct vm *v = &s->vm[e->vm];
	bool vm = f->nr_vms == 0;
	char pid[16];
	size_t i;

	if (e->type != REC_LOST && !(s->events & 1u << e->type))
		return false;
	if (s->pid && v->pid != s->pid)
		return false;
	if (f->some_vcpus && (e->vcpu < 0 || e->vcpu > FILTER_MAX_VCPU ||
			      !(f->vcpu[e->vcpu / 8] & 1u << e->vcpu % 8)))
		return false;
	snprintf(pid, sizeof(pid), "%d", (int)v->pid);
	for (i = 0; i < f->nr_vms && !vm; i++)
		vm = (v->name && !strcmp(v->name, f->vm[i])) || !strcmp(pid, f->vm[i]);
	return vm;
}

static int take_event(const struct trace_event *e, void *arg)
{
	struct script *s = arg;
	struct event_who who = { .vm = s->vm[e->vm].name, .pid = s->vm[e->vm].pid };
	char tid[16];
	json_t *o;
	int ret = 0;

	if (s->header || !wanted(s, e))
		return 0;
	snprintf(tid, sizeof(tid), "%u", e->tid);
	who.comm = json_string_value(json_object_get(s->threads, tid));
	if (!s->json) {
		event_text(stdout, e, &who, s->start_ns);
	} else {
		o = event_json(e, &who);
		ret = !o ? -ENOMEM : json_dumpf(o, stdout, JSON_COMPACT) ? -EIO : 0;
		json_decref(o);
		putchar('\n');
	}
	return ferror(stdout) ? -EPIPE : ret;
}

static int print(struct script *s)
{
	static const struct recfile_ops ops = { take_json, take_event };
	struct recfile_end end = { 0 };
	struct reader r;
	int ret = reader_open(&r, s->path);

	if (!ret)
		ret = recfile_read(&r, &ops, s, &end);
	if (!ret && fflush(stdout))
		ret = -errno;
	if (ret && r.why[0])
		err("%s: %s", s->path, r.why);
	else if (ret)
		err("cannot write the events: %s", strerror(-ret));
	else if (end.cut)
		info("%s is cut short at offset 0x%" PRIx64 ": what is before was printed", s->path,
		     end.cut_at);
	ret = !ret ? EX_OK : r.why[0] ? EX_INPUT : EX_FAIL;
	reader_close(&r);
	return ret;
}

int cmd_script(int argc, char **argv)
{
	struct script *s = calloc(1, sizeof(*s));
	int ret = EX_FAIL;
	size_t i;

	if (s)
		s->threads = json_object();
	if (!s || !s->threads) {
		err("out of memory");
		free(s);
		return ret;
	}
	s->path = "exitlab.trace";
	s->events = ALL_EVENTS;
	ret = parse(argc, argv, s);
	if (ret < 0)
		ret = print(s);
	for (i = 0; i <= UINT16_MAX; i++)
		free(s->vm[i].name);
	json_decref(s->threads);
	free(s);
	return ret;
}
