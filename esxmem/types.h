/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few words that every layer uses.
 */
#ifndef _ESXMEM_TYPES_H
#define _ESXMEM_TYPES_H

#include <linux/build_bug.h>
#include <linux/types.h>

#include <asm/page.h>

/* A region is what one 2 MB frame, or one leaf of 512 entries, covers. */
#define ESX_REGION_ORDER	9
#define ESX_REGION_PAGES	(1UL << ESX_REGION_ORDER)
#define ESX_REGION_MASK		(ESX_REGION_PAGES - 1)
#define ESX_REGION_BYTES	(ESX_REGION_PAGES << PAGE_SHIFT)

static_assert(PAGE_SIZE == 4096, "regions of 512 entries assume 4 KB pages");
static_assert(sizeof(unsigned long) == 8, "an entry is one 64-bit word");

/**
 * enum esx_state - what a guest page is, at any time exactly one of these
 */
enum esx_state {
	/** @ESX_EMPTY: a hole: reads as zero, holds nothing, is not charged. */
	ESX_EMPTY,
	/** @ESX_ZERO: was written, is known to be zero, its frame was given up. */
	ESX_ZERO,
	/** @ESX_PRIVATE: has a frame that nobody else uses. */
	ESX_PRIVATE,
	/** @ESX_SHARED: points to a read-only frame of the share table. */
	ESX_SHARED,
	/** @ESX_NR_STATES: how many there are. */
	ESX_NR_STATES,
};

struct esx_pmap;
struct esx_region;
struct esx_vm;

#endif /* _ESXMEM_TYPES_H */
