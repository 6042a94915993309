/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page map: guest page -> machine frame (the paper's pmap, section 2).
 *
 * One page map belongs to one memory file.  It has two levels.  A *region*
 * covers 2 MB and is nothing, one 2 MB frame, or a *leaf* of 512 entries.  An
 * entry is one word: lock, state, flags, frame number.
 *
 * Life of the objects:
 *  - esx_pmap: refcounted.  The inode holds one reference; the scanner, a merge
 *    call and a hint being looked at hold others for as long as they work.
 *    Eviction of the inode marks it dead under the exclusive lock: after that
 *    @mapping is gone and the map stays empty.
 *  - esx_region and its leaf: from the first write in their 2 MB until the
 *    range is punched or truncated whole, which needs the exclusive lock.  So
 *    whoever holds the lock shared may follow pointers into them.
 *  - a frame: from esx_pmap_set() to esx_pmap_set(); the caller allocates and
 *    releases it.
 */
#ifndef _ESXMEM_PMAP_H
#define _ESXMEM_PMAP_H

#include <linux/bitops.h>
#include <linux/kref.h>
#include <linux/rwsem.h>
#include <linux/xarray.h>

#include "stats.h"
#include "types.h"

struct address_space;
struct esx_hints;

/* Layout of an entry. */
#define ESX_ENTRY_LOCK_BIT	0
#define ESX_ENTRY_STATE		GENMASK(3, 1)
#define ESX_ENTRY_MAPPED_BIT	4	/* a page-table entry may exist */
#define ESX_ENTRY_MAPPED	BIT(ESX_ENTRY_MAPPED_BIT)
#define ESX_ENTRY_CLEAN_BIT	5	/* see esx_pmap_set_clean() */
#define ESX_ENTRY_CLEAN		BIT(ESX_ENTRY_CLEAN_BIT)
#define ESX_ENTRY_BREAKS	GENMASK(8, 6)	/* see esx_pmap_set_breaks() */
#define ESX_ENTRY_OPEN_BIT	9	/* see esx_pmap_set_open() */
#define ESX_ENTRY_OPEN		BIT(ESX_ENTRY_OPEN_BIT)
#define ESX_ENTRY_PFN_SHIFT	12

/* Bits of esx_region::flags. */
#define ESX_REGION_LOCK_BIT	0
#define ESX_REGION_MAPPED_BIT	1	/* a page-table entry may exist */
#define ESX_REGION_FRESH_BIT	2	/* filled since it was last visited */
#define ESX_REGION_BROKEN_BIT	3	/* had a 2 MB frame, which was broken */
#define ESX_REGION_QUIET_BIT	4	/* 2 MB frame, not written to lately */

/* Mark in esx_pmap::regions of regions that are fresh. */
#define ESX_FRESH_MARK		XA_MARK_0

/* Hash of region numbers in which a hole was mapped; see hole_mapped. */
#define ESX_HOLE_BITS		1024

/**
 * struct esx_quota - how much the files of one mount may hold
 */
struct esx_quota {
	/** @used: pages that are not empty, over all files of the mount. */
	atomic_long_t used;
	/** @limit: the most that @used may be; LONG_MAX: no limit. */
	long limit;
};

/**
 * struct esx_region - 2 MB of a file
 */
struct esx_region {
	/** @flags: ESX_REGION_*_BIT; the lock bit protects what has no leaf. */
	unsigned long flags;
	/** @index: number of the region in the file. */
	pgoff_t index;
	/** @pmap: the file's page map. */
	struct esx_pmap *pmap;
	/** @huge: 2 MB frame or NULL.  Protected by the region lock. */
	struct folio *huge;
	/**
	 * @leaf: 512 entries or NULL.  Published with release under the region
	 * lock; stays until the region is freed.
	 */
	unsigned long *leaf;
	/**
	 * @hints: hint records, or NULL.  Published once by whoever comes first;
	 * stays until nobody else can be in the map.
	 */
	struct esx_hints *hints;
	/** @samples: hints of a 2 MB frame, or NULL.  Protected by the region lock. */
	struct esx_hints *samples;
	/** @digest: of a 2 MB frame's contents when last hashed. */
	u32 digest;
	/** @gain: pages that breaking the 2 MB frame would save, estimated. */
	u16 gain;
	/** @own: part of @gain that does not depend on other regions. */
	u16 own;
	/** @visited: number of the scanner's pass that visited it last. */
	u16 visited;
	/** @clock: when pages of it were hashed, counted in regions on the host. */
	u16 clock;
	/** @epoch: of the VM when the region was last visited. */
	u16 epoch;
	/** @patience: see share/large.c and share/join.c. */
	u8 patience;
	/** @rest: looks for which the 2 MB frame is not to be broken. */
	u8 rest;
	/** @since: second of the clock, cut to 8 bits, since when @digest is known. */
	u8 since;
};

/**
 * struct esx_pmap - page map of one memory file
 */
struct esx_pmap {
	/** @ref: see above. */
	struct kref ref;
	/** @lock: the invalidate lock, see locks.h. */
	struct rw_semaphore lock;
	/** @dead: the inode is gone.  Written under exclusive @lock. */
	bool dead;
	/** @mapping: the inode's address space; NULL once @dead. */
	struct address_space *mapping;
	/** @vm: the VM that the file belongs to; held by the map. */
	struct esx_vm *vm;
	/** @release: called with the last reference, to let go of @vm. */
	void (*release)(struct esx_pmap *pmap);
	/** @ino: inode number, for people. */
	u64 ino;
	/** @nr_pages: size of the file.  Written under exclusive @lock. */
	pgoff_t nr_pages;
	/** @regions: struct esx_region by number. */
	struct xarray regions;
	/** @counts: this file's pages by state. */
	struct esx_counts counts;
	/** @parent: the VM's pages by state, moved with @counts. */
	struct esx_counts *parent;
	/** @quota: the mount's budget. */
	struct esx_quota *quota;
	/** @expected: pages that are going to have a hint; see esx_hints_expect(). */
	atomic_long_t expected;
	/**
	 * @hole_mapped: a bit for each (hash of a) region number in which a zero
	 * frame may be mapped although no region exists.  Reading a hole must
	 * allocate nothing, so there is no better place to remember it.
	 */
	DECLARE_BITMAP(hole_mapped, ESX_HOLE_BITS);
	/** @seq: place in the host's list, which is in this order. */
	u64 seq;
	/** @node: in the host's list.  Protected by the host's esx_vms_lock. */
	struct list_head node;
	/** @vm_node: in the VM's list.  Protected by the host's esx_vms_lock. */
	struct list_head vm_node;
};

/**
 * struct esx_slot - a locked page of a page map
 */
struct esx_slot {
	/** @pmap: the map. */
	struct esx_pmap *pmap;
	/** @pgoff: page number in the file. */
	pgoff_t pgoff;
	/** @region: the page's region; NULL: a hole without a region, no lock. */
	struct esx_region *region;
	/** @entry: the locked entry; NULL: the region lock is held instead. */
	unsigned long *entry;
};

/**
 * struct esx_glance - what can be seen of a page without its lock
 */
struct esx_glance {
	/** @mapped: a page-table entry may show it; see ESX_ENTRY_MAPPED. */
	bool mapped;
	/** @whole: what is known is known of the page's region as a whole. */
	bool whole;
};

/**
 * struct esx_part - what a part of a 2 MB frame becomes when it is broken
 */
struct esx_part {
	/** @page: its frame; NULL: it is zero, or beyond the end of the file. */
	struct page *page;
	/** @state: ESX_PRIVATE or ESX_SHARED, when there is a frame. */
	enum esx_state state;
};

/** ESX_BREAKS_MAX - copy-on-write breaks that are remembered of a page */
#define ESX_BREAKS_MAX		7
/** ESX_SLOT_TRY - do not wait for the lock */
#define ESX_SLOT_TRY		BIT(0)
/** ESX_SLOT_CREATE - make the region if there is none */
#define ESX_SLOT_CREATE		BIT(1)

int esx_pmap_init(void);
void esx_pmap_exit(void);

struct esx_pmap *esx_pmap_create(struct address_space *mapping, struct esx_quota *quota);
void esx_pmap_get(struct esx_pmap *pmap);
bool esx_pmap_tryget(struct esx_pmap *pmap);
void esx_pmap_put(struct esx_pmap *pmap);

bool esx_pmap_enter(struct esx_pmap *pmap, bool try);
void esx_pmap_leave(struct esx_pmap *pmap);
void esx_pmap_enter_exclusive(struct esx_pmap *pmap);
bool esx_pmap_try_enter_exclusive(struct esx_pmap *pmap);
void esx_pmap_leave_exclusive(struct esx_pmap *pmap);
void esx_pmap_enter_both(struct esx_pmap *a, struct esx_pmap *b);
void esx_pmap_leave_both(struct esx_pmap *a, struct esx_pmap *b);
void esx_pmap_freeze(void);
void esx_pmap_thaw(void);

int esx_pmap_lock(struct esx_pmap *pmap, pgoff_t pgoff, unsigned int how, struct esx_slot *slot);
int esx_region_lock(struct esx_region *region, pgoff_t pgoff, unsigned int how,
		    struct esx_slot *slot);
void esx_pmap_unlock(struct esx_slot *slot);

struct page *esx_entry_private_page(unsigned long entry);
enum esx_state esx_slot_state(const struct esx_slot *slot);
bool esx_slot_is_huge(const struct esx_slot *slot);
bool esx_slot_is_mapped(const struct esx_slot *slot);
bool esx_slot_is_clean(const struct esx_slot *slot);
unsigned int esx_slot_breaks(const struct esx_slot *slot);
struct page *esx_slot_page(const struct esx_slot *slot);
struct esx_glance esx_pmap_glance(struct esx_pmap *pmap, pgoff_t pgoff);

void esx_pmap_set(struct esx_slot *slot, enum esx_state state, struct page *page);
void esx_pmap_set_mapped(struct esx_slot *slot, bool mapped);
void esx_pmap_set_clean(struct esx_slot *slot, bool clean);
void esx_pmap_set_open(struct esx_slot *slot, bool open);
void esx_pmap_set_breaks(struct esx_slot *slot, unsigned int nr);
void esx_pmap_set_fresh(struct esx_region *region, bool fresh);
void esx_pmap_set_huge(struct esx_slot *slot, struct folio *folio);
struct folio *esx_pmap_clear_huge(struct esx_slot *slot);
int esx_pmap_make_leaf(struct esx_slot *slot, bool nowait);
struct folio *esx_pmap_split_huge(struct esx_slot *slot, unsigned long *leaf,
				  const struct esx_part *parts);
void esx_region_set_open(struct esx_region *region, unsigned int idx);
void esx_region_set_unclean(struct esx_region *region);
unsigned long *esx_pmap_join_huge(struct esx_slot *slot, struct folio *folio);
unsigned long *esx_pmap_alloc_leaf(bool nowait);
void esx_pmap_free_leaf(unsigned long *leaf);
bool esx_pmap_begin_write(struct esx_pmap *pmap, pgoff_t pgoff, struct page *page);
void esx_pmap_free_region(struct esx_pmap *pmap, struct esx_region *region);

bool esx_quota_charge(struct esx_quota *quota, long nr);
void esx_quota_uncharge(struct esx_quota *quota, long nr);

long esx_counts_backed(const struct esx_counts *counts);

#endif /* _ESXMEM_PMAP_H */
