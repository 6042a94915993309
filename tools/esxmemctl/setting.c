// SPDX-License-Identifier: GPL-2.0
/*
 * Settings: checking KEY=VALUE words and writing them.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "kernel.h"
#include "message.h"
#include "setting.h"
#include "size.h"

/* A group's name without its NUL, as the kernel has it. */
#define GROUP_NAME_MAX 63

static char *join_names(const struct esx_setting *settings, size_t nr)
{
	char *all = esx_asprintf("%s", settings[0].name), *longer;
	size_t i;

	for (i = 1; i < nr; i++) {
		longer = esx_asprintf("%s, %s", all, settings[i].name);
		free(all);
		all = longer;
	}
	return all;
}

static const struct esx_setting *lookup(const struct esx_setting *settings, size_t nr,
					const char *word, size_t len)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (strlen(settings[i].name) == len && !strncmp(settings[i].name, word, len))
			return &settings[i];
	return NULL;
}

static const char *convert_switch(const char *value)
{
	if (!strcmp(value, "on") || !strcmp(value, "1"))
		return "1";
	if (!strcmp(value, "off") || !strcmp(value, "0"))
		return "0";
	return NULL;
}

static const char *convert_count(const struct esx_setting *setting, const char *value)
{
	unsigned long long number;
	char *end;

	if (setting->or_default && !strcmp(value, "default"))
		return value;
	if (!isdigit((unsigned char)*value))
		return NULL;
	errno = 0;
	number = strtoull(value, &end, 10);
	if (errno || *end || number < setting->min || number > setting->max)
		return NULL;
	return value;
}

/* The text is overwritten by the next call. */
static const char *convert_bytes(const char *value)
{
	static char text[24];
	uint64_t bytes;

	if (!esx_size_parse(value, 1, &bytes) || bytes % ESX_PAGE_SIZE)
		return NULL;
	snprintf(text, sizeof(text), "%" PRIu64, bytes);
	return text;
}

static const char *convert_choice(const struct esx_setting *setting, const char *value)
{
	const char *const *choice;

	for (choice = setting->choices; *choice; choice++)
		if (!strcmp(*choice, value))
			return value;
	return NULL;
}

/* What the kernel wants written, or NULL when @value is not allowed. */
static const char *convert(const struct esx_setting *setting, const char *value)
{
	if (setting->kind == ESX_SWITCH)
		return convert_switch(value);
	if (setting->kind == ESX_COUNT)
		return convert_count(setting, value);
	if (setting->kind == ESX_BYTES)
		return convert_bytes(value);
	if (setting->choices)
		return convert_choice(setting, value);
	return esx_setting_group(value);
}

static int parse_word(const struct esx_setting *settings, size_t nr, const char *word,
		      struct esx_change *change)
{
	size_t len = strcspn(word, "=");
	const char *value;
	char *names;

	change->setting = lookup(settings, nr, word, len);
	if (!change->setting) {
		names = join_names(settings, nr);
		esx_error("no setting named '%.*s'; there are: %s", (int)len, word, names);
		free(names);
		return ESX_MISUSED;
	}
	if (!word[len]) {
		esx_error("'%s' has no value; write %s=VALUE, where VALUE is %s", word, word,
			  change->setting->values);
		return ESX_MISUSED;
	}
	value = convert(change->setting, word + len + 1);
	if (!value) {
		esx_error("%s cannot be '%s'; it is %s", change->setting->name, word + len + 1,
			  change->setting->values);
		return ESX_MISUSED;
	}
	change->value = esx_asprintf("%s", value);
	return ESX_DONE;
}

static bool given_before(const struct esx_change *changes, size_t nr,
			 const struct esx_setting *setting)
{
	while (nr--)
		if (changes[nr].setting == setting)
			return true;
	return false;
}

/**
 * esx_setting_group() - the name of a trust group
 * @value: what the user typed
 *
 * Return: what the kernel wants written, NULL if @value is no such name
 */
const char *esx_setting_group(const char *value)
{
	const char *c;

	if (!strcmp(value, "none"))
		return "";
	if (!*value || strlen(value) > GROUP_NAME_MAX)
		return NULL;
	for (c = value; *c; c++)
		if (!isgraph((unsigned char)*c) || *c == '/')
			return NULL;
	return value;
}

/**
 * esx_settings_parse() - check KEY=VALUE words
 * @settings: what can be changed; not more than ESX_CHANGES_MAX
 * @nr: how many
 * @words: the words, ended by NULL
 * @changes: out: what to write, to be given to esx_settings_free()
 * @nr_changes: out: how many
 *
 * Return: an exit code; the message is printed
 */
int esx_settings_parse(const struct esx_setting *settings, size_t nr, char **words,
		       struct esx_change changes[ESX_CHANGES_MAX], size_t *nr_changes)
{
	struct esx_change change;
	char *names;

	*nr_changes = 0;
	if (!*words) {
		names = join_names(settings, nr);
		esx_error("nothing to set; give KEY=VALUE, where KEY is one of: %s", names);
		free(names);
		return ESX_MISUSED;
	}
	for (; *words; words++) {
		int code = parse_word(settings, nr, *words, &change);

		if (code)
			return code;
		if (given_before(changes, *nr_changes, change.setting)) {
			esx_error("%s is given twice", change.setting->name);
			free(change.value);
			return ESX_MISUSED;
		}
		changes[(*nr_changes)++] = change;
	}
	return ESX_DONE;
}

static void explain_write(const char *dir, const struct esx_setting *setting, int err)
{
	if (err == -EACCES || err == -EPERM)
		esx_error("%s not changed: this needs root", setting->name);
	else if (err == -ENOENT && !*dir)
		esx_error("%s not changed: the module that is loaded does not have it",
			  setting->name);
	else if (err == -ENOSPC)
		esx_error("%s not changed: so much is not unreserved, or a pool's maximum or the "
			  "mount's size= stands against it; `dmesg` has the numbers",
			  setting->name);
	else if (err == -EINVAL && setting->kind == ESX_BYTES)
		esx_error("%s not changed: it must hold that min <= max, and for a VM that both "
			  "are <= size; `dmesg` has the numbers",
			  setting->name);
	else
		esx_error("%s not changed: %s", setting->name, strerror(-err));
}

/**
 * esx_settings_write() - write checked changes, in order, up to the first error
 * @dir: directory below /sys/kernel/esxmem that the settings' files are in
 * @changes: what to write
 * @nr: how many
 *
 * Return: an exit code; the message is printed
 */
int esx_settings_write(const char *dir, struct esx_change *changes, size_t nr)
{
	size_t i;
	int err;

	for (i = 0; i < nr; i++) {
		err = esx_sysfs_write(dir, changes[i].setting->file, changes[i].value);
		if (!err)
			continue;
		explain_write(dir, changes[i].setting, err);
		if (i)
			esx_error("the %zu settings before it are changed", i);
		return ESX_FAILED;
	}
	return ESX_DONE;
}

/**
 * esx_settings_free() - free what esx_settings_parse() gave
 * @changes: the changes
 * @nr: how many
 */
void esx_settings_free(struct esx_change *changes, size_t nr)
{
	while (nr--)
		free(changes[nr].value);
}
