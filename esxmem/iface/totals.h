/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host's counts: those of its VMs, added up when somebody asks.
 */
#ifndef _ESXMEM_IFACE_TOTALS_H
#define _ESXMEM_IFACE_TOTALS_H

#include "../types.h"

/**
 * struct esx_totals - how things stand, over all VMs
 */
struct esx_totals {
	/** @nr_vms: VMs. */
	u32 nr_vms;
	/** @nr_files: memory files. */
	u32 nr_files;
	/** @size_pages: sizes of the files. */
	u64 size_pages;
	/** @pages: guest pages by state; the entry of ESX_EMPTY is not kept. */
	u64 pages[ESX_NR_STATES];
	/** @nr_huge: 2 MB frames. */
	u64 nr_huge;
};

void esx_totals_get(struct esx_totals *totals);

#endif /* _ESXMEM_IFACE_TOTALS_H */
