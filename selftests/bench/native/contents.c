// SPDX-License-Identifier: GPL-2.0
/* Makes pages of a kind and a number. */
#include <string.h>

#include "contents.h"

#define WORDS (PAGE / sizeof(uint64_t))
/* What the pages of KIND_ALIKE begin with. */
#define ALIKE_SEED 0x5eedu

/* SplitMix64: any state is a good one. */
uint64_t content_draw(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void make_random(uint64_t *words, uint64_t number)
{
	/*
	 * Far apart, so that no two rows overlap by a word.  The first word is
	 * a permutation of the number: two numbers never make the same page.
	 */
	uint64_t state = number * 0xd1342543de82ef95u;

	for (unsigned int i = 0; i < WORDS; i++)
		words[i] = content_draw(&state);
}

static void make(uint64_t *words, struct content content)
{
	memset(words, 0, PAGE);
	if (content.kind == KIND_RANDOM)
		make_random(words, content.number);
	if (content.kind == KIND_ALIKE) {
		make_random(words, ALIKE_SEED);
		words[WORDS - 1] = content.number;
	}
}

void content_write(void *page, struct content content)
{
	uint64_t words[WORDS];

	make(words, content);
	memcpy(page, words, PAGE);
}

bool content_is(const void *page, struct content content)
{
	uint64_t words[WORDS];

	make(words, content);
	return !memcmp(page, words, PAGE);
}
