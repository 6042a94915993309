// SPDX-License-Identifier: GPL-2.0
/*
 * Buckets of hash tables (see buckets.h), for the table of hints and the table
 * of shared frames.
 *
 * Locks.  resize_lock (mutex) protects the number of buckets; nothing is
 * allocated under it, so reclaim may shrink a table.  The shard locks
 * (spinlocks) are leaves inside it.  As there are never fewer buckets than
 * shards, and both numbers of shards and of the first buckets are powers of two,
 * the shard follows from the hash alone, with two consequences:
 *  - Splitting or merging a bucket takes one lock: both halves are one shard.
 *  - While a shard's lock is held no bucket of the shard is split or merged.
 *    The number of buckets may change then, but only by buckets of other shards,
 *    so any value that it has meanwhile leads to the same bucket.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/prefetch.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../compat.h"
#include "buckets.h"

/* A segment is a page of 2^this heads. */
#define SEGMENT_ORDER		(PAGE_SHIFT - 3)
/* A table has at least one segment, hence no fewer buckets than shards. */
#define MIN_BUCKETS		BIT(SEGMENT_ORDER)
/* Buckets too many before a table shrinks: elements come and go. */
#define MIN_SLACK		1024U
#define SLACK_SHIFT		3	/* an eighth of those there are */

/* Segments that a small table has room for. */
#define MIN_SEGMENTS		64
/* Buckets that are split or merged at one go. */
#define RESIZE_BATCH		64

static_assert(MIN_BUCKETS >= ESX_NR_SHARDS);
static_assert(MIN_BUCKETS * ESX_HEAD_BYTES == PAGE_SIZE);

static struct kmem_cache *segment_cache;

static u32 wanted_buckets(const struct esx_buckets *buckets)
{
	return clamp_t(unsigned long, buckets->ops->wanted(), MIN_BUCKETS, U32_MAX);
}

/**
 * esx_bucket_of() - where a hash belongs
 * @hash: the hash
 * @nr_buckets: how many buckets there are
 *
 * Return: the number of the bucket.
 */
u32 esx_bucket_of(u32 hash, u32 nr_buckets)
{
	u32 low = rounddown_pow_of_two(nr_buckets);
	u32 bucket = hash & (2 * low - 1);

	return bucket < nr_buckets ? bucket : bucket & (low - 1);
}

/* The bucket that @bucket is split off from and merged into. */
static u32 parent_of(u32 bucket)
{
	return bucket - rounddown_pow_of_two(bucket);
}

/**
 * esx_buckets_shard() - which lock a hash needs
 * @buckets: the buckets
 * @hash: the hash
 *
 * Return: the shard of its bucket, whatever the number of buckets.
 */
struct esx_shard *esx_buckets_shard(struct esx_buckets *buckets, u32 hash)
{
	return &buckets->shards[hash % ESX_NR_SHARDS];
}

/**
 * esx_buckets_head_at() - the head of a bucket
 * @buckets: the buckets
 * @bucket: number of the bucket, of which there is one
 *
 * Return: the head.
 */
void *esx_buckets_head_at(struct esx_buckets *buckets, u32 bucket)
{
	/* Under resize_lock, or within a spinlock, which keeps RCU waiting. */
	struct esx_segments *segments = rcu_dereference_raw(buckets->segments);
	void *heads = READ_ONCE(segments->heads[bucket >> SEGMENT_ORDER]);

	return heads + (bucket & (MIN_BUCKETS - 1)) * ESX_HEAD_BYTES;
}

static u32 nr_buckets_of(const struct esx_buckets *buckets)
{
	/* Pairs with the release in split_bucket(): what there are have a segment. */
	return smp_load_acquire(&buckets->nr_buckets);
}

/**
 * esx_buckets_fetch() - have the head of a bucket fetched into the cache
 * @buckets: the buckets
 * @hash: a hash of the bucket
 *
 * Needs no lock: should the head be gone by now, something else is fetched, or
 * nothing.
 */
void esx_buckets_fetch(struct esx_buckets *buckets, u32 hash)
{
	rcu_read_lock();
	prefetch(esx_buckets_head_at(buckets, esx_bucket_of(hash, nr_buckets_of(buckets))));
	rcu_read_unlock();
}

/**
 * esx_buckets_head() - the head of the bucket of a hash
 * @buckets: the buckets
 * @hash: the hash, whose shard's lock is held
 *
 * Return: the head, valid until the lock is dropped.
 */
void *esx_buckets_head(struct esx_buckets *buckets, u32 hash)
{
	lockdep_assert_held(&esx_buckets_shard(buckets, hash)->lock);

	return esx_buckets_head_at(buckets, esx_bucket_of(hash, nr_buckets_of(buckets)));
}

static void split_bucket(struct esx_buckets *buckets)
{
	u32 bucket = buckets->nr_buckets;
	struct esx_shard *shard = esx_buckets_shard(buckets, bucket);

	lockdep_assert_held(&buckets->resize_lock);

	spin_lock(&shard->lock);
	buckets->ops->split(esx_buckets_head_at(buckets, parent_of(bucket)),
			    esx_buckets_head_at(buckets, bucket), bucket, bucket + 1);
	smp_store_release(&buckets->nr_buckets, bucket + 1);
	shard->nr_changes++;
	spin_unlock(&shard->lock);
}

static void merge_bucket(struct esx_buckets *buckets)
{
	u32 bucket = buckets->nr_buckets - 1;
	struct esx_shard *shard = esx_buckets_shard(buckets, bucket);

	lockdep_assert_held(&buckets->resize_lock);

	spin_lock(&shard->lock);
	buckets->ops->merge(shard, esx_buckets_head_at(buckets, bucket),
			    esx_buckets_head_at(buckets, parent_of(bucket)));
	WRITE_ONCE(buckets->nr_buckets, bucket);
	shard->nr_changes++;
	spin_unlock(&shard->lock);
}

static struct esx_segments *alloc_segments(unsigned long nr)
{
	struct esx_segments *segments;

	segments = kvzalloc(struct_size(segments, heads, nr), GFP_KERNEL_ACCOUNT);
	if (segments)
		segments->nr = nr;
	return segments;
}

static struct esx_segments *segments_of(struct esx_buckets *buckets)
{
	return rcu_dereference_protected(buckets->segments, lockdep_is_held(&buckets->resize_lock));
}

/* Puts @larger in the place of what is too small; returns what is to be freed. */
static struct esx_segments *enlarge(struct esx_buckets *buckets, struct esx_segments *larger)
{
	struct esx_segments *old = segments_of(buckets);

	if (old->nr >= larger->nr)
		return larger;
	memcpy(larger->heads, old->heads, old->nr * sizeof(*old->heads));
	rcu_assign_pointer(buckets->segments, larger);
	return old;
}

/* Called without resize_lock; somebody else may be faster. */
static int make_room(struct esx_buckets *buckets, unsigned long nr)
{
	struct esx_segments *larger = alloc_segments(nr);

	if (!larger)
		return -ENOMEM;
	mutex_lock(&buckets->resize_lock);
	larger = enlarge(buckets, larger);
	mutex_unlock(&buckets->resize_lock);
	/* Those who look up heads hold a shard's lock, or RCU's. */
	synchronize_rcu();
	kvfree(larger);
	return 0;
}

/* Likewise. */
static int add_segment(struct esx_buckets *buckets, unsigned long index)
{
	void *segment = kmem_cache_zalloc(segment_cache, GFP_KERNEL_ACCOUNT);
	struct esx_segments *segments;

	if (!segment)
		return -ENOMEM;
	mutex_lock(&buckets->resize_lock);
	segments = segments_of(buckets);
	if (index < segments->nr && !segments->heads[index]) {
		WRITE_ONCE(segments->heads[index], segment);
		atomic_long_inc(&buckets->nr_segments);
		segment = NULL;
	}
	mutex_unlock(&buckets->resize_lock);
	if (segment)
		kmem_cache_free(segment_cache, segment);
	return 0;
}

/* Nobody uses its buckets any more: each was merged under its shard's lock. */
static void remove_segment(struct esx_buckets *buckets, unsigned long index)
{
	struct esx_segments *segments = segments_of(buckets);

	kmem_cache_free(segment_cache, segments->heads[index]);
	WRITE_ONCE(segments->heads[index], NULL);
	atomic_long_dec(&buckets->nr_segments);
}

static bool has_fewer(const struct esx_buckets *buckets, unsigned long wanted)
{
	return READ_ONCE(buckets->nr_buckets) < min_t(unsigned long, wanted, U32_MAX);
}

static bool has_too_many(const struct esx_buckets *buckets)
{
	u32 nr = READ_ONCE(buckets->nr_buckets);

	return nr > (u64)wanted_buckets(buckets) + max(nr >> SLACK_SHIFT, MIN_SLACK);
}

/**
 * esx_buckets_fit() - is the number of buckets what it should be?
 * @buckets: the buckets
 *
 * Return: false when esx_buckets_grow() or esx_buckets_shrink() had work.
 */
bool esx_buckets_fit(struct esx_buckets *buckets)
{
	return !has_fewer(buckets, wanted_buckets(buckets)) && !has_too_many(buckets);
}

/*
 * Between two buckets, now and then: a large table takes long, and somebody may
 * wait who has work for a few.
 */
static void let_others_resize(struct esx_buckets *buckets)
{
	if (buckets->nr_buckets % RESIZE_BATCH)
		return;
	mutex_unlock(&buckets->resize_lock);
	cond_resched();
	mutex_lock(&buckets->resize_lock);
}

/**
 * esx_buckets_grow() - split buckets until there are enough
 * @buckets: the buckets
 * @wanted: how many are enough for the caller
 *
 * May sleep.  The table works without, but its chains get longer.
 *
 * Return: 0 or -ENOMEM.
 */
int esx_buckets_grow(struct esx_buckets *buckets, unsigned long wanted)
{
	struct esx_segments *segments;
	unsigned long index, nr;
	int err = 0;

	might_sleep();

	if (!has_fewer(buckets, wanted))
		return 0;
	mutex_lock(&buckets->resize_lock);
	while (!err && has_fewer(buckets, wanted)) {
		index = buckets->nr_buckets >> SEGMENT_ORDER;
		segments = segments_of(buckets);
		nr = segments->nr;
		if (index < nr && segments->heads[index]) {
			split_bucket(buckets);
			let_others_resize(buckets);
			continue;
		}
		mutex_unlock(&buckets->resize_lock);
		err = index < nr ? add_segment(buckets, index) : make_room(buckets, 2 * nr);
		mutex_lock(&buckets->resize_lock);
	}
	mutex_unlock(&buckets->resize_lock);
	return err;
}

/**
 * esx_buckets_shrink() - merge buckets when there are far too many
 * @buckets: the buckets
 *
 * May sleep, allocates nothing.
 */
void esx_buckets_shrink(struct esx_buckets *buckets)
{
	might_sleep();

	if (!has_too_many(buckets))
		return;

	mutex_lock(&buckets->resize_lock);
	while (buckets->nr_buckets > wanted_buckets(buckets)) {
		merge_bucket(buckets);
		if (!(buckets->nr_buckets & (MIN_BUCKETS - 1)))
			remove_segment(buckets, buckets->nr_buckets >> SEGMENT_ORDER);
		let_others_resize(buckets);
	}
	mutex_unlock(&buckets->resize_lock);
}

/**
 * esx_buckets_for_each() - visit every bucket
 * @buckets: the buckets
 * @fn: what to do with a head, under the lock of its shard; anything but 0 ends
 *	the walk
 * @ctx: for @fn
 *
 * No bucket is split or merged meanwhile.  May sleep between two buckets.
 *
 * Return: what @fn returned last.
 */
int esx_buckets_for_each(struct esx_buckets *buckets, int (*fn)(void *head, void *ctx), void *ctx)
{
	struct esx_shard *shard;
	int ret = 0;
	u32 bucket;

	mutex_lock(&buckets->resize_lock);
	for (bucket = 0; !ret && bucket < buckets->nr_buckets; bucket++) {
		shard = esx_buckets_shard(buckets, bucket);
		spin_lock(&shard->lock);
		ret = fn(esx_buckets_head_at(buckets, bucket), ctx);
		spin_unlock(&shard->lock);
		cond_resched();
	}
	mutex_unlock(&buckets->resize_lock);
	return ret;
}

/**
 * esx_buckets_count() - how many elements there are
 * @buckets: the buckets
 *
 * Return: the number; a rough one while the table is in use.
 */
long esx_buckets_count(struct esx_buckets *buckets)
{
	unsigned int i;
	long nr = 0;

	for (i = 0; i < ESX_NR_SHARDS; i++)
		nr += READ_ONCE(buckets->shards[i].nr);
	return nr;
}

/**
 * esx_buckets_bytes() - how much memory the heads take
 * @buckets: the buckets
 *
 * Return: bytes, without the pointers to the segments (1/512 of the most of it).
 */
size_t esx_buckets_bytes(struct esx_buckets *buckets)
{
	return atomic_long_read(&buckets->nr_segments) * PAGE_SIZE;
}

/**
 * esx_buckets_open() - make the buckets of an empty table
 * @buckets: to be filled
 * @ops: the table's
 *
 * Return: 0 or -ENOMEM.
 */
int esx_buckets_open(struct esx_buckets *buckets, const struct esx_buckets_ops *ops)
{
	unsigned int i;
	int err;

	buckets->ops = ops;
	buckets->nr_buckets = MIN_BUCKETS;
	atomic_long_set(&buckets->nr_segments, 0);
	mutex_init(&buckets->resize_lock);
	RCU_INIT_POINTER(buckets->segments, alloc_segments(MIN_SEGMENTS));
	if (!rcu_access_pointer(buckets->segments))
		return -ENOMEM;
	for (i = 0; i < ESX_NR_SHARDS; i++)
		spin_lock_init(&buckets->shards[i].lock);
	err = add_segment(buckets, 0);
	if (err)
		esx_buckets_close(buckets);
	return err;
}

/**
 * esx_buckets_close() - free the buckets of a table
 * @buckets: from esx_buckets_open(), empty
 */
void esx_buckets_close(struct esx_buckets *buckets)
{
	struct esx_segments *segments = rcu_dereference_protected(buckets->segments, true);
	unsigned long i;

	WARN_ON_ONCE(esx_buckets_count(buckets));
	for (i = 0; i < segments->nr; i++) {
		if (segments->heads[i])
			kmem_cache_free(segment_cache, segments->heads[i]);
	}
	kvfree(segments);
}

/**
 * esx_buckets_init() - make the cache of the segments
 *
 * Return: 0 or -ENOMEM.
 */
int esx_buckets_init(void)
{
	segment_cache = kmem_cache_create("esx_buckets", PAGE_SIZE, PAGE_SIZE,
					  SLAB_ACCOUNT | SLAB_NO_MERGE, NULL);
	return segment_cache ? 0 : -ENOMEM;
}

/**
 * esx_buckets_exit() - free the cache; no table may be open
 */
void esx_buckets_exit(void)
{
	kmem_cache_destroy(segment_cache);
}
