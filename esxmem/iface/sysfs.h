/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /sys/kernel/esxmem: one value per file.  Every file has its entry in
 * Documentation/ABI/testing/; a lint reads the tables of attributes below
 * iface/ to see to that.
 */
#ifndef _ESXMEM_IFACE_SYSFS_H
#define _ESXMEM_IFACE_SYSFS_H

#include <linux/sysfs.h>

extern const struct attribute_group esx_share_attr_group;
extern const struct attribute_group esx_state_attr_group;
extern const struct attribute_group esx_tax_attr_group;

int esx_sysfs_init(void);
void esx_sysfs_exit(void);

#endif /* _ESXMEM_IFACE_SYSFS_H */
