/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Watching pages: which of them are touched from now on?
 */
#ifndef _ESXMEM_TAX_WATCH_H
#define _ESXMEM_TAX_WATCH_H

#include <linux/types.h>

struct esx_tally;
struct esx_vm;
struct esx_watch;

/**
 * enum esx_sample_method - how a touch is seen
 */
enum esx_sample_method {
	/** @ESX_SAMPLE_YOUNG: by the accessed bits of the guest's and the VMM's page tables. */
	ESX_SAMPLE_YOUNG,
	/** @ESX_SAMPLE_UNMAP: by the fault that it takes to map the page again. */
	ESX_SAMPLE_UNMAP,
	/** @ESX_SAMPLE_NR: how many there are. */
	ESX_SAMPLE_NR,
};

extern const char *const esx_sample_method_names[ESX_SAMPLE_NR];

struct esx_watch *esx_watch_begin(struct esx_vm *vm, unsigned int nr,
				  enum esx_sample_method method, u64 seed);
void esx_watch_look(struct esx_watch *watch, struct esx_vm *vm);
void esx_watch_tally(const struct esx_watch *watch, struct esx_tally *tally);
enum esx_sample_method esx_watch_method(const struct esx_watch *watch);
void esx_watch_end(struct esx_watch *watch);

#endif /* _ESXMEM_TAX_WATCH_H */
