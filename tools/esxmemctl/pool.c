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
#include "object.h"
#include "pool.h"

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

static const struct esx_object_type pool_type = {
	.noun = "pool",
	.command = "pool",
	.none_hint = ".  A directory of a mount is one once there is a directory in it",
	.fields = pool_fields,
	.nr_fields = ARRAY_SIZE(pool_fields),
	.settings = pool_settings,
	.nr_settings = ARRAY_SIZE(pool_settings),
	.dir = esx_sysfs_pool_dir,
	.exists = esx_sysfs_has_pool,
};

static int print_pools(json_t *records, const struct esx_format *format)
{
	json_t *top;
	int code;

	if (format->json) {
		top = esx_must(json_object());
		esx_record_set(top, "pools", records);
		return esx_print_json(top);
	}
	code = esx_print_all(records, pool_fields, ARRAY_SIZE(pool_fields), format);
	json_decref(records);
	return code;
}

static int pool_list(const struct esx_command *cmd, int argc, char **argv)
{
	struct esx_format format = {};
	json_t *records;
	char **names;
	size_t nr;
	int code;

	esx_format_parse(cmd, argc, argv, &format);
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
	records = esx_objects_read(&pool_type, names, nr);
	esx_sysfs_free_vms(names, nr);
	esx_note_denied();
	return print_pools(records, &format);
}

static int pool_show(const struct esx_command *cmd, int argc, char **argv)
{
	return esx_object_show(&pool_type, cmd, argc, argv);
}

static int pool_set(const struct esx_command *cmd, int argc, char **argv)
{
	return esx_object_set(&pool_type, cmd, argc, argv);
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
