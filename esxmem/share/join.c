// SPDX-License-Identifier: GPL-2.0
/*
 * Putting regions together again: a 2 MB frame for a region whose pages share
 * nothing any more and are not in use.
 *
 * Only of use to mappings made later, and for what the entries and hints take:
 * where 4 KB pages were mapped a page table stands, and the core maps no 2 MB
 * page over it.  So nothing is unmapped for it.
 *
 * Runs with the map entered exclusively, as punching does: nobody else can be
 * about to look at the entries that go away.  That no page-table entry shows a
 * page, no fault is about to make one and nobody has pinned it, is what its
 * frame's reference count says, under the folio lock.
 */
#include <linux/bitfield.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>

#include "../compat.h"
#include "../stats.h"
#include "../takeout.h"
#include "../trace.h"
#include "../vm.h"
#include "batch.h"
#include "join.h"
#include "large.h"

/* Passes that a region must have been like that. */
#define JOIN_PASSES		4

static enum esx_state state_of(unsigned long entry)
{
	return FIELD_GET(ESX_ENTRY_STATE, entry);
}

static bool is_private_and_unused(unsigned long entry)
{
	return state_of(entry) == ESX_PRIVATE && !(entry & ESX_ENTRY_MAPPED);
}

static bool is_worth_joining(const struct esx_region *region)
{
	unsigned int i = 0;

	if (!test_bit(ESX_REGION_BROKEN_BIT, &region->flags) ||
	    (region->index + 1) << ESX_REGION_ORDER > region->pmap->nr_pages)
		return false;
	while (i < ESX_REGION_PAGES && is_private_and_unused(READ_ONCE(region->leaf[i])))
		i++;
	return i == ESX_REGION_PAGES;
}

/**
 * esx_join_is_due() - should a region have a 2 MB frame again?
 * @region: of an entered map, with a leaf; visited by the caller alone
 * @pass: number of the scanner's pass, 0 for somebody else
 *
 * Return: true when none of its pages was shared, and none used, for some passes.
 */
bool esx_join_is_due(struct esx_region *region, u64 pass)
{
	if (!pass || esx_break_large_get() == ESX_BREAK_ALWAYS ||
	    esx_large_pages_get() == ESX_LARGE_NEVER)
		return false;
	if (!is_worth_joining(region)) {
		region->patience = 0;
		return false;
	}
	if (++region->patience < JOIN_PASSES)
		return false;
	/* If it fails now it may be tried again, but not at once. */
	region->patience = 0;
	return !esx_large_is_pressed();
}

static struct page *page_of(unsigned long entry)
{
	return pfn_to_page(entry >> ESX_ENTRY_PFN_SHIFT);
}

/* The lock: a fault may have lost its reference and be about to unlock. */
static bool is_out_of_use(struct folio *folio)
{
	bool idle;

	if (!folio_trylock(folio))
		return false;
	idle = esx_frame_is_idle(folio);
	folio_unlock(folio);
	return idle;
}

static int copy_pages(struct esx_region *region, struct folio *huge)
{
	struct page *page;
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ESX_REGION_PAGES; i++) {
		page = page_of(region->leaf[i]);
		if (!is_out_of_use(page_folio(page)))
			return -EBUSY;
		err = esx_frame_copy(folio_page(huge, i), page);
	}
	return err;
}

static void publish(struct esx_region *region, struct folio *huge)
{
	struct esx_pmap *pmap = region->pmap;
	struct esx_vm *vm = pmap->vm;
	unsigned long *leaf;
	struct esx_slot slot;
	unsigned int i;

	esx_share_forget(region);
	esx_frame_adopt(huge, pmap->mapping, region->index << ESX_REGION_ORDER);
	/* There is a leaf and nobody else: cannot fail. */
	esx_region_lock(region, region->index << ESX_REGION_ORDER, 0, &slot);
	leaf = esx_pmap_join_huge(&slot, huge);
	esx_pmap_set_mapped(&slot, false);
	esx_pmap_unlock(&slot);

	for (i = 0; i < ESX_REGION_PAGES; i++)
		esx_frame_release(page_folio(page_of(leaf[i])));
	esx_pmap_free_leaf(leaf);
	esx_count_event(&vm->events, ESX_EV_HUGE_JOINED);
	trace_esxmem_huge_join(vm->id, vm->name, pmap->ino, region->index << ESX_REGION_ORDER);
}

/* Charged like the page in front. */
static struct folio *alloc_huge(struct esx_region *region)
{
	struct folio *front = page_folio(page_of(region->leaf[0]));
	const struct esx_frame_req req = { .near = front, .nowait = true, .optional = true };
	struct mem_cgroup *memcg = esx_frame_get_memcg(front);
	struct mem_cgroup *old = set_active_memcg(memcg);
	struct folio *huge;

	huge = esx_frame_alloc_huge(&req);
	set_active_memcg(old);
	mem_cgroup_put(memcg);
	return huge;
}

static int join_entered(struct esx_pmap *pmap, pgoff_t index)
{
	struct esx_region *region = xa_load(&pmap->regions, index);
	struct folio *huge;
	int err;

	if (!region || !region->leaf || !is_worth_joining(region))
		return -ENOENT;
	huge = alloc_huge(region);
	if (!huge)
		return -ENOMEM;
	err = copy_pages(region, huge);
	if (err) {
		esx_frame_release(huge);
		return err;
	}
	publish(region, huge);
	return 0;
}

/**
 * esx_join_region() - give a region a 2 MB frame again
 * @pmap: the map, held by a reference, not entered by the caller
 * @index: number of the region
 *
 * The caller has entered sharing (esx_share_enter_killable()).
 *
 * Return: 0; -EAGAIN when others are in the map; -ENOENT when the region is not
 * like that any more; -ENOMEM; -EBUSY when a page is pinned; -EHWPOISON.
 */
int esx_join_region(struct esx_pmap *pmap, pgoff_t index)
{
	int err;

	if (!esx_pmap_try_enter_exclusive(pmap))
		return -EAGAIN;
	err = join_entered(pmap, index);
	esx_pmap_leave_exclusive(pmap);
	return err;
}
ESX_EXPORT_FOR_TESTS(esx_join_region);
