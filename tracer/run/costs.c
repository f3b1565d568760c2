// SPDX-License-Identifier: GPL-2.0
/*
 * Reading a file of cost sets. The hard thing is that a number here is worth what its source is:
 * so a number without a source or the plain admission that it is assumed is refused, as is a
 * source that nobody lists, and conversions from cycles are done here and not by hand in the file.
 */
#include "run/costs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "run/scenario_priv.h"

#define MAX_SETS	64
#define MAX_SOURCES	64
#define NAME_CHARS	"abcdefghijklmnopqrstuvwxyz0123456789-"

static const char *const variants[] = { "", "low", "high", "slow", "fast", NULL };
static const char *const units[] = { "cycles", "ns", NULL };

/* Keys of the file, options of -icount and keys of the record. */
static const struct { const char *key, *option, *json; } costs_keys[COST_N] = {
	[COST_VMRUN] = { "vmrun", "vmrun", "vmrun_ns" },
	[COST_VMEXIT] = { "vmexit", "vmexit", "vmexit_ns" },
	[COST_INTR] = { "intr", "intr", "intr_ns" },
	[COST_IPI_SEND] = { "ipi_send", "ipi-send", "ipi_send_ns" },
	[COST_IPI_DELAY] = { "ipi_delay", "ipi-delay", "ipi_delay_ns" },
	[COST_MMIO_READ] = { "mmio_read", "mmio-read", "mmio_read_ns" },
	[COST_MMIO_WRITE] = { "mmio_write", "mmio-write", "mmio_write_ns" },
	[COST_PIO] = { "pio", "pio", "pio_ns" },
	[COST_PAUSE] = { "pause", "pause", "pause_ns" },
};

/* One number as written. */
struct number {
	uint64_t value, low, high;
	unsigned unit;
	char *source, *assumed, *note;
};

#define NUMBER(m) .offset = offsetof(struct number, m)

/* Bounds that no hardware comes near, so that a misplaced digit shows: 1 ms, a million cycles. */
static const struct sc_field number_fields[] = {
	{ "value", SC_U64, NUMBER(value), .max = 1000000, .required = true },
	{ "low", SC_U64, NUMBER(low), .max = 1000000 },
	{ "high", SC_U64, NUMBER(high), .max = 1000000 },
	{ "unit", SC_CHOICE, NUMBER(unit), .choices = units, .required = true },
	{ "source", SC_WORD, NUMBER(source) },
	{ "assumed", SC_TEXT, NUMBER(assumed) },
	{ "note", SC_TEXT, NUMBER(note) },
	{ 0 }
};

/* The clock and the instructions per cycle have their unit in the key. */
static const struct sc_field plain_fields[] = {
	{ "value", SC_U64, NUMBER(value), .min = 1, .max = 100000, .required = true },
	{ "low", SC_U64, NUMBER(low), .min = 1, .max = 100000 },
	{ "high", SC_U64, NUMBER(high), .min = 1, .max = 100000 },
	{ "source", SC_WORD, NUMBER(source) },
	{ "assumed", SC_TEXT, NUMBER(assumed) },
	{ "note", SC_TEXT, NUMBER(note) },
	{ 0 }
};

struct source {
	char *cite, *url, *says;
	bool checked;
};

static const struct sc_field source_fields[] = {
	{ "cite", SC_TEXT, .offset = offsetof(struct source, cite), .required = true },
	{ "url", SC_TEXT, .offset = offsetof(struct source, url) },
	{ "says", SC_TEXT, .offset = offsetof(struct source, says) },
	{ "checked", SC_BOOL, .offset = offsetof(struct source, checked), .def = true },
	{ 0 }
};

int costs_ref_parse(const char *text, struct costs_ref *ref)
{
	const char *colon = strrchr(text, ':'), *name = colon ? colon + 1 : text, *at;
	size_t len;
	int v;

	memset(ref, 0, sizeof(*ref));
	if (colon && (colon == text || (size_t)(colon - text) >= sizeof(ref->file)))
		return -EINVAL;
	if (colon)
		memcpy(ref->file, text, (size_t)(colon - text));
	at = strchr(name, '@');
	len = at ? (size_t)(at - name) : strlen(name);
	if (!len || len >= sizeof(ref->name) || strspn(name, NAME_CHARS) < len)
		return -EINVAL;
	memcpy(ref->name, name, len);
	if (at) {
		for (v = COSTS_LOW; variants[v] && strcmp(variants[v], at + 1); v++)
			;
		if (!variants[v])
			return -EINVAL;
		ref->variant = (enum costs_variant)v;
	}
	snprintf(ref->label, sizeof(ref->label), "%s%s%s", ref->name, at ? "." : "",
		 variants[ref->variant]);
	return 0;
}

struct reader {
	struct sc_reader rd;
	const struct yt_node *sources;
	const struct costs_ref *ref;
	struct costs *out;
	bool found;
};

static bool is_map(struct reader *r, const struct yt_node *node, const char *key)
{
	if (node->kind == YT_MAP)
		return true;
	sc_problem(&r->rd.pb, node->line, "%s: is %s; needed is a mapping", key, yt_what(node));
	return false;
}

static void read_sources(struct reader *r)
{
	char key[128];
	size_t i;

	for (i = 0; i < r->sources->n && i < MAX_SOURCES; i++) {
		const struct yt_entry *e = &r->sources->entries[i];
		struct source s = { 0 };

		snprintf(key, sizeof(key), "sources.%s", sc_quote(e->key).s);
		if (!is_map(r, e->value, key))
			continue;
		strcat(key, ".");
		sc_read_fields(&r->rd, e->value, source_fields, &s, key, 0);
		free(s.cite);
		free(s.url);
		free(s.says);
	}
}

static void check_number(struct reader *r, const struct yt_node *node, const char *key,
			 struct number *n)
{
	int line = node->line;

	if (!yt_get(node, "low"))
		n->low = n->value;
	if (!yt_get(node, "high"))
		n->high = n->value;
	if (n->low > n->value || n->high < n->value)
		sc_problem(&r->rd.pb, line, "%s: %llu is not within its range from %llu to %llu",
			   key, (unsigned long long)n->value, (unsigned long long)n->low,
			   (unsigned long long)n->high);
	if (!n->source && !n->assumed)
		sc_problem(&r->rd.pb, line, "%s: has no source; source: NAME of one under "
			   "sources, or assumed: WHY", key);
	if (n->source && n->assumed)
		sc_problem(&r->rd.pb, line, "%s: has a source and is assumed; either", key);
	if (n->source && !yt_get(r->sources, n->source))
		sc_problem(&r->rd.pb, line, "%s: source \"%s\" is not listed under sources", key,
			   sc_quote(n->source).s);
}

/* A number of a set; false if it is not there or not usable. */
static bool read_number(struct reader *r, const struct yt_node *set, const char *set_key,
			const char *name, bool plain, struct number *n)
{
	const struct yt_node *node = yt_get(set, name);
	size_t before = r->rd.pb.n;
	char key[160];
	bool ok;

	memset(n, 0, sizeof(*n));
	if (!node)
		return false;
	snprintf(key, sizeof(key), "%s.%s", set_key, name);
	if (!is_map(r, node, key))
		return false;
	strcat(key, ".");
	ok = sc_read_fields(&r->rd, node, plain ? plain_fields : number_fields, n, key, 0);
	key[strlen(key) - 1] = '\0';
	if (ok)
		check_number(r, node, key, n);
	return ok && r->rd.pb.n == before;
}

/* Which end of a number's range the chosen variant takes. */
static uint64_t choose(const struct number *n, enum costs_variant v)
{
	if (v == (n->assumed ? COSTS_SLOW : COSTS_LOW))
		return n->low;
	if (v == (n->assumed ? COSTS_FAST : COSTS_HIGH))
		return n->high;
	return n->value;
}

static void free_number(struct number *n)
{
	free(n->source);
	free(n->assumed);
	free(n->note);
}

static void read_cost(struct reader *r, const struct yt_node *set, const char *set_key, int i,
		      struct costs *c)
{
	struct number n;
	uint64_t v;

	if (read_number(r, set, set_key, costs_keys[i].key, false, &n)) {
		v = choose(&n, r->ref->variant);
		/* units[0] is cycles; rounded to the nearest nanosecond. */
		if (n.unit == 0 && c->clock_mhz)
			v = (v * 1000 + c->clock_mhz / 2) / c->clock_mhz;
		c->ns[i] = (uint32_t)v;
	}
	free_number(&n);
}

static void read_set(struct reader *r, const struct yt_entry *e)
{
	static const char *const keys[] = { "title", "clock_mhz", "ipc_percent", "vmrun", "vmexit",
		"intr", "ipi_send", "ipi_delay", "mmio_read", "mmio_write", "pio", "pause", NULL };
	const struct yt_node *set = e->value, *node;
	struct costs c = { 0 };
	char key[96], *title = NULL;
	struct number n;
	size_t i;

	snprintf(key, sizeof(key), "sets.%s", sc_quote(e->key).s);
	if (strspn(e->key, NAME_CHARS) != strlen(e->key) || strlen(e->key) > 40)
		sc_problem(&r->rd.pb, e->line, "%s: cannot be a name; 1 to 40 of a-z, 0-9 and -", key);
	if (!is_map(r, set, key))
		return;
	strcat(key, ".");
	sc_tell_unknown(&r->rd, set, key, keys);
	key[strlen(key) - 1] = '\0';
	node = yt_get(set, "title");
	if (node && sc_read_text(&r->rd, node, node->line, "title", false, &title))
		snprintf(c.title, sizeof(c.title), "%s", title);
	free(title);
	for (i = 1; i < 3; i++) {
		if (!yt_get(set, keys[i]))
			sc_problem(&r->rd.pb, e->line, "%s.%s: missing; it has no default", key, keys[i]);
	}
	if (read_number(r, set, key, "clock_mhz", true, &n))
		c.clock_mhz = (uint32_t)choose(&n, r->ref->variant);
	free_number(&n);
	if (read_number(r, set, key, "ipc_percent", true, &n)) {
		c.mips = (uint32_t)(c.clock_mhz * choose(&n, r->ref->variant) / 100);
		/* An instruction must take time, or a polling loop never ends. */
		if (c.clock_mhz && !c.mips)
			sc_problem(&r->rd.pb, e->line, "%s: less than one instruction per microsecond", key);
	}
	free_number(&n);
	for (i = 0; i < COST_N; i++)
		read_cost(r, set, key, (int)i, &c);
	if (!strcmp(e->key, r->ref->name)) {
		*r->out = c;
		r->found = true;
	}
}

/* Never looked for under a mapping that is not one: any kind of node gives NULL. */
static void read_file(struct reader *r, const struct yt_node *top)
{
	static const char *const keys[] = { "sources", "sets", NULL };
	const struct yt_node *sets = yt_get(top, "sets");
	const char *names[MAX_SETS + 1] = { NULL }, *near;
	size_t i;

	sc_tell_unknown(&r->rd, top, "", keys);
	r->sources = yt_get(top, "sources");
	if (r->sources && is_map(r, r->sources, "sources"))
		read_sources(r);
	if (!sets) {
		sc_problem(&r->rd.pb, top->line, "sets: missing; a mapping from names to numbers, see "
			   "exitlab-costs(5)");
		return;
	}
	if (!is_map(r, sets, "sets"))
		return;
	for (i = 0; i < sets->n && i < MAX_SETS; i++) {
		names[i] = sets->entries[i].key;
		read_set(r, &sets->entries[i]);
	}
	if (r->found)
		return;
	near = sc_nearest(r->ref->name, names);
	sc_problem(&r->rd.pb, sets->line, "sets.%s: there is no such set%s%s%s", r->ref->name,
		   near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static bool hash(const char *text, size_t len, char hex[65])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0, i;

	if (!EVP_Digest(text, len, md, &n, EVP_sha256(), NULL) || n != 32)
		return false;
	for (i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", md[i]);
	return true;
}

int costs_parse(const char *path, const char *text, size_t len, const struct costs_ref *ref,
		FILE *err, struct costs *out)
{
	struct reader r = { .ref = ref, .out = out };
	struct yt_node *top = yt_read(text, len, &r.rd.pb);
	int rc = 0;

	memset(out, 0, sizeof(*out));
	if (top && is_map(&r, top, "costs"))
		read_file(&r, top);
	if (r.rd.pb.n)
		rc = -EINVAL;
	if (r.rd.pb.nomem || !hash(text, len, out->sha256))
		rc = -ENOMEM;
	sc_problems_print(&r.rd.pb, path, err);
	sc_problems_free(&r.rd.pb);
	yt_free(top);
	snprintf(out->name, sizeof(out->name), "%s%s%s", ref->name, ref->variant ? "@" : "",
		 variants[ref->variant]);
	snprintf(out->file, sizeof(out->file), "%s", ref->file[0] ? ref->file : "testbed/costs.yaml");
	return rc;
}

int costs_load(const char *path, const struct costs_ref *ref, FILE *err, struct costs *out)
{
	const size_t room = YT_MAX_BYTES + 1;
	FILE *f = fopen(path, "re");
	char *text;
	size_t n;
	int rc;

	if (!f) {
		rc = -errno;
		fprintf(err, "%s: cannot be opened: %s\n", path, strerror(-rc));
		return rc;
	}
	text = malloc(room);
	if (!text) {
		fclose(f);
		return -ENOMEM;
	}
	errno = 0;
	n = fread(text, 1, room, f);
	if (ferror(f)) {
		rc = errno ? -errno : -EIO;
		fprintf(err, "%s: cannot be read: %s\n", path, strerror(-rc));
	} else {
		rc = costs_parse(path, text, n, ref, err, out);
	}
	free(text);
	fclose(f);
	return rc;
}

void costs_icount(const struct costs *c, char *buf, size_t size)
{
	size_t i, n;

	n = (size_t)snprintf(buf, size, ",mips=%u", c->mips);
	for (i = 0; i < COST_N && n < size; i++) {
		if (c->ns[i])
			n += (size_t)snprintf(buf + n, size - n, ",%s=%u", costs_keys[i].option, c->ns[i]);
	}
}

json_t *costs_to_json(const struct costs *c)
{
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i}", "name", c->name, "title", c->title,
			      "file", c->file, "sha256", c->sha256, "clock_mhz", (int)c->clock_mhz,
			      "mips", (int)c->mips);
	size_t i;

	for (i = 0; j && i < COST_N; i++) {
		if (json_object_set_new(j, costs_keys[i].json, json_integer(c->ns[i]))) {
			json_decref(j);
			return NULL;
		}
	}
	return j;
}
