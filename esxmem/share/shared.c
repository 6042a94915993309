// SPDX-License-Identifier: GPL-2.0
/*
 * Shared frames.
 *
 * Life: esx_shared_insert() makes a private frame a shared one and gives it the
 * first reference, which the inserter hands to an entry.  Each further entry
 * holds one.  The last esx_shared_put() takes it out of the table and releases
 * the frame.  A frame stays read-only for all that time: nobody maps it
 * writable, and it had no pin when it became shared.
 *
 * One frame serves any number of entries; there is no list of them, since
 * unsharing happens by fault.
 *
 * There is no object beside the frame.  A frame is on no LRU list and, while it
 * is shared, belongs to no file, so these fields of its struct page are free:
 *
 * lru.next	The next frame of the bucket.  The kernel takes a page off an LRU
 *		(compaction, migration, hot-unplug, long-term pins, madvise(),
 *		soft offline, mlock) only after it has seen and cleared PG_lru,
 *		and that is never set.  What others do read without asking is
 *		bit 0 (a tail page? see compound_head()), bit 1 (a page of the
 *		emergency reserve? see page_is_pfmemalloc(), of pages that are
 *		sent) and, when the page is freed, the signature of a page pool:
 *		the first two are clear in a pointer to a struct page, all is
 *		clear before the frame is given back.
 * lru.prev	The salt.  The same holds; mlock's counter, which lies here, is
 *		only used of pages on the "unevictable" LRU.
 * mapping	NULL, which is true: memory errors, migration, rmap walks and
 *		futexes take the page for one that was truncated.
 * index	The hash.  Read by those only who have found a mapping (rmap,
 *		collection of processes at a memory error, futexes).  Zapping and
 *		faulting count with the page number of the mapping.
 * private	The number of references, of 64 bits: no number of entries
 *		overflows it.  Looked at only where PG_private or PG_swapcache
 *		say so.
 * PG_checked	The frame was cloned.  For the owner of the page; means
 *		PG_swapcache as well, but of swap-backed pages only.
 *
 * _mapcount, _refcount, memcg_data and the other flags are the kernel's.  When
 * a page is freed the allocator insists on a mapping of NULL and looks at no
 * other of these fields; what it looks at when a page is allocated is reset by
 * then.  page_owner, page_ext and KMSAN keep what is theirs elsewhere, and
 * /proc/kpageflags knows flags and mapping alone.
 *
 * The hash and the salt are written before the frame is in the table.  Links,
 * and the end of the last reference, are protected by the lock of the shard.
 *
 * The head of a bucket is the number of the first frame, and a filter: two bits
 * for each frame of the chain, chosen by its hash.  A page that is not shared,
 * the usual one, is told by the filter without a look at the frames, each of
 * which is a cache miss.  So chains may be long and heads few.
 *
 * The number of buckets is adapted by a work item: nothing is allocated, and
 * nobody waits, where frames become shared or are let go.
 */
#include <linux/mm.h>
#include <linux/workqueue.h>

#include "../compat.h"
#include "../frame.h"
#include "buckets.h"
#include "shared.h"

/* For so many frames there is a bucket: 2 bytes for a frame. */
#define FRAMES_PER_BUCKET	4

/* A head: 40 bits are all that 52 bits of physical address leave for it. */
#define FILTER_BITS		24
#define FILTER_MASK		GENMASK(FILTER_BITS - 1, 0)

static_assert(offsetof(struct folio, lru) == offsetof(struct page, compound_head));
static_assert(__alignof__(struct page) >= 4, "bits 0 and 1 of a link must be clear");
static_assert(sizeof(unsigned long) == ESX_HEAD_BYTES);
static_assert(sizeof_field(struct folio, private) == sizeof(atomic_long_t));
static_assert(sizeof_field(struct folio, index) == sizeof(u64));
static_assert(sizeof_field(struct folio, lru.prev) == sizeof(u64));

static struct esx_buckets buckets;
static atomic_long_t nr_shared;
/* See esx_shared_expect(). */
static atomic_long_t nr_expected;

static struct folio *next_of(const struct folio *folio)
{
	return (struct folio *)folio->lru.next;
}

static void set_next(struct folio *folio, struct folio *next)
{
	/* Against the readers of bits 0 and 1, who hold no lock. */
	WRITE_ONCE(folio->lru.next, (struct list_head *)next);
}

static void set_key(struct folio *folio, u64 hash, u64 salt)
{
	folio->index = hash;
	folio->lru.prev = (struct list_head *)salt;
}

static atomic_long_t *refs_of(struct folio *folio)
{
	return (atomic_long_t *)&folio->private;
}

/**
 * esx_shared_hash() - the hash under which a frame is shared
 * @folio: a shared frame
 *
 * Return: the hash.
 */
u64 esx_shared_hash(struct folio *folio)
{
	return folio->index;
}
ESX_EXPORT_FOR_TESTS(esx_shared_hash);

/**
 * esx_shared_salt() - of which VMs is a frame?
 * @folio: a shared frame
 *
 * Return: the salt of the VMs that may find it.
 */
u64 esx_shared_salt(struct folio *folio)
{
	return (u64)folio->lru.prev;
}
ESX_EXPORT_FOR_TESTS(esx_shared_salt);

/**
 * esx_shared_refs() - how many references there are
 * @folio: a shared frame
 *
 * Return: the number; just now, unless changes are frozen.
 */
long esx_shared_refs(struct folio *folio)
{
	return atomic_long_read(refs_of(folio));
}
ESX_EXPORT_FOR_TESTS(esx_shared_refs);

/**
 * esx_shared_mark_cloned() - a frame is handed to a VM of another salt
 * @folio: a shared frame to which the caller has a reference
 *
 * Somebody has asked for that: the audit is not to complain.  Lasts as long as
 * the frame is shared.
 */
void esx_shared_mark_cloned(struct folio *folio)
{
	folio_set_checked(folio);
}
ESX_EXPORT_FOR_TESTS(esx_shared_mark_cloned);

/**
 * esx_shared_is_cloned() - may VMs of other salts have the frame?
 * @folio: a shared frame
 *
 * Return: true after esx_shared_mark_cloned().
 */
bool esx_shared_is_cloned(struct folio *folio)
{
	return folio_test_checked(folio);
}
ESX_EXPORT_FOR_TESTS(esx_shared_is_cloned);

/* The rest is reset by esx_frame_release(). */
static void reset_frame(struct folio *folio)
{
	set_next(folio, NULL);
	folio->lru.prev = NULL;
	if (esx_shared_is_cloned(folio))
		folio_clear_checked(folio);
}

/* The half that a hint knows, for esx_shared_fetch(). */
static u32 bucket_hash(u64 hash)
{
	return upper_32_bits(hash);
}

/* From the half that does not choose the bucket. */
static unsigned long filter_of(u64 hash)
{
	return esx_filter_of(lower_32_bits(hash), FILTER_BITS);
}

static struct esx_shard *shard_of(u64 hash)
{
	return esx_buckets_shard(&buckets, bucket_hash(hash));
}

static unsigned long *head_of(u64 hash)
{
	return esx_buckets_head(&buckets, bucket_hash(hash));
}

/* No frame has number 0: the first page of a machine is not given out. */
static struct folio *first_of(unsigned long head)
{
	return head ? pfn_folio(head >> FILTER_BITS) : NULL;
}

static struct folio *find_in_chain(unsigned long head, u64 hash, u64 salt)
{
	struct folio *folio;

	if (filter_of(hash) & ~head)
		return NULL;
	for (folio = first_of(head); folio; folio = next_of(folio)) {
		if (esx_shared_hash(folio) == hash && esx_shared_salt(folio) == salt)
			return folio;
	}
	return NULL;
}

static void push_frame(unsigned long *head, struct folio *folio)
{
	unsigned long filter = (*head & FILTER_MASK) | filter_of(esx_shared_hash(folio));

	set_next(folio, first_of(*head));
	*head = folio_pfn(folio) << FILTER_BITS | filter;
}

/* The filter has to be made anew: so is the chain, which is short. */
static void remove_frame(unsigned long *head, const struct folio *gone)
{
	struct folio *folio, *next;

	folio = first_of(*head);
	*head = 0;
	for (; folio; folio = next) {
		next = next_of(folio);
		if (folio != gone)
			push_frame(head, folio);
	}
}

static unsigned long wanted_buckets(void)
{
	return max(atomic_long_read(&nr_shared), atomic_long_read(&nr_expected)) /
	       FRAMES_PER_BUCKET;
}

static void split_chain(void *from, void *to, u32 bucket, u32 nr_buckets)
{
	unsigned long *head = from;
	struct folio *folio, *next;

	folio = first_of(*head);
	*head = 0;
	for (; folio; folio = next) {
		u32 mine = esx_bucket_of(bucket_hash(esx_shared_hash(folio)), nr_buckets);

		next = next_of(folio);
		push_frame(mine == bucket ? to : from, folio);
	}
}

static void merge_chains(struct esx_shard *shard, void *from, void *to)
{
	unsigned long *head = from;
	struct folio *folio, *next;

	for (folio = first_of(*head); folio; folio = next) {
		next = next_of(folio);
		push_frame(to, folio);
	}
	*head = 0;
}

static const struct esx_buckets_ops buckets_ops = {
	.wanted = wanted_buckets,
	.split = split_chain,
	.merge = merge_chains,
};

/* Without memory chains get longer, until somebody asks again. */
static void resize(void)
{
	esx_buckets_grow(&buckets, wanted_buckets());
	esx_buckets_shrink(&buckets);
}

static void resize_by_work(struct work_struct *work)
{
	resize();
}

static DECLARE_WORK(resize_work, resize_by_work);

static void add_count(long nr)
{
	atomic_long_add(nr, &nr_shared);
	if (!esx_buckets_fit(&buckets))
		queue_work(system_unbound_wq, &resize_work);
}

/**
 * esx_shared_expect() - make room before many frames become shared
 * @nr: how many more are expected, instead of what was expected before
 *
 * To split a bucket is cheap while it is empty.  May sleep; without memory the
 * table grows later.
 */
void esx_shared_expect(long nr)
{
	atomic_long_set(&nr_expected, nr ? atomic_long_read(&nr_shared) + nr : 0);
	resize();
}
ESX_EXPORT_FOR_TESTS(esx_shared_expect);

/**
 * esx_shared_insert() - make a frame shared
 * @folio: a frame of 4 KB that is out of use
 * @hash: of its contents
 * @salt: with which @hash was keyed
 *
 * Allocates nothing and does not sleep.
 *
 * Return: 0 with one reference; -EEXIST when there is a frame of this hash and
 * salt; then nothing has changed.
 */
int esx_shared_insert(struct folio *folio, u64 hash, u64 salt)
{
	struct esx_shard *shard = shard_of(hash);
	unsigned long *head;

	spin_lock(&shard->lock);
	head = head_of(hash);
	if (find_in_chain(*head, hash, salt)) {
		spin_unlock(&shard->lock);
		return -EEXIST;
	}
	esx_frame_disown(folio);
	set_key(folio, hash, salt);
	atomic_long_set(refs_of(folio), 1);
	push_frame(head, folio);
	shard->nr++;
	spin_unlock(&shard->lock);

	add_count(1);
	return 0;
}
ESX_EXPORT_FOR_TESTS(esx_shared_insert);

/**
 * esx_shared_fetch() - have what the next search reads fetched into the cache
 * @hash: of a page that is about to be looked for; its upper half will do
 */
void esx_shared_fetch(u64 hash)
{
	esx_buckets_fetch(&buckets, bucket_hash(hash));
}

/**
 * esx_shared_find() - is there a shared frame of this hash?
 * @hash: of a page's contents
 * @salt: of the page's VM
 *
 * Return: it with a reference, or NULL.  The contents are still to be compared.
 */
struct folio *esx_shared_find(u64 hash, u64 salt)
{
	struct esx_shard *shard = shard_of(hash);
	struct folio *folio;

	spin_lock(&shard->lock);
	folio = find_in_chain(*head_of(hash), hash, salt);
	/* While a frame is in the table it has a reference: see put_last(). */
	if (folio)
		esx_shared_get(folio);
	spin_unlock(&shard->lock);
	return folio;
}
ESX_EXPORT_FOR_TESTS(esx_shared_find);

/**
 * esx_shared_has() - is there a shared frame of this hash just now?
 * @hash: of a page's contents
 * @salt: of the page's VM
 *
 * Return: the answer, worth a guess: no reference is kept.
 */
bool esx_shared_has(u64 hash, u64 salt)
{
	struct folio *shared = esx_shared_find(hash, salt);

	if (!shared)
		return false;
	esx_shared_put(shared);
	return true;
}

/**
 * esx_shared_get() - take a further reference
 * @folio: a shared frame to which the caller has a reference
 */
void esx_shared_get(struct folio *folio)
{
	atomic_long_inc(refs_of(folio));
}
ESX_EXPORT_FOR_TESTS(esx_shared_get);

/* Returns false when the reference was not the last: somebody has found it. */
static bool put_last(struct folio *folio)
{
	u64 hash = esx_shared_hash(folio);
	struct esx_shard *shard = shard_of(hash);
	bool last;

	spin_lock(&shard->lock);
	last = atomic_long_dec_and_test(refs_of(folio));
	if (last) {
		remove_frame(head_of(hash), folio);
		shard->nr--;
	}
	spin_unlock(&shard->lock);
	return last;
}

/**
 * esx_shared_put() - drop a reference
 * @folio: no entry of the caller's points to it any more and no page-table
 *	entry of that page shows it
 *
 * With the last reference the frame is gone.  May sleep when it is pinned.
 */
void esx_shared_put(struct folio *folio)
{
	/* Not the last: no lock.  The last goes under the lock: see above. */
	if (atomic_long_add_unless(refs_of(folio), -1, 1) || !put_last(folio))
		return;
	reset_frame(folio);
	esx_frame_release(folio);
	add_count(-1);
}
ESX_EXPORT_FOR_TESTS(esx_shared_put);

/**
 * esx_shared_count() - how many shared frames there are
 *
 * Return: the number.
 */
long esx_shared_count(void)
{
	return atomic_long_read(&nr_shared);
}
ESX_EXPORT_FOR_TESTS(esx_shared_count);

/**
 * esx_shared_bytes() - how much memory the table takes
 *
 * Return: bytes allocated beside the frames.
 */
size_t esx_shared_bytes(void)
{
	return esx_buckets_bytes(&buckets);
}
ESX_EXPORT_FOR_TESTS(esx_shared_bytes);

/**
 * esx_shared_settle() - wait until the table has adapted to what is in it
 */
void esx_shared_settle(void)
{
	flush_work(&resize_work);
}
ESX_EXPORT_FOR_TESTS(esx_shared_settle);

struct visit {
	int (*fn)(struct folio *folio, void *ctx);
	void *ctx;
};

static int visit_chain(void *head, void *ctx)
{
	const struct visit *visit = ctx;
	struct folio *folio;
	int ret = 0;

	folio = first_of(*(unsigned long *)head);
	for (; !ret && folio; folio = next_of(folio))
		ret = visit->fn(folio, visit->ctx);
	return ret;
}

/**
 * esx_shared_for_each() - visit every shared frame
 * @fn: what to do; must not sleep nor put; anything but 0 ends the walk
 * @ctx: for @fn
 *
 * With changes frozen (esx_pmap_freeze()) each frame is visited exactly once.
 *
 * Return: what @fn returned last.
 */
int esx_shared_for_each(int (*fn)(struct folio *folio, void *ctx), void *ctx)
{
	struct visit visit = { .fn = fn, .ctx = ctx };

	return esx_buckets_for_each(&buckets, visit_chain, &visit);
}
ESX_EXPORT_FOR_TESTS(esx_shared_for_each);

/**
 * esx_shared_init() - make the table
 *
 * Return: 0 or -ENOMEM.
 */
int esx_shared_init(void)
{
	return esx_buckets_open(&buckets, &buckets_ops);
}

/**
 * esx_shared_exit() - free the table; no frame may be shared any more
 */
void esx_shared_exit(void)
{
	WARN_ON_ONCE(esx_shared_count());
	atomic_long_set(&nr_expected, 0);
	cancel_work_sync(&resize_work);
	esx_buckets_close(&buckets);
}
