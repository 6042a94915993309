/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hints of content-based sharing: "this page had that hash when last seen".
 *
 * A hint is advice.  Its page is not write-protected, so whoever finds a hint
 * hashes the page again before believing it.  A hint may vanish at any time.
 */
#ifndef _ESXMEM_SHARE_HINTS_H
#define _ESXMEM_SHARE_HINTS_H

#include <linux/atomic.h>
#include <linux/types.h>

struct esx_region;

struct esx_hints;

/* The most hints that one bucket keeps and one look-up reads. */
#define ESX_HINTS_MAX_CHAIN	64
/* The most hints of a region that has fewer than pages. */
#define ESX_HINTS_MAX_SAMPLES	64

/**
 * struct esx_hints_query - what esx_hints_find() looks for
 */
struct esx_hints_query {
	/** @hash: hash of the candidate. */
	u64 hash;
	/** @self: the candidate's own hints, passed over; or NULL. */
	const struct esx_hints *self;
	/** @self_idx: the candidate's number in @self. */
	unsigned int self_idx;
	/**
	 * @pos: how many hints to pass over, 0 to begin with.  Moved past the
	 * one that was found, so calling again finds the next.  Whoever drops
	 * the hint that was found takes 1 off again.
	 */
	unsigned int pos;
	/**
	 * @get: called with a hint that fits, number @idx of @hints, under a
	 * spinlock that keeps @hints and their region alive: takes a reference
	 * on what the caller will need and notes in @ctx where the page is.
	 * Both may be freed as soon as this returns.  Returns false to refuse,
	 * the search then goes on.
	 */
	bool (*get)(const struct esx_hints *hints, unsigned int idx, void *ctx);
	/** @ctx: for @get. */
	void *ctx;
};

void esx_hints_expect(atomic_long_t *expected, long nr);
int esx_hints_create(struct esx_region *region, unsigned int nr, struct esx_hints **out);
void esx_hints_destroy(struct esx_hints *hints);
void esx_hints_publish(struct esx_region *region, struct esx_hints *hints);
int esx_hints_attach(struct esx_region *region, unsigned int nr);
struct esx_hints *esx_hints_of(const struct esx_region *region);

struct esx_region *esx_hints_region(const struct esx_hints *hints);
bool esx_hints_is_sample(const struct esx_hints *hints);

void esx_hints_fetch(u64 hash);
bool esx_hints_file(struct esx_hints *hints, unsigned int idx, u64 hash);
bool esx_hints_meet(struct esx_hints *hints, unsigned int idx, u64 hash);
void esx_hints_drop(struct esx_hints *hints, unsigned int idx);
bool esx_hints_has(const struct esx_hints *hints, unsigned int idx);
u64 esx_hints_hash(const struct esx_hints *hints, unsigned int idx);
bool esx_hints_alike(u64 a, u64 b);
bool esx_hints_find(struct esx_hints_query *query);

unsigned int esx_hints_twins(const struct esx_hints *hints, unsigned int *met);

long esx_hints_count(void);
size_t esx_hints_bytes(void);
long esx_hints_check(void);

int esx_hints_init(void);
void esx_hints_exit(void);

#endif /* _ESXMEM_SHARE_HINTS_H */
