// SPDX-License-Identifier: GPL-2.0
/*
 * Options of a subcommand: getopt_long() with messages that name the
 * subcommand and say where its options are explained.
 */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "message.h"

static void __attribute__((noreturn))
refuse(const struct esx_command *cmd, const char *what, const char *arg)
{
	esx_error("%s '%s'; `esxmemctl %s --help` lists the options", what, arg, cmd->name);
	exit(ESX_MISUSED);
}

/**
 * esx_command_usage() - print what a subcommand is for and how it is typed
 * @cmd: the subcommand
 */
void esx_command_usage(const struct esx_command *cmd)
{
	printf("Usage: esxmemctl %s%s%s\n\n%s.\n", cmd->name, *cmd->args ? " " : "", cmd->args,
	       cmd->summary);
	if (*cmd->help)
		printf("\n%s", cmd->help);
	printf("\nesxmemctl(8) tells more.\n");
}

/**
 * esx_getopt() - the next option of a subcommand
 * @cmd: the subcommand
 * @argc: its arguments, name included
 * @argv: likewise
 * @shorts: short options as for getopt(3); must start with "+:" or ":"
 * @longs: long options; 'h' must stand for --help
 *
 * Does not return on --help, on an unknown option and on a missing argument.
 *
 * Return: the option, or -1 behind the last one
 */
int esx_getopt(const struct esx_command *cmd, int argc, char **argv, const char *shorts,
	       const struct option *longs)
{
	char letter[] = "-?";
	int c;

	opterr = 0;
	c = getopt_long(argc, argv, shorts, longs, NULL);
	switch (c) {
	case 'h':
		esx_command_usage(cmd);
		exit(ESX_DONE);
	case ':':
		refuse(cmd, "an argument is missing behind", argv[optind - 1]);
	case '?':
		letter[1] = (char)optopt;
		refuse(cmd, "unknown or malformed option", optopt ? letter : argv[optind - 1]);
	}
	return c;
}
