// SPDX-License-Identifier: GPL-2.0
/*
 * VMs: list, show, set.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "command.h"
#include "kernel.h"
#include "message.h"
#include "object.h"
#include "vm.h"

static const struct esx_field vm_fields[] = {
	ESX_FIELD("name", "NAME", TEXT, "path below the mount", .derived = true),
	ESX_FIELD("size_bytes", "SIZE", BYTES, "memory the VM believes it has"),
	ESX_FIELD("backed_bytes", "BACKED", BYTES, "private and shared pages"),
	ESX_FIELD("private_bytes", "PRIVATE", BYTES, "pages with a frame of their own"),
	ESX_FIELD("shared_bytes", "SHARED", BYTES, "pages that point to a shared frame"),
	ESX_FIELD("zero_bytes", "ZERO", BYTES, "known zero pages, which have no frame"),
	ESX_FIELD("huge_bytes", "HUGE", BYTES, "part of private in 2 MB frames"),
	ESX_FIELD("share", "SHARE", SWITCH, "takes part in background sharing"),
	ESX_FIELD("group", "GROUP", TEXT, "trust group it shares with"),
	ESX_FIELD("pool", "POOL", TEXT, "innermost pool that it is in", .wide = true),
	ESX_FIELD("attached", "ATTACHED", SWITCH, "a KVM virtual machine is attached"),
	ESX_FIELD("merged_pages", "MERGED", COUNT, "pages ever merged", .wide = true),
	ESX_FIELD("cow_breaks", "COWBREAKS", COUNT, "shared and zero pages written to",
		  .wide = true),
	ESX_FIELD("faults", "FAULTS", COUNT, "page faults served", .wide = true),
	ESX_FIELD("ept_violations", "EPT", COUNT, "nested page faults of its virtual CPUs",
		  .wide = true),
	ESX_FIELD("vmm_faults", "VMMFAULTS", COUNT, "faults of others than its virtual CPUs",
		  .wide = true),
	ESX_FIELD("vcpu_time_ns", "VCPUTIME", NS, "run time of its virtual CPUs", .wide = true),
	ESX_FIELD("active_bytes", "ACTIVE", BYTES, "memory in use, estimated", .wide = true),
	ESX_FIELD("active_slow_bytes", "SLOW", BYTES, "its slow average", .wide = true),
	ESX_FIELD("active_fast_bytes", "FAST", BYTES, "its fast average", .wide = true),
	ESX_FIELD("active_now_bytes", "NOW", BYTES, "the fast one with the period under way",
		  .wide = true),
	ESX_FIELD("active_coarse_bytes", "COARSE", BYTES, "part of active known by 2 MB only",
		  .wide = true),
	ESX_FIELD("active_host_bytes", "HOST", BYTES, "part of active in use by the VMM alone",
		  .wide = true),
	ESX_FIELD("active_raw_bytes", "RAW", BYTES, "what active is with nothing discounted",
		  .wide = true),
	ESX_FIELD("sampled_pages", "SAMPLED", COUNT, "pages that are watched", .wide = true),
	ESX_FIELD("touched_pages", "TOUCHED", COUNT, "those of them that were touched",
		  .wide = true),
	ESX_FIELD("touched_coarse_pages", "TCOARSE", COUNT, "of these known by 2 MB only",
		  .wide = true),
	ESX_FIELD("touched_host_pages", "THOST", COUNT, "of these touched by the VMM alone",
		  .wide = true),
	ESX_FIELD("touched_zeroed_pages", "TZEROED", COUNT, "of these discounted: only zeroed",
		  .wide = true),
	ESX_FIELD("touched_freed_pages", "TFREED", COUNT, "of these discounted: freed",
		  .wide = true),
	ESX_FIELD("sample_periods", "PERIODS", COUNT, "sampling periods that are over",
		  .wide = true),
	ESX_FIELD("sample_method", "METHOD", TEXT, "how its pages are watched", .wide = true),
	ESX_FIELD("min_bytes", "MIN", BYTES, "guaranteed", .wide = true),
	ESX_FIELD("max_bytes", "MAX", BYTES, "most that it is entitled to, 0: its size",
		  .wide = true),
	ESX_FIELD("shares", "SHARES", TEXT, "as set", .wide = true),
	ESX_FIELD("effective_shares", "EFFSHARES", COUNT, "as set or by its size", .wide = true),
	ESX_FIELD("tax_percent", "TAX", TEXT, "on its idle memory", .wide = true),
	ESX_FIELD("reserved_bytes", "RESERVED", BYTES, "set aside for it, with overhead",
		  .wide = true),
	ESX_FIELD("target_bytes", "TARGET", BYTES, "entitled to", .wide = true),
	ESX_FIELD("held_bytes", "HELD", BYTES, "its frames, and its part of shared ones",
		  .wide = true),
	ESX_FIELD("reclaimed_bytes", "RECLAIMED", BYTES, "taken since it was above its target",
		  .wide = true),
	ESX_FIELD("on_hold", "ONHOLD", SWITCH, "new memory has to wait", .wide = true),
	ESX_FIELD("hold_waiters", "WAITERS", COUNT, "faults that wait for that now", .wide = true),
	ESX_FIELD("hold_faults", "HOLDS", COUNT, "faults that waited for that", .wide = true),
	ESX_FIELD("hold_ns", "HOLDTIME", NS, "for how long, all together", .wide = true),
	ESX_FIELD("rho_ppm", "RHO", COUNT, "millionths of a share paid for a page", .wide = true),
	ESX_FIELD("target_reason", "REASON", TEXT, "what decided the target", .wide = true),
};

const struct esx_setting esx_vm_settings[] = {
	{ .name = "share",
	  .file = "share",
	  .kind = ESX_SWITCH,
	  .values = "on or off",
	  .help = "take part in background sharing" },
	{ .name = "group",
	  .file = "group",
	  .kind = ESX_TEXT,
	  .values = ESX_GROUP_VALUES,
	  .help = "share with the VMs of this trust group" },
	{ .name = "min",
	  .file = "min_bytes",
	  .kind = ESX_BYTES,
	  .values = ESX_BYTES_VALUES,
	  .help = "memory that is guaranteed" },
	{ .name = "max",
	  .file = "max_bytes",
	  .kind = ESX_BYTES,
	  .values = ESX_BYTES_VALUES,
	  .help = "most memory it is entitled to; 0: its size" },
	{ .name = "shares",
	  .file = "shares",
	  .kind = ESX_COUNT,
	  .max = 1000000000,
	  .or_default = true,
	  .values = "0 to 1000000000, or default",
	  .help = "its right to memory between the two" },
	{ .name = "tax",
	  .file = "tax_percent",
	  .kind = ESX_COUNT,
	  .max = 99,
	  .or_default = true,
	  .values = "0 to 99, or default",
	  .help = "tax on its idle memory" },
};

const size_t esx_nr_vm_settings = ARRAY_SIZE(esx_vm_settings);

static const struct esx_object_type vm_type = {
	.noun = "VM",
	.command = "vm",
	.none_hint = "",
	.fields = vm_fields,
	.nr_fields = ARRAY_SIZE(vm_fields),
	.settings = esx_vm_settings,
	.nr_settings = ARRAY_SIZE(esx_vm_settings),
	.dir = esx_sysfs_vm_dir,
	.exists = esx_sysfs_has_vm,
};

static const struct esx_field *lookup_column(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(vm_fields); i++) {
		const struct esx_field *field = &vm_fields[i];

		if ((strlen(field->label) == len && !strncasecmp(field->label, name, len)) ||
		    (strlen(field->key) == len && !strncasecmp(field->key, name, len)))
			return field;
	}
	return NULL;
}

static void say_columns(const char *name, size_t len)
{
	char *all = esx_asprintf("%s", vm_fields[0].label), *longer;
	size_t i;

	for (i = 1; i < ARRAY_SIZE(vm_fields); i++) {
		longer = esx_asprintf("%s, %s", all, vm_fields[i].label);
		free(all);
		all = longer;
	}
	esx_error("no column named '%.*s'; there are: %s", (int)len, name, all);
	free(all);
}

static size_t default_columns(const struct esx_field **columns, bool wide)
{
	size_t nr = 0, i;

	for (i = 0; i < ARRAY_SIZE(vm_fields); i++)
		if (wide || !vm_fields[i].wide)
			columns[nr++] = &vm_fields[i];
	return nr;
}

/* Turn NAME,SIZE,... into columns; 0 with a message printed when it is wrong. */
static size_t parse_columns(const char *list, const struct esx_field **columns)
{
	size_t nr = 0, len;

	for (;; list += len + 1) {
		len = strcspn(list, ",");
		if (nr == ARRAY_SIZE(vm_fields)) {
			esx_error("more columns than there are; give each once");
			return 0;
		}
		columns[nr] = lookup_column(list, len);
		if (!columns[nr]) {
			say_columns(list, len);
			return 0;
		}
		nr++;
		if (!list[len])
			return nr;
	}
}

static int print_vms_json(const json_t *records, const struct esx_field **columns, size_t nr)
{
	json_t *list = esx_must(json_array()), *top = esx_must(json_object());
	const json_t *record;
	size_t row, i;

	json_array_foreach(records, row, record) {
		json_t *picked = esx_must(json_object());

		for (i = 0; i < nr; i++)
			esx_record_set(picked, columns[i]->key,
				       json_incref(json_object_get(record, columns[i]->key)));
		if (json_array_append_new(list, picked))
			esx_must(NULL);
	}
	esx_record_set(top, "vms", list);
	return esx_print_json(top);
}

static int print_vms(const struct esx_field **columns, size_t nr_columns,
		     const struct esx_format *format)
{
	json_t *records;
	char **names;
	size_t nr;
	int code;

	code = esx_sysfs_vms(&names, &nr);
	if (code) {
		esx_sysfs_explain(code);
		return ESX_FAILED;
	}
	records = esx_objects_read(&vm_type, names, nr);
	esx_note_denied();
	code = format->json ? print_vms_json(records, columns, nr_columns) :
			      esx_print_list(records, columns, nr_columns, format);
	json_decref(records);
	esx_sysfs_free_vms(names, nr);
	return code;
}

/* Returns what was given for --output. */
static const char *parse_options(const struct esx_command *cmd, int argc, char **argv,
				 struct esx_format *format)
{
	static const struct option longs[] = { { "json", no_argument, NULL, 'j' },
					       { "bytes", no_argument, NULL, 'b' },
					       { "raw", no_argument, NULL, 'r' },
					       { "noheadings", no_argument, NULL, 'n' },
					       { "output", required_argument, NULL, 'o' },
					       { "help", no_argument, NULL, 'h' },
					       {} };
	const char *output = NULL;
	int c;

	while ((c = esx_getopt(cmd, argc, argv, ":jbrno:h", longs)) != -1) {
		switch (c) {
		case 'j':
			format->json = true;
			break;
		case 'b':
			format->bytes = true;
			break;
		case 'r':
			format->raw = true;
			break;
		case 'n':
			format->noheadings = true;
			break;
		case 'o':
			output = optarg;
			break;
		}
	}
	return output;
}

static int vm_list(const struct esx_command *cmd, int argc, char **argv)
{
	const struct esx_field *columns[ARRAY_SIZE(vm_fields)];
	struct esx_format format = {};
	const char *output;
	size_t nr;

	output = parse_options(cmd, argc, argv, &format);
	if (optind < argc) {
		esx_error("vm list takes no argument; `esxmemctl vm show %s` shows one VM",
			  argv[optind]);
		return ESX_MISUSED;
	}
	nr = output ? parse_columns(output, columns) : default_columns(columns, format.json);
	if (!nr)
		return ESX_MISUSED;
	return print_vms(columns, nr, &format);
}

static int vm_show(const struct esx_command *cmd, int argc, char **argv)
{
	return esx_object_show(&vm_type, cmd, argc, argv);
}

static int vm_set(const struct esx_command *cmd, int argc, char **argv)
{
	return esx_object_set(&vm_type, cmd, argc, argv);
}

const struct esx_command esx_vm_list_command = {
	.name = "vm list",
	.args = "[options]",
	.summary = "List the VMs and what their memory is made of",
	.help = "Options:\n"
		"  -j, --json          print JSON; has all columns unless -o is given\n"
		"  -b, --bytes         print plain numbers\n"
		"  -r, --raw           do not align the columns\n"
		"  -n, --noheadings    print no line of headings\n"
		"  -o, --output COLS   columns, separated by commas\n"
		"  -h, --help          print this\n"
		"\n"
		"Columns: NAME SIZE BACKED PRIVATE SHARED ZERO HUGE SHARE GROUP ATTACHED,\n"
		"and on request: MERGED COWBREAKS FAULTS EPT VMMFAULTS VCPUTIME ACTIVE SLOW\n"
		"FAST NOW COARSE HOST RAW SAMPLED TOUCHED TCOARSE THOST TZEROED TFREED\n"
		"PERIODS METHOD MIN MAX SHARES EFFSHARES TAX RESERVED TARGET HELD RECLAIMED\n"
		"ONHOLD WAITERS HOLDS HOLDTIME RHO REASON POOL.\n",
	.run = vm_list,
};

const struct esx_command esx_vm_show_command = {
	.name = "vm show",
	.args = "NAME [--json] [--bytes]",
	.summary = "Show everything known of a VM",
	.help = "Options:\n"
		"  -j, --json     print JSON\n"
		"  -b, --bytes    print plain numbers\n"
		"  -h, --help     print this\n",
	.run = vm_show,
};

const struct esx_command esx_vm_set_command = {
	.name = "vm set",
	.args = "NAME KEY=VALUE...",
	.summary = "Change a VM's settings",
	.help = "Keys:\n"
		"  share=on|off        take part in background sharing\n"
		"  group=NAME|none     share with the VMs of this trust group; existing\n"
		"                      sharing is broken up first\n"
		"  min=SIZE            memory that is guaranteed\n"
		"  max=SIZE            most memory it is entitled to, 0: its size\n"
		"  shares=N|default    its right to memory between the two\n"
		"  tax=0..99|default   tax on its idle memory, in per cent\n"
		"\n"
		"All words are checked before the first one is written.\n",
	.run = vm_set,
};
