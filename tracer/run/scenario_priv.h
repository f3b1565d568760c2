/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the scenario parser share; nothing for others. */
#ifndef EXITLAB_SCENARIO_PRIV_H
#define EXITLAB_SCENARIO_PRIV_H

#include "run/scenario.h"
#include "run/scenario_msg.h"
#include "run/yaml.h"

#define SC_MAX_POINTS	10000
#define SC_MAX_CONFIGS	64
#define SC_MAX_WORKLOADS 64
#define SC_MAX_AXES	8
#define SC_MAX_ID	200	/* bytes of a point's id: a file name has 255 */

enum sc_type {
	SC_INT,			/* int */
	SC_U32,			/* uint32_t */
	SC_U64,			/* uint64_t */
	SC_BOOL,		/* bool */
	SC_CHOICE,		/* enum: the index of the word in choices */
	SC_WORD,		/* char *: a name, fit for a file name */
	SC_TEXT,		/* char *: free text of one line */
	SC_WORDS,		/* char *: words for a kernel's command line; NULL = none */
	SC_RELEASE,		/* char *: a kernel's release, or a series of them; NULL = none */
};

/* One key of a mapping of the scenario. A table of them ends with key == NULL. */
struct sc_field {
	const char *key;
	enum sc_type type;
	size_t offset;			/* in the struct that the mapping fills */
	uint64_t min, max;		/* of a number */
	uint64_t def;			/* default of a number, boolean or choice */
	unsigned tools;			/* 1 << enum sc_tool of each that has it; 0: all */
	bool required;
	bool size;			/* a number of bytes: "20 MB", "16 KiB" */
	bool sparse;			/* a choice left out of JSON at its first value */
	uint64_t multiple;		/* of which it must be one; 0: of none */
	const char *const *choices;	/* NULL-terminated */
};

extern const struct sc_field sc_host_fields[];
extern const struct sc_field sc_link_fields[];
extern const struct sc_field sc_guests_fields[];
extern const struct sc_field sc_config_fields[];
extern const struct sc_field sc_workload_fields[];
extern const char *const sc_mode_choices[];

/* Reading: where problems go and what is filled in. */
struct sc_reader {
	struct sc_problems pb;
	struct scenario *sc;
};

/* Where cross checks that concern several keys point to. 0: not in the file. */
struct sc_lines {
	int guests, host, sweep, configs, workloads, costs;
	int *config;			/* of each configuration */
	int *workload;
};

/*
 * Fills the struct at @base from @node, keys that are not there with their default (of the fields
 * that @tools has in common). @prefix is what goes before a key in messages ("guests."). Returns
 * false if there was a problem.
 */
bool sc_read_fields(struct sc_reader *rd, const struct yt_node *node,
		    const struct sc_field *fields, void *base, const char *prefix, unsigned tools);
/* Only the defaults, for a mapping that the file does not have. */
void sc_default_fields(const struct sc_field *fields, void *base);

/* One number within the field's range; problems are told under @key. */
bool sc_read_number(struct sc_reader *rd, const struct yt_node *node, int line,
		    const struct sc_field *f, const char *key, uint64_t *v);
/* The index in @choices of a word. */
bool sc_read_choice(struct sc_reader *rd, const struct yt_node *node, int line,
		    const char *const *choices, const char *key, int *v);
/* A text as @type wants it (SC_WORD and what follows); the caller owns *@v. */
bool sc_read_text(struct sc_reader *rd, const struct yt_node *node, int line, const char *key,
		  enum sc_type type, char **v);

/* A number, boolean or choice of the struct at @base. */
uint64_t sc_field_get(const struct sc_field *f, const void *base);
void sc_field_set(const struct sc_field *f, void *base, uint64_t v);
/* The text of the struct at @base. */
char **sc_field_text(const struct sc_field *f, void *base);

/* Where a swept key may lead: of a scenario, or of a point. */
struct sc_places {
	struct sc_host *host;
	struct sc_link *link;
	struct sc_guests *guests;
	struct sc_workload *workloads;
	size_t nr_workloads;
};

/* The places of a struct scenario or struct sc_point. */
#define SC_PLACES(p) ((struct sc_places){ .host = &(p)->host, .link = &(p)->link, \
	.guests = &(p)->guests, .workloads = (p)->workloads, .nr_workloads = (p)->nr_workloads })

/*
 * What a swept key names: the field, and the struct of @in it is in. NULL if there is no such
 * number; then *@base tells how far the name was right: NULL for an unknown section or workload.
 */
const struct sc_field *sc_resolve(const char *key, const struct sc_places *in, void **base);
/* Whether a setting is of the machine's outside only, and so is kept from the emulated host. */
bool sc_is_outer(const char *key);

/* A reference of a cost set; the caller owns *@v. */
bool sc_read_costs(struct sc_reader *rd, const struct yt_node *node, int line, const char *key,
		   char **v);

/* Readers of the sections, used for files and for points in JSON. */
void sc_read_host(struct sc_reader *rd, const struct yt_node *node);
void sc_read_guests(struct sc_reader *rd, const struct yt_node *node);
void sc_read_workloads(struct sc_reader *rd, const struct yt_node *node, struct sc_lines *lines);
void sc_read_measure(struct sc_reader *rd, const struct yt_node *node);
/* The keys of a mapping that are not in @known. */
void sc_tell_unknown(struct sc_reader *rd, const struct yt_node *node, const char *prefix,
		     const char *const *known);

/* Sweep: the axes of the file, and how many points they make of one configuration. */
void sc_read_sweep(struct sc_reader *rd, const struct yt_node *node, int line);

/* Smallest and largest value of the setting @key, @value if it is not swept, over all points. */
struct sc_range { uint64_t min, max; };
struct sc_range sc_over_points(const struct scenario *sc, const char *key, uint64_t value);

/* Of sc_check(), what concerns workloads. */
void sc_check_workloads(struct sc_reader *rd, const struct sc_lines *lines);
/* What concerns several keys at once; only worth calling when each key is right. */
void sc_check(struct sc_reader *rd, const struct sc_lines *lines);

#endif
