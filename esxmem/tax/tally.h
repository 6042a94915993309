/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tallies of sampled pages: how many were touched, and which touches count.
 */
#ifndef _ESXMEM_TAX_TALLY_H
#define _ESXMEM_TAX_TALLY_H

#include <linux/types.h>

/**
 * enum esx_holds - what a sampled page holds
 */
enum esx_holds {
	/** @ESX_HOLDS_UNKNOWN: it could not be looked at. */
	ESX_HOLDS_UNKNOWN,
	/** @ESX_HOLDS_NOTHING: it is a hole, or beyond the end of the file. */
	ESX_HOLDS_NOTHING,
	/** @ESX_HOLDS_ZEROS: nothing but zeros was written to it. */
	ESX_HOLDS_ZEROS,
	/** @ESX_HOLDS_DATA: something else. */
	ESX_HOLDS_DATA,
};

/**
 * struct esx_touch - what is known of a sampled page
 */
struct esx_touch {
	/** @before: what it held when the period began. */
	enum esx_holds before;
	/** @now: what it held when looked at last, if it is @touched. */
	enum esx_holds now;
	/** @touched: since the period began. */
	bool touched;
	/** @coarse: all that is known is that its 2 MB were. */
	bool coarse;
	/** @host: the VMM or vhost did, and the guest did not. */
	bool host;
};

/**
 * struct esx_touches - pages that were touched
 */
struct esx_touches {
	/** @touched: how many. */
	u32 touched;
	/** @coarse: part of @touched of which only its 2 MB are known to be. */
	u32 coarse;
	/** @host: part of @touched that the guest did not touch: the VMM, vhost. */
	u32 host;
};

/**
 * struct esx_tally - what was seen of the pages that are sampled
 */
struct esx_tally {
	/** @sampled: pages that are. */
	u32 sampled;
	/** @all: those of them that were touched. */
	struct esx_touches all;
	/** @kept: those of @all that are not discounted. */
	struct esx_touches kept;
	/** @zeroed: those that are, since the touch was to zero them. */
	u32 zeroed;
	/** @freed: those that are, since they were freed. */
	u32 freed;
};

void esx_tally_add(struct esx_tally *tally, const struct esx_touch *touch);

#endif /* _ESXMEM_TAX_TALLY_H */
