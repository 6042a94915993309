/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One pass over all files, handed out in chunks.
 */
#ifndef _ESXMEM_SHARE_PASS_H
#define _ESXMEM_SHARE_PASS_H

#include "batch.h"

/* Regions that are handed out at one go: 64 MB of address space. */
#define ESX_CHUNK_REGIONS	32

/**
 * struct esx_chunk - what a worker does before it asks again
 */
struct esx_chunk {
	/** @pmap: the map, with a reference. */
	struct esx_pmap *pmap;
	/** @first: first region. */
	pgoff_t first;
	/** @end: the region after the last. */
	pgoff_t end;
	/** @fresh: only regions that were filled since they were last visited. */
	bool fresh;
	/** @pass: number of the pass. */
	u64 pass;
	/** @break_hot: see struct esx_share_visit. */
	bool break_hot;
	/** @wait_ms: with ESX_PASS_WAIT: how long to wait before asking again. */
	unsigned int wait_ms;
};

/**
 * enum esx_pass_next - what esx_pass_next() has to say
 */
enum esx_pass_next {
	/** @ESX_PASS_CHUNK: there is work. */
	ESX_PASS_CHUNK,
	/**
	 * @ESX_PASS_WAIT: all is handed out and others are still at work, or it
	 * is not yet time for the next pass.
	 */
	ESX_PASS_WAIT,
	/** @ESX_PASS_OVER: the pass is over; ask again. */
	ESX_PASS_OVER,
};

enum esx_pass_next esx_pass_next(struct esx_chunk *chunk, bool random);
void esx_pass_done(struct esx_chunk *chunk, const struct esx_merge_report *report);
void esx_pass_hasten(void);
u64 esx_pass_pages(void);
void esx_pass_reset(void);

#endif /* _ESXMEM_SHARE_PASS_H */
