// SPDX-License-Identifier: GPL-2.0
/*
 * Copy-on-write: give a page that points to a shared or zero frame a frame of
 * its own (paper, section 4.3).
 *
 * Order: allocate, copy, unmap the old frame from every mapping of the file,
 * publish, drop the old reference.  The page's lock is held all along, so no
 * mapping can show the new frame while another still shows the old one.
 */
#include <linux/highmem.h>
#include <linux/ktime.h>
#include <linux/pagemap.h>

#include "../compat.h"
#include "../stats.h"
#include "../takeout.h"
#include "../trace.h"
#include "../vm.h"
#include "cow.h"
#include "shared.h"

static struct folio *alloc_copy(struct esx_slot *slot, const struct esx_frame_req *req)
{
	bool zero = esx_slot_state(slot) == ESX_ZERO;
	struct folio *folio = esx_frame_alloc(req, zero);
	int err = 0;

	if (!folio)
		return ERR_PTR(req->nowait ? -EAGAIN : -ENOMEM);
	if (!zero)
		err = esx_frame_copy(folio_page(folio, 0), esx_slot_page(slot));
	if (err) {
		esx_frame_release(folio);
		return ERR_PTR(err);
	}
	return folio;
}

/**
 * esx_share_break() - copy-on-write
 * @slot: a locked page in state ESX_SHARED or ESX_ZERO, ESX_PRIVATE after
 * @req: for whom
 *
 * Return: 0; -ENOMEM; -EAGAIN when it would have to wait and must not;
 * -EHWPOISON when the shared frame cannot be read.
 */
int esx_share_break(struct esx_slot *slot, const struct esx_frame_req *req)
{
	/* That a page is zero at times is the way of guests, and costs no copy. */
	bool counts = esx_slot_state(slot) == ESX_SHARED;
	unsigned int breaks = esx_slot_breaks(slot);
	struct esx_vm *vm = slot->pmap->vm;
	struct folio *shared = NULL;
	u64 start = ktime_get_ns();
	struct folio *copy;

	copy = alloc_copy(slot, req);
	if (IS_ERR(copy))
		return PTR_ERR(copy);

	if (!esx_slot_unmap(slot, req->nowait)) {
		esx_frame_release(copy);
		return -EAGAIN;
	}

	if (esx_slot_state(slot) == ESX_SHARED)
		shared = page_folio(esx_slot_page(slot));
	esx_frame_adopt(copy, slot->pmap->mapping, slot->pgoff);
	esx_pmap_set(slot, ESX_PRIVATE, folio_page(copy, 0));
	esx_pmap_set_breaks(slot, breaks + counts);
	if (shared)
		esx_shared_put(shared);

	esx_count_event(&vm->events, ESX_EV_COW);
	trace_esxmem_cow(vm->id, vm->name, slot->pmap->ino, slot->pgoff, ktime_get_ns() - start);
	return 0;
}
ESX_EXPORT_FOR_TESTS(esx_share_break);
