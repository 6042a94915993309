/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The background scanner.
 */
#ifndef _ESXMEM_SHARE_SCAN_H
#define _ESXMEM_SHARE_SCAN_H

#include <linux/types.h>

/**
 * enum esx_scan_order - in which order the regions of a file are visited
 */
enum esx_scan_order {
	/** @ESX_SCAN_SEQUENTIAL: by number. */
	ESX_SCAN_SEQUENTIAL,
	/** @ESX_SCAN_RANDOM: in random order. */
	ESX_SCAN_RANDOM,
	/** @ESX_SCAN_NR_ORDERS: how many there are. */
	ESX_SCAN_NR_ORDERS,
};

extern const char *const esx_scan_order_names[ESX_SCAN_NR_ORDERS];

/* Most threads that may scan. */
#define ESX_SCAN_MAX_WORKERS	64

/**
 * struct esx_scan_params - the scanner's knobs
 */
struct esx_scan_params {
	/** @run: scan at all. */
	bool run;
	/** @pages_per_second: pages hashed, at most; 0: no limit. */
	u32 pages_per_second;
	/** @target_seconds: time for a pass over all memory; 0: see above. */
	u32 target_seconds;
	/** @cpu_percent: of one CPU, at most, for all threads; 1 to 100. */
	u32 cpu_percent;
	/** @workers: threads; 1 to ESX_SCAN_MAX_WORKERS. */
	u32 workers;
	/** @order: see enum esx_scan_order. */
	enum esx_scan_order order;
};

int esx_scan_init(void);
void esx_scan_exit(void);

void esx_scan_get_params(struct esx_scan_params *params);
int esx_scan_set_params(const struct esx_scan_params *params);

#endif /* _ESXMEM_SHARE_SCAN_H */
