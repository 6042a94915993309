/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Enforcement: VMs that hold more than their target give it back while memory is
 * short.
 */
#ifndef _ESXMEM_TAX_ENFORCE_H
#define _ESXMEM_TAX_ENFORCE_H

#include <linux/types.h>

struct esx_vm;

int esx_enforce_init(void);
void esx_enforce_exit(void);
void esx_enforce_kick(void);
bool esx_enforce_is_short(void);
u64 esx_enforce_sharers(void);
u64 esx_enforce_excess(struct esx_vm *vm, u64 nr_sharers);
u64 esx_enforce_held(struct esx_vm *vm);
u64 esx_enforce_reclaimed(void);

#endif /* _ESXMEM_TAX_ENFORCE_H */
