// SPDX-License-Identifier: GPL-2.0
/*
 * esxmemctl: shows and steers esxmem.
 *
 * This file is the table of subcommands and the search in it; each subcommand
 * lives in the file of its noun.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "message.h"
#include "uapi/esxmem.h"

/* clang-format off */
static const struct esx_command *const commands[] = {
	&esx_status_command,
	&esx_show_command,
	&esx_set_command,
	&esx_vm_list_command,
	&esx_vm_show_command,
	&esx_vm_set_command,
	&esx_pool_list_command,
	&esx_pool_show_command,
	&esx_pool_set_command,
	&esx_share_now_command,
	&esx_share_stats_command,
	&esx_reclaim_command,
	&esx_top_command,
	&esx_explain_command,
	&esx_run_command,
	&esx_create_command,
	&esx_clone_command,
	&esx_remove_command,
	&esx_doctor_command,
};
/* clang-format on */

/* Is @word the first word of @name?  *rest becomes the second word or NULL. */
static bool starts_with(const char *name, const char *word, const char **rest)
{
	size_t len = strlen(word);

	if (strncmp(name, word, len) || (name[len] && name[len] != ' '))
		return false;
	*rest = name[len] ? name + len + 1 : NULL;
	return true;
}

/* The overview: of all subcommands, or of those with @noun in front. */
static void print_overview(const char *noun)
{
	const char *rest;
	size_t i;

	printf("Usage: esxmemctl %s%sCOMMAND [options]\n\nCommands:\n", noun ? noun : "",
	       noun ? " " : "");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!noun || starts_with(commands[i]->name, noun, &rest))
			printf("  %-12s %s\n", commands[i]->name, commands[i]->summary);
	printf("\n`esxmemctl COMMAND --help` explains one of them, esxmemctl(8) all.\n"
	       "Exit status: 0 done, 1 failed, 2 misused.\n");
}

static bool is_noun(const char *word)
{
	const char *rest;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (starts_with(commands[i]->name, word, &rest) && rest)
			return true;
	return false;
}

/* Finds the command and how many words name it. */
static const struct esx_command *lookup(char **words, int *nr_words)
{
	const char *rest;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!starts_with(commands[i]->name, words[0], &rest))
			continue;
		if (rest && (!words[1] || strcmp(rest, words[1])))
			continue;
		*nr_words = rest ? 2 : 1;
		return commands[i];
	}
	return NULL;
}

static int refuse_word(char **words)
{
	if (!is_noun(words[0]))
		esx_error("no command named '%s'; `esxmemctl --help` lists them", words[0]);
	else if (!words[1])
		esx_error("'%s' needs a second word; `esxmemctl %s --help` lists them", words[0],
			  words[0]);
	else
		esx_error("no command named '%s %s'; `esxmemctl %s --help` lists them", words[0],
			  words[1], words[0]);
	return ESX_MISUSED;
}

static bool is_help(const char *word)
{
	return word && (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help"));
}

int main(int argc, char **argv)
{
	const struct esx_command *command;
	int nr_words;

	if (argc < 2) {
		esx_error("no command given; `esxmemctl --help` lists them");
		return ESX_MISUSED;
	}
	if (is_help(argv[1])) {
		print_overview(NULL);
		return ESX_DONE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("esxmemctl %s (ABI %d)\n", ESXMEMCTL_VERSION, ESXMEM_ABI_VERSION);
		return ESX_DONE;
	}
	if (argv[1][0] == '-') {
		esx_error("unknown option '%s'; `esxmemctl --help` shows what there is", argv[1]);
		return ESX_MISUSED;
	}
	if (is_noun(argv[1]) && is_help(argv[2])) {
		print_overview(argv[1]);
		return ESX_DONE;
	}
	command = lookup(argv + 1, &nr_words);
	if (!command)
		return refuse_word(argv + 1);
	return command->run(command, argc - nr_words, argv + nr_words);
}
