// SPDX-License-Identifier: GPL-2.0
/* The exitlab program: a table of subcommands and the options before them. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "util/log.h"

#ifndef EXITLAB_VERSION
#define EXITLAB_VERSION "unknown"
#endif

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "run", cmd_run, "run a scenario file: build the testbed, measure, write run records" },
	{ "stat", cmd_stat, "count and time the VM exits of this host" },
	{ "top", cmd_top, "show the VMs of this host and their exits, live" },
	{ "record", cmd_record, "write every event of this host's VMs into a file" },
	{ "script", cmd_script, "print the events of such a file" },
	{ "export", cmd_export, "give the counts to Prometheus" },
	{ "doctor", cmd_doctor, "say what can be traced on this host, and why not" },
	{ "analyze", cmd_analyze, "print the tables of run records, write CSV, compare runs" },
	{ "plot", cmd_plot, "draw run records with gnuplot" },
	{ "check", cmd_check, "compare run records with a baseline: a regression gate" },
	{ "baseline", cmd_baseline, "write or update the baseline of a gate" },
	{ "compare", cmd_compare, "show runs side by side, with the differences" },
	{ "claims", cmd_claims, "judge the claims of the papers by printed and measured values" },
	{ "paper", cmd_paper, "rebuild the tables and figures of the papers from run records" },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(FILE *out)
{
	size_t i;

	fprintf(out, "Usage: exitlab [-v] [-q] COMMAND [ARGUMENT...]\n"
		"Measures and traces virtual-machine I/O on Linux KVM.\n\nCommands:\n");
	for (i = 0; i < NR_COMMANDS; i++)
		fprintf(out, "  %-10s%s\n", commands[i].name, commands[i].help);
	fprintf(out, "\nOptions:\n"
		"  -v         say more (-vv: everything)\n"
		"  -q         say only errors\n"
		"  --help     this text; exitlab COMMAND --help tells about a command\n"
		"  --version  version and libraries\n\n"
		"Exit status: 0 done, 1 it ran and failed, 2 unusable arguments, files or set-up,\n"
		"4 this host cannot do it, 130 interrupted. See exitlab(1).\n");
}

static int unknown(const char *name)
{
	size_t i;

	for (i = 0; i < NR_COMMANDS; i++) {
		if (!strncmp(name, commands[i].name, 2)) {
			err("there is no command '%s'; did you mean '%s'?", name, commands[i].name);
			return EX_INPUT;
		}
	}
	err("there is no command '%s'; 'exitlab --help' lists them", name);
	return EX_INPUT;
}

int main(int argc, char **argv)
{
	size_t i;
	int c;

	/* Numbers of machine formats are in the C locale: no setlocale() anywhere. */
	while (argc > 1 && argv[1][0] == '-') {
		const char *o = argv[1];

		if (!strcmp(o, "--help") || !strcmp(o, "-h")) {
			help(stdout);
			return EX_OK;
		}
		if (!strcmp(o, "--version") || !strcmp(o, "-V")) {
			printf("exitlab %s\n", EXITLAB_VERSION);
			return EX_OK;
		}
		for (c = 1; o[c] == 'v' || o[c] == 'q'; c++)
			log_threshold = o[c] == 'q' ? LOG_ERROR : log_threshold < LOG_DEBUG ?
					log_threshold + 1 : LOG_DEBUG;
		if (c == 1 || o[c]) {
			err("unknown option '%s'; 'exitlab --help' lists them", o);
			return EX_INPUT;
		}
		argv[1] = argv[0];
		argv++;
		argc--;
	}
	if (argc < 2) {
		help(stderr);
		return EX_INPUT;
	}
	if (!strcmp(argv[1], "help")) {
		help(stdout);
		return EX_OK;
	}
	for (i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	return unknown(argv[1]);
}
