// SPDX-License-Identifier: GPL-2.0
/*
 * Adding up the counts of all VMs.  The counters move while they are read: the
 * sums are right for a host at rest and good enough for one at work.
 */
#include <linux/mm.h>
#include <linux/string.h>

#include "../vm.h"
#include "totals.h"

static int add_vm(struct esx_vm *vm, void *ctx)
{
	struct esx_totals *totals = ctx;
	int state;

	totals->nr_vms++;
	totals->size_pages += atomic_long_read(&vm->size_pages);
	totals->nr_huge += atomic_long_read(&vm->counts.nr_huge);
	for (state = 0; state < ESX_NR_STATES; state++)
		totals->pages[state] += atomic_long_read(&vm->counts.nr[state]);
	return 0;
}

static int add_file(struct esx_pmap *pmap, void *ctx)
{
	struct esx_totals *totals = ctx;

	totals->nr_files++;
	return 0;
}

/**
 * esx_totals_get() - add up the counts of all VMs
 * @totals: filled
 *
 * Takes esx_vms_lock: not for the attributes of a VM, see sysfs_vm.c.
 */
void esx_totals_get(struct esx_totals *totals)
{
	memset(totals, 0, sizeof(*totals));
	esx_vm_for_each(add_vm, totals);
	esx_vm_for_each_pmap(NULL, add_file, totals);
}
