// SPDX-License-Identifier: GPL-2.0
/*
 * Chains of hints.
 *
 * The head of a chain has a filter: two bits for each hint, chosen by its tag.  A
 * page that is like no other, the usual one, is told by the filter without a
 * look at the hints, each of which is a cache miss or two.  The bits of a hint
 * that was dropped stay until somebody walks the chain to its end.
 *
 * The newest hint comes first.  A chain that is full drops its oldest.
 *
 * All of this is done under the lock of the shard of the bucket.  It keeps the
 * hints of the chain alive, see hints.c.
 */
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/lockdep.h>

#include "../types.h"
#include "buckets.h"
#include "chain.h"
#include "hints.h"
#include "hints_mem.h"

static_assert(sizeof(struct esx_chain) == ESX_HEAD_BYTES);
/* Two chains are made one before it is cut. */
static_assert(2 * ESX_HINTS_MAX_CHAIN < BIT(ESX_CHAIN_LENGTH_BITS));

/* From the bits of a tag that choose the bucket in the largest tables only. */
static u32 filter_of(u32 tag)
{
	return esx_filter_of(tag, ESX_CHAIN_FILTER_BITS);
}

/* Can there be a hint of @tag in the chain? */
static bool may_hold(const struct esx_chain *chain, u32 tag)
{
	return !(filter_of(tag) & ~chain->filter);
}

static void count_in(struct esx_chain *chain, const struct esx_hint *hint)
{
	chain->length++;
	chain->filter |= filter_of(hint->tag);
}

/* Puts a hint behind all others, so that they stay in order. */
static void append_hint(struct esx_chain *chain, u32 **end, u32 name, struct esx_hint *hint)
{
	WRITE_ONCE(**end, name);
	*end = &hint->next;
	count_in(chain, hint);
}

static void unfile(struct esx_shard *shard, struct esx_hint *hint)
{
	lockdep_assert_held(&shard->lock);

	WRITE_ONCE(hint->next, ESX_HINT_UNFILED);
	shard->nr--;
	shard->nr_changes++;
}

/* Drops the oldest hints until no more than @max are left. */
static void cut_chain(struct esx_chain *chain, struct esx_shard *shard, unsigned int max)
{
	struct esx_chain left = {};
	u32 *end = &left.first;
	struct esx_hint *hint;
	u32 name, next;

	for (name = chain->first; name != ESX_HINT_NONE; name = next) {
		hint = esx_hint_by_name(name);
		next = hint->next;
		if (left.length == max)
			unfile(shard, hint);
		else
			append_hint(&left, &end, name, hint);
	}
	WRITE_ONCE(*end, ESX_HINT_NONE);
	*chain = left;
}

/**
 * esx_chain_insert() - file a hint
 * @chain: of its bucket
 * @shard: of the bucket, locked
 * @name: of the hint, which is not filed and has its tag
 *
 * Return: false when certainly no other has its tag.
 */
bool esx_chain_insert(struct esx_chain *chain, struct esx_shard *shard, u32 name)
{
	struct esx_hint *hint = esx_hint_by_name(name);
	bool met;

	if (chain->length == ESX_HINTS_MAX_CHAIN)
		cut_chain(chain, shard, ESX_HINTS_MAX_CHAIN - 1);
	met = may_hold(chain, hint->tag);
	WRITE_ONCE(hint->next, chain->first);
	chain->first = name;
	count_in(chain, hint);
	shard->nr++;
	shard->nr_changes++;
	return met;
}

/**
 * esx_chain_remove() - drop a hint
 * @chain: of its bucket
 * @shard: of the bucket, locked
 * @name: of the hint, which is filed
 */
void esx_chain_remove(struct esx_chain *chain, struct esx_shard *shard, u32 name)
{
	struct esx_hint *hint = esx_hint_by_name(name);
	u32 *link = &chain->first;

	while (*link != name && *link != ESX_HINT_NONE)
		link = &esx_hint_by_name(*link)->next;
	if (WARN_ON_ONCE(*link == ESX_HINT_NONE))
		return;
	WRITE_ONCE(*link, hint->next);
	unfile(shard, hint);
	chain->length--;
	if (!chain->length)
		chain->filter = 0;
}

/**
 * esx_chain_find() - find a hint
 * @chain: the chain, its shard locked
 * @tag: that of @query's hash
 * @query: what to look for, see esx_hints_find()
 *
 * A walk to the end makes the filter anew.
 *
 * Return: true when a call of @query->get returned true.
 */
bool esx_chain_find(struct esx_chain *chain, u32 tag, struct esx_hints_query *query)
{
	struct esx_hints *hints;
	unsigned int nr_fits = 0;
	struct esx_hint *hint;
	u32 name, filter = 0;
	unsigned int idx;

	if (!may_hold(chain, tag))
		return false;
	for (name = chain->first; name != ESX_HINT_NONE; name = hint->next) {
		hints = esx_hints_by_name(name);
		idx = name & ESX_REGION_MASK;
		hint = &hints->hints[idx];
		filter |= filter_of(hint->tag);
		if (hint->tag != tag)
			continue;
		if (hints == query->self && idx == query->self_idx)
			continue;
		if (nr_fits++ < query->pos)
			continue;
		query->pos = nr_fits;
		if (query->get(hints, idx, query->ctx))
			return true;
	}
	chain->filter = filter;
	return false;
}

/**
 * esx_chain_split() - move what belongs to another bucket
 * @from: the chain
 * @to: the other one, empty
 * @bucket: number of the other one
 * @nr_buckets: how many buckets there are then
 *
 * Both chains keep their order.
 */
void esx_chain_split(void *from, void *to, u32 bucket, u32 nr_buckets)
{
	struct esx_chain left = {}, *chain = from, *other = to;
	u32 *end = &left.first, *other_end = &other->first;
	struct esx_hint *hint;
	u32 name, next;

	for (name = chain->first; name != ESX_HINT_NONE; name = next) {
		hint = esx_hint_by_name(name);
		next = hint->next;
		if (esx_bucket_of(hint->tag, nr_buckets) == bucket)
			append_hint(other, &other_end, name, hint);
		else
			append_hint(&left, &end, name, hint);
	}
	WRITE_ONCE(*other_end, ESX_HINT_NONE);
	WRITE_ONCE(*end, ESX_HINT_NONE);
	*chain = left;
}

/**
 * esx_chain_merge() - make one chain of two
 * @shard: of both, locked
 * @from: a chain; empty after
 * @to: the chain that goes on
 */
void esx_chain_merge(struct esx_shard *shard, void *from, void *to)
{
	struct esx_chain *other = from, *chain = to;
	u32 *link = &chain->first;

	while (*link != ESX_HINT_NONE)
		link = &esx_hint_by_name(*link)->next;
	WRITE_ONCE(*link, other->first);
	chain->length += other->length;
	chain->filter |= other->filter;
	*other = (struct esx_chain){};
	if (chain->length > ESX_HINTS_MAX_CHAIN)
		cut_chain(chain, shard, ESX_HINTS_MAX_CHAIN);
}

static bool is_sound(const struct esx_chain *chain, u32 name, u32 bucket, u32 nr_buckets)
{
	const struct esx_hint *hint;

	if (!esx_hints_by_name(name))
		return false;
	hint = esx_hint_by_name(name);
	return esx_hint_is_filed(hint) && may_hold(chain, hint->tag) &&
	       esx_bucket_of(hint->tag, nr_buckets) == bucket;
}

/**
 * esx_chain_check() - verify a chain
 * @chain: the chain
 * @shard: of its bucket, locked
 * @bucket: number of the bucket
 * @nr_buckets: how many buckets there are; of other shards more or fewer now
 *
 * Return: number of breaches found.
 */
long esx_chain_check(const struct esx_chain *chain, const struct esx_shard *shard, u32 bucket,
		     u32 nr_buckets)
{
	u32 name, length = 0;

	lockdep_assert_held(&shard->lock);

	for (name = chain->first; name != ESX_HINT_NONE; name = esx_hint_by_name(name)->next) {
		/* One that bites its tail would keep this going for ever. */
		if (++length > chain->length || !is_sound(chain, name, bucket, nr_buckets))
			return 1;
	}
	return length != chain->length || length > ESX_HINTS_MAX_CHAIN;
}
