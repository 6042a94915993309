// SPDX-License-Identifier: GPL-2.0
/*
 * Trust groups.
 *
 * VMs share with each other when their salts are equal.  A VM's salt is its
 * own, or what the mount says, unless the administrator puts it into a group.
 * Members of a group can learn which of their pages other members have too.
 *
 * A change of group first gives every shared page of the VM a frame of its
 * own: what it shares, it shares with the old group.
 */
#include <linux/ctype.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "../frame.h"
#include "../vm.h"
#include "batch.h"
#include "cow.h"
#include "group.h"
#include "hash.h"

static bool is_valid_name(const char *group)
{
	if (strlen(group) >= ESX_GROUP_MAX)
		return false;
	for (; *group; group++) {
		if (!isgraph(*group) || *group == '/')
			return false;
	}
	return true;
}

static int unshare_page(struct esx_pmap *pmap, pgoff_t pgoff)
{
	const struct esx_frame_req req = {};
	unsigned int breaks;
	struct esx_slot slot;
	int err;

	err = esx_pmap_lock(pmap, pgoff, 0, &slot);
	if (err || !slot.region)
		return err;
	if (esx_slot_state(&slot) == ESX_SHARED) {
		breaks = esx_slot_breaks(&slot);
		err = esx_share_break(&slot, &req);
		/* The guest is not to blame. */
		if (!err)
			esx_pmap_set_breaks(&slot, breaks);
	}
	esx_pmap_unlock(&slot);
	return err;
}

static int unshare_region(struct esx_pmap *pmap, struct esx_region *region)
{
	pgoff_t pgoff = region->index << ESX_REGION_ORDER;
	pgoff_t end = pgoff + ESX_REGION_PAGES;
	int err = 0;

	if (!smp_load_acquire(&region->leaf))
		return 0;
	for (; !err && pgoff < end; pgoff++)
		err = fatal_signal_pending(current) ? -EINTR : unshare_page(pmap, pgoff);
	return err;
}

static int unshare_pmap(struct esx_pmap *pmap)
{
	struct esx_region *region;
	unsigned long index = 0;
	int err = 0;

	/* Leave the map between regions: punch and truncate want in. */
	for (; !err; index++) {
		if (!esx_pmap_enter(pmap, false))
			return 0;
		region = xa_find(&pmap->regions, &index, ULONG_MAX, XA_PRESENT);
		if (region)
			err = unshare_region(pmap, region);
		esx_pmap_leave(pmap);
		if (!region)
			break;
		cond_resched();
	}
	return err;
}

static int unshare_vm(struct esx_vm *vm)
{
	struct esx_pmap *pmap = NULL;
	int err;

	while ((pmap = esx_vm_next_pmap(pmap))) {
		err = pmap->vm == vm ? unshare_pmap(pmap) : 0;
		if (err) {
			esx_pmap_put(pmap);
			return err;
		}
	}
	return 0;
}

static int move_to_group(struct esx_vm *vm, const char *group)
{
	u64 salt = *group ? esx_salt_group(group) : vm->base_salt;
	int err;

	if (salt != vm->salt) {
		err = unshare_vm(vm);
		if (err)
			return err;
	}
	vm->salt = salt;
	WRITE_ONCE(vm->epoch, vm->epoch + 1);
	spin_lock(&vm->lock);
	strscpy(vm->group, group, sizeof(vm->group));
	spin_unlock(&vm->lock);
	return 0;
}

/**
 * esx_share_set_group() - put a VM into a trust group
 * @vm: the VM, held by a reference
 * @group: name of the group: printable, no blank and no slash, shorter than
 *	ESX_GROUP_MAX; "" takes the VM out of its group
 *
 * Return: 0; -EINVAL for a bad name; -EINTR; -ENOMEM when there is no memory
 * for frames of its own: then it stays in its old group, with less shared.
 */
int esx_share_set_group(struct esx_vm *vm, const char *group)
{
	int err;

	might_sleep();

	if (!is_valid_name(group))
		return -EINVAL;
	if (esx_share_stop_killable())
		return -EINTR;
	err = move_to_group(vm, group);
	esx_share_go();
	return err;
}

/**
 * esx_share_get_group() - the VM's trust group
 * @vm: the VM
 * @buf: where to
 * @size: of @buf
 */
void esx_share_get_group(struct esx_vm *vm, char *buf, size_t size)
{
	spin_lock(&vm->lock);
	strscpy(buf, vm->group, size);
	spin_unlock(&vm->lock);
}
