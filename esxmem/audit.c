// SPDX-License-Identifier: GPL-2.0
/*
 * The audit walks every page map with all changes stopped and checks:
 *
 *  - the states found are what the counters of the file and the mount say, and
 *    nothing lies beyond the end of the file;
 *  - a shared frame has as many references as entries point to it;
 *  - VMs of different salts have no shared frame in common, unless it was cloned;
 *  - every hint belongs to a page that has one.
 */
#include <linux/bitfield.h>
#include <linux/mm.h>
#include <linux/xarray.h>

#include "audit.h"
#include "compat.h"
#include "share/batch.h"
#include "share/hints.h"
#include "share/shared.h"
#include "uapi/esxmem.h"
#include "vm.h"

struct audit {
	struct esxmem_audit *out;
	/* How many entries point to a frame, by the frame's number. */
	struct xarray refs;
	int err;
};

/* What the walk of one map found. */
struct tally {
	struct audit *audit;
	struct esx_vm *vm;
	long nr[ESX_NR_STATES];
	long nr_huge;
	long nr_beyond;
};

/*
 * Reclaim must not evict files: that would wait for the thaw.  So little is
 * reclaimed, and the audit gives up early.
 */
static void count_ref(struct audit *audit, unsigned long pfn)
{
	unsigned long nr = xa_to_value(xa_load(&audit->refs, pfn));
	void *old;

	old = xa_store(&audit->refs, pfn, xa_mk_value(nr + 1),
		       GFP_NOFS | __GFP_NORETRY | __GFP_NOWARN);
	if (xa_is_err(old))
		audit->err = xa_err(old);
}

static void tally_entry(struct tally *tally, unsigned long entry)
{
	enum esx_state state = FIELD_GET(ESX_ENTRY_STATE, entry);
	unsigned long pfn = entry >> ESX_ENTRY_PFN_SHIFT;
	struct folio *folio;

	tally->nr[state]++;
	if (state != ESX_SHARED)
		return;
	folio = page_folio(pfn_to_page(pfn));
	count_ref(tally->audit, pfn);
	tally->audit->out->bad_salts += esx_shared_salt(folio) != tally->vm->salt &&
					!esx_shared_is_cloned(folio);
}

static void tally_region(struct tally *tally, struct esx_region *region)
{
	unsigned int i;

	if (region->huge) {
		tally->nr[ESX_PRIVATE] += ESX_REGION_PAGES;
		tally->nr_huge++;
	}
	for (i = 0; region->leaf && i < ESX_REGION_PAGES; i++) {
		tally_entry(tally, region->leaf[i]);
		if ((region->index << ESX_REGION_ORDER) + i >= region->pmap->nr_pages)
			tally->nr_beyond += FIELD_GET(ESX_ENTRY_STATE, region->leaf[i]) !=
					    ESX_EMPTY;
	}
}

static bool counts_agree(const struct tally *tally, const struct esx_counts *counts)
{
	enum esx_state state;

	for (state = ESX_EMPTY + 1; state < ESX_NR_STATES; state++) {
		if (atomic_long_read(&counts->nr[state]) != tally->nr[state])
			return false;
	}
	return atomic_long_read(&counts->nr_huge) == tally->nr_huge && !tally->nr_beyond;
}

static int audit_pmap(struct esx_pmap *pmap, void *ctx)
{
	struct audit *audit = ctx;
	struct esxmem_audit *out = audit->out;
	struct tally tally = { .audit = audit, .vm = pmap->vm };
	struct esx_region *region;
	unsigned long index;

	xa_for_each(&pmap->regions, index, region) {
		tally_region(&tally, region);
		cond_resched();
	}
	out->files++;
	out->private_pages += tally.nr[ESX_PRIVATE];
	out->shared_pages += tally.nr[ESX_SHARED];
	out->zero_pages += tally.nr[ESX_ZERO];
	out->huge_pages += tally.nr_huge;
	out->bad_state_sums += !counts_agree(&tally, &pmap->counts);
	return audit->err;
}

static int audit_shared(struct folio *folio, void *ctx)
{
	struct audit *audit = ctx;
	void *found = xa_erase(&audit->refs, folio_pfn(folio));

	audit->out->shared_frames++;
	audit->out->bad_refs += esx_shared_refs(folio) != xa_to_value(found);
	return 0;
}

/* What is left is no shared frame, but entries say so. */
static void audit_strays(struct audit *audit)
{
	unsigned long pfn;
	void *found;

	xa_for_each(&audit->refs, pfn, found)
		audit->out->bad_refs++;
}

static int audit_frozen(struct audit *audit)
{
	int err = esx_vm_for_each_pmap(NULL, audit_pmap, audit);

	if (err)
		return err;
	esx_shared_for_each(audit_shared, audit);
	audit_strays(audit);
	audit->out->bad_hints = esx_hints_check();
	return 0;
}

/**
 * esx_audit() - check the invariants
 * @out: the counters are filled
 *
 * Holds up every fault of every VM while it runs.
 *
 * Return: 0, -EINTR or -ENOMEM; but for 0 the counters say nothing.
 */
int esx_audit(struct esxmem_audit *out)
{
	struct audit audit = { .out = out };
	int err;

	if (esx_share_stop_killable())
		return -EINTR;
	xa_init(&audit.refs);
	esx_pmap_freeze();
	err = audit_frozen(&audit);
	esx_pmap_thaw();
	xa_destroy(&audit.refs);
	esx_share_go();

	out->pages = out->private_pages + out->shared_pages + out->zero_pages;
	out->violations = out->bad_state_sums + out->bad_refs + out->bad_salts + out->bad_hints;
	return err;
}
