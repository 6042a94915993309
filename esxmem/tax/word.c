// SPDX-License-Identifier: GPL-2.0
/*
 * The shrinker's word: arithmetic.  (Design: free memory, as the kernel feels it.)
 *
 * The kernel asks its shrinkers to look at a part of what they offer, a small one
 * while reclaim is easy and twice as much with each round that did not give enough.
 * A host that only turns over its page cache asks for two parts in 4096 at a time.
 * So what counts is how much of the offer was asked for within a second:
 *
 *	a quarter	soft
 *	all of it	hard
 *
 * The word holds for a second from when it was given last, and a better one does not
 * take it back.  It is never low: nobody is held for what others do to the cache.
 */
#include <linux/export.h>
#include <linux/minmax.h>
#include <linux/time64.h>

#include "../compat.h"
#include "word.h"

#define WINDOW_NS	NSEC_PER_SEC
#define LASTS_NS	NSEC_PER_SEC
/* This part of the offer is pressure. */
#define SOFT_PART	4

static enum esx_level weigh(u64 asked, u64 offered)
{
	if (asked >= offered)
		return ESX_LEVEL_HARD;
	return asked >= DIV_ROUND_UP_ULL(offered, SOFT_PART) ? ESX_LEVEL_SOFT : ESX_LEVEL_HIGH;
}

/**
 * esx_word_hear() - what was asked for since it was heard last
 * @word: zeroed at first
 * @asked: pages; 0: nobody asked
 * @offered: pages that could be asked for
 * @now_ns: now
 *
 * Return: the state that the host is in by the word, never low.
 */
enum esx_level esx_word_hear(struct esx_word *word, u64 asked, u64 offered, u64 now_ns)
{
	enum esx_level level = ESX_LEVEL_HIGH;

	if (now_ns - word->since_ns >= WINDOW_NS) {
		word->since_ns = now_ns;
		word->asked = 0;
	}
	if (now_ns >= word->until_ns)
		word->level = ESX_LEVEL_HIGH;
	if (!asked)
		return word->level;

	word->asked += min(asked, U64_MAX - word->asked);
	level = weigh(word->asked, offered);
	if (level != ESX_LEVEL_HIGH && level >= word->level) {
		word->level = level;
		word->until_ns = now_ns + LASTS_NS;
	}
	return word->level;
}
ESX_EXPORT_FOR_TESTS(esx_word_hear);

/**
 * esx_word_free() - what is free by the word
 * @free: by all else, in pages
 * @word: the word
 * @marks: the thresholds
 *
 * Return: @free, or less: so little that the state is that of the word, and no worse.
 */
u64 esx_word_free(u64 free, enum esx_level word, const struct esx_level_marks *marks)
{
	u64 most;

	if (word == ESX_LEVEL_HIGH || word == ESX_LEVEL_LOW)
		return free;
	most = marks->fall[word] - min(marks->fall[word], 1ULL);
	return min(free, max(most, marks->fall[word + 1]));
}
ESX_EXPORT_FOR_TESTS(esx_word_free);
