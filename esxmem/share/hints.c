// SPDX-License-Identifier: GPL-2.0
/*
 * The table of hints (the paper, section 4.1).
 *
 * A hint is 8 bytes: half of the page's hash, and a link to the next hint of
 * its bucket.  The hints of one region, 512 of them, fill one page of memory;
 * a hint is named by the number of its region's hints and its place in there.
 * With a quarter of a bucket head for each page that is 10 bytes for a page
 * tracked, and nothing is allocated when a hint is filed.
 *
 * Buckets are made for the hints that there are, and for those that are expected
 * soon (see esx_hints_expect()): to split a bucket is cheap while it is empty.
 *
 * A region that has no page entries, one 2 MB frame, may have a few hints
 * instead, its *samples*.  They are numbered, what of is for their user to know.
 *
 * The buckets and their locks are those of buckets.c, what hangs from a bucket is
 * a chain (chain.c).
 *
 * Fields of a hint.  The link is written under the lock of the shard.  The hash
 * is written while the hint is in no bucket, by whoever files it: callers take
 * turns filing and dropping for one page (the entry lock).  A full bucket drops
 * its oldest hints, so a hint that was filed may be gone when its owner looks.
 *
 * Life of struct esx_hints: from esx_hints_create() to esx_hints_destroy().
 * Destruction unlinks each hint under its shard's lock before anything is freed.
 * So whoever reaches a hint by a bucket may use the object and its region until
 * that lock is dropped, without reference counts and without RCU.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "../compat.h"
#include "../pmap.h"
#include "buckets.h"
#include "chain.h"
#include "hints.h"
#include "hints_mem.h"

/* For so many hints there is a bucket. */
#define HINTS_PER_BUCKET	4

static struct {
	atomic_long_t nr_slots;	/* hints that could be filed */
	atomic_long_t nr_expected;	/* see esx_hints_expect() */
	struct esx_buckets buckets;
} table;

static u32 hash_to_tag(u64 hash)
{
	return upper_32_bits(hash);
}

static struct esx_shard *tag_to_shard(u32 tag)
{
	return esx_buckets_shard(&table.buckets, tag);
}

static struct esx_chain *chain_of_tag(u32 tag)
{
	return esx_buckets_head(&table.buckets, tag);
}

/**
 * esx_hints_region() - whose hints?
 * @hints: the hints
 *
 * Return: their region.
 */
struct esx_region *esx_hints_region(const struct esx_hints *hints)
{
	return hints->region;
}
ESX_EXPORT_FOR_TESTS(esx_hints_region);

/**
 * esx_hints_is_sample() - are there fewer hints than pages?
 * @hints: the hints
 *
 * Return: false when hint number n is that of the region's page n.
 */
bool esx_hints_is_sample(const struct esx_hints *hints)
{
	return hints->nr != ESX_REGION_PAGES;
}
ESX_EXPORT_FOR_TESTS(esx_hints_is_sample);

/**
 * esx_hints_has() - is there a hint of a page?
 * @hints: hints of the page's region
 * @idx: number of the page in the region, or of the sample
 *
 * Return: true if there was one just now.
 */
bool esx_hints_has(const struct esx_hints *hints, unsigned int idx)
{
	return esx_hint_is_filed(&hints->hints[idx]);
}
ESX_EXPORT_FOR_TESTS(esx_hints_has);

/**
 * esx_hints_drop() - forget the hint of a page
 * @hints: hints of the page's region
 * @idx: number of the page in the region, or of the sample; locked by the caller
 *
 * Does nothing if there is none.
 */
void esx_hints_drop(struct esx_hints *hints, unsigned int idx)
{
	struct esx_hint *hint = &hints->hints[idx];
	struct esx_shard *shard;

	if (!esx_hint_is_filed(hint))
		return;

	shard = tag_to_shard(hint->tag);
	spin_lock(&shard->lock);
	/* Others may have dropped it while the lock was not held. */
	if (esx_hint_is_filed(hint))
		esx_chain_remove(chain_of_tag(hint->tag), shard, esx_hint_name(hints, idx));
	spin_unlock(&shard->lock);
}
ESX_EXPORT_FOR_TESTS(esx_hints_drop);

/* Files a hint in place of the one there may be; may there be another like it? */
static bool file_anew(struct esx_hints *hints, unsigned int idx, u32 tag)
{
	struct esx_shard *shard = tag_to_shard(tag);
	bool met;

	esx_hints_drop(hints, idx);
	hints->hints[idx].tag = tag;
	spin_lock(&shard->lock);
	met = esx_chain_insert(chain_of_tag(tag), shard, esx_hint_name(hints, idx));
	spin_unlock(&shard->lock);
	return met;
}

static bool is_filed_as(const struct esx_hints *hints, unsigned int idx, u32 tag)
{
	return esx_hints_has(hints, idx) && hints->hints[idx].tag == tag;
}

/**
 * esx_hints_fetch() - have what the next call reads fetched into the cache
 * @hash: of a page that is about to be filed or looked for
 */
void esx_hints_fetch(u64 hash)
{
	esx_buckets_fetch(&table.buckets, hash_to_tag(hash));
}

/**
 * esx_hints_meet() - note the hash of a page, and look for others like it
 * @hints: hints of the page's region
 * @idx: number of the page in the region; locked by the caller
 * @hash: the page's hash
 *
 * esx_hints_file() and esx_hints_find() at the price of one.
 *
 * Return: false when esx_hints_find() has nothing to find.
 */
bool esx_hints_meet(struct esx_hints *hints, unsigned int idx, u64 hash)
{
	u32 tag = hash_to_tag(hash);

	if (WARN_ON_ONCE(idx >= hints->nr) || is_filed_as(hints, idx, tag))
		return true;
	return file_anew(hints, idx, tag);
}
ESX_EXPORT_FOR_TESTS(esx_hints_meet);

/**
 * esx_hints_file() - note the hash of a page
 * @hints: hints of the page's region
 * @idx: number of the page in the region, or of the sample; locked by the caller
 * @hash: the page's hash
 *
 * Replaces what was noted of the page.  Allocates nothing, does not sleep.
 *
 * Return: false if nothing changed, because a hint that cannot be told from
 * this one was filed already: searches for @hash found the page and will again.
 */
bool esx_hints_file(struct esx_hints *hints, unsigned int idx, u64 hash)
{
	u32 tag = hash_to_tag(hash);

	if (WARN_ON_ONCE(idx >= hints->nr) || is_filed_as(hints, idx, tag))
		return false;
	file_anew(hints, idx, tag);
	return true;
}
ESX_EXPORT_FOR_TESTS(esx_hints_file);

/**
 * esx_hints_hash() - what was noted of a page's hash
 * @hints: hints of the page's region
 * @idx: number of the page in the region; has a hint, locked by the caller
 *
 * Return: a hash that finds what the page's hash finds, see esx_hints_alike().
 */
u64 esx_hints_hash(const struct esx_hints *hints, unsigned int idx)
{
	return (u64)hints->hints[idx].tag << 32;
}

/**
 * esx_hints_alike() - does one hash stand for another in the table?
 * @a: hash of a page
 * @b: hash of another
 *
 * The table keeps a part of each hash only, so a hint of a page with hash @a
 * may be found in a search for @b and be no mistake.
 *
 * Return: the answer.
 */
bool esx_hints_alike(u64 a, u64 b)
{
	return hash_to_tag(a) == hash_to_tag(b);
}
ESX_EXPORT_FOR_TESTS(esx_hints_alike);

/**
 * esx_hints_find() - find a page that may have the same contents
 * @query: what to look for
 *
 * Half of the hash was compared, and the page may have been written to since:
 * the caller hashes the page that it is told of before believing anything.
 * When that fails it calls again, for another page may follow.
 *
 * Return: true when a call of @query->get returned true.
 */
bool esx_hints_find(struct esx_hints_query *query)
{
	u32 tag = hash_to_tag(query->hash);
	struct esx_shard *shard = tag_to_shard(tag);
	bool found;

	spin_lock(&shard->lock);
	found = esx_chain_find(chain_of_tag(tag), tag, query);
	spin_unlock(&shard->lock);
	return found;
}
ESX_EXPORT_FOR_TESTS(esx_hints_find);

static bool count_one(const struct esx_hints *hints, unsigned int idx, void *ctx)
{
	unsigned int *nr = ctx;

	(*nr)++;
	return false;
}

static unsigned int count_others(const struct esx_hints *hints, unsigned int idx)
{
	unsigned int nr = 0;
	struct esx_hints_query query = {
		.hash = esx_hints_hash(hints, idx),
		.self = hints,
		.self_idx = idx,
		.get = count_one,
		.ctx = &nr,
	};

	esx_hints_find(&query);
	return nr;
}

/**
 * esx_hints_twins() - how much would be saved if hints' pages were merged?
 * @hints: hints of a region, its owner's; none is filed or dropped meanwhile
 * @met: how many of them have another one like them
 *
 * Of n equal pages n - 1 are saved, which each of the n has an equal part in.
 *
 * Return: the sum of these parts, in 1/256 of a page.
 */
unsigned int esx_hints_twins(const struct esx_hints *hints, unsigned int *met)
{
	unsigned int i, nr, sum = 0;

	*met = 0;
	for (i = 0; i < hints->nr; i++) {
		nr = esx_hints_has(hints, i) ? count_others(hints, i) : 0;
		*met += nr > 0;
		sum += 256 * nr / (nr + 1);
	}
	return sum;
}
ESX_EXPORT_FOR_TESTS(esx_hints_twins);

static unsigned long buckets_for(const atomic_long_t *nr_hints)
{
	return atomic_long_read(nr_hints) / HINTS_PER_BUCKET;
}

static unsigned long wanted_buckets(void)
{
	return max(buckets_for(&table.nr_slots), buckets_for(&table.nr_expected));
}

static const struct esx_buckets_ops buckets_ops = {
	.wanted = wanted_buckets,
	.split = esx_chain_split,
	.merge = esx_chain_merge,
};

/**
 * esx_hints_expect() - make room before many hints are filed
 * @expected: how many the caller has expected; changed, a full barrier
 * @nr: how many it expects now, those that there are included; 0 in the end
 *
 * May sleep.  Without memory the table grows later, when it has to.
 */
void esx_hints_expect(atomic_long_t *expected, long nr)
{
	long more = nr - atomic_long_xchg(expected, nr);

	atomic_long_add(more, &table.nr_expected);
	if (more > 0)
		esx_buckets_grow(&table.buckets, wanted_buckets());
	else if (more < 0)
		esx_buckets_shrink(&table.buckets);
}
ESX_EXPORT_FOR_TESTS(esx_hints_expect);

/**
 * esx_hints_create() - make room for the hints of a region
 * @region: the region; must not be freed before the hints
 * @nr: how many: ESX_REGION_PAGES, or up to ESX_HINTS_MAX_SAMPLES, best a power
 *	of two
 * @out: where to return the hints, none of them filed
 *
 * Grows the table.  May sleep.
 *
 * Return: 0, -ENOMEM, or -EBUSY when no number is left (at 16 TB of pages).
 */
int esx_hints_create(struct esx_region *region, unsigned int nr, struct esx_hints **out)
{
	struct esx_hints *object;
	int err;

	if (WARN_ON_ONCE(nr != ESX_REGION_PAGES && (!nr || nr > ESX_HINTS_MAX_SAMPLES)))
		return -EINVAL;

	err = esx_hints_alloc(region, nr, &object);
	if (err)
		return err;

	atomic_long_add(object->nr, &table.nr_slots);
	/* For what all others expect they pay themselves, and chains may get longer. */
	esx_buckets_grow(&table.buckets, buckets_for(&table.nr_slots));
	*out = object;
	return 0;
}
ESX_EXPORT_FOR_TESTS(esx_hints_create);

/**
 * esx_hints_destroy() - forget all hints of a region
 * @hints: what esx_hints_create() made, or NULL
 *
 * The caller sees to it that nobody files or drops hints of the region.  After
 * this nobody else knows of the region either.  May sleep, allocates nothing.
 */
void esx_hints_destroy(struct esx_hints *hints)
{
	unsigned int idx;

	might_sleep();
	if (!hints)
		return;

	for (idx = 0; idx < hints->nr; idx++)
		esx_hints_drop(hints, idx);
	atomic_long_sub(hints->nr, &table.nr_slots);
	esx_buckets_shrink(&table.buckets);
	esx_hints_free(hints);
}
ESX_EXPORT_FOR_TESTS(esx_hints_destroy);

/**
 * esx_hints_of() - the hints of a region
 * @region: the region, of a map that is entered
 *
 * Return: the hints, or NULL when it has none yet.
 */
struct esx_hints *esx_hints_of(const struct esx_region *region)
{
	/* Pairs with the release in esx_hints_publish(). */
	return smp_load_acquire(&region->hints);
}
ESX_EXPORT_FOR_TESTS(esx_hints_of);

/**
 * esx_hints_publish() - give a region hints, unless it has some
 * @region: the region, of a map that is entered
 * @hints: made for it, none filed; destroyed when somebody was faster
 */
void esx_hints_publish(struct esx_region *region, struct esx_hints *hints)
{
	/* Pairs with the acquire in esx_hints_of(). */
	if (cmpxchg_release(&region->hints, NULL, hints))
		esx_hints_destroy(hints);
}
ESX_EXPORT_FOR_TESTS(esx_hints_publish);

/**
 * esx_hints_attach() - see to it that a region has hints
 * @region: the region, of a map that is entered
 * @nr: see esx_hints_create(); does not matter when the region has hints
 *
 * Any number of threads may do so at once, for one region too.  May sleep.
 *
 * Return: 0 or what esx_hints_create() returned.
 */
int esx_hints_attach(struct esx_region *region, unsigned int nr)
{
	struct esx_hints *hints;
	int err;

	if (esx_hints_of(region))
		return 0;
	err = esx_hints_create(region, nr, &hints);
	if (!err)
		esx_hints_publish(region, hints);
	return err;
}
ESX_EXPORT_FOR_TESTS(esx_hints_attach);

/**
 * esx_hints_count() - how many hints there are
 *
 * Return: the number; a rough one while others file and drop.
 */
long esx_hints_count(void)
{
	return esx_buckets_count(&table.buckets);
}
ESX_EXPORT_FOR_TESTS(esx_hints_count);

/**
 * esx_hints_bytes() - how much memory the hints and their table take
 *
 * Return: bytes, without the nodes of the two xarrays (below 1/400 of it).
 */
size_t esx_hints_bytes(void)
{
	return esx_hints_mem_bytes() + esx_buckets_bytes(&table.buckets);
}
ESX_EXPORT_FOR_TESTS(esx_hints_bytes);

/* Returns the number of broken hints in a bucket, adds the others to @nr. */
static long check_chain(const struct esx_shard *shard, u32 bucket, u32 *nr)
{
	struct esx_chain *chain = esx_buckets_head_at(&table.buckets, bucket);
	long nr_broken = esx_chain_check(chain, shard, bucket, READ_ONCE(table.buckets.nr_buckets));

	*nr += chain->length;
	return nr_broken;
}

/*
 * The lock is dropped between buckets.  Then the sum says something only if
 * nothing has changed in the meantime.
 */
static long check_shard(unsigned int number)
{
	struct esx_shard *shard = &table.buckets.shards[number];
	unsigned long nr_changes;
	long nr_broken = 0;
	u32 bucket, nr = 0;

	spin_lock(&shard->lock);
	nr_changes = shard->nr_changes;
	for (bucket = number; bucket < READ_ONCE(table.buckets.nr_buckets);
	     bucket += ESX_NR_SHARDS) {
		if (nr_changes != shard->nr_changes)
			nr = 0;
		nr_broken += check_chain(shard, bucket, &nr);
		cond_resched_lock(&shard->lock);
	}
	if (nr_changes == shard->nr_changes && nr != shard->nr)
		nr_broken++;
	spin_unlock(&shard->lock);
	return nr_broken;
}

static unsigned long count_changes(void)
{
	unsigned long nr = 0;
	unsigned int i;

	for (i = 0; i < ESX_NR_SHARDS; i++)
		nr += READ_ONCE(table.buckets.shards[i].nr_changes);
	return nr;
}

/**
 * esx_hints_check() - verify the whole table
 *
 * Each hint in a bucket must belong there and be filed; each that is filed must
 * be in a bucket.  Others may go on using the table; what they change is left
 * out of the sums.  May sleep.
 *
 * Return: the number of breaches found, 0 if all is well.
 */
long esx_hints_check(void)
{
	unsigned long nr_changes = count_changes();
	long nr_broken = 0, nr_filed;
	unsigned int i;

	for (i = 0; i < ESX_NR_SHARDS; i++)
		nr_broken += check_shard(i);

	nr_filed = esx_hints_count_filed();
	if (nr_filed != esx_hints_count() && nr_changes == count_changes())
		nr_broken++;
	return nr_broken;
}
ESX_EXPORT_FOR_TESTS(esx_hints_check);

/**
 * esx_hints_init() - make an empty table
 *
 * Return: 0 or -ENOMEM.
 */
int esx_hints_init(void)
{
	int err = esx_hints_mem_init();

	if (err)
		return err;
	err = esx_buckets_open(&table.buckets, &buckets_ops);
	if (err)
		esx_hints_mem_exit();
	return err;
}

/**
 * esx_hints_exit() - free the table; no hints may be left
 */
void esx_hints_exit(void)
{
	WARN_ON_ONCE(atomic_long_read(&table.nr_slots) || atomic_long_read(&table.nr_expected));
	esx_buckets_close(&table.buckets);
	esx_hints_mem_exit();
}
