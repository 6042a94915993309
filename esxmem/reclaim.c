// SPDX-License-Identifier: GPL-2.0
/*
 * Reclaim: bring a VM down by so many pages.
 *
 * All mechanisms that give memory back meet here, those first that cost the guest
 * least.  Now there is one, sharing:
 *
 *  1. pages in 4 KB frames are shared, and given up when they are zero;
 *  2. 2 MB frames are broken and their parts shared, those that give back most
 *     first, and of these the ones first that nobody writes to.  What breaking a
 *     frame gives is known from the scanner's looks, or looked at now.
 *
 * No data is lost: what was shared breaks away by copy-on-write, as always.
 *
 * Each step goes round the VM's regions once at most, from where the last one of
 * its kind stopped, until enough is freed.  So a VM from which little is taken again
 * and again gives it from everywhere.  A region at a time is locked, as the scanner
 * does: faults, punches and the end of a file come in between.
 *
 * Mechanism: how much a VM is to lose is for tax/ to say.
 */
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "reclaim.h"
#include "share/batch.h"
#include "share/large.h"
#include "trace.h"
#include "vm.h"

/* One call. */
struct reclaim {
	struct esx_vm *vm;
	const struct esx_reclaim_req *req;
	struct esx_reclaim_report *report;
	int err;
};

/* One walk over a VM's regions. */
struct round {
	struct reclaim *rec;
	struct esx_share_visit visit;
	/* The map it is in, with a reference, or NULL. */
	struct esx_pmap *pmap;
	/* Where it is, and where it began. */
	struct esx_place *at;
	struct esx_place start;
	/* The end was reached and it goes on at the beginning. */
	bool wrapped;
};

static bool goes_on(const struct reclaim *rec)
{
	const struct esx_reclaim_report *report = rec->report;
	const struct esx_reclaim_req *req = rec->req;

	return !rec->err && report->freed < req->pages &&
	       (!req->max_hashed || report->hashed < req->max_hashed) &&
	       (!req->max_looked || report->looked < req->max_looked);
}

static bool is_before(const struct esx_place *a, const struct esx_place *b)
{
	return a->seq < b->seq || (a->seq == b->seq && a->index < b->index);
}

static bool is_over(const struct round *round)
{
	return round->wrapped && !is_before(round->at, &round->start);
}

/* Moves what a visit has done into the report. */
static void account(struct round *round)
{
	struct esx_reclaim_report *report = round->rec->report;
	struct esx_merge_report *done = &round->visit.report;

	report->freed += done->freed;
	if (round->visit.kind == ESX_VISIT_SMALL) {
		report->zero += done->zero;
		report->merged += done->freed - done->zero;
	} else {
		report->broken += done->freed;
	}
	report->huge_broken += done->huge_broken;
	report->hashed += done->hashed;
	/* A region takes a look of its own, whatever is in it. */
	report->looked += done->visited + 1;
	report->pinned += done->pinned;
	report->busy += done->busy;
	report->changed += done->changed;
	report->skipped += done->skipped;
	*done = (struct esx_merge_report){};
}

/* Returns false at the end of the map, or when it is gone. */
static bool visit_region(struct round *round, struct esx_pmap *pmap)
{
	pgoff_t first = round->at->index << ESX_REGION_ORDER;
	bool more = esx_share_region(pmap, &first, ULONG_MAX, &round->visit);

	account(round);
	/* A file may end inside a region, and grow again. */
	round->at->index = DIV_ROUND_UP(first, ESX_REGION_PAGES);
	if (task_sigpending(current))
		round->rec->err = -EINTR;
	return more;
}

static void visit_map(struct round *round, struct esx_pmap *pmap)
{
	while (goes_on(round->rec) && !is_over(round)) {
		if (!visit_region(round, pmap)) {
			*round->at = (struct esx_place){ .seq = pmap->seq + 1 };
			return;
		}
		cond_resched();
	}
}

static void enter_map(struct round *round, struct esx_pmap *pmap)
{
	if (round->pmap)
		esx_pmap_put(round->pmap);
	round->pmap = pmap;
}

/* Enters the map in which the round goes on; false: there is none. */
static bool enter_next_map(struct round *round)
{
	struct esx_vm *vm = round->rec->vm;
	struct esx_pmap *pmap = esx_vm_find_pmap(vm, round->pmap, round->at->seq);

	if (!pmap && !round->wrapped) {
		round->wrapped = true;
		*round->at = (struct esx_place){};
		pmap = esx_vm_find_pmap(vm, NULL, 0);
	}
	/* The one where the last call stopped may be gone. */
	if (pmap && pmap->seq != round->at->seq)
		*round->at = (struct esx_place){ .seq = pmap->seq };
	enter_map(round, pmap);
	return pmap;
}

static void go_round(struct reclaim *rec, const struct esx_share_visit *visit,
		     struct esx_place *at)
{
	struct round round = { .rec = rec, .visit = *visit, .at = at, .start = *at };

	round.visit.spares = rec->req->spares;
	while (goes_on(rec) && !is_over(&round) && enter_next_map(&round)) {
		visit_map(&round, round.pmap);
		cond_resched();
	}
	enter_map(&round, NULL);
}

static void share_small(struct reclaim *rec)
{
	const struct esx_share_visit visit = { .kind = ESX_VISIT_SMALL };

	go_round(rec, &visit, &rec->vm->reclaim_small);
}

/* What breaking 2 MB frames would save; @only_new: of the others it is known. */
static void look_at_large(struct reclaim *rec, bool only_new)
{
	const struct esx_share_visit visit = {
		.kind = ESX_VISIT_LOOK,
		.only_new = only_new,
		/* At the first look of a call that somebody asked for. */
		.wakes = only_new && !rec->req->spares,
	};
	const struct esx_share_visit again = { .kind = ESX_VISIT_LOOK, .only_new = true };
	struct esx_place at = {};

	go_round(rec, &visit, &rec->vm->reclaim_large);
	/* What was looked at early may have an equal that came late. */
	go_round(rec, &again, &at);
}

static void break_large(struct reclaim *rec)
{
	struct esx_share_visit visit = { .kind = ESX_VISIT_BREAK };
	struct esx_place at;
	unsigned int i;

	for (i = 2 * ESX_REGION_ORDER + 1; i >= 2 * ilog2(ESX_LARGE_MIN_GAIN); i--) {
		visit.min_gain = BIT(i / 2);
		visit.break_hot = i % 2 == 0;
		at = (struct esx_place){};
		if (atomic_long_read(&rec->vm->shareable_frames))
			go_round(rec, &visit, &at);
	}
}

static void reclaim_large(struct reclaim *rec)
{
	u64 hashed = rec->report->hashed;
	bool none_was_new;

	look_at_large(rec, true);
	none_was_new = rec->report->hashed == hashed;
	break_large(rec);
	if (!goes_on(rec) || !none_was_new)
		return;
	/* The scanner may not have looked for long. */
	look_at_large(rec, false);
	break_large(rec);
}

static void reclaim_locked(struct reclaim *rec)
{
	lockdep_assert_held(&rec->vm->reclaim_lock);

	share_small(rec);
	if (!rec->req->keep_large)
		reclaim_large(rec);
	rec->report->exhausted = goes_on(rec);
	/* Its frames are not to stand in the scanner's line: see where it is switched off. */
	if (!READ_ONCE(rec->vm->share))
		esx_large_forget_vm(rec->vm);
}

static void trace_done(const struct reclaim *rec, u64 ns)
{
	const struct esx_reclaim_report *report = rec->report;
	char name[ESX_VM_NAME_MAX];

	if (!trace_esxmem_reclaim_enabled())
		return;
	esx_vm_name(rec->vm, name, sizeof(name));
	trace_esxmem_reclaim(rec->vm->id, name, rec->req->pages, report->merged, report->zero,
			     report->broken, ns);
}

static int lock_vm(struct esx_vm *vm, const struct esx_reclaim_req *req)
{
	if (req->spares)
		return mutex_trylock(&vm->reclaim_lock) ? 0 : -EBUSY;
	return mutex_lock_interruptible(&vm->reclaim_lock);
}

/**
 * esx_reclaim_vm() - bring a VM down by so many pages
 * @vm: the VM, held by a reference
 * @req: how many
 * @report: filled with what was done
 *
 * May free a little more, since a region is worked off as a whole, or less, when there
 * is no more to be had.  Works whether or not the VM takes part in background sharing.
 * Calls for the same VM wait for each other unless they spare it.
 *
 * Return: 0; -EINTR when a signal came, @report holds what was done; -EBUSY when
 * somebody else reclaims from the VM and @req does not want to wait.
 */
int esx_reclaim_vm(struct esx_vm *vm, const struct esx_reclaim_req *req,
		   struct esx_reclaim_report *report)
{
	struct reclaim rec = { .vm = vm, .req = req, .report = report };
	u64 start = ktime_get_ns();
	int err;

	might_sleep();

	*report = (struct esx_reclaim_report){};
	err = lock_vm(vm, req);
	if (err)
		return err;
	reclaim_locked(&rec);
	mutex_unlock(&vm->reclaim_lock);
	trace_done(&rec, ktime_get_ns() - start);
	/* A signal that came when all was done is no failure. */
	return report->freed < req->pages ? rec.err : 0;
}
ESX_EXPORT_FOR_TESTS(esx_reclaim_vm);
