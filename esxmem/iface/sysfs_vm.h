/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /sys/kernel/esxmem/vms: a directory per VM.
 */
#ifndef _ESXMEM_IFACE_SYSFS_VM_H
#define _ESXMEM_IFACE_SYSFS_VM_H

struct kobject;

int esx_sysfs_vm_init(struct kobject *root);
void esx_sysfs_vm_exit(void);

#endif /* _ESXMEM_IFACE_SYSFS_VM_H */
