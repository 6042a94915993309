/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sharing region by region.
 */
#ifndef _ESXMEM_SHARE_BATCH_H
#define _ESXMEM_SHARE_BATCH_H

#include "../pmap.h"

/**
 * struct esx_merge_report - what became of the pages of a range
 */
struct esx_merge_report {
	/** @visited: pages with a frame that were looked at. */
	u64 visited;
	/** @hashed: pages that were hashed. */
	u64 hashed;
	/** @clean: pages passed over, since unchanged since they were hashed. */
	u64 clean;
	/** @merged: pages that now share a frame and did not before. */
	u64 merged;
	/** @zero: pages found zero and given up, all parts of 2 MB frames among them. */
	u64 zero;
	/** @hints: pages for which a hint was filed or stands. */
	u64 hints;
	/** @refused: those of @hints that may be merged the next time. */
	u64 refused;
	/** @already: pages found shared or zero already when it was their turn. */
	u64 already;
	/** @pinned: pages left alone because I/O holds them. */
	u64 pinned;
	/** @busy: pages left alone because somebody worked on them. */
	u64 busy;
	/** @changed: pages left alone because they changed meanwhile. */
	u64 changed;
	/** @huge_broken: 2 MB frames broken. */
	u64 huge_broken;
	/** @skipped: pages not merged for want of memory. */
	u64 skipped;
	/** @freed: frames of 4 KB that the host has more for it. */
	u64 freed;
};

/**
 * enum esx_visit_kind - what of a region a visit is about
 */
enum esx_visit_kind {
	/** @ESX_VISIT_ALL: all, 2 MB frames as they are to be treated in this pass. */
	ESX_VISIT_ALL,
	/** @ESX_VISIT_SMALL: pages in 4 KB frames alone. */
	ESX_VISIT_SMALL,
	/** @ESX_VISIT_LOOK: a 2 MB frame alone: estimate what breaking it would save. */
	ESX_VISIT_LOOK,
	/** @ESX_VISIT_BREAK: a 2 MB frame alone: break it and share its parts, if it pays. */
	ESX_VISIT_BREAK,
};

/**
 * struct esx_share_visit - how regions are visited
 */
struct esx_share_visit {
	/**
	 * @pass: number of the scanner's pass.  0: merge what can be merged now,
	 * break 2 MB frames, come back to pages that are busy.
	 */
	u64 pass;
	/** @kind: see there; but for ESX_VISIT_ALL without a pass, and waiting for nobody. */
	enum esx_visit_kind kind;
	/**
	 * @spares: without a pass: leave pages alone whose sharing breaks often, and
	 * merge none that has not settled.
	 */
	bool spares;
	/** @only_new: with ESX_VISIT_LOOK: hash no frame that was looked at before. */
	bool only_new;
	/** @wakes: with ESX_VISIT_LOOK: frames that rest are to be tried again. */
	bool wakes;
	/** @min_gain: with ESX_VISIT_BREAK: pages that it must save. */
	unsigned int min_gain;
	/** @break_hot: break 2 MB frames that are in use, too. */
	bool break_hot;
	/** @pressed: memory is wanted. */
	bool pressed;
	/** @wants_join: inner: the region should get a 2 MB frame again. */
	bool wants_join;
	/** @join_index: inner: its number. */
	pgoff_t join_index;
	/** @report: what was done is added to it. */
	struct esx_merge_report report;
};

int esx_share_enter_killable(void);
void esx_share_leave(void);
int esx_share_stop_killable(void);
void esx_share_go(void);

bool esx_share_region(struct esx_pmap *pmap, pgoff_t *first, pgoff_t end,
		      struct esx_share_visit *visit);
int esx_share_range(struct esx_pmap *pmap, pgoff_t first, pgoff_t end,
		    struct esx_merge_report *report);
void esx_share_forget(struct esx_region *region);

#endif /* _ESXMEM_SHARE_BATCH_H */
