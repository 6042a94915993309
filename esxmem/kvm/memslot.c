// SPDX-License-Identifier: GPL-2.0
/*
 * What lies behind the memory slots of a machine; see memslot.h.
 */
#include <linux/interval_tree.h>
#include <linux/kvm_host.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "../fs/vma.h"
#include "../pmap.h"
#include "../vm.h"
#include "accessed.h"
#include "memslot.h"

/* A part of a slot that one mapping of a memory file covers. */
struct piece {
	struct kvm *kvm;
	struct esx_pmap *pmap;
	/* Page of the file at @start. */
	pgoff_t pgoff;
	/* User addresses. */
	unsigned long start;
	unsigned long end;
};

/* Anything but 0 ends the walk. */
typedef int (*piece_fn)(const struct piece *piece, void *ctx);

static struct kvm_memory_slot *to_slot(struct interval_tree_node *node, int idx)
{
	return container_of(node, struct kvm_memory_slot, hva_node[idx]);
}

/*
 * The parts of a mapping that slots cover, each once and in order, however many
 * slots overlap there: KVM forbids overlap of guest addresses only.
 */
static int walk_vma(struct kvm *kvm, struct vm_area_struct *vma, piece_fn fn, void *ctx)
{
	struct kvm_memslots *slots = kvm_memslots(kvm);
	unsigned long done = vma->vm_start;
	struct interval_tree_node *node;
	int ret;

	for (node = interval_tree_iter_first(&slots->hva_tree, done, vma->vm_end - 1);
	     node && done < vma->vm_end;
	     node = interval_tree_iter_next(node, vma->vm_start, vma->vm_end - 1)) {
		struct kvm_memory_slot *slot = to_slot(node, slots->node_idx);
		unsigned long end = slot->userspace_addr + (slot->npages << PAGE_SHIFT);
		struct piece piece = {
			.kvm = kvm,
			.pmap = esx_vma_pmap(vma),
			.start = max(slot->userspace_addr, done),
			.end = min(end, vma->vm_end),
		};

		if (piece.start >= piece.end)
			continue;
		done = piece.end;
		piece.pgoff = vma->vm_pgoff + ((piece.start - vma->vm_start) >> PAGE_SHIFT);
		ret = fn(&piece, ctx);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Mappings outside, slots inside: a machine has as many of both as its owner
 * likes, and most mappings are of no memory file.
 *
 * The slots of system management mode, the second address space, repeat those
 * of the first and add nothing of a memory file.
 */
static int walk(struct kvm *kvm, piece_fn fn, void *ctx)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, kvm->mm, 0);
	int idx, ret = 0;

	mmap_assert_locked(kvm->mm);

	idx = srcu_read_lock(&kvm->srcu);
	for_each_vma(vmi, vma) {
		cond_resched();
		if (!esx_vma_pmap(vma))
			continue;
		ret = walk_vma(kvm, vma, fn, ctx);
		if (ret)
			break;
	}
	srcu_read_unlock(&kvm->srcu, idx);
	return ret;
}

static int lock_and_walk(struct kvm *kvm, piece_fn fn, void *ctx)
{
	int ret;

	might_sleep();

	if (!mmget_not_zero(kvm->mm))
		return 0;
	mmap_read_lock(kvm->mm);
	ret = walk(kvm, fn, ctx);
	mmap_read_unlock(kvm->mm);
	/* The last user's work, tearing everything down, is not for the caller. */
	mmput_async(kvm->mm);
	return ret;
}

struct vm_list {
	struct esx_vm **vms;
	int nr;
	int max;
};

static int collect_vm(const struct piece *piece, void *ctx)
{
	struct vm_list *list = ctx;
	struct esx_vm *vm = piece->pmap->vm;
	int i;

	for (i = 0; i < list->nr; i++) {
		if (list->vms[i] == vm)
			return 0;
	}
	esx_vm_get(vm);
	list->vms[list->nr++] = vm;
	return list->nr == list->max;
}

/**
 * esx_memslot_vms() - whose memory does the machine use?
 * @kvm: the machine; its address space is locked for reading
 * @vms: where to store them, each with a reference
 * @max: room in @vms, at least 1; further ones are left out
 *
 * Return: how many.
 */
int esx_memslot_vms(struct kvm *kvm, struct esx_vm **vms, int max)
{
	struct vm_list list = { .vms = vms, .max = max };

	walk(kvm, collect_vm, &list);
	return list.nr;
}

static bool test_range(struct kvm *kvm, unsigned long start, unsigned long end)
{
	struct mmu_notifier *mn = &kvm->mmu_notifier;

	for (; start < end; start += PAGE_SIZE) {
		if (mn->ops->test_young(mn, kvm->mm, start))
			return true;
		cond_resched();
	}
	return false;
}

/* KVM works on a call's whole range under its mmu_lock: 2 MB at a time. */
static bool clear_range(struct kvm *kvm, unsigned long start, unsigned long end)
{
	struct mmu_notifier *mn = &kvm->mmu_notifier;
	unsigned long next;
	bool young = false;

	for (; start < end; start = next) {
		next = min(end, ALIGN(start + 1, ESX_REGION_BYTES));
		young |= mn->ops->clear_young(mn, kvm->mm, start, next);
		cond_resched();
	}
	return young;
}

struct questions {
	struct esx_age *ages;
	unsigned int nr;
	bool clear;
};

static void age_page(const struct piece *piece, struct esx_age *age, bool clear)
{
	unsigned long hva = piece->start + ((age->pgoff - piece->pgoff) << PAGE_SHIFT);

	if (clear)
		age->young |= clear_range(piece->kvm, hva, hva + PAGE_SIZE);
	else if (!age->young)
		age->young = test_range(piece->kvm, hva, hva + PAGE_SIZE);
}

static int age_piece(const struct piece *piece, void *ctx)
{
	pgoff_t end = piece->pgoff + ((piece->end - piece->start) >> PAGE_SHIFT);
	const struct questions *questions = ctx;
	unsigned int i;

	for (i = 0; i < questions->nr; i++) {
		struct esx_age *age = &questions->ages[i];

		if (age->pmap == piece->pmap && age->pgoff >= piece->pgoff && age->pgoff < end)
			age_page(piece, age, questions->clear);
	}
	return 0;
}

/**
 * esx_memslot_age() - did the guest, or its VMM, access these pages?
 * @kvm: the machine
 * @ages: the pages; on success with the answers
 * @nr: how many
 * @clear: forget the accesses as well
 *
 * One walk for all of them, which only tries to lock the address space: its
 * owner may keep it locked.  Where KVM maps 2 MB at once, their one accessed bit
 * answers for each of the 512 pages, and is cleared for each.
 *
 * The VMM's page tables come first: a guest's fault fills them before KVM's, so
 * what is seen of a fault that is over is the guest's access as well.
 *
 * TLBs are not flushed: an access by a translation that a TLB still holds may
 * go unnoticed, which the kernel's own ageing puts up with as well.
 *
 * Return: false when the address space was locked.
 */
bool esx_memslot_age(struct kvm *kvm, struct esx_age *ages, unsigned int nr, bool clear)
{
	struct questions questions = { .ages = ages, .nr = nr, .clear = clear };
	bool locked;

	might_sleep();

	if (!mmget_not_zero(kvm->mm))
		return true;
	locked = mmap_read_trylock(kvm->mm);
	if (locked) {
		esx_accessed_age(kvm->mm, ages, nr, clear);
		walk(kvm, age_piece, &questions);
		mmap_read_unlock(kvm->mm);
	}
	mmput_async(kvm->mm);
	return locked;
}

struct young_count {
	u64 young;
	u64 pages;
};

static int count_piece(const struct piece *piece, void *ctx)
{
	struct young_count *count = ctx;
	unsigned long hva;

	for (hva = piece->start; hva < piece->end; hva += PAGE_SIZE) {
		count->young += test_range(piece->kvm, hva, hva + PAGE_SIZE);
		count->pages++;
	}
	return 0;
}

/**
 * esx_memslot_count_young() - count the pages that the guest accessed
 * @kvm: the machine
 * @young: how many of its pages of memory files were accessed since cleared
 * @pages: how many there are
 *
 * Holds the address space for as long as it takes.
 */
void esx_memslot_count_young(struct kvm *kvm, u64 *young, u64 *pages)
{
	struct young_count count = {};

	lock_and_walk(kvm, count_piece, &count);
	*young = count.young;
	*pages = count.pages;
}

static int clear_whole_piece(const struct piece *piece, void *ctx)
{
	clear_range(piece->kvm, piece->start, piece->end);
	return 0;
}

/**
 * esx_memslot_clear_all() - forget the guest's accesses to all memory files
 * @kvm: the machine
 */
void esx_memslot_clear_all(struct kvm *kvm)
{
	lock_and_walk(kvm, clear_whole_piece, NULL);
}
