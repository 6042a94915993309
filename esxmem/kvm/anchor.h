/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Anchors: how the glue may use a struct kvm without owning one.
 *
 * KVM tells nobody that a virtual machine is going away, and a reference kept
 * for as long as the machine is of interest would keep it from going: a VMM
 * that closes its descriptors would get nothing freed, and kvm_amd could be
 * unloaded beneath it (only open descriptors hold that module).
 *
 * But no virtual CPU runs unless its kvm_run area is mapped, that mapping holds
 * the virtual CPU's file, and the file holds the machine.  So the file is
 * *borrowed* from the mapping: an MMU notifier tells before any part of the
 * mapping goes, and the file is forgotten right there.  Whoever needs the
 * machine meanwhile takes a reference to the file for as long as he works, which
 * also keeps the vendor module.  Nothing is held in between, so closing a
 * machine, killing its VMM and unloading KVM work as if nobody watched.
 *
 * Between KVM_CREATE_VM and the first virtual CPU there is no such mapping.  A
 * machine that is attached by its descriptor so early lends its own file: that
 * one reference is held, and given up when a virtual CPU appears or when it has
 * become the only one.
 *
 * Locks: esx_anchor::lock is a leaf, taken inside mmap_lock and from MMU
 * notifiers.
 */
#ifndef _ESXMEM_KVM_ANCHOR_H
#define _ESXMEM_KVM_ANCHOR_H

#include <linux/mmu_notifier.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct file;
struct kvm;

/**
 * struct esx_anchor - a machine that is borrowed from its process
 */
struct esx_anchor {
	/** @mn: tells of the end of mappings and of @mm; pins struct mm_struct. */
	struct mmu_notifier mn;
	/** @kvm: who it is; may be followed only with a file from esx_anchor_get(). */
	struct kvm *kvm;
	/** @mm: its process's address space. */
	struct mm_struct *mm;
	/** @lost: @vcpu is no longer usable; must not sleep. */
	void (*lost)(struct esx_anchor *anchor);
	/** @lock: protects what follows. */
	spinlock_t lock;
	/** @vcpu: file of a virtual CPU, borrowed from the mapping below, or NULL. */
	struct file *vcpu;
	/** @start: first address of the mapping. */
	unsigned long start;
	/** @end: address after the mapping. */
	unsigned long end;
	/** @vm: file of the machine, a reference of its own, or NULL. */
	struct file *vm;
};

int esx_anchor_open(struct esx_anchor *anchor, struct kvm *kvm, struct mm_struct *mm,
		    struct file *vm_file, void (*lost)(struct esx_anchor *anchor));
void esx_anchor_close(struct esx_anchor *anchor);
bool esx_anchor_bind(struct esx_anchor *anchor);
bool esx_anchor_is_held(struct esx_anchor *anchor);
struct file *esx_anchor_get(struct esx_anchor *anchor);

bool esx_anchor_exists(struct mm_struct *mm, const struct kvm *kvm);

#endif /* _ESXMEM_KVM_ANCHOR_H */
