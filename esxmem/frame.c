// SPDX-License-Identifier: GPL-2.0
/*
 * Machine frames.
 *
 * Invariants:
 *  - A frame is zeroed before anybody sees it, unless the caller overwrites
 *    all of it at once.
 *  - folio->mapping is that of the memory file while the frame is private to
 *    it (GUP-fast refuses file pages without a mapping on kernels that have
 *    secretmem), and NULL while it is shared or on its way out: an allocator
 *    that gets a page back with a mapping reports a "Bad page".
 *  - Frames are freed by dropping esxmem's reference, never by force: a pin
 *    may outlive the page map.
 */
#include <linux/cgroup.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/memcontrol.h>
#include <linux/pagemap.h>
#include <linux/percpu.h>
#include <linux/percpu_counter.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "frame.h"
#include "types.h"

/* Pages of 4 KB that esxmem holds, the zero frames apart. */
static struct percpu_counter nr_frames;

/*
 * Who wants to hear when many frames were allocated, and how many pages on one CPU
 * are many.  Each CPU counts for itself, so an allocation costs no more for it.
 */
static void (*frame_watcher)(void);
static long watch_step = LONG_MAX;
static DEFINE_PER_CPU(long, nr_unwatched);

/*
 * The permanent zero frames.  Every hole and every zero page is mapped to one
 * of them, chosen by page number, so that a writer knows which folio lock
 * excludes the readers of its page (see fault.c).  One frame would do, but
 * every fault on a zero page takes the frame's lock: one for each CPU keeps
 * them apart.
 */
static struct folio **zero_frames;
static unsigned int nr_zero_frames;

const char *const esx_large_pages_names[ESX_LARGE_NR] = {
	[ESX_LARGE_NEVER] = "never",
	[ESX_LARGE_ALWAYS] = "always",
};

static enum esx_large_pages large_pages = ESX_LARGE_ALWAYS;

/**
 * esx_large_pages_get() - when are 2 MB frames given?
 *
 * Return: the policy.
 */
enum esx_large_pages esx_large_pages_get(void)
{
	return READ_ONCE(large_pages);
}

/**
 * esx_large_pages_set() - choose when 2 MB frames are given
 * @policy: from now on; frames in use stay
 */
void esx_large_pages_set(enum esx_large_pages policy)
{
	WRITE_ONCE(large_pages, policy);
}

static gfp_t frame_gfp(const struct esx_frame_req *req)
{
	gfp_t gfp = GFP_HIGHUSER | __GFP_ACCOUNT;

	if (req->nowait)
		gfp = (gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_NOWARN;
	if (req->optional)
		gfp |= __GFP_NORETRY | __GFP_NOWARN;
	return gfp;
}

/* Who is moved to another CPU in between resets that one's count: it speaks up later. */
static void count_frames(long nr)
{
	void (*watcher)(void) = READ_ONCE(frame_watcher);

	percpu_counter_add(&nr_frames, nr);
	if (!watcher || this_cpu_add_return(nr_unwatched, nr) < READ_ONCE(watch_step))
		return;
	this_cpu_write(nr_unwatched, 0);
	watcher();
}

static struct folio *alloc_frame(const struct esx_frame_req *req, gfp_t gfp, unsigned int order)
{
	struct folio *folio;

	if (req->vma)
		folio = vma_alloc_folio(gfp, order, req->vma, req->addr, order > 0);
	else if (req->near)
		folio = __folio_alloc_node(gfp, order, folio_nid(req->near));
	else
		folio = folio_alloc(gfp, order);
	if (folio)
		count_frames(1L << order);
	return folio;
}

/**
 * esx_frame_alloc() - allocate a 4 KB frame
 * @req: for whom
 * @zeroed: clear it; without, the caller overwrites all of it before anybody
 *	else can see it
 *
 * The frame is charged to the memory cgroup of the current task.  May sleep
 * and may enter reclaim unless @req->nowait.
 *
 * Return: the frame with one reference, or NULL.
 */
struct folio *esx_frame_alloc(const struct esx_frame_req *req, bool zeroed)
{
	return alloc_frame(req, frame_gfp(req) | (zeroed ? __GFP_ZERO : 0), 0);
}
ESX_EXPORT_FOR_TESTS(esx_frame_alloc);

/**
 * esx_frame_alloc_huge() - allocate a zeroed 2 MB frame
 * @req: for whom
 *
 * Does not try hard: the caller falls back to 4 KB frames.
 *
 * Return: the frame with one reference, or NULL.
 */
struct folio *esx_frame_alloc_huge(const struct esx_frame_req *req)
{
	gfp_t gfp = frame_gfp(req) | __GFP_ZERO | __GFP_NORETRY | __GFP_NOWARN | __GFP_NOMEMALLOC;

	return alloc_frame(req, gfp, ESX_REGION_ORDER);
}
ESX_EXPORT_FOR_TESTS(esx_frame_alloc_huge);

/**
 * esx_frame_copy() - copy a page, surviving a memory error in it
 * @to: a frame that nobody else sees
 * @from: any frame
 *
 * Return: 0, or -EHWPOISON when @from cannot be read; then @to is of no use.
 */
int esx_frame_copy(struct page *to, struct page *from)
{
	unsigned long left;
	void *dst, *src;

	if (PageHWPoison(from))
		return -EHWPOISON;
	src = kmap_local_page(from);
	dst = kmap_local_page(to);
	left = copy_mc_to_kernel(dst, src, PAGE_SIZE);
	kunmap_local(dst);
	kunmap_local(src);
	return left ? -EHWPOISON : 0;
}

/**
 * esx_frame_adopt() - make a frame a private page of a memory file
 * @folio: a frame that is mapped nowhere
 * @mapping: the file's address space
 * @pgoff: page number of the frame's first page in the file
 */
void esx_frame_adopt(struct folio *folio, struct address_space *mapping, pgoff_t pgoff)
{
	folio->index = pgoff;
	/* Pairs with the READ_ONCE() in gup_fast_folio_allowed(). */
	WRITE_ONCE(folio->mapping, mapping);
}
ESX_EXPORT_FOR_TESTS(esx_frame_adopt);

/**
 * esx_frame_disown() - take a frame out of its memory file
 * @folio: a frame that is mapped nowhere, locked or not yet published
 */
void esx_frame_disown(struct folio *folio)
{
	WRITE_ONCE(folio->mapping, NULL);
	folio->index = 0;
}
ESX_EXPORT_FOR_TESTS(esx_frame_disown);

/**
 * esx_frame_release() - give a frame back
 * @folio: a frame that is mapped nowhere and that no entry points to
 *
 * The frame is free when the last pin goes.  May sleep when there is one: its
 * holder may be marking the folio dirty, under the folio lock, and needs the
 * mapping for that.
 */
void esx_frame_release(struct folio *folio)
{
	bool pinned = folio_ref_count(folio) > 1;

	if (pinned)
		folio_lock(folio);
	esx_frame_disown(folio);
	folio->private = NULL;
	if (pinned)
		folio_unlock(folio);
	percpu_counter_sub(&nr_frames, folio_nr_pages(folio));
	folio_put(folio);
}
ESX_EXPORT_FOR_TESTS(esx_frame_release);

/**
 * esx_frame_is_idle() - is esxmem's the only reference?
 * @folio: a locked frame that was just unmapped everywhere; the lock, since the
 *	core unlocks a folio that it has mapped without a reference of its own
 *
 * The rule that keeps DMA safe: only a frame for which this holds may be
 * moved, merged or freed for reuse.  It is sound only after the page-table
 * entries are gone: GUP-fast takes its reference first and then looks at the
 * entry again, so a pin that was taken before the unmap is counted here, and
 * one that comes later drops itself.
 *
 * Return: true when nobody else can read or write the frame.
 */
bool esx_frame_is_idle(struct folio *folio)
{
	return !folio_mapped(folio) && folio_ref_count(folio) == 1;
}
ESX_EXPORT_FOR_TESTS(esx_frame_is_idle);

/**
 * esx_frame_count() - how many 4 KB frames esxmem holds
 *
 * Return: the number, without the permanent zero frames.
 */
long esx_frame_count(void)
{
	return percpu_counter_sum_positive(&nr_frames);
}
ESX_EXPORT_FOR_TESTS(esx_frame_count);

/**
 * esx_frame_set_watcher() - tell who wants to hear that frames are allocated
 * @watcher: called by whoever allocates, with any of our locks held: it must not
 *	sleep; or NULL, when no frame can be allocated any more
 */
void esx_frame_set_watcher(void (*watcher)(void))
{
	WRITE_ONCE(frame_watcher, watcher);
}

/**
 * esx_frame_set_watch_step() - say how often that is to be
 * @pages: once for so many that are allocated on one CPU
 */
void esx_frame_set_watch_step(long pages)
{
	WRITE_ONCE(watch_step, pages);
}

/**
 * esx_frame_has_poison() - was a memory error found in any part of a frame?
 * @folio: the frame
 *
 * Return: true if so: then not all of it can be read.
 */
bool esx_frame_has_poison(struct folio *folio)
{
	unsigned int i;

	for (i = 0; i < folio_nr_pages(folio); i++) {
		if (PageHWPoison(folio_page(folio, i)))
			return true;
	}
	return false;
}

/**
 * esx_frame_get_memcg() - the cgroup that pays for a frame
 * @folio: the frame
 *
 * Return: it, with a reference that mem_cgroup_put() drops; or NULL.
 */
struct mem_cgroup *esx_frame_get_memcg(struct folio *folio)
{
	struct mem_cgroup *memcg;

	rcu_read_lock();
	memcg = folio_memcg(folio);
	if (memcg && !css_tryget(&memcg->css))
		memcg = NULL;
	rcu_read_unlock();
	return memcg;
}

/**
 * esx_frame_zero() - the zero frame that stands for a hole
 * @pgoff: page number in the file
 *
 * Return: a permanent frame of zeros, always the same for the same @pgoff.
 */
struct folio *esx_frame_zero(pgoff_t pgoff)
{
	return zero_frames[pgoff & (nr_zero_frames - 1)];
}
ESX_EXPORT_FOR_TESTS(esx_frame_zero);

/**
 * esx_frame_zero_sync() - wait for every fault that is mapping a zero frame
 *
 * A fault that decided on a zero frame before the caller published something
 * else holds the frame's lock until its page-table entry stands.  After this
 * call such entries can be found and unmapped.
 */
void esx_frame_zero_sync(void)
{
	unsigned int i;

	might_sleep();
	for (i = 0; i < nr_zero_frames; i++) {
		folio_lock(zero_frames[i]);
		folio_unlock(zero_frames[i]);
	}
}

static void free_zero_frames(void)
{
	unsigned int i;

	for (i = 0; i < nr_zero_frames && zero_frames[i]; i++)
		folio_put(zero_frames[i]);
	kfree(zero_frames);
}

static int alloc_zero_frames(void)
{
	unsigned int i;

	nr_zero_frames = roundup_pow_of_two(num_possible_cpus());
	zero_frames = kcalloc(nr_zero_frames, sizeof(*zero_frames), GFP_KERNEL);
	if (!zero_frames)
		return -ENOMEM;

	for (i = 0; i < nr_zero_frames; i++) {
		zero_frames[i] = folio_alloc(GFP_HIGHUSER | __GFP_ZERO, 0);
		if (!zero_frames[i])
			goto err_free;
	}
	return 0;

err_free:
	free_zero_frames();
	return -ENOMEM;
}

/**
 * esx_frame_init() - allocate the zero frames
 *
 * Return: 0 or -ENOMEM.
 */
int esx_frame_init(void)
{
	int err;

	err = percpu_counter_init(&nr_frames, 0, GFP_KERNEL);
	if (err)
		return err;

	err = alloc_zero_frames();
	if (err)
		goto err_counter;
	return 0;

err_counter:
	percpu_counter_destroy(&nr_frames);
	return err;
}

/**
 * esx_frame_exit() - free the zero frames; no frame may be left
 */
void esx_frame_exit(void)
{
	WARN_ON_ONCE(esx_frame_count());
	free_zero_frames();
	percpu_counter_destroy(&nr_frames);
}
