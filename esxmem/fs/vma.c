// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of memory files: what is allowed, and the way into the fault path.
 *
 * A mapping is an ordinary file mapping: not VM_MIXEDMAP nor VM_PFNMAP, under
 * which the core would zap 2 MB mappings without dropping their references,
 * or refuse every pin.  VM_DONTEXPAND makes it special enough that mlock()
 * leaves it alone: mlocked pages sit in per-CPU batches with a reference that
 * would look like a pin.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/file.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "../compat.h"
#include "../fault.h"
#include "../trace.h"
#include "../vm.h"
#include "vma.h"

static struct esx_pmap *vmf_pmap(struct vm_fault *vmf)
{
	return file_inode(vmf->vma->vm_file)->i_private;
}

/* Can this mapping show a 2 MB frame at the faulting address? */
static bool suits_large(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long start = ALIGN_DOWN(vmf->address, ESX_REGION_BYTES);
	unsigned long skew = (vma->vm_start >> PAGE_SHIFT) - vma->vm_pgoff;

	return !(skew & ESX_REGION_MASK) && start >= vma->vm_start &&
	       start + ESX_REGION_BYTES <= vma->vm_end;
}

static vm_fault_t to_vm_fault(int err, bool nowait)
{
	switch (err) {
	case 0:
		return VM_FAULT_LOCKED;
	case -EAGAIN:
	case -EBUSY:
		/* Only without waiting; the mmap lock is kept then. */
		return VM_FAULT_RETRY;
	case -ENOMEM:
		return nowait ? VM_FAULT_RETRY : VM_FAULT_OOM;
	case -EHWPOISON:
		return VM_FAULT_HWPOISON;
	default:
		return VM_FAULT_SIGBUS;
	}
}

/*
 * The core gives each fault one chance to let go of its lock and wait; who has had
 * it is served.  Who must not wait says that he would have to, and KVM comes back
 * with a worker that can.
 */
static enum esx_yield how_to_yield(struct vm_fault *vmf)
{
	bool nowait = vmf->flags & FAULT_FLAG_RETRY_NOWAIT;

	return nowait || fault_flag_allow_retry_first(vmf->flags) ? ESX_YIELD_WAIT : ESX_YIELD_NOT;
}

static int fault_entered(struct vm_fault *vmf, struct esx_pmap *pmap)
{
	bool nowait = vmf->flags & FAULT_FLAG_RETRY_NOWAIT;
	struct esx_fault fault = {
		.pmap = pmap,
		.pgoff = vmf->pgoff,
		.write = vmf->flags & FAULT_FLAG_WRITE,
		.map = true,
		.large = suits_large(vmf),
		.yield = how_to_yield(vmf),
		.req = { .vma = vmf->vma, .addr = vmf->address, .nowait = nowait },
	};
	u64 start = ktime_get_ns();
	int err;

	if (vmf->pgoff >= pmap->nr_pages)
		return -ENODATA;
	err = esx_fault_page(&fault);
	vmf->page = fault.page;
	if (!err)
		trace_esxmem_fault(pmap->vm->id, pmap->vm->name, pmap->ino, vmf->pgoff, fault.write,
				   fault.from, ktime_get_ns() - start);
	return err;
}

/*
 * Without the lock the mapping may go, and with it all but what the file keeps.  A
 * fault that has waited is a major one; so the core repeats it as one that has had
 * its chance, also where it did not hold the mmap lock.
 *
 * When the file's last reference goes here, what is behind it is freed later: by this
 * task on its way back to user space, or when it ends; for a kernel thread by a worker,
 * which does not wait until the thread is out of here.
 */
static vm_fault_t wait_while_held(struct vm_fault *vmf, struct esx_vm *vm)
{
	bool interruptible = vmf->flags & FAULT_FLAG_INTERRUPTIBLE;
	struct file *file = get_file(vmf->vma->vm_file);

	release_fault_lock(vmf);
	esx_hold_wait(vm, interruptible);
	fput(file);
	return VM_FAULT_RETRY | VM_FAULT_MAJOR;
}

static vm_fault_t fault(struct vm_fault *vmf)
{
	struct esx_pmap *pmap = vmf_pmap(vmf);
	bool nowait = vmf->flags & FAULT_FLAG_RETRY_NOWAIT;
	int err;

	if (!esx_pmap_enter(pmap, nowait))
		return nowait ? VM_FAULT_RETRY : VM_FAULT_SIGBUS;
	err = fault_entered(vmf, pmap);
	esx_pmap_leave(pmap);
	if (err == -EBUSY && !nowait)
		return wait_while_held(vmf, pmap->vm);
	return to_vm_fault(err, nowait);
}

static vm_fault_t page_mkwrite(struct vm_fault *vmf)
{
	struct esx_fault fault = {
		.pmap = vmf_pmap(vmf),
		.pgoff = vmf->pgoff,
		.write = true,
		.large = suits_large(vmf),
		.yield = ESX_YIELD_ONCE,
		.req = { .vma = vmf->vma, .addr = vmf->address, .nowait = true },
	};

	if (esx_fault_mkwrite(&fault, vmf->vma->vm_file->f_mapping, vmf->page))
		return VM_FAULT_LOCKED;
	/* Come back through fault(), which may copy, wait and allocate. */
	return VM_FAULT_NOPAGE;
}

/*
 * Maps nothing besides what was asked for.  That there is such a function tells
 * the core that faults need no mmap lock, only that of the mapping: they take
 * what they want to know of the mapping from its file, offset, size and memory
 * policy, all of which hold still under the latter.
 */
static vm_fault_t map_pages(struct vm_fault *vmf, pgoff_t start, pgoff_t end)
{
	return 0;
}

static const struct vm_operations_struct vm_ops = {
	.fault = fault,
	.map_pages = map_pages,
	.page_mkwrite = page_mkwrite,
};

static int refuse_private(void)
{
	pr_warn_ratelimited(
		"%s[%d]: writable private mapping of a memory file refused: its pages would not be managed; map it MAP_SHARED (QEMU: share=on)\n",
		current->comm, task_pid_nr(current));
	return -EOPNOTSUPP;
}

static int refuse_exec(void)
{
	pr_warn_ratelimited(
		"%s[%d]: executable mapping of a memory file refused: it holds a guest's memory, not a program; map it without PROT_EXEC\n",
		current->comm, task_pid_nr(current));
	return -EPERM;
}

/**
 * esx_file_mmap() - map a memory file
 * @file: the file
 * @vma: the mapping to be
 *
 * Return: 0; -EOPNOTSUPP for a writable private mapping; -EPERM for an
 * executable one.
 */
int esx_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (vma->vm_flags & VM_EXEC)
		return refuse_exec();
	if (!(vma->vm_flags & VM_MAYSHARE)) {
		if (vma->vm_flags & VM_WRITE)
			return refuse_private();
		vm_flags_clear(vma, VM_MAYWRITE);
	}
	vm_flags_clear(vma, VM_MAYEXEC);
	vm_flags_set(vma, VM_DONTEXPAND);
	vma->vm_ops = &vm_ops;
	file_accessed(file);
	return 0;
}

/**
 * esx_vma_pmap() - the page map behind a mapping
 * @vma: any mapping; the caller holds its mmap lock
 *
 * Return: the map, valid while the mmap lock is held; NULL when it maps no
 * memory file.
 */
struct esx_pmap *esx_vma_pmap(struct vm_area_struct *vma)
{
	return vma->vm_ops == &vm_ops ? file_inode(vma->vm_file)->i_private : NULL;
}
EXPORT_SYMBOL_GPL(esx_vma_pmap);
