/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The four states of the host's memory: arithmetic.
 */
#ifndef _ESXMEM_TAX_LEVEL_H
#define _ESXMEM_TAX_LEVEL_H

#include <linux/types.h>

/**
 * enum esx_level - the paper's states by free memory, best first
 */
enum esx_level {
	/** @ESX_LEVEL_HIGH: there is enough. */
	ESX_LEVEL_HIGH,
	/** @ESX_LEVEL_SOFT: memory is asked back from the guests. */
	ESX_LEVEL_SOFT,
	/** @ESX_LEVEL_HARD: memory is taken back. */
	ESX_LEVEL_HARD,
	/** @ESX_LEVEL_LOW: VMs above their target wait, besides. */
	ESX_LEVEL_LOW,
	/** @ESX_NR_LEVELS: how many there are. */
	ESX_NR_LEVELS,
};

extern const char *const esx_level_names[ESX_NR_LEVELS];

/**
 * enum esx_scale - what the thresholds are relative to
 */
enum esx_scale {
	/** @ESX_SCALE_LINEAR: all memory. */
	ESX_SCALE_LINEAR,
	/** @ESX_SCALE_SLIDING: ESXi's minFree: the larger the host the smaller a part. */
	ESX_SCALE_SLIDING,
	/** @ESX_NR_SCALES: how many there are. */
	ESX_NR_SCALES,
};

extern const char *const esx_scale_names[ESX_NR_SCALES];

/* Most that the threshold of a state may be, in per mille of memory. */
#define ESX_LEVEL_MAX_PM	1000
/* Most that the margin may be. */
#define ESX_LEVEL_MAX_MARGIN	100

/**
 * struct esx_level_params - where the states begin and end
 */
struct esx_level_params {
	/** @scale: see there. */
	enum esx_scale scale;
	/** @pm: thresholds by state, in per mille of all memory, strictly descending. */
	u32 pm[ESX_NR_LEVELS];
	/** @margin_percent: by how much a threshold must be passed upward, in per cent of it. */
	u32 margin_percent;
};

/**
 * struct esx_supply - what memory there is, in pages
 */
struct esx_supply {
	/** @host_total: of the host. */
	u64 host_total;
	/** @host_free: what the host can still give. */
	u64 host_free;
	/** @pool: the most that guests may hold; 0: all of the host. */
	u64 pool;
	/** @held: what guests hold. */
	u64 held;
};

/**
 * struct esx_memory - what counts for the states, in pages
 */
struct esx_memory {
	/** @total: all. */
	u64 total;
	/** @free: what is left of it. */
	u64 free;
};

/**
 * struct esx_level_marks - the thresholds in pages
 */
struct esx_level_marks {
	/** @fall: with less than this free the state is this one or a worse one. */
	u64 fall[ESX_NR_LEVELS];
	/** @rise: with this much free a worse state ends. */
	u64 rise[ESX_NR_LEVELS];
};

bool esx_level_params_are_sane(const struct esx_level_params *params);
struct esx_memory esx_level_memory(const struct esx_supply *supply,
				   const struct esx_level_params *params);
u64 esx_level_min_free(u64 total);
void esx_level_set_marks(struct esx_level_marks *marks, const struct esx_level_params *params,
			 u64 total);
u64 esx_level_room(u64 total, const struct esx_level_params *params);
enum esx_level esx_level_next(enum esx_level now, u64 free, const struct esx_level_marks *marks);

#endif /* _ESXMEM_TAX_LEVEL_H */
