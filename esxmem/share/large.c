// SPDX-License-Identifier: GPL-2.0
/*
 * What sharing does with 2 MB frames.
 *
 * While memory is plentiful they are kept: their parts are hashed where they
 * are, and what breaking each frame would save is estimated.  When memory is
 * wanted they are broken, those with the most to gain first, and of these the
 * ones first that are quiet: when last looked at, they held what they had held a
 * second before, at the least.  Two looks in a moment say nothing: who is short of
 * memory looks again and again.
 *
 * The estimate of a frame is the sum of
 *  - parts that are zero, or equal to another part of the frame: counted;
 *  - parts equal to a shared frame: counted;
 *  - parts equal to a page of another region: one in 32 of all hashes is filed
 *    as a hint (a sample), chosen by the hash, so that equal pages are either
 *    both filed or both not; each that meets another stands for 32.  A single
 *    one may be chance, and does not count.
 * So 512 pages cost less than one byte each.
 *
 * A frame is never unmapped to be looked at: the guest would pay for what is not
 * wanted yet.  It is looked at in passes further and further apart.
 *
 * One that cannot be broken, because I/O holds a page of it, was unmapped for
 * nothing.  So it rests for some looks before it is tried again, unless somebody
 * asks; what is known of it is kept meanwhile.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "../compat.h"
#include "../stats.h"
#include "../takeout.h"
#include "../trace.h"
#include "../vm.h"
#include "hash.h"
#include "hints.h"
#include "large.h"
#include "shared.h"

/* One hash in so many is a sample. */
#define SAMPLE_RATE		32
#define MAX_SAMPLES		20
#define MIN_SAMPLES_MET		2
/* A frame is hashed in one pass of 2^this, at the least. */
#define MAX_PATIENCE		6
/* Looks that a frame rests for: as many passes, or turns of reclaim by the fourth. */
#define REST_LOOKS		32
/* Of a clock that is read in whole seconds: more than one second. */
#define QUIET_SECONDS		2

const char *const esx_break_large_names[ESX_BREAK_NR] = {
	[ESX_BREAK_NEVER] = "never",
	[ESX_BREAK_PRESSURE] = "pressure",
	[ESX_BREAK_ALWAYS] = "always",
};

static enum esx_break_large policy = ESX_BREAK_PRESSURE;
static unsigned int pressure_percent = 10;

/* Frames whose estimated gain is 2^i to 2^(i+1) - 1 pages. */
static atomic_t nr_by_gain[ESX_REGION_ORDER + 1];
static atomic_long_t shareable_pages;

/* What the parts of one frame are like. */
struct survey {
	u64 hashes[ESX_REGION_PAGES];
	u64 samples[MAX_SAMPLES];
	unsigned int nr_samples;
	/* Parts that need no frame whatever the samples say. */
	unsigned int nr_own;
	u64 zero_hash;
	u32 digest;
};

/**
 * esx_break_large_get() - when does the scanner break 2 MB frames?
 *
 * Return: the policy.
 */
enum esx_break_large esx_break_large_get(void)
{
	return READ_ONCE(policy);
}

/**
 * esx_break_large_set() - choose when the scanner breaks 2 MB frames
 * @new: from its next visit on
 */
void esx_break_large_set(enum esx_break_large new)
{
	WRITE_ONCE(policy, new);
}
ESX_EXPORT_FOR_TESTS(esx_break_large_set);

/**
 * esx_pressure_percent_get() - when is the host short of memory?
 *
 * Return: when less than this part of it, in per cent, is available.
 */
unsigned int esx_pressure_percent_get(void)
{
	return READ_ONCE(pressure_percent);
}

/**
 * esx_pressure_percent_set() - choose when the host is short of memory
 * @percent: 0: never, 100: always
 *
 * Return: 0, or -EINVAL when out of range.
 */
int esx_pressure_percent_set(unsigned int percent)
{
	if (percent > 100)
		return -EINVAL;
	WRITE_ONCE(pressure_percent, percent);
	return 0;
}
ESX_EXPORT_FOR_TESTS(esx_pressure_percent_set);

/**
 * esx_large_is_pressed() - is the host short of memory?
 *
 * Return: the answer, by the kernel's estimate of what is available.
 */
bool esx_large_is_pressed(void)
{
	unsigned int percent = esx_pressure_percent_get();

	return percent == 100 || si_mem_available() < (long)(totalram_pages() / 100 * percent);
}

/**
 * esx_large_shareable_pages() - what breaking 2 MB frames would save
 *
 * Return: pages, of the frames that are worth it, estimated.
 */
u64 esx_large_shareable_pages(void)
{
	/* Two that change a frame's estimate may be seen in the wrong order. */
	return max(atomic_long_read(&shareable_pages), 0L);
}
ESX_EXPORT_FOR_TESTS(esx_large_shareable_pages);

/**
 * esx_large_shareable_frames() - how many 2 MB frames are worth being broken
 *
 * Return: their number.
 */
u64 esx_large_shareable_frames(void)
{
	unsigned int i;
	u64 sum = 0;

	for (i = 0; i < ARRAY_SIZE(nr_by_gain); i++)
		sum += max(atomic_read(&nr_by_gain[i]), 0);
	return sum;
}
ESX_EXPORT_FOR_TESTS(esx_large_shareable_frames);

/**
 * esx_large_set_gain() - note what breaking a region's 2 MB frame would save
 * @region: locked, or of a map entered exclusively
 * @gain: pages; less than is worth the trouble counts as 0
 */
void esx_large_set_gain(struct esx_region *region, unsigned int gain)
{
	struct esx_vm *vm = region->pmap->vm;
	unsigned int old;
	int delta;

	gain = gain < ESX_LARGE_MIN_GAIN ? 0 : gain;
	/* Two may come to forget at once. */
	old = xchg(&region->gain, gain);
	delta = (int)gain - old;
	if (!delta)
		return;
	if (old) {
		atomic_dec(&nr_by_gain[ilog2(old)]);
		atomic_long_dec(&vm->shareable_frames);
	}
	if (gain) {
		atomic_inc(&nr_by_gain[ilog2(gain)]);
		atomic_long_inc(&vm->shareable_frames);
	}
	atomic_long_add(delta, &shareable_pages);
	atomic_long_add(delta, &vm->shareable_pages);
}

/**
 * esx_large_forget_frame() - forget what is known of a region's 2 MB frame
 * @region: locked, or of a map entered exclusively
 */
void esx_large_forget_frame(struct esx_region *region)
{
	esx_large_set_gain(region, 0);
	esx_hints_destroy(region->samples);
	region->samples = NULL;
	region->rest = 0;
}

static void forget_gains(struct esx_pmap *pmap)
{
	struct esx_region *region;
	unsigned long index;

	if (!esx_pmap_enter(pmap, false))
		return;
	xa_for_each(&pmap->regions, index, region)
		esx_large_set_gain(region, 0);
	esx_pmap_leave(pmap);
}

/**
 * esx_large_forget_vm() - a VM does not take part in background sharing any more
 * @vm: the VM
 *
 * Its 2 MB frames are not to stand in line for being broken.
 */
void esx_large_forget_vm(struct esx_vm *vm)
{
	struct esx_pmap *pmap = esx_vm_find_pmap(vm, NULL, 0), *next;

	while (pmap) {
		forget_gains(pmap);
		next = esx_vm_find_pmap(vm, pmap, pmap->seq + 1);
		esx_pmap_put(pmap);
		pmap = next;
		cond_resched();
	}
}

/* The least gain for which a frame is broken: that of the best there are. */
static unsigned int best_gain(void)
{
	int i;

	for (i = ARRAY_SIZE(nr_by_gain) - 1; i >= 0; i--) {
		if (atomic_read(&nr_by_gain[i]) > 0)
			return BIT(i);
	}
	return UINT_MAX;
}

/* Of frames with as much to gain those first that are not in use. */
static bool pays(const struct esx_region *region, const struct esx_share_visit *visit,
		 unsigned int min_gain)
{
	return region->gain >= min_gain &&
	       (visit->break_hot || test_bit(ESX_REGION_QUIET_BIT, &region->flags));
}

static bool wants_look(const struct esx_share_visit *visit)
{
	if (visit->kind != ESX_VISIT_ALL)
		return visit->kind == ESX_VISIT_LOOK;
	return visit->pass && esx_break_large_get() != ESX_BREAK_ALWAYS;
}

static bool wants_break(const struct esx_slot *slot, const struct esx_share_visit *visit)
{
	if (visit->kind == ESX_VISIT_LOOK)
		return false;
	if (visit->kind == ESX_VISIT_BREAK)
		return pays(slot->region, visit, visit->min_gain);
	if (!visit->pass)
		return true;
	switch (esx_break_large_get()) {
	case ESX_BREAK_ALWAYS:
		return true;
	case ESX_BREAK_PRESSURE:
		return visit->pressed && pays(slot->region, visit, best_gain());
	default:
		return false;
	}
}

/* Parts of a frame being broken, and frames of others that were freed on the way. */
struct parts {
	struct esx_candidate cand;
	unsigned int nr_freed;
};

/* Parts of a frame being broken that are equal to what others have. */
static struct page *share_part(void *ctx, const struct esx_slot *slot, unsigned int i)
{
	struct parts *parts = ctx;
	struct esx_candidate *cand = &parts->cand;
	struct esx_vm *vm = slot->pmap->vm;
	struct folio *folio;

	cand->slot = *slot;
	cand->slot.pgoff = (slot->region->index << ESX_REGION_ORDER) + i;
	folio = esx_merge_part(cand, folio_page(slot->region->huge, i));
	if (!folio)
		return NULL;
	/* The first gave its frame, which is shared now. */
	parts->nr_freed += max(cand->nr_joined, 1U) - 1;
	trace_esxmem_merge(vm->id, vm->name, slot->pmap->ino, cand->slot.pgoff, folio_pfn(folio),
			   esx_shared_refs(folio));
	return folio_page(folio, 0);
}

static void unshare_part(struct page *page)
{
	esx_shared_put(page_folio(page));
}

/* Pages of the region that the visit is about. */
static u64 nr_left(const struct esx_slot *slot, pgoff_t end)
{
	pgoff_t start = slot->pgoff & ~ESX_REGION_MASK;

	return min3(end, start + ESX_REGION_PAGES, slot->pmap->nr_pages) - slot->pgoff;
}

/**
 * esx_large_break() - esx_slot_break_huge() and its accounts
 * @slot: see there
 * @how: see there
 *
 * When it fails the frame leaves the line, for others to have their turn.
 *
 * Return: see there.
 */
int esx_large_break(struct esx_slot *slot, struct esx_break *how)
{
	struct esx_region *region = slot->region;
	struct esx_vm *vm = slot->pmap->vm;
	int err;

	err = esx_slot_break_huge(slot, how);
	if (err) {
		esx_large_set_gain(region, 0);
		region->rest = err == -EBUSY ? REST_LOOKS : 0;
		return err;
	}
	/* It has a leaf for as long as the map is entered: nobody else looks at these. */
	esx_large_forget_frame(region);
	region->patience = 0;
	esx_count_event(&vm->events, ESX_EV_HUGE_BROKEN);
	esx_count_events(&vm->events, ESX_EV_ZEROED, how->nr_zero);
	esx_count_events(&vm->events, ESX_EV_MERGED, how->nr_shared);
	trace_esxmem_huge_break(vm->id, vm->name, slot->pmap->ino, slot->pgoff);
	return 0;
}

/* Parts of a frame that was broken which have no frame of their own. */
static unsigned int nr_without_frame(const struct esx_slot *slot, const struct esx_break *how)
{
	pgoff_t start = slot->region->index << ESX_REGION_ORDER;
	pgoff_t nr_inside = min(slot->pmap->nr_pages - start, ESX_REGION_PAGES);

	return ESX_REGION_PAGES - nr_inside + how->nr_zero + how->nr_shared;
}

static void break_frame(struct esx_slot *slot, pgoff_t end, const struct esx_candidate *cand,
			struct esx_share_visit *visit)
{
	struct parts parts = { .cand = *cand };
	struct esx_break how = { .share = share_part, .unshare = unshare_part, .ctx = &parts };
	struct esx_merge_report *report = &visit->report;
	int err;

	/* It was not broken for nothing. */
	parts.cand.settled = true;
	err = esx_large_break(slot, &how);
	report->freed += parts.nr_freed;
	if (!err) {
		report->freed += nr_without_frame(slot, &how);
		report->huge_broken++;
		report->zero += how.nr_zero;
		report->merged += how.nr_shared;
		return;
	}
	report->visited += nr_left(slot, end);
	if (err == -EBUSY) {
		report->pinned += nr_left(slot, end);
		esx_count_events(&slot->pmap->vm->events, ESX_EV_PINNED, nr_left(slot, end));
	} else {
		report->skipped += nr_left(slot, end);
	}
}

static int compare_hashes(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static void hash_parts(const struct esx_slot *slot, const struct esx_candidate *cand,
		       struct survey *survey)
{
	struct folio *folio = slot->region->huge;
	const struct page *next;
	unsigned int i;

	survey->digest = 0;
	for (i = 0; i < ESX_REGION_PAGES; i++) {
		next = i + 1 < ESX_REGION_PAGES ? folio_page(folio, i + 1) : NULL;
		survey->hashes[i] = esx_hash_page_fetch(folio_page(folio, i), cand->salt, next);
		survey->digest = rol32(survey->digest, 1) ^ lower_32_bits(survey->hashes[i]);
	}
}

/* @nr parts have this hash: how many of their frames are not needed? */
static void survey_hash(struct survey *survey, u64 hash, unsigned int nr,
			const struct esx_candidate *cand)
{
	if (hash == survey->zero_hash || esx_shared_has(hash, cand->salt)) {
		survey->nr_own += nr;
		return;
	}
	survey->nr_own += nr - 1;
	if (hash % SAMPLE_RATE == 0 && survey->nr_samples < MAX_SAMPLES)
		survey->samples[survey->nr_samples++] = hash;
}

static void survey_hashes(struct survey *survey, const struct esx_candidate *cand)
{
	unsigned int i, nr;

	survey->zero_hash = esx_hash_zero(cand->salt);
	survey->nr_own = 0;
	survey->nr_samples = 0;
	sort(survey->hashes, ESX_REGION_PAGES, sizeof(u64), compare_hashes, NULL);
	for (i = 0; i < ESX_REGION_PAGES; i += nr) {
		nr = 1;
		while (i + nr < ESX_REGION_PAGES && survey->hashes[i + nr] == survey->hashes[i])
			nr++;
		survey_hash(survey, survey->hashes[i], nr, cand);
	}
}

static void file_samples(struct esx_region *region, const struct survey *survey)
{
	unsigned int i;

	esx_hints_destroy(region->samples);
	region->samples = NULL;
	if (esx_hints_create(region, max(survey->nr_samples, 1U), &region->samples))
		return;
	for (i = 0; i < survey->nr_samples; i++)
		esx_hints_file(region->samples, i, survey->samples[i]);
}

/* The estimate: what was counted, and what the samples stand for. */
static void estimate(struct esx_region *region)
{
	unsigned int met = 0, gain = region->own, twins = 0;

	if (region->samples)
		twins = esx_hints_twins(region->samples, &met);
	if (met >= MIN_SAMPLES_MET)
		gain += twins * SAMPLE_RATE / 256;
	esx_large_set_gain(region, min_t(unsigned int, gain, ESX_REGION_PAGES));
}

/*
 * An equal digest says that the contents are what they were when it was noted first.
 * Times are cut to 8 bits, so a time that has gone by may look shorter than it is,
 * never longer: then the frame is quiet a look later.
 */
static void note_digest(struct esx_region *region, u32 digest)
{
	u8 now = ktime_get_seconds();

	if (!region->samples || digest != region->digest) {
		clear_bit(ESX_REGION_QUIET_BIT, &region->flags);
		region->digest = digest;
		region->since = now;
	} else if ((u8)(now - region->since) >= QUIET_SECONDS) {
		set_bit(ESX_REGION_QUIET_BIT, &region->flags);
	}
}

static void survey_frame(struct esx_slot *slot, const struct esx_candidate *cand,
			 struct survey *survey)
{
	struct esx_region *region = slot->region;

	hash_parts(slot, cand, survey);
	note_digest(region, survey->digest);
	survey_hashes(survey, cand);
	file_samples(region, survey);
	region->own = survey->nr_own;
}

/* What was noted under another salt is of no use. */
static void renew_frame(struct esx_region *region)
{
	u16 epoch = READ_ONCE(region->pmap->vm->epoch);

	if (region->epoch == epoch)
		return;
	esx_large_forget_frame(region);
	region->patience = 0;
	region->epoch = epoch;
}

/* Is the frame's contents to be looked at in this visit? */
static bool is_due(struct esx_region *region, const struct esx_share_visit *visit)
{
	if (visit->kind == ESX_VISIT_LOOK)
		return !region->samples || !visit->only_new;
	if (region->samples && visit->pass % (1U << region->patience))
		return false;
	region->patience = min(region->patience + 1, MAX_PATIENCE);
	return true;
}

static void visit_frame(struct esx_slot *slot, pgoff_t end, const struct esx_candidate *cand,
			struct esx_share_visit *visit)
{
	struct esx_region *region = slot->region;
	struct survey *survey;

	visit->report.visited += nr_left(slot, end);
	renew_frame(region);
	if (esx_frame_has_poison(region->huge)) {
		esx_large_forget_frame(region);
		return;
	}
	if (!is_due(region, visit)) {
		visit->report.clean += nr_left(slot, end);
		estimate(region);
		return;
	}
	survey = kmalloc(sizeof(*survey), GFP_KERNEL | __GFP_NOWARN);
	if (!survey)
		return;
	survey_frame(slot, cand, survey);
	visit->report.hashed += ESX_REGION_PAGES;
	kfree(survey);
	estimate(region);
}

/* Could it not be broken, a short while ago? */
static bool rests(struct esx_region *region, const struct esx_share_visit *visit)
{
	if (visit->wakes || (visit->kind == ESX_VISIT_ALL && !visit->pass))
		region->rest = 0;
	if (!region->rest)
		return false;
	region->rest--;
	return true;
}

static void leave_alone(const struct esx_slot *slot, pgoff_t end, struct esx_share_visit *visit)
{
	visit->report.visited += nr_left(slot, end);
	if (slot->region->samples)
		visit->report.clean += nr_left(slot, end);
}

static void visit_locked(struct esx_slot *slot, pgoff_t end, const struct esx_candidate *cand,
			 struct esx_share_visit *visit)
{
	if (rests(slot->region, visit)) {
		leave_alone(slot, end, visit);
		return;
	}
	if (wants_look(visit))
		visit_frame(slot, end, cand, visit);
	if (wants_break(slot, visit))
		break_frame(slot, end, cand, visit);
}

/**
 * esx_large_visit() - do what is to be done about a region's 2 MB frame
 * @region: of an entered map; it may have none
 * @first: first page of the region that the visit is about
 * @end: page after the last one, of the region or behind it
 * @cand: salt, hash of a zero page and pass; the slot is used
 * @visit: how; what was done is added to its report
 */
void esx_large_visit(struct esx_region *region, pgoff_t first, pgoff_t end,
		     struct esx_candidate *cand, struct esx_share_visit *visit)
{
	struct esx_slot *slot = &cand->slot;
	bool waits;

	if (smp_load_acquire(&region->leaf)) {
		esx_large_set_gain(region, 0);
		return;
	}
	/* Spare those a lock that are certainly not worth it. */
	if (visit->kind == ESX_VISIT_BREAK && READ_ONCE(region->gain) < visit->min_gain)
		return;
	/* Who asks for a merge waits; others come back. */
	waits = !visit->pass && visit->kind == ESX_VISIT_ALL;
	if (esx_region_lock(region, first, waits ? 0 : ESX_SLOT_TRY, slot)) {
		visit->report.busy++;
		return;
	}
	if (esx_slot_is_huge(slot))
		visit_locked(slot, end, cand, visit);
	esx_pmap_unlock(slot);
}
