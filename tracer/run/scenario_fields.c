// SPDX-License-Identifier: GPL-2.0
/*
 * The keys of a scenario as tables, and the reader that works from them. Tables, because a key has
 * to be known in five places (reading, default, range, sweep, JSON) and must mean the same in all;
 * exitlab-scenario(5) is written from them too. The hard thing is the messages: whoever made a
 * mistake should read what would have been right.
 */
#include "run/scenario_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const net_choices[] = { "none", "virtio-user", "virtio-vhost", "vf", NULL };
static const char *const tool_choices[] = { "rr", "stream", "memcached", "idle", "probe",
					    "timer", "block", "apache", "iperf3", "sockperf",
					    NULL };
static const char *const protocol_choices[] = { "udp", "tcp", NULL };
static const char *const direction_choices[] = { "to-guest", "from-guest", NULL };
static const char *const disk_choices[] = { "none", "virtio-blk", "virtio-blk-iothread",
					    "vhost-scsi", NULL };
static const char *const ring_choices[] = { "default", "256", "512", NULL };
static const char *const numa_choices[] = { "off", "aligned", "unaligned", NULL };
static const char *const eli_choices[] = { "off", "delivery", "full", NULL };
static const char *const rw_choices[] = { "randread", "randwrite", "read", "write", NULL };
const char *const sc_mode_choices[] = { "counts", "timed", "fast", NULL };

#define FIELD(s, member) .offset = offsetof(struct s, member)

#define MILLION	 1000000ull
#define BILLION	 (1000 * MILLION)

const struct sc_field sc_host_fields[] = {
	{ "cpus", SC_INT, FIELD(sc_host, cpus), .min = 1, .max = 16, .def = 2 },
	{ "memory_mb", SC_INT, FIELD(sc_host, memory_mb), .min = 1024, .max = 16384, .def = 2560 },
	{ "moderation", SC_BOOL, FIELD(sc_host, moderation), .def = true },
	{ "quantum_ns", SC_INT, FIELD(sc_host, quantum_ns), .min = 100, .max = 100000, .def = 500 },
	{ "halt_poll_ns", SC_U32, FIELD(sc_host, halt_poll_ns), .min = 0, .max = BILLION,
	  .def = 200000 },
	{ "pin_load", SC_BOOL, FIELD(sc_host, pin_load), .def = false, .sparse = true },
	{ "nic_cpu", SC_INT, FIELD(sc_host, nic_cpu), .min = 0, .max = 15, .sparse = true },
	{ "peer_cpus", SC_INT, FIELD(sc_host, peer_cpus), .min = 0, .max = 8, .sparse = true },
	{ "numa_nodes", SC_INT, FIELD(sc_host, numa_nodes), .min = 0, .max = 4, .def = 0,
	  .sparse = true },
	{ 0 }
};

const struct sc_field sc_link_fields[] = {
	{ "rate_mbit", SC_U32, FIELD(sc_link, rate_mbit), .min = 0, .max = 400000, .def = 10000 },
	{ "delay_ns", SC_U32, FIELD(sc_link, delay_ns), .min = 0, .max = 100000000, .def = 300 },
	{ 0 }
};

const struct sc_field sc_guests_fields[] = {
	{ "count", SC_INT, FIELD(sc_guests, count), .min = 0, .max = 16, .def = 1 },
	{ "vcpus", SC_INT, FIELD(sc_guests, vcpus), .min = 1, .max = 4, .def = 1 },
	{ "memory_mb", SC_INT, FIELD(sc_guests, memory_mb), .min = 128, .max = 4096, .def = 256 },
	{ "pv_eoi", SC_BOOL, FIELD(sc_guests, pv_eoi), .def = true },
	{ "idle_poll", SC_BOOL, FIELD(sc_guests, idle_poll), .def = false },
	{ "coalesce_us", SC_U32, FIELD(sc_guests, coalesce_us), .min = 0, .max = 1000, .def = 0,
	  .sparse = true },
	{ "cmdline", SC_WORDS, FIELD(sc_guests, cmdline) },
	{ 0 }
};

const struct sc_field sc_config_fields[] = {
	{ "name", SC_WORD, FIELD(sc_config, name), .required = true },
	{ "title", SC_TEXT, FIELD(sc_config, title) },
	{ "net", SC_CHOICE, FIELD(sc_config, net), .required = true, .choices = net_choices },
	{ "poll_us", SC_INT, FIELD(sc_config, poll_us), .min = 0, .max = 1000000 },
	{ "worker_cpu", SC_INT, FIELD(sc_config, worker_cpu), .min = 0, .max = 15 },
	{ "disk", SC_CHOICE, FIELD(sc_config, disk), .def = SC_DISK_NONE, .choices = disk_choices },
	{ "event_idx", SC_BOOL, FIELD(sc_config, event_idx), .def = true },
	{ "module_params", SC_WORDS, FIELD(sc_config, module_params) },
	/* Sparse: without it points are told to the host as they were before the key was there. */
	{ "eli", SC_CHOICE, FIELD(sc_config, eli), .def = SC_ELI_OFF, .choices = eli_choices,
	  .sparse = true },
	{ "bare_metal", SC_BOOL, FIELD(sc_config, bare_metal), .def = false, .sparse = true },
	{ "worker_free", SC_BOOL, FIELD(sc_config, worker_free), .def = false, .sparse = true },
	{ "guest_kernel", SC_RELEASE, FIELD(sc_config, guest_kernel) },
	{ "guest_cmdline", SC_WORDS, FIELD(sc_config, guest_cmdline) },
	{ "ring", SC_CHOICE, FIELD(sc_config, ring), .def = SC_RING_DEFAULT,
	  .choices = ring_choices, .sparse = true },
	{ "numa", SC_CHOICE, FIELD(sc_config, numa), .def = SC_NUMA_OFF, .choices = numa_choices,
	  .sparse = true },
	{ 0 }
};

#define RR	 (1 << SC_TOOL_RR)
#define STREAM	 (1 << SC_TOOL_STREAM)
#define MEMCD	 (1 << SC_TOOL_MEMCACHED)
#define IDLE	 (1 << SC_TOOL_IDLE)
#define PROBE	 (1 << SC_TOOL_PROBE)
#define TIMER	 (1 << SC_TOOL_TIMER)
#define BLOCK	 (1 << SC_TOOL_BLOCK)
#define APACHE	 (1 << SC_TOOL_APACHE)
#define IPERF3	 (1 << SC_TOOL_IPERF3)
#define SOCKPERF (1 << SC_TOOL_SOCKPERF)

const struct sc_field sc_workload_fields[] = {
	{ "name", SC_WORD, FIELD(sc_workload, name), .required = true },
	{ "title", SC_TEXT, FIELD(sc_workload, title) },
	{ "tool", SC_CHOICE, FIELD(sc_workload, tool), .required = true, .choices = tool_choices },
	{ "requests", SC_U64, FIELD(sc_workload, requests), .min = 1, .max = BILLION,
	  .tools = RR | MEMCD | BLOCK | APACHE, .required = true },
	{ "warmup", SC_U64, FIELD(sc_workload, warmup), .min = 0, .max = BILLION, .def = 0,
	  .tools = RR | MEMCD | TIMER | BLOCK | APACHE },
	{ "protocol", SC_CHOICE, FIELD(sc_workload, protocol), .def = SC_UDP, .tools = RR | SOCKPERF,
	  .choices = protocol_choices },
	{ "request_bytes", SC_U32, FIELD(sc_workload, request_bytes), .min = 1, .max = 65536,
	  .def = 1, .tools = RR, .size = true },
	{ "reply_bytes", SC_U32, FIELD(sc_workload, reply_bytes), .min = 1, .max = 65536, .def = 1,
	  .tools = RR, .size = true },
	{ "direction", SC_CHOICE, FIELD(sc_workload, direction), .def = SC_TO_GUEST,
	  .tools = STREAM | IPERF3, .choices = direction_choices },
	{ "bytes", SC_U64, FIELD(sc_workload, bytes), .min = 1, .max = 1000 * BILLION,
	  .tools = STREAM | IPERF3, .required = true, .size = true },
	{ "warmup_bytes", SC_U64, FIELD(sc_workload, warmup_bytes), .min = 0,
	  .max = 1000 * BILLION, .def = 0, .tools = STREAM | IPERF3, .size = true },
	{ "write_bytes", SC_U32, FIELD(sc_workload, write_bytes), .min = 1, .max = 1048576,
	  .def = 16384, .tools = STREAM | IPERF3, .size = true },
	{ "nagle", SC_BOOL, FIELD(sc_workload, nagle), .def = false, .tools = STREAM | IPERF3,
	  .sparse = true },
	{ "compute", SC_U32, FIELD(sc_workload, compute), .min = 0, .max = 100000, .def = 0,
	  .tools = STREAM, .sparse = true },
	{ "rr_guests", SC_U32, FIELD(sc_workload, rr_guests), .min = 0, .max = 15, .def = 0,
	  .tools = STREAM, .sparse = true },
	{ "rr_requests", SC_U64, FIELD(sc_workload, rr_requests), .max = BILLION,
	  .tools = STREAM, .sparse = true },
	{ "message_bytes", SC_U32, FIELD(sc_workload, message_bytes), .min = 14, .max = 65507,
	  .def = 14, .tools = SOCKPERF, .size = true },
	{ "seconds", SC_U32, FIELD(sc_workload, seconds), .min = 1, .max = 600, .def = 1,
	  .tools = SOCKPERF },
	{ "warmup_seconds", SC_U32, FIELD(sc_workload, warmup_seconds), .min = 0, .max = 600, .def = 0,
	  .tools = SOCKPERF },
	{ "value_bytes", SC_U32, FIELD(sc_workload, value_bytes), .min = 1, .max = 65536,
	  .def = 1024, .tools = MEMCD, .size = true },
	{ "clients", SC_U32, FIELD(sc_workload, clients), .min = 1, .max = 64, .def = 1,
	  .tools = MEMCD | APACHE },
	{ "page_bytes", SC_U32, FIELD(sc_workload, page_bytes), .min = 1, .max = 1048576,
	  .def = 4096, .tools = APACHE, .size = true },
	{ "duration_ms", SC_U64, FIELD(sc_workload, duration_ms), .min = 1, .max = 600000,
	  .def = 1000, .tools = IDLE },
	{ "out", SC_U64, FIELD(sc_workload, probe_out), .max = BILLION, .tools = PROBE },
	{ "cpuid", SC_U64, FIELD(sc_workload, probe_cpuid), .max = BILLION, .tools = PROBE },
	{ "hlt", SC_U64, FIELD(sc_workload, probe_hlt), .max = BILLION, .tools = PROBE },
	{ "wrmsr", SC_U64, FIELD(sc_workload, probe_wrmsr), .max = BILLION, .tools = PROBE },
	{ "timers", SC_U64, FIELD(sc_workload, timers), .min = 1, .max = BILLION, .tools = TIMER,
	  .required = true },
	{ "interval_us", SC_U32, FIELD(sc_workload, interval_us), .min = 1, .max = 10 * MILLION,
	  .def = 1000, .tools = TIMER },
	{ "rw", SC_CHOICE, FIELD(sc_workload, rw), .def = SC_RANDREAD, .tools = BLOCK,
	  .choices = rw_choices },
	{ "block_bytes", SC_U32, FIELD(sc_workload, block_bytes), .min = 512, .max = 1048576,
	  .def = 4096, .tools = BLOCK, .size = true, .multiple = 512 },
	{ "depth", SC_U32, FIELD(sc_workload, depth), .min = 1, .max = 64, .def = 1,
	  .tools = BLOCK },
	{ "readers", SC_U32, FIELD(sc_workload, readers), .min = 0, .max = 16, .def = 0,
	  .tools = BLOCK, .sparse = true },
	{ "writers", SC_U32, FIELD(sc_workload, writers), .min = 0, .max = 16, .def = 0,
	  .tools = BLOCK, .sparse = true },
	{ 0 }
};

const char *sc_net_name(enum sc_net net)
{
	return net_choices[net];
}

const char *sc_eli_name(enum sc_eli eli)
{
	return eli_choices[eli];
}

const char *sc_tool_name(enum sc_tool tool)
{
	return tool_choices[tool];
}

const char *sc_rw_name(enum sc_rw rw)
{
	return rw_choices[rw];
}

const char *sc_mode_name(enum sc_mode mode)
{
	return sc_mode_choices[mode];
}

const char *sc_tool_unit(enum sc_tool tool)
{
	static const char *const units[] = { "request", "MB", "request", "second", "exit",
					    "timer", "request", "request", "MB", "request" };

	return units[tool];
}

uint64_t sc_field_get(const struct sc_field *f, const void *base)
{
	const void *p = (const char *)base + f->offset;

	switch (f->type) {
	case SC_INT:
		return *(const int *)p;
	case SC_U32:
		return *(const uint32_t *)p;
	case SC_U64:
		return *(const uint64_t *)p;
	case SC_BOOL:
		return *(const bool *)p;
	case SC_CHOICE:
		/* Every enum of a scenario is an unsigned int to the compilers we use. */
		return *(const unsigned *)p;
	case SC_WORD:
	case SC_TEXT:
	case SC_WORDS:
	case SC_RELEASE:
		break;
	}
	return 0;
}

void sc_field_set(const struct sc_field *f, void *base, uint64_t v)
{
	void *p = (char *)base + f->offset;

	switch (f->type) {
	case SC_INT:
		*(int *)p = v;
		break;
	case SC_U32:
		*(uint32_t *)p = v;
		break;
	case SC_U64:
		*(uint64_t *)p = v;
		break;
	case SC_BOOL:
		*(bool *)p = v;
		break;
	case SC_CHOICE:
		*(unsigned *)p = v;
		break;
	case SC_WORD:
	case SC_TEXT:
	case SC_WORDS:
	case SC_RELEASE:
		break;
	}
}

char **sc_field_text(const struct sc_field *f, void *base)
{
	return (char **)((char *)base + f->offset);
}

/* "20 MB", "16KiB", "4096": powers of ten for kB, MB, GB, of two for KiB, MiB, GiB. */
static int parse_size(const char *text, bool units, uint64_t *v)
{
	static const struct { const char *name; uint64_t factor; } unit[] = {
		{ "", 1 }, { "B", 1 }, { "kB", 1000 }, { "KB", 1000 }, { "MB", MILLION },
		{ "GB", BILLION }, { "KiB", 1 << 10 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 },
	};
	char *end;
	size_t i;

	if (*text < '0' || *text > '9' || (*text == '0' && text[1] >= '0' && text[1] <= '9'))
		return -EINVAL;
	errno = 0;
	*v = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	if (!units)
		return *end ? -EINVAL : 0;
	if (*end == ' ' && end[1])
		end++;
	for (i = 0; i < sizeof(unit) / sizeof(unit[0]); i++) {
		if (!strcmp(end, unit[i].name))
			return __builtin_mul_overflow(*v, unit[i].factor, v) ? -ERANGE : 0;
	}
	return -EINVAL;
}

bool sc_read_number(struct sc_reader *rd, const struct yt_node *node, int line,
		    const struct sc_field *f, const char *key, uint64_t *v)
{
	const char *want = f->size ? "a number of bytes such as 4096, 16 KiB or 20 MB"
				   : "a whole number";
	int rc;

	if (node->kind != YT_SCALAR || yt_is_null(node)) {
		sc_problem(&rd->pb, line, "%s: is %s; needed is %s", key, yt_what(node), want);
		return false;
	}
	rc = parse_size(node->text, f->size, v);
	if (!rc && !node->plain && !f->size) {
		sc_problem(&rd->pb, line, "%s: \"%s\" in quotes is a text; write %s", key,
			   sc_quote(node->text).s, sc_quote(node->text).s);
		return false;
	}
	if (rc == -EINVAL && node->text[0] == '-')
		rc = -ERANGE;
	if (rc == -EINVAL) {
		sc_problem(&rd->pb, line, "%s: \"%s\" is not a number; needed is %s from %llu to "
			   "%llu", key, sc_quote(node->text).s, want,
			   (unsigned long long)f->min, (unsigned long long)f->max);
		return false;
	}
	if (rc || *v < f->min || *v > f->max) {
		sc_problem(&rd->pb, line, "%s: %s is out of range; from %llu to %llu", key,
			   sc_quote(node->text).s, (unsigned long long)f->min,
			   (unsigned long long)f->max);
		return false;
	}
	if (f->multiple && *v % f->multiple) {
		sc_problem(&rd->pb, line, "%s: %s is not a multiple of %llu", key,
			   sc_quote(node->text).s, (unsigned long long)f->multiple);
		return false;
	}
	return true;
}

static bool read_bool(struct sc_reader *rd, const struct yt_node *node, int line,
		      const char *key, uint64_t *v)
{
	static const char *const words[] = { "off", "on", "no", "yes", "false", "true", NULL };
	size_t i;

	for (i = 0; node->kind == YT_SCALAR && words[i]; i++) {
		if (!strcasecmp(node->text, words[i])) {
			*v = i & 1;
			return true;
		}
	}
	if (node->kind != YT_SCALAR || yt_is_null(node))
		sc_problem(&rd->pb, line, "%s: is %s; on or off", key, yt_what(node));
	else
		sc_problem(&rd->pb, line, "%s: \"%s\" is neither; on or off", key,
			   sc_quote(node->text).s);
	return false;
}

/* "a, b, c" of a NULL-terminated list. */
static const char *listed(const char *const *words, char *buf, size_t n)
{
	size_t used = 0;

	buf[0] = '\0';
	for (; *words && used < n; words++)
		used += snprintf(buf + used, n - used, "%s%s", used ? ", " : "", *words);
	return buf;
}

bool sc_read_choice(struct sc_reader *rd, const struct yt_node *node, int line,
		    const char *const *choices, const char *key, int *v)
{
	const char *near;
	char buf[128];
	int i;

	if (node->kind != YT_SCALAR || yt_is_null(node)) {
		sc_problem(&rd->pb, line, "%s: is %s; one of %s", key, yt_what(node),
			   listed(choices, buf, sizeof(buf)));
		return false;
	}
	for (i = 0; choices[i]; i++) {
		if (!strcmp(node->text, choices[i])) {
			*v = i;
			return true;
		}
	}
	near = sc_nearest(node->text, choices);
	if (near)
		sc_problem(&rd->pb, line, "%s: \"%s\" is unknown; did you mean %s? (one of %s)",
			   key, sc_quote(node->text).s, near, listed(choices, buf, sizeof(buf)));
	else
		sc_problem(&rd->pb, line, "%s: \"%s\" is unknown; one of %s", key,
			   sc_quote(node->text).s, listed(choices, buf, sizeof(buf)));
	return false;
}

static bool is_word(const char *text)
{
	size_t len = strlen(text);

	return len && len <= 40 &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static bool is_line(const char *text)
{
	size_t i;

	for (i = 0; text[i]; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	}
	return i && i <= 200;
}

/* Words as they can stand on a kernel's command line: nobody strips quotes there. */
static bool is_words(const char *text)
{
	size_t i;

	for (i = 0; text[i]; i++) {
		if (text[i] < 0x20 || text[i] > 0x7e || strchr("\"'`\\", text[i]))
			return false;
	}
	return i && i <= 200 && text[0] != ' ' && text[i - 1] != ' ';
}

/* As it is in the name of a package, linux-image-RELEASE; it becomes a folder's name, too. */
static bool is_release(const char *text)
{
	size_t len = strlen(text);

	return len <= 40 && *text >= '0' && *text <= '9' && strchr(text, '.') &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+~-") == len;
}

bool sc_read_text(struct sc_reader *rd, const struct yt_node *node, int line, const char *key,
		  enum sc_type type, char **v)
{
	if (node->kind != YT_SCALAR || yt_is_null(node)) {
		sc_problem(&rd->pb, line, "%s: is %s; needed is %s", key, yt_what(node),
			   type == SC_WORD ? "a name" : "a text");
		return false;
	}
	if (type == SC_WORDS && !is_words(node->text)) {
		sc_problem(&rd->pb, line, "%s: not words for a kernel's command line; 1 to 200 "
			   "printable ASCII characters without quotes and backslashes", key);
		return false;
	}
	if (type == SC_RELEASE && !is_release(node->text)) {
		sc_problem(&rd->pb, line, "%s: \"%s\" cannot be a kernel; a series such as 6.1, or a "
			   "release such as 6.1.0-56-amd64", key, sc_quote(node->text).s);
		return false;
	}
	if (type == SC_WORD && !is_word(node->text)) {
		sc_problem(&rd->pb, line, "%s: \"%s\" cannot be a name; 1 to 40 of a-z, 0-9 and -",
			   key, sc_quote(node->text).s);
		return false;
	}
	if (type == SC_TEXT && !is_line(node->text)) {
		sc_problem(&rd->pb, line, "%s: not a text of one line; 1 to 200 bytes without "
			   "control characters", key);
		return false;
	}
	*v = strdup(node->text);
	if (!*v)
		rd->pb.nomem = true;
	return *v;
}

static bool read_field(struct sc_reader *rd, const struct yt_node *node, int line,
		       const struct sc_field *f, const char *key, void *base)
{
	uint64_t v = 0;
	char *text;
	int choice;

	switch (f->type) {
	case SC_WORD:
	case SC_TEXT:
	case SC_WORDS:
	case SC_RELEASE:
		if (!sc_read_text(rd, node, line, key, f->type, &text))
			return false;
		free(*sc_field_text(f, base));
		*sc_field_text(f, base) = text;
		return true;
	case SC_CHOICE:
		if (!sc_read_choice(rd, node, line, f->choices, key, &choice))
			return false;
		v = choice;
		break;
	case SC_BOOL:
		if (!read_bool(rd, node, line, key, &v))
			return false;
		break;
	default:
		if (!sc_read_number(rd, node, line, f, key, &v))
			return false;
	}
	sc_field_set(f, base, v);
	return true;
}

/* The keys that @tools has, in @keys (room for them all); the misspelt are sought among these. */
static void keys_of(const struct sc_field *fields, unsigned tools, const char **keys)
{
	size_t n = 0;

	for (; fields->key; fields++) {
		if (!fields->tools || (fields->tools & tools))
			keys[n++] = fields->key;
	}
	keys[n] = NULL;
}

#define MAX_FIELDS 48

static void tell_key(struct sc_reader *rd, const struct yt_entry *e,
		     const struct sc_field *fields, const char *prefix, unsigned tools)
{
	const char *keys[MAX_FIELDS], *near;
	char buf[256];
	const struct sc_field *f;

	keys_of(fields, tools, keys);
	listed(keys, buf, sizeof(buf));
	for (f = fields; f->key && strcmp(f->key, e->key); f++)
		;
	if (f->key) {
		sc_problem(&rd->pb, e->line, "%s%s: does not belong to tool %s; its keys are %s",
			   prefix, e->key, tool_choices[__builtin_ctz(tools)], buf);
		return;
	}
	near = sc_nearest(e->key, keys);
	if (near)
		sc_problem(&rd->pb, e->line, "%s%s: unknown key; did you mean %s?", prefix,
			   sc_quote(e->key).s, near);
	else
		sc_problem(&rd->pb, e->line, "%s%s: unknown key; the keys are %s", prefix,
			   sc_quote(e->key).s, buf);
}

bool sc_read_fields(struct sc_reader *rd, const struct yt_node *node,
		    const struct sc_field *fields, void *base, const char *prefix, unsigned tools)
{
	const struct sc_field *f;
	bool ok = true;
	char key[128];
	size_t i;

	for (f = fields; f->key; f++) {
		if (!f->tools || (f->tools & tools))
			sc_field_set(f, base, f->def);
		if (f->required && (!f->tools || (f->tools & tools) == tools) &&
		    !yt_get(node, f->key)) {
			sc_problem(&rd->pb, node->line, "%s%s: missing; it has no default", prefix,
				   f->key);
			ok = false;
		}
	}
	for (i = 0; i < node->n; i++) {
		const struct yt_entry *e = &node->entries[i];

		for (f = fields; f->key && strcmp(f->key, e->key); f++)
			;
		if (!f->key || (f->tools && !(f->tools & tools))) {
			tell_key(rd, e, fields, prefix, tools);
			ok = false;
			continue;
		}
		snprintf(key, sizeof(key), "%s%s", prefix, e->key);
		ok &= read_field(rd, e->value, e->line, f, key, base);
	}
	return ok;
}

void sc_default_fields(const struct sc_field *fields, void *base)
{
	for (; fields->key; fields++)
		sc_field_set(fields, base, fields->def);
}

void sc_tell_unknown(struct sc_reader *rd, const struct yt_node *node, const char *prefix,
		     const char *const *known)
{
	size_t i, j;
	char buf[256];

	for (i = 0; i < node->n; i++) {
		const char *key = node->entries[i].key, *near;

		for (j = 0; known[j] && strcmp(known[j], key); j++)
			;
		if (known[j])
			continue;
		near = sc_nearest(key, known);
		if (near)
			sc_problem(&rd->pb, node->entries[i].line,
				   "%s%s: unknown key; did you mean %s?", prefix, sc_quote(key).s,
				   near);
		else
			sc_problem(&rd->pb, node->entries[i].line,
				   "%s%s: unknown key; the keys are %s", prefix, sc_quote(key).s,
				   listed(known, buf, sizeof(buf)));
	}
}
