// SPDX-License-Identifier: GPL-2.0
/*
 * Content-based sharing of one page (paper, section 4).
 *
 * The page was taken out of use (takeout.c): mapped nowhere and referenced by
 * esxmem alone, so it cannot change while it is locked.  A hint of it is filed,
 * then its hash is looked up:
 *
 *	a hint		take the hint's page out of use as well, compare; the
 *			hint's frame becomes the shared one
 *	a shared frame	compare, point the page's entry at the shared frame, free
 *			its own
 *
 * A zero page needs no hash and no look-up: it gives up its frame.
 *
 * Invariants:
 *  - Both pages are out of use during the compare that precedes a merge.
 *  - Pages of VMs with different salts never meet.
 *  - Of two equal pages that are both clean one would have found the other.
 *    So a clean page need not be looked up again.  That is why the hint is filed
 *    first, why hints are looked up before shared frames (a page is found in one
 *    or the other while it turns from a hint's into a shared one), and why who
 *    was refused stays open: it is looked up in each pass.
 *
 * Several threads merge at once.  The second page is only ever tried, never
 * waited for.  Salts hold still, see esx_share_enter_killable().
 */
#include <linux/bitfield.h>
#include <linux/mm.h>

#include "../compat.h"
#include "../stats.h"
#include "../takeout.h"
#include "../trace.h"
#include "../vm.h"
#include "hash.h"
#include "hints.h"
#include "merge.h"
#include "shared.h"

/* Hints that one page is compared with, at most. */
#define MAX_HINTS_TRIED	8
/* Breaks of sharing from which on a page has to settle before it is merged. */
#define MAX_BREAKS_UNSETTLED	2
/*
 * A page has settled when it is clean and so many regions, 64 MB, were visited
 * since it was hashed: had it been in use it would have been written to.
 */
#define SETTLE_REGIONS	32
/*
 * Breaks from which on a page is left alone, for so many passes: it settles, and
 * is written to again.
 */
#define MAX_BREAKS	5
#define MIN_BACK_OFF	16U
#define MAX_BACK_OFF	32U

/* What became of a hint's page. */
enum hint_verdict {
	/* It is shared now, and the candidate with it. */
	HINT_MERGED,
	/* No use, look for another. */
	HINT_NEXT,
	/* The hint was wrong and is gone, look for another. */
	HINT_GONE,
};

/* Where a hint's page is. */
struct hint_page {
	struct esx_candidate *cand;
	struct esx_pmap *pmap;
	pgoff_t pgoff;
};

static unsigned int slot_index(const struct esx_slot *slot)
{
	return slot->pgoff & ESX_REGION_MASK;
}

/**
 * esx_merge_drop_hint() - forget the hash of a page
 * @slot: a locked page with an entry
 */
void esx_merge_drop_hint(struct esx_slot *slot)
{
	struct esx_hints *hints = esx_hints_of(slot->region);

	if (hints)
		esx_hints_drop(hints, slot_index(slot));
}

/* Files a hint of the page; @met: others may have one like it. */
static enum esx_verdict file_hint(struct esx_slot *slot, u64 hash, bool *met)
{
	struct esx_region *region = slot->region;

	*met = true;
	if (esx_hints_attach(region, ESX_REGION_PAGES))
		return ESX_V_NO_MEMORY;
	*met = esx_hints_meet(esx_hints_of(region), slot_index(slot), hash);
	return ESX_V_HINTED;
}

static void trace_hint(const struct esx_slot *slot, u64 hash)
{
	struct esx_vm *vm = slot->pmap->vm;

	trace_esxmem_hint(vm->id, vm->name, slot->pmap->ino, slot->pgoff, hash);
}

/**
 * esx_merge_backs_off() - is it better to leave a page alone in this pass?
 * @breaks: how often its sharing was broken lately
 * @pass: number of the pass, 0 for who wants all merged
 *
 * A page that was merged and written to again costs two faults and a copy each
 * time.  From some time on it is left alone for a while.  All such pages come back
 * in the same passes, so that two of them can meet.
 *
 * Return: true to leave it alone.
 */
bool esx_merge_backs_off(unsigned int breaks, u64 pass)
{
	if (breaks < MAX_BREAKS)
		return false;
	return pass % (breaks == MAX_BREAKS ? MIN_BACK_OFF : MAX_BACK_OFF);
}
ESX_EXPORT_FOR_TESTS(esx_merge_backs_off);

static void point_at(struct esx_slot *slot, struct folio *shared)
{
	struct esx_pmap *pmap = slot->pmap;

	esx_merge_drop_hint(slot);
	esx_pmap_set(slot, ESX_SHARED, folio_page(shared, 0));
	trace_esxmem_merge(pmap->vm->id, pmap->vm->name, pmap->ino, slot->pgoff,
			   folio_pfn(shared), esx_shared_refs(shared));
}

/* The candidate, compared, joins the sharers and takes over a reference. */
static void join(struct esx_candidate *cand, struct folio *shared)
{
	struct folio *old = esx_slot_folio(&cand->slot);

	point_at(&cand->slot, shared);
	esx_frame_release(old);
}

static bool equals_shared(struct page *page, struct folio *shared)
{
	return !PageHWPoison(folio_page(shared, 0)) &&
	       esx_pages_equal(page, folio_page(shared, 0));
}

static bool may_join(struct esx_candidate *cand)
{
	if (cand->settled || esx_slot_breaks(&cand->slot) < MAX_BREAKS_UNSETTLED)
		return true;
	esx_count_event(&cand->slot.pmap->vm->events, ESX_EV_BACKED_OFF);
	cand->refused = true;
	return false;
}

static enum esx_verdict merge_with_shared(struct esx_candidate *cand, struct folio *shared)
{
	if (!equals_shared(esx_slot_page(&cand->slot), shared)) {
		esx_shared_put(shared);
		return ESX_V_FALSE_MATCH;
	}
	join(cand, shared);
	return ESX_V_MERGED;
}

/* A hint may be older than a change of group, or of the switch. */
static bool may_share(const struct esx_vm *vm, const struct esx_vm *other)
{
	return READ_ONCE(other->salt) == vm->salt && (other == vm || READ_ONCE(other->share));
}

/* The entry of a page that is not locked, 0 when it has none. */
static unsigned long entry_of(const struct esx_region *region, unsigned int idx)
{
	unsigned long *leaf = smp_load_acquire(&region->leaf);

	return leaf ? READ_ONCE(leaf[idx]) : 0;
}

/* Would the page of this hint, which is not locked, be merged with? */
static bool is_willing(const struct esx_candidate *cand, const struct esx_hints *hints,
		       unsigned int idx)
{
	struct esx_region *region = esx_hints_region(hints);

	return may_share(cand->slot.pmap->vm, region->pmap->vm) &&
	       !esx_merge_backs_off(FIELD_GET(ESX_ENTRY_BREAKS, entry_of(region, idx)),
				    cand->pass);
}

/*
 * The hash of the candidate's contents.  A page that is clean is looked up by what
 * its hint knows of its hash, and hashed when that is not enough.
 */
static u64 hash_of(struct esx_candidate *cand, struct page *page)
{
	if (!cand->hashed)
		cand->hash = esx_hash_page(page, cand->salt);
	cand->hashed = true;
	return cand->hash;
}

static bool may_meet_hints(const struct esx_candidate *cand)
{
	return cand->settled || !esx_slot_breaks(&cand->slot);
}

/*
 * One of two pages must have settled before they are merged.  A page that is
 * written all the time would be merged and broken again in each pass.
 */
static bool one_has_settled(const struct esx_candidate *cand, const struct esx_region *region,
			    unsigned long entry)
{
	/* Negative when somebody else has visited it in between. */
	s16 age = cand->clock - READ_ONCE(region->clock);

	return cand->settled || (age >= SETTLE_REGIONS && entry & ESX_ENTRY_CLEAN &&
				 !FIELD_GET(ESX_ENTRY_BREAKS, entry));
}

static bool get_hint_page(const struct esx_hints *hints, unsigned int idx, void *ctx)
{
	struct esx_region *region = esx_hints_region(hints);
	struct hint_page *hint = ctx;

	if (esx_hints_is_sample(hints))
		return false;
	esx_region_set_open(region, idx);
	if (!is_willing(hint->cand, hints, idx) ||
	    !one_has_settled(hint->cand, region, entry_of(region, idx)) ||
	    !esx_pmap_tryget(region->pmap)) {
		hint->cand->refused = true;
		return false;
	}
	hint->pmap = region->pmap;
	hint->pgoff = (region->index << ESX_REGION_ORDER) + idx;
	return true;
}

/* The hint's page is out of use and equals a page that is shared now. */
static void join_other(struct esx_slot *other, struct folio *shared)
{
	struct folio *old = esx_slot_folio(other);

	esx_shared_get(shared);
	point_at(other, shared);
	esx_frame_release(old);
	esx_count_event(&other->pmap->vm->events, ESX_EV_MERGED);
}

/* The hint's page is out of use and equals @page: its frame becomes shared. */
static struct folio *promote(struct esx_candidate *cand, struct page *page,
			     struct esx_slot *other)
{
	struct folio *folio = esx_slot_folio(other);
	u64 hash = hash_of(cand, page);

	/* Somebody may just have shared, or be giving up, a frame like it. */
	if (esx_shared_insert(folio, hash, cand->salt))
		return NULL;
	esx_shared_get(folio);
	point_at(other, folio);
	esx_count_event(&other->pmap->vm->events, ESX_EV_MERGED);
	return folio;
}

/* The hint's page is not what the candidate is: file what it is. */
static enum hint_verdict refresh_hint(struct esx_candidate *cand, struct esx_slot *other, u64 hash)
{
	bool met;

	file_hint(other, hash, &met);
	trace_hint(other, hash);
	return esx_hints_alike(hash, cand->hash) ? HINT_NEXT : HINT_GONE;
}

static enum hint_verdict refuse(struct esx_candidate *cand)
{
	cand->refused = true;
	return HINT_NEXT;
}

/* The hint's page, out of use, is not equal: of equal tag, or written to. */
static enum hint_verdict reject(struct esx_candidate *cand, struct page *page,
				struct esx_slot *other)
{
	u64 hash = esx_hash_page(esx_slot_page(other), cand->salt);

	if (hash != hash_of(cand, page))
		return refresh_hint(cand, other, hash);
	esx_count_event(&cand->slot.pmap->vm->events, ESX_EV_FALSE_MATCH);
	return HINT_NEXT;
}

/*
 * Compares @page, which is out of use, with the page of a hint.  A clean page
 * is what its hint says it is, so it is not hashed but compared at once.
 */
static enum hint_verdict merge_with_page(struct esx_candidate *cand, struct page *page,
					 struct esx_slot *other, struct folio **shared)
{
	bool clean = esx_slot_is_clean(other);
	u64 hash;

	if (!other->entry)
		return HINT_NEXT;
	if (esx_slot_state(other) != ESX_PRIVATE) {
		esx_merge_drop_hint(other);
		return HINT_GONE;
	}
	if (PageHWPoison(esx_slot_page(other)))
		return HINT_NEXT;
	if (esx_merge_backs_off(esx_slot_breaks(other), cand->pass) || !(clean || cand->settled))
		return refuse(cand);
	if (!clean) {
		hash = esx_hash_page(esx_slot_page(other), cand->salt);
		if (hash != hash_of(cand, page))
			return refresh_hint(cand, other, hash);
	}
	if (esx_slot_take_out(other) != ESX_TAKEN)
		return refuse(cand);
	if (!esx_pages_equal(page, esx_slot_page(other)))
		return reject(cand, page, other);

	if (*shared)
		join_other(other, *shared);
	else
		*shared = promote(cand, page, other);
	return *shared ? HINT_MERGED : refuse(cand);
}

static enum hint_verdict merge_with_hint(struct esx_candidate *cand, struct page *page,
					 const struct hint_page *hint, struct folio **shared)
{
	bool same = hint->pmap == cand->slot.pmap;
	enum hint_verdict verdict;
	struct esx_slot other;

	if (!same && !esx_pmap_enter(hint->pmap, true))
		return refuse(cand);
	if (!may_share(cand->slot.pmap->vm, hint->pmap->vm) ||
	    esx_pmap_lock(hint->pmap, hint->pgoff, ESX_SLOT_TRY, &other)) {
		verdict = refuse(cand);
		goto out_leave;
	}
	verdict = other.region ? merge_with_page(cand, page, &other, shared) : HINT_NEXT;
	esx_pmap_unlock(&other);
out_leave:
	if (!same)
		esx_pmap_leave(hint->pmap);
	return verdict;
}

/* All that have a hint like this are to be looked up again. */
static bool open_page(const struct esx_hints *hints, unsigned int idx, void *ctx)
{
	if (!esx_hints_is_sample(hints))
		esx_region_set_open(esx_hints_region(hints), idx);
	return false;
}

static void open_rest(struct esx_hints_query *query)
{
	query->get = open_page;
	esx_hints_find(query);
}

/*
 * A shared frame, with a reference, that a hint led to; or NULL.  Others that
 * are equal join it, so that none is left behind that will not look again.
 */
static struct folio *share_with_hints(struct esx_candidate *cand, struct page *page)
{
	struct esx_hints *self = esx_hints_of(cand->slot.region);
	struct hint_page hint = { .cand = cand };
	struct esx_hints_query query = {
		.hash = cand->hash,
		.self = self,
		.self_idx = slot_index(&cand->slot),
		.get = get_hint_page,
		.ctx = &hint,
	};
	struct folio *shared = NULL;
	enum hint_verdict verdict;
	unsigned int tries;

	for (tries = 0; tries < MAX_HINTS_TRIED && esx_hints_find(&query); tries++) {
		verdict = merge_with_hint(cand, page, &hint, &shared);
		esx_pmap_put(hint.pmap);
		cand->nr_joined += verdict == HINT_MERGED;
		/* Its hint is gone from the chain. */
		if (verdict != HINT_NEXT)
			query.pos--;
	}
	/* There may be more. */
	if (tries == MAX_HINTS_TRIED) {
		cand->refused = true;
		open_rest(&query);
	}
	return shared;
}

static bool is_of_use(const struct esx_hints *hints, unsigned int idx, void *ctx)
{
	if (esx_hints_is_sample(hints))
		return false;
	esx_region_set_open(esx_hints_region(hints), idx);
	return is_willing(ctx, hints, idx);
}

/* Does another page that may be merged with have a hint like this? */
static bool is_hinted(struct esx_candidate *cand, u64 hash)
{
	struct esx_hints_query query = {
		.hash = hash,
		.self = esx_hints_of(cand->slot.region),
		.self_idx = slot_index(&cand->slot),
		.get = is_of_use,
		.ctx = cand,
	};

	return esx_hints_find(&query);
}

/**
 * esx_merge_would_find() - is something of this hash known?
 * @cand: whose page is not taken out of use; its own hint does not count
 * @hash: of its contents, perhaps
 *
 * Return: true if merging the page is worth a try.
 */
bool esx_merge_would_find(struct esx_candidate *cand, u64 hash)
{
	return esx_shared_has(hash, cand->salt) || is_hinted(cand, hash);
}

static enum esx_verdict give_up_zero(struct esx_candidate *cand)
{
	struct esx_slot *slot = &cand->slot;
	struct folio *folio = esx_slot_folio(slot);
	struct esx_vm *vm = slot->pmap->vm;

	esx_merge_drop_hint(slot);
	esx_pmap_set(slot, ESX_ZERO, NULL);
	esx_frame_release(folio);
	trace_esxmem_zero(vm->id, vm->name, slot->pmap->ino, slot->pgoff);
	return ESX_V_ZERO;
}

/* Does its hint tell its hash? */
static bool is_known(const struct esx_slot *slot)
{
	struct esx_hints *hints = esx_hints_of(slot->region);

	/* Else the hint knows the hash under another salt. */
	if (READ_ONCE(slot->region->epoch) != READ_ONCE(slot->pmap->vm->epoch))
		return false;
	return esx_slot_is_clean(slot) && hints && esx_hints_has(hints, slot_index(slot));
}

/**
 * esx_merge_begin() - hash a page that is to be merged
 * @cand: the page, until esx_merge_finish()
 *
 * Has what the next steps are going to read fetched into the cache: the more
 * there is to be done in between, the less they cost.
 */
void esx_merge_begin(struct esx_candidate *cand)
{
	struct esx_slot *slot = &cand->slot;
	struct page *page = esx_slot_page(slot);

	cand->verdict = ESX_V_PINNED;
	cand->hashed = false;
	cand->refused = false;
	cand->nr_joined = 0;
	if (PageHWPoison(page))
		return;
	cand->verdict = ESX_V_HINTED;
	if (is_known(slot)) {
		esx_page_fetch(page);
		cand->hash = esx_hints_hash(esx_hints_of(slot->region), slot_index(slot));
	} else if (esx_page_is_zero_fetch(page, cand->next)) {
		cand->verdict = ESX_V_ZERO;
		return;
	} else {
		cand->hash = esx_hash_page_fetch(page, cand->salt, cand->next);
		cand->hashed = true;
	}
	esx_hints_fetch(cand->hash);
	esx_shared_fetch(cand->hash);
}
ESX_EXPORT_FOR_TESTS(esx_merge_begin);

static bool fetch_hint_page(const struct esx_hints *hints, unsigned int idx, void *ctx)
{
	struct esx_region *region = esx_hints_region(hints);
	unsigned long entry = entry_of(region, idx);
	struct page *page = esx_entry_private_page(entry);

	if (esx_hints_is_sample(hints))
		return false;
	if (page && one_has_settled(ctx, region, entry))
		esx_page_fetch(page);
	return true;
}

/**
 * esx_merge_file() - file a hint of a page that is to be merged
 * @cand: the page, from esx_merge_begin() a while ago
 *
 * Has the page that it may be merged with fetched, too.
 */
void esx_merge_file(struct esx_candidate *cand)
{
	struct esx_hints_query query = {
		.hash = cand->hash,
		.self_idx = slot_index(&cand->slot),
		.get = fetch_hint_page,
		.ctx = cand,
	};

	if (cand->verdict != ESX_V_HINTED)
		return;
	/* From now on others may find it, and open it. */
	esx_pmap_set_open(&cand->slot, false);
	cand->verdict = file_hint(&cand->slot, cand->hash, &cand->met);
	query.self = esx_hints_of(cand->slot.region);
	if (cand->met && may_meet_hints(cand))
		esx_hints_find(&query);
}
ESX_EXPORT_FOR_TESTS(esx_merge_file);

/* The page is not merged now. */
static enum esx_verdict keep_private(struct esx_candidate *cand, enum esx_verdict verdict)
{
	esx_pmap_set_clean(&cand->slot, verdict == ESX_V_HINTED);
	if (cand->refused)
		esx_pmap_set_open(&cand->slot, true);
	trace_hint(&cand->slot, cand->hash);
	return verdict;
}

/**
 * esx_merge_finish() - share one page if something equal is known
 * @cand: the page, from esx_merge_file()
 *
 * With ESX_V_HINTED the page stays private, clean, and open if it was refused;
 * with any other verdict but a merge it stays private.
 *
 * Return: what became of it.
 */
enum esx_verdict esx_merge_finish(struct esx_candidate *cand)
{
	struct page *page = esx_slot_page(&cand->slot);
	struct folio *shared = NULL;
	u64 hash = cand->hash;

	if (PageHWPoison(page) || cand->verdict == ESX_V_PINNED)
		return ESX_V_PINNED;
	if (cand->verdict == ESX_V_ZERO)
		return give_up_zero(cand);

	/* The hint is filed, now in this order; see above. */
	if (cand->met && may_meet_hints(cand))
		shared = share_with_hints(cand, page);
	else if (cand->met)
		cand->refused = is_hinted(cand, hash);
	if (shared) {
		join(cand, shared);
		return ESX_V_PROMOTED;
	}
	/* Should the hint have been wrong, the page was looked up in the wrong place. */
	if (!esx_hints_alike(hash_of(cand, page), hash))
		return keep_private(cand, ESX_V_CHANGED);
	shared = esx_shared_find(cand->hash, cand->salt);
	if (shared && may_join(cand))
		return merge_with_shared(cand, shared);
	if (shared)
		esx_shared_put(shared);
	return keep_private(cand, cand->verdict);
}
ESX_EXPORT_FOR_TESTS(esx_merge_finish);

/**
 * esx_merge_part() - find a shared frame for a part of a 2 MB frame
 * @cand: the 2 MB frame, region locked, out of use; @cand->slot.pgoff is the part's
 * @part: the part
 *
 * Return: a shared frame of the same contents with a reference, or NULL.
 */
struct folio *esx_merge_part(struct esx_candidate *cand, struct page *part)
{
	struct folio *shared;

	cand->refused = false;
	cand->nr_joined = 0;
	cand->hashed = true;
	cand->hash = esx_hash_page(part, cand->salt);
	shared = esx_shared_find(cand->hash, cand->salt);
	if (!shared)
		return share_with_hints(cand, part);
	if (equals_shared(part, shared))
		return shared;
	esx_shared_put(shared);
	return NULL;
}
