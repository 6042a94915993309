// SPDX-License-Identifier: GPL-2.0
/*
 * The shrinker: how the kernel's own reclaim tells that it wants memory.
 *
 * Frames are on none of the kernel's lists, so it cannot reclaim them; that it would
 * like to is what it says here.  What is there to be shared is what breaking 2 MB
 * frames would save, as the scanner knows; offered are parts of that, always as many.
 * So a round of reclaim asks for as much whatever there is, and what it asks for says
 * how hard reclaim is (word.c), also when what there is changes meanwhile.  The gauge
 * looks at once, and when the state changes, targets and enforcement follow.  Nothing
 * is freed here.
 *
 * The kernel calls scan() for as much as makes a batch, or for all that there is.  No
 * batch is ever reached, so it is called once in a round that asks for all, with the
 * whole sum, and not in others.
 *
 * Called by whoever allocates memory, with any of our locks held that allocations are
 * made under.  So it takes none, and waits for nothing: counters, and a work queued.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/limits.h>
#include <linux/shrinker.h>

#include "../compat.h"
#include "../share/large.h"
#include "../trace.h"
#include "gauge.h"
#include "shrink.h"
#include "word.h"

static struct shrinker *shrinker;
static u64 offered;
static atomic64_t calls = ATOMIC64_INIT(0);
/* A bit for each level that a round came to which the gauge has not heard of. */
static unsigned long untold;

static unsigned long count(struct shrinker *self, struct shrink_control *control)
{
	u64 pages = esx_large_shareable_pages();

	WRITE_ONCE(offered, pages);
	return pages ? ESX_WORD_WHOLE : SHRINK_EMPTY;
}

static unsigned long scan(struct shrinker *self, struct shrink_control *control)
{
	enum esx_level level = esx_word_weigh(control->nr_to_scan);

	atomic64_inc(&calls);
	set_bit(level, &untold);
	trace_esxmem_shrink(level, READ_ONCE(offered));
	esx_gauge_notice();
	/* What comes of it comes later. */
	return 0;
}

static const struct shrinker model = {
	.count_objects = count,
	.scan_objects = scan,
	.seeks = ESX_WORD_SEEKS,
	.batch = LONG_MAX,
};

/**
 * esx_shrink_take() - what the kernel asked for since this was called last
 *
 * May be called with spinlocks held.
 *
 * Return: the worst that a round came to.
 */
enum esx_level esx_shrink_take(void)
{
	unsigned long levels = xchg(&untold, 0);

	return levels ? __fls(levels) : ESX_LEVEL_HIGH;
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
