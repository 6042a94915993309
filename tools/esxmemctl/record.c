// SPDX-License-Identifier: GPL-2.0
/*
 * Records: JSON objects filled from sysfs, and tables made from them.
 */
#include <errno.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "kernel.h"
#include "message.h"
#include "record.h"
#include "size.h"

/**
 * esx_format_parse() - the options of a command that has --json and --bytes alone
 * @cmd: the command
 * @argc: how many words there are
 * @argv: the words; optind is then the first that is no option
 * @format: zeroed; filled
 */
void esx_format_parse(const struct esx_command *cmd, int argc, char **argv,
		      struct esx_format *format)
{
	static const struct option longs[] = { { "json", no_argument, NULL, 'j' },
					       { "bytes", no_argument, NULL, 'b' },
					       { "help", no_argument, NULL, 'h' },
					       {} };
	int c;

	while ((c = esx_getopt(cmd, argc, argv, ":jbh", longs)) != -1) {
		if (c == 'j')
			format->json = true;
		else
			format->bytes = true;
	}
}

/* What a table shows of a value, to be freed. */
static char *value_text(enum esx_kind kind, const json_t *value, bool bytes)
{
	json_int_t number = json_integer_value(value);

	if (!value || json_is_null(value))
		return esx_asprintf("-");
	if (kind == ESX_SWITCH)
		return esx_asprintf(json_is_true(value) ? "on" : "off");
	if (kind == ESX_TEXT)
		return esx_asprintf("%s",
				    *json_string_value(value) ? json_string_value(value) : "none");
	if (kind == ESX_BYTES && !bytes)
		return esx_size_text(number);
	if (kind == ESX_NS && !bytes)
		return esx_asprintf("%.1fs", number / 1e9);
	return esx_asprintf("%" JSON_INTEGER_FORMAT, number);
}

static struct libscols_table *new_table(const struct esx_format *format)
{
	struct libscols_table *table;

	scols_init_debug(0);
	table = esx_must(scols_new_table());
	scols_table_enable_raw(table, format->raw);
	scols_table_enable_noheadings(table, format->noheadings);
	return table;
}

static void add_column(struct libscols_table *table, const char *name, int flags)
{
	esx_must(scols_table_new_column(table, name, 0, flags));
}

static void set_cell(struct libscols_line *line, size_t column, char *text)
{
	if (scols_line_refer_data(line, column, text))
		esx_must(NULL);
}

static int print_table(struct libscols_table *table)
{
	int err = scols_print_table(table);

	scols_unref_table(table);
	if (!err && !fflush(stdout) && !ferror(stdout))
		return ESX_DONE;
	esx_error("cannot write the table: %s", strerror(err ? -err : errno));
	return ESX_FAILED;
}

/**
 * esx_record_value() - make JSON of what a sysfs file says
 * @kind: what the value is
 * @text: the file's text
 *
 * Return: a new reference; null when @text is not of @kind
 */
json_t *esx_record_value(enum esx_kind kind, const char *text)
{
	unsigned long long number;
	char *end;

	if (kind == ESX_TEXT)
		return json_string(text);

	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || end == text || *end)
		return json_null();
	if (kind == ESX_SWITCH)
		return json_boolean(number);
	return json_integer((json_int_t)number);
}

/**
 * esx_record_set() - put a value into a record
 * @record: the record
 * @key: the value's key
 * @value: the value, whose reference is taken over
 */
void esx_record_set(json_t *record, const char *key, json_t *value)
{
	if (json_object_set_new(record, key, esx_must(value)))
		esx_must(NULL);
}

/**
 * esx_record_set_u64() - put a number into a record
 * @record: the record
 * @key: the number's key
 * @value: the number
 */
void esx_record_set_u64(json_t *record, const char *key, unsigned long long value)
{
	esx_record_set(record, key, json_integer((json_int_t)value));
}

/**
 * esx_record_read() - fill a record from the files of a directory
 * @record: the record
 * @dir: directory below /sys/kernel/esxmem
 * @fields: what to read; derived fields become null
 * @nr: how many
 */
void esx_record_read(json_t *record, const char *dir, const struct esx_field *fields, size_t nr)
{
	char value[ESX_VALUE_MAX];
	size_t i;

	for (i = 0; i < nr; i++) {
		bool got = !fields[i].derived && !esx_sysfs_read(dir, fields[i].key, value);

		esx_record_set(record, fields[i].key,
			       got ? esx_record_value(fields[i].kind, value) : json_null());
	}
}

/**
 * esx_print_json() - print JSON
 * @value: what to print, whose reference is taken over
 *
 * Return: an exit code
 */
int esx_print_json(json_t *value)
{
	int err = json_dumpf(value, stdout,
			     JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));

	json_decref(value);
	putchar('\n');
	if (!err && !fflush(stdout) && !ferror(stdout))
		return ESX_DONE;
	esx_error("cannot write the JSON text: %s", strerror(errno));
	return ESX_FAILED;
}

/**
 * esx_print_list() - print a table with a line for each record
 * @records: array of records
 * @columns: which values to show, in order
 * @nr: how many
 * @format: how
 *
 * Return: an exit code
 */
int esx_print_list(const json_t *records, const struct esx_field *const *columns, size_t nr,
		   const struct esx_format *format)
{
	struct libscols_table *table = new_table(format);
	const json_t *record;
	size_t i, row;

	for (i = 0; i < nr; i++)
		add_column(table, columns[i]->label,
			   columns[i]->kind == ESX_TEXT || columns[i]->kind == ESX_SWITCH ?
				   0 :
				   SCOLS_FL_RIGHT);

	json_array_foreach(records, row, record) {
		struct libscols_line *line = esx_must(scols_table_new_line(table, NULL));

		for (i = 0; i < nr; i++)
			set_cell(line, i,
				 value_text(columns[i]->kind,
					    json_object_get(record, columns[i]->key),
					    format->bytes));
	}
	return print_table(table);
}

/**
 * esx_print_all() - print a table with a line for each record and all columns
 * @records: array of records
 * @fields: the columns, in order
 * @nr: how many
 * @format: how
 *
 * Return: an exit code
 */
int esx_print_all(const json_t *records, const struct esx_field *fields, size_t nr,
		  const struct esx_format *format)
{
	const struct esx_field **columns = esx_must(calloc(nr, sizeof(*columns)));
	size_t i;
	int code;

	for (i = 0; i < nr; i++)
		columns[i] = &fields[i];
	code = esx_print_list(records, columns, nr, format);
	free(columns);
	return code;
}

/**
 * esx_print_record() - print a record with a line for each value
 * @record: the record
 * @fields: which values to show, in order
 * @nr: how many
 * @format: how
 *
 * Return: an exit code
 */
int esx_print_record(const json_t *record, const struct esx_field *fields, size_t nr,
		     const struct esx_format *format)
{
	struct esx_format bare = *format;
	struct libscols_table *table;
	size_t i;

	bare.noheadings = true;
	table = new_table(&bare);
	add_column(table, "NAME", 0);
	add_column(table, "VALUE", SCOLS_FL_RIGHT);
	add_column(table, "MEANING", 0);

	for (i = 0; i < nr; i++) {
		struct libscols_line *line = esx_must(scols_table_new_line(table, NULL));
		const json_t *value = json_object_get(record, fields[i].key);

		set_cell(line, 0, esx_asprintf("%s", fields[i].label));
		set_cell(line, 1, value_text(fields[i].kind, value, format->bytes));
		set_cell(line, 2, esx_asprintf("%s", fields[i].help));
	}
	return print_table(table);
}

/**
 * esx_note_denied() - say once that some values are for root only
 */
void esx_note_denied(void)
{
	if (esx_sysfs_denied())
		esx_error("some figures are for root only; they are shown as '-', or null in JSON");
}
