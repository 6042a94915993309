// SPDX-License-Identifier: GPL-2.0
/*
 * The page map: its objects and their locks.  See pmap.h for the layout and the
 * life of the objects, entry.c for what is in them.
 *
 * Called by the fault path, by sharing and by punch, all with the map entered.
 */
#include <linux/mm.h>
#include <linux/percpu-rwsem.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "compat.h"
#include "locks.h"
#include "pmap.h"

#ifdef CONFIG_DEBUG_LOCK_ALLOC
static struct lock_class_key entry_lockdep_key;
struct lockdep_map esx_entry_lockdep_map =
	STATIC_LOCKDEP_MAP_INIT("esx_entry", &entry_lockdep_key);
#endif

/* Stops every change of every map; see locks.h. */
DEFINE_STATIC_PERCPU_RWSEM(freeze_sem);

static struct kmem_cache *region_cache;
static struct kmem_cache *leaf_cache;

/**
 * esx_quota_charge() - take pages from a mount's budget
 * @quota: the budget
 * @nr: pages
 *
 * Return: false when that would exceed the limit; then nothing was taken.
 */
bool esx_quota_charge(struct esx_quota *quota, long nr)
{
	if (atomic_long_add_return(nr, &quota->used) <= READ_ONCE(quota->limit))
		return true;
	atomic_long_sub(nr, &quota->used);
	return false;
}
ESX_EXPORT_FOR_TESTS(esx_quota_charge);

/**
 * esx_quota_uncharge() - give pages back to a mount's budget
 * @quota: the budget
 * @nr: pages
 */
void esx_quota_uncharge(struct esx_quota *quota, long nr)
{
	atomic_long_sub(nr, &quota->used);
}
ESX_EXPORT_FOR_TESTS(esx_quota_uncharge);

/**
 * esx_counts_backed() - pages for which some frame is in use
 * @counts: of a file or a VM
 *
 * Return: private and shared pages.
 */
long esx_counts_backed(const struct esx_counts *counts)
{
	return atomic_long_read(&counts->nr[ESX_PRIVATE]) +
	       atomic_long_read(&counts->nr[ESX_SHARED]);
}
ESX_EXPORT_FOR_TESTS(esx_counts_backed);

/**
 * esx_pmap_create() - make an empty page map
 * @mapping: the file's address space
 * @quota: the mount's budget
 *
 * The caller joins it to a VM (esx_vm_join()) before the file can be used.
 *
 * Return: the map with one reference, or NULL.
 */
struct esx_pmap *esx_pmap_create(struct address_space *mapping, struct esx_quota *quota)
{
	struct esx_pmap *pmap;

	pmap = kzalloc(sizeof(*pmap), GFP_KERNEL_ACCOUNT);
	if (!pmap)
		return NULL;

	kref_init(&pmap->ref);
	init_rwsem(&pmap->lock);
	xa_init_flags(&pmap->regions, XA_FLAGS_ACCOUNT);
	INIT_LIST_HEAD(&pmap->node);
	INIT_LIST_HEAD(&pmap->vm_node);
	pmap->mapping = mapping;
	pmap->quota = quota;
	return pmap;
}
ESX_EXPORT_FOR_TESTS(esx_pmap_create);

/**
 * esx_pmap_get() - take a further reference
 * @pmap: a map to which the caller has a reference
 */
void esx_pmap_get(struct esx_pmap *pmap)
{
	kref_get(&pmap->ref);
}

/**
 * esx_pmap_tryget() - take a reference to a map that may be on its way out
 * @pmap: a map whose memory cannot go away during the call
 *
 * Return: true when the reference was taken.
 */
bool esx_pmap_tryget(struct esx_pmap *pmap)
{
	return kref_get_unless_zero(&pmap->ref);
}

static void free_pmap(struct kref *ref)
{
	struct esx_pmap *pmap = container_of(ref, struct esx_pmap, ref);

	WARN_ON_ONCE(!xa_empty(&pmap->regions));
	xa_destroy(&pmap->regions);
	if (pmap->release)
		pmap->release(pmap);
	kfree(pmap);
}

/**
 * esx_pmap_put() - drop a reference
 * @pmap: the map; gone when the reference was the last
 */
void esx_pmap_put(struct esx_pmap *pmap)
{
	kref_put(&pmap->ref, free_pmap);
}
ESX_EXPORT_FOR_TESTS(esx_pmap_put);

/**
 * esx_pmap_enter() - begin to look at or change entries of a map
 * @pmap: the map, held by a reference or by its inode
 * @try: do not sleep
 *
 * Return: true when pmap->lock is held shared and the map is alive; false when
 * the file is gone or, with @try, the lock is not to be had.
 */
bool esx_pmap_enter(struct esx_pmap *pmap, bool try)
{
	if (try) {
		if (!percpu_down_read_trylock(&freeze_sem))
			return false;
		if (!down_read_trylock(&pmap->lock))
			goto err_unfreeze;
	} else {
		percpu_down_read(&freeze_sem);
		down_read(&pmap->lock);
	}
	if (!pmap->dead)
		return true;

	up_read(&pmap->lock);
err_unfreeze:
	percpu_up_read(&freeze_sem);
	return false;
}
ESX_EXPORT_FOR_TESTS(esx_pmap_enter);

/**
 * esx_pmap_leave() - end what esx_pmap_enter() began
 * @pmap: the map
 */
void esx_pmap_leave(struct esx_pmap *pmap)
{
	up_read(&pmap->lock);
	percpu_up_read(&freeze_sem);
}
ESX_EXPORT_FOR_TESTS(esx_pmap_leave);

/**
 * esx_pmap_enter_exclusive() - shut everybody else out of a map
 * @pmap: the map
 *
 * No fault can begin; faults that have returned a frame from ->fault may still
 * install it, until their frame's lock is taken once.
 */
void esx_pmap_enter_exclusive(struct esx_pmap *pmap)
{
	percpu_down_read(&freeze_sem);
	down_write(&pmap->lock);
}
ESX_EXPORT_FOR_TESTS(esx_pmap_enter_exclusive);

/**
 * esx_pmap_try_enter_exclusive() - esx_pmap_enter_exclusive() without waiting
 * @pmap: the map, held by a reference
 *
 * Return: true when it is entered and alive.
 */
bool esx_pmap_try_enter_exclusive(struct esx_pmap *pmap)
{
	if (!percpu_down_read_trylock(&freeze_sem))
		return false;
	if (down_write_trylock(&pmap->lock)) {
		if (!pmap->dead)
			return true;
		up_write(&pmap->lock);
	}
	percpu_up_read(&freeze_sem);
	return false;
}
ESX_EXPORT_FOR_TESTS(esx_pmap_try_enter_exclusive);

/**
 * esx_pmap_leave_exclusive() - end what esx_pmap_enter_exclusive() began
 * @pmap: the map
 */
void esx_pmap_leave_exclusive(struct esx_pmap *pmap)
{
	up_write(&pmap->lock);
	percpu_up_read(&freeze_sem);
}
ESX_EXPORT_FOR_TESTS(esx_pmap_leave_exclusive);

/**
 * esx_pmap_enter_both() - shut everybody else out of two maps
 * @a: a map
 * @b: another, or the same
 *
 * As esx_pmap_enter_exclusive().  In the order of their addresses, so that two
 * callers do not wait for each other.
 */
void esx_pmap_enter_both(struct esx_pmap *a, struct esx_pmap *b)
{
	if (a > b)
		swap(a, b);
	esx_pmap_enter_exclusive(a);
	if (a != b)
		down_write_nested(&b->lock, SINGLE_DEPTH_NESTING);
}
ESX_EXPORT_FOR_TESTS(esx_pmap_enter_both);

/**
 * esx_pmap_leave_both() - end what esx_pmap_enter_both() began
 * @a: a map
 * @b: another, or the same
 */
void esx_pmap_leave_both(struct esx_pmap *a, struct esx_pmap *b)
{
	if (a != b)
		up_write(&b->lock);
	esx_pmap_leave_exclusive(a);
}
ESX_EXPORT_FOR_TESTS(esx_pmap_leave_both);

/**
 * esx_pmap_freeze() - stop every change of every map
 *
 * For the audit alone: waits for all who have entered a map.
 */
void esx_pmap_freeze(void)
{
	percpu_down_write(&freeze_sem);
}

/**
 * esx_pmap_thaw() - let changes go on
 */
void esx_pmap_thaw(void)
{
	percpu_up_write(&freeze_sem);
}

static struct esx_region *insert_region(struct esx_pmap *pmap, pgoff_t index, gfp_t gfp)
{
	struct esx_region *region, *old;

	region = kmem_cache_zalloc(region_cache, gfp);
	if (!region)
		return NULL;
	region->pmap = pmap;
	region->index = index;

	old = xa_cmpxchg(&pmap->regions, index, NULL, region, gfp);
	if (!old)
		return region;

	kmem_cache_free(region_cache, region);
	return xa_is_err(old) ? NULL : old;
}

static struct esx_region *get_region(struct esx_pmap *pmap, pgoff_t index, unsigned int how)
{
	struct esx_region *region = xa_load(&pmap->regions, index);

	if (region || !(how & ESX_SLOT_CREATE))
		return region;
	return insert_region(pmap, index,
			     how & ESX_SLOT_TRY ? GFP_NOWAIT | __GFP_ACCOUNT : GFP_KERNEL_ACCOUNT);
}

/**
 * esx_region_lock() - lock a page of a region
 * @region: of an entered map
 * @pgoff: page number in the file, inside the region
 * @how: 0 or ESX_SLOT_TRY
 * @slot: filled
 *
 * What is locked is the entry, or the region while it has no leaf.
 *
 * Return: 0, or -EAGAIN with ESX_SLOT_TRY when the lock is taken.
 */
int esx_region_lock(struct esx_region *region, pgoff_t pgoff, unsigned int how,
		    struct esx_slot *slot)
{
	bool try = how & ESX_SLOT_TRY;
	unsigned long *leaf;

	lockdep_assert_held(&region->pmap->lock);

	slot->pmap = region->pmap;
	slot->pgoff = pgoff;
	slot->region = region;
	slot->entry = NULL;

	/* Pairs with the release in publish_leaf() in entry.c. */
	leaf = smp_load_acquire(&region->leaf);
	if (!leaf) {
		if (!esx_bit_lock(&region->flags, ESX_REGION_LOCK_BIT, try))
			return -EAGAIN;
		leaf = region->leaf;
		if (!leaf)
			return 0;
		esx_bit_unlock(&region->flags, ESX_REGION_LOCK_BIT);
	}

	slot->entry = &leaf[pgoff & ESX_REGION_MASK];
	if (!esx_bit_lock(slot->entry, ESX_ENTRY_LOCK_BIT, try))
		return -EAGAIN;
	return 0;
}

/**
 * esx_pmap_lock() - lock the page at @pgoff
 * @pmap: an entered map
 * @pgoff: page number, inside the file
 * @how: ESX_SLOT_* flags
 * @slot: filled
 *
 * A hole without a region has no lock unless ESX_SLOT_CREATE makes the region.
 *
 * Return: 0; -EAGAIN with ESX_SLOT_TRY when the lock is taken; -ENOMEM.
 */
int esx_pmap_lock(struct esx_pmap *pmap, pgoff_t pgoff, unsigned int how, struct esx_slot *slot)
{
	struct esx_region *region;

	lockdep_assert_held(&pmap->lock);

	region = get_region(pmap, pgoff >> ESX_REGION_ORDER, how);
	if (region)
		return esx_region_lock(region, pgoff, how, slot);

	*slot = (struct esx_slot){ .pmap = pmap, .pgoff = pgoff };
	return how & ESX_SLOT_CREATE ? -ENOMEM : 0;
}
ESX_EXPORT_FOR_TESTS(esx_pmap_lock);

/**
 * esx_pmap_unlock() - unlock what esx_pmap_lock() locked
 * @slot: the page
 */
void esx_pmap_unlock(struct esx_slot *slot)
{
	if (slot->entry)
		esx_bit_unlock(slot->entry, ESX_ENTRY_LOCK_BIT);
	else if (slot->region)
		esx_bit_unlock(&slot->region->flags, ESX_REGION_LOCK_BIT);
}
ESX_EXPORT_FOR_TESTS(esx_pmap_unlock);

/**
 * esx_pmap_alloc_leaf() - allocate 512 empty entries
 * @nowait: do not sleep
 *
 * Return: the entries or NULL.
 */
unsigned long *esx_pmap_alloc_leaf(bool nowait)
{
	return kmem_cache_zalloc(leaf_cache,
				 nowait ? GFP_NOWAIT | __GFP_ACCOUNT : GFP_KERNEL_ACCOUNT);
}
ESX_EXPORT_FOR_TESTS(esx_pmap_alloc_leaf);

/**
 * esx_pmap_free_leaf() - free entries that were not published
 * @leaf: the entries or NULL
 */
void esx_pmap_free_leaf(unsigned long *leaf)
{
	if (leaf)
		kmem_cache_free(leaf_cache, leaf);
}

/**
 * esx_pmap_free_region() - forget a region that is empty
 * @pmap: a map entered exclusively
 * @region: all of whose pages are ESX_EMPTY and which has no hints
 */
void esx_pmap_free_region(struct esx_pmap *pmap, struct esx_region *region)
{
	lockdep_assert_held_write(&pmap->lock);
	WARN_ON_ONCE(region->hints || region->huge);

	xa_erase(&pmap->regions, region->index);
	esx_pmap_free_leaf(region->leaf);
	kmem_cache_free(region_cache, region);
}
ESX_EXPORT_FOR_TESTS(esx_pmap_free_region);

/**
 * esx_pmap_init() - make the caches
 *
 * Return: 0 or -ENOMEM.
 */
int esx_pmap_init(void)
{
	region_cache = KMEM_CACHE(esx_region, SLAB_ACCOUNT | SLAB_NO_MERGE);
	if (!region_cache)
		return -ENOMEM;

	leaf_cache = kmem_cache_create("esx_leaf", PAGE_SIZE, PAGE_SIZE,
				       SLAB_ACCOUNT | SLAB_NO_MERGE, NULL);
	if (!leaf_cache)
		goto err_region_cache;
	return 0;

err_region_cache:
	kmem_cache_destroy(region_cache);
	return -ENOMEM;
}

/**
 * esx_pmap_exit() - free the caches; no map may be left
 */
void esx_pmap_exit(void)
{
	kmem_cache_destroy(leaf_cache);
	kmem_cache_destroy(region_cache);
}
