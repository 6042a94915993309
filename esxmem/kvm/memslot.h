/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What lies behind the memory slots of a machine: guest pages to file pages and
 * back, and the accessed bits of the second-level page tables.
 *
 * A slot is a range of the VMM's addresses, a mapping ties addresses to pages
 * of a file.  KVM finds the guest pages of an address range itself, so only
 * addresses need to be found here; a file mapped at several addresses, or in
 * several slots, is found in each.
 *
 * The caller keeps the machine alive.  Locks, outermost first: mmap_lock for
 * reading, kvm->srcu for reading, KVM's mmu_lock (taken by KVM); and without
 * kvm->srcu a page-table lock (accessed.c).
 */
#ifndef _ESXMEM_KVM_MEMSLOT_H
#define _ESXMEM_KVM_MEMSLOT_H

#include <linux/types.h>

struct esx_age;
struct esx_vm;
struct kvm;

int esx_memslot_vms(struct kvm *kvm, struct esx_vm **vms, int max);
bool esx_memslot_age(struct kvm *kvm, struct esx_age *ages, unsigned int nr, bool clear);
void esx_memslot_count_young(struct kvm *kvm, u64 *young, u64 *pages);
void esx_memslot_clear_all(struct kvm *kvm);

#endif /* _ESXMEM_KVM_MEMSLOT_H */
