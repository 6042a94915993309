// SPDX-License-Identifier: GPL-2.0
/*
 * Names of directories that are called after paths: VMs and pools.
 */
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "sysfs_name.h"

static bool name_is_free(struct kset *kset, const char *name, const struct kobject *self)
{
	struct kobject *other = kset_find_obj(kset, name);
	bool is_free = !other || other == self;

	kobject_put(other);
	return is_free;
}

/**
 * esx_sysfs_choose_name() - turn a path into the name of a directory
 * @kset: where the directory is, or is to be
 * @self: the directory
 * @id: a number that no other in @kset has
 * @name: the path; out: the name
 *
 * Two mounts may hold the same path, and "a/b" becomes "a!b", which a file may be
 * called too: who comes later gets a number.
 */
void esx_sysfs_choose_name(struct kset *kset, const struct kobject *self, u32 id,
			   char name[ESX_SYSFS_NAME_MAX])
{
	/* Its id is its own, so that one try is enough but for mischief. */
	unsigned int nr = 1;
	char suffix[24];
	size_t end;
	int len;

	strreplace(name, '/', '!');
	end = strlen(name);

	for (; !name_is_free(kset, name, self); nr++) {
		len = scnprintf(suffix, sizeof(suffix), nr > 1 ? "~%u.%u" : "~%u", id, nr);
		strscpy(name + min_t(size_t, end, ESX_SYSFS_NAME_MAX - 1 - len), suffix, len + 1);
	}
}
