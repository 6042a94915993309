// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/esxmem/tax: who gets the memory.  The settings of the sampler, of
 * the policy and of admission, and what they did.
 *
 * What is known of a VM, and said of it, is in the VM's directory (sysfs_vm.c,
 * sysfs_params.c).
 */
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "../hold.h"
#include "../stats.h"
#include "../tax/admit.h"
#include "../tax/enforce.h"
#include "../tax/policy.h"
#include "../tax/sample.h"
#include "knob.h"
#include "parse.h"
#include "sysfs.h"

/*
 * The sampler.
 */

static void get_sampler(void *params)
{
	esx_sample_get_params(params);
}

static int set_sampler(const void *params)
{
	return esx_sample_set_params(params);
}

static ESX_KNOB_SET(sample_knobs, get_sampler, set_sampler);

#define SAMPLE_NUMBER(_name, _member, _max) \
	ESX_KNOB_NUMBER(_name, sample_knobs, struct esx_sample_params, _member, _max)

ESX_KNOB_SWITCH(sample_run, sample_knobs, struct esx_sample_params, run);
ESX_KNOB_WORD(sample_method, sample_knobs, struct esx_sample_params, method,
	      esx_sample_method_names, ESX_SAMPLE_NR);
ESX_KNOB_SWITCH(sample_discount, sample_knobs, struct esx_sample_params, discount);
SAMPLE_NUMBER(sample_pages, pages, ESX_SAMPLE_MAX_PAGES);
SAMPLE_NUMBER(sample_period_ms, period_ms, ESX_SAMPLE_MAX_MS);
SAMPLE_NUMBER(sample_wall_ms, wall_ms, ESX_SAMPLE_MAX_MS);

static ssize_t sample_fallbacks_show(struct kobject *kobj, struct kobj_attribute *attr,
				     char *buf)
{
	return sysfs_emit(buf, "%llu\n", esx_sample_fallbacks());
}

static struct kobj_attribute sample_fallbacks_attr = __ATTR_RO_MODE(sample_fallbacks, 0400);

/*
 * The policy.
 */

static void get_policy(void *policy)
{
	esx_policy_get(policy);
}

static int set_policy(const void *policy)
{
	return esx_policy_set(policy);
}

static ESX_KNOB_SET(policy_knobs, get_policy, set_policy);

ESX_KNOB_NUMBER(tax_percent, policy_knobs, struct esx_policy, tax_percent, ESX_TAX_PERCENT_MAX);
ESX_KNOB_SWITCH(progressive, policy_knobs, struct esx_policy, progressive);
ESX_KNOB_SWITCH(reclaim, policy_knobs, struct esx_policy, reclaim);
ESX_KNOB_SWITCH(hold, policy_knobs, struct esx_policy, hold);
ESX_KNOB_NUMBER(hold_max_ms, policy_knobs, struct esx_policy, hold_max_ms, ESX_HOLD_MAX_MS);
ESX_KNOB_NUMBER(period_seconds, policy_knobs, struct esx_policy, period_seconds,
		ESX_POLICY_MAX_SECONDS);

static ssize_t rebalances_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", esx_policy_figures().rebalances);
}

static ssize_t shortfall_bytes_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", esx_policy_figures().shortfall << PAGE_SHIFT);
}

static ssize_t reclaimed_bytes_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", esx_enforce_reclaimed() << PAGE_SHIFT);
}

static ssize_t hold_faults_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", (u64)atomic64_read(&esx_host_events.nr[ESX_EV_HOLD]));
}

static ssize_t hold_ns_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", (u64)atomic64_read(&esx_host_events.nr[ESX_EV_HOLD_NS]));
}

static struct kobj_attribute hold_faults_attr = __ATTR_RO_MODE(hold_faults, 0400);
static struct kobj_attribute hold_ns_attr = __ATTR_RO_MODE(hold_ns, 0400);
static struct kobj_attribute reclaimed_bytes_attr = __ATTR_RO_MODE(reclaimed_bytes, 0400);
static struct kobj_attribute rebalances_attr = __ATTR_RO_MODE(rebalances, 0400);
static struct kobj_attribute shortfall_bytes_attr = __ATTR_RO_MODE(shortfall_bytes, 0400);

/*
 * Admission.
 */

static const char *const admission_names[] = {
	[ESX_ADMIT_RELAXED] = "relaxed",
	[ESX_ADMIT_STRICT] = "strict",
};

static ssize_t admission_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", admission_names[esx_admit_ledger().mode]);
}

static ssize_t admission_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			       size_t len)
{
	int mode = __sysfs_match_string(admission_names, ESX_NR_ADMISSIONS, buf);
	int err;

	if (mode < 0)
		return mode;
	err = esx_admit_set_mode(mode);
	return err ? err : len;
}

static ssize_t pool_bytes_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", esx_admit_ledger().pool << PAGE_SHIFT);
}

static ssize_t pool_bytes_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
				size_t len)
{
	u64 pages;
	int err = esx_parse_pages(buf, &pages);

	if (!err)
		err = esx_admit_set_pool(pages);
	return err ? err : len;
}

static ssize_t reserved_bytes_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct esx_ledger ledger = esx_admit_ledger();

	return sysfs_emit(buf, "%llu\n", ledger.reserved[ledger.mode] << PAGE_SHIFT);
}

static ssize_t refusals_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", esx_admit_refusals());
}

static struct kobj_attribute admission_attr = __ATTR_RW_MODE(admission, 0600);
static struct kobj_attribute pool_bytes_attr = __ATTR_RW_MODE(pool_bytes, 0600);
static struct kobj_attribute reserved_bytes_attr = __ATTR_RO_MODE(reserved_bytes, 0400);
static struct kobj_attribute refusals_attr = __ATTR_RO_MODE(refusals, 0400);

static struct attribute *tax_attrs[] = {
	&sample_run_attr.attr.attr,
	&sample_method_attr.attr.attr,
	&sample_discount_attr.attr.attr,
	&sample_pages_attr.attr.attr,
	&sample_period_ms_attr.attr.attr,
	&sample_wall_ms_attr.attr.attr,
	&sample_fallbacks_attr.attr,
	&tax_percent_attr.attr.attr,
	&progressive_attr.attr.attr,
	&reclaim_attr.attr.attr,
	&reclaimed_bytes_attr.attr,
	&hold_attr.attr.attr,
	&hold_max_ms_attr.attr.attr,
	&hold_faults_attr.attr,
	&hold_ns_attr.attr,
	&period_seconds_attr.attr.attr,
	&rebalances_attr.attr,
	&shortfall_bytes_attr.attr,
	&admission_attr.attr,
	&pool_bytes_attr.attr,
	&reserved_bytes_attr.attr,
	&refusals_attr.attr,
	NULL,
};

const struct attribute_group esx_tax_attr_group = {
	.name = "tax",
	.attrs = tax_attrs,
};
