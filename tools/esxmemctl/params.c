// SPDX-License-Identifier: GPL-2.0
/*
 * Parameters of a VM that is about to be made: reading them from options, giving
 * them to the kernel, and saying why it does not admit the VM.
 *
 * A VM exists from the moment its file does, and has no size yet then.  It is given
 * its parameters at that time, so that it is admitted with all of them, or not.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "kernel.h"
#include "message.h"
#include "params.h"
#include "size.h"
#include "vm.h"

/* Overhead of a VM's memory, as the kernel reserves it: for each page, and at all. */
#define METADATA_BYTES 20
#define FIXED_BYTES 65536

static const char *const names[ESX_NR_PARAMS] = {
	[ESX_PARAM_MIN - ESX_PARAM_FIRST] = "min",
	[ESX_PARAM_MAX - ESX_PARAM_FIRST] = "max",
	[ESX_PARAM_SHARES - ESX_PARAM_FIRST] = "shares",
	[ESX_PARAM_TAX - ESX_PARAM_FIRST] = "tax",
};

/**
 * esx_params_take() - is this option a parameter?
 * @params: takes it if it is
 * @option: what esx_getopt() returned
 * @arg: its argument
 */
bool esx_params_take(struct esx_params *params, int option, char *arg)
{
	if (option < ESX_PARAM_FIRST || option >= ESX_PARAM_END)
		return false;
	params->given[option - ESX_PARAM_FIRST] = arg;
	return true;
}

/* What was given for a limit, in bytes; @otherwise when nothing was. */
static uint64_t limit_of(const struct esx_params *params, const char *name, uint64_t otherwise)
{
	size_t i;

	for (i = 0; i < params->nr_changes; i++)
		if (!strcmp(params->changes[i].setting->name, name))
			return strtoull(params->changes[i].value, NULL, 10);
	return otherwise;
}

static int check_limits(const struct esx_params *params, uint64_t size)
{
	uint64_t min = limit_of(params, "min", 0), max = limit_of(params, "max", 0);
	char *text = esx_size_text(size);
	int code = ESX_MISUSED;

	if (min > size)
		esx_error("--min cannot be more than the VM's size of %s", text);
	else if (max > size)
		esx_error("--max cannot be more than the VM's size of %s", text);
	else if (max && min > max)
		esx_error("--min cannot be more than --max");
	else
		code = ESX_DONE;
	free(text);
	return code;
}

/**
 * esx_params_check() - check parameters, one by one and as a whole
 * @params: the parameters
 * @size: of the VM, in bytes
 *
 * Return: an exit code; the message is printed
 */
int esx_params_check(struct esx_params *params, uint64_t size)
{
	char *words[ESX_NR_PARAMS + 1] = {};
	size_t i, nr = 0;
	int code;

	for (i = 0; i < ESX_NR_PARAMS; i++)
		if (params->given[i])
			words[nr++] = esx_asprintf("%s=%s", names[i], params->given[i]);
	if (!nr)
		return ESX_DONE;
	code = esx_settings_parse(esx_vm_settings, esx_nr_vm_settings, words, params->changes,
				  &params->nr_changes);
	while (nr--)
		free(words[nr]);
	return code ? code : check_limits(params, size);
}

static uint64_t figure(const char *dir, const char *file, bool *known)
{
	char value[ESX_VALUE_MAX];

	if (!esx_sysfs_read(dir, file, value))
		return strtoull(value, NULL, 10);
	*known = false;
	return 0;
}

/* A VM whose name is taken, in another mount or by an unlinked file, has a number. */
static bool is_ours(const char *dir)
{
	bool known = true;

	return figure(dir, "size_bytes", &known) == 0 && known;
}

static void explain_change(const char *name, const struct esx_change *change, int err)
{
	const char *what = change->setting->name;

	if (err == -EACCES || err == -EPERM)
		esx_error("cannot give '%s' its %s: this needs root", name, what);
	else if (err == -EINVAL && change->setting->kind == ESX_BYTES)
		esx_error("cannot give '%s' its %s: with what the mount's options min= and max= "
			  "say the minimum would be above the maximum; give both --min and --max",
			  name, what);
	else
		esx_error("cannot give '%s' its %s: %s", name, what, strerror(-err));
}

/*
 * The mount may have given the VM limits that cross one of the new ones until the
 * other one is changed as well; a minimum of 0 crosses none.
 */
static int write_changes(const struct esx_params *params, const char *name, const char *dir)
{
	const struct esx_change *changes = params->changes;
	size_t i;
	int err;

	if (params->given[ESX_PARAM_MIN - ESX_PARAM_FIRST] &&
	    params->given[ESX_PARAM_MAX - ESX_PARAM_FIRST])
		esx_sysfs_write(dir, "min_bytes", "0");
	/* From the last: so the maximum comes before the minimum. */
	for (i = params->nr_changes; i--;) {
		err = esx_sysfs_write(dir, changes[i].setting->file, changes[i].value);
		if (err) {
			explain_change(name, &changes[i], err);
			return ESX_FAILED;
		}
	}
	return ESX_DONE;
}

/**
 * esx_params_apply() - give a VM its parameters
 * @params: checked
 * @name: of a VM that has no size yet
 *
 * Return: an exit code; the message is printed
 */
int esx_params_apply(const struct esx_params *params, const char *name)
{
	char *dir = esx_sysfs_vm_dir(name);
	int code = ESX_FAILED;

	if (!params->nr_changes)
		code = ESX_DONE;
	else if (!esx_sysfs_has_vm(name))
		esx_error("cannot give '%s' its parameters: /sys/kernel/esxmem/%s is missing",
			  name, dir);
	else if (!is_ours(dir))
		esx_error("cannot give '%s' its parameters: another VM has that name, in another "
			  "mount or of a file that was unlinked while in use; take another name",
			  name);
	else
		code = write_changes(params, name, dir);
	free(dir);
	return code;
}

/* --- why a VM is not admitted --- */

/**
 * struct refusal - what admission looked at, in bytes
 */
struct refusal {
	uint64_t min, max;
	uint64_t need;
	uint64_t pool, unreserved;
	bool strict;
};

static uint64_t overhead(uint64_t bytes)
{
	uint64_t metadata = bytes / ESX_PAGE_SIZE * METADATA_BYTES;

	if (!bytes)
		return 0;
	return FIXED_BYTES + (metadata + ESX_PAGE_SIZE - 1) / ESX_PAGE_SIZE * ESX_PAGE_SIZE;
}

static bool read_refusal(struct refusal *refusal, const char *dir, uint64_t size)
{
	char admission[ESX_VALUE_MAX];
	uint64_t reserved;
	bool known = true;

	refusal->min = figure(dir, "min_bytes", &known);
	refusal->max = figure(dir, "max_bytes", &known);
	refusal->pool = figure("tax", "pool_bytes", &known);
	reserved = figure("tax", "reserved_bytes", &known);
	if (!known || esx_sysfs_read("tax", "admission", admission))
		return false;
	if (!refusal->max || refusal->max > size)
		refusal->max = size;
	if (refusal->min > refusal->max)
		refusal->min = refusal->max;
	refusal->strict = !strcmp(admission, "strict");
	refusal->need = refusal->strict ? refusal->max + overhead(size) :
					  refusal->min + overhead(refusal->min);
	refusal->unreserved = refusal->pool > reserved ? refusal->pool - reserved : 0;
	return true;
}

static void say_refusal(const char *name, const struct refusal *refusal)
{
	char *limit = esx_size_text(refusal->strict ? refusal->max : refusal->min);
	char *need = esx_size_text(refusal->need), *pool = esx_size_text(refusal->pool);
	char *unreserved = esx_size_text(refusal->unreserved);

	esx_error("'%s' is not admitted: its %simum of %s takes %s with overhead, and only %s of "
		  "the pool of %s are unreserved; give it a smaller --%s, or lower the minimum of "
		  "other VMs (`esxmemctl vm list -o NAME,MIN,RESERVED` shows them), or raise "
		  "tax.pool_bytes",
		  name, refusal->strict ? "max" : "min", limit, need, unreserved, pool,
		  refusal->strict ? "max" : "min");
	free(limit);
	free(need);
	free(unreserved);
	free(pool);
}

/**
 * esx_params_explain_refusal() - say why a VM could not get its size
 * @name: the VM, still without its size
 * @size: what it was to be, in bytes
 *
 * Return: was it the pool, so that a message is printed?
 */
bool esx_params_explain_refusal(const char *name, uint64_t size)
{
	char *dir = esx_sysfs_vm_dir(name);
	struct refusal refusal;
	bool explained;

	explained = esx_sysfs_has_vm(name) && is_ours(dir) &&
		    read_refusal(&refusal, dir, size) && refusal.need > refusal.unreserved;
	if (explained)
		say_refusal(name, &refusal);
	free(dir);
	return explained;
}
