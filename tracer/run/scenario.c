// SPDX-License-Identifier: GPL-2.0
/*
 * A scenario file: its sections, and how they become a struct scenario. Each section is read on
 * its own and goes on after a mistake, so that a user sees all mistakes at once; what concerns
 * several keys (scenario_check.c) is looked at only when each key by itself is right.
 */
#include "run/scenario_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

static bool need(struct sc_reader *rd, const struct yt_node *node, enum yt_kind kind,
		 const char *key, const char *want)
{
	if (node->kind == kind && (kind != YT_LIST || node->n))
		return true;
	sc_problem(&rd->pb, node->line, "%s: is %s; needed is %s", key,
		   node->kind == kind ? "an empty list" : yt_what(node), want);
	return false;
}

void sc_read_host(struct sc_reader *rd, const struct yt_node *node)
{
	if (need(rd, node, YT_MAP, "host", "a mapping such as { cpus: 2 }"))
		sc_read_fields(rd, node, sc_host_fields, &rd->sc->host, "host.", 0);
}

/* "none" is the infinitely fast hub. */
static void read_link(struct sc_reader *rd, const struct yt_node *node)
{
	if (node->kind == YT_SCALAR && !strcmp(node->text, "none"))
		rd->sc->link = (struct sc_link){ 0 };
	else if (need(rd, node, YT_MAP, "link", "none or a mapping such as { rate_mbit: 10000 }"))
		sc_read_fields(rd, node, sc_link_fields, &rd->sc->link, "link.", 0);
}

bool sc_read_costs(struct sc_reader *rd, const struct yt_node *node, int line, const char *key,
		   char **v)
{
	struct costs_ref ref;

	if (!sc_read_text(rd, node, line, key, SC_TEXT, v))
		return false;
	if (!costs_ref_parse(*v, &ref))
		return true;
	sc_problem(&rd->pb, line, "%s: \"%s\" cannot name a cost set; NAME or FILE:NAME, then "
		   "@low, @high, @slow, @fast or nothing", key, sc_quote(*v).s);
	free(*v);
	*v = NULL;
	return false;
}

void sc_read_guests(struct sc_reader *rd, const struct yt_node *node)
{
	if (need(rd, node, YT_MAP, "guests", "a mapping such as { count: 1 }"))
		sc_read_fields(rd, node, sc_guests_fields, &rd->sc->guests, "guests.", 0);
}

/* "configurations.vf." if the item has a usable name, else "configurations[2].". */
static void item_prefix(char *buf, size_t n, const char *section, const struct yt_node *item,
			size_t index)
{
	const struct yt_node *name = yt_get(item, "name");

	if (name && name->kind == YT_SCALAR && *name->text)
		snprintf(buf, n, "%s.%s.", section, sc_quote(name->text).s);
	else
		snprintf(buf, n, "%s[%zu].", section, index + 1);
}

/*
 * The items of a list of mappings. Allocates @*array of @size each, calls @read for each; lines of
 * the items go to @*lines.
 */
static size_t read_items(struct sc_reader *rd, const struct yt_node *node, const char *section,
			 size_t max, size_t size, void **array, int **lines,
			 void (*read)(struct sc_reader *, const struct yt_node *, const char *,
				      void *))
{
	char prefix[128];
	size_t i;

	if (!need(rd, node, YT_LIST, section, "a list of mappings, each with a name"))
		return 0;
	if (node->n > max) {
		sc_problem(&rd->pb, node->line, "%s: %zu are too many; at most %zu", section,
			   node->n, max);
		return 0;
	}
	*array = calloc(node->n, size);
	*lines = calloc(node->n, sizeof(**lines));
	if (!*array || !*lines) {
		rd->pb.nomem = true;
		return 0;
	}
	for (i = 0; i < node->n; i++) {
		const struct yt_node *item = node->entries[i].value;

		(*lines)[i] = item->line;
		item_prefix(prefix, sizeof(prefix), section, item, i);
		prefix[strlen(prefix) - 1] = '\0';
		if (!need(rd, item, YT_MAP, prefix, "a mapping with a name"))
			continue;
		strcat(prefix, ".");
		read(rd, item, prefix, (char *)*array + i * size);
	}
	return node->n;
}

/* A title that is not given is the name. */
static void default_title(struct sc_reader *rd, char **title, const char *name)
{
	if (*title || !name)
		return;
	*title = strdup(name);
	if (!*title)
		rd->pb.nomem = true;
}

static void read_config(struct sc_reader *rd, const struct yt_node *item, const char *prefix,
			void *out)
{
	struct sc_config *c = out;

	sc_read_fields(rd, item, sc_config_fields, c, prefix, 0);
	default_title(rd, &c->title, c->name);
}

static void read_workload(struct sc_reader *rd, const struct yt_node *item, const char *prefix,
			  void *out)
{
	static const char *const probes[] = { "out", "cpuid", "hlt", "wrmsr" };
	const struct yt_node *tool = yt_get(item, "tool");
	unsigned tools = ~0u;
	struct sc_workload *w = out;
	size_t i;
	int t;

	/* Which keys belong to it depends on the tool; with no usable tool, any key may. */
	if (tool && tool->kind == YT_SCALAR) {
		for (t = SC_TOOL_RR; t <= SC_TOOL_SOCKPERF; t++) {
			if (!strcmp(tool->text, sc_tool_name(t)))
				tools = 1u << t;
		}
	}
	sc_read_fields(rd, item, sc_workload_fields, w, prefix, tools);
	default_title(rd, &w->title, w->name);
	if (tools == 1u << SC_TOOL_PROBE) {
		for (i = 0; i < 4 && !yt_get(item, probes[i]); i++)
			;
		if (i == 4)
			sc_problem(&rd->pb, item->line, "%sout: missing, and so are cpuid, hlt and "
				   "wrmsr; a probe needs at least one of them", prefix);
	}
}

static void read_configs(struct sc_reader *rd, const struct yt_node *node,
			 struct sc_lines *lines)
{
	void *array = NULL;
	size_t n;

	n = read_items(rd, node, "configurations", SC_MAX_CONFIGS, sizeof(struct sc_config), &array,
		       &lines->config, read_config);
	rd->sc->configs = array;
	rd->sc->nr_configs = n;
}

void sc_read_workloads(struct sc_reader *rd, const struct yt_node *node, struct sc_lines *lines)
{
	void *array = NULL;
	size_t n;

	n = read_items(rd, node, "workloads", SC_MAX_WORKLOADS, sizeof(struct sc_workload), &array,
		       &lines->workload, read_workload);
	rd->sc->workloads = array;
	rd->sc->nr_workloads = n;
}

static void read_flags(struct sc_reader *rd, const struct yt_node *node, const char *key,
		       const char *const *words, bool **flags)
{
	size_t i;
	int v;

	if (!node)
		return;
	for (i = 0; words[i]; i++)
		*flags[i] = false;
	if (node->kind != YT_LIST) {
		sc_problem(&rd->pb, node->line, "%s: is %s; needed is a list such as [%s], or []",
			   key, yt_what(node), words[0]);
		return;
	}
	for (i = 0; i < node->n; i++) {
		if (!sc_read_choice(rd, node->entries[i].value, node->entries[i].line, words, key,
				    &v))
			continue;
		if (*flags[v])
			sc_problem(&rd->pb, node->entries[i].line, "%s: %s is given twice", key,
				   words[v]);
		*flags[v] = true;
	}
}

void sc_read_measure(struct sc_reader *rd, const struct yt_node *node)
{
	static const char *const details[] = { "msr", "port", "gpa", NULL };
	static const char *const checks[] = { "kvm-stats", "hist", NULL };
	static const char *const signals[] = { "kicks", "replies", NULL };
	static const char *const keys[] = { "detail", "crosscheck", "signals", NULL };
	struct sc_measure *m = &rd->sc->measure;
	bool *detail[] = { &m->msr_detail, &m->port_detail, &m->gpa_detail };
	bool *check[] = { &m->check_kvm_stats, &m->check_hist };
	bool *signal[] = { &m->kicks, &m->replies };

	if (!need(rd, node, YT_MAP, "measure", "a mapping such as { detail: [msr] }"))
		return;
	sc_tell_unknown(rd, node, "measure.", keys);
	read_flags(rd, yt_get(node, "detail"), "measure.detail", details, detail);
	read_flags(rd, yt_get(node, "crosscheck"), "measure.crosscheck", checks, check);
	read_flags(rd, yt_get(node, "signals"), "measure.signals", signals, signal);
}

static void read_backend(struct sc_reader *rd, const struct yt_node *node)
{
	static const char *const backends[] = { "emulated", "host", NULL };
	int v;

	if (sc_read_choice(rd, node, node->line, backends, "backend", &v) && v)
		sc_problem(&rd->pb, node->line, "backend: running on this host is not supported "
			   "yet; emulated");
}

/* The keys at the top, in the order of the manual page. */
static void read_top(struct sc_reader *rd, const struct yt_node *top, struct sc_lines *lines)
{
	static const char *const keys[] = { "title", "reproduces", "backend", "mode", "costs",
					    "host", "link", "guests", "configurations", "workloads", "measure",
					    "sweep", "repeat", NULL };
	static const struct sc_field repeat = { "repeat", SC_INT, .min = 1, .max = 100 };
	struct scenario *sc = rd->sc;
	const struct yt_node *node;
	uint64_t v;
	int mode;

	sc_tell_unknown(rd, top, "", keys);
	node = yt_get(top, "title");
	if (node)
		sc_read_text(rd, node, node->line, "title", SC_TEXT, &sc->title);
	node = yt_get(top, "reproduces");
	if (node)
		sc_read_text(rd, node, node->line, "reproduces", SC_TEXT, &sc->reproduces);
	node = yt_get(top, "backend");
	if (node)
		read_backend(rd, node);
	node = yt_get(top, "mode");
	if (node && sc_read_choice(rd, node, node->line, sc_mode_choices, "mode", &mode))
		sc->mode = mode;
	node = yt_get(top, "costs");
	if (node)
		sc_read_costs(rd, node, node->line, "costs", &sc->costs);
	node = yt_get(top, "host");
	if (node)
		sc_read_host(rd, node);
	node = yt_get(top, "link");
	if (node)
		read_link(rd, node);
	node = yt_get(top, "guests");
	if (node)
		sc_read_guests(rd, node);
	node = yt_get(top, "configurations");
	if (node)
		read_configs(rd, node, lines);
	else
		sc_problem(&rd->pb, top->line, "configurations: missing; a list of what to "
			   "compare, each { name: ..., net: ... }");
	node = yt_get(top, "workloads");
	if (node)
		sc_read_workloads(rd, node, lines);
	else
		sc_problem(&rd->pb, top->line, "workloads: missing; a list of what to run, each "
			   "{ name: ..., tool: ... }");
	node = yt_get(top, "measure");
	if (node)
		sc_read_measure(rd, node);
	node = yt_get(top, "repeat");
	if (node && sc_read_number(rd, node, node->line, &repeat, "repeat", &v))
		sc->repeat = v;
	node = yt_get(top, "sweep");
	if (node)
		sc_read_sweep(rd, node, node->line);
}

static void find_lines(const struct yt_node *top, struct sc_lines *lines)
{
	size_t i;

	for (i = 0; i < top->n; i++) {
		const struct yt_entry *e = &top->entries[i];

		if (!strcmp(e->key, "guests"))
			lines->guests = e->line;
		else if (!strcmp(e->key, "costs"))
			lines->costs = e->line;
		else if (!strcmp(e->key, "host"))
			lines->host = e->line;
		else if (!strcmp(e->key, "sweep"))
			lines->sweep = e->line;
		else if (!strcmp(e->key, "configurations"))
			lines->configs = e->line;
		else if (!strcmp(e->key, "workloads"))
			lines->workloads = e->line;
	}
}

static char *sha256_hex(const char *text, size_t len)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0, i;
	char *hex;

	if (!EVP_Digest(text, len, md, &n, EVP_sha256(), NULL))
		return NULL;
	hex = malloc(2 * n + 1);
	if (!hex)
		return NULL;
	for (i = 0; i < n; i++)
		sprintf(hex + 2 * i, "%02x", md[i]);
	return hex;
}

/* "scenarios/demo.yaml" -> "demo". The name becomes a folder's. */
static void name_of_path(struct sc_reader *rd, const char *path)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t len = strlen(base);
	struct scenario *sc = rd->sc;

	if (len > 5 && !strcmp(base + len - 5, ".yaml"))
		len -= 5;
	else if (len > 4 && !strcmp(base + len - 4, ".yml"))
		len -= 4;
	sc->name = strndup(base, len);
	sc->path = strdup(path);
	if (!sc->name || !sc->path) {
		rd->pb.nomem = true;
		return;
	}
	if (!len || len > 100 || base[0] == '.' || base[0] == '-' ||
	    strspn(sc->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
	    != len)
		sc_problem(&rd->pb, 1, "the file's name \"%s\" cannot name the scenario; 1 to 100 "
			   "of letters, digits, . _ and -, then .yaml", sc_quote(base).s);
}

static void scenario_init(struct scenario *sc)
{
	sc_default_fields(sc_host_fields, &sc->host);
	sc_default_fields(sc_link_fields, &sc->link);
	sc_default_fields(sc_guests_fields, &sc->guests);
	sc->measure.check_kvm_stats = true;
	sc->repeat = 1;
}

int scenario_parse(const char *path, const char *text, size_t len, FILE *err,
		   struct scenario **out)
{
	struct sc_reader rd = { .sc = calloc(1, sizeof(*rd.sc)) };
	struct sc_lines lines = { 0 };
	struct yt_node *top;
	int rc = 0;

	if (!rd.sc)
		return -ENOMEM;
	scenario_init(rd.sc);
	name_of_path(&rd, path);
	rd.sc->sha256 = sha256_hex(text, len);
	top = yt_read(text, len, &rd.pb);
	if (top && need(&rd, top, YT_MAP, "scenario", "a mapping with configurations, "
			"workloads, ...; see exitlab-scenario(5)")) {
		find_lines(top, &lines);
		read_top(&rd, top, &lines);
	}
	default_title(&rd, &rd.sc->title, rd.sc->name);
	if (top && !rd.pb.n)
		sc_check(&rd, &lines);
	if (rd.sc->mode == SC_MODE_TIMED && !rd.sc->costs) {
		rd.sc->costs = strdup(COSTS_DEFAULT);
		rd.pb.nomem |= !rd.sc->costs;
	}
	if (rd.pb.n)
		rc = -EINVAL;
	if (rd.pb.nomem || !rd.sc->sha256)
		rc = -ENOMEM;
	sc_problems_print(&rd.pb, path, err);
	sc_problems_free(&rd.pb);
	yt_free(top);
	free(lines.config);
	free(lines.workload);
	if (rc) {
		scenario_free(rd.sc);
		return rc;
	}
	*out = rd.sc;
	return 0;
}

int scenario_load(const char *path, FILE *err, struct scenario **out)
{
	/* One byte more than allowed: the parser tells when a file is too large. */
	const size_t room = YT_MAX_BYTES + 1;
	char *text = NULL;
	size_t n;
	FILE *f;
	int rc;

	f = fopen(path, "re");
	if (!f) {
		rc = -errno;
		fprintf(err, "%s: cannot be opened: %s\n", path, strerror(-rc));
		return rc;
	}
	text = malloc(room);
	if (!text) {
		rc = -ENOMEM;
		goto out;
	}
	errno = 0;
	n = fread(text, 1, room, f);
	if (ferror(f)) {
		rc = errno ? -errno : -EIO;
		fprintf(err, "%s: cannot be read: %s\n", path, strerror(-rc));
		goto out;
	}
	rc = scenario_parse(path, text, n, err, out);
out:
	free(text);
	fclose(f);
	return rc;
}

void scenario_free(struct scenario *sc)
{
	size_t i, j;

	if (!sc)
		return;
	for (i = 0; i < sc->nr_configs; i++) {
		free(sc->configs[i].name);
		free(sc->configs[i].title);
		free(sc->configs[i].module_params);
		free(sc->configs[i].guest_kernel);
		free(sc->configs[i].guest_cmdline);
	}
	for (i = 0; i < sc->nr_workloads; i++) {
		free(sc->workloads[i].name);
		free(sc->workloads[i].title);
	}
	for (i = 0; i < sc->nr_axes; i++) {
		free(sc->sweep[i].key);
		free(sc->sweep[i].values);
		for (j = 0; sc->sweep[i].texts && j < sc->sweep[i].n; j++)
			free(sc->sweep[i].texts[j]);
		free(sc->sweep[i].texts);
	}
	free(sc->guests.cmdline);
	free(sc->configs);
	free(sc->workloads);
	free(sc->sweep);
	free(sc->costs);
	free(sc->path);
	free(sc->name);
	free(sc->title);
	free(sc->reproduces);
	free(sc->sha256);
	free(sc);
}
