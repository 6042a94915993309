/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory of hints and their names, for hints.c and chain.c alone.
 */
#ifndef _ESXMEM_SHARE_HINTS_MEM_H
#define _ESXMEM_SHARE_HINTS_MEM_H

#include <linux/compiler.h>
#include <linux/types.h>

#include "../types.h"

struct esx_region;

/**
 * struct esx_hint - one hint
 */
struct esx_hint {
	/** @tag: upper half of the hash. */
	u32 tag;
	/** @next: name of the next of the bucket, ESX_HINT_NONE or _UNFILED. */
	u32 next;
};

/* Behind the last hint of a bucket. */
#define ESX_HINT_NONE		0U
/* All bits set: how memory of hints begins. */
#define ESX_HINT_UNFILED	U32_MAX

/**
 * struct esx_hints - the hints of one region
 */
struct esx_hints {
	/** @id: number of the object. */
	u32 id;
	/** @nr: how many: ESX_REGION_PAGES, or fewer: samples. */
	u32 nr;
	/** @region: whose. */
	struct esx_region *region;
	/** @hints: a page of them; samples follow the object. */
	struct esx_hint *hints;
};

/* What the other hints of a bucket call one. */
static inline u32 esx_hint_name(const struct esx_hints *hints, unsigned int idx)
{
	return hints->id << ESX_REGION_ORDER | idx;
}

static inline bool esx_hint_is_filed(const struct esx_hint *hint)
{
	return READ_ONCE(hint->next) != ESX_HINT_UNFILED;
}

struct esx_hints *esx_hints_by_name(u32 name);
struct esx_hint *esx_hint_by_name(u32 name);

int esx_hints_alloc(struct esx_region *region, unsigned int nr, struct esx_hints **out);
void esx_hints_free(struct esx_hints *hints);
size_t esx_hints_mem_bytes(void);
long esx_hints_count_filed(void);

int esx_hints_mem_init(void);
void esx_hints_mem_exit(void);

#endif /* _ESXMEM_SHARE_HINTS_MEM_H */
