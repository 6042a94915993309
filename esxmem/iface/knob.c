// SPDX-License-Identifier: GPL-2.0
/*
 * Knobs: files of sysfs that are each one member of a struct of settings.
 *
 * Turning one knob is reading all settings, changing one and setting them all: so
 * whoever has the settings checks them as a whole, in one place, and a bad one
 * changes nothing.
 */
#include <linux/string.h>

#include "knob.h"
#include "parse.h"

/* A copy of settings, aligned for whatever they are made of. */
struct settings {
	u8 bytes[ESX_KNOB_SETTINGS_MAX] __aligned(sizeof(u64));
};

static const struct esx_knob *to_knob(struct kobj_attribute *attr)
{
	return container_of(attr, struct esx_knob, attr);
}

static void *member(const struct esx_knob *knob, struct settings *settings)
{
	return settings->bytes + knob->offset;
}

static u32 get_u32(const struct esx_knob *knob)
{
	struct settings settings;

	knob->set->get(&settings);
	return *(u32 *)member(knob, &settings);
}

static void begin_change(const struct esx_knob *knob, struct settings *settings)
{
	mutex_lock(&knob->set->lock);
	knob->set->get(settings);
}

static int end_change(const struct esx_knob *knob, const struct settings *settings)
{
	int err = knob->set->set(settings);

	mutex_unlock(&knob->set->lock);
	return err;
}

static int set_u32(const struct esx_knob *knob, u32 value)
{
	struct settings settings;

	begin_change(knob, &settings);
	*(u32 *)member(knob, &settings) = value;
	return end_change(knob, &settings);
}

/**
 * esx_knob_show_number() - show a knob that is a number
 * @kobj: its directory
 * @attr: the knob's file
 * @buf: where to
 *
 * Return: length of the text.
 */
ssize_t esx_knob_show_number(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", get_u32(to_knob(attr)));
}

/**
 * esx_knob_store_number() - turn a knob that is a number
 * @kobj: its directory
 * @attr: the knob's file
 * @buf: the text
 * @len: of it
 *
 * Return: @len, or what is wrong: -EINVAL when it is no number in range.
 */
ssize_t esx_knob_store_number(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			      size_t len)
{
	const struct esx_knob *knob = to_knob(attr);
	u32 value;
	int err;

	err = esx_parse_u32(buf, knob->max, &value);
	if (!err)
		err = set_u32(knob, value);
	return err ? err : len;
}

/**
 * esx_knob_show_switch() - show a knob that is on or off
 * @kobj: its directory
 * @attr: the knob's file
 * @buf: where to
 *
 * Return: length of the text.
 */
ssize_t esx_knob_show_switch(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	const struct esx_knob *knob = to_knob(attr);
	struct settings settings;

	knob->set->get(&settings);
	return sysfs_emit(buf, "%d\n", *(bool *)member(knob, &settings));
}

/**
 * esx_knob_store_switch() - turn a knob that is on or off
 * @kobj: its directory
 * @attr: the knob's file
 * @buf: the text
 * @len: of it
 *
 * Return: @len, or what is wrong: -EINVAL when it is not 0 or 1.
 */
ssize_t esx_knob_store_switch(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			      size_t len)
{
	const struct esx_knob *knob = to_knob(attr);
	struct settings settings;
	bool value;
	int err;

	err = esx_parse_bool(buf, &value);
	if (err)
		return err;

	begin_change(knob, &settings);
	*(bool *)member(knob, &settings) = value;
	err = end_change(knob, &settings);
	return err ? err : len;
}

/**
 * esx_knob_show_word() - show a knob that is one of some words
 * @kobj: its directory
 * @attr: the knob's file
 * @buf: where to
 *
 * Return: length of the text.
 */
ssize_t esx_knob_show_word(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	const struct esx_knob *knob = to_knob(attr);

	return sysfs_emit(buf, "%s\n", knob->names[get_u32(knob)]);
}

/**
 * esx_knob_store_word() - turn a knob that is one of some words
 * @kobj: its directory
 * @attr: the knob's file
 * @buf: the text
 * @len: of it
 *
 * Return: @len, or what is wrong: -EINVAL when it is none of them.
 */
ssize_t esx_knob_store_word(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			    size_t len)
{
	const struct esx_knob *knob = to_knob(attr);
	int value = __sysfs_match_string(knob->names, knob->max + 1, buf);
	int err;

	if (value < 0)
		return value;
	err = set_u32(knob, value);
	return err ? err : len;
}
