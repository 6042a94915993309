/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trust groups: which VMs may share with each other.
 */
#ifndef _ESXMEM_SHARE_GROUP_H
#define _ESXMEM_SHARE_GROUP_H

#include <linux/types.h>

struct esx_vm;

int esx_share_set_group(struct esx_vm *vm, const char *group);
void esx_share_get_group(struct esx_vm *vm, char *buf, size_t size);

#endif /* _ESXMEM_SHARE_GROUP_H */
