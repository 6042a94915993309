/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reclaim: many pages of one VM, by all means there are.
 */
#ifndef _ESXMEM_RECLAIM_H
#define _ESXMEM_RECLAIM_H

#include <linux/types.h>

struct esx_vm;

/**
 * struct esx_reclaim_req - what is asked for
 */
struct esx_reclaim_req {
	/** @pages: so many are to be freed. */
	u64 pages;
	/** @max_hashed: give up after so many were hashed; 0: after a round of the VM. */
	u64 max_hashed;
	/** @max_looked: give up after so many were looked at; 0: after a round. */
	u64 max_looked;
	/**
	 * @spares: nobody asked for this VM: do not wait for others who reclaim from
	 * it, and leave alone pages whose sharing breaks often or that are in use.
	 */
	bool spares;
	/** @keep_large: break no 2 MB frame. */
	bool keep_large;
};

/**
 * struct esx_reclaim_report - what was done, in pages
 */
struct esx_reclaim_report {
	/** @freed: frames that the host has more: the sum of the next three. */
	u64 freed;
	/** @merged: by sharing pages in 4 KB frames. */
	u64 merged;
	/** @zero: by giving up pages in 4 KB frames that were zero. */
	u64 zero;
	/** @broken: by breaking 2 MB frames and sharing their parts. */
	u64 broken;
	/** @huge_broken: 2 MB frames that were broken. */
	u64 huge_broken;
	/** @hashed: pages that were hashed. */
	u64 hashed;
	/** @looked: pages, regions and files that were looked at. */
	u64 looked;
	/** @pinned: pages left alone because I/O holds them. */
	u64 pinned;
	/** @busy: pages left alone because somebody worked on them. */
	u64 busy;
	/** @changed: pages left alone because they changed meanwhile. */
	u64 changed;
	/** @skipped: pages not shared for want of memory. */
	u64 skipped;
	/** @exhausted: a round is over and there is no more to be had now. */
	bool exhausted;
};

int esx_reclaim_vm(struct esx_vm *vm, const struct esx_reclaim_req *req,
		   struct esx_reclaim_report *report);

#endif /* _ESXMEM_RECLAIM_H */
