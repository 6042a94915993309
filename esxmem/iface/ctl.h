/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /dev/esxmem: the calls that are more than reading or writing one value.
 */
#ifndef _ESXMEM_IFACE_CTL_H
#define _ESXMEM_IFACE_CTL_H

int esx_ctl_init(void);
void esx_ctl_exit(void);

#endif /* _ESXMEM_IFACE_CTL_H */
