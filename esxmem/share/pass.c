// SPDX-License-Identifier: GPL-2.0
/*
 * One pass over all files, handed out in chunks to any number of workers.
 *
 * A pass has two rounds: first the regions that were filled since they were last
 * visited, then all.  What is handed out costs nothing for holes: chunks without
 * a region are passed over by a look at the file's tree.
 */
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/random.h>

#include "../compat.h"
#include "../stats.h"
#include "../trace.h"
#include "../vm.h"
#include "hints.h"
#include "large.h"
#include "pass.h"
#include "permute.h"
#include "shared.h"

/* A pass that found nothing to share is followed by this much rest. */
#define IDLE_NS		NSEC_PER_SEC
/* How long to wait for others who are still in the pass. */
#define WAIT_MS		20

static DEFINE_MUTEX(pass_lock);

/* All of it under pass_lock. */
static struct {
	/* Number of the pass under way, and when it began or may begin. */
	u64 number;
	u64 start_ns;
	/* The file being handed out, with a reference; NULL between rounds. */
	struct esx_pmap *pmap;
	bool fresh_round;
	bool exhausted;
	/* Where in the file: the next region, or a walk through its chunks. */
	pgoff_t next;
	bool random;
	struct esx_permutation chunks;
	/* Chunks handed out and not yet done. */
	unsigned int nr_out;
	/* So far; pages also of the last pass. */
	struct esx_merge_report report;
	u64 pages;
	u64 last_pages;
	/* What there was to be visited when the pass began, but for 2 MB frames. */
	u64 total;
	/* Shared frames that are expected at its end. */
	long frames;
	/* Memory was wanted when the pass began. */
	bool pressed;
	/* Nothing was left to break but what is in use. */
	bool break_hot;
} pass = { .number = 1, .fresh_round = true };

static pgoff_t nr_regions(struct esx_pmap *pmap)
{
	return DIV_ROUND_UP(READ_ONCE(pmap->nr_pages), ESX_REGION_PAGES);
}

static void begin_file(bool random)
{
	pass.next = 0;
	pass.random = random && !pass.fresh_round;
	if (pass.random)
		esx_permute_init(&pass.chunks,
				 DIV_ROUND_UP(nr_regions(pass.pmap), ESX_CHUNK_REGIONS),
				 get_random_u64());
}

static long small_pages(const struct esx_pmap *pmap)
{
	long nr = atomic_long_read(&pmap->counts.nr[ESX_PRIVATE]);

	nr -= atomic_long_read(&pmap->counts.nr_huge) * ESX_REGION_PAGES;
	return READ_ONCE(pmap->vm->share) ? max(nr, 0L) : 0;
}

/* Returns how many pages it has. */
static long expect_pages_of(struct esx_pmap *pmap)
{
	long nr = small_pages(pmap);

	esx_hints_expect(&pmap->expected, nr);
	/* Against esx_pmap_kill(): it comes later, or is seen here. */
	if (READ_ONCE(pmap->dead))
		esx_hints_expect(&pmap->expected, 0);
	return nr;
}

/* The table of hints grows before the scan, while it is cheap, not page by page. */
static void expect_pages(void)
{
	struct esx_pmap *pmap = NULL;

	pass.total = 0;
	while ((pmap = esx_vm_next_pmap(pmap)))
		pass.total += expect_pages_of(pmap);
}

/*
 * The table of shared frames grows when pages begin to be merged: as much will come
 * of the rest of the pass as came of this chunk, two pages for a frame or more.
 */
static void expect_frames(const struct esx_merge_report *report)
{
	u64 rest = pass.total - min(pass.total, pass.report.visited);
	long more;

	if (!report->merged || !report->visited)
		return;
	more = div64_u64(rest * report->merged, 2 * report->visited);
	if (esx_shared_count() + more <= pass.frames)
		return;
	pass.frames = esx_shared_count() + more;
	esx_shared_expect(more);
}

/* Drops the reference to the file before. */
static bool next_file(bool random)
{
	if (!pass.pmap && pass.fresh_round)
		expect_pages();
	do {
		pass.pmap = esx_vm_next_pmap(pass.pmap);
	} while (pass.pmap && !READ_ONCE(pass.pmap->vm->share));
	if (pass.pmap)
		begin_file(random);
	return pass.pmap;
}

static bool has_region(pgoff_t first, pgoff_t last)
{
	unsigned long index = first;

	return xa_find(&pass.pmap->regions, &index, last, XA_PRESENT);
}

static bool next_sequential(struct esx_chunk *chunk)
{
	unsigned long index = pass.next;
	xa_mark_t mark = pass.fresh_round ? ESX_FRESH_MARK : XA_PRESENT;

	if (!xa_find(&pass.pmap->regions, &index, ULONG_MAX, mark))
		return false;
	chunk->first = index;
	chunk->end = index + ESX_CHUNK_REGIONS;
	pass.next = chunk->end;
	return true;
}

static bool next_random(struct esx_chunk *chunk)
{
	u64 i;

	while (esx_permute_next(&pass.chunks, &i)) {
		chunk->first = i * ESX_CHUNK_REGIONS;
		chunk->end = chunk->first + ESX_CHUNK_REGIONS;
		if (has_region(chunk->first, chunk->end - 1))
			return true;
		cond_resched();
	}
	return false;
}

static bool next_of_file(struct esx_chunk *chunk)
{
	if (!(pass.random ? next_random(chunk) : next_sequential(chunk)))
		return false;
	esx_pmap_get(pass.pmap);
	chunk->pmap = pass.pmap;
	chunk->fresh = pass.fresh_round;
	chunk->pass = pass.number;
	chunk->break_hot = pass.break_hot;
	return true;
}

static bool next_chunk(struct esx_chunk *chunk, bool random)
{
	while (!pass.exhausted) {
		if (pass.pmap && READ_ONCE(pass.pmap->vm->share) && next_of_file(chunk))
			return true;
		if (next_file(random))
			continue;
		pass.exhausted = !pass.fresh_round;
		pass.fresh_round = false;
	}
	return false;
}

/* A pass that has shared something is followed by the next one at once. */
static u64 rest_ns(void)
{
	return pass.report.merged || pass.report.zero ? 0 : IDLE_NS;
}

static void begin_pass(void)
{
	pass.number++;
	pass.start_ns = ktime_get_ns() + rest_ns();
	pass.pressed = esx_large_is_pressed();
	pass.fresh_round = true;
	pass.exhausted = false;
	memset(&pass.report, 0, sizeof(pass.report));
	pass.pages = 0;
	pass.frames = 0;
}

static void end_pass(void)
{
	pass.last_pages = pass.pages;
	pass.break_hot = pass.pressed && !pass.report.huge_broken;
	/* Each of these has an equal, the first of which was not refused. */
	esx_shared_expect(pass.report.refused);
	esx_count_event(NULL, ESX_EV_FULL_SCAN);
	trace_esxmem_scan_pass(pass.number, pass.report.visited, pass.report.merged,
			       ktime_get_ns() - pass.start_ns);
	begin_pass();
}

static enum esx_pass_next next_locked(struct esx_chunk *chunk, bool random)
{
	u64 now = ktime_get_ns();

	if (now < pass.start_ns) {
		chunk->wait_ms = DIV_ROUND_UP_ULL(pass.start_ns - now, NSEC_PER_MSEC);
		return ESX_PASS_WAIT;
	}
	if (next_chunk(chunk, random)) {
		pass.nr_out++;
		return ESX_PASS_CHUNK;
	}
	if (pass.nr_out) {
		chunk->wait_ms = WAIT_MS;
		return ESX_PASS_WAIT;
	}
	end_pass();
	return ESX_PASS_OVER;
}

/**
 * esx_pass_next() - what is to be done next?
 * @chunk: filled with ESX_PASS_CHUNK; the caller calls esx_pass_done() after
 * @random: files are begun in random order
 *
 * Return: see enum esx_pass_next.  With ESX_PASS_OVER the next pass has begun.
 */
enum esx_pass_next esx_pass_next(struct esx_chunk *chunk, bool random)
{
	enum esx_pass_next ret;

	mutex_lock(&pass_lock);
	ret = next_locked(chunk, random);
	mutex_unlock(&pass_lock);
	return ret;
}

static void add_report(struct esx_merge_report *sum, const struct esx_merge_report *report)
{
	sum->visited += report->visited;
	sum->merged += report->merged;
	sum->zero += report->zero;
	sum->refused += report->refused;
	sum->huge_broken += report->huge_broken;
}

/**
 * esx_pass_done() - a chunk was worked off, or given up
 * @chunk: from esx_pass_next()
 * @report: what was done
 */
void esx_pass_done(struct esx_chunk *chunk, const struct esx_merge_report *report)
{
	esx_pmap_put(chunk->pmap);
	mutex_lock(&pass_lock);
	pass.nr_out--;
	if (!chunk->fresh)
		pass.pages += report->visited;
	add_report(&pass.report, report);
	expect_frames(report);
	mutex_unlock(&pass_lock);
}

/**
 * esx_pass_hasten() - do not rest before the next pass
 */
void esx_pass_hasten(void)
{
	mutex_lock(&pass_lock);
	pass.start_ns = min(pass.start_ns, ktime_get_ns());
	mutex_unlock(&pass_lock);
}

/**
 * esx_pass_pages() - how many pages does a pass look at?
 *
 * Return: those of the last one.
 */
u64 esx_pass_pages(void)
{
	return READ_ONCE(pass.last_pages);
}

/**
 * esx_pass_reset() - forget the file being handed out
 *
 * For the end of the scanner: no worker is left.
 */
void esx_pass_reset(void)
{
	mutex_lock(&pass_lock);
	if (pass.pmap)
		esx_pmap_put(pass.pmap);
	pass.pmap = NULL;
	mutex_unlock(&pass_lock);
}
