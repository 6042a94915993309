/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One page: look up, act, install.  All mechanisms meet here.
 */
#ifndef _ESXMEM_FAULT_H
#define _ESXMEM_FAULT_H

#include "frame.h"
#include "pmap.h"

/**
 * enum esx_yield - what a fault does that would take a new frame of a held VM
 */
enum esx_yield {
	/** @ESX_YIELD_NOT: it cannot wait, and takes it. */
	ESX_YIELD_NOT,
	/** @ESX_YIELD_WAIT: it lets go of all locks and waits. */
	ESX_YIELD_WAIT,
	/** @ESX_YIELD_ONCE: it is sent back to where it can wait, but not twice. */
	ESX_YIELD_ONCE,
};

/**
 * struct esx_fault - one access to one guest page
 */
struct esx_fault {
	/* Inputs. */
	/** @pmap: entered map of the file. */
	struct esx_pmap *const pmap;
	/** @pgoff: page number, inside the file. */
	const pgoff_t pgoff;
	/** @write: the page is about to be written. */
	const bool write;
	/** @map: the page will be mapped: return it locked, note the mapping. */
	const bool map;
	/** @large: the access may be served by a 2 MB frame. */
	const bool large;
	/** @yield: what it does when the VM is held. */
	const enum esx_yield yield;
	/** @req: for whom frames are allocated; @req.nowait forbids sleeping. */
	const struct esx_frame_req req;

	/* Outputs. */
	/** @page: the page with a reference; NULL: a hole, when not @map. */
	struct page *page;
	/** @from: state in which the page was found. */
	enum esx_state from;
};

int esx_fault_page(struct esx_fault *fault);
bool esx_fault_mkwrite(struct esx_fault *fault, struct address_space *mapping, struct page *page);

#endif /* _ESXMEM_FAULT_H */
