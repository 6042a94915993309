/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cloning: pages of one file made to show the frames of another.
 */
#ifndef _ESXMEM_SHARE_CLONE_H
#define _ESXMEM_SHARE_CLONE_H

#include "../pmap.h"

/**
 * struct esx_clone_page - what a page of the clone will be
 */
struct esx_clone_page {
	/** @state: what it will be. */
	enum esx_state state;
	/**
	 * @page: with ESX_SHARED a shared frame and a reference to it, with
	 * ESX_PRIVATE a copy that nobody else knows; else NULL.
	 */
	struct page *page;
};

/**
 * struct esx_clone_batch - pages on their way from one map to another
 */
struct esx_clone_batch {
	/** @nr: how many. */
	unsigned int nr;
	/** @huge: all of them, as a 2 MB frame; or NULL. */
	struct folio *huge;
	/** @pages: each of them, when there is no @huge. */
	struct esx_clone_page pages[ESX_REGION_PAGES];
};

int esx_clone_prepare(struct esx_pmap *pmap, pgoff_t first, pgoff_t end);
void esx_clone_stop_writers(struct esx_pmap *pmap, pgoff_t first, pgoff_t end);
int esx_clone_take(struct esx_clone_batch *batch, struct esx_pmap *pmap, pgoff_t first,
		   unsigned int nr, bool huge);
int esx_clone_give(struct esx_clone_batch *batch, struct esx_pmap *pmap, pgoff_t first,
		   unsigned int *nr_given);

#endif /* _ESXMEM_SHARE_CLONE_H */
