/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Knobs: files of sysfs that are each one member of a struct of settings, which
 * is read and set as a whole.
 */
#ifndef _ESXMEM_IFACE_KNOB_H
#define _ESXMEM_IFACE_KNOB_H

#include <linux/build_bug.h>
#include <linux/kobject.h>
#include <linux/mutex.h>
#include <linux/sysfs.h>

/** ESX_KNOB_SETTINGS_MAX - room for a copy of any settings, in bytes */
#define ESX_KNOB_SETTINGS_MAX	64

/**
 * struct esx_knob_set - settings that are read and set as a whole
 */
struct esx_knob_set {
	/** @lock: makes read-change-write one step; taken before all others. */
	struct mutex lock;
	/** @get: fill in the settings, ESX_KNOB_SETTINGS_MAX bytes at the most. */
	void (*get)(void *settings);
	/** @set: set them all, or say what is wrong and change nothing. */
	int (*set)(const void *settings);
};

#define ESX_KNOB_SET(_set, _get_fn, _set_fn)			\
	struct esx_knob_set _set = {				\
		.lock = __MUTEX_INITIALIZER(_set.lock),		\
		.get = (_get_fn),				\
		.set = (_set_fn),				\
	}

/**
 * struct esx_knob - one of them
 */
struct esx_knob {
	/** @attr: the file. */
	struct kobj_attribute attr;
	/** @set: the settings that it belongs to. */
	struct esx_knob_set *set;
	/** @offset: where in them it is. */
	size_t offset;
	/** @max: the largest number. */
	u32 max;
	/** @names: words for the numbers from 0 to @max, or NULL. */
	const char *const *names;
};

ssize_t esx_knob_show_number(struct kobject *kobj, struct kobj_attribute *attr, char *buf);
ssize_t esx_knob_store_number(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			      size_t len);
ssize_t esx_knob_show_switch(struct kobject *kobj, struct kobj_attribute *attr, char *buf);
ssize_t esx_knob_store_switch(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			      size_t len);
ssize_t esx_knob_show_word(struct kobject *kobj, struct kobj_attribute *attr, char *buf);
ssize_t esx_knob_store_word(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			    size_t len);

#define ESX_KNOB(_name, _kind, _set, _struct, _member, _max, _names)			\
	static_assert(sizeof(_struct) <= ESX_KNOB_SETTINGS_MAX);			\
	static struct esx_knob _name##_attr = {						\
		.attr = __ATTR(_name, 0600, esx_knob_show_##_kind, esx_knob_store_##_kind), \
		.set = &(_set),								\
		.offset = offsetof(_struct, _member),					\
		.max = (_max),								\
		.names = (_names),							\
	}

/** ESX_KNOB_NUMBER - a knob that is a u32, 0 to _max unless @set knows better */
#define ESX_KNOB_NUMBER(_name, _set, _struct, _member, _max)			\
	static_assert(sizeof_field(_struct, _member) == sizeof(u32));		\
	ESX_KNOB(_name, number, _set, _struct, _member, _max, NULL)

/** ESX_KNOB_SWITCH - a knob that is a bool */
#define ESX_KNOB_SWITCH(_name, _set, _struct, _member)				\
	static_assert(sizeof_field(_struct, _member) == sizeof(bool));		\
	ESX_KNOB(_name, switch, _set, _struct, _member, 1, NULL)

/** ESX_KNOB_WORD - a knob that is an enum, shown by _nr names */
#define ESX_KNOB_WORD(_name, _set, _struct, _member, _names, _nr)		\
	static_assert(sizeof_field(_struct, _member) == sizeof(u32));		\
	ESX_KNOB(_name, word, _set, _struct, _member, (_nr) - 1, _names)

#endif /* _ESXMEM_IFACE_KNOB_H */
