/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Chains of hints: what hangs from a bucket of their table.
 */
#ifndef _ESXMEM_SHARE_CHAIN_H
#define _ESXMEM_SHARE_CHAIN_H

#include <linux/types.h>

struct esx_hints_query;
struct esx_shard;

#define ESX_CHAIN_LENGTH_BITS	8
#define ESX_CHAIN_FILTER_BITS	(32 - ESX_CHAIN_LENGTH_BITS)

/**
 * struct esx_chain - head of a bucket
 */
struct esx_chain {
	/** @first: name of the newest hint, or ESX_HINT_NONE. */
	u32 first;
	/** @length: number of hints, up to ESX_HINTS_MAX_CHAIN. */
	u32 length : ESX_CHAIN_LENGTH_BITS;
	/** @filter: has the bits of each hint and perhaps others, see chain.c. */
	u32 filter : ESX_CHAIN_FILTER_BITS;
};

bool esx_chain_insert(struct esx_chain *chain, struct esx_shard *shard, u32 name);
void esx_chain_remove(struct esx_chain *chain, struct esx_shard *shard, u32 name);
bool esx_chain_find(struct esx_chain *chain, u32 tag, struct esx_hints_query *query);

void esx_chain_split(void *from, void *to, u32 bucket, u32 nr_buckets);
void esx_chain_merge(struct esx_shard *shard, void *from, void *to);

long esx_chain_check(const struct esx_chain *chain, const struct esx_shard *shard, u32 bucket,
		     u32 nr_buckets);

#endif /* _ESXMEM_SHARE_CHAIN_H */
