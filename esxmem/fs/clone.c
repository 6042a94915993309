// SPDX-License-Identifier: GPL-2.0
/*
 * FICLONE, FICLONERANGE, copy_file_range(): a range of one memory file becomes
 * a copy-on-write clone of a range of another, or of the same.
 *
 * Two rounds.  The first makes the source's pages shareable, a few at a time,
 * with nothing of the VFS locked: a clone that is killed there has changed
 * nothing that anybody can see.  The second holds both inodes and both maps and
 * moves references: the snapshot.  It costs a look at each entry, and for that
 * long the faults and writes of both files wait; see share/clone.c for what is
 * promised of the contents.  Killed or out of memory in the second round, the
 * destination ends where the clone does, or keeps what it had beyond.
 *
 * A clone is an explicit act of somebody who may read the one file and write the
 * other, so it does not ask for their salts.  Deduplication is refused: it would
 * tell the caller, and share, what merging is careful not to.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "../compat.h"
#include "../punch.h"
#include "../share/batch.h"
#include "../share/clone.h"
#include "../trace.h"
#include "../vm.h"
#include "clone.h"
#include "file.h"

/* A clone under way, in pages. */
struct clone {
	struct esx_pmap *from;
	struct esx_pmap *to;
	pgoff_t first_from;
	pgoff_t first_to;
	pgoff_t nr;
	/* How many are done. */
	pgoff_t done;
	struct esx_clone_batch *batch;
};

static pgoff_t left_in_region(pgoff_t pgoff)
{
	return ESX_REGION_PAGES - (pgoff & ESX_REGION_MASK);
}

/* How many pages of the source from @pgoff on lie in regions that do not exist. */
static pgoff_t hole_length(struct esx_pmap *pmap, pgoff_t pgoff, pgoff_t nr)
{
	unsigned long region = pgoff >> ESX_REGION_ORDER;

	if (!xa_find(&pmap->regions, &region, (pgoff + nr - 1) >> ESX_REGION_ORDER, XA_PRESENT))
		return nr;
	return max(region << ESX_REGION_ORDER, pgoff) - pgoff;
}

static int clone_hole(struct clone *clone, pgoff_t nr)
{
	pgoff_t to = clone->first_to + clone->done;

	esx_punch_pages(clone->to, to, to + nr);
	clone->done += nr;
	return 0;
}

static int clone_region(struct clone *clone, pgoff_t left)
{
	pgoff_t from = clone->first_from + clone->done;
	pgoff_t to = clone->first_to + clone->done;
	unsigned int given, nr = min3(left, left_in_region(from), left_in_region(to));
	bool huge = nr == ESX_REGION_PAGES && !xa_load(&clone->to->regions, to >> ESX_REGION_ORDER);
	int err;

	err = esx_clone_take(clone->batch, clone->from, from, nr, huge);
	if (err)
		return err;
	err = esx_clone_give(clone->batch, clone->to, to, &given);
	clone->done += given;
	return err;
}

static int clone_entered(struct clone *clone)
{
	int err = 0;

	esx_clone_stop_writers(clone->from, clone->first_from, clone->first_from + clone->nr);
	while (!err && clone->done < clone->nr) {
		pgoff_t left = clone->nr - clone->done;
		pgoff_t hole = hole_length(clone->from, clone->first_from + clone->done, left);

		if (fatal_signal_pending(current))
			return -EINTR;
		err = hole ? clone_hole(clone, hole) : clone_region(clone, left);
		cond_resched();
	}
	return err;
}

static int clone_and_grow(struct clone *clone, struct inode *to, loff_t end)
{
	int err = 0;

	esx_pmap_enter_both(clone->from, clone->to);
	if (end > i_size_read(to))
		err = esx_file_grow(to, end);
	if (!err)
		err = clone_entered(clone);
	esx_pmap_leave_both(clone->from, clone->to);
	trace_esxmem_clone(clone->to->vm->id, clone->to->vm->name, clone->to->ino, clone->first_to,
			   clone->done);
	return err;
}

/* Both inodes are locked; returns how many bytes were cloned, if any were. */
static loff_t clone_locked(struct inode *from, loff_t pos_from, struct inode *to, loff_t pos_to,
			   loff_t len, int *err)
{
	struct clone clone = {
		.from = from->i_private,
		.to = to->i_private,
		.first_from = pos_from >> PAGE_SHIFT,
		.first_to = pos_to >> PAGE_SHIFT,
		.nr = DIV_ROUND_UP(len, PAGE_SIZE),
	};
	loff_t old = i_size_read(to), done;

	*err = -ENOMEM;
	clone.batch = kvmalloc(sizeof(*clone.batch), GFP_KERNEL);
	if (!clone.batch)
		return 0;
	*err = -EINTR;
	if (!esx_share_enter_killable()) {
		*err = clone_and_grow(&clone, to, pos_to + len);
		esx_share_leave();
	}
	kvfree(clone.batch);

	done = min(len, (loff_t)clone.done << PAGE_SHIFT);
	if (done < len && pos_to + len > old)
		esx_file_resize(to, max(old, done ? pos_to + done : 0));
	return done;
}

static loff_t commit(struct file *file_in, loff_t pos_in, struct file *file_out, loff_t pos_out,
		     loff_t len, unsigned int flags)
{
	struct inode *from = file_inode(file_in), *to = file_inode(file_out);
	loff_t done;
	int err;

	lock_two_nondirectories(from, to);
	err = generic_remap_file_range_prep(file_in, pos_in, file_out, pos_out, &len, flags);
	done = err || !len ? 0 : clone_locked(from, pos_in, to, pos_out, len, &err);
	unlock_two_nondirectories(from, to);

	/* Who cannot take less is told that it failed. */
	return err && (!done || !(flags & REMAP_FILE_CAN_SHORTEN)) ? err : done;
}

/* Refuse early what would be refused in the end. */
static int check(struct file *file_in, loff_t pos_in, struct file *file_out, loff_t pos_out,
		 loff_t *len, unsigned int flags)
{
	struct inode *from = file_inode(file_in), *to = file_inode(file_out);
	int err;

	lock_two_nondirectories(from, to);
	err = generic_remap_file_range_prep(file_in, pos_in, file_out, pos_out, len, flags);
	unlock_two_nondirectories(from, to);
	return err;
}

/**
 * esx_file_remap_range() - make a range of a file a clone of another
 * @file_in: the source, open for reading
 * @pos_in: where in it; a multiple of the page size
 * @file_out: the destination in the same mount, open for writing
 * @pos_out: where in it; a multiple of the page size
 * @len: bytes, 0: up to the end of the source; not a multiple of the page size
 *	only at the end of the source and at or beyond that of the destination
 * @flags: REMAP_FILE_*
 *
 * Return: how many bytes were cloned, fewer than asked for only with
 * REMAP_FILE_CAN_SHORTEN; -EOPNOTSUPP for deduplication; -EINTR; -ENOMEM;
 * -ENOSPC; -EIO; or what the VFS has against the ranges.
 */
loff_t esx_file_remap_range(struct file *file_in, loff_t pos_in, struct file *file_out,
			    loff_t pos_out, loff_t len, unsigned int flags)
{
	loff_t checked = len;
	int err;

	if (flags & REMAP_FILE_DEDUP)
		return -EOPNOTSUPP;
	if (flags & ~REMAP_FILE_ADVISORY)
		return -EINVAL;

	err = check(file_in, pos_in, file_out, pos_out, &checked, flags);
	if (err || !checked)
		return err;
	err = esx_clone_prepare(file_inode(file_in)->i_private, pos_in >> PAGE_SHIFT,
				DIV_ROUND_UP(pos_in + checked, PAGE_SIZE));
	if (err)
		return err;
	return commit(file_in, pos_in, file_out, pos_out, len, flags);
}
