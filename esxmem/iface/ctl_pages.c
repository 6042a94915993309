// SPDX-License-Identifier: GPL-2.0
/*
 * ESXMEM_IOC_PAGES: the state of each page of a range.
 */
#include <linux/errno.h>
#include <linux/file.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../fs/inode.h"
#include "../pmap.h"
#include "ctl_ops.h"

/* Pages, and bytes, per turn: the map is left and the caller heard between. */
#define CHUNK_PAGES	4096U

static const u8 page_states[ESX_NR_STATES] = {
	[ESX_EMPTY] = ESXMEM_PAGE_EMPTY,
	[ESX_ZERO] = ESXMEM_PAGE_ZERO,
	[ESX_PRIVATE] = ESXMEM_PAGE_PRIVATE,
	[ESX_SHARED] = ESXMEM_PAGE_SHARED,
};

static u8 read_state(struct esx_pmap *pmap, pgoff_t pgoff)
{
	struct esx_slot slot;
	u8 state;

	/* Cannot fail: neither tries nor creates. */
	if (WARN_ON_ONCE(esx_pmap_lock(pmap, pgoff, 0, &slot)))
		return ESXMEM_PAGE_EMPTY;
	if (esx_slot_is_huge(&slot))
		state = ESXMEM_PAGE_HUGE;
	else
		state = page_states[esx_slot_state(&slot)];
	esx_pmap_unlock(&slot);
	return state;
}

static int read_states(struct esx_pmap *pmap, pgoff_t first, unsigned int nr, u8 *states)
{
	unsigned int i;
	int err = 0;

	/* The file is open, so the map is alive; checked all the same. */
	if (!esx_pmap_enter(pmap, false))
		return -EINVAL;

	/* The file's size cannot change while the map is entered. */
	if (first + nr > pmap->nr_pages)
		err = -EINVAL;
	for (i = 0; i < nr && !err; i++) {
		states[i] = read_state(pmap, first + i);
		cond_resched();
	}
	esx_pmap_leave(pmap);
	return err;
}

/* Copies with the map left: the buffer may be a mapping of the same file. */
static int copy_states(struct esx_pmap *pmap, const struct esxmem_pages *arg, u8 *states)
{
	u8 __user *user = u64_to_user_ptr(arg->states);
	pgoff_t first = arg->offset >> PAGE_SHIFT;
	unsigned int done, nr;
	int err;

	for (done = 0; done < arg->count; done += nr) {
		nr = min(arg->count - done, CHUNK_PAGES);
		err = read_states(pmap, first + done, nr, states);
		if (err)
			return err;
		if (copy_to_user(user + done, states, nr))
			return -EFAULT;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

static bool range_is_valid(const struct esxmem_pages *arg)
{
	/* Small enough that adding the count cannot overflow. */
	return arg->count && arg->count <= ESXMEM_PAGES_MAX && PAGE_ALIGNED(arg->offset);
}

/**
 * esx_ctl_pages() - ESXMEM_IOC_PAGES
 * @arg: the argument
 *
 * Return: 0 or the errno that the ABI lists.
 */
int esx_ctl_pages(union esx_ctl_arg *arg)
{
	struct esxmem_pages *pages = &arg->pages;
	struct esx_pmap *pmap;
	struct file *file;
	int err = -EINVAL;
	u8 *states;

	if (!range_is_valid(pages))
		return -EINVAL;
	file = fget(pages->fd);
	if (!file)
		return -EBADF;

	pmap = esx_file_pmap(file);
	if (!pmap)
		goto out_put_file;
	err = -ENOMEM;
	states = kmalloc(CHUNK_PAGES, GFP_KERNEL_ACCOUNT);
	if (!states)
		goto out_put_file;

	err = copy_states(pmap, pages, states);
	kfree(states);
out_put_file:
	fput(file);
	return err;
}
