/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records: what is shown of a VM, of the host or of a merge, once as a JSON
 * object and from that as a table.
 *
 * The JSON object is made first and is the authority; its keys are the names
 * of the sysfs files.  A value that may not be read, or that this kernel does
 * not have, is null there and "-" in a table.
 */
#ifndef ESXMEMCTL_RECORD_H
#define ESXMEMCTL_RECORD_H

#include <jansson.h>
#include <stdbool.h>

struct esx_command;

/**
 * enum esx_kind - how a value is read and shown
 * @ESX_TEXT: as it stands; empty means none
 * @ESX_COUNT: a number
 * @ESX_BYTES: a number of bytes; shown with a unit
 * @ESX_NS: a number of nanoseconds; shown as seconds
 * @ESX_SWITCH: 0 or 1 in sysfs, a boolean in JSON, off or on in a table
 */
enum esx_kind {
	ESX_TEXT,
	ESX_COUNT,
	ESX_BYTES,
	ESX_NS,
	ESX_SWITCH,
};

/**
 * struct esx_field - one value of a record
 * @key: name of the sysfs file, and key in JSON
 * @label: heading of its column, or name of its line
 * @kind: what it is
 * @help: what it says, in a few words
 * @derived: not a file: the caller puts it into the record
 * @wide: not among the columns shown unless asked for
 */
struct esx_field {
	const char *key;
	const char *label;
	enum esx_kind kind;
	const char *help;
	bool derived;
	bool wide;
};

#define ESX_FIELD(_key, _label, _kind, _help, ...)                                              \
	{                                                                                       \
		.key = _key, .label = _label, .kind = ESX_##_kind, .help = _help, ##__VA_ARGS__ \
	}

/**
 * struct esx_format - how records are shown
 * @json: as JSON, to be read by programs
 * @bytes: numbers are not made readable
 * @raw: columns are not aligned
 * @noheadings: no line of headings
 */
struct esx_format {
	bool json;
	bool bytes;
	bool raw;
	bool noheadings;
};

void esx_format_parse(const struct esx_command *cmd, int argc, char **argv,
		      struct esx_format *format);

json_t *esx_record_value(enum esx_kind kind, const char *text);
void esx_record_read(json_t *record, const char *dir, const struct esx_field *fields, size_t nr);
void esx_record_set(json_t *record, const char *key, json_t *value);
void esx_record_set_u64(json_t *record, const char *key, unsigned long long value);

int esx_print_json(json_t *value);
int esx_print_list(const json_t *records, const struct esx_field *const *columns, size_t nr,
		   const struct esx_format *format);
int esx_print_all(const json_t *records, const struct esx_field *fields, size_t nr,
		  const struct esx_format *format);
int esx_print_record(const json_t *record, const struct esx_field *fields, size_t nr,
		     const struct esx_format *format);
void esx_note_denied(void);

#endif /* ESXMEMCTL_RECORD_H */
