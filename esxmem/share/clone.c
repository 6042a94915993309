// SPDX-License-Identifier: GPL-2.0
/*
 * Cloning pages by reference.
 *
 * A page that two files show must be one that neither can write to: a shared
 * frame.  So a clone has two parts:
 *
 *  1. Prepare, with others at work: make the private pages of the source shared
 *     frames, each with one reference.  Writers break them again by
 *     copy-on-write, as any shared page, so this promises nothing; it is where
 *     the time goes: hashing, breaking 2 MB frames.
 *  2. Commit, with both maps entered exclusively: stop the writers of what is
 *     still private, then point the entries of the clone to the source's
 *     frames, for each page one reference more.
 *
 * What the clone shows is the source at the moment when esx_clone_stop_writers()
 * has returned: until the map is left no processor, host's or guest's, can write
 * to it.  What cannot be stopped is I/O into pages that it has pinned.  Such a
 * page is copied, at some time during the commit, and the source keeps it.
 *
 * Frames made here are shared under the salt of the source's VM, as those that
 * merging makes, and marked: they may be reached from VMs of other salts.
 *
 * All of it runs with sharing entered, so salts hold still.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "../compat.h"
#include "../stats.h"
#include "../takeout.h"
#include "../trace.h"
#include "../vm.h"
#include "batch.h"
#include "clone.h"
#include "hash.h"
#include "large.h"
#include "merge.h"
#include "shared.h"

/* Pages worked on before others may enter the map. */
#define BATCH_PAGES 64

static struct esx_candidate candidate_of(const struct esx_pmap *pmap)
{
	u64 salt = pmap->vm->salt;

	return (struct esx_candidate){
		.salt = salt, .settled = true,
	};
}

/* The page is private and cannot change; nothing like it was found. */
static bool make_shared(struct esx_slot *slot, struct esx_candidate *cand)
{
	struct page *page = esx_slot_page(slot);

	if (esx_shared_insert(page_folio(page), cand->hash, cand->salt))
		return false;
	esx_merge_drop_hint(slot);
	esx_pmap_set(slot, ESX_SHARED, page);
	return true;
}

/*
 * Make a private page that was taken out one that may be cloned: merge it, or
 * make its frame one that others may share.  That fails when other contents have
 * its hash; then it stays what it is.
 */
static bool share_private(struct esx_slot *slot, struct esx_candidate *cand)
{
	struct esx_vm *vm = slot->pmap->vm;

	cand->slot = *slot;
	esx_merge_begin(cand);
	esx_merge_file(cand);
	switch (esx_merge_finish(cand)) {
	case ESX_V_MERGED:
	case ESX_V_PROMOTED:
		esx_count_event(&vm->events, ESX_EV_MERGED);
		return true;
	case ESX_V_ZERO:
		esx_count_event(&vm->events, ESX_EV_ZEROED);
		return true;
	case ESX_V_HINTED:
	case ESX_V_NO_MEMORY:
		return make_shared(slot, cand);
	default:
		return false;
	}
}

static bool break_huge(struct esx_slot *slot)
{
	struct esx_break how = {};

	return !esx_large_break(slot, &how);
}

/* Returns the page to go on with. */
static pgoff_t prepare_page(struct esx_pmap *pmap, pgoff_t pgoff, struct esx_candidate *cand)
{
	struct esx_slot slot;

	if (esx_pmap_lock(pmap, pgoff, ESX_SLOT_TRY, &slot) || !slot.region)
		return pgoff + 1;
	if (esx_slot_is_huge(&slot))
		break_huge(&slot);
	/* Without an entry it is pinned or empty as a whole. */
	if (!slot.entry)
		pgoff |= ESX_REGION_MASK;
	else if (esx_slot_state(&slot) == ESX_PRIVATE && esx_slot_take_out(&slot) == ESX_TAKEN)
		share_private(&slot, cand);
	esx_pmap_unlock(&slot);
	return pgoff + 1;
}

/* The first page from @pgoff on that may be more than a hole; @end if none. */
static pgoff_t skip_hole(struct esx_pmap *pmap, pgoff_t pgoff, pgoff_t end)
{
	unsigned long region = pgoff >> ESX_REGION_ORDER;

	if (pgoff >= end ||
	    !xa_find(&pmap->regions, &region, (end - 1) >> ESX_REGION_ORDER, XA_PRESENT))
		return end;
	return max(pgoff, region << ESX_REGION_ORDER);
}

static pgoff_t prepare_batch(struct esx_pmap *pmap, pgoff_t pgoff, pgoff_t end)
{
	struct esx_candidate cand = candidate_of(pmap);
	unsigned int nr;

	end = min(end, pmap->nr_pages);
	pgoff = skip_hole(pmap, pgoff, end);
	for (nr = 0; nr < BATCH_PAGES && pgoff < end; nr++)
		pgoff = skip_hole(pmap, prepare_page(pmap, pgoff, &cand), end);
	return pgoff;
}

/**
 * esx_clone_prepare() - make pages such that they can be cloned fast
 * @pmap: the source, held by a reference or its inode
 * @first: first page
 * @end: the page after the last
 *
 * Others may fault, write, punch and merge in between.  What is busy now, or
 * written to afterwards, is left to esx_clone_take().
 *
 * Return: 0, or -EINTR when the task is being killed.
 */
int esx_clone_prepare(struct esx_pmap *pmap, pgoff_t first, pgoff_t end)
{
	bool more = true;

	might_sleep();

	while (more) {
		if (fatal_signal_pending(current) || esx_share_enter_killable())
			return -EINTR;
		more = esx_pmap_enter(pmap, false);
		if (more) {
			first = prepare_batch(pmap, first, end);
			more = first < min(end, pmap->nr_pages);
			esx_pmap_leave(pmap);
		}
		esx_share_leave();
		cond_resched();
	}
	return 0;
}
ESX_EXPORT_FOR_TESTS(esx_clone_prepare);

static void stop_region(struct esx_pmap *pmap, pgoff_t first, pgoff_t end)
{
	bool unmap = false;
	struct esx_slot slot;
	pgoff_t pgoff;

	for (pgoff = first; pgoff < end; pgoff++) {
		/* Neither creates nor tries: cannot fail. */
		if (esx_pmap_lock(pmap, pgoff, 0, &slot) || !slot.region)
			return;
		if (esx_slot_state(&slot) == ESX_PRIVATE && esx_slot_is_mapped(&slot)) {
			esx_slot_sync(&slot);
			unmap = true;
		}
		esx_pmap_unlock(&slot);
		if (!slot.entry)
			break;
	}
	if (unmap)
		esx_region_unmap(slot.region, first, end - first);
}

/**
 * esx_clone_stop_writers() - make pages hold still
 * @pmap: the source, entered exclusively
 * @first: first page
 * @end: the page after the last
 *
 * After this nobody writes to the pages until the map is left, but for I/O that
 * has pinned them: write faults wait for the map, and nothing is mapped writable
 * any more.
 */
void esx_clone_stop_writers(struct esx_pmap *pmap, pgoff_t first, pgoff_t end)
{
	pgoff_t next;

	lockdep_assert_held_write(&pmap->lock);

	first = skip_hole(pmap, first, end);
	while (first < end) {
		next = min(end, (first | ESX_REGION_MASK) + 1);
		stop_region(pmap, first, next);
		first = skip_hole(pmap, next, end);
		cond_resched();
	}
}
ESX_EXPORT_FOR_TESTS(esx_clone_stop_writers);

/* Optional: with two maps held nobody is killed for memory, who may wait for one. */
static int copy_page_of(const struct esx_slot *slot, struct esx_clone_page *out)
{
	const struct esx_frame_req req = { .optional = true };
	struct folio *folio = esx_frame_alloc(&req, false);

	if (!folio)
		return -ENOMEM;
	if (esx_frame_copy(folio_page(folio, 0), esx_slot_page(slot))) {
		esx_frame_release(folio);
		return -EIO;
	}
	out->state = ESX_PRIVATE;
	out->page = folio_page(folio, 0);
	return 0;
}

/* The writers were stopped, so a private page is mapped nowhere. */
static bool make_clonable(struct esx_slot *slot, struct esx_candidate *cand)
{
	if (esx_slot_is_huge(slot))
		return false;
	return esx_slot_state(slot) != ESX_PRIVATE ||
	       (esx_slot_take_unmapped(slot) == ESX_TAKEN && share_private(slot, cand));
}

static int take_slot(struct esx_slot *slot, struct esx_candidate *cand, struct esx_clone_page *out)
{
	if (!make_clonable(slot, cand))
		return copy_page_of(slot, out);
	out->state = esx_slot_state(slot);
	if (out->state == ESX_SHARED) {
		out->page = esx_slot_page(slot);
		esx_shared_get(page_folio(out->page));
		esx_shared_mark_cloned(page_folio(out->page));
	}
	return 0;
}

static int take_page(struct esx_pmap *pmap, pgoff_t pgoff, struct esx_candidate *cand,
		     struct esx_clone_page *out)
{
	struct esx_slot slot;
	int err;

	*out = (struct esx_clone_page){};
	err = esx_pmap_lock(pmap, pgoff, 0, &slot);
	if (err || !slot.region)
		return err;
	err = take_slot(&slot, cand, out);
	esx_pmap_unlock(&slot);
	return err;
}

static struct folio *copy_huge(struct folio *from)
{
	const struct esx_frame_req req = { .optional = true };
	struct folio *folio = esx_frame_alloc_huge(&req);
	unsigned int i;

	for (i = 0; folio && i < ESX_REGION_PAGES; i++) {
		if (esx_frame_copy(folio_page(folio, i), folio_page(from, i))) {
			esx_frame_release(folio);
			return NULL;
		}
		cond_resched();
	}
	return folio;
}

/* Returns the 2 MB frame of the page's region if it cannot be broken. */
static struct folio *break_region(struct esx_pmap *pmap, pgoff_t pgoff)
{
	struct folio *folio = NULL;
	struct esx_slot slot;

	/* Neither creates nor tries: cannot fail. */
	if (esx_pmap_lock(pmap, pgoff, 0, &slot) || !slot.region)
		return NULL;
	if (esx_slot_is_huge(&slot) && !break_huge(&slot))
		folio = esx_slot_folio(&slot);
	esx_pmap_unlock(&slot);
	return folio;
}

/* Let go of what an entry, or a clone not yet given, holds. */
static void release(enum esx_state state, struct page *page)
{
	if (state == ESX_SHARED)
		esx_shared_put(page_folio(page));
	else if (state == ESX_PRIVATE)
		esx_frame_release(page_folio(page));
}

static void drop_page(struct esx_clone_page *page)
{
	release(page->state, page->page);
}

static void drop_pages(struct esx_clone_batch *batch, unsigned int first)
{
	while (batch->nr > first)
		drop_page(&batch->pages[--batch->nr]);
}

/**
 * esx_clone_take() - what pages of the source hold, by reference
 * @batch: filled
 * @pmap: the source, entered exclusively, its writers stopped
 * @first: first page
 * @nr: how many, all in one region
 * @huge: they are the whole region, and so will be their clones
 *
 * Return: 0, then esx_clone_give() must follow; -ENOMEM; -EIO when a page that
 * has to be copied cannot be read.
 */
int esx_clone_take(struct esx_clone_batch *batch, struct esx_pmap *pmap, pgoff_t first,
		   unsigned int nr, bool huge)
{
	struct esx_candidate cand = candidate_of(pmap);
	struct folio *whole;
	int err;

	lockdep_assert_held_write(&pmap->lock);

	whole = break_region(pmap, first);
	batch->huge = huge && whole ? copy_huge(whole) : NULL;
	batch->nr = 0;
	while (!batch->huge && batch->nr < nr) {
		err = take_page(pmap, first + batch->nr, &cand, &batch->pages[batch->nr]);
		if (err) {
			drop_pages(batch, 0);
			return err;
		}
		batch->nr++;
	}
	return 0;
}
ESX_EXPORT_FOR_TESTS(esx_clone_take);

/* The reference in @new becomes the entry's. */
static int give_entry(struct esx_slot *slot, struct esx_clone_page *new)
{
	enum esx_state old = esx_slot_state(slot);
	bool backed = old == ESX_PRIVATE || old == ESX_SHARED;
	struct page *old_page = backed ? esx_slot_page(slot) : NULL;

	if (old == ESX_EMPTY && new->state != ESX_EMPTY && !esx_quota_charge(slot->pmap->quota, 1))
		return -ENOSPC;
	esx_slot_unmap(slot, false);
	esx_merge_drop_hint(slot);
	if (new->state == ESX_PRIVATE) {
		esx_frame_adopt(page_folio(new->page), slot->pmap->mapping, slot->pgoff);
		esx_pmap_set_fresh(slot->region, true);
	}
	esx_pmap_set(slot, new->state, new->page);
	release(old, old_page);
	new->state = ESX_EMPTY;
	return 0;
}

/* A part of a 2 MB frame that cannot be broken: the contents alone. */
static int give_contents(struct esx_slot *slot, struct esx_clone_page *new)
{
	struct page *page = esx_slot_page(slot);

	esx_slot_unmap(slot, false);
	if (new->page)
		return esx_frame_copy(page, new->page) ? -EIO : 0;
	clear_highpage(page);
	return 0;
}

static int give_slot(struct esx_slot *slot, struct esx_clone_page *new)
{
	int err;

	if (esx_slot_is_huge(slot)) {
		err = give_contents(slot, new);
		drop_page(new);
		new->state = ESX_EMPTY;
		return err;
	}
	if (!slot->entry) {
		esx_region_sync_holes(slot);
		err = esx_pmap_make_leaf(slot, false);
		if (err)
			return err;
	}
	return give_entry(slot, new);
}

static int give_page(struct esx_pmap *pmap, pgoff_t pgoff, struct esx_clone_page *new)
{
	unsigned int how = new->state == ESX_EMPTY ? 0 : ESX_SLOT_CREATE;
	struct esx_slot slot;
	int err;

	err = esx_pmap_lock(pmap, pgoff, how, &slot);
	if (err || !slot.region)
		return err;
	if (new->state != ESX_EMPTY || esx_slot_state(&slot) != ESX_EMPTY)
		err = give_slot(&slot, new);
	esx_pmap_unlock(&slot);
	return err;
}

static int give_huge(struct esx_clone_batch *batch, struct esx_pmap *pmap, pgoff_t first)
{
	struct esx_slot slot;
	int err = -ENOSPC;

	if (!esx_quota_charge(pmap->quota, ESX_REGION_PAGES))
		goto err_release;
	err = esx_pmap_lock(pmap, first, ESX_SLOT_CREATE, &slot);
	if (err)
		goto err_uncharge;
	esx_region_sync_holes(&slot);
	esx_frame_adopt(batch->huge, pmap->mapping, first);
	esx_pmap_set_huge(&slot, batch->huge);
	esx_pmap_set_fresh(slot.region, true);
	esx_pmap_unlock(&slot);
	return 0;

err_uncharge:
	esx_quota_uncharge(pmap->quota, ESX_REGION_PAGES);
err_release:
	esx_frame_release(batch->huge);
	return err;
}

/**
 * esx_clone_give() - let pages hold what was taken from others
 * @batch: from esx_clone_take(); of no use after
 * @pmap: the destination, entered exclusively; when a whole region was asked
 *	for it has none there
 * @first: first page; all are in one region
 * @nr_given: how many pages are done, also when an error ends it
 *
 * What the pages held before is let go of.
 *
 * Return: 0; -ENOMEM; -ENOSPC when the mount is full; -EIO.
 */
int esx_clone_give(struct esx_clone_batch *batch, struct esx_pmap *pmap, pgoff_t first,
		   unsigned int *nr_given)
{
	unsigned int i = 0;
	int err;

	lockdep_assert_held_write(&pmap->lock);

	if (batch->huge) {
		err = give_huge(batch, pmap, first);
		*nr_given = err ? 0 : ESX_REGION_PAGES;
		return err;
	}
	break_region(pmap, first);
	do {
		err = give_page(pmap, first + i, &batch->pages[i]);
	} while (!err && ++i < batch->nr);
	*nr_given = i;
	drop_pages(batch, i);
	return err;
}
ESX_EXPORT_FOR_TESTS(esx_clone_give);
