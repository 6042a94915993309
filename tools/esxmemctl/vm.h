/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VMs: what can be changed of one.
 */
#ifndef ESXMEMCTL_VM_H
#define ESXMEMCTL_VM_H

#include <stddef.h>

#include "setting.h"

extern const struct esx_setting esx_vm_settings[];
extern const size_t esx_nr_vm_settings;

#endif /* ESXMEMCTL_VM_H */
