/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The code is written against Linux 6.12; this file supplies what older
 * kernels lack.  Version tests stand here and nowhere else.
 */
#ifndef _ESXMEM_COMPAT_H
#define _ESXMEM_COMPAT_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/version.h>

/* Symbols that only the unit tests need from outside the module. */
#if IS_ENABLED(CONFIG_KUNIT)
#define ESX_EXPORT_FOR_TESTS(sym) EXPORT_SYMBOL_GPL(sym)
#else
#define ESX_EXPORT_FOR_TESTS(sym)
#endif

/* 6.3 replaced the user namespace by the idmapping of the mount. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define mnt_idmap user_namespace
#define nop_mnt_idmap init_user_ns

static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/* 6.6 hid the inode's change time, 6.7 the others. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
static inline void esx_inode_touch_ctime(struct inode *inode)
{
	inode->i_ctime = current_time(inode);
}

static inline void esx_inode_touch_mtime(struct inode *inode)
{
	inode->i_mtime = inode->i_ctime = current_time(inode);
}

static inline void esx_inode_init_times(struct inode *inode)
{
	inode->i_atime = inode->i_mtime = inode->i_ctime = current_time(inode);
}
#else
static inline void esx_inode_touch_ctime(struct inode *inode)
{
	inode_set_ctime_current(inode);
}

static inline void esx_inode_touch_mtime(struct inode *inode)
{
	inode_set_mtime_to_ts(inode, inode_set_ctime_current(inode));
}

static inline void esx_inode_init_times(struct inode *inode)
{
	simple_inode_init_ts(inode);
}
#endif

/* 6.6 serves faults on files with the lock of the mapping alone. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
static inline void release_fault_lock(struct vm_fault *vmf)
{
	mmap_read_unlock(vmf->vma->vm_mm);
}
#endif

/* 6.4 made vhost's workers threads of who uses them; before they are the kernel's. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define PF_USER_WORKER 0
#endif

/*
 * 6.9 made folio_mapcount() an inline function; before it is not exported.  The
 * answer for a 2 MB frame would need a walk: say "many", it is only used to
 * spare a look at pages that are certainly pinned.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
static inline int esx_folio_mapcount(struct folio *folio)
{
	if (folio_test_large(folio))
		return INT_MAX - 1;
	return atomic_read(&folio->page._mapcount) + 1;
}
#else
static inline int esx_folio_mapcount(struct folio *folio)
{
	return folio_mapcount(folio);
}
#endif

/* 6.6 lets generic_fillattr() know what is asked for. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define esx_fillattr(idmap, mask, inode, stat) generic_fillattr(idmap, inode, stat)
#else
#define esx_fillattr(idmap, mask, inode, stat) generic_fillattr(idmap, mask, inode, stat)
#endif

/* 6.5 replaced the page-cache splice by one that goes through ->read_iter(). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define copy_splice_read generic_file_splice_read
#endif

/* 6.7 allocates shrinkers, which then cannot fail to register. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline struct shrinker *esx_shrinker_start(const struct shrinker *model, const char *name)
{
	struct shrinker *shrinker = kmemdup(model, sizeof(*model), GFP_KERNEL);

	if (shrinker && register_shrinker(shrinker, "%s", name)) {
		kfree(shrinker);
		return NULL;
	}
	return shrinker;
}

static inline void shrinker_free(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(shrinker);
}
#else
static inline struct shrinker *esx_shrinker_start(const struct shrinker *model, const char *name)
{
	struct shrinker *shrinker = shrinker_alloc(0, "%s", name);

	if (!shrinker)
		return NULL;
	shrinker->count_objects = model->count_objects;
	shrinker->scan_objects = model->scan_objects;
	shrinker->seeks = model->seeks;
	shrinker->batch = model->batch;
	shrinker_register(shrinker);
	return shrinker;
}
#endif

/*
 * 6.5 lets a cache ask not to be merged with others, which would hide it from
 * /proc/slabinfo.  Before, caches that kmemleak does not track are not merged;
 * what leaks from them is reported when the cache is destroyed.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define SLAB_NO_MERGE SLAB_NOLEAKTRACE
#endif

#endif /* _ESXMEM_COMPAT_H */
