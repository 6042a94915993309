// SPDX-License-Identifier: GPL-2.0
/*
 * Entries of the page map: what a guest page is.
 *
 * Invariants:
 *  - Sum of counts over the states, ESX_EMPTY included, is the file's size.
 *  - Only the setters below change an entry or @huge, and they alone move the
 *    counts of the file and of its VM.
 *  - What is not empty is charged to the mount's quota: charged by the caller
 *    before it fills the entry, given back by the setter that empties it.
 */
#include <linux/bitfield.h>
#include <linux/mm.h>

#include "compat.h"
#include "locks.h"
#include "pmap.h"

static unsigned int entry_index(const struct esx_slot *slot)
{
	return slot->pgoff & ESX_REGION_MASK;
}

static unsigned long make_entry(enum esx_state state, struct page *page)
{
	unsigned long entry = FIELD_PREP(ESX_ENTRY_STATE, state);

	if (page)
		entry |= page_to_pfn(page) << ESX_ENTRY_PFN_SHIFT;
	return entry;
}

static enum esx_state entry_state(unsigned long entry)
{
	return FIELD_GET(ESX_ENTRY_STATE, entry);
}

static struct page *entry_page(unsigned long entry)
{
	return pfn_to_page(entry >> ESX_ENTRY_PFN_SHIFT);
}

/**
 * esx_entry_private_page() - the frame of a page that need not be locked
 * @entry: the page's entry, as it was read
 *
 * Return: the private frame that the page had, somebody else's by now perhaps;
 * NULL when it was not private.
 */
struct page *esx_entry_private_page(unsigned long entry)
{
	return entry_state(entry) == ESX_PRIVATE ? entry_page(entry) : NULL;
}

static void add_count(struct esx_pmap *pmap, enum esx_state state, long nr)
{
	if (state == ESX_EMPTY)
		return;
	atomic_long_add(nr, &pmap->counts.nr[state]);
	atomic_long_add(nr, &pmap->parent->nr[state]);
}

static void add_huge_count(struct esx_pmap *pmap, long nr)
{
	atomic_long_add(nr, &pmap->counts.nr_huge);
	atomic_long_add(nr, &pmap->parent->nr_huge);
}

/**
 * esx_slot_state() - what is the page?
 * @slot: a locked page
 *
 * Return: its state.
 */
enum esx_state esx_slot_state(const struct esx_slot *slot)
{
	if (slot->entry)
		return entry_state(*slot->entry);
	return esx_slot_is_huge(slot) ? ESX_PRIVATE : ESX_EMPTY;
}
ESX_EXPORT_FOR_TESTS(esx_slot_state);

/**
 * esx_slot_is_huge() - is the page a part of a 2 MB frame?
 * @slot: a locked page
 *
 * Return: the answer.
 */
bool esx_slot_is_huge(const struct esx_slot *slot)
{
	return !slot->entry && slot->region && slot->region->huge;
}
ESX_EXPORT_FOR_TESTS(esx_slot_is_huge);

/**
 * esx_slot_is_mapped() - may a page-table entry show the page?
 * @slot: a locked page that has an entry or a region
 *
 * Return: false when certainly none does.
 */
bool esx_slot_is_mapped(const struct esx_slot *slot)
{
	if (slot->entry)
		return *slot->entry & ESX_ENTRY_MAPPED;
	return test_bit(ESX_REGION_MAPPED_BIT, &slot->region->flags);
}
ESX_EXPORT_FOR_TESTS(esx_slot_is_mapped);

/**
 * esx_pmap_glance() - look at a page without locking it
 * @pmap: an entered map
 * @pgoff: page number in the file; one beyond its end looks like a hole
 *
 * Return: what is seen, which may be old when the caller reads it.
 */
struct esx_glance esx_pmap_glance(struct esx_pmap *pmap, pgoff_t pgoff)
{
	struct esx_region *region = xa_load(&pmap->regions, pgoff >> ESX_REGION_ORDER);
	struct esx_glance seen = {};
	unsigned long *leaf;

	lockdep_assert_held(&pmap->lock);

	if (!region)
		return seen;
	/* Pairs with the release in publish_leaf(). */
	leaf = smp_load_acquire(&region->leaf);
	if (leaf) {
		seen.mapped = READ_ONCE(leaf[pgoff & ESX_REGION_MASK]) & ESX_ENTRY_MAPPED;
	} else {
		seen.mapped = test_bit(ESX_REGION_MAPPED_BIT, &region->flags);
		seen.whole = true;
	}
	return seen;
}

/**
 * esx_slot_is_clean() - is the page unchanged since it was hashed?
 * @slot: a locked page
 *
 * Return: see esx_pmap_set_clean(); false for a part of a 2 MB frame.  A writer
 * may be about to change that.
 */
bool esx_slot_is_clean(const struct esx_slot *slot)
{
	return slot->entry && *slot->entry & ESX_ENTRY_CLEAN;
}
ESX_EXPORT_FOR_TESTS(esx_slot_is_clean);

/**
 * esx_slot_breaks() - how often was the page's sharing broken lately?
 * @slot: a locked page
 *
 * Return: see esx_pmap_set_breaks(); 0 for a part of a 2 MB frame.
 */
unsigned int esx_slot_breaks(const struct esx_slot *slot)
{
	return slot->entry ? FIELD_GET(ESX_ENTRY_BREAKS, *slot->entry) : 0;
}
ESX_EXPORT_FOR_TESTS(esx_slot_breaks);

/**
 * esx_slot_page() - the machine page behind a guest page
 * @slot: a locked page in state ESX_PRIVATE or ESX_SHARED
 *
 * Return: the page; a part of a compound page when the region is huge.
 */
struct page *esx_slot_page(const struct esx_slot *slot)
{
	if (slot->entry)
		return entry_page(*slot->entry);
	return folio_page(slot->region->huge, entry_index(slot));
}
ESX_EXPORT_FOR_TESTS(esx_slot_page);

/**
 * esx_pmap_set() - change what a page is
 * @slot: a locked page that has an entry and is mapped nowhere
 * @state: new state
 * @page: the frame for ESX_PRIVATE and ESX_SHARED, else NULL
 *
 * The one setter of entries: moves the counts, gives an emptied page back to
 * the quota.  The frame that was there is the caller's to release.  The page is
 * not clean after; how often its sharing was broken is forgotten with its
 * contents only.
 *
 * Stores the whole word: nobody can be in esx_pmap_begin_write() for this page,
 * since its frame has no reference but ours, or is not private.
 */
void esx_pmap_set(struct esx_slot *slot, enum esx_state state, struct page *page)
{
	unsigned long keep = BIT(ESX_ENTRY_LOCK_BIT) | (state ? ESX_ENTRY_BREAKS : 0);
	unsigned long old = *slot->entry;

	lockdep_assert_held(&slot->pmap->lock);

	if (state == ESX_EMPTY && entry_state(old) != ESX_EMPTY)
		esx_quota_uncharge(slot->pmap->quota, 1);
	add_count(slot->pmap, entry_state(old), -1);
	add_count(slot->pmap, state, 1);

	/* Pairs with the READ_ONCE() in begin_private_write(). */
	WRITE_ONCE(*slot->entry, make_entry(state, page) | (old & keep));
}
ESX_EXPORT_FOR_TESTS(esx_pmap_set);

/**
 * esx_pmap_set_mapped() - note whether a page-table entry may show a page
 * @slot: a locked page that has an entry or a region
 * @mapped: false only after the page was unmapped with its frame locked
 */
void esx_pmap_set_mapped(struct esx_slot *slot, bool mapped)
{
	unsigned long *word = slot->entry ?: &slot->region->flags;
	unsigned int bit = slot->entry ? ESX_ENTRY_MAPPED_BIT : ESX_REGION_MAPPED_BIT;

	if (mapped)
		set_bit(bit, word);
	else
		clear_bit(bit, word);
}
ESX_EXPORT_FOR_TESTS(esx_pmap_set_mapped);

/* Most often it is not, and the cache line stays as it is. */
static void clear_if_set(unsigned int bit, unsigned long *word)
{
	if (test_bit(bit, word))
		clear_bit(bit, word);
}

/**
 * esx_pmap_set_clean() - note whether a page is unchanged since it was hashed
 * @slot: a locked page in state ESX_PRIVATE; nothing is noted of a part of a 2 MB
 *	frame
 * @clean: true only while the page is out of use (esx_slot_take_out()), when it
 *	can have no writable page-table entry, no dirty one and no pin
 *
 * A clean page may be mapped again, read-only.  It stays clean until somebody
 * may write to it: a write fault or write(2), which lock the page and call this,
 * or ->page_mkwrite, which does not lock it (see esx_pmap_begin_write()).
 */
void esx_pmap_set_clean(struct esx_slot *slot, bool clean)
{
	if (!slot->entry)
		return;
	if (clean)
		set_bit(ESX_ENTRY_CLEAN_BIT, slot->entry);
	else
		clear_if_set(ESX_ENTRY_CLEAN_BIT, slot->entry);
}
ESX_EXPORT_FOR_TESTS(esx_pmap_set_clean);

/**
 * esx_pmap_set_open() - note whether a clean page has to be looked up again
 * @slot: a locked page in state ESX_PRIVATE that has an entry
 * @open: a page that may be equal was left alone for the moment
 */
void esx_pmap_set_open(struct esx_slot *slot, bool open)
{
	if (open)
		set_bit(ESX_ENTRY_OPEN_BIT, slot->entry);
	else
		clear_if_set(ESX_ENTRY_OPEN_BIT, slot->entry);
}
ESX_EXPORT_FOR_TESTS(esx_pmap_set_open);

/**
 * esx_region_set_open() - a page has to be looked up again, if it is clean
 * @region: of an entered map, or one that cannot go away
 * @idx: number of the page in the region; need not be locked
 */
void esx_region_set_open(struct esx_region *region, unsigned int idx)
{
	unsigned long *leaf = smp_load_acquire(&region->leaf);

	if (leaf && !test_bit(ESX_ENTRY_OPEN_BIT, &leaf[idx]))
		set_bit(ESX_ENTRY_OPEN_BIT, &leaf[idx]);
}
ESX_EXPORT_FOR_TESTS(esx_region_set_open);

/**
 * esx_region_set_unclean() - none of a region's pages is known to be unchanged
 * @region: of an entered map, with a leaf; no page need be locked
 *
 * Who holds a page's lock stores its whole word only when the page is not
 * private or new, and then it is not clean anyway.
 */
void esx_region_set_unclean(struct esx_region *region)
{
	unsigned int i;

	for (i = 0; i < ESX_REGION_PAGES; i++)
		clear_if_set(ESX_ENTRY_CLEAN_BIT, &region->leaf[i]);
}

/**
 * esx_pmap_set_breaks() - note how often a page's sharing was broken lately
 * @slot: a locked page with an entry, not private or with a frame that nobody
 *	else has seen: the word is stored whole
 * @nr: how often; more than ESX_BREAKS_MAX is that
 */
void esx_pmap_set_breaks(struct esx_slot *slot, unsigned int nr)
{
	unsigned long entry = *slot->entry & ~ESX_ENTRY_BREAKS;

	nr = min_t(unsigned int, nr, ESX_BREAKS_MAX);
	WRITE_ONCE(*slot->entry, entry | FIELD_PREP(ESX_ENTRY_BREAKS, nr));
}
ESX_EXPORT_FOR_TESTS(esx_pmap_set_breaks);

/**
 * esx_pmap_set_fresh() - note whether a region was filled since last visited
 * @region: of an entered map
 * @fresh: yes or no
 */
void esx_pmap_set_fresh(struct esx_region *region, bool fresh)
{
	struct xarray *regions = &region->pmap->regions;

	if (test_bit(ESX_REGION_FRESH_BIT, &region->flags) == fresh)
		return;
	if (fresh && !test_and_set_bit(ESX_REGION_FRESH_BIT, &region->flags))
		xa_set_mark(regions, region->index, ESX_FRESH_MARK);
	else if (!fresh && test_and_clear_bit(ESX_REGION_FRESH_BIT, &region->flags))
		xa_clear_mark(regions, region->index, ESX_FRESH_MARK);
}
ESX_EXPORT_FOR_TESTS(esx_pmap_set_fresh);

/**
 * esx_pmap_set_huge() - give an empty region a 2 MB frame
 * @slot: a page of it, region lock held, no leaf
 * @folio: the frame, charged to the quota by the caller
 */
void esx_pmap_set_huge(struct esx_slot *slot, struct folio *folio)
{
	WARN_ON_ONCE(slot->entry || slot->region->huge);
	WRITE_ONCE(slot->region->huge, folio);
	add_count(slot->pmap, ESX_PRIVATE, ESX_REGION_PAGES);
	add_huge_count(slot->pmap, 1);
}
ESX_EXPORT_FOR_TESTS(esx_pmap_set_huge);

/**
 * esx_pmap_clear_huge() - empty a region that has a 2 MB frame
 * @slot: a page of it, region lock held, unmapped
 *
 * Return: the frame, the caller's to release.
 */
struct folio *esx_pmap_clear_huge(struct esx_slot *slot)
{
	struct folio *folio = slot->region->huge;

	WRITE_ONCE(slot->region->huge, NULL);
	add_count(slot->pmap, ESX_PRIVATE, -(long)ESX_REGION_PAGES);
	add_huge_count(slot->pmap, -1);
	esx_quota_uncharge(slot->pmap->quota, ESX_REGION_PAGES);
	return folio;
}
ESX_EXPORT_FOR_TESTS(esx_pmap_clear_huge);

static void publish_leaf(struct esx_region *region, unsigned long *leaf)
{
	/* Pairs with the acquire in esx_region_lock() and begin_private_write(). */
	smp_store_release(&region->leaf, leaf);
}

/**
 * esx_pmap_make_leaf() - give an empty region 512 entries
 * @slot: a page of it, region lock held; its entry's lock is held after
 * @nowait: do not sleep
 *
 * Return: 0 or -ENOMEM.
 */
int esx_pmap_make_leaf(struct esx_slot *slot, bool nowait)
{
	unsigned long *leaf = esx_pmap_alloc_leaf(nowait);

	if (!leaf)
		return -ENOMEM;
	slot->entry = &leaf[entry_index(slot)];
	*slot->entry = BIT(ESX_ENTRY_LOCK_BIT);
	publish_leaf(slot->region, leaf);

	/* The region's lock becomes the entry's: one class for lockdep. */
	esx_bit_unlock(&slot->region->flags, ESX_REGION_LOCK_BIT);
	esx_entry_dep_acquire(true);
	return 0;
}
ESX_EXPORT_FOR_TESTS(esx_pmap_make_leaf);

static bool is_beyond(const struct esx_slot *slot, unsigned int i)
{
	return (slot->region->index << ESX_REGION_ORDER) + i >= slot->pmap->nr_pages;
}

static enum esx_state part_state(const struct esx_slot *slot, const struct esx_part *part,
				 unsigned int i)
{
	if (part->page)
		return part->state;
	return is_beyond(slot, i) ? ESX_EMPTY : ESX_ZERO;
}

/**
 * esx_pmap_split_huge() - replace a 2 MB frame by 512 entries
 * @slot: a page of it, region lock held, unmapped; stays as it is
 * @leaf: from esx_pmap_alloc_leaf()
 * @parts: 512 of them; a part without a frame is zero, or a hole behind the end
 *	of the file
 *
 * Return: the 2 MB frame, the caller's to release.
 */
struct folio *esx_pmap_split_huge(struct esx_slot *slot, unsigned long *leaf,
				  const struct esx_part *parts)
{
	struct folio *folio = slot->region->huge;
	long nr[ESX_NR_STATES] = {};
	enum esx_state state;
	unsigned int i;

	for (i = 0; i < ESX_REGION_PAGES; i++) {
		state = part_state(slot, &parts[i], i);
		leaf[i] = make_entry(state, parts[i].page);
		nr[state]++;
	}
	publish_leaf(slot->region, leaf);
	WRITE_ONCE(slot->region->huge, NULL);
	set_bit(ESX_REGION_BROKEN_BIT, &slot->region->flags);

	add_count(slot->pmap, ESX_PRIVATE, nr[ESX_PRIVATE] - (long)ESX_REGION_PAGES);
	add_count(slot->pmap, ESX_SHARED, nr[ESX_SHARED]);
	add_count(slot->pmap, ESX_ZERO, nr[ESX_ZERO]);
	add_huge_count(slot->pmap, -1);
	esx_quota_uncharge(slot->pmap->quota, nr[ESX_EMPTY]);
	return folio;
}
ESX_EXPORT_FOR_TESTS(esx_pmap_split_huge);

/**
 * esx_pmap_join_huge() - replace 512 entries by a 2 MB frame
 * @slot: a page of the region, locked; none of its pages is empty or mapped.
 *	The map is entered exclusively.  The region lock is held after
 * @folio: the frame, with the contents
 *
 * Return: the entries, whose frames are the caller's to release, and then
 * esx_pmap_free_leaf()'s.
 */
unsigned long *esx_pmap_join_huge(struct esx_slot *slot, struct folio *folio)
{
	unsigned long *leaf = slot->region->leaf;
	unsigned int i;

	lockdep_assert_held_write(&slot->pmap->lock);

	esx_pmap_unlock(slot);
	for (i = 0; i < ESX_REGION_PAGES; i++)
		add_count(slot->pmap, entry_state(leaf[i]), -1);
	/* Nobody else is in the map. */
	slot->region->leaf = NULL;
	slot->entry = NULL;
	esx_bit_lock(&slot->region->flags, ESX_REGION_LOCK_BIT, false);
	clear_bit(ESX_REGION_BROKEN_BIT, &slot->region->flags);
	esx_pmap_set_huge(slot, folio);
	return leaf;
}
ESX_EXPORT_FOR_TESTS(esx_pmap_join_huge);

/* Is @page the private frame of that page?  Then it is not clean any more. */
static bool begin_private_write(struct esx_region *region, pgoff_t pgoff, struct page *page)
{
	unsigned long *leaf = smp_load_acquire(&region->leaf), *word, entry;
	struct folio *huge = READ_ONCE(region->huge);

	if (!leaf)
		return huge && folio_page(huge, pgoff & ESX_REGION_MASK) == page;
	word = &leaf[pgoff & ESX_REGION_MASK];
	entry = READ_ONCE(*word);
	if (entry_state(entry) != ESX_PRIVATE || entry_page(entry) != page)
		return false;
	clear_if_set(ESX_ENTRY_CLEAN_BIT, word);
	return true;
}

/**
 * esx_pmap_begin_write() - may this page be written to where it is?
 * @pmap: an entered map
 * @pgoff: page number in the file
 * @page: a frame whose folio lock the caller holds
 *
 * Does without the entry lock.  A "yes" stays true while the caller holds the
 * folio lock and its reference: merging and splitting need a frame to which
 * nobody else has a reference, punching shuts the caller out by the exclusive
 * lock and takes the folio lock before it frees.  The same reference keeps the
 * scanner from calling the page clean again before it can be written to.
 *
 * Return: true when @page is the page's private frame; it is not clean then.
 */
bool esx_pmap_begin_write(struct esx_pmap *pmap, pgoff_t pgoff, struct page *page)
{
	struct esx_region *region = xa_load(&pmap->regions, pgoff >> ESX_REGION_ORDER);

	lockdep_assert_held(&pmap->lock);

	return region && begin_private_write(region, pgoff, page);
}
ESX_EXPORT_FOR_TESTS(esx_pmap_begin_write);

