/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guests: KVM machines whose memory lies in memory files.
 *
 * Life of a struct esx_guest:
 *  - esx_guest_attach() makes it, begins to watch the address space and puts it
 *    into the table, where the probe finds it by its struct kvm.
 *  - Its first survey ties it to each VM in whose files a memory slot lies.
 *    Later surveys, from the work item, add what was mapped since and let go of
 *    what was missing twice (a VMM may take slots away for a moment).
 *  - It ends when a survey finds that no virtual CPU is mapped any more, that
 *    the address space is gone or that no VM is left, or when the module goes.
 *    Whoever takes it out of the table owns its end; the end itself is always
 *    the work item's: let the VMs go, wait for the probe and the notifier, drop
 *    the table's reference.
 *  - References: the table's, and one for whoever works with it for a while.
 *    The work item runs on the table's.
 *
 * It never owns the struct kvm (see anchor.h), so a guest that is forgotten a
 * little late holds up nobody; its address may by then belong to another
 * machine of the same process, which is then counted here until the survey that
 * is already on its way.  Another process cannot be mistaken: the watch pins
 * the struct mm_struct, which is compared as well.
 *
 * Locks, outermost first; the two mutexes are never held together:
 *
 *   guests_lock		the table and the claim to a guest's end
 *   esx_guest::lock		its VMs; one survey at a time
 *     mmap_lock (read)		mappings stay; see memslot.h for what is inside
 *       esx_anchor::lock	leaf
 *     esx_vm::lock		leaf
 *
 * esx_vm_detach_guest() waits, under esx_guest::lock, for calls of esx_guest_ops;
 * these take mmap_lock and esx_vtime::lock, and neither of the two mutexes.
 */
#ifndef _ESXMEM_KVM_GUEST_H
#define _ESXMEM_KVM_GUEST_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/workqueue.h>

#include "anchor.h"
#include "vtime.h"

struct esx_vm;
struct file;
struct kvm;
struct mm_struct;

/* Most VMs (directories of memory files) that one machine may be spread over. */
#define ESX_GUEST_MAX_VMS	16

/**
 * struct esx_guest_vm - a VM that a guest is tied to
 */
struct esx_guest_vm {
	/** @vm: with a reference. */
	struct esx_vm *vm;
	/** @missed: surveys since it was found. */
	unsigned int missed;
};

/**
 * struct esx_guest - a KVM machine that uses memory files
 */
struct esx_guest {
	/** @ref: see above. */
	struct kref ref;
	/** @node: in the table.  Written under guests_lock, read under RCU. */
	struct hlist_node node;
	/** @doomed: taken out for the work item to end.  Under guests_lock. */
	bool doomed;
	/** @anchor: its struct kvm. */
	struct esx_anchor anchor;
	/** @violations: second-level page faults of its virtual CPUs. */
	u64 __percpu *violations;
	/** @surveyed: jiffies of the last survey. */
	unsigned long surveyed;
	/** @settle: the work item: survey, or the end. */
	struct delayed_work settle;
	/** @vtime: run time of its virtual CPUs. */
	struct esx_vtime vtime;
	/** @lock: protects what follows. */
	struct mutex lock;
	/** @ended: no VM may be added any more. */
	bool ended;
	/** @pid: of its process, for people. */
	pid_t pid;
	/** @nr_vms: how many of @vms are in use. */
	int nr_vms;
	/** @vms: the VMs that it is tied to. */
	struct esx_guest_vm vms[ESX_GUEST_MAX_VMS];
};

int esx_guest_init(void);
void esx_guest_exit(void);

int esx_guest_attach(struct kvm *kvm, struct mm_struct *mm, struct file *vm_file);
bool esx_guest_count_violation(const struct kvm *kvm);

struct esx_guest **esx_guest_get_all(int *nr);
void esx_guest_put_all(struct esx_guest **guests, int nr);

#endif /* _ESXMEM_KVM_GUEST_H */
