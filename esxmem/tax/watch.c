// SPDX-License-Identifier: GPL-2.0
/*
 * Watching pages: which of them are touched from now on?
 *
 * The population is every page inside the VM's files, whether there is a frame
 * behind it or not: a page never written to is one that is not touched, as a
 * page that the guest was given and leaves alone.
 *
 * Two ways to see a touch:
 *
 *	young	the accessed bits of the guest's page tables and of the VMM's are
 *		cleared, and looked at later.  Costs no fault.  Sees what virtual
 *		CPUs, the VMM and vhost do, and no other process.
 *	unmap	the page is taken out of use (takeout.c), which clears its mark
 *		that it may be mapped; whoever touches it faults, and the fault
 *		sets the mark again.  Sees everybody who maps the file.  A page that
 *		cannot be taken out of use is pinned or being mapped: touched.
 *
 * Where 2 MB are mapped at once neither knows more than that one of the 512 pages
 * was touched.  Such a touch counts as one page, that of the sample, and is
 * counted as coarse besides: the pages in use are between touched - coarse, plus
 * one of 512 for each coarse one, and touched.  Several samples in such 2 MB are
 * set up when the period begins, and looked at without being changed, so none
 * disturbs another.
 *
 * A touch is the host's when the guest's page tables show none.  A guest's fault
 * sets the bit in the VMM's as well, but also in its own, at once after: what looks
 * like the host's is looked at again, until it is found to be the guest's.  Only
 * where such a fault fills 2 MB of the VMM's page tables and 4 KB of the guest's,
 * the other pages of the 2 MB look like the host's, and coarse, for a period.
 *
 * What was once seen to be touched stays so: a page that is unmapped by others
 * later (the scanner) was touched nonetheless.
 *
 * What a page holds is noted when the period begins and, of those that are touched,
 * at each look: by it a touch may be discounted (tally.c).
 *
 * A read of a hole of which nothing was ever written nearby maps a zero frame
 * without a trace in the page map: unmap does not see it.  Nor does either see
 * read(2) and write(2), which map nothing.
 *
 * Waits for no lock that a VM's owner can hold for long: what is not to be had
 * now is looked at another time.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../compat.h"
#include "../frame.h"
#include "../locks.h"
#include "../share/hash.h"
#include "../takeout.h"
#include "../vm.h"
#include "pick.h"
#include "tally.h"
#include "watch.h"

const char *const esx_sample_method_names[ESX_SAMPLE_NR] = {
	[ESX_SAMPLE_YOUNG] = "young",
	[ESX_SAMPLE_UNMAP] = "unmap",
};

/* A page that is watched. */
struct watched {
	/* With a reference. */
	struct esx_pmap *pmap;
	pgoff_t pgoff;
	/* The watch could be set up. */
	bool ready;
	struct esx_touch touch;
};

struct esx_watch {
	enum esx_sample_method method;
	unsigned int nr;
	/* To ask the KVM glue with, and which page each question is about. */
	struct esx_age *ages;
	struct watched **asked;
	unsigned int nr_ages;
	struct watched pages[];
};

/*
 * Picking.
 */

struct placing {
	struct esx_watch *watch;
	const u64 *numbers;
	unsigned int nr;
	/* Number of the file's first page. */
	u64 first;
};

static int place_in_pmap(struct esx_pmap *pmap, void *ctx)
{
	struct placing *placing = ctx;
	struct esx_watch *watch = placing->watch;
	u64 end = placing->first + READ_ONCE(pmap->nr_pages);

	while (watch->nr < placing->nr && placing->numbers[watch->nr] < end) {
		struct watched *page = &watch->pages[watch->nr];

		/* On the list means that its inode still holds a reference. */
		esx_pmap_get(pmap);
		page->pmap = pmap;
		page->pgoff = placing->numbers[watch->nr] - placing->first;
		watch->nr++;
	}
	placing->first = end;
	return watch->nr == placing->nr;
}

/* Files that shrink meanwhile cost some samples. */
static void pick_pages(struct esx_watch *watch, struct esx_vm *vm, unsigned int nr, u64 seed)
{
	struct placing placing = { .watch = watch };
	u64 *numbers = kvmalloc_array(nr, sizeof(*numbers), GFP_KERNEL | __GFP_NORETRY);

	if (!numbers)
		return;
	placing.numbers = numbers;
	placing.nr = esx_pick(numbers, nr, atomic_long_read(&vm->size_pages), seed);
	if (placing.nr)
		esx_vm_for_each_pmap(vm, place_in_pmap, &placing);
	kvfree(numbers);
}

static struct esx_watch *alloc_watch(unsigned int nr)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NORETRY;
	struct esx_watch *watch = kvzalloc(struct_size(watch, pages, nr), gfp);

	if (!watch)
		return NULL;
	watch->ages = kvcalloc(nr, sizeof(*watch->ages), gfp);
	watch->asked = kvcalloc(nr, sizeof(*watch->asked), gfp);
	if (watch->ages && watch->asked)
		return watch;
	esx_watch_end(watch);
	return NULL;
}

/*
 * What pages hold.
 */

/* Who writes to it meanwhile makes it some mixture, which is seen at the next look. */
static enum esx_holds page_holds(struct page *page)
{
	if (esx_frame_has_poison(page_folio(page)))
		return ESX_HOLDS_UNKNOWN;
	return esx_page_is_zero(page) ? ESX_HOLDS_ZEROS : ESX_HOLDS_DATA;
}

static enum esx_holds slot_holds(const struct esx_slot *slot)
{
	switch (esx_slot_state(slot)) {
	case ESX_EMPTY:
		return ESX_HOLDS_NOTHING;
	case ESX_ZERO:
		return ESX_HOLDS_ZEROS;
	default:
		return page_holds(esx_slot_page(slot));
	}
}

/* The page's lock keeps its frame from being freed. */
static enum esx_holds holds_entered(const struct watched *page)
{
	enum esx_holds holds;
	struct esx_slot slot;

	if (page->pgoff >= page->pmap->nr_pages)
		return ESX_HOLDS_NOTHING;
	if (esx_pmap_lock(page->pmap, page->pgoff, ESX_SLOT_TRY, &slot))
		return ESX_HOLDS_UNKNOWN;
	holds = slot_holds(&slot);
	esx_pmap_unlock(&slot);
	return holds;
}

static enum esx_holds watched_holds(const struct watched *page)
{
	enum esx_holds holds;

	if (!esx_pmap_enter(page->pmap, true))
		return ESX_HOLDS_UNKNOWN;
	holds = holds_entered(page);
	esx_pmap_leave(page->pmap);
	return holds;
}

/* Before the watch is set up: what is zeroed between the two is not touched. */
static void note_before(struct esx_watch *watch)
{
	unsigned int i;

	for (i = 0; i < watch->nr; i++, cond_resched())
		watch->pages[i].touch.before = watched_holds(&watch->pages[i]);
}

static void note_now(struct esx_watch *watch)
{
	struct watched *page;
	unsigned int i;

	for (i = 0; i < watch->nr; i++, cond_resched()) {
		page = &watch->pages[i];
		if (page->touch.touched)
			page->touch.now = watched_holds(page);
	}
}

/*
 * Accessed bits.
 */

static void ask(struct esx_watch *watch, struct watched *page)
{
	watch->asked[watch->nr_ages] = page;
	watch->ages[watch->nr_ages++] = (struct esx_age){
		.pmap = page->pmap,
		.pgoff = page->pgoff,
	};
}

static bool glance(const struct watched *page, struct esx_glance *seen)
{
	if (!esx_pmap_enter(page->pmap, true))
		return false;
	*seen = esx_pmap_glance(page->pmap, page->pgoff);
	esx_pmap_leave(page->pmap);
	return true;
}

static void set_touched(struct watched *page, const struct esx_age *age)
{
	struct esx_glance seen;

	if (!page->touch.touched)
		page->touch.coarse = glance(page, &seen) && seen.whole;
	page->touch.touched = true;
	page->touch.host = !age->young;
}

/*
 * Each page is asked about, also where many lie in 2 MB that esxmem holds in one
 * frame: whoever maps them may do so by 4 KB.
 */
static int begin_young(struct esx_watch *watch, struct esx_vm *vm)
{
	struct esx_glance seen;
	unsigned int i;

	for (i = 0; i < watch->nr; i++) {
		watch->pages[i].ready = glance(&watch->pages[i], &seen);
		if (watch->pages[i].ready)
			ask(watch, &watch->pages[i]);
	}
	return esx_vm_age(vm, watch->ages, watch->nr_ages, true);
}

static bool is_settled(const struct watched *page)
{
	return !page->ready || (page->touch.touched && !page->touch.host);
}

static void look_young(struct esx_watch *watch, struct esx_vm *vm)
{
	const struct esx_age *age;
	unsigned int i;

	for (i = 0; i < watch->nr; i++) {
		if (!is_settled(&watch->pages[i]))
			ask(watch, &watch->pages[i]);
	}
	if (esx_vm_age(vm, watch->ages, watch->nr_ages, false))
		return;
	for (i = 0; i < watch->nr_ages; i++) {
		age = &watch->ages[i];
		if (age->young || age->host)
			set_touched(watch->asked[i], age);
	}
}

/*
 * Unmapping.
 */

static bool in_one_region(const struct watched *a, const struct watched *b)
{
	return a->pmap == b->pmap && a->pgoff >> ESX_REGION_ORDER == b->pgoff >> ESX_REGION_ORDER;
}

/* Of a private page that resists it is known that it is in use. */
static void unmap_slot(struct watched *page, struct esx_slot *slot)
{
	page->ready = true;
	if (!slot->region)
		return;
	if (esx_slot_state(slot) != ESX_PRIVATE)
		page->ready = esx_slot_unmap(slot, true);
	else
		page->touch.touched = esx_slot_take_out(slot) != ESX_TAKEN;
	page->touch.coarse = page->touch.touched && !slot->entry;
}

static void unmap_entered(struct watched *page)
{
	struct esx_slot slot;

	if (page->pgoff >= page->pmap->nr_pages ||
	    esx_pmap_lock(page->pmap, page->pgoff, ESX_SLOT_TRY, &slot))
		return;
	unmap_slot(page, &slot);
	esx_pmap_unlock(&slot);
}

static void unmap_page(struct watched *page)
{
	page->ready = false;
	if (!esx_pmap_enter(page->pmap, true))
		return;
	unmap_entered(page);
	esx_pmap_leave(page->pmap);
}

/*
 * Whose page tables do not show a touch?  The guest's are filled by the fault
 * that a virtual CPU takes, and the bit set with it.  Without a guest all that
 * is known is that somebody touched the page.
 */
static void tell_apart(struct esx_watch *watch, struct esx_vm *vm)
{
	unsigned int i;

	if (!watch->nr_ages || esx_vm_age(vm, watch->ages, watch->nr_ages, false))
		return;
	for (i = 0; i < watch->nr_ages; i++)
		watch->asked[i]->touch.host = !watch->ages[i].young;
}

static void begin_unmap(struct esx_watch *watch, struct esx_vm *vm)
{
	struct watched *page, *last = NULL;
	struct esx_glance seen;
	unsigned int i;

	for (i = 0; i < watch->nr; i++, cond_resched()) {
		page = &watch->pages[i];
		if (last && in_one_region(page, last) && glance(page, &seen) && seen.whole) {
			/* Unmapped with the last one. */
			page->ready = last->ready;
			page->touch.touched = last->touch.touched;
			page->touch.coarse = last->touch.coarse;
		} else {
			unmap_page(page);
			last = page;
		}
		if (page->touch.touched)
			ask(watch, page);
	}
	tell_apart(watch, vm);
}

static void look_unmap(struct esx_watch *watch, struct esx_vm *vm)
{
	struct watched *page;
	struct esx_glance seen;
	unsigned int i;

	for (i = 0; i < watch->nr; i++) {
		page = &watch->pages[i];
		if (!page->ready || page->touch.touched || !glance(page, &seen) || !seen.mapped)
			continue;
		page->touch.touched = true;
		page->touch.coarse = seen.whole;
		ask(watch, page);
	}
	tell_apart(watch, vm);
}

/**
 * esx_watch_begin() - watch some of a VM's pages
 * @vm: the VM
 * @nr: how many, at least 1; all, when it has fewer
 * @method: how; without a guest to ask they are unmapped
 * @seed: chooses which
 *
 * Return: the watch, for esx_watch_end(); NULL when there is no memory, or the
 * guest cannot be asked just now.
 */
struct esx_watch *esx_watch_begin(struct esx_vm *vm, unsigned int nr,
				  enum esx_sample_method method, u64 seed)
{
	struct esx_watch *watch;
	int err = -ENODEV;

	might_sleep();

	nr = min_t(u64, nr, atomic_long_read(&vm->size_pages));
	watch = nr ? alloc_watch(nr) : NULL;
	if (!watch)
		return NULL;

	pick_pages(watch, vm, nr, seed);
	note_before(watch);
	if (method == ESX_SAMPLE_YOUNG && esx_vm_has_guest(vm))
		err = begin_young(watch, vm);
	if (err == -EAGAIN) {
		esx_watch_end(watch);
		return NULL;
	}
	watch->nr_ages = 0;
	watch->method = err ? ESX_SAMPLE_UNMAP : ESX_SAMPLE_YOUNG;
	if (watch->method == ESX_SAMPLE_UNMAP)
		begin_unmap(watch, vm);
	note_now(watch);
	return watch;
}
ESX_EXPORT_FOR_TESTS(esx_watch_begin);

/**
 * esx_watch_look() - note what was touched until now
 * @watch: the pages
 * @vm: of this VM
 */
void esx_watch_look(struct esx_watch *watch, struct esx_vm *vm)
{
	might_sleep();

	watch->nr_ages = 0;
	if (watch->method == ESX_SAMPLE_YOUNG)
		look_young(watch, vm);
	else
		look_unmap(watch, vm);
	note_now(watch);
}
ESX_EXPORT_FOR_TESTS(esx_watch_look);

/**
 * esx_watch_tally() - what was seen so far?
 * @watch: the pages
 * @tally: filled
 */
void esx_watch_tally(const struct esx_watch *watch, struct esx_tally *tally)
{
	unsigned int i;

	memset(tally, 0, sizeof(*tally));
	for (i = 0; i < watch->nr; i++) {
		if (watch->pages[i].ready)
			esx_tally_add(tally, &watch->pages[i].touch);
	}
}
ESX_EXPORT_FOR_TESTS(esx_watch_tally);

/**
 * esx_watch_method() - how are they watched?
 * @watch: the pages
 *
 * Return: what was asked for, or what had to do instead.
 */
enum esx_sample_method esx_watch_method(const struct esx_watch *watch)
{
	return watch->method;
}
ESX_EXPORT_FOR_TESTS(esx_watch_method);

/**
 * esx_watch_end() - watch no longer
 * @watch: freed
 */
void esx_watch_end(struct esx_watch *watch)
{
	unsigned int i;

	for (i = 0; i < watch->nr; i++)
		esx_pmap_put(watch->pages[i].pmap);
	kvfree(watch->asked);
	kvfree(watch->ages);
	kvfree(watch);
}
ESX_EXPORT_FOR_TESTS(esx_watch_end);
