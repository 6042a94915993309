/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A directory of directories that come and go: VMs and pools.
 */
#ifndef _ESXMEM_IFACE_SYSFS_DIRS_H
#define _ESXMEM_IFACE_SYSFS_DIRS_H

#include <linux/atomic.h>
#include <linux/kobject.h>

/** ESX_SYSFS_NAME_MAX - room for the name of one of them */
#define ESX_SYSFS_NAME_MAX	256

/**
 * struct esx_sysfs_dirs - the directory that they are in
 */
struct esx_sysfs_dirs {
	/** @kset: the directory. */
	struct kset *kset;
	/** @nr: kobjects that are not freed yet. */
	atomic_t nr;
};

int esx_sysfs_dirs_init(struct esx_sysfs_dirs *dirs, const char *name, struct kobject *root);
void esx_sysfs_dirs_exit(struct esx_sysfs_dirs *dirs);
int esx_sysfs_dirs_add(struct esx_sysfs_dirs *dirs, struct kobject *kobj,
		       const struct kobj_type *type, u32 id, char name[ESX_SYSFS_NAME_MAX]);
int esx_sysfs_dirs_rename(struct esx_sysfs_dirs *dirs, struct kobject *kobj, u32 id,
			  char name[ESX_SYSFS_NAME_MAX]);
void esx_sysfs_dirs_released(struct esx_sysfs_dirs *dirs);

#endif /* _ESXMEM_IFACE_SYSFS_DIRS_H */
