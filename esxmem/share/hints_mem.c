// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of hints, and their names.
 *
 * The hints of a region's pages fill one page of memory, beside a small object.
 * Samples, which are fewer, lie behind the object in one piece; there is a cache
 * for each power of two.
 */
#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "../compat.h"
#include "../types.h"
#include "hints.h"
#include "hints_mem.h"

static_assert(sizeof(struct esx_hint) * ESX_REGION_PAGES == PAGE_SIZE);

/* Not to give out a name that is ESX_HINT_NONE or reaches ESX_HINT_UNFILED. */
#define MIN_ID	1
#define MAX_ID	((U32_MAX >> ESX_REGION_ORDER) - 1)

/* Keeps hints alive for who walks them all. */
static DEFINE_MUTEX(ids_lock);
static DEFINE_XARRAY_FLAGS(ids, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);

static struct kmem_cache *object_cache;
static struct kmem_cache *leaf_cache;

static struct {
	const char *name;
	unsigned int nr;
	struct kmem_cache *cache;
} sample_caches[] = {
	{ "esx_hints_4", 4 },
	{ "esx_hints_8", 8 },
	{ "esx_hints_16", 16 },
	{ "esx_hints_32", 32 },
	{ "esx_hints_64", ESX_HINTS_MAX_SAMPLES },
};

static atomic_long_t nr_bytes;

static struct kmem_cache *sample_cache(unsigned int nr)
{
	unsigned int i = 0;

	while (sample_caches[i].nr < nr)
		i++;
	return sample_caches[i].cache;
}

static size_t object_bytes(const struct esx_hints *object)
{
	if (esx_hints_is_sample(object))
		return kmem_cache_size(sample_cache(object->nr));
	return kmem_cache_size(object_cache) + kmem_cache_size(leaf_cache);
}

static struct esx_hints *alloc_samples(unsigned int nr)
{
	struct esx_hints *object = kmem_cache_alloc(sample_cache(nr), GFP_KERNEL_ACCOUNT);

	if (object)
		object->hints = (struct esx_hint *)(object + 1);
	return object;
}

static struct esx_hints *alloc_leaf(void)
{
	struct esx_hints *object = kmem_cache_alloc(object_cache, GFP_KERNEL_ACCOUNT);

	if (!object)
		return NULL;
	object->hints = kmem_cache_alloc(leaf_cache, GFP_KERNEL_ACCOUNT);
	if (!object->hints) {
		kmem_cache_free(object_cache, object);
		return NULL;
	}
	return object;
}

static void free_object(struct esx_hints *object)
{
	if (esx_hints_is_sample(object)) {
		kmem_cache_free(sample_cache(object->nr), object);
		return;
	}
	kmem_cache_free(leaf_cache, object->hints);
	kmem_cache_free(object_cache, object);
}

/**
 * esx_hints_by_name() - whose hint is this?
 * @name: of a hint that is filed, the lock of its shard held
 *
 * Return: the hints that it is one of.
 */
struct esx_hints *esx_hints_by_name(u32 name)
{
	return xa_load(&ids, name >> ESX_REGION_ORDER);
}

/**
 * esx_hint_by_name() - find a hint
 * @name: of a hint that is filed, the lock of its shard held, or one's own
 *
 * Return: the hint.
 */
struct esx_hint *esx_hint_by_name(u32 name)
{
	return &esx_hints_by_name(name)->hints[name & ESX_REGION_MASK];
}

/**
 * esx_hints_alloc() - make hints, all unfiled
 * @region: whose
 * @nr: ESX_REGION_PAGES, or 1 to ESX_HINTS_MAX_SAMPLES
 * @out: where to return the hints
 *
 * Return: 0, -ENOMEM, or -EBUSY when no number is left.
 */
int esx_hints_alloc(struct esx_region *region, unsigned int nr, struct esx_hints **out)
{
	struct esx_hints *object = nr == ESX_REGION_PAGES ? alloc_leaf() : alloc_samples(nr);
	int err;

	if (!object)
		return -ENOMEM;
	object->nr = nr;
	object->region = region;
	memset(object->hints, 0xff, nr * sizeof(*object->hints));
	err = xa_alloc(&ids, &object->id, object, XA_LIMIT(MIN_ID, MAX_ID), GFP_KERNEL_ACCOUNT);
	if (err) {
		free_object(object);
		return err;
	}
	atomic_long_add(object_bytes(object), &nr_bytes);
	*out = object;
	return 0;
}

/**
 * esx_hints_free() - free hints
 * @hints: from esx_hints_alloc(), all unfiled
 */
void esx_hints_free(struct esx_hints *hints)
{
	mutex_lock(&ids_lock);
	xa_erase(&ids, hints->id);
	mutex_unlock(&ids_lock);
	atomic_long_sub(object_bytes(hints), &nr_bytes);
	free_object(hints);
}

/**
 * esx_hints_count_filed() - count the hints that say they are filed
 *
 * Whether or not a bucket knows them.  May sleep.
 *
 * Return: the number.
 */
long esx_hints_count_filed(void)
{
	struct esx_hints *object;
	unsigned long id, idx;
	long nr = 0;

	mutex_lock(&ids_lock);
	xa_for_each(&ids, id, object) {
		for (idx = 0; idx < object->nr; idx++)
			nr += esx_hint_is_filed(&object->hints[idx]);
		cond_resched();
	}
	mutex_unlock(&ids_lock);
	return nr;
}

/**
 * esx_hints_mem_bytes() - how much memory all hints take
 *
 * Return: bytes.
 */
size_t esx_hints_mem_bytes(void)
{
	return atomic_long_read(&nr_bytes);
}

static struct kmem_cache *create_cache(const char *name, size_t size)
{
	unsigned int align = size == PAGE_SIZE ? PAGE_SIZE : sizeof(u64);

	return kmem_cache_create(name, size, align, SLAB_ACCOUNT | SLAB_NO_MERGE, NULL);
}

/**
 * esx_hints_mem_init() - make the caches
 *
 * Return: 0 or -ENOMEM.
 */
int esx_hints_mem_init(void)
{
	unsigned int i;
	size_t size;
	bool ok;

	object_cache = create_cache("esx_hints", sizeof(struct esx_hints));
	leaf_cache = create_cache("esx_hints_leaf", PAGE_SIZE);
	ok = object_cache && leaf_cache;
	for (i = 0; i < ARRAY_SIZE(sample_caches); i++) {
		size = sizeof(struct esx_hints) + sample_caches[i].nr * sizeof(struct esx_hint);
		sample_caches[i].cache = create_cache(sample_caches[i].name, size);
		ok = ok && sample_caches[i].cache;
	}
	if (ok)
		return 0;
	esx_hints_mem_exit();
	return -ENOMEM;
}

/**
 * esx_hints_mem_exit() - free the caches; no hints may be left
 */
void esx_hints_mem_exit(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sample_caches); i++)
		kmem_cache_destroy(sample_caches[i].cache);
	kmem_cache_destroy(leaf_cache);
	kmem_cache_destroy(object_cache);
	xa_destroy(&ids);
}
