/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The shrinker's word: arithmetic.
 */
#ifndef _ESXMEM_TAX_WORD_H
#define _ESXMEM_TAX_WORD_H

#include "level.h"

/**
 * struct esx_word - what the kernel's shrinkers say of the host's memory
 */
struct esx_word {
	/** @since_ns: since when @asked is counted. */
	u64 since_ns;
	/** @asked: pages that the kernel wanted looked at. */
	u64 asked;
	/** @level: the state that this came to. */
	enum esx_level level;
	/** @until_ns: how long that holds. */
	u64 until_ns;
};

enum esx_level esx_word_hear(struct esx_word *word, u64 asked, u64 offered, u64 now_ns);
u64 esx_word_free(u64 free, enum esx_level word, const struct esx_level_marks *marks);

#endif /* _ESXMEM_TAX_WORD_H */
