// SPDX-License-Identifier: GPL-2.0
/*
 * Tallies of sampled pages: how many were touched, and which touches count.
 *
 * A guest that has nothing better to do zeroes its free pages (the paper's Figure
 * 6 ends with such a spike), and one that frees memory touches much of it last of
 * all.  That is no use of memory, but each page looks touched.  Such touches are
 * told by what they leave behind, and discounted:
 *
 *	freed	the page held something when the period began, and is a hole now:
 *		a balloon or free-page reporting took it
 *	zeroed	it held data, or was a hole, and holds nothing but zeros now
 *
 * What a page holds is compared with what it held before, never judged by itself.
 * So a page of zeros that is in use counts: it held zeros when the period began.
 * It can be discounted in the period in which it was zeroed, and again only after
 * data was written to it, or it was freed.  A page known to be zero that has no
 * frame (the scanner's) is no hole: it holds zeros.
 *
 * Arithmetic alone.
 */
#include "../compat.h"
#include "tally.h"

static bool was_freed(const struct esx_touch *touch)
{
	return touch->now == ESX_HOLDS_NOTHING &&
	       (touch->before == ESX_HOLDS_ZEROS || touch->before == ESX_HOLDS_DATA);
}

static bool was_zeroed(const struct esx_touch *touch)
{
	return touch->now == ESX_HOLDS_ZEROS &&
	       (touch->before == ESX_HOLDS_NOTHING || touch->before == ESX_HOLDS_DATA);
}

static void add_touch(struct esx_touches *touches, const struct esx_touch *touch)
{
	touches->touched++;
	touches->coarse += touch->coarse;
	touches->host += touch->host;
}

/**
 * esx_tally_add() - count a sampled page
 * @tally: zeros before the first one
 * @touch: what is known of the page
 */
void esx_tally_add(struct esx_tally *tally, const struct esx_touch *touch)
{
	tally->sampled++;
	if (!touch->touched)
		return;
	add_touch(&tally->all, touch);
	if (was_freed(touch))
		tally->freed++;
	else if (was_zeroed(touch))
		tally->zeroed++;
	else
		add_touch(&tally->kept, touch);
}
ESX_EXPORT_FOR_TESTS(esx_tally_add);
