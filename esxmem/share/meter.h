/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Budgets: how long a thread has to rest for what it has spent.
 */
#ifndef _ESXMEM_SHARE_METER_H
#define _ESXMEM_SHARE_METER_H

#include <linux/types.h>

/**
 * struct esx_budget - what may be spent
 */
struct esx_budget {
	/** @cpu_ppm: CPU time, in millionths of the time of the wall. */
	u32 cpu_ppm;
	/** @pages_per_second: pages; 0: no limit. */
	u64 pages_per_second;
};

/**
 * struct esx_meter - what has been spent
 *
 * Runs on from one rest to the next, so that a rest that was too long, or work
 * that was, is made up for.  Each limit has an account of its own, so that to be
 * held up by one of them buys nothing from the other.
 */
struct esx_meter {
	/** @cpu_ns: CPU time of the thread when the accounts were opened. */
	u64 cpu_ns;
	/** @pages: pages since then. */
	u64 pages;
	/** @cpu_wall_ns: since when the CPU time is to be spread. */
	u64 cpu_wall_ns;
	/** @pages_wall_ns: since when the pages are to be spread. */
	u64 pages_wall_ns;
};

void esx_meter_start(struct esx_meter *meter, u64 cpu_ns, u64 wall_ns);
u64 esx_meter_debt_ns(struct esx_meter *meter, const struct esx_budget *budget, u64 cpu_ns,
		      u64 wall_ns);

#endif /* _ESXMEM_SHARE_METER_H */
