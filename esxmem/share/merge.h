/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Merging one page with pages of equal contents.
 */
#ifndef _ESXMEM_SHARE_MERGE_H
#define _ESXMEM_SHARE_MERGE_H

#include "../pmap.h"

/**
 * enum esx_verdict - what became of a page
 */
enum esx_verdict {
	/** @ESX_V_HINTED: nothing like it is known; a hint was filed. */
	ESX_V_HINTED,
	/** @ESX_V_MERGED: it points to a shared frame. */
	ESX_V_MERGED,
	/** @ESX_V_PROMOTED: merged with a hint's page, which is shared now too. */
	ESX_V_PROMOTED,
	/** @ESX_V_ZERO: it was zero and gave up its frame. */
	ESX_V_ZERO,
	/** @ESX_V_PINNED: I/O holds it. */
	ESX_V_PINNED,
	/** @ESX_V_BUSY: somebody works on it. */
	ESX_V_BUSY,
	/** @ESX_V_CHANGED: it was written to meanwhile. */
	ESX_V_CHANGED,
	/** @ESX_V_FALSE_MATCH: a shared frame has its hash and other contents. */
	ESX_V_FALSE_MATCH,
	/** @ESX_V_NO_MEMORY: no memory for a hint. */
	ESX_V_NO_MEMORY,
	/** @ESX_V_NR: how many there are. */
	ESX_V_NR,
};

/**
 * struct esx_candidate - a page to be merged
 */
struct esx_candidate {
	/** @slot: the page, locked, in state ESX_PRIVATE with an entry, taken out. */
	struct esx_slot slot;
	/** @salt: of its VM. */
	u64 salt;
	/** @pass: number of the scanner's pass, 0 for who wants all merged. */
	u64 pass;
	/**
	 * @settled: it has not changed since an earlier visit, or is to be merged
	 * whatever it does.  Else it is merged only with what is shared already,
	 * and not if its sharing was broken twice lately; or, if its sharing was
	 * never broken, with a page that has settled.
	 */
	bool settled;
	/** @clock: see struct esx_region. */
	u16 clock;
	/** @next: the page whose turn is next, to be fetched meanwhile, or NULL. */
	const struct page *next;
	/** @verdict: inner: what becomes of it if it is not merged. */
	enum esx_verdict verdict;
	/** @met: inner: something may have a hint like its own. */
	bool met;
	/** @hashed: out: it was hashed, since its hint does not tell its hash. */
	bool hashed;
	/** @hash: out: of its contents; if @hashed is false, just what its hint knows. */
	u64 hash;
	/** @nr_joined: out: pages of hints that are shared now and were not. */
	unsigned int nr_joined;
	/**
	 * @refused: out: a page that may be equal was left alone for the moment,
	 * so this one has to be looked up again.
	 */
	bool refused;
};

void esx_merge_begin(struct esx_candidate *cand);
void esx_merge_file(struct esx_candidate *cand);
enum esx_verdict esx_merge_finish(struct esx_candidate *cand);
void esx_merge_drop_hint(struct esx_slot *slot);
bool esx_merge_would_find(struct esx_candidate *cand, u64 hash);
bool esx_merge_backs_off(unsigned int breaks, u64 pass);
struct folio *esx_merge_part(struct esx_candidate *cand, struct page *part);

#endif /* _ESXMEM_SHARE_MERGE_H */
