/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /sys/kernel/debug/esxmem_kvm/: for people and tests; promises nothing.
 */
#ifndef _ESXMEM_KVM_DEBUGFS_H
#define _ESXMEM_KVM_DEBUGFS_H

void esx_kvm_debugfs_init(void);
void esx_kvm_debugfs_exit(void);

#endif /* _ESXMEM_KVM_DEBUGFS_H */
