/* SPDX-License-Identifier: GPL-2.0 */
/* The subcommands. Each gets its own argv (argv[0] is its name) and returns an enum exit_status. */
#ifndef EXITLAB_CMD_H
#define EXITLAB_CMD_H

int cmd_stat(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_script(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_analyze(int argc, char **argv);
int cmd_plot(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_baseline(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_claims(int argc, char **argv);
int cmd_paper(int argc, char **argv);

#endif
