/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parameters of VMs and pools, and admission: the one place that changes any.
 */
#ifndef _ESXMEM_TAX_ADMIT_H
#define _ESXMEM_TAX_ADMIT_H

#include "ledger.h"

struct esx_pool;
struct esx_vm;

void esx_admit_init(void);

int esx_admit_resize(struct esx_vm *vm, u64 old, u64 nr_pages);
int esx_admit_set_param(struct esx_vm *vm, enum esx_param param, u64 value);
int esx_admit_set_pool_param(struct esx_pool *pool, enum esx_param param, u64 value);
void esx_admit_forget_pool(struct esx_pool *pool);
int esx_admit_move_pool(struct esx_pool *pool, struct esx_pool *to);
int esx_admit_limit_mount(struct esx_pool *root, u64 pages);
int esx_admit_set_pool(u64 pages);
int esx_admit_set_mode(enum esx_admission mode);

void esx_admit_params(struct esx_vm *vm, struct esx_vm_params *params, struct esx_terms *terms);
struct esx_pool_params esx_admit_pool_params(struct esx_pool *pool);
u64 esx_admit_pool_reserved(struct esx_pool *pool);
u64 esx_admit_reserved(struct esx_vm *vm);
struct esx_ledger esx_admit_ledger(void);
u64 esx_admit_refusals(void);

#endif /* _ESXMEM_TAX_ADMIT_H */
