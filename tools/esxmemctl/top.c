// SPDX-License-Identifier: GPL-2.0
/*
 * The subcommand top: its options.
 */
#include <ctype.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "message.h"
#include "top_batch.h"
#include "top_screen.h"

/* As esxtop has it. */
#define DELAY_DEFAULT 5

/**
 * struct options - what the user wants
 * @view: how it shall look
 * @iterations: how many samples; 0: no end
 * @batch: no screen
 * @json: JSON instead of tables
 * @ascii: no characters beyond ASCII
 * @chosen: the columns were named
 */
struct options {
	struct esx_view view;
	unsigned long iterations;
	bool batch;
	bool json;
	bool ascii;
	bool chosen;
};

static void __attribute__((noreturn)) refuse_value(const char *what, const char *value,
						   const char *range)
{
	esx_error("the %s cannot be '%s'; it is %s", what, value, range);
	exit(ESX_MISUSED);
}

static double parse_delay(const char *text)
{
	double delay = 0;
	char *end = NULL;

	/* strtod() would take signs, blanks, hexadecimal and infinity. */
	if (strspn(text, "0123456789.") == strlen(text) && *text)
		delay = strtod(text, &end);
	if (!end || *end || !(delay >= ESX_DELAY_MIN && delay <= ESX_DELAY_MAX))
		refuse_value("delay", text, "0.1 to 3600 seconds");
	return delay;
}

static unsigned long parse_iterations(const char *text)
{
	unsigned long long number = 0;
	char *end = NULL;

	errno = 0;
	if (isdigit((unsigned char)*text))
		number = strtoull(text, &end, 10);
	if (!end || *end || errno || !number || number > UINT32_MAX)
		refuse_value("number of iterations", text, "1 to 4294967295");
	return number;
}

static size_t parse_column(const char *name, size_t len)
{
	size_t column;
	char *all;

	if (esx_column_lookup(name, len, &column))
		return column;
	all = esx_column_list();
	esx_error("no column named '%.*s'; there are: %s", (int)len, name, all);
	free(all);
	exit(ESX_MISUSED);
}

/* VM is the first column, named or not. */
static void parse_columns(struct esx_view *view, const char *list)
{
	bool seen[ESX_COLUMNS_MAX] = { [ESX_COLUMN_VM] = true };
	size_t len, column;

	view->nr_columns = 0;
	view->columns[view->nr_columns++] = ESX_COLUMN_VM;
	for (;; list += len + 1) {
		len = strcspn(list, ",");
		column = parse_column(list, len);
		if (column != ESX_COLUMN_VM && seen[column]) {
			esx_error("the column %s is named twice", esx_columns[column].name);
			exit(ESX_MISUSED);
		}
		if (!seen[column])
			view->columns[view->nr_columns++] = column;
		seen[column] = true;
		if (!list[len])
			return;
	}
}

static void parse_option(struct options *options, int option)
{
	switch (option) {
	case 'B':
		options->batch = true;
		break;
	case 'j':
		options->json = true;
		break;
	case 'b':
		options->view.bytes = true;
		break;
	case 'd':
		options->view.delay = parse_delay(optarg);
		break;
	case 'n':
		options->iterations = parse_iterations(optarg);
		break;
	case 's':
		options->view.sort = parse_column(optarg, strlen(optarg));
		break;
	case 'r':
		options->view.reverse = true;
		break;
	case 'o':
		parse_columns(&options->view, optarg);
		options->chosen = true;
		break;
	case 'a':
		options->ascii = true;
		break;
	}
}

static void parse_options(const struct esx_command *cmd, int argc, char **argv,
			  struct options *options)
{
	static const struct option longs[] = { { "batch", no_argument, NULL, 'B' },
					       { "json", no_argument, NULL, 'j' },
					       { "bytes", no_argument, NULL, 'b' },
					       { "delay", required_argument, NULL, 'd' },
					       { "iterations", required_argument, NULL, 'n' },
					       { "sort", required_argument, NULL, 's' },
					       { "reverse", no_argument, NULL, 'r' },
					       { "output", required_argument, NULL, 'o' },
					       { "ascii", no_argument, NULL, 'a' },
					       { "help", no_argument, NULL, 'h' },
					       {} };
	int c;

	while ((c = esx_getopt(cmd, argc, argv, ":Bjbd:n:s:ro:ah", longs)) != -1)
		parse_option(options, c);
	if (optind < argc) {
		esx_error("top takes no argument; `esxmemctl explain %s` tells of one VM",
			  argv[optind]);
		exit(ESX_MISUSED);
	}
	if (options->json && !options->batch) {
		esx_error("--json needs --batch: a screen is for people");
		exit(ESX_MISUSED);
	}
	if (!options->batch && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))) {
		esx_error("top needs a terminal to read keys from and to draw on; use --batch");
		exit(ESX_MISUSED);
	}
}

static int top(const struct esx_command *cmd, int argc, char **argv)
{
	struct options options = {
		.view = { .bars = true, .nr_rows = SIZE_MAX, .delay = DELAY_DEFAULT },
	};

	/* Characters alone: numbers keep their point. */
	setlocale(LC_CTYPE, "");
	esx_column_lookup("GRANT", strlen("GRANT"), &options.view.sort);
	parse_options(cmd, argc, argv, &options);
	options.view.utf8 = !options.ascii && !strcmp(nl_langinfo(CODESET), "UTF-8");
	if (options.batch)
		return esx_top_batch(&options.view, options.iterations, options.chosen,
				     options.json);
	return esx_top_screen(&options.view, options.iterations, options.chosen);
}

const struct esx_command esx_top_command = {
	.name = "top",
	.args = "[options]",
	.summary = "Watch the VMs: memory granted, active, shared, entitled to",
	.help = "Options:\n"
		"  -d, --delay SECONDS   time between samples, 0.1 to 3600; default 5\n"
		"  -n, --iterations N    end after so many samples\n"
		"  -s, --sort COLUMN     sort by it, largest first; default GRANT\n"
		"  -r, --reverse         smallest first\n"
		"  -o, --output COLS     columns, separated by commas\n"
		"  -b, --bytes           print plain numbers of bytes\n"
		"  -a, --ascii           draw bars with ASCII characters\n"
		"  -B, --batch           print a table for each sample; needs no terminal\n"
		"  -j, --json            with --batch: print one line of JSON for each\n"
		"  -h, --help            print this\n"
		"\n"
		"Columns: VM MEMSZ GRANT SZTGT TCHD ACTV SHRD ZERO MIN MAX SHRS WHY ACTVS\n"
		"ACTVF ACTVN COWB/s FLT/s EPT/s MRG/s %VCPU PRIV LARGE RESV TAX RHO; by\n"
		"default those of which the loaded module has the figure.  On the screen, h\n"
		"explains columns and keys, and q ends.\n",
	.run = top,
};
