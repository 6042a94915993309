// SPDX-License-Identifier: GPL-2.0
/*
 * Sharing the pages of one region at one go:
 *
 *  1. select: pages that are clean, or whose sharing breaks too often, are
 *     passed over at the price of a look at the entry.  A page that was written
 *     to since its hint was filed is hashed where it stands: while it keeps
 *     changing, and nothing like it is known, it is left alone, so a page that
 *     is written all the time is unmapped once and never again;
 *  2. unmap what was selected, in few ranges: one notifier call and one flush
 *     each;
 *  3. take each page out of use, merge it.
 *
 * A page of which nothing is known is unmapped at once: what it costs is one
 * fault, if the guest uses it, and from then on nothing until it is written to.
 *
 * A 2 MB frame is not touched here but by large.c.
 */
#include <linux/bitfield.h>
#include <linux/mm.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>

#include "../compat.h"
#include "../stats.h"
#include "../takeout.h"
#include "../trace.h"
#include "../vm.h"
#include "batch.h"
#include "hash.h"
#include "hints.h"
#include "join.h"
#include "large.h"
#include "merge.h"

/* How often a synchronous merge comes back to a page that was busy. */
#define MAX_BUSY_RETRIES	3
/* Pages that are merged in step. */
#define GROUP			8
/* Passes after which a break of sharing is forgiven, if none follows. */
#define FORGIVE_PASSES		16

/*
 * Read by everybody who merges; written by who wants salts to change, or all
 * to hold still.
 */
static DECLARE_RWSEM(share_sem);

/* One region being shared. */
struct batch {
	struct esx_region *region;
	unsigned long *leaf;
	struct esx_hints *hints;
	struct esx_share_visit *visit;
	struct esx_candidate cand;
	/* Pages that are locked and out of use. */
	struct esx_candidate group[GROUP];
	unsigned int nr_group;
	/* Pages to be taken out of use and merged. */
	DECLARE_BITMAP(todo, ESX_REGION_PAGES);
};

/**
 * esx_share_enter_killable() - begin to merge
 *
 * Many may.  Salts do not change until esx_share_leave().
 *
 * Return: 0 or -EINTR.
 */
int esx_share_enter_killable(void)
{
	return down_read_killable(&share_sem);
}

/**
 * esx_share_leave() - end what esx_share_enter_killable() began
 */
void esx_share_leave(void)
{
	up_read(&share_sem);
}

/**
 * esx_share_stop_killable() - keep everybody from merging
 *
 * Return: 0 or -EINTR.
 */
int esx_share_stop_killable(void)
{
	return down_write_killable(&share_sem);
}

/**
 * esx_share_go() - let others merge
 */
void esx_share_go(void)
{
	up_write(&share_sem);
}

static pgoff_t first_page(const struct batch *batch)
{
	return batch->region->index << ESX_REGION_ORDER;
}

static enum esx_state state_of(unsigned long entry)
{
	return FIELD_GET(ESX_ENTRY_STATE, entry);
}

/* The frame of a page that is not locked, to be fetched; NULL: there is none. */
static const struct page *private_page(const struct batch *batch, unsigned int i)
{
	return i < ESX_REGION_PAGES ? esx_entry_private_page(READ_ONCE(batch->leaf[i])) : NULL;
}

/* Nobody has asked for all to be merged. */
static bool spares_pages(const struct esx_share_visit *visit)
{
	return visit->pass || visit->spares;
}

/* The pass for esx_merge_backs_off(): in the first one all that may is left alone. */
static u64 back_off_pass(const struct esx_share_visit *visit)
{
	return visit->spares ? 1 : visit->pass;
}

static int lock_page_of(struct batch *batch, unsigned int i, struct esx_slot *slot)
{
	return esx_region_lock(batch->region, first_page(batch) + i, ESX_SLOT_TRY, slot);
}

/*
 * A page has a hint and is not known to be clean and unlike all others.  Is it
 * worth being taken out of use?  Either it has stopped changing, or something
 * equal is known now.
 */
static bool has_settled(struct batch *batch, unsigned int i)
{
	struct esx_slot *slot = &batch->cand.slot;
	bool settled = false;
	u64 hash;

	if (lock_page_of(batch, i, slot))
		return false;
	if (esx_slot_state(slot) == ESX_PRIVATE && !PageHWPoison(esx_slot_page(slot))) {
		hash = esx_hash_page_fetch(esx_slot_page(slot), batch->cand.salt,
					   private_page(batch, i + 1));
		batch->visit->report.hashed++;
		settled = !esx_hints_file(batch->hints, i, hash) && !esx_slot_is_clean(slot);
		settled = settled || esx_page_is_zero(esx_slot_page(slot)) ||
			  esx_merge_would_find(&batch->cand, hash);
	}
	esx_pmap_unlock(slot);
	return settled;
}

static void forgive(struct batch *batch, unsigned int i)
{
	struct esx_slot *slot = &batch->cand.slot;

	if (lock_page_of(batch, i, slot))
		return;
	if (esx_slot_state(slot) != ESX_PRIVATE)
		esx_pmap_set_breaks(slot, max(esx_slot_breaks(slot), 1U) - 1);
	esx_pmap_unlock(slot);
}

static bool is_known_clean(struct batch *batch, unsigned int i, unsigned long entry)
{
	return (entry & (ESX_ENTRY_CLEAN | ESX_ENTRY_OPEN)) == ESX_ENTRY_CLEAN && batch->hints &&
	       esx_hints_has(batch->hints, i);
}

/*
 * Is I/O certainly holding the page?  To unmap it would cost the guest a fault
 * for nothing.  Nothing is locked: the frame may be another by now, and then the
 * answer is worth as little as any.
 */
static bool seems_pinned(unsigned long entry)
{
	struct folio *folio = page_folio(pfn_to_page(entry >> ESX_ENTRY_PFN_SHIFT));

	return entry & ESX_ENTRY_MAPPED && folio_ref_count(folio) > esx_folio_mapcount(folio) + 1;
}

static bool is_clean_and_unused(unsigned long entry)
{
	return (entry & (ESX_ENTRY_CLEAN | ESX_ENTRY_MAPPED)) == ESX_ENTRY_CLEAN;
}

/* Is this page to be merged?  Counts it if not. */
static bool wants_merge(struct batch *batch, unsigned int i, unsigned long entry)
{
	struct esx_merge_report *report = &batch->visit->report;
	unsigned int breaks = FIELD_GET(ESX_ENTRY_BREAKS, entry);
	u64 pass = batch->visit->pass;

	report->visited++;
	if (state_of(entry) != ESX_PRIVATE) {
		report->already++;
		if (breaks && pass && pass % FORGIVE_PASSES == 0)
			forgive(batch, i);
		return false;
	}
	if (is_known_clean(batch, i, entry)) {
		report->hints++;
		report->clean++;
		return false;
	}
	if (seems_pinned(entry)) {
		report->pinned++;
		esx_count_event(&batch->region->pmap->vm->events, ESX_EV_PINNED);
		return false;
	}
	if (esx_merge_backs_off(breaks, back_off_pass(batch->visit))) {
		esx_count_event(&batch->region->pmap->vm->events, ESX_EV_BACKED_OFF);
		return false;
	}
	/* To take out what is clean and not mapped costs nobody a fault. */
	if (is_clean_and_unused(entry))
		return true;
	if (batch->hints && esx_hints_has(batch->hints, i) && !has_settled(batch, i)) {
		report->hints++;
		return false;
	}
	return true;
}

static void select_pages(struct batch *batch, unsigned int first, unsigned int end)
{
	unsigned long entry;
	unsigned int i;

	bitmap_zero(batch->todo, ESX_REGION_PAGES);
	for (i = first; i < end; i++) {
		entry = READ_ONCE(batch->leaf[i]);
		if (state_of(entry) != ESX_EMPTY && wants_merge(batch, i, entry))
			__set_bit(i, batch->todo);
	}
}

static bool is_mapped(const struct batch *batch, unsigned int i)
{
	return READ_ONCE(batch->leaf[i]) & ESX_ENTRY_MAPPED;
}

/*
 * Unmaps what was selected.  A range goes on over pages that nobody has mapped,
 * it ends at one that is mapped and shall stay so.
 */
static void unmap_selected(struct batch *batch)
{
	unsigned int i, first = 0, nr = 0;

	for (i = 0; i < ESX_REGION_PAGES; i++) {
		if (!is_mapped(batch, i))
			continue;
		if (test_bit(i, batch->todo)) {
			if (!nr)
				first = i;
			nr = i + 1 - first;
		} else if (nr) {
			esx_region_unmap(batch->region, first_page(batch) + first, nr);
			nr = 0;
		}
	}
	if (nr)
		esx_region_unmap(batch->region, first_page(batch) + first, nr);
}

/* The page is locked.  Says why not, if not. */
static bool take_out(struct esx_slot *slot, enum esx_verdict *verdict)
{
	enum esx_takeout taken;

	*verdict = ESX_V_CHANGED;
	if (esx_slot_state(slot) != ESX_PRIVATE)
		return false;
	taken = esx_slot_take_unmapped(slot);
	/* Somebody uses it, perhaps all the time: now that it is locked, again. */
	if (taken == ESX_TAKE_BUSY)
		taken = esx_slot_take_out(slot);
	*verdict = taken == ESX_TAKE_PINNED ? ESX_V_PINNED : ESX_V_BUSY;
	return taken == ESX_TAKEN;
}

/* Locks a page, takes it out of use and hashes it.  Says why not, if not. */
static bool begin_merge(struct batch *batch, unsigned int i, enum esx_verdict *verdict)
{
	struct esx_candidate *cand = &batch->group[batch->nr_group];

	*verdict = ESX_V_BUSY;
	if (lock_page_of(batch, i, &cand->slot))
		return false;
	if (!take_out(&cand->slot, verdict)) {
		esx_pmap_unlock(&cand->slot);
		return false;
	}
	cand->settled = !spares_pages(batch->visit) || esx_slot_is_clean(&cand->slot);
	cand->next = private_page(batch, i + 1);
	esx_merge_begin(cand);
	batch->nr_group++;
	return true;
}

static void add_verdict(struct esx_merge_report *report, enum esx_verdict verdict)
{
	report->merged += verdict == ESX_V_MERGED || verdict == ESX_V_PROMOTED;
	report->zero += verdict == ESX_V_ZERO;
	report->hints += verdict == ESX_V_HINTED;
	report->pinned += verdict == ESX_V_PINNED;
	report->busy += verdict == ESX_V_BUSY;
	report->changed += verdict == ESX_V_CHANGED || verdict == ESX_V_FALSE_MATCH;
	report->skipped += verdict == ESX_V_NO_MEMORY;
}

static void count_verdict(struct esx_vm *vm, enum esx_verdict verdict)
{
	static const enum esx_event events[ESX_V_NR] = {
		[ESX_V_MERGED] = ESX_EV_MERGED,
		[ESX_V_PROMOTED] = ESX_EV_MERGED,
		[ESX_V_ZERO] = ESX_EV_ZEROED,
		[ESX_V_PINNED] = ESX_EV_PINNED,
		[ESX_V_BUSY] = ESX_EV_BUSY,
		[ESX_V_CHANGED] = ESX_EV_HASH_MISMATCH,
		[ESX_V_FALSE_MATCH] = ESX_EV_FALSE_MATCH,
	};

	if (events[verdict])
		esx_count_event(&vm->events, events[verdict]);
}

static void note_verdict(struct batch *batch, enum esx_verdict verdict)
{
	add_verdict(&batch->visit->report, verdict);
	count_verdict(batch->region->pmap->vm, verdict);
}

/*
 * Of pages that share a frame from now on one gives it; unless it was shared already,
 * then none does.
 */
static unsigned int nr_freed(enum esx_verdict verdict, const struct esx_candidate *cand)
{
	if (verdict == ESX_V_PROMOTED)
		return cand->nr_joined;
	return verdict == ESX_V_MERGED || verdict == ESX_V_ZERO;
}

static void finish_merge(struct batch *batch, struct esx_candidate *cand)
{
	struct esx_merge_report *report = &batch->visit->report;
	enum esx_verdict verdict = esx_merge_finish(cand);

	note_verdict(batch, verdict);
	report->hashed += cand->hashed || cand->verdict == ESX_V_ZERO;
	report->merged += cand->nr_joined;
	report->freed += nr_freed(verdict, cand);
	report->refused += verdict == ESX_V_HINTED && cand->refused;
	esx_pmap_unlock(&cand->slot);
}

static void finish_group(struct batch *batch)
{
	unsigned int i;

	for (i = 0; i < batch->nr_group; i++)
		esx_merge_file(&batch->group[i]);
	for (i = 0; i < batch->nr_group; i++)
		finish_merge(batch, &batch->group[i]);
	batch->nr_group = 0;
}

/* Somebody works on the page, perhaps we ourselves. */
static bool begin_merge_again(struct batch *batch, unsigned int i, enum esx_verdict *verdict)
{
	unsigned int retries = batch->visit->pass ? 0 : MAX_BUSY_RETRIES;

	finish_group(batch);
	while (*verdict == ESX_V_BUSY && retries--) {
		esx_count_event(&batch->region->pmap->vm->events, ESX_EV_BUSY);
		cond_resched();
		if (begin_merge(batch, i, verdict))
			return true;
	}
	return false;
}

/*
 * Pages are merged in groups: what one step has fetched from memory for a page
 * arrives while the same is done for the others.  Should two pages of a group be
 * equal, the first finds the second locked, then the second finds the first.
 */
static void merge_selected(struct batch *batch)
{
	enum esx_verdict verdict;
	unsigned int i;

	batch->nr_group = 0;
	for (i = 0; i < GROUP; i++)
		batch->group[i] = batch->cand;
	for_each_set_bit(i, batch->todo, ESX_REGION_PAGES) {
		if (!begin_merge(batch, i, &verdict) && !begin_merge_again(batch, i, &verdict))
			note_verdict(batch, verdict);
		if (batch->nr_group == GROUP)
			finish_group(batch);
	}
	finish_group(batch);
}

/* What was noted under another salt is of no use. */
static void renew_pages(struct batch *batch)
{
	u16 epoch = READ_ONCE(batch->region->pmap->vm->epoch);

	if (READ_ONCE(batch->region->epoch) == epoch)
		return;
	esx_region_set_unclean(batch->region);
	WRITE_ONCE(batch->region->epoch, epoch);
}

/* Before its pages become clean: see one_has_settled() in merge.c. */
static void stamp_region(struct batch *batch)
{
	static atomic_t clock;

	batch->cand.clock = atomic_inc_return(&clock);
	WRITE_ONCE(batch->region->clock, batch->cand.clock);
}

static void share_leaf(struct batch *batch, unsigned int first, unsigned int end)
{
	renew_pages(batch);
	select_pages(batch, first, end);
	if (bitmap_empty(batch->todo, ESX_REGION_PAGES))
		return;
	stamp_region(batch);
	unmap_selected(batch);
	merge_selected(batch);
}

static bool is_about_large(const struct esx_share_visit *visit)
{
	return visit->kind == ESX_VISIT_LOOK || visit->kind == ESX_VISIT_BREAK;
}

static void share_pages(struct esx_region *region, pgoff_t first, pgoff_t end,
			struct esx_share_visit *visit)
{
	pgoff_t start = region->index << ESX_REGION_ORDER;
	u64 nr_broken = visit->report.huge_broken;
	struct batch batch = {
		.region = region,
		.visit = visit,
		.cand = {
			.salt = region->pmap->vm->salt,
			.pass = back_off_pass(visit),
		},
	};

	if (visit->pass) {
		if (READ_ONCE(region->visited) == (u16)visit->pass)
			return;
		WRITE_ONCE(region->visited, visit->pass);
	}
	if (visit->kind == ESX_VISIT_ALL)
		esx_pmap_set_fresh(region, false);
	if (visit->kind != ESX_VISIT_SMALL)
		esx_large_visit(region, first, end, &batch.cand, visit);
	if (is_about_large(visit) && visit->report.huge_broken == nr_broken)
		return;
	batch.leaf = smp_load_acquire(&region->leaf);
	batch.hints = esx_hints_of(region);
	if (!batch.leaf)
		return;
	share_leaf(&batch, first - start, end - start);
	if (esx_join_is_due(region, visit->pass)) {
		visit->wants_join = true;
		visit->join_index = region->index;
	}
}

static void count_report(struct esx_vm *vm, const struct esx_merge_report *old,
			 const struct esx_merge_report *new)
{
	esx_count_events(&vm->events, ESX_EV_SCANNED, new->visited - old->visited);
	esx_count_events(&vm->events, ESX_EV_HASHED, new->hashed - old->hashed);
	esx_count_events(&vm->events, ESX_EV_CLEAN, new->clean - old->clean);
}

/* Returns the first page that was not looked at. */
static pgoff_t share_next(struct esx_pmap *pmap, pgoff_t first, pgoff_t end,
			  struct esx_share_visit *visit)
{
	struct esx_merge_report old = visit->report;
	unsigned long index = first >> ESX_REGION_ORDER;
	struct esx_region *region;
	pgoff_t start;

	end = min(end, pmap->nr_pages);
	if (first >= end)
		return end;
	region = xa_find(&pmap->regions, &index, (end - 1) >> ESX_REGION_ORDER, XA_PRESENT);
	if (!region)
		return end;
	start = index << ESX_REGION_ORDER;
	end = min(end, start + ESX_REGION_PAGES);
	share_pages(region, max(first, start), end, visit);
	count_report(pmap->vm, &old, &visit->report);
	return end;
}

/**
 * esx_share_region() - share what of a range lies in its first region
 * @pmap: the map, held by a reference
 * @first: first page; moved to the first page not yet looked at
 * @end: the page after the last
 * @visit: how; what was done is added to its report
 *
 * Others may fault, punch and merge in between.
 *
 * Return: true while there is more to do in the range.
 */
bool esx_share_region(struct esx_pmap *pmap, pgoff_t *first, pgoff_t end,
		      struct esx_share_visit *visit)
{
	bool more;

	visit->wants_join = false;
	/* Killable, since a change of group may keep us out for long. */
	if (esx_share_enter_killable())
		return true;
	more = esx_pmap_enter(pmap, false);
	if (more) {
		*first = share_next(pmap, *first, end, visit);
		more = *first < min(end, pmap->nr_pages);
		esx_pmap_leave(pmap);
	}
	if (visit->wants_join)
		esx_join_region(pmap, visit->join_index);
	esx_share_leave();
	return more;
}
ESX_EXPORT_FOR_TESTS(esx_share_region);

/**
 * esx_share_range() - share a range of a file now
 * @pmap: the map, held by a reference
 * @first: first page
 * @end: the page after the last; what lies beyond the file is left out
 * @report: what was done is added to it
 *
 * 2 MB frames are broken, and pages whose sharing breaks often are not spared:
 * somebody asked for it.
 *
 * Return: 0, or -EINTR when a signal came; @report holds what was done.
 */
int esx_share_range(struct esx_pmap *pmap, pgoff_t first, pgoff_t end,
		    struct esx_merge_report *report)
{
	struct esx_share_visit visit = { .report = *report };
	bool more = true;
	int err = 0;

	might_sleep();

	while (more && !err) {
		more = esx_share_region(pmap, &first, end, &visit);
		if (task_sigpending(current))
			err = -EINTR;
		cond_resched();
	}
	*report = visit.report;
	return more ? err : 0;
}
ESX_EXPORT_FOR_TESTS(esx_share_range);

/**
 * esx_share_forget() - drop the hints of a region that is about to be freed
 * @region: of a map that is entered exclusively
 */
void esx_share_forget(struct esx_region *region)
{
	esx_large_forget_frame(region);
	esx_pmap_set_fresh(region, false);
	esx_hints_destroy(region->hints);
	region->hints = NULL;
}
ESX_EXPORT_FOR_TESTS(esx_share_forget);
