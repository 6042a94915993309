/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names of directories that are called after paths.
 */
#ifndef _ESXMEM_IFACE_SYSFS_NAME_H
#define _ESXMEM_IFACE_SYSFS_NAME_H

#include <linux/kobject.h>

/** ESX_SYSFS_NAME_MAX - room for such a name */
#define ESX_SYSFS_NAME_MAX	256

void esx_sysfs_choose_name(struct kset *kset, const struct kobject *self, u32 id,
			   char name[ESX_SYSFS_NAME_MAX]);

#endif /* _ESXMEM_IFACE_SYSFS_NAME_H */
