/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Accesses by the VMM: the accessed bits of its own page tables.
 */
#ifndef _ESXMEM_KVM_ACCESSED_H
#define _ESXMEM_KVM_ACCESSED_H

#include <linux/types.h>

struct esx_age;
struct mm_struct;

void esx_accessed_age(struct mm_struct *mm, struct esx_age *ages, unsigned int nr, bool clear);

#endif /* _ESXMEM_KVM_ACCESSED_H */
