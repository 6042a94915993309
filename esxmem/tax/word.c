// SPDX-License-Identifier: GPL-2.0
/*
 * The shrinker's word: arithmetic.  (Design: free memory, as the kernel feels it.)
 *
 * The kernel's reclaim goes in rounds.  In each it looks at a part of its own lists, by
 * the round's priority, and has each shrinker look at a part of what that offers:
 *
 *	priority	of its lists	of an offer	heard	word
 *	12 to 3		1/4096 to 1/8	less than all	no
 *	2		a quarter	all		yes	soft
 *	1, 0		a half, all	twice that	yes	hard
 *
 * A round that gave enough is the last, or the next one has the same priority; so how
 * often there are rounds says how fast the lists are turned over, and the priority how
 * hard it is.  Each round is weighed by itself: rounds do not add up.
 *
 * What a shrinker was not called for it is asked for later: twice the offer at the
 * most, of which each round adds its priority's part.  That is half as much as it asks
 * for anyway, and no part becomes the one above it by that: at 3 it makes three
 * quarters, at 2 one and a half.
 *
 * The word holds for a second from when it was given last, and a better one does not
 * take it back.  It is never low: nobody is held for what others do to the cache.
 */
#include <linux/export.h>
#include <linux/minmax.h>
#include <linux/time64.h>

#include "../compat.h"
#include "word.h"

#define LASTS_NS	NSEC_PER_SEC

/**
 * esx_word_weigh() - what a round comes to
 * @asked: how much it asks for, of ESX_WORD_WHOLE
 *
 * Return: the state that the host is in by that alone, never low.
 */
enum esx_level esx_word_weigh(u64 asked)
{
	if (asked >= 2 * ESX_WORD_WHOLE)
		return ESX_LEVEL_HARD;
	return asked >= ESX_WORD_WHOLE ? ESX_LEVEL_SOFT : ESX_LEVEL_HIGH;
}
ESX_EXPORT_FOR_TESTS(esx_word_weigh);

/**
 * esx_word_hear() - what rounds came to since it was heard last
 * @word: zeroed at first
 * @heard: the worst of them
 * @held: pages of frames
 * @now_ns: now
 */
void esx_word_hear(struct esx_word *word, enum esx_level heard, u64 held, u64 now_ns)
{
	if (now_ns >= word->until_ns)
		word->level = ESX_LEVEL_HIGH;
	if (heard == ESX_LEVEL_HIGH || heard < word->level)
		return;
	if (word->level == ESX_LEVEL_HIGH)
		word->held = held;
	word->level = heard;
	word->until_ns = now_ns + LASTS_NS;
}
ESX_EXPORT_FOR_TESTS(esx_word_hear);

/**
 * esx_word_level() - the state by all that is known
 * @word: the word
 * @level: by free memory
 *
 * Return: the worse one.
 */
enum esx_level esx_word_level(const struct esx_word *word, enum esx_level level)
{
	return max(level, word->level);
}
ESX_EXPORT_FOR_TESTS(esx_word_level);

/**
 * esx_word_room() - what guests may hold by the word
 * @word: the word
 * @marks: the thresholds
 *
 * As much is taken from what they held when the word was given as would end its state
 * if it had just begun.  That is taken once, however long the word lasts.
 *
 * Return: pages of frames; U64_MAX without a word.
 */
u64 esx_word_room(const struct esx_word *word, const struct esx_level_marks *marks)
{
	u64 less;

	if (word->level == ESX_LEVEL_HIGH)
		return U64_MAX;
	less = marks->rise[ESX_LEVEL_HIGH] - marks->fall[word->level];
	return word->held - min(word->held, less);
}
ESX_EXPORT_FOR_TESTS(esx_word_room);
