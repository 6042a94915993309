// SPDX-License-Identifier: GPL-2.0
/*
 * ESXMEM_IOC_MERGE: share the memory of a VM or of a file now.
 */
#include <linux/errno.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "../fs/inode.h"
#include "../share/batch.h"
#include "../vm.h"
#include "ctl_ops.h"

/* The maps of a VM, each with a reference. */
struct pmap_list {
	struct esx_pmap **pmaps;
	size_t nr;
	size_t capacity;
};

static int grow_list(struct pmap_list *list)
{
	size_t capacity = list->capacity ? 2 * list->capacity : 8;
	struct esx_pmap **pmaps;

	pmaps = krealloc_array(list->pmaps, capacity, sizeof(*pmaps), GFP_KERNEL_ACCOUNT);
	if (!pmaps)
		return -ENOMEM;
	list->pmaps = pmaps;
	list->capacity = capacity;
	return 0;
}

static int add_to_list(struct esx_pmap *pmap, void *ctx)
{
	struct pmap_list *list = ctx;

	if (list->nr == list->capacity) {
		int err = grow_list(list);

		if (err)
			return err;
	}
	/* Its inode still holds a reference: it leaves the VM before that goes. */
	esx_pmap_get(pmap);
	list->pmaps[list->nr++] = pmap;
	return 0;
}

static void free_list(struct pmap_list *list)
{
	while (list->nr)
		esx_pmap_put(list->pmaps[--list->nr]);
	kfree(list->pmaps);
}

static int merge_vm(struct esx_vm *vm, struct esx_merge_report *report)
{
	struct pmap_list list = {};
	size_t i;
	int err;

	/* Collected first: sharing takes its time, esx_vms_lock must not wait for it. */
	err = esx_vm_for_each_pmap(vm, add_to_list, &list);
	for (i = 0; i < list.nr && !err; i++)
		err = esx_share_range(list.pmaps[i], 0, READ_ONCE(list.pmaps[i]->nr_pages), report);
	free_list(&list);
	return err;
}

static int merge_directory(struct file *file, const struct esxmem_merge *arg,
			   struct esx_merge_report *report)
{
	struct esx_vm *vm;
	int err;

	if (arg->offset || arg->length)
		return -EINVAL;

	vm = esx_file_vm(file);
	if (!vm)
		return -EINVAL;
	err = merge_vm(vm, report);
	esx_vm_put(vm);
	return err;
}

static int merge_file(struct esx_pmap *pmap, const struct esxmem_merge *arg,
		      struct esx_merge_report *report)
{
	u64 size = (u64)READ_ONCE(pmap->nr_pages) << PAGE_SHIFT;
	u64 end;

	if (!PAGE_ALIGNED(arg->offset) || !PAGE_ALIGNED(arg->length))
		return -EINVAL;
	if (check_add_overflow((u64)arg->offset, (u64)arg->length, &end) || end > size)
		return -EINVAL;
	if (!arg->length)
		end = size;
	return esx_share_range(pmap, arg->offset >> PAGE_SHIFT, end >> PAGE_SHIFT, report);
}

static void fill_results(struct esxmem_merge *arg, const struct esx_merge_report *report)
{
	arg->visited = report->visited;
	arg->merged = report->merged;
	arg->zero = report->zero;
	arg->hints = report->hints;
	arg->already = report->already;
	arg->pinned = report->pinned;
	arg->busy = report->busy;
	arg->changed = report->changed;
	arg->huge_broken = report->huge_broken;
	arg->skipped = report->skipped;
}

/**
 * esx_ctl_merge() - ESXMEM_IOC_MERGE
 * @arg: the argument, filled with what was done, also on -EINTR
 *
 * Return: 0 or the errno that the ABI lists.
 */
int esx_ctl_merge(union esx_ctl_arg *arg)
{
	struct esxmem_merge *merge = &arg->merge;
	struct esx_merge_report report = {};
	struct esx_pmap *pmap;
	struct file *file;
	int err;

	if (merge->reserved)
		return -EINVAL;

	file = fget(merge->fd);
	if (!file)
		return -EBADF;
	/* The open file keeps the map. */
	pmap = esx_file_pmap(file);
	if (pmap)
		err = merge_file(pmap, merge, &report);
	else
		err = merge_directory(file, merge, &report);
	fput(file);

	fill_results(merge, &report);
	return err;
}
