// SPDX-License-Identifier: GPL-2.0
/*
 * The fault path: look up, act, install.
 *
 *	EMPTY, read	a zero frame, read-only; nothing is allocated
 *	EMPTY, write	a 2 MB frame for an empty region unless the VM is held, else a
 *			4 KB frame
 *	ZERO		read: a zero frame; write: a frame of its own
 *	SHARED		read: the shared frame, read-only; write: copy-on-write
 *	PRIVATE		the frame
 *
 * While the VM is held (hold.c) those that take a new frame wait first, as far as
 * they can.
 *
 * The core installs the page-table entry after ->fault returns.  Until then
 * the frame's folio lock, taken here and released by the core, tells that a
 * mapping is on its way (see takeout.c).
 *
 * Paper: sections 2 (first touch), 4.3 (copy-on-write faults).
 */
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "compat.h"
#include "fault.h"
#include "locks.h"
#include "share/cow.h"
#include "takeout.h"
#include "trace.h"
#include "vm.h"

/* Internal: what was looked up is no longer so, look again. */
#define ESX_AGAIN 1

static bool lock_folio(struct folio *folio, bool nowait)
{
	if (nowait)
		return folio_trylock(folio);
	folio_lock(folio);
	return true;
}

/*
 * A hole without a region.  There is no lock to take: mark the region in the
 * map's bitmap, then look whether somebody made the region meanwhile.  The
 * writer who makes it does the reverse in esx_region_sync_holes(), so one of
 * the two sees the other.  The zero frame's lock, held from before the second
 * look until the page-table entry stands, lets the writer wait for us.
 */
static int map_hole(struct esx_fault *fault)
{
	struct folio *zero = esx_frame_zero(fault->pgoff);
	unsigned long region = fault->pgoff >> ESX_REGION_ORDER;

	fault->from = ESX_EMPTY;
	if (!fault->map)
		return 0;
	if (!lock_folio(zero, fault->req.nowait))
		return -EAGAIN;

	set_bit(region % ESX_HOLE_BITS, fault->pmap->hole_mapped);
	/* Pairs with the barrier in esx_region_sync_holes(). */
	smp_mb__after_atomic();
	if (xa_load(&fault->pmap->regions, region)) {
		folio_unlock(zero);
		return ESX_AGAIN;
	}
	folio_get(zero);
	fault->page = folio_page(zero, 0);
	return 0;
}

static int fill_huge(struct esx_fault *fault, struct esx_slot *slot)
{
	struct esx_pmap *pmap = fault->pmap;
	pgoff_t start = fault->pgoff & ~ESX_REGION_MASK;
	struct folio *folio;

	if (!fault->large || esx_large_pages_get() == ESX_LARGE_NEVER ||
	    start + ESX_REGION_PAGES > pmap->nr_pages || esx_hold_is_on(pmap->vm))
		return -ENOENT;
	if (!esx_quota_charge(pmap->quota, ESX_REGION_PAGES))
		return -ENOENT;
	folio = esx_frame_alloc_huge(&fault->req);
	if (!folio) {
		esx_quota_uncharge(pmap->quota, ESX_REGION_PAGES);
		return -ENOENT;
	}
	esx_region_sync_holes(slot);
	esx_frame_adopt(folio, pmap->mapping, start);
	esx_pmap_set_huge(slot, folio);
	trace_esxmem_map(pmap->vm->id, pmap->vm->name, pmap->ino, start, ESX_REGION_ORDER);
	return 0;
}

static int fill_entry(struct esx_fault *fault, struct esx_slot *slot)
{
	struct esx_pmap *pmap = fault->pmap;
	struct folio *folio;
	int err = -ENOMEM;

	if (!esx_quota_charge(pmap->quota, 1))
		return -ENOSPC;
	folio = esx_frame_alloc(&fault->req, true);
	if (!folio)
		goto err_uncharge;

	err = -EAGAIN;
	if (!esx_slot_unmap(slot, fault->req.nowait))
		goto err_release;
	esx_frame_adopt(folio, pmap->mapping, fault->pgoff);
	esx_pmap_set(slot, ESX_PRIVATE, folio_page(folio, 0));
	trace_esxmem_map(pmap->vm->id, pmap->vm->name, pmap->ino, fault->pgoff, 0);
	return 0;

err_release:
	esx_frame_release(folio);
err_uncharge:
	esx_quota_uncharge(pmap->quota, 1);
	return err;
}

static int fill(struct esx_fault *fault, struct esx_slot *slot)
{
	int err;

	esx_pmap_set_fresh(slot->region, true);
	if (!slot->entry) {
		if (!fill_huge(fault, slot))
			return 0;
		esx_region_sync_holes(slot);
		err = esx_pmap_make_leaf(slot, fault->req.nowait);
		if (err)
			return err;
	}
	return fill_entry(fault, slot);
}

/* Has this fault, which takes a new frame, to wait first? */
static bool is_held(const struct esx_fault *fault)
{
	struct esx_vm *vm = fault->pmap->vm;

	switch (fault->yield) {
	case ESX_YIELD_WAIT:
		return esx_hold_applies(vm);
	case ESX_YIELD_ONCE:
		return esx_hold_repels(vm);
	default:
		/* It takes of its task's ration, if there is one. */
		esx_hold_applies(vm);
		return false;
	}
}

/* Make the page one that may be written to. */
static int make_private(struct esx_fault *fault, struct esx_slot *slot)
{
	if (esx_slot_state(slot) == ESX_PRIVATE)
		return 0;
	if (is_held(fault))
		return -EBUSY;
	switch (esx_slot_state(slot)) {
	case ESX_EMPTY:
		return fill(fault, slot);
	case ESX_ZERO:
	case ESX_SHARED:
		return esx_share_break(slot, &fault->req);
	default:
		return 0;
	}
}

static struct page *backing_page(const struct esx_slot *slot)
{
	switch (esx_slot_state(slot)) {
	case ESX_PRIVATE:
	case ESX_SHARED:
		return esx_slot_page(slot);
	default:
		return folio_page(esx_frame_zero(slot->pgoff), 0);
	}
}

static int map_page(struct esx_fault *fault, struct esx_slot *slot)
{
	struct page *page = backing_page(slot);
	struct folio *folio = page_folio(page);

	if (PageHWPoison(page))
		return -EHWPOISON;
	if (!lock_folio(folio, fault->req.nowait))
		return -EAGAIN;
	folio_get(folio);
	esx_pmap_set_mapped(slot, true);
	fault->page = page;
	return 0;
}

static int peek_page(struct esx_fault *fault, struct esx_slot *slot)
{
	enum esx_state state = esx_slot_state(slot);

	if (state == ESX_EMPTY || state == ESX_ZERO)
		return 0;
	fault->page = esx_slot_page(slot);
	if (PageHWPoison(fault->page))
		return -EHWPOISON;
	folio_get(page_folio(fault->page));
	return 0;
}

static int fault_slot(struct esx_fault *fault, struct esx_slot *slot)
{
	int err;

	fault->from = esx_slot_state(slot);
	if (fault->write) {
		err = make_private(fault, slot);
		if (err)
			return err;
		esx_pmap_set_clean(slot, false);
	}
	return fault->map ? map_page(fault, slot) : peek_page(fault, slot);
}

static int fault_once(struct esx_fault *fault)
{
	unsigned int how = (fault->write ? ESX_SLOT_CREATE : 0) |
			   (fault->req.nowait ? ESX_SLOT_TRY : 0);
	struct esx_slot slot;
	int err;

	err = esx_pmap_lock(fault->pmap, fault->pgoff, how, &slot);
	if (err)
		return err;
	if (!slot.region)
		return map_hole(fault);
	err = fault_slot(fault, &slot);
	esx_pmap_unlock(&slot);
	return err;
}

/**
 * esx_fault_page() - get at one page of a file
 * @fault: the access; on success @fault->page is set
 *
 * With @fault->map the page's folio is locked as well, and the caller installs
 * a page-table entry (or not) before it unlocks.
 *
 * Return: 0; -EAGAIN when it would have to sleep and must not; -EBUSY when the VM is
 * held, and @fault->yield says that it gives way to that; -ENOMEM;
 * -ENOSPC when the mount is full; -EHWPOISON when the frame is broken.
 */
int esx_fault_page(struct esx_fault *fault)
{
	int err;

	lockdep_assert_held(&fault->pmap->lock);

	fault->page = NULL;
	do {
		err = fault_once(fault);
	} while (err == ESX_AGAIN);
	if (!err)
		esx_count_event(&fault->pmap->vm->events, ESX_EV_FAULT);
	return err;
}
ESX_EXPORT_FOR_TESTS(esx_fault_page);

/*
 * The page cannot be written to where it is: unmap it, so that the write comes
 * back through ->fault.  With the page locked that will not be repeated there.
 */
static void unmap_for_write(struct esx_pmap *pmap, pgoff_t pgoff)
{
	struct esx_slot slot;
	bool done = false;

	if (!esx_pmap_lock(pmap, pgoff, ESX_SLOT_TRY, &slot)) {
		done = slot.entry && esx_slot_unmap(&slot, true);
		esx_pmap_unlock(&slot);
	}
	if (!done)
		unmap_mapping_pages(pmap->mapping, pgoff, 1, false);
}

/*
 * The page is not private.  Make it so if that needs no waiting: an instruction
 * that reads a page before it writes to it, as a copy within the page does, would
 * map the page as it was after each time that it is only unmapped, for ever.
 */
static void prepare_write(struct esx_fault *fault)
{
	int err = esx_fault_page(fault);

	if (!err)
		put_page(fault->page);
	if (err || fault->from == ESX_PRIVATE)
		unmap_for_write(fault->pmap, fault->pgoff);
}

static bool mkwrite_entered(struct esx_fault *fault, struct page *page)
{
	struct folio *folio = page_folio(page);
	struct esx_pmap *pmap = fault->pmap;
	bool inside = fault->pgoff < pmap->nr_pages;

	folio_lock(folio);
	if (inside && esx_pmap_begin_write(pmap, fault->pgoff, page))
		return true;
	folio_unlock(folio);
	if (inside)
		prepare_write(fault);
	else
		unmap_for_write(pmap, fault->pgoff);
	return false;
}

/**
 * esx_fault_mkwrite() - may this mapped page become writable?
 * @fault: the write; its map is not entered; it must not wait and not map
 * @mapping: the file's address space
 * @page: the page that the read-only page-table entry shows, or that ->fault
 *	just returned; the caller has a reference
 *
 * The write barrier: a page that was unmapped and is mapped read-only is known
 * to be unchanged until this says yes.  Never waits for memory: what is not
 * private, and cannot be made so at once, is unmapped, so that the write comes
 * back through ->fault, where waiting is allowed.  A map that cannot be entered
 * at once is being punched.
 *
 * Return: true with the page's folio locked; false when it was unmapped.
 */
bool esx_fault_mkwrite(struct esx_fault *fault, struct address_space *mapping, struct page *page)
{
	bool yes;

	if (!esx_pmap_enter(fault->pmap, true)) {
		unmap_mapping_pages(mapping, fault->pgoff, 1, false);
		return false;
	}
	yes = mkwrite_entered(fault, page);
	esx_pmap_leave(fault->pmap);
	return yes;
}
