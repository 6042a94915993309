/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The version of the modules: in modinfo and in /sys/kernel/esxmem/version.
 */
#ifndef _ESXMEM_IFACE_VERSION_H
#define _ESXMEM_IFACE_VERSION_H

#define ESX_VERSION	"0.1.0"

#endif /* _ESXMEM_IFACE_VERSION_H */
