/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The order of locks, outermost first.  Indented = taken inside.
 *
 * visit_sem			share/scan.c, rwsem: read by a scanner's thread that
 *				visits a region, written by who stops the scanner
 * sampler_lock			tax/sample.c, mutex: who works with watched pages; also
 *				taken before esx_vms_lock, before mmap_lock by the glue
 * vm->reclaim_lock		vm.h, mutex: who reclaims from the VM; for the places
 *				where it goes on, and since two at once would do the
 *				same work
 * share_sem			share/batch.c, rwsem: read by who merges, written by
 *				who needs salts to change or merging to rest
 * inode->i_rwsem		VFS; of two files as lock_two_nondirectories() does
 *   mmap_lock or VMA lock	core mm
 *     freeze			pmap.c, percpu rwsem: read by whoever enters a
 *				map, written by the audit alone
 *       pmap->lock		rwsem, the invalidate lock: shared by faults,
 *				scans and reads; exclusive by truncate, punch
 *				and eviction, which free regions and leaves
 *         region lock		bit lock in region->flags: the region has no
 *				leaf; turns it into a 2 MB frame or a leaf
 *         entry lock		bit lock in the entry: one page
 *           folio lock		carried from ->fault to the installed
 *				page-table entry by the core
 *             i_mmap_rwsem	unmap_mapping_pages()
 *               page-table lock, KVM mmu_lock; the first also taken by the
 *				glue with no more than mmap_lock held
 *
 * share_sem is never taken inside one of the others, nor do the others' holders
 * wait for it, but i_rwsem and mmap_lock are not taken inside it either.  But
 * for a clone, which takes it inside i_rwsem.
 *
 * Region and entry locks are one class: a page is locked by one or the other.
 * A second pmap->lock, entry lock or folio lock is only ever tried, never
 * waited for (the page that a hint points to; a reclaimer entered from an
 * allocation made under an entry lock).  But for a clone: it enters both maps
 * exclusively, the one of the lower address first, and its two pages are locked
 * one after the other, never both.
 *
 * Rules that the order alone does not say:
 *  - An entry changes only under its lock.  When it points to a frame that may
 *    be mapped (ESX_ENTRY_MAPPED), the old frame's folio lock was taken since,
 *    so no fault stands between ->fault and its page-table entry.
 *  - A new frame is published only after the old one is unmapped from every
 *    mapping of the file; the entry lock keeps faults out until then.
 *  - Nothing is allocated under a folio lock.
 *  - A fault of a VM that is held waits with none of these (hold.c).
 *  - The shrinker takes none of these: it is called under all that allocations are
 *    made under.
 *  - ->page_mkwrite only tries pmap->lock, and entry and folio locks of pages that
 *    are not private, and never waits for memory.
 *  - A page's CLEAN bit is set under its lock while it is out of use, and cleared
 *    without it by ->page_mkwrite, under the folio lock and with a reference to
 *    the frame; so nobody stores a private page's whole entry but when its frame
 *    has no other reference.
 *  - Who reclaims waits for entry and folio locks no more than the scanner does.
 *  - The scanner never waits for an entry or folio lock, but for the entry of a
 *    2 MB frame that it has just broken, in a map that it has entered exclusively
 *    (which it only tries to), and whoever releases a frame that is
 *    pinned waits for its folio lock, which the holder of the pin may have.
 *
 * In the interface layer: the lock of a set of knobs (iface/knob.h) is outermost;
 * that of the scanner's is taken before scan.c's workers_lock (mutex), which is held
 * while threads are started and stopped, and before its spinlock for the knobs, that
 * of the sampler's before sampler_lock, that of the states' before
 * gauge_lock; glue_lock is a leaf.
 * pass_lock (share/pass.c, mutex) is taken by workers that hold nothing, before
 * esx_vms_lock.
 *
 * Leaves, nothing of ours is taken inside: esx_vms_lock (mutex; the lists of VMs,
 * of maps and of pools, and around the hooks that show VMs and pools in sysfs: so
 * no sysfs file may take it; but for ledger_lock, when a directory moves to another
 * one, and a pool's or VM's spinlock), the buckets of the hint table and of the table
 * of shared frames, a VM's spinlock for its name, group and guest, a pool's for its
 * name, the sampler's for its figures of
 * a VM (taken in the hook that removes a VM, under esx_vms_lock) and that for its
 * knobs, ledger_lock (spinlock; tax/admit.c: parameters of VMs and pools and what
 * is reserved for them, which change together with the sum over all VMs, so no VM's
 * own lock will do; taken under i_rwsem and pmap->lock by who changes a file's
 * size, under esx_vms_lock by the policy; gauge_lock is taken inside it by who changes
 * the pool, which is part of both), and gauge_lock (tax/gauge.c, spinlock: the state of
 * the host's memory; a fault or the shrinker only queues work, which takes it).  The two
 * tables' resize_lock (mutex; share/buckets.c) is a leaf but for the locks of their
 * buckets;
 * objects_lock (mutex; share/hints.c: the objects that a check walks) is one, and so is
 * that of a VM's rations (ration.h, spinlock: what its tasks may take while it is held;
 * taken under page locks, where a VM's other spinlock is not).
 */
#ifndef _ESXMEM_LOCKS_H
#define _ESXMEM_LOCKS_H

#include <linux/lockdep.h>
#include <linux/wait_bit.h>

/*
 * Bit locks are invisible to lockdep: tell it of them by hand.  One class
 * serves regions and entries.
 */
#ifdef CONFIG_DEBUG_LOCK_ALLOC
extern struct lockdep_map esx_entry_lockdep_map;

static inline void esx_entry_dep_acquire(bool try)
{
	lock_acquire(&esx_entry_lockdep_map, 0, try, 0, 1, NULL, _RET_IP_);
}

static inline void esx_entry_dep_release(void)
{
	lock_release(&esx_entry_lockdep_map, _RET_IP_);
}
#else
static inline void esx_entry_dep_acquire(bool try)
{
}

static inline void esx_entry_dep_release(void)
{
}
#endif

/**
 * esx_bit_lock() - take a bit lock
 * @word: where the lock is
 * @bit: which bit
 * @try: do not wait
 *
 * Sleeps uninterruptibly unless @try: holders are short or wait for memory.
 *
 * Return: true when the lock is held.
 */
static inline bool esx_bit_lock(unsigned long *word, int bit, bool try)
{
	if (try) {
		if (test_and_set_bit_lock(bit, word))
			return false;
	} else {
		wait_on_bit_lock(word, bit, TASK_UNINTERRUPTIBLE);
	}
	esx_entry_dep_acquire(try);
	return true;
}

/**
 * esx_bit_unlock() - release a bit lock and wake who waits for it
 * @word: where the lock is
 * @bit: which bit
 */
static inline void esx_bit_unlock(unsigned long *word, int bit)
{
	esx_entry_dep_release();
	clear_bit_unlock(bit, word);
	/* Pairs with the barrier in prepare_to_wait(). */
	smp_mb__after_atomic();
	wake_up_bit(word, bit);
}

#endif /* _ESXMEM_LOCKS_H */
