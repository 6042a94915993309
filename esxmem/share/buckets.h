/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The buckets of a hash table whose number follows what is in the table.
 *
 * Linear hashing: with n buckets and 2^l the largest power of two below n, the
 * last bucket is split off from, or merged into, bucket n - 1 - 2^l.  One bucket
 * at a time is held up, for as long as its chain is taken apart.  The segments of
 * heads come and go one by one.
 *
 * What a head is and how elements hang from it is the table's business.
 */
#ifndef _ESXMEM_SHARE_BUCKETS_H
#define _ESXMEM_SHARE_BUCKETS_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#define ESX_NR_SHARDS		256

/* Size of a bucket's head. */
#define ESX_HEAD_BYTES		8

/**
 * struct esx_shard - all buckets whose numbers are equal modulo ESX_NR_SHARDS
 */
struct esx_shard {
	/** @lock: of the chains of these buckets; a leaf. */
	spinlock_t lock;
	/** @nr: elements in the chains, kept by the table.  Protected by @lock. */
	u32 nr;
	/** @nr_changes: of the chains.  Protected by @lock. */
	unsigned long nr_changes;
} ____cacheline_aligned_in_smp;

/**
 * struct esx_buckets_ops - what the table has to say
 *
 * An empty head is all zeros.
 */
struct esx_buckets_ops {
	/** @wanted: how many buckets there should be now. */
	unsigned long (*wanted)(void);
	/**
	 * @split: move what belongs to bucket number @bucket, of @nr_buckets,
	 * from the chain at @from to the empty chain at @to.  Under the lock of
	 * the shard of both.
	 */
	void (*split)(void *from, void *to, u32 bucket, u32 nr_buckets);
	/**
	 * @merge: move all of the chain at @from to the one at @to.  Under the
	 * lock of @shard, which is that of both.
	 */
	void (*merge)(struct esx_shard *shard, void *from, void *to);
};

/**
 * struct esx_segments - where the heads are
 *
 * Replaced when it is too small.  It is read for each look-up, so it is flat.
 */
struct esx_segments {
	/** @nr: how many segments there may be. */
	unsigned long nr;
	/** @heads: pages of heads, by number of the segment, or NULL. */
	void *heads[] __counted_by(nr);
};

/**
 * struct esx_buckets - the buckets of one table
 */
struct esx_buckets {
	/** @ops: the table's. */
	const struct esx_buckets_ops *ops;
	/** @resize_lock: held by who splits and merges. */
	struct mutex resize_lock;
	/** @nr_buckets: written under @resize_lock and the shard's lock. */
	u32 nr_buckets;
	/** @nr_segments: pages of heads. */
	atomic_long_t nr_segments;
	/** @segments: the heads.  Written under @resize_lock. */
	struct esx_segments __rcu *segments;
	/** @shards: the locks. */
	struct esx_shard shards[ESX_NR_SHARDS];
};

/**
 * esx_filter_of() - an element's bits in the filter of its bucket
 * @hash: a hash of the element, whose upper bits count
 * @nr_bits: how many bits a filter has
 *
 * An element whose bits are not all in a bucket's filter is not in the bucket.
 *
 * Return: one or two bits.
 */
static inline u32 esx_filter_of(u32 hash, unsigned int nr_bits)
{
	return BIT(((u64)hash * nr_bits) >> 32) | BIT(((u64)(hash << 6) * nr_bits) >> 32);
}

int esx_buckets_init(void);
void esx_buckets_exit(void);

int esx_buckets_open(struct esx_buckets *buckets, const struct esx_buckets_ops *ops);
void esx_buckets_close(struct esx_buckets *buckets);

u32 esx_bucket_of(u32 hash, u32 nr_buckets);
struct esx_shard *esx_buckets_shard(struct esx_buckets *buckets, u32 hash);
void *esx_buckets_head(struct esx_buckets *buckets, u32 hash);
void esx_buckets_fetch(struct esx_buckets *buckets, u32 hash);
void *esx_buckets_head_at(struct esx_buckets *buckets, u32 bucket);

bool esx_buckets_fit(struct esx_buckets *buckets);
int esx_buckets_grow(struct esx_buckets *buckets, unsigned long wanted);
void esx_buckets_shrink(struct esx_buckets *buckets);

int esx_buckets_for_each(struct esx_buckets *buckets, int (*fn)(void *head, void *ctx), void *ctx);
long esx_buckets_count(struct esx_buckets *buckets);
size_t esx_buckets_bytes(struct esx_buckets *buckets);

#endif /* _ESXMEM_SHARE_BUCKETS_H */
