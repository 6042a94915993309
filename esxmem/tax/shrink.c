// SPDX-License-Identifier: GPL-2.0
/*
 * The shrinker: how the kernel's own reclaim tells that it wants memory.
 *
 * Frames are on none of the kernel's lists, so it cannot reclaim them; that it would
 * like to is what it says here.  Offered is what breaking 2 MB frames would save, as
 * the scanner knows.  What is asked for is counted, and the gauge looks at once: it
 * takes that for the shrinker's word (word.c) and, when the state changes, targets
 * and enforcement follow.  Nothing is freed here.
 *
 * Called by whoever allocates memory, with any of our locks held that allocations are
 * made under.  So it takes none, and waits for nothing: counters, and a work queued.
 */
#include <linux/atomic.h>
#include <linux/shrinker.h>

#include "../compat.h"
#include "../share/large.h"
#include "../trace.h"
#include "gauge.h"
#include "shrink.h"

/* Asked for in pieces of this size: 4 MB. */
#define BATCH	1024

static struct shrinker *shrinker;
static u64 offered;
static atomic64_t calls = ATOMIC64_INIT(0);
static atomic64_t asked = ATOMIC64_INIT(0);
/* The part of that which the gauge has not taken yet. */
static atomic64_t untold = ATOMIC64_INIT(0);

static unsigned long count(struct shrinker *self, struct shrink_control *control)
{
	unsigned long pages = esx_large_shareable_pages();

	WRITE_ONCE(offered, pages);
	return pages ? pages : SHRINK_EMPTY;
}

static unsigned long scan(struct shrinker *self, struct shrink_control *control)
{
	atomic64_inc(&calls);
	atomic64_add(control->nr_to_scan, &asked);
	atomic64_add(control->nr_to_scan, &untold);
	trace_esxmem_shrink(control->nr_to_scan, READ_ONCE(offered));
	esx_gauge_notice();
	/* What comes of it comes later. */
	return 0;
}

static const struct shrinker model = {
	.count_objects = count,
	.scan_objects = scan,
	.seeks = DEFAULT_SEEKS,
	.batch = BATCH,
};

/**
 * esx_shrink_take() - what the kernel asked for since this was called last
 * @out: what could be asked for, in pages
 *
 * May be called with spinlocks held.
 *
 * Return: pages.
 */
u64 esx_shrink_take(u64 *out)
{
	*out = READ_ONCE(offered);
	return atomic64_xchg(&untold, 0);
}

/**
 * esx_shrink_figures() - what the kernel asked for
 *
 * Return: the figures.
 */
struct esx_shrink_figures esx_shrink_figures(void)
{
	return (struct esx_shrink_figures){
		.offered = READ_ONCE(offered),
		.calls = atomic64_read(&calls),
		.asked = atomic64_read(&asked),
	};
}

/**
 * esx_shrink_init() - begin to listen
 *
 * Return: 0 or -ENOMEM.
 */
int esx_shrink_init(void)
{
	shrinker = esx_shrinker_start(&model, "esxmem");
	return shrinker ? 0 : -ENOMEM;
}

/**
 * esx_shrink_exit() - listen no more; on return no call is under way
 */
void esx_shrink_exit(void)
{
	shrinker_free(shrinker);
}
