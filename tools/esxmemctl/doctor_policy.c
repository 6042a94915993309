// SPDX-License-Identifier: GPL-2.0
/*
 * Doctor: who gets the memory: enforcement, pool, admission, the host's state,
 * and whether it is seen what guests use.
 *
 * What may not be read, or what this module does not have, is not judged.
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "doctor.h"
#include "kernel.h"
#include "message.h"
#include "size.h"

/* A pool of which more is reserved has no room for a VM of some size. */
#define FULL_PERCENT 90
/* The host was short of memory if it was so for more of the time. */
#define SHORT_PERCENT 10

static bool read_text(const char *file, char value[ESX_VALUE_MAX])
{
	return !esx_sysfs_read("tax", file, value);
}

static bool read_number(const char *file, uint64_t *number)
{
	char value[ESX_VALUE_MAX];

	if (!read_text(file, value))
		return false;
	*number = strtoull(value, NULL, 10);
	return true;
}

static uint64_t percent_of(uint64_t part, uint64_t whole)
{
	return whole ? (uint64_t)(100.0 * (double)part / (double)whole) : 0;
}

static void check_enforcement(struct esx_report *report)
{
	uint64_t reclaim;

	if (!read_number("reclaim", &reclaim))
		return;
	if (reclaim)
		esx_report(report, ESX_OK, "enforcement", NULL,
			   "VMs above their target are brought down while memory is short");
	else
		esx_report(report, ESX_WARN, "enforcement", "`esxmemctl set tax.reclaim=on`",
			   "targets are computed only: in shortage VMs above theirs keep their "
			   "memory, at the cost of others");
}

static void report_shortfall(struct esx_report *report, uint64_t shortfall)
{
	char *missing = esx_size_text(shortfall);

	esx_report(report, ESX_WARN, "pool",
		   "`esxmemctl set tax.pool_bytes=SIZE` to more, if the host has it, or "
		   "`esxmemctl vm set NAME min=SIZE` to less",
		   "the pool is %s smaller than what VMs are guaranteed: some get less than "
		   "their minimum",
		   missing);
	free(missing);
}

static void check_pool(struct esx_report *report)
{
	uint64_t pool, reserved, shortfall;
	char *of, *part;

	if (!read_number("pool_bytes", &pool) || !read_number("reserved_bytes", &reserved) ||
	    !read_number("shortfall_bytes", &shortfall))
		return;
	if (shortfall) {
		report_shortfall(report, shortfall);
		return;
	}
	of = esx_size_text(pool);
	part = esx_size_text(reserved);
	if (percent_of(reserved, pool) >= FULL_PERCENT)
		esx_report(report, ESX_WARN, "pool",
			   "before the next VM: lower minima, or stop VMs; `esxmemctl vm list -o "
			   "NAME,SIZE,MIN,RESERVED` shows who has what",
			   "%s of %s are reserved: VMs with more to reserve than the rest are "
			   "refused",
			   part, of);
	else
		esx_report(report, ESX_OK, "pool", NULL, "%s of %s are reserved", part, of);
	free(of);
	free(part);
}

static void check_admission(struct esx_report *report)
{
	char rule[ESX_VALUE_MAX];
	uint64_t refusals;
	bool strict;

	if (!read_text("admission", rule) || !read_number("refusals", &refusals))
		return;
	strict = !strcmp(rule, "strict");
	if (refusals)
		esx_report(report, ESX_WARN, "admission",
			   strict ? "the kernel log has the numbers; strict admission reserves "
				    "the whole maximum: lower it, or `esxmemctl set "
				    "tax.admission=relaxed`" :
				    "the kernel log has the numbers; lower minima, or stop VMs",
			   "a VM was not admitted, %llu times", (unsigned long long)refusals);
	else
		esx_report(report, ESX_OK, "admission", NULL, "%s: %s must be unreserved", rule,
			   strict ? "a VM's maximum" : "a VM's minimum alone");
}

/* The part of the time that the host was short of memory, since the module is loaded. */
static bool read_short_time(uint64_t *percent)
{
	static const char *const files[] = { "state_soft_ms", "state_hard_ms", "state_low_ms" };
	uint64_t high, one, sum = 0;
	size_t i;

	if (!read_number("state_high_ms", &high))
		return false;
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		if (!read_number(files[i], &one))
			return false;
		sum += one;
	}
	*percent = percent_of(sum, high + sum);
	return true;
}

static void report_shortage(struct esx_report *report, const char *state)
{
	uint64_t bytes;
	char *left = NULL;

	if (read_number("state_free_bytes", &bytes))
		left = esx_size_text(bytes);
	esx_report(report, ESX_WARN, "state",
		   "stop or move a VM, or start fewer other programs; `esxmemctl top` shows who "
		   "holds more than his target",
		   "%s: the host is short of memory, %s are free%s", state, left ? left : "few bytes",
		   !strcmp(state, "low") ? ": guests may be slow or fail" : "");
	free(left);
}

static void check_state(struct esx_report *report)
{
	char state[ESX_VALUE_MAX];
	uint64_t percent;

	if (!read_text("state", state) || !read_short_time(&percent))
		return;
	if (strcmp(state, "high"))
		report_shortage(report, state);
	else if (percent >= SHORT_PERCENT)
		esx_report(report, ESX_WARN, "state",
			   "`esxmemctl top` while it lasts; a larger tax.state_soft_pm begins to "
			   "take memory earlier",
			   "high now, but the host was short of memory for %llu %% of the time",
			   (unsigned long long)percent);
	else
		esx_report(report, ESX_OK, "state", NULL, "high: memory is plentiful");
}

static void check_sampling(struct esx_report *report)
{
	char method[ESX_VALUE_MAX];
	uint64_t run, fallbacks;

	if (!read_number("sample_run", &run) || !read_text("sample_method", method) ||
	    !read_number("sample_fallbacks", &fallbacks))
		return;
	if (!run)
		esx_report(report, ESX_WARN, "sampling",
			   "`echo 1 > /sys/kernel/esxmem/tax/sample_run`",
			   "off: all memory of a VM counts as in use, and idle memory is not taxed");
	else if (!esx_doctor_is_loaded("esxmem_kvm"))
		esx_report(report, ESX_WARN, "sampling", "`modprobe esxmem_kvm`",
			   "without esxmem_kvm neither run time nor accessed bits of guests are "
			   "seen: pages are unmapped to see who touches them");
	else if (!strcmp(method, "young") && fallbacks)
		esx_report(report, ESX_WARN, "sampling",
			   "`esxmemctl vm list -o NAME,ATTACHED,METHOD` shows who is not attached: "
			   "a VM is when its guest has first touched memory",
			   "%llu periods had to unmap pages, since no KVM virtual machine was "
			   "attached",
			   (unsigned long long)fallbacks);
	else
		esx_report(report, ESX_OK, "sampling", NULL, "on, by the method %s", method);
}

/**
 * esx_doctor_policy() - check what decides who gets the memory
 * @report: where to report
 */
void esx_doctor_policy(struct esx_report *report)
{
	check_enforcement(report);
	check_pool(report);
	check_admission(report);
	check_state(report);
	check_sampling(report);
}
