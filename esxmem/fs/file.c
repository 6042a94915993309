// SPDX-License-Identifier: GPL-2.0
/*
 * Read, write, resize, fallocate and seek.
 *
 * Data moves page by page.  While bytes are copied to or from user memory no
 * lock of ours is held, only a reference on the frame: the copy may fault, on
 * a mapping of the same file even.  The reference keeps the frame from being
 * taken out of use, as a pin does.
 *
 * Whoever changes the size holds the inode lock.
 */
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/splice.h>
#include <linux/uio.h>

#include "../compat.h"
#include "../fault.h"
#include "../punch.h"
#include "../tax/admit.h"
#include "clone.h"
#include "file.h"
#include "vma.h"

static struct esx_pmap *inode_pmap(struct inode *inode)
{
	return inode->i_private;
}

/* Get at a page for a copy; NULL in fault->page means a hole. */
static int get_page_at(struct esx_fault *fault)
{
	int err;

	if (!esx_pmap_enter(fault->pmap, false))
		return -EIO;
	err = fault->pgoff < fault->pmap->nr_pages ? esx_fault_page(fault) : -ENODATA;
	esx_pmap_leave(fault->pmap);
	return err == -EHWPOISON ? -EIO : err;
}

static ssize_t read_page(struct esx_pmap *pmap, loff_t pos, size_t len, struct iov_iter *to)
{
	struct esx_fault fault = { .pmap = pmap, .pgoff = pos >> PAGE_SHIFT };
	size_t copied;
	void *addr;
	int err;

	err = get_page_at(&fault);
	if (err)
		return err == -ENODATA ? 0 : err;
	if (!fault.page)
		return iov_iter_zero(len, to);
	/* Not the page itself: a pipe would keep it and take it for page cache. */
	addr = kmap_local_page(fault.page);
	copied = copy_to_iter(addr + offset_in_page(pos), len, to);
	kunmap_local(addr);
	put_page(fault.page);
	return copied;
}

static size_t chunk(loff_t pos, size_t left)
{
	return min_t(size_t, left, PAGE_SIZE - offset_in_page(pos));
}

static ssize_t read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t done = 0, ret = 0;

	while (iov_iter_count(to)) {
		loff_t left = i_size_read(inode) - iocb->ki_pos;
		size_t len;

		if (left <= 0)
			break;
		len = chunk(iocb->ki_pos, min_t(u64, left, iov_iter_count(to)));
		ret = read_page(inode_pmap(inode), iocb->ki_pos, len, to);
		if (ret > 0) {
			iocb->ki_pos += ret;
			done += ret;
		}
		if (ret != len)
			break;
		cond_resched();
	}
	file_accessed(iocb->ki_filp);
	if (done || ret < 0)
		return done ? done : ret;
	return iov_iter_count(to) && iocb->ki_pos < i_size_read(inode) ? -EFAULT : 0;
}

/* What lies behind the end in its page must be zero when the end moves on. */
static int zero_tail(struct esx_pmap *pmap, loff_t size)
{
	if (!offset_in_page(size))
		return 0;
	return esx_zero_bytes(pmap, size, round_up(size, PAGE_SIZE));
}

/**
 * esx_file_grow() - move the end of a memory file on
 * @inode: the file, locked, its map entered exclusively
 * @size: new size in bytes, checked against the limits, larger than the old
 *
 * Return: 0; -ENOSPC when the VM is not admitted with that size; -ENOMEM or -EIO
 * when the part of a page beyond the old end cannot be zeroed.  After an error the
 * size is the old one.
 */
int esx_file_grow(struct inode *inode, loff_t size)
{
	struct esx_pmap *pmap = inode_pmap(inode);
	pgoff_t old = pmap->nr_pages, nr_pages = DIV_ROUND_UP(size, PAGE_SIZE);
	int err;

	err = esx_admit_resize(pmap->vm, old, nr_pages);
	if (err)
		return err;
	err = zero_tail(pmap, i_size_read(inode));
	if (err) {
		esx_admit_resize(pmap->vm, nr_pages, old);
		return err;
	}
	/* What a 2 MB frame that could not be broken holds behind the end. */
	esx_punch_pages(pmap, pmap->nr_pages, ALIGN(pmap->nr_pages, ESX_REGION_PAGES));
	esx_pmap_resize(pmap, nr_pages);
	i_size_write(inode, size);
	return 0;
}

static int grow(struct inode *inode, loff_t size)
{
	struct esx_pmap *pmap = inode_pmap(inode);
	int err;

	esx_pmap_enter_exclusive(pmap);
	err = esx_file_grow(inode, size);
	esx_pmap_leave_exclusive(pmap);
	return err;
}

static int shrink(struct inode *inode, loff_t size)
{
	struct esx_pmap *pmap = inode_pmap(inode);
	pgoff_t old, nr_pages = DIV_ROUND_UP(size, PAGE_SIZE);
	int err;

	esx_pmap_enter_exclusive(pmap);
	err = zero_tail(pmap, size);
	if (!err) {
		i_size_write(inode, size);
		/* Holes that are being read beyond the end must not stay mapped. */
		esx_frame_zero_sync();
		unmap_mapping_range(inode->i_mapping, round_up(size, PAGE_SIZE), 0, 1);
		esx_punch_pages(pmap, nr_pages, ULONG_MAX);
		old = pmap->nr_pages;
		esx_pmap_resize(pmap, nr_pages);
		esx_admit_resize(pmap->vm, old, nr_pages);
	}
	esx_pmap_leave_exclusive(pmap);
	return err;
}

/**
 * esx_file_resize() - change the size of a memory file
 * @inode: the file, locked
 * @size: new size in bytes, checked against the limits
 *
 * Return: 0; -ENOSPC when the VM is not admitted with that size; -ENOMEM or -EIO
 * when the part of a page beyond the end cannot be zeroed.  After an error the size
 * is the old one.
 */
int esx_file_resize(struct inode *inode, loff_t size)
{
	loff_t old = i_size_read(inode);

	if (size == old)
		return 0;
	return size > old ? grow(inode, size) : shrink(inode, size);
}

static ssize_t write_page(struct inode *inode, loff_t pos, size_t len, struct iov_iter *from)
{
	struct esx_fault fault = {
		.pmap = inode_pmap(inode),
		.pgoff = pos >> PAGE_SHIFT,
		.write = true,
		.large = true,
	};
	size_t copied;
	int err;

	err = get_page_at(&fault);
	if (err)
		return err;
	copied = copy_page_from_iter(fault.page, offset_in_page(pos), len, from);
	put_page(fault.page);
	return copied ? copied : -EFAULT;
}

/* Write into one page; the file has grown only by what was copied. */
static ssize_t write_chunk(struct inode *inode, loff_t pos, struct iov_iter *from)
{
	size_t len = chunk(pos, iov_iter_count(from));
	loff_t old = i_size_read(inode);
	ssize_t copied;
	int err;

	if (pos + len > old) {
		err = esx_file_resize(inode, pos + len);
		if (err)
			return err;
	}
	copied = write_page(inode, pos, len, from);
	if (copied != len && pos + len > old)
		esx_file_resize(inode, max_t(loff_t, old, copied > 0 ? pos + copied : 0));
	return copied;
}

static ssize_t write_locked(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t done = 0, ret;

	ret = generic_write_checks(iocb, from);
	if (ret <= 0)
		return ret;
	ret = file_remove_privs(iocb->ki_filp);
	if (!ret)
		ret = file_update_time(iocb->ki_filp);
	while (!ret && iov_iter_count(from)) {
		ret = fatal_signal_pending(current) ? -EINTR :
						      write_chunk(inode, iocb->ki_pos, from);
		if (ret > 0) {
			iocb->ki_pos += ret;
			done += ret;
			ret = 0;
		}
		cond_resched();
	}
	return done ? done : ret;
}

static ssize_t write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret;

	inode_lock(inode);
	ret = write_locked(iocb, from);
	inode_unlock(inode);
	return ret;
}

static int punch(struct inode *inode, loff_t from, loff_t to)
{
	struct esx_pmap *pmap = inode_pmap(inode);
	pgoff_t first = DIV_ROUND_UP(from, PAGE_SIZE);
	pgoff_t end = to >> PAGE_SHIFT;
	int err = 0;

	esx_pmap_enter_exclusive(pmap);
	if (first > end) {
		err = esx_zero_bytes(pmap, from, to);
	} else {
		if (offset_in_page(from))
			err = esx_zero_bytes(pmap, from, first << PAGE_SHIFT);
		if (!err && offset_in_page(to))
			err = esx_zero_bytes(pmap, end << PAGE_SHIFT, to);
		if (!err)
			esx_punch_pages(pmap, first, end);
	}
	esx_pmap_leave_exclusive(pmap);
	return err;
}

static int preallocate(struct inode *inode, pgoff_t first, pgoff_t end)
{
	int err = 0;

	for (; !err && first < end; first++) {
		struct esx_fault fault = {
			.pmap = inode_pmap(inode),
			.pgoff = first,
			.write = true,
			.large = true,
		};

		if (task_sigpending(current))
			return -EINTR;
		err = get_page_at(&fault);
		if (!err)
			put_page(fault.page);
		cond_resched();
	}
	return err;
}

/*
 * KEEP_SIZE without PUNCH_HOLE would reserve memory behind the end, where no
 * guest can reach it: only the part inside the file is allocated then.
 */
static long fallocate_locked(struct inode *inode, int mode, loff_t offset, loff_t len)
{
	loff_t old = i_size_read(inode);
	loff_t size = old;
	loff_t end = offset + len;
	int err;

	if (!(mode & FALLOC_FL_KEEP_SIZE) && end > size) {
		err = inode_newsize_ok(inode, end);
		if (!err)
			err = esx_file_resize(inode, end);
		if (err)
			return err;
		size = end;
	}
	end = min(end, (loff_t)round_up(size, PAGE_SIZE));
	if (offset >= end)
		return 0;
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		return punch(inode, offset, end);

	err = preallocate(inode, offset >> PAGE_SHIFT, DIV_ROUND_UP(end, PAGE_SIZE));
	if (err && size != old)
		esx_file_resize(inode, old);
	return err == -ENOMEM ? -ENOSPC : err;
}

static long fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct inode *inode = file_inode(file);
	long ret;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;

	inode_lock(inode);
	ret = file_modified(file);
	if (!ret)
		ret = fallocate_locked(inode, mode, offset, len);
	inode_unlock(inode);
	return ret;
}

static bool page_is_data(struct esx_pmap *pmap, pgoff_t pgoff)
{
	struct esx_slot slot;
	bool data;

	if (esx_pmap_lock(pmap, pgoff, 0, &slot) || !slot.region)
		return false;
	data = esx_slot_state(&slot) != ESX_EMPTY;
	esx_pmap_unlock(&slot);
	return data;
}

/* The first page from @pgoff on that is data, or that is not; @end if none. */
static pgoff_t seek_page(struct esx_pmap *pmap, pgoff_t pgoff, pgoff_t end, bool data)
{
	unsigned long region;

	while (pgoff < end) {
		region = pgoff >> ESX_REGION_ORDER;
		if (!xa_load(&pmap->regions, region)) {
			if (!data)
				return pgoff;
			if (!xa_find(&pmap->regions, &region, ULONG_MAX, XA_PRESENT))
				return end;
			pgoff = region << ESX_REGION_ORDER;
			continue;
		}
		if (page_is_data(pmap, pgoff) == data || fatal_signal_pending(current))
			return pgoff;
		pgoff++;
		cond_resched();
	}
	return end;
}

static loff_t seek_data_or_hole(struct file *file, loff_t offset, bool data)
{
	struct inode *inode = file_inode(file);
	struct esx_pmap *pmap = inode_pmap(inode);
	loff_t size = i_size_read(inode);
	loff_t found;

	if (offset < 0 || offset >= size)
		return -ENXIO;
	if (!esx_pmap_enter(pmap, false))
		return -EIO;
	found = (loff_t)seek_page(pmap, offset >> PAGE_SHIFT, DIV_ROUND_UP(size, PAGE_SIZE), data)
		<< PAGE_SHIFT;
	esx_pmap_leave(pmap);

	if (data && found >= size)
		return -ENXIO;
	return vfs_setpos(file, min(max(found, offset), size), inode->i_sb->s_maxbytes);
}

static loff_t llseek(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file_inode(file);
	loff_t ret;

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return generic_file_llseek(file, offset, whence);
	inode_lock_shared(inode);
	ret = seek_data_or_hole(file, offset, whence == SEEK_DATA);
	inode_unlock_shared(inode);
	return ret;
}

const struct file_operations esx_file_fops = {
	.owner = THIS_MODULE,
	.llseek = llseek,
	.read_iter = read_iter,
	.write_iter = write_iter,
	.mmap = esx_file_mmap,
	.get_unmapped_area = thp_get_unmapped_area,
	.fallocate = fallocate,
	.remap_file_range = esx_file_remap_range,
	.fsync = noop_fsync,
	.splice_read = copy_splice_read,
	.splice_write = iter_file_splice_write,
};
