// SPDX-License-Identifier: GPL-2.0
/*
 * Taking a page out of use.
 *
 * To move, merge or free a frame nobody may be able to reach it: no page-table
 * entry, no fault that is about to make one, no pin.  The steps, with the page
 * locked throughout so that no further fault begins:
 *
 *  1. take the frame's folio lock: a fault that returned the frame from ->fault
 *     holds it until its page-table entry stands;
 *  2. unmap the page from every mapping of the file: host page tables, nested
 *     page tables and TLBs go through the MMU notifiers;
 *  3. look at the reference count: more than esxmem's own is a pin (or a write
 *     fault between ->fault and ->page_mkwrite, which holds the folio by
 *     reference only).
 *
 * Only when step 3 finds nobody is ESX_ENTRY_MAPPED cleared: a write fault in
 * its unlocked window may still map the frame.
 */
#include <linux/highmem.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>

#include "compat.h"
#include "locks.h"
#include "stats.h"
#include "takeout.h"

static pgoff_t region_start(pgoff_t pgoff)
{
	return pgoff & ~ESX_REGION_MASK;
}

static void unmap_slot(const struct esx_slot *slot)
{
	if (slot->entry)
		unmap_mapping_pages(slot->pmap->mapping, slot->pgoff, 1, false);
	else
		unmap_mapping_pages(slot->pmap->mapping, region_start(slot->pgoff),
				    ESX_REGION_PAGES, false);
}

/**
 * esx_slot_folio() - the frame that page-table entries of a page show
 * @slot: a locked page
 *
 * Return: the page's frame, or the zero frame that stands for it.
 */
struct folio *esx_slot_folio(const struct esx_slot *slot)
{
	switch (esx_slot_state(slot)) {
	case ESX_PRIVATE:
	case ESX_SHARED:
		return page_folio(esx_slot_page(slot));
	default:
		return esx_frame_zero(slot->pgoff);
	}
}

/**
 * esx_slot_sync() - let faults install what they have found
 * @slot: a locked page, so that no further fault begins
 *
 * After this, page-table entries of the page can be found and unmapped.  Waits
 * for the folio lock of the frame that the page has.
 */
void esx_slot_sync(struct esx_slot *slot)
{
	struct folio *folio;

	if (!esx_slot_is_mapped(slot))
		return;
	folio = esx_slot_folio(slot);
	folio_lock(folio);
	folio_unlock(folio);
}

/**
 * esx_slot_unmap() - unmap a page everywhere, with no fault in flight
 * @slot: a locked page with an entry, or of a region with a 2 MB frame (all of
 *	which is unmapped then)
 * @try: do not wait for the folio lock
 *
 * After this nothing shows a zero or shared frame at this page, and the caller
 * may publish another one; ESX_ENTRY_MAPPED is cleared for those.  For a
 * private frame see esx_slot_take_out().
 *
 * Return: false with @try when a fault holds the frame's lock.
 */
bool esx_slot_unmap(struct esx_slot *slot, bool try)
{
	struct folio *folio;

	if (!esx_slot_is_mapped(slot))
		return true;

	folio = esx_slot_folio(slot);
	if (!try)
		folio_lock(folio);
	else if (!folio_trylock(folio))
		return false;
	unmap_slot(slot);
	folio_unlock(folio);

	if (esx_slot_state(slot) != ESX_PRIVATE)
		esx_pmap_set_mapped(slot, false);
	return true;
}

/**
 * esx_slot_take_out() - make sure that nobody can reach a private frame
 * @slot: a locked page in state ESX_PRIVATE; when huge, the whole 2 MB frame
 *
 * On ESX_TAKEN the frame's contents cannot change and the frame may be
 * replaced, until the page is unlocked.  Otherwise the page stays as it is;
 * whoever needs it faults it in again.
 *
 * Return: how it ended.
 */
enum esx_takeout esx_slot_take_out(struct esx_slot *slot)
{
	struct folio *folio = esx_slot_folio(slot);

	/* A look before the leap: spare the guest a fault for a certain no. */
	if (folio_ref_count(folio) > esx_folio_mapcount(folio) + 1)
		return ESX_TAKE_PINNED;
	if (esx_slot_is_mapped(slot))
		esx_count_event(NULL, ESX_EV_UNMAPPED);
	if (!esx_slot_unmap(slot, true))
		return ESX_TAKE_BUSY;
	if (!esx_frame_is_idle(folio))
		return ESX_TAKE_PINNED;

	esx_pmap_set_mapped(slot, false);
	return ESX_TAKEN;
}

/**
 * esx_slot_take_unmapped() - esx_slot_take_out() of a page unmapped with others
 * @slot: a locked page in state ESX_PRIVATE with an entry, in a range that was
 *	unmapped a moment ago with esx_region_unmap()
 *
 * Does not unmap again.  The range was unmapped without the page's lock, so the
 * page may have been mapped since, or a fault may be about to map it: either
 * holds a reference.  And a fault whose page-table entry was just taken away may
 * still have to unlock the folio, for which it holds none: hence the lock.
 *
 * Return: ESX_TAKEN; ESX_TAKE_BUSY when the page was mapped again or is being,
 * so somebody uses it; ESX_TAKE_PINNED.
 */
enum esx_takeout esx_slot_take_unmapped(struct esx_slot *slot)
{
	struct folio *folio = esx_slot_folio(slot);
	bool idle;

	if (!folio_trylock(folio))
		return ESX_TAKE_BUSY;
	idle = esx_frame_is_idle(folio);
	folio_unlock(folio);
	if (!idle)
		return folio_ref_count(folio) > esx_folio_mapcount(folio) + 1 ? ESX_TAKE_PINNED :
										ESX_TAKE_BUSY;
	esx_pmap_set_mapped(slot, false);
	return ESX_TAKEN;
}

/**
 * esx_region_unmap() - unmap some pages of a region everywhere, at one go
 * @region: of an entered map
 * @first: first page in the file
 * @nr: how many
 *
 * One notifier range and one flush for all of them.  No page is locked and
 * faults may be under way: see esx_slot_take_unmapped().
 */
void esx_region_unmap(struct esx_region *region, pgoff_t first, pgoff_t nr)
{
	lockdep_assert_held(&region->pmap->lock);

	unmap_mapping_pages(region->pmap->mapping, first, nr, false);
	esx_count_event(NULL, ESX_EV_UNMAPPED);
}

/**
 * esx_region_sync_holes() - unmap the zero frames from an empty region
 * @slot: a page of it, region lock held, no leaf and no frame
 *
 * Before a region gets a frame or a leaf, faults that found a hole must have
 * installed their zero frame, so that it can be unmapped (see map_hole() in
 * fault.c for the other side).
 */
void esx_region_sync_holes(struct esx_slot *slot)
{
	struct esx_pmap *pmap = slot->pmap;
	unsigned long bit = slot->region->index % ESX_HOLE_BITS;

	/* Pairs with the barrier in map_hole(): see the bit or be seen. */
	smp_mb();
	if (!test_bit(bit, pmap->hole_mapped) && !esx_slot_is_mapped(slot))
		return;

	esx_frame_zero_sync();
	unmap_slot(slot);
	esx_pmap_set_mapped(slot, false);
}

static void free_parts(const struct esx_part *parts, const struct esx_break *how)
{
	unsigned int i;

	for (i = 0; i < ESX_REGION_PAGES; i++) {
		if (!parts[i].page)
			continue;
		if (parts[i].state == ESX_SHARED)
			how->unshare(parts[i].page);
		else
			esx_frame_release(page_folio(parts[i].page));
	}
}

static struct page *copy_part(struct esx_pmap *pmap, struct folio *huge, unsigned int i)
{
	const struct esx_frame_req req = { .near = huge, .optional = true };
	struct folio *folio = esx_frame_alloc(&req, false);

	if (!folio)
		return NULL;
	if (esx_frame_copy(folio_page(folio, 0), folio_page(huge, i))) {
		esx_frame_release(folio);
		return NULL;
	}
	esx_frame_adopt(folio, pmap->mapping, huge->index + i);
	return folio_page(folio, 0);
}

static bool part_is_zero(struct folio *huge, unsigned int i)
{
	bool zero = false;
	void *addr;

	if (PageHWPoison(folio_page(huge, i)))
		return false;
	addr = kmap_local_folio(huge, i * PAGE_SIZE);
	zero = !memchr_inv(addr, 0, PAGE_SIZE);
	kunmap_local(addr);
	return zero;
}

/* What becomes of part @i, which is not beyond the end of the file. */
static int place_part(struct esx_slot *slot, unsigned int i, struct esx_part *part,
		      struct esx_break *how)
{
	struct folio *huge = slot->region->huge;

	if (part_is_zero(huge, i)) {
		how->nr_zero++;
		return 0;
	}
	part->page = how->share ? how->share(how->ctx, slot, i) : NULL;
	if (part->page) {
		part->state = ESX_SHARED;
		how->nr_shared++;
		return 0;
	}
	part->state = ESX_PRIVATE;
	part->page = copy_part(slot->pmap, huge, i);
	return part->page ? 0 : -ENOMEM;
}

static int place_parts(struct esx_slot *slot, struct esx_part *parts, struct esx_break *how)
{
	pgoff_t start = region_start(slot->pgoff);
	unsigned int i;
	int err;

	for (i = 0; i < ESX_REGION_PAGES && start + i < slot->pmap->nr_pages; i++) {
		cond_resched();
		err = place_part(slot, i, &parts[i], how);
		if (err) {
			free_parts(parts, how);
			return err;
		}
	}
	return 0;
}

static int place_parts_charged(struct esx_slot *slot, struct esx_part *parts,
			       struct esx_break *how)
{
	struct mem_cgroup *memcg = esx_frame_get_memcg(slot->region->huge);
	struct mem_cgroup *old = set_active_memcg(memcg);
	int err = place_parts(slot, parts, how);

	set_active_memcg(old);
	mem_cgroup_put(memcg);
	return err;
}

/**
 * esx_slot_break_huge() - replace a 2 MB frame by 4 KB frames
 * @slot: a page of the frame, region lock held; on success the page's entry
 *	is locked instead
 * @how: what to do with the parts; says what became of them, on success
 *
 * Parts that stay private are copied, since a compound page cannot be split
 * from a module; parts that are zero get no frame.  The copies are charged to
 * the cgroup that paid for the 2 MB frame; for want of memory nobody is killed,
 * the frame stays.
 *
 * Return: 0; -EBUSY when the frame is pinned, being mapped or has a memory
 * error; -ENOMEM, also when an error shows during the copy.
 */
int esx_slot_break_huge(struct esx_slot *slot, struct esx_break *how)
{
	struct esx_part *parts;
	unsigned long *leaf;
	int err = -ENOMEM;

	might_sleep();

	how->nr_zero = 0;
	how->nr_shared = 0;
	parts = kvcalloc(ESX_REGION_PAGES, sizeof(*parts), GFP_KERNEL | __GFP_NORETRY);
	leaf = esx_pmap_alloc_leaf(false);
	if (!parts || !leaf)
		goto err_free;

	err = -EBUSY;
	if (esx_frame_has_poison(esx_slot_folio(slot)) || esx_slot_take_out(slot) != ESX_TAKEN)
		goto err_free;
	err = place_parts_charged(slot, parts, how);
	if (err)
		goto err_free;

	esx_frame_release(esx_pmap_split_huge(slot, leaf, parts));
	kvfree(parts);

	esx_pmap_unlock(slot);
	return esx_pmap_lock(slot->pmap, slot->pgoff, 0, slot);

err_free:
	esx_pmap_free_leaf(leaf);
	kvfree(parts);
	return err;
}
