// SPDX-License-Identifier: GPL-2.0
/*
 * ESXMEM_IOC_RECLAIM: bring a VM down by so much memory now.
 */
#include <linux/errno.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/mm.h>

#include "../fs/inode.h"
#include "../reclaim.h"
#include "../vm.h"
#include "ctl_ops.h"

/* With a reference, or NULL. */
static struct esx_vm *vm_of(struct file *file)
{
	/* The open file keeps the map, and the map its VM. */
	struct esx_pmap *pmap = esx_file_pmap(file);

	if (!pmap)
		return esx_file_vm(file);
	esx_vm_get(pmap->vm);
	return pmap->vm;
}

static int reclaim_from(struct file *file, const struct esxmem_reclaim *arg,
			struct esx_reclaim_report *report)
{
	const struct esx_reclaim_req req = {
		.pages = arg->length ? arg->length >> PAGE_SHIFT : U64_MAX,
		.max_hashed = arg->max_hashed,
	};
	struct esx_vm *vm = vm_of(file);
	int err;

	if (!vm)
		return -EINVAL;
	err = esx_reclaim_vm(vm, &req, report);
	esx_vm_put(vm);
	return err;
}

static void fill_results(struct esxmem_reclaim *arg, const struct esx_reclaim_report *report)
{
	arg->freed = report->freed;
	arg->merged = report->merged;
	arg->zero = report->zero;
	arg->broken = report->broken;
	arg->huge_broken = report->huge_broken;
	arg->hashed = report->hashed;
	arg->pinned = report->pinned;
	arg->busy = report->busy;
	arg->changed = report->changed;
	arg->skipped = report->skipped;
}

/**
 * esx_ctl_reclaim() - ESXMEM_IOC_RECLAIM
 * @arg: the argument, filled with what was done, also on -EINTR
 *
 * Return: 0 or the errno that the ABI lists.
 */
int esx_ctl_reclaim(union esx_ctl_arg *arg)
{
	struct esxmem_reclaim *reclaim = &arg->reclaim;
	struct esx_reclaim_report report = {};
	struct file *file;
	int err;

	if (reclaim->reserved || !PAGE_ALIGNED(reclaim->length))
		return -EINVAL;

	file = fget(reclaim->fd);
	if (!file)
		return -EBADF;
	err = reclaim_from(file, reclaim, &report);
	fput(file);

	fill_results(reclaim, &report);
	return err;
}
