// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/esxmem/tax: the sampler's settings.
 *
 * What the sampler knows of a VM is shown in the VM's directory (sysfs_vm.c).
 */
#include <linux/kobject.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "../tax/sample.h"
#include "parse.h"
#include "sysfs.h"

/* Makes read-change-write of the settings one step; the outermost lock. */
static DEFINE_MUTEX(params_lock);

static void begin_change(struct esx_sample_params *params)
{
	mutex_lock(&params_lock);
	esx_sample_get_params(params);
}

static int end_change(const struct esx_sample_params *params)
{
	int err = esx_sample_set_params(params);

	mutex_unlock(&params_lock);
	return err;
}

static ssize_t sample_run_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct esx_sample_params params;

	esx_sample_get_params(&params);
	return sysfs_emit(buf, "%d\n", params.run);
}

static ssize_t sample_run_store(struct kobject *kobj, struct kobj_attribute *attr,
				const char *buf, size_t len)
{
	struct esx_sample_params params;
	bool run;
	int err;

	err = esx_parse_bool(buf, &run);
	if (err)
		return err;

	begin_change(&params);
	params.run = run;
	err = end_change(&params);
	return err ? err : len;
}

static ssize_t sample_method_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct esx_sample_params params;

	esx_sample_get_params(&params);
	return sysfs_emit(buf, "%s\n", esx_sample_method_names[params.method]);
}

static ssize_t sample_method_store(struct kobject *kobj, struct kobj_attribute *attr,
				   const char *buf, size_t len)
{
	int method = __sysfs_match_string(esx_sample_method_names, ESX_SAMPLE_NR, buf);
	struct esx_sample_params params;
	int err;

	if (method < 0)
		return method;

	begin_change(&params);
	params.method = method;
	err = end_change(&params);
	return err ? err : len;
}

/* A number of the sampler's that can be set. */
struct sample_knob {
	struct kobj_attribute attr;
	/* Where it is in struct esx_sample_params. */
	size_t offset;
	u32 max;
};

static u32 *value_of(const struct kobj_attribute *attr, struct esx_sample_params *params)
{
	return (void *)params + container_of(attr, struct sample_knob, attr)->offset;
}

static ssize_t sample_knob_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct esx_sample_params params;

	esx_sample_get_params(&params);
	return sysfs_emit(buf, "%u\n", *value_of(attr, &params));
}

static ssize_t sample_knob_store(struct kobject *kobj, struct kobj_attribute *attr,
				 const char *buf, size_t len)
{
	struct esx_sample_params params;
	u32 value;
	int err;

	err = esx_parse_u32(buf, container_of(attr, struct sample_knob, attr)->max, &value);
	if (err)
		return err;

	begin_change(&params);
	*value_of(attr, &params) = value;
	err = end_change(&params);
	return err ? err : len;
}

#define SAMPLE_ATTR(_name, _field, _max)                                          \
	static_assert(sizeof_field(struct esx_sample_params, _field) == sizeof(u32)); \
	static struct sample_knob _name##_attr = {                                \
		.attr = __ATTR(_name, 0600, sample_knob_show, sample_knob_store), \
		.offset = offsetof(struct esx_sample_params, _field),             \
		.max = _max,                                                      \
	}

SAMPLE_ATTR(sample_pages, pages, ESX_SAMPLE_MAX_PAGES);
SAMPLE_ATTR(sample_period_ms, period_ms, ESX_SAMPLE_MAX_MS);
SAMPLE_ATTR(sample_wall_ms, wall_ms, ESX_SAMPLE_MAX_MS);

static ssize_t sample_fallbacks_show(struct kobject *kobj, struct kobj_attribute *attr,
				     char *buf)
{
	return sysfs_emit(buf, "%llu\n", esx_sample_fallbacks());
}

static struct kobj_attribute sample_run_attr = __ATTR_RW_MODE(sample_run, 0600);
static struct kobj_attribute sample_method_attr = __ATTR_RW_MODE(sample_method, 0600);
static struct kobj_attribute sample_fallbacks_attr =
	__ATTR(sample_fallbacks, 0400, sample_fallbacks_show, NULL);

static struct attribute *tax_attrs[] = {
	&sample_run_attr.attr,
	&sample_method_attr.attr,
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
