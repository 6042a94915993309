/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /sys/kernel/esxmem/pools: a directory per resource pool.
 */
#ifndef _ESXMEM_IFACE_SYSFS_POOL_H
#define _ESXMEM_IFACE_SYSFS_POOL_H

#include <linux/kobject.h>

struct esx_pool;

const char *esx_sysfs_pool_name(const struct esx_pool *pool);

int esx_sysfs_pool_init(struct kobject *root);
void esx_sysfs_pool_exit(void);

#endif /* _ESXMEM_IFACE_SYSFS_POOL_H */
