// SPDX-License-Identifier: GPL-2.0
/*
 * Commands of /dev/esxmem that concern the host as a whole.
 */
#include <linux/errno.h>
#include <linux/file.h>
#include <linux/mm.h>

#include "../audit.h"
#include "../frame.h"
#include "../share/hints.h"
#include "../share/shared.h"
#include "../stats.h"
#include "ctl_ops.h"
#include "glue.h"
#include "totals.h"

static u64 read_event(enum esx_event event)
{
	return atomic64_read(&esx_host_events.nr[event]);
}

static void fill_counts(struct esxmem_info *info)
{
	struct esx_totals totals;

	esx_totals_get(&totals);
	info->nr_vms = totals.nr_vms;
	info->nr_files = totals.nr_files;
	info->size_pages = totals.size_pages;
	info->private_pages = totals.pages[ESX_PRIVATE];
	info->shared_pages = totals.pages[ESX_SHARED];
	info->zero_pages = totals.pages[ESX_ZERO];
	info->huge_pages = totals.nr_huge;
	info->shared_frames = esx_shared_count();
	info->frames = esx_frame_count();
	info->hints = esx_hints_count();
}

static void fill_events(struct esxmem_info *info)
{
	info->pages_scanned = read_event(ESX_EV_SCANNED);
	info->pages_merged = read_event(ESX_EV_MERGED);
	info->zero_merged = read_event(ESX_EV_ZEROED);
	info->cow_breaks = read_event(ESX_EV_COW);
	info->full_scans = read_event(ESX_EV_FULL_SCAN);
	info->hash_mismatches = read_event(ESX_EV_HASH_MISMATCH);
	info->false_matches = read_event(ESX_EV_FALSE_MATCH);
	info->pinned = read_event(ESX_EV_PINNED);
	info->busy = read_event(ESX_EV_BUSY);
	info->huge_broken = read_event(ESX_EV_HUGE_BROKEN);
}

/**
 * esx_ctl_info() - ESXMEM_IOC_INFO
 * @arg: the argument, filled
 *
 * Return: 0 or -EINVAL.
 */
int esx_ctl_info(union esx_ctl_arg *arg)
{
	struct esxmem_info *info = &arg->info;

	if (info->reserved)
		return -EINVAL;

	info->abi_version = ESXMEM_ABI_VERSION;
	fill_counts(info);
	fill_events(info);
	return 0;
}

/**
 * esx_ctl_attach_kvm() - ESXMEM_IOC_ATTACH_KVM
 * @arg: the argument
 *
 * Return: 0 or the errno that the ABI lists.
 */
int esx_ctl_attach_kvm(union esx_ctl_arg *arg)
{
	struct file *file;
	int err;

	if (arg->attach.reserved)
		return -EINVAL;

	file = fget(arg->attach.kvm_fd);
	if (!file)
		return -EBADF;
	err = esx_glue_attach(file);
	fput(file);
	return err;
}

/**
 * esx_ctl_audit() - ESXMEM_IOC_AUDIT
 * @arg: the argument, filled
 *
 * Return: 0, -ENOMEM or -EINTR.
 */
int esx_ctl_audit(union esx_ctl_arg *arg)
{
	struct esxmem_audit audit = {};
	int err = esx_audit(&audit);

	audit.size = arg->size;
	audit.flags = arg->flags;
	arg->audit = audit;
	return err;
}
