// SPDX-License-Identifier: GPL-2.0
/*
 * Anchors: how the glue may use a struct kvm without owning one; see anchor.h.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "anchor.h"

static struct esx_anchor *mn_to_anchor(struct mmu_notifier *mn)
{
	return container_of(mn, struct esx_anchor, mn);
}

static void lose(struct esx_anchor *anchor)
{
	lockdep_assert_held(&anchor->lock);

	anchor->vcpu = NULL;
	anchor->lost(anchor);
}

/*
 * Called before the range is unmapped, thus before the mapping drops its file.
 * A mapping that moves away or goes in part counts as gone: it is looked for
 * again later.
 */
static int range_goes(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct esx_anchor *anchor = mn_to_anchor(mn);

	if (range->event != MMU_NOTIFY_UNMAP)
		return 0;

	spin_lock(&anchor->lock);
	if (anchor->vcpu && range->start < anchor->end && range->end > anchor->start)
		lose(anchor);
	spin_unlock(&anchor->lock);
	return 0;
}

/* The address space goes as a whole, or esx_anchor_close() ends the watch. */
static void mm_goes(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct esx_anchor *anchor = mn_to_anchor(mn);

	spin_lock(&anchor->lock);
	lose(anchor);
	spin_unlock(&anchor->lock);
}

static const struct mmu_notifier_ops anchor_mn_ops = {
	.invalidate_range_start	= range_goes,
	.release		= mm_goes,
};

/*
 * KVM offers no such question.  Its files of virtual CPUs are the only ones of
 * the kernel's anonymous inodes that carry this name, which user space cannot
 * choose.
 */
static bool is_vcpu_file(const struct file *file)
{
	return file && file_inode(file)->i_sb->s_magic == ANON_INODE_FS_MAGIC &&
	       str_has_prefix(file->f_path.dentry->d_name.name, "kvm-vcpu:");
}

static bool is_vcpu_mapping(const struct vm_area_struct *vma, const struct kvm *kvm)
{
	const struct kvm_vcpu *vcpu;

	if (!is_vcpu_file(vma->vm_file))
		return false;
	vcpu = vma->vm_file->private_data;
	/* A virtual CPU's file may come from another process: its machine's. */
	return vcpu->kvm == kvm && kvm->mm == vma->vm_mm;
}

static struct vm_area_struct *find_vcpu_mapping(struct mm_struct *mm, const struct kvm *kvm)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, 0);

	mmap_assert_locked(mm);

	for_each_vma(vmi, vma) {
		if (is_vcpu_mapping(vma, kvm))
			return vma;
	}
	return NULL;
}

/**
 * esx_anchor_exists() - would an anchor hold?
 * @mm: an address space, locked for reading; while it is and the answer is
 *	true, @kvm exists
 * @kvm: the machine, which need not exist any more
 *
 * Return: true when @mm maps a virtual CPU of @kvm.
 */
bool esx_anchor_exists(struct mm_struct *mm, const struct kvm *kvm)
{
	return find_vcpu_mapping(mm, kvm);
}

/**
 * esx_anchor_open() - begin to watch an address space
 * @anchor: to be set up, all zero
 * @kvm: the machine, which need not exist any more
 * @mm: its address space, with a user held by the caller
 * @vm_file: the machine's own file while there may be no virtual CPU, or NULL
 * @lost: see struct esx_anchor
 *
 * Return: 0, or -ENOMEM or -EINTR when @mm cannot be watched.
 */
int esx_anchor_open(struct esx_anchor *anchor, struct kvm *kvm, struct mm_struct *mm,
		    struct file *vm_file, void (*lost)(struct esx_anchor *anchor))
{
	int err;

	might_sleep();

	spin_lock_init(&anchor->lock);
	anchor->kvm = kvm;
	anchor->mm = mm;
	anchor->lost = lost;
	anchor->mn.ops = &anchor_mn_ops;

	err = mmu_notifier_register(&anchor->mn, mm);
	if (err)
		return err;
	if (vm_file)
		anchor->vm = get_file(vm_file);
	return 0;
}

static void drop_vm_file(struct esx_anchor *anchor)
{
	struct file *file;

	spin_lock(&anchor->lock);
	file = anchor->vm;
	anchor->vm = NULL;
	spin_unlock(&anchor->lock);
	if (file)
		fput(file);
}

/**
 * esx_anchor_close() - stop watching
 * @anchor: opened; on return none of its callbacks is under way or will be,
 *	and it may be freed
 */
void esx_anchor_close(struct esx_anchor *anchor)
{
	might_sleep();

	mmu_notifier_unregister(&anchor->mn, anchor->mm);
	drop_vm_file(anchor);
}

/*
 * The watch stands and the address space is locked: the mapping cannot go
 * before range_goes() could see it.
 */
static void borrow(struct esx_anchor *anchor, struct vm_area_struct *vma)
{
	spin_lock(&anchor->lock);
	anchor->vcpu = vma->vm_file;
	anchor->start = vma->vm_start;
	anchor->end = vma->vm_end;
	spin_unlock(&anchor->lock);
}

/*
 * A file that has one reference is in no table and in no system call: nobody
 * but the anchor can reach it, and nobody ever will.
 */
static bool is_vm_file_alive(struct esx_anchor *anchor)
{
	bool alive;

	spin_lock(&anchor->lock);
	alive = anchor->vm && file_count(anchor->vm) > 1;
	spin_unlock(&anchor->lock);
	return alive;
}

/*
 * Looks into the tree of mappings even when a file is borrowed: munmap() takes
 * a mapping out of the tree, goes on with mmap_lock held for reading only and
 * tells range_goes() after that.
 */
static struct vm_area_struct *find_anchorage(struct esx_anchor *anchor)
{
	struct vm_area_struct *vma = vma_lookup(anchor->mm, READ_ONCE(anchor->start));

	if (vma && is_vcpu_mapping(vma, anchor->kvm))
		return vma;
	return find_vcpu_mapping(anchor->mm, anchor->kvm);
}

/**
 * esx_anchor_bind() - find something that holds the machine
 * @anchor: opened; its address space is locked for reading.  One caller at a
 *	time, and none beside esx_anchor_close().
 *
 * Return: true when something does; then the machine exists at least until
 * the address space is unlocked.
 */
bool esx_anchor_bind(struct esx_anchor *anchor)
{
	struct vm_area_struct *vma;

	mmap_assert_locked(anchor->mm);

	vma = find_anchorage(anchor);
	if (!vma)
		return is_vm_file_alive(anchor);

	borrow(anchor, vma);
	drop_vm_file(anchor);
	return true;
}

/**
 * esx_anchor_is_held() - does the anchor own a reference?
 * @anchor: opened
 *
 * Return: true while esx_anchor_bind() must be called every now and then.
 */
bool esx_anchor_is_held(struct esx_anchor *anchor)
{
	return READ_ONCE(anchor->vm);
}

/**
 * esx_anchor_get() - make sure that the machine exists
 * @anchor: opened
 *
 * Return: a file to be given to fput() soon; until then anchor->kvm may be
 * followed.  NULL when the machine is gone, or may be.
 */
struct file *esx_anchor_get(struct esx_anchor *anchor)
{
	struct file *file;

	spin_lock(&anchor->lock);
	file = anchor->vcpu ? anchor->vcpu : anchor->vm;
	if (file)
		get_file(file);
	spin_unlock(&anchor->lock);
	return file;
}
