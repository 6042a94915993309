/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sampler: how much of its memory is each VM using?
 */
#ifndef _ESXMEM_TAX_SAMPLE_H
#define _ESXMEM_TAX_SAMPLE_H

#include <linux/types.h>

#include "estimate.h"
#include "tally.h"
#include "watch.h"

struct esx_vm;

/* Limits of the knobs. */
#define ESX_SAMPLE_MAX_PAGES	4096
#define ESX_SAMPLE_MAX_MS	86400000

/**
 * struct esx_sample_params - the sampler's knobs
 */
struct esx_sample_params {
	/** @run: sample at all. */
	bool run;
	/** @pages: of a VM in a period; 1 to ESX_SAMPLE_MAX_PAGES. */
	u32 pages;
	/** @period_ms: execution time of a period; 1 to ESX_SAMPLE_MAX_MS. */
	u32 period_ms;
	/** @wall_ms: the most that it may take; 1 to ESX_SAMPLE_MAX_MS. */
	u32 wall_ms;
	/** @method: see enum esx_sample_method. */
	enum esx_sample_method method;
	/** @discount: do not count pages that were touched to zero or free them. */
	bool discount;
};

/**
 * enum esx_sample_step - what can be done by hand
 */
enum esx_sample_step {
	/** @ESX_SAMPLE_BEGIN: begin a period; one under way is given up. */
	ESX_SAMPLE_BEGIN,
	/** @ESX_SAMPLE_LOOK: note what was touched until now. */
	ESX_SAMPLE_LOOK,
	/** @ESX_SAMPLE_END: end the period under way. */
	ESX_SAMPLE_END,
	/** @ESX_SAMPLE_NR_STEPS: how many there are. */
	ESX_SAMPLE_NR_STEPS,
};

extern const char *const esx_sample_step_names[ESX_SAMPLE_NR_STEPS];

/**
 * struct esx_sample_figures - what is known of a VM
 */
struct esx_sample_figures {
	/** @tally: of the period under way, or else of the last one. */
	struct esx_tally tally;
	/** @periods: that have ended and said something. */
	u64 periods;
	/** @method: of the period that @tally is of. */
	enum esx_sample_method method;
	/** @pages: the estimates, by enum esx_estimate. */
	u64 pages[ESX_NR_ESTIMATES];
	/** @active: the largest of them; before the first period all that is backed. */
	u64 active;
	/** @coarse: part of @active of which only its 2 MB are known to be. */
	u64 coarse;
	/** @host: part of @active that the VMM or vhost uses and the guest does not. */
	u64 host;
	/** @raw: what @active is when nothing is discounted. */
	u64 raw;
};

int esx_sample_init(void);
void esx_sample_exit(void);

void esx_sample_get_params(struct esx_sample_params *params);
int esx_sample_set_params(const struct esx_sample_params *params);
u64 esx_sample_fallbacks(void);

int esx_sample_add_vm(struct esx_vm *vm);
void esx_sample_remove_vm(struct esx_vm *vm);
int esx_sample_step(enum esx_sample_step step);
void esx_sample_get_figures(struct esx_vm *vm, struct esx_sample_figures *figures);

u64 esx_estimate_active_pages(struct esx_vm *vm);

#endif /* _ESXMEM_TAX_SAMPLE_H */
