// SPDX-License-Identifier: GPL-2.0
/*
 * Objects: showing one, and changing its settings.
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "kernel.h"
#include "message.h"
#include "object.h"

static int explain_none(const struct esx_object_type *type, const char *name)
{
	if (!esx_sysfs_present())
		esx_sysfs_explain(0);
	else
		esx_error("no %s named '%s'; `esxmemctl %s list` shows them%s", type->noun, name,
			  type->command, type->none_hint);
	return ESX_FAILED;
}

static json_t *read_object(const struct esx_object_type *type, const char *name)
{
	json_t *record = esx_must(json_object());
	char *dir = type->dir(name);

	esx_record_read(record, dir, type->fields, type->nr_fields);
	esx_record_set(record, "name", json_string(name));
	free(dir);
	return record;
}

/**
 * esx_objects_read() - records of some objects
 * @type: what they are
 * @names: their names
 * @nr: how many
 *
 * One that ended since its name was read is left out.
 *
 * Return: an array
 */
json_t *esx_objects_read(const struct esx_object_type *type, char **names, size_t nr)
{
	json_t *records = esx_must(json_array());
	size_t i;

	for (i = 0; i < nr; i++) {
		json_t *record = read_object(type, names[i]);

		if (!type->exists(names[i]))
			json_decref(record);
		else if (json_array_append_new(records, record))
			esx_must(NULL);
	}
	return records;
}

/**
 * esx_object_show() - the command that shows everything known of one
 * @type: what it is
 * @cmd: the command
 * @argc: how many words there are
 * @argv: its name, and how to show it
 *
 * Return: an exit code
 */
int esx_object_show(const struct esx_object_type *type, const struct esx_command *cmd, int argc,
		    char **argv)
{
	struct esx_format format = {};
	json_t *record;
	int code;

	esx_format_parse(cmd, argc, argv, &format);
	if (optind + 1 != argc) {
		esx_error("%s needs the name of one %s; `esxmemctl %s list` shows them", cmd->name,
			  type->noun, type->command);
		return ESX_MISUSED;
	}
	if (!type->exists(argv[optind]))
		return explain_none(type, argv[optind]);

	record = read_object(type, argv[optind]);
	esx_note_denied();
	if (format.json)
		return esx_print_json(record);
	code = esx_print_record(record, type->fields, type->nr_fields, &format);
	json_decref(record);
	return code;
}

/**
 * esx_object_set() - the command that changes settings of one
 * @type: what it is
 * @cmd: the command
 * @argc: how many words there are
 * @argv: its name, and KEY=VALUE words
 *
 * Return: an exit code
 */
int esx_object_set(const struct esx_object_type *type, const struct esx_command *cmd, int argc,
		   char **argv)
{
	static const struct option longs[] = { { "help", no_argument, NULL, 'h' }, {} };
	struct esx_change changes[ESX_CHANGES_MAX];
	const char *name;
	size_t nr;
	char *dir;
	int code;

	while (esx_getopt(cmd, argc, argv, ":h", longs) != -1)
		;
	name = argv[optind];
	if (!name || strchr(name, '=')) {
		esx_error("%s needs the name of a %s before the settings; `esxmemctl %s list` "
			  "shows them",
			  cmd->name, type->noun, type->command);
		return ESX_MISUSED;
	}
	code = esx_settings_parse(type->settings, type->nr_settings, argv + optind + 1, changes,
				  &nr);
	if (!code && !type->exists(name))
		code = explain_none(type, name);
	if (!code) {
		dir = type->dir(name);
		code = esx_settings_write(dir, changes, nr);
		free(dir);
	}
	esx_settings_free(changes, nr);
	return code;
}
