// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/esxmem/tax: the sampler's settings.
 *
 * What the sampler knows of a VM is shown in the VM's directory (sysfs_vm.c).
 */
#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "../tax/sample.h"
#include "knob.h"
#include "sysfs.h"

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
SAMPLE_NUMBER(sample_pages, pages, ESX_SAMPLE_MAX_PAGES);
SAMPLE_NUMBER(sample_period_ms, period_ms, ESX_SAMPLE_MAX_MS);
SAMPLE_NUMBER(sample_wall_ms, wall_ms, ESX_SAMPLE_MAX_MS);

static ssize_t sample_fallbacks_show(struct kobject *kobj, struct kobj_attribute *attr,
				     char *buf)
{
	return sysfs_emit(buf, "%llu\n", esx_sample_fallbacks());
}

static struct kobj_attribute sample_fallbacks_attr = __ATTR_RO_MODE(sample_fallbacks, 0400);

static struct attribute *tax_attrs[] = {
	&sample_run_attr.attr.attr,
	&sample_method_attr.attr.attr,
	&sample_pages_attr.attr.attr,
	&sample_period_ms_attr.attr.attr,
	&sample_wall_ms_attr.attr.attr,
	&sample_fallbacks_attr.attr,
	NULL,
};

const struct attribute_group esx_tax_attr_group = {
	.name = "tax",
	.attrs = tax_attrs,
};
