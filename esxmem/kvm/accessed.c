// SPDX-License-Identifier: GPL-2.0
/*
 * Accesses by the VMM: the accessed bits of its own page tables.
 *
 * The VMM reaches guest memory by these, and so does whoever works in its address
 * space: vhost's threads, system calls that copy from or to it.  Virtual CPUs do
 * not: they have page tables of their own, whose bits KVM is asked for.
 *
 * The kernel exports no function that looks at these bits without warning of 2 MB
 * entries, so the tables are gone through here, by what its headers offer.  Why
 * that is safe:
 *  - The caller holds the mmap lock for reading and a user of the address space.
 *    So mappings in the tree stay, and with them the tables of the upper levels:
 *    munmap(), which goes on with the lock held for reading, frees no table that
 *    serves a neighbour which is still in the tree.
 *  - An entry of the middle level becomes 2 MB, none or a table by faults and
 *    zaps, which hold the lock for reading at the most.  It is looked at under its
 *    page-table lock.
 *  - A table at the lowest level, once there, stays until its mapping goes.  Huge
 *    pages that are made later (khugepaged, MADV_COLLAPSE) are not for these
 *    mappings: they are not shmem's and not executable.  Where the kernel takes
 *    tables away from under the lock nonetheless, it frees them by RCU and
 *    changes the entry under the table's lock; so the entry is read under RCU, and
 *    again under the lock, as the kernel itself does.
 *  - The bit alone is changed, by an atomic operation, as the processor does.
 *    To take an entry out and put it back would not do: a zap, which looks whether
 *    there are 2 MB without the lock, would pass over them meanwhile.
 *
 * TLBs are not flushed; see esx_memslot_age().  Nor does anybody have to be told:
 * what the virtual CPUs accessed is not changed.
 *
 * The bit is also set in an entry that a fault fills, whoever took the fault; see
 * tax/watch.c for how the guest's are told from the VMM's.
 */
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/rcupdate.h>

#include "../fs/vma.h"
#include "../vm.h"
#include "accessed.h"

/* The bit has the same place in entries of all levels. */
static bool age_entry(void *entry, bool clear)
{
	if (clear)
		return test_and_clear_bit(_PAGE_BIT_ACCESSED, entry);
	return test_bit(_PAGE_BIT_ACCESSED, entry);
}

static bool is_large(pmd_t pmd)
{
	return pmd_present(pmd) && pmd_trans_huge(pmd);
}

static bool is_table(pmd_t pmd)
{
	return !pmd_none(pmd) && pmd_present(pmd) && !pmd_bad(pmd);
}

static bool age_large(struct mm_struct *mm, pmd_t *pmd, bool clear)
{
	spinlock_t *lock = pmd_lock(mm, pmd);
	bool accessed = is_large(*pmd) && age_entry(pmd, clear);

	spin_unlock(lock);
	return accessed;
}

static bool age_small(struct mm_struct *mm, pmd_t *pmd, unsigned long addr, bool clear)
{
	bool accessed = false;
	spinlock_t *lock;
	pmd_t table;
	pte_t *pte;

	rcu_read_lock();
	table = READ_ONCE(*pmd);
	if (!is_table(table))
		goto out;
	lock = pte_lockptr(mm, &table);
	spin_lock(lock);
	pte = pte_offset_kernel(&table, addr);
	if (pmd_same(table, READ_ONCE(*pmd)) && pte_present(READ_ONCE(*pte)))
		accessed = age_entry(pte, clear);
	spin_unlock(lock);
out:
	rcu_read_unlock();
	return accessed;
}

/* Tables that are not there, or that make no sense, show no access. */
static pmd_t *find_pmd(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;

	if (pgd_none(*pgd) || pgd_bad(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(*p4d) || p4d_bad(*p4d))
		return NULL;
	pud = pud_offset(p4d, addr);
	if (pud_none(*pud) || pud_bad(*pud))
		return NULL;
	return pmd_offset(pud, addr);
}

static bool age_address(struct mm_struct *mm, unsigned long addr, bool clear)
{
	pmd_t *pmd = find_pmd(mm, addr);

	if (!pmd)
		return false;
	if (is_large(READ_ONCE(*pmd)))
		return age_large(mm, pmd, clear);
	return age_small(mm, pmd, addr, clear);
}

/*
 * A VMM maps a file once or twice.  Who maps it thousands of times keeps the mmap lock
 * for no longer than this, and is believed to be idle where he is not seen.
 */
#define MAX_MAPPINGS 1024

static void age_mapping(struct vm_area_struct *vma, struct esx_age *ages, unsigned int nr,
			bool clear)
{
	const struct esx_pmap *pmap = esx_vma_pmap(vma);
	pgoff_t end = vma->vm_pgoff + vma_pages(vma);
	unsigned long addr;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct esx_age *age = &ages[i];

		if (age->pmap != pmap || age->pgoff < vma->vm_pgoff || age->pgoff >= end)
			continue;
		addr = vma->vm_start + ((age->pgoff - vma->vm_pgoff) << PAGE_SHIFT);
		age->host |= age_address(vma->vm_mm, addr, clear);
	}
}

/**
 * esx_accessed_age() - did the VMM access these pages?
 * @mm: its address space, locked for reading, with a user held by the caller
 * @ages: the pages; @host of each is set where one of the mappings shows an access
 * @nr: how many
 * @clear: forget the accesses as well
 *
 * Looks at the mappings in @mm of memory files, the first thousand of them, whether a
 * memory slot lies on them or not.  Where 2 MB are mapped at once, their one bit answers
 * for each of the 512 pages, and is cleared for each.
 */
void esx_accessed_age(struct mm_struct *mm, struct esx_age *ages, unsigned int nr, bool clear)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, 0);
	unsigned int nr_mappings = 0;

	mmap_assert_locked(mm);

	for_each_vma(vmi, vma) {
		cond_resched();
		if (!esx_vma_pmap(vma))
			continue;
		if (++nr_mappings > MAX_MAPPINGS)
			return;
		age_mapping(vma, ages, nr, clear);
	}
}
