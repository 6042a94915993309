/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Settings: what can be changed, of the host and of a VM.
 *
 * KEY=VALUE words are checked, all of them, before the first is written.
 */
#ifndef ESXMEMCTL_SETTING_H
#define ESXMEMCTL_SETTING_H

#include <stdint.h>

#include "record.h"

/**
 * struct esx_setting - something that can be changed
 * @name: as typed
 * @file: sysfs file below the directory of what it belongs to
 * @kind: ESX_SWITCH, ESX_COUNT, ESX_BYTES, or ESX_TEXT for one of @choices or a group
 * @choices: the words allowed, NULL: a group
 * @min: smallest count
 * @max: largest count
 * @or_default: takes the word default as well
 * @values: what can be given, for messages and for people
 * @help: what it does, in a few words
 */
struct esx_setting {
	const char *name;
	const char *file;
	enum esx_kind kind;
	const char *const *choices;
	uint64_t min;
	uint64_t max;
	bool or_default;
	const char *values;
	const char *help;
};

/**
 * struct esx_change - a setting and its new value as the kernel wants it
 * @setting: the setting
 * @value: the text to write
 */
struct esx_change {
	const struct esx_setting *setting;
	char *value;
};

/* More words than settings means that one is given twice. */
#define ESX_CHANGES_MAX 32

/* For messages: what esx_setting_group() takes. */
#define ESX_GROUP_VALUES "a name of 1 to 63 characters without blanks and slashes, or none"

/* Likewise: a size. */
#define ESX_BYTES_VALUES "a number of bytes such as 512M or 4G, a multiple of 4096"

const char *esx_setting_group(const char *value);
int esx_settings_parse(const struct esx_setting *settings, size_t nr, char **words,
		       struct esx_change changes[ESX_CHANGES_MAX], size_t *nr_changes);
int esx_settings_write(const char *dir, struct esx_change *changes, size_t nr);
void esx_settings_free(struct esx_change *changes, size_t nr);

#endif /* ESXMEMCTL_SETTING_H */
