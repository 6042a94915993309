/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters.  Two kinds: counts say how things stand (moved by the one setter
 * of the page map, never by hand), events say how often something happened.
 */
#ifndef _ESXMEM_STATS_H
#define _ESXMEM_STATS_H

#include <linux/atomic.h>
#include <linux/types.h>

#include "types.h"

/**
 * struct esx_counts - how many pages are in which state
 */
struct esx_counts {
	/** @nr: pages by state; the entry of ESX_EMPTY is not kept. */
	atomic_long_t nr[ESX_NR_STATES];
	/** @nr_huge: 2 MB frames; their parts count as ESX_PRIVATE in @nr. */
	atomic_long_t nr_huge;
};

/**
 * enum esx_event - what is counted since the module was loaded
 */
enum esx_event {
	/** @ESX_EV_SCANNED: pages looked at for sharing. */
	ESX_EV_SCANNED,
	/** @ESX_EV_MERGED: pages pointed to a shared frame. */
	ESX_EV_MERGED,
	/** @ESX_EV_ZEROED: pages given up as zero. */
	ESX_EV_ZEROED,
	/** @ESX_EV_COW: shared or zero pages written to. */
	ESX_EV_COW,
	/** @ESX_EV_FULL_SCAN: passes of the scanner completed. */
	ESX_EV_FULL_SCAN,
	/** @ESX_EV_HASH_MISMATCH: page changed between hash and compare. */
	ESX_EV_HASH_MISMATCH,
	/** @ESX_EV_FALSE_MATCH: equal hash, different contents. */
	ESX_EV_FALSE_MATCH,
	/** @ESX_EV_PINNED: page left alone, I/O holds it. */
	ESX_EV_PINNED,
	/** @ESX_EV_BUSY: page left alone, somebody works on it. */
	ESX_EV_BUSY,
	/** @ESX_EV_HUGE_BROKEN: 2 MB frames broken. */
	ESX_EV_HUGE_BROKEN,
	/** @ESX_EV_FAULT: faults served. */
	ESX_EV_FAULT,
	/** @ESX_EV_PUNCH_ZEROED: parts of pinned 2 MB frames zeroed in place. */
	ESX_EV_PUNCH_ZEROED,
	/** @ESX_EV_HASHED: pages hashed for sharing. */
	ESX_EV_HASHED,
	/** @ESX_EV_CLEAN: pages passed over, since unchanged since hashed. */
	ESX_EV_CLEAN,
	/** @ESX_EV_BACKED_OFF: pages passed over, since their sharing breaks often. */
	ESX_EV_BACKED_OFF,
	/** @ESX_EV_UNMAPPED: ranges unmapped to be shared or sampled, of any length. */
	ESX_EV_UNMAPPED,
	/** @ESX_EV_HUGE_JOINED: regions given a 2 MB frame again. */
	ESX_EV_HUGE_JOINED,
	/** @ESX_EV_HOLD: faults that waited since the VM was held. */
	ESX_EV_HOLD,
	/** @ESX_EV_HOLD_NS: for how long, all together. */
	ESX_EV_HOLD_NS,
	/** @ESX_NR_EVENTS: how many there are. */
	ESX_NR_EVENTS,
};

/**
 * struct esx_events - event counters of one VM or of the host
 */
struct esx_events {
	/** @nr: by enum esx_event; relaxed, readers want a rough figure. */
	atomic64_t nr[ESX_NR_EVENTS];
};

extern struct esx_events esx_host_events;

/**
 * esx_count_events() - count something for a VM and for the host
 * @events: the VM's counters, or NULL when no VM is concerned
 * @event: what happened
 * @nr: how often
 */
static inline void esx_count_events(struct esx_events *events, enum esx_event event, u64 nr)
{
	atomic64_add(nr, &esx_host_events.nr[event]);
	if (events)
		atomic64_add(nr, &events->nr[event]);
}

/**
 * esx_count_event() - count one event for a VM and for the host
 * @events: the VM's counters, or NULL when no VM is concerned
 * @event: what happened
 */
static inline void esx_count_event(struct esx_events *events, enum esx_event event)
{
	esx_count_events(events, event, 1);
}

#endif /* _ESXMEM_STATS_H */
