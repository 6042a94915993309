/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /sys/kernel/debug/esxmem: for people; promises nothing.
 */
#ifndef _ESXMEM_IFACE_DEBUGFS_H
#define _ESXMEM_IFACE_DEBUGFS_H

int esx_debugfs_init(void);
void esx_debugfs_exit(void);

#endif /* _ESXMEM_IFACE_DEBUGFS_H */
