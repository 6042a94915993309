/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What sharing does with 2 MB frames.
 */
#ifndef _ESXMEM_SHARE_LARGE_H
#define _ESXMEM_SHARE_LARGE_H

#include "batch.h"
#include "merge.h"

struct esx_break;

/* Pages that breaking a 2 MB frame must save to pay for its entries and hints. */
#define ESX_LARGE_MIN_GAIN	16

/**
 * enum esx_break_large - when the scanner breaks 2 MB frames
 */
enum esx_break_large {
	/** @ESX_BREAK_NEVER: not at all; who asks for a merge still gets it. */
	ESX_BREAK_NEVER,
	/** @ESX_BREAK_PRESSURE: when the host is short of memory and it pays. */
	ESX_BREAK_PRESSURE,
	/** @ESX_BREAK_ALWAYS: at first sight. */
	ESX_BREAK_ALWAYS,
	/** @ESX_BREAK_NR: how many there are. */
	ESX_BREAK_NR,
};

extern const char *const esx_break_large_names[ESX_BREAK_NR];

enum esx_break_large esx_break_large_get(void);
void esx_break_large_set(enum esx_break_large policy);
unsigned int esx_pressure_percent_get(void);
int esx_pressure_percent_set(unsigned int percent);

bool esx_large_is_pressed(void);
u64 esx_large_shareable_pages(void);
u64 esx_large_shareable_frames(void);

void esx_large_visit(struct esx_region *region, pgoff_t first, pgoff_t end,
		     struct esx_candidate *cand, struct esx_share_visit *visit);
int esx_large_break(struct esx_slot *slot, struct esx_break *how);
void esx_large_set_gain(struct esx_region *region, unsigned int gain);
void esx_large_forget_frame(struct esx_region *region);
void esx_large_forget_vm(struct esx_vm *vm);

#endif /* _ESXMEM_SHARE_LARGE_H */
