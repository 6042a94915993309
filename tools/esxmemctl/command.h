/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a subcommand is, and what it may return.
 *
 * main.c holds the one table of subcommands.  Each of them lives in the file
 * of its noun, parses its own options with esx_getopt() and returns one of
 * the exit codes below.
 */
#ifndef ESXMEMCTL_COMMAND_H
#define ESXMEMCTL_COMMAND_H

#include <getopt.h>
#include <stddef.h>

#define ESXMEMCTL_VERSION "0.1.0"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/**
 * enum esx_exit - what esxmemctl tells its caller
 * @ESX_DONE: everything asked for was done
 * @ESX_FAILED: it was not, or only in part; stderr says what and why
 * @ESX_MISUSED: the command line made no sense; nothing was changed
 */
enum esx_exit {
	ESX_DONE = 0,
	ESX_FAILED = 1,
	ESX_MISUSED = 2,
};

/**
 * struct esx_command - a line of the table of subcommands
 * @name: one or two words, as typed
 * @args: what follows the name in the usage line
 * @summary: one line for the overview
 * @help: the rest of what --help prints
 * @run: does the work; argv[0] is the last word of the name
 */
struct esx_command {
	const char *name;
	const char *args;
	const char *summary;
	const char *help;
	int (*run)(const struct esx_command *self, int argc, char **argv);
};

int esx_getopt(const struct esx_command *cmd, int argc, char **argv, const char *shorts,
	       const struct option *longs);
void esx_command_usage(const struct esx_command *cmd);

extern const struct esx_command esx_status_command;
extern const struct esx_command esx_show_command;
extern const struct esx_command esx_set_command;
extern const struct esx_command esx_vm_list_command;
extern const struct esx_command esx_vm_show_command;
extern const struct esx_command esx_vm_set_command;
extern const struct esx_command esx_pool_list_command;
extern const struct esx_command esx_pool_show_command;
extern const struct esx_command esx_pool_set_command;
extern const struct esx_command esx_share_now_command;
extern const struct esx_command esx_share_stats_command;
extern const struct esx_command esx_reclaim_command;
extern const struct esx_command esx_top_command;
extern const struct esx_command esx_explain_command;
extern const struct esx_command esx_run_command;
extern const struct esx_command esx_create_command;
extern const struct esx_command esx_clone_command;
extern const struct esx_command esx_remove_command;
extern const struct esx_command esx_doctor_command;

#endif /* ESXMEMCTL_COMMAND_H */
