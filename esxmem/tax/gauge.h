/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The gauge: how much memory is free, and which state is that?
 */
#ifndef _ESXMEM_TAX_GAUGE_H
#define _ESXMEM_TAX_GAUGE_H

#include "level.h"

/* Most that esx_gauge_params::period_ms may be. */
#define ESX_GAUGE_MAX_MS	60000

/**
 * struct esx_gauge_params - the gauge's knobs
 */
struct esx_gauge_params {
	/** @level: where the states begin and end. */
	struct esx_level_params level;
	/** @period_ms: time between two looks while the state is not high; 1 or more. */
	u32 period_ms;
};

/**
 * struct esx_gauge_figures - what the gauge shows
 */
struct esx_gauge_figures {
	/** @level: the state. */
	enum esx_level level;
	/** @word: the shrinker's word. */
	enum esx_level word;
	/** @memory: at the last look. */
	struct esx_memory memory;
	/** @marks: the thresholds in pages. */
	struct esx_level_marks marks;
	/** @spent_ms: time in each state since the module was loaded. */
	u64 spent_ms[ESX_NR_LEVELS];
	/** @entries: how often each state began; the one at the start is not counted. */
	u64 entries[ESX_NR_LEVELS];
};

int esx_gauge_init(void);
void esx_gauge_exit(void);

void esx_gauge_get_params(struct esx_gauge_params *params);
int esx_gauge_set_params(const struct esx_gauge_params *params);
void esx_gauge_set_pool(u64 pages);
void esx_gauge_notice(void);
void esx_gauge_get_figures(struct esx_gauge_figures *figures);
enum esx_level esx_gauge_level(void);
u64 esx_gauge_room(void);

#endif /* _ESXMEM_TAX_GAUGE_H */
