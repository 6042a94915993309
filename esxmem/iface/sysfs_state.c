// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/esxmem/tax/state*: the state of the host's memory, where the states
 * begin, and how long they lasted.
 */
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/sysfs.h>

#include "../tax/gauge.h"
#include "../tax/shrink.h"
#include "knob.h"
#include "sysfs.h"

static ssize_t state_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", esx_level_names[esx_gauge_level()]);
}

static ssize_t state_word_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct esx_gauge_figures figures;

	esx_gauge_get_figures(&figures);
	return sysfs_emit(buf, "%s\n", esx_level_names[figures.word]);
}

static ssize_t shrink_calls_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", esx_shrink_figures().calls);
}

static ssize_t shrink_offered_bytes_show(struct kobject *kobj, struct kobj_attribute *attr,
					 char *buf)
{
	return sysfs_emit(buf, "%llu\n", esx_shrink_figures().offered << PAGE_SHIFT);
}

static void get_params(void *params)
{
	esx_gauge_get_params(params);
}

static int set_params(const void *params)
{
	return esx_gauge_set_params(params);
}

static ESX_KNOB_SET(state_knobs, get_params, set_params);

#define STATE_NUMBER(_name, _member, _max) \
	ESX_KNOB_NUMBER(_name, state_knobs, struct esx_gauge_params, _member, _max)

ESX_KNOB_WORD(state_scale, state_knobs, struct esx_gauge_params, level.scale, esx_scale_names,
	      ESX_NR_SCALES);
STATE_NUMBER(state_high_pm, level.pm[ESX_LEVEL_HIGH], ESX_LEVEL_MAX_PM);
STATE_NUMBER(state_soft_pm, level.pm[ESX_LEVEL_SOFT], ESX_LEVEL_MAX_PM);
STATE_NUMBER(state_hard_pm, level.pm[ESX_LEVEL_HARD], ESX_LEVEL_MAX_PM);
STATE_NUMBER(state_low_pm, level.pm[ESX_LEVEL_LOW], ESX_LEVEL_MAX_PM);
STATE_NUMBER(state_margin_percent, level.margin_percent, ESX_LEVEL_MAX_MARGIN);
STATE_NUMBER(state_period_ms, period_ms, ESX_GAUGE_MAX_MS);

/* A figure. */
struct state_figure {
	struct kobj_attribute attr;
	/* Where it is in struct esx_gauge_figures. */
	size_t offset;
	/* To what is shown. */
	unsigned int shift;
};

static ssize_t state_figure_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	const struct state_figure *figure = container_of(attr, struct state_figure, attr);
	struct esx_gauge_figures figures;
	const u64 *value = (void *)&figures + figure->offset;

	esx_gauge_get_figures(&figures);
	return sysfs_emit(buf, "%llu\n", *value << figure->shift);
}

#define STATE_FIGURE(_name, _field, _shift)                           \
	static struct state_figure _name##_attr = {                   \
		.attr = __ATTR(_name, 0400, state_figure_show, NULL), \
		.offset = offsetof(struct esx_gauge_figures, _field), \
		.shift = _shift,                                      \
	}

STATE_FIGURE(state_total_bytes, memory.total, PAGE_SHIFT);
STATE_FIGURE(state_free_bytes, memory.free, PAGE_SHIFT);
STATE_FIGURE(state_high_bytes, marks.fall[ESX_LEVEL_HIGH], PAGE_SHIFT);
STATE_FIGURE(state_soft_bytes, marks.fall[ESX_LEVEL_SOFT], PAGE_SHIFT);
STATE_FIGURE(state_hard_bytes, marks.fall[ESX_LEVEL_HARD], PAGE_SHIFT);
STATE_FIGURE(state_low_bytes, marks.fall[ESX_LEVEL_LOW], PAGE_SHIFT);
STATE_FIGURE(state_high_ms, spent_ms[ESX_LEVEL_HIGH], 0);
STATE_FIGURE(state_soft_ms, spent_ms[ESX_LEVEL_SOFT], 0);
STATE_FIGURE(state_hard_ms, spent_ms[ESX_LEVEL_HARD], 0);
STATE_FIGURE(state_low_ms, spent_ms[ESX_LEVEL_LOW], 0);
STATE_FIGURE(state_high_entries, entries[ESX_LEVEL_HIGH], 0);
STATE_FIGURE(state_soft_entries, entries[ESX_LEVEL_SOFT], 0);
STATE_FIGURE(state_hard_entries, entries[ESX_LEVEL_HARD], 0);
STATE_FIGURE(state_low_entries, entries[ESX_LEVEL_LOW], 0);

static struct kobj_attribute state_attr = __ATTR_RO_MODE(state, 0400);
static struct kobj_attribute state_word_attr = __ATTR_RO_MODE(state_word, 0400);
static struct kobj_attribute shrink_calls_attr = __ATTR_RO_MODE(shrink_calls, 0400);
static struct kobj_attribute shrink_offered_bytes_attr =
	__ATTR_RO_MODE(shrink_offered_bytes, 0400);

static struct attribute *state_attrs[] = {
	&state_attr.attr,
	&state_word_attr.attr,
	&shrink_calls_attr.attr,
	&shrink_offered_bytes_attr.attr,
	&state_scale_attr.attr.attr,
	&state_high_pm_attr.attr.attr,
	&state_soft_pm_attr.attr.attr,
	&state_hard_pm_attr.attr.attr,
	&state_low_pm_attr.attr.attr,
	&state_margin_percent_attr.attr.attr,
	&state_period_ms_attr.attr.attr,
	&state_total_bytes_attr.attr.attr,
	&state_free_bytes_attr.attr.attr,
	&state_high_bytes_attr.attr.attr,
	&state_soft_bytes_attr.attr.attr,
	&state_hard_bytes_attr.attr.attr,
	&state_low_bytes_attr.attr.attr,
	&state_high_ms_attr.attr.attr,
	&state_soft_ms_attr.attr.attr,
	&state_hard_ms_attr.attr.attr,
	&state_low_ms_attr.attr.attr,
	&state_high_entries_attr.attr.attr,
	&state_soft_entries_attr.attr.attr,
	&state_hard_entries_attr.attr.attr,
	&state_low_entries_attr.attr.attr,
	NULL,
};

/* Merged into the folder that esx_tax_attr_group makes. */
const struct attribute_group esx_state_attr_group = {
	.name = "tax",
	.attrs = state_attrs,
};
