// SPDX-License-Identifier: GPL-2.0
/*
 * Resource pools: list, show, set.
 *
 * A pool is a directory above those of VMs.  One of which nothing was said changes
 * nothing: its members compete in the pool above it.
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "kernel.h"
#include "message.h"
#include "pool.h"
#include "record.h"
#include "setting.h"

static const struct esx_field pool_fields[] = {
	ESX_FIELD("name", "NAME", TEXT, "path below the mount", .derived = true),
	ESX_FIELD("members", "MEMBERS", COUNT, "VMs in it and in pools within it"),
	ESX_FIELD("min_bytes", "MIN", BYTES, "guaranteed to members together"),
	ESX_FIELD("max_bytes", "MAX", BYTES, "most they are entitled to, 0: no limit"),
	ESX_FIELD("shares", "SHARES", TEXT, "as set; default: the sum of its members'"),
	ESX_FIELD("effective_shares", "EFFSHARES", COUNT, "those that count"),
	ESX_FIELD("reserved_bytes", "RESERVED", BYTES, "set aside for members, with overhead"),
	ESX_FIELD("active_bytes", "ACTIVE", BYTES, "memory that members use, estimated"),
	ESX_FIELD("target_bytes", "TARGET", BYTES, "entitled to, all members together"),
	ESX_FIELD("rho_ppm", "RHO", COUNT, "millionths of a share paid for a page"),
	ESX_FIELD("target_reason", "REASON", TEXT, "what decided the target; none: no say in it"),
};

static const struct esx_setting pool_settings[] = {
	{ .name = "min",
	  .file = "min_bytes",
	  .kind = ESX_BYTES,
	  .values = ESX_BYTES_VALUES,
	  .help = "memory that is guaranteed to members together" },
	{ .name = "max",
	  .file = "max_bytes",
	  .kind = ESX_BYTES,
	  .values = ESX_BYTES_VALUES,
	  .help = "most memory they are entitled to; 0: no limit" },
	{ .name = "shares",
	  .file = "shares",
	  .kind = ESX_COUNT,
	  .max = 1000000000,
	  .or_default = true,
	  .values = "0 to 1000000000, or default",
	  .help = "its right to memory between the two" },
};

static int explain_no_pool(const char *name)
{
	if (!esx_sysfs_present())
		esx_sysfs_explain(0);
	else
		esx_error("no pool named '%s'; `esxmemctl pool list` shows them.  A directory "
			  "of a mount is one once there is a directory in it",
			  name);
	return ESX_FAILED;
}

static json_t *read_pool(const char *name)
{
	json_t *record = esx_must(json_object());
	char *dir = esx_sysfs_pool_dir(name);

	esx_record_read(record, dir, pool_fields, ARRAY_SIZE(pool_fields));
	esx_record_set(record, "name", json_string(name));
	free(dir);
	return record;
}

/* A pool that ended since the directory was read is left out. */
static json_t *read_pools(char **names, size_t nr)
{
	json_t *records = esx_must(json_array());
	size_t i;

	for (i = 0; i < nr; i++) {
		json_t *record = read_pool(names[i]);

		if (!esx_sysfs_has_pool(names[i]))
			json_decref(record);
		else if (json_array_append_new(records, record))
			esx_must(NULL);
	}
	return records;
}

static int print_pools(json_t *records, const struct esx_format *format)
{
	const struct esx_field *columns[ARRAY_SIZE(pool_fields)];
	json_t *top;
	size_t i;
	int code;

	if (format->json) {
		top = esx_must(json_object());
		esx_record_set(top, "pools", records);
		return esx_print_json(top);
	}
	for (i = 0; i < ARRAY_SIZE(pool_fields); i++)
		columns[i] = &pool_fields[i];
	code = esx_print_list(records, columns, ARRAY_SIZE(pool_fields), format);
	json_decref(records);
	return code;
}

static void parse_format(const struct esx_command *cmd, int argc, char **argv,
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

static int pool_list(const struct esx_command *cmd, int argc, char **argv)
{
	struct esx_format format = {};
	json_t *records;
	char **names;
	size_t nr;
	int code;

	parse_format(cmd, argc, argv, &format);
	if (optind < argc) {
		esx_error("pool list takes no argument; `esxmemctl pool show %s` shows one pool",
			  argv[optind]);
		return ESX_MISUSED;
	}
	code = esx_sysfs_pools(&names, &nr);
	if (code) {
		esx_sysfs_explain(code);
		return ESX_FAILED;
	}
	records = read_pools(names, nr);
	esx_sysfs_free_vms(names, nr);
	esx_note_denied();
	return print_pools(records, &format);
}

static int pool_show(const struct esx_command *cmd, int argc, char **argv)
{
	struct esx_format format = {};
	json_t *record;
	int code;

	parse_format(cmd, argc, argv, &format);
	if (optind + 1 != argc) {
		esx_error("pool show needs the name of one pool; `esxmemctl pool list` shows them");
		return ESX_MISUSED;
	}
	if (!esx_sysfs_has_pool(argv[optind]))
		return explain_no_pool(argv[optind]);

	record = read_pool(argv[optind]);
	esx_note_denied();
	if (format.json)
		return esx_print_json(record);
	code = esx_print_record(record, pool_fields, ARRAY_SIZE(pool_fields), &format);
	json_decref(record);
	return code;
}

static int pool_set(const struct esx_command *cmd, int argc, char **argv)
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
		esx_error("pool set needs the name of a pool before the settings; "
			  "`esxmemctl pool list` shows them");
		return ESX_MISUSED;
	}
	code = esx_settings_parse(pool_settings, ARRAY_SIZE(pool_settings), argv + optind + 1,
				  changes, &nr);
	if (!code && !esx_sysfs_has_pool(name))
		code = explain_no_pool(name);
	if (!code) {
		dir = esx_sysfs_pool_dir(name);
		code = esx_settings_write(dir, changes, nr);
		free(dir);
	}
	esx_settings_free(changes, nr);
	return code;
}

static uint64_t read_number(const char *dir, const char *file)
{
	char value[ESX_VALUE_MAX];

	return esx_sysfs_read(dir, file, value) ? 0 : strtoull(value, NULL, 10);
}

/* Does the pool @name compete itself?  Then fill in @pool. */
static bool competes(struct esx_pool *pool, const char *name)
{
	char *dir = esx_sysfs_pool_dir(name), value[ESX_VALUE_MAX];
	bool found;

	found = !esx_sysfs_read(dir, "target_reason", value) && strcmp(value, "none");
	if (found)
		*pool = (struct esx_pool){
			.name = esx_asprintf("%s", name),
			.target = read_number(dir, "target_bytes"),
			.max = read_number(dir, "max_bytes"),
			.why = esx_asprintf("%s", value),
		};
	free(dir);
	return found;
}

/**
 * esx_pool_of_vm() - the pool that a VM competes in
 * @pool: out: the innermost one of which something was said, to be given to
 *	esx_pool_free()
 * @vm: the VM's name
 */
void esx_pool_of_vm(struct esx_pool *pool, const char *vm)
{
	char *dir = esx_sysfs_vm_dir(vm), name[ESX_VALUE_MAX], *end;

	*pool = (struct esx_pool){};
	if (esx_sysfs_read(dir, "pool", name))
		*name = '\0';
	free(dir);
	while (*name && !competes(pool, name)) {
		end = strrchr(name, '!');
		*(end ? end : name) = '\0';
	}
	for (end = pool->name; end && *end; end++)
		if (*end == '!')
			*end = '/';
}

/**
 * esx_pool_free() - undo esx_pool_of_vm()
 * @pool: the pool
 */
void esx_pool_free(struct esx_pool *pool)
{
	free(pool->name);
	free(pool->why);
}

const struct esx_command esx_pool_list_command = {
	.name = "pool list",
	.args = "[--json] [--bytes]",
	.summary = "List the resource pools",
	.help = "Options:\n"
		"  -j, --json     print JSON\n"
		"  -b, --bytes    print plain numbers\n"
		"  -h, --help     print this\n"
		"\n"
		"A directory of a mount is a pool once there is a directory in it.  Its VMs are\n"
		"those in it, at any depth.\n",
	.run = pool_list,
};

const struct esx_command esx_pool_show_command = {
	.name = "pool show",
	.args = "NAME [--json] [--bytes]",
	.summary = "Show everything known of a resource pool",
	.help = "Options:\n"
		"  -j, --json     print JSON\n"
		"  -b, --bytes    print plain numbers\n"
		"  -h, --help     print this\n",
	.run = pool_show,
};

const struct esx_command esx_pool_set_command = {
	.name = "pool set",
	.args = "NAME KEY=VALUE...",
	.summary = "Change a resource pool's settings",
	.help = "Keys:\n"
		"  min=SIZE            memory that is guaranteed to its VMs together\n"
		"  max=SIZE            most memory they are entitled to together, 0: no limit\n"
		"  shares=N|default    its right to memory between the two; default: the sum\n"
		"                      of its members'\n"
		"\n"
		"All words are checked before the first one is written.\n",
	.run = pool_set,
};
