/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Taking a page out of use: the one way to change what is behind it.
 */
#ifndef _ESXMEM_TAKEOUT_H
#define _ESXMEM_TAKEOUT_H

#include "frame.h"
#include "pmap.h"

/**
 * enum esx_takeout - how an attempt ended
 */
enum esx_takeout {
	/** @ESX_TAKEN: mapped nowhere and referenced by esxmem alone. */
	ESX_TAKEN,
	/** @ESX_TAKE_PINNED: somebody else holds a reference: I/O, a fault. */
	ESX_TAKE_PINNED,
	/** @ESX_TAKE_BUSY: the frame is being mapped right now. */
	ESX_TAKE_BUSY,
};

/**
 * struct esx_break - how a 2 MB frame is broken
 */
struct esx_break {
	/**
	 * @share: finds a shared frame for part @i, which is not zero; or NULL: do
	 * not look.  The part is out of use.  Returns the frame with a reference,
	 * or NULL when the part stays private.
	 */
	struct page *(*share)(void *ctx, const struct esx_slot *slot, unsigned int i);
	/** @unshare: drops the reference that @share took. */
	void (*unshare)(struct page *page);
	/** @ctx: for @share. */
	void *ctx;
	/** @nr_zero: out: parts that were zero. */
	unsigned int nr_zero;
	/** @nr_shared: out: parts for which there was a shared frame. */
	unsigned int nr_shared;
};

struct folio *esx_slot_folio(const struct esx_slot *slot);
void esx_slot_sync(struct esx_slot *slot);
bool esx_slot_unmap(struct esx_slot *slot, bool try);
enum esx_takeout esx_slot_take_out(struct esx_slot *slot);
enum esx_takeout esx_slot_take_unmapped(struct esx_slot *slot);
void esx_region_unmap(struct esx_region *region, pgoff_t first, pgoff_t nr);
void esx_region_sync_holes(struct esx_slot *slot);
int esx_slot_break_huge(struct esx_slot *slot, struct esx_break *how);

#endif /* _ESXMEM_TAKEOUT_H */
