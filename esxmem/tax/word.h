/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The shrinker's word: arithmetic.
 */
#ifndef _ESXMEM_TAX_WORD_H
#define _ESXMEM_TAX_WORD_H

#include "level.h"

/* What the kernel is offered: parts of whatever there is. */
#define ESX_WORD_WHOLE	4096
/* What makes it ask for four times its priority's part of them. */
#define ESX_WORD_SEEKS	1

/**
 * struct esx_word - what the kernel's shrinkers say of the host's memory
 */
struct esx_word {
	/** @level: the state that this came to. */
	enum esx_level level;
	/** @until_ns: how long that holds. */
	u64 until_ns;
	/** @held: pages of frames when it was first given. */
	u64 held;
};

enum esx_level esx_word_weigh(u64 asked);
void esx_word_hear(struct esx_word *word, enum esx_level heard, u64 held, u64 now_ns);
enum esx_level esx_word_level(const struct esx_word *word, enum esx_level level);
u64 esx_word_room(const struct esx_word *word, const struct esx_level_marks *marks);

#endif /* _ESXMEM_TAX_WORD_H */
