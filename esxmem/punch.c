// SPDX-License-Identifier: GPL-2.0
/*
 * Giving pages back.
 *
 * Runs with the map entered exclusively, so no fault begins; three steps for
 * each region's part of the range:
 *
 *  1. take and drop the folio lock of each frame: faults that have returned it
 *     install their page-table entry;
 *  2. unmap the range once;
 *  3. empty the entries, release the frames.
 *
 * A balloon punches 4 KB at a time: for a single page that is one folio lock
 * and one unmap.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "compat.h"
#include "fault.h"
#include "punch.h"
#include "share/batch.h"
#include "share/hints.h"
#include "share/large.h"
#include "share/shared.h"
#include "takeout.h"
#include "trace.h"
#include "vm.h"

static void empty_entry(struct esx_slot *slot)
{
	struct page *page;

	switch (esx_slot_state(slot)) {
	case ESX_PRIVATE:
		page = esx_slot_page(slot);
		esx_pmap_set(slot, ESX_EMPTY, NULL);
		esx_frame_release(page_folio(page));
		break;
	case ESX_SHARED:
		page = esx_slot_page(slot);
		esx_pmap_set(slot, ESX_EMPTY, NULL);
		esx_shared_put(page_folio(page));
		break;
	default:
		esx_pmap_set(slot, ESX_EMPTY, NULL);
		break;
	}
}

static void for_each_slot(struct esx_pmap *pmap, pgoff_t first, pgoff_t end,
			  void (*fn)(struct esx_slot *slot))
{
	struct esx_slot slot;

	for (; first < end; first++) {
		/* Neither creates nor tries: cannot fail. */
		if (esx_pmap_lock(pmap, first, 0, &slot) || !slot.region)
			return;
		fn(&slot);
		esx_pmap_unlock(&slot);
	}
}

static void punch_leaf(struct esx_region *region, pgoff_t first, pgoff_t end)
{
	struct esx_pmap *pmap = region->pmap;

	for_each_slot(pmap, first, end, esx_slot_sync);
	unmap_mapping_pages(pmap->mapping, first, end - first, false);
	for_each_slot(pmap, first, end, empty_entry);
}

static void punch_huge(struct esx_slot *slot)
{
	esx_slot_sync(slot);
	unmap_mapping_pages(slot->pmap->mapping, slot->pgoff & ~ESX_REGION_MASK,
			    ESX_REGION_PAGES, false);
	esx_pmap_set_mapped(slot, false);
	esx_frame_release(esx_pmap_clear_huge(slot));
}

/*
 * A part of a 2 MB frame that cannot be broken, for want of memory or because
 * I/O holds it: the guest must find zeros, the memory stays.
 */
static void zero_parts(struct esx_slot *slot, pgoff_t first, pgoff_t end)
{
	struct folio *folio = esx_slot_folio(slot);

	esx_slot_sync(slot);
	unmap_mapping_pages(slot->pmap->mapping, first, end - first, false);
	for (; first < end; first++)
		clear_highpage(folio_page(folio, first & ESX_REGION_MASK));
}

static void punch_part_of_huge(struct esx_slot *slot, pgoff_t first, pgoff_t end)
{
	struct esx_break how = {};

	if (esx_large_break(slot, &how)) {
		esx_count_events(&slot->pmap->vm->events, ESX_EV_PUNCH_ZEROED, end - first);
		zero_parts(slot, first, end);
		esx_pmap_unlock(slot);
		return;
	}
	esx_pmap_unlock(slot);
	punch_leaf(slot->region, first, end);
}

static void punch_region(struct esx_region *region, pgoff_t first, pgoff_t end)
{
	bool whole = end - first == ESX_REGION_PAGES;
	struct esx_slot slot;

	if (esx_pmap_lock(region->pmap, first, 0, &slot))
		return;
	if (esx_slot_is_huge(&slot) && !whole) {
		punch_part_of_huge(&slot, first, end);
		return;
	}
	if (esx_slot_is_huge(&slot))
		punch_huge(&slot);
	else if (whole && !slot.entry)
		esx_region_sync_holes(&slot);
	esx_pmap_unlock(&slot);
	if (region->leaf)
		punch_leaf(region, first, end);

	if (whole) {
		esx_share_forget(region);
		esx_pmap_free_region(region->pmap, region);
	}
}

/**
 * esx_punch_pages() - make pages holes and give their frames back
 * @pmap: a map entered exclusively
 * @first: first page
 * @end: the page after the last
 *
 * Cannot fail.  A part of a 2 MB frame that cannot be broken now is zeroed in
 * place instead.
 */
void esx_punch_pages(struct esx_pmap *pmap, pgoff_t first, pgoff_t end)
{
	unsigned long index = first >> ESX_REGION_ORDER;
	struct esx_region *region;
	pgoff_t start;

	lockdep_assert_held_write(&pmap->lock);
	might_sleep();

	if (first >= end)
		return;
	xa_for_each_range(&pmap->regions, index, region, index, (end - 1) >> ESX_REGION_ORDER) {
		start = index << ESX_REGION_ORDER;
		punch_region(region, max(first, start), min(end, start + ESX_REGION_PAGES));
		cond_resched();
	}
	trace_esxmem_unmap(pmap->vm->id, pmap->vm->name, pmap->ino, first, end - first);
}
ESX_EXPORT_FOR_TESTS(esx_punch_pages);

/**
 * esx_zero_bytes() - zero a part of one page
 * @pmap: a map entered exclusively
 * @from: first byte
 * @to: the byte after the last, in the same page
 *
 * A page that is zero anyway stays as it is.
 *
 * Return: 0; -ENOMEM when a shared page has to be copied and cannot; -EIO when
 * the page cannot be read.
 */
int esx_zero_bytes(struct esx_pmap *pmap, loff_t from, loff_t to)
{
	struct esx_fault look = { .pmap = pmap, .pgoff = from >> PAGE_SHIFT };
	struct esx_fault fault = { .pmap = pmap, .pgoff = from >> PAGE_SHIFT, .write = true };
	int err;

	err = esx_fault_page(&look);
	if (!err && !look.page)
		return 0;
	if (!err) {
		put_page(look.page);
		err = esx_fault_page(&fault);
	}
	if (err)
		return err == -EHWPOISON ? -EIO : err;
	memzero_page(fault.page, offset_in_page(from), to - from);
	put_page(fault.page);
	return 0;
}

/**
 * esx_pmap_resize() - the file has another size now
 * @pmap: a map entered exclusively; pages beyond @nr_pages were punched
 * @nr_pages: its size in pages
 */
void esx_pmap_resize(struct esx_pmap *pmap, pgoff_t nr_pages)
{
	lockdep_assert_held_write(&pmap->lock);

	atomic_long_add((long)nr_pages - (long)pmap->nr_pages, &pmap->vm->size_pages);
	pmap->nr_pages = nr_pages;
}

/**
 * esx_pmap_kill() - the inode goes: empty the map for good
 * @pmap: its map; no mapping and no open file is left
 */
void esx_pmap_kill(struct esx_pmap *pmap)
{
	esx_pmap_enter_exclusive(pmap);
	esx_punch_pages(pmap, 0, ULONG_MAX);
	esx_pmap_resize(pmap, 0);
	WRITE_ONCE(pmap->dead, true);
	pmap->mapping = NULL;
	/* A full barrier: see expect_pages_of() in share/pass.c. */
	esx_hints_expect(&pmap->expected, 0);
	esx_shared_expect(0);
	esx_pmap_leave_exclusive(pmap);
}
ESX_EXPORT_FOR_TESTS(esx_pmap_kill);
