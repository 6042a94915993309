// SPDX-License-Identifier: GPL-2.0
/*
 * Knobs: the host's settings, which `set` changes and `show` shows.
 *
 * A knob is named by its sysfs file, with a dot for the slash.  In JSON the
 * dot opens an object, so that the text has the shape of the directory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "kernel.h"
#include "knob.h"
#include "message.h"
#include "setting.h"

static const char *const page_choices[] = { "always", "never", NULL };
static const char *const order_choices[] = { "sequential", "random", NULL };
static const char *const break_choices[] = { "never", "pressure", "always", NULL };

static const char *const admission_choices[] = { "relaxed", "strict", NULL };

static const struct esx_setting knobs[] = {
	{ .name = "large_pages",
	  .file = "large_pages",
	  .kind = ESX_TEXT,
	  .choices = page_choices,
	  .values = "always or never",
	  .help = "use of 2 MB frames" },
	{ .name = "share.run",
	  .file = "share/run",
	  .kind = ESX_SWITCH,
	  .values = "on or off",
	  .help = "the background scanner" },
	{ .name = "share.pages_per_second",
	  .file = "share/pages_per_second",
	  .kind = ESX_COUNT,
	  .max = UINT32_MAX,
	  .values = "a number of pages, 0 for no limit",
	  .help = "most pages it hashes in a second" },
	{ .name = "share.cpu_percent",
	  .file = "share/cpu_percent",
	  .kind = ESX_COUNT,
	  .min = 1,
	  .max = 100,
	  .values = "1 to 100",
	  .help = "most of one CPU it may take" },
	{ .name = "share.order",
	  .file = "share/order",
	  .kind = ESX_TEXT,
	  .choices = order_choices,
	  .values = "sequential or random",
	  .help = "how it walks through a VM's memory" },
	{ .name = "share.target_seconds",
	  .file = "share/target_seconds",
	  .kind = ESX_COUNT,
	  .max = UINT32_MAX,
	  .values = "a number of seconds, 0 for no target",
	  .help = "time in which it shall see all memory" },
	{ .name = "share.workers",
	  .file = "share/workers",
	  .kind = ESX_COUNT,
	  .min = 1,
	  .max = 64,
	  .values = "1 to 64",
	  .help = "its threads" },
	{ .name = "share.break_large",
	  .file = "share/break_large",
	  .kind = ESX_TEXT,
	  .choices = break_choices,
	  .values = "never, pressure or always",
	  .help = "when it breaks 2 MB frames" },
	{ .name = "share.pressure_percent",
	  .file = "share/pressure_percent",
	  .kind = ESX_COUNT,
	  .max = 100,
	  .values = "0 to 100",
	  .help = "short of memory when less of it is available" },
	{ .name = "tax.tax_percent",
	  .file = "tax/tax_percent",
	  .kind = ESX_COUNT,
	  .max = 99,
	  .values = "0 to 99",
	  .help = "tax on idle memory" },
	{ .name = "tax.progressive",
	  .file = "tax/progressive",
	  .kind = ESX_SWITCH,
	  .values = "on or off",
	  .help = "its rate grows with the idle part" },
	{ .name = "tax.reclaim",
	  .file = "tax/reclaim",
	  .kind = ESX_SWITCH,
	  .values = "on or off",
	  .help = "bring VMs above target down while memory is short" },
	{ .name = "tax.hold",
	  .file = "tax/hold",
	  .kind = ESX_SWITCH,
	  .values = "on or off",
	  .help = "hold VMs above target in the state low" },
	{ .name = "tax.hold_max_ms",
	  .file = "tax/hold_max_ms",
	  .kind = ESX_COUNT,
	  .min = 1,
	  .max = 60000,
	  .values = "1 to 60000",
	  .help = "how long a task waits then for 512 KB" },
	{ .name = "tax.period_seconds",
	  .file = "tax/period_seconds",
	  .kind = ESX_COUNT,
	  .min = 1,
	  .max = 3600,
	  .values = "1 to 3600",
	  .help = "targets are computed at least so often" },
	{ .name = "tax.admission",
	  .file = "tax/admission",
	  .kind = ESX_TEXT,
	  .choices = admission_choices,
	  .values = "relaxed or strict",
	  .help = "what must be unreserved for a VM" },
	{ .name = "tax.pool_bytes",
	  .file = "tax/pool_bytes",
	  .kind = ESX_BYTES,
	  .values = ESX_BYTES_VALUES ", 0 for 7/8 of the host's",
	  .help = "memory that is reserved and handed out" },
};

_Static_assert(ARRAY_SIZE(knobs) <= ESX_CHANGES_MAX, "one change for each knob");

static const char help_text[] = "Options:\n"
				"  -j, --json   print JSON\n"
				"  -h, --help   print this\n";

static void put_knob(json_t *all, const struct esx_setting *knob, json_t *value)
{
	const char *dot = strchr(knob->name, '.');
	json_t *group;
	char *outer;

	if (!dot) {
		esx_record_set(all, knob->name, value);
		return;
	}
	outer = esx_asprintf("%.*s", (int)(dot - knob->name), knob->name);
	group = json_object_get(all, outer);
	if (!group) {
		group = esx_must(json_object());
		esx_record_set(all, outer, group);
	}
	esx_record_set(group, dot + 1, value);
	free(outer);
}

/**
 * esx_knobs_read() - all knobs, in the shape of the sysfs directory
 *
 * Return: a new JSON object
 */
json_t *esx_knobs_read(void)
{
	json_t *all = esx_must(json_object());
	char value[ESX_VALUE_MAX];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(knobs); i++) {
		int err = esx_sysfs_read("", knobs[i].file, value);

		put_knob(all, &knobs[i],
			 err ? json_null() : esx_record_value(knobs[i].kind, value));
	}
	return all;
}

static int print_knobs(void)
{
	struct esx_field fields[ARRAY_SIZE(knobs)] = {};
	json_t *record = esx_must(json_object());
	struct esx_format format = {};
	char value[ESX_VALUE_MAX];
	size_t i;
	int code;

	for (i = 0; i < ARRAY_SIZE(knobs); i++) {
		int err = esx_sysfs_read("", knobs[i].file, value);

		fields[i].key = fields[i].label = knobs[i].name;
		fields[i].kind = knobs[i].kind;
		fields[i].help = knobs[i].help;
		esx_record_set(record, knobs[i].name,
			       err ? json_null() : esx_record_value(knobs[i].kind, value));
	}
	code = esx_print_record(record, fields, ARRAY_SIZE(fields), &format);
	json_decref(record);
	return code;
}

static int show(const struct esx_command *cmd, int argc, char **argv)
{
	static const struct option longs[] = { { "json", no_argument, NULL, 'j' },
					       { "help", no_argument, NULL, 'h' },
					       {} };
	bool json = false;
	int c, code;

	while ((c = esx_getopt(cmd, argc, argv, ":jh", longs)) != -1)
		json = true;
	if (optind < argc) {
		esx_error("show takes no argument; it was given '%s'", argv[optind]);
		return ESX_MISUSED;
	}
	if (!esx_sysfs_present()) {
		esx_sysfs_explain(0);
		return ESX_FAILED;
	}
	code = json ? esx_print_json(esx_knobs_read()) : print_knobs();
	esx_note_denied();
	return code;
}

static int set(const struct esx_command *cmd, int argc, char **argv)
{
	static const struct option longs[] = { { "help", no_argument, NULL, 'h' }, {} };
	struct esx_change changes[ESX_CHANGES_MAX];
	size_t nr;
	int code;

	/* The loop ends at once: --help and errors do not come back. */
	while (esx_getopt(cmd, argc, argv, ":h", longs) != -1)
		;
	code = esx_settings_parse(knobs, ARRAY_SIZE(knobs), argv + optind, changes, &nr);
	if (!code && !esx_sysfs_present()) {
		esx_sysfs_explain(0);
		code = ESX_FAILED;
	}
	if (!code)
		code = esx_settings_write("", changes, nr);
	esx_settings_free(changes, nr);
	return code;
}

const struct esx_command esx_show_command = {
	.name = "show",
	.args = "[--json]",
	.summary = "Show the host's knobs",
	.help = help_text,
	.run = show,
};

const struct esx_command esx_set_command = {
	.name = "set",
	.args = "KEY=VALUE...",
	.summary = "Change the host's knobs",
	.help = "Keys:\n"
		"  large_pages=always|never                  use of 2 MB frames\n"
		"  share.run=on|off                          the background scanner\n"
		"  share.pages_per_second=N                  most pages hashed in a second,\n"
		"                                            0: no limit\n"
		"  share.cpu_percent=1..100                  most of one CPU\n"
		"  share.order=sequential|random             how memory is walked through\n"
		"  share.target_seconds=N                    time for all memory, 0: as\n"
		"                                            pages_per_second says\n"
		"  share.workers=1..64                       threads\n"
		"  share.break_large=never|pressure|always   when 2 MB frames are broken\n"
		"  share.pressure_percent=0..100             short of memory when less of it\n"
		"                                            is available\n"
		"  tax.tax_percent=0..99                     tax on idle memory\n"
		"  tax.progressive=on|off                    its rate grows with the idle part\n"
		"  tax.reclaim=on|off                        bring VMs above their target down\n"
		"                                            while memory is short\n"
		"  tax.hold=on|off                           hold VMs above their target in the\n"
		"                                            state low\n"
		"  tax.hold_max_ms=1..60000                  how long a task waits then for\n"
		"                                            each 512 KB\n"
		"  tax.period_seconds=1..3600                targets are computed so often\n"
		"  tax.admission=relaxed|strict              a VM needs its minimum, or its\n"
		"                                            maximum, unreserved\n"
		"  tax.pool_bytes=SIZE                       memory that is reserved and handed\n"
		"                                            out, 0: 7/8 of the host's\n"
		"\n"
		"All words are checked before the first one is written.\n",
	.run = set,
};
