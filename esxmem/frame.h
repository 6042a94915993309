/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Machine frames: the only place that allocates or frees guest memory.
 *
 * A frame is an order-0 page or an order-9 compound page that is on no LRU.
 * esxmem holds exactly one reference; each page-table entry that maps the
 * frame and each pin holds a further one.  So a frame that is mapped nowhere
 * and whose count is one is used by nobody else (see esx_frame_is_idle()).
 */
#ifndef _ESXMEM_FRAME_H
#define _ESXMEM_FRAME_H

#include <linux/mm.h>

struct mem_cgroup;

/**
 * struct esx_frame_req - for whom a frame is allocated
 */
struct esx_frame_req {
	/** @vma: mapping whose memory policy counts, or NULL: the task's. */
	struct vm_area_struct *vma;
	/** @addr: faulting address in @vma. */
	unsigned long addr;
	/** @near: frame whose node is wanted, when there is no @vma; or NULL. */
	struct folio *near;
	/** @nowait: fail rather than wait for memory. */
	bool nowait;
	/** @optional: the caller can do without: fail rather than kill. */
	bool optional;
};

/**
 * enum esx_large_pages - when a region is given a 2 MB frame
 */
enum esx_large_pages {
	/** @ESX_LARGE_NEVER: only 4 KB frames. */
	ESX_LARGE_NEVER,
	/** @ESX_LARGE_ALWAYS: whenever the region is empty and one is to be had. */
	ESX_LARGE_ALWAYS,
	/** @ESX_LARGE_NR: how many there are. */
	ESX_LARGE_NR,
};

extern const char *const esx_large_pages_names[ESX_LARGE_NR];

enum esx_large_pages esx_large_pages_get(void);
void esx_large_pages_set(enum esx_large_pages policy);

int esx_frame_init(void);
void esx_frame_exit(void);

struct folio *esx_frame_alloc(const struct esx_frame_req *req, bool zeroed);
struct folio *esx_frame_alloc_huge(const struct esx_frame_req *req);
int esx_frame_copy(struct page *to, struct page *from);
void esx_frame_adopt(struct folio *folio, struct address_space *mapping, pgoff_t pgoff);
void esx_frame_disown(struct folio *folio);
void esx_frame_release(struct folio *folio);
bool esx_frame_is_idle(struct folio *folio);
long esx_frame_count(void);
void esx_frame_set_watcher(void (*watcher)(void));
void esx_frame_set_watch_step(long pages);
bool esx_frame_has_poison(struct folio *folio);
struct mem_cgroup *esx_frame_get_memcg(struct folio *folio);

struct folio *esx_frame_zero(pgoff_t pgoff);
void esx_frame_zero_sync(void);

#endif /* _ESXMEM_FRAME_H */
