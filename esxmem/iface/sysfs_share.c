// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/esxmem/share: the scanner's settings and the figures of sharing.
 *
 * What is shared tells about the contents of memory: the figures are for root
 * alone.
 */
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "../share/hints.h"
#include "../share/large.h"
#include "../share/scan.h"
#include "../share/shared.h"
#include "../stats.h"
#include "knob.h"
#include "parse.h"
#include "sysfs.h"
#include "totals.h"

/**
 * struct figure_attr - file that shows one figure
 */
struct figure_attr {
	/** @attr: the file. */
	struct kobj_attribute attr;
	/** @read: the figure, or NULL: that of @event. */
	u64 (*read)(void);
	/** @event: what is counted. */
	enum esx_event event;
};

static ssize_t figure_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	const struct figure_attr *figure = container_of(attr, struct figure_attr, attr);
	u64 value;

	if (figure->read)
		value = figure->read();
	else
		value = atomic64_read(&esx_host_events.nr[figure->event]);
	return sysfs_emit(buf, "%llu\n", value);
}

#define EVENT_ATTR(_name, _event)					\
	static struct figure_attr _name##_attr = {			\
		.attr = __ATTR(_name, 0400, figure_show, NULL),		\
		.event = (_event),					\
	}

#define FIGURE_ATTR(_name, _read)					\
	static struct figure_attr _name##_attr = {			\
		.attr = __ATTR(_name, 0400, figure_show, NULL),		\
		.read = (_read),					\
	}

static u64 read_shared_pages(void)
{
	struct esx_totals totals;

	esx_totals_get(&totals);
	return totals.pages[ESX_SHARED];
}

static u64 read_zero_pages(void)
{
	struct esx_totals totals;

	esx_totals_get(&totals);
	return totals.pages[ESX_ZERO];
}

static u64 read_shared_frames(void)
{
	return esx_shared_count();
}

static u64 read_hints(void)
{
	return esx_hints_count();
}

static u64 read_shareable_bytes(void)
{
	return esx_large_shareable_pages() << PAGE_SHIFT;
}

static u64 read_table_bytes(void)
{
	return esx_hints_bytes() + esx_shared_bytes();
}

EVENT_ATTR(full_scans, ESX_EV_FULL_SCAN);
EVENT_ATTR(scanned_pages, ESX_EV_SCANNED);
EVENT_ATTR(merged_pages, ESX_EV_MERGED);
EVENT_ATTR(zero_merged_pages, ESX_EV_ZEROED);
FIGURE_ATTR(shared_pages, read_shared_pages);
FIGURE_ATTR(shared_frames, read_shared_frames);
FIGURE_ATTR(zero_pages, read_zero_pages);
FIGURE_ATTR(hints, read_hints);
EVENT_ATTR(cow_breaks, ESX_EV_COW);
EVENT_ATTR(hash_mismatches, ESX_EV_HASH_MISMATCH);
EVENT_ATTR(false_matches, ESX_EV_FALSE_MATCH);
EVENT_ATTR(pinned_pages, ESX_EV_PINNED);
EVENT_ATTR(busy_pages, ESX_EV_BUSY);
EVENT_ATTR(huge_broken, ESX_EV_HUGE_BROKEN);
EVENT_ATTR(huge_joined, ESX_EV_HUGE_JOINED);
EVENT_ATTR(hashed_pages, ESX_EV_HASHED);
EVENT_ATTR(clean_pages, ESX_EV_CLEAN);
EVENT_ATTR(backed_off_pages, ESX_EV_BACKED_OFF);
EVENT_ATTR(unmap_ranges, ESX_EV_UNMAPPED);
FIGURE_ATTR(shareable_bytes, read_shareable_bytes);
FIGURE_ATTR(shareable_large_pages, esx_large_shareable_frames);
FIGURE_ATTR(table_bytes, read_table_bytes);

static void get_params(void *params)
{
	esx_scan_get_params(params);
}

static int set_params(const void *params)
{
	return esx_scan_set_params(params);
}

static ESX_KNOB_SET(scan_knobs, get_params, set_params);

#define SCAN_NUMBER(_name, _max) \
	ESX_KNOB_NUMBER(_name, scan_knobs, struct esx_scan_params, _name, _max)

ESX_KNOB_SWITCH(run, scan_knobs, struct esx_scan_params, run);
SCAN_NUMBER(pages_per_second, U32_MAX);
SCAN_NUMBER(cpu_percent, 100);
SCAN_NUMBER(target_seconds, U32_MAX);
SCAN_NUMBER(workers, ESX_SCAN_MAX_WORKERS);
ESX_KNOB_WORD(order, scan_knobs, struct esx_scan_params, order, esx_scan_order_names,
	      ESX_SCAN_NR_ORDERS);

static ssize_t break_large_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", esx_break_large_names[esx_break_large_get()]);
}

static ssize_t break_large_store(struct kobject *kobj, struct kobj_attribute *attr,
				 const char *buf, size_t len)
{
	int policy = __sysfs_match_string(esx_break_large_names, ESX_BREAK_NR, buf);

	if (policy < 0)
		return policy;
	esx_break_large_set(policy);
	return len;
}

static ssize_t pressure_percent_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", esx_pressure_percent_get());
}

static ssize_t pressure_percent_store(struct kobject *kobj, struct kobj_attribute *attr,
				      const char *buf, size_t len)
{
	u32 percent;
	int err;

	err = esx_parse_u32(buf, 100, &percent);
	if (!err)
		err = esx_pressure_percent_set(percent);
	return err ? err : len;
}

static struct kobj_attribute break_large_attr = __ATTR_RW_MODE(break_large, 0600);
static struct kobj_attribute pressure_percent_attr = __ATTR_RW_MODE(pressure_percent, 0600);

static struct attribute *share_attrs[] = {
	&run_attr.attr.attr,
	&pages_per_second_attr.attr.attr,
	&cpu_percent_attr.attr.attr,
	&order_attr.attr.attr,
	&target_seconds_attr.attr.attr,
	&workers_attr.attr.attr,
	&break_large_attr.attr,
	&pressure_percent_attr.attr,
	&full_scans_attr.attr.attr,
	&scanned_pages_attr.attr.attr,
	&merged_pages_attr.attr.attr,
	&zero_merged_pages_attr.attr.attr,
	&shared_pages_attr.attr.attr,
	&shared_frames_attr.attr.attr,
	&zero_pages_attr.attr.attr,
	&hints_attr.attr.attr,
	&cow_breaks_attr.attr.attr,
	&hash_mismatches_attr.attr.attr,
	&false_matches_attr.attr.attr,
	&pinned_pages_attr.attr.attr,
	&busy_pages_attr.attr.attr,
	&huge_broken_attr.attr.attr,
	&huge_joined_attr.attr.attr,
	&hashed_pages_attr.attr.attr,
	&clean_pages_attr.attr.attr,
	&backed_off_pages_attr.attr.attr,
	&unmap_ranges_attr.attr.attr,
	&shareable_bytes_attr.attr.attr,
	&shareable_large_pages_attr.attr.attr,
	&table_bytes_attr.attr.attr,
	NULL,
};

const struct attribute_group esx_share_attr_group = {
	.name = "share",
	.attrs = share_attrs,
};
