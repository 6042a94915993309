/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Objects: what sysfs has a directory for each of, VMs and pools.
 */
#ifndef ESXMEMCTL_OBJECT_H
#define ESXMEMCTL_OBJECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "record.h"
#include "setting.h"

struct esx_command;

/**
 * struct esx_object_type - one sort of them
 * @noun: what one is called in messages
 * @command: first word of the commands for them
 * @none_hint: end of the message that there is none of some name
 * @fields: what is shown of one; the first is its name
 * @nr_fields: how many fields there are
 * @settings: what can be changed of one
 * @nr_settings: how many settings there are
 * @dir: the directory of one below /sys/kernel/esxmem, to be freed
 * @exists: does the kernel know one of this name?
 */
struct esx_object_type {
	const char *noun;
	const char *command;
	const char *none_hint;
	const struct esx_field *fields;
	size_t nr_fields;
	const struct esx_setting *settings;
	size_t nr_settings;
	char *(*dir)(const char *name);
	bool (*exists)(const char *name);
};

json_t *esx_objects_read(const struct esx_object_type *type, char **names, size_t nr);
int esx_object_show(const struct esx_object_type *type, const struct esx_command *cmd, int argc,
		    char **argv);
int esx_object_set(const struct esx_object_type *type, const struct esx_command *cmd, int argc,
		   char **argv);

#endif /* ESXMEMCTL_OBJECT_H */
