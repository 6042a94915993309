/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sampling periods: measured in execution time of the VM, with a cap in time of
 * the wall.
 */
#ifndef _ESXMEM_TAX_PERIOD_H
#define _ESXMEM_TAX_PERIOD_H

#include <linux/types.h>

/**
 * struct esx_clock - what the time is for a VM
 */
struct esx_clock {
	/** @vm_ns: run time of its virtual CPUs; 0 without a guest. */
	u64 vm_ns;
	/** @wall_ns: time of the wall. */
	u64 wall_ns;
};

/**
 * struct esx_period - a period under way
 */
struct esx_period {
	/** @used_ns: execution time in it. */
	u64 used_ns;
	/** @vm_ns: the VM's clock when last looked at. */
	u64 vm_ns;
	/** @start_ns: when it began, in time of the wall. */
	u64 start_ns;
};

void esx_period_begin(struct esx_period *period, const struct esx_clock *now);
bool esx_period_is_over(struct esx_period *period, const struct esx_clock *now, u32 length_ms,
			u32 wall_ms);

#endif /* _ESXMEM_TAX_PERIOD_H */
