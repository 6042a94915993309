/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel says of the host and of every VM at one moment.
 *
 * Only numbers and words as they were read; what is made of them is in
 * top_rows.h.
 */
#ifndef ESXMEMCTL_TOP_SAMPLE_H
#define ESXMEMCTL_TOP_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* A figure that may not be read, does not exist, or is no number. */
#define ESX_UNKNOWN INT64_MIN

/* Longer words are cut. */
#define ESX_WORD_MAX 16

/**
 * enum esx_figure - a number of a VM; the files are in top_sample.c
 */
enum esx_figure {
	ESX_F_SIZE,
	ESX_F_BACKED,
	ESX_F_PRIVATE,
	ESX_F_SHARED,
	ESX_F_ZERO,
	ESX_F_HUGE,
	ESX_F_ACTIVE,
	ESX_F_ACTIVE_SLOW,
	ESX_F_ACTIVE_FAST,
	ESX_F_ACTIVE_NOW,
	ESX_F_SAMPLED,
	ESX_F_TOUCHED,
	ESX_F_PERIODS,
	ESX_F_TARGET,
	ESX_F_MIN,
	ESX_F_MAX,
	ESX_F_SHARES,
	ESX_F_TAX,
	ESX_F_RHO,
	ESX_F_RESERVED,
	ESX_F_COW_BREAKS,
	ESX_F_FAULTS,
	ESX_F_EPT_VIOLATIONS,
	ESX_F_MERGED,
	ESX_F_VCPU_TIME,
	ESX_NR_FIGURES,
};

/**
 * struct esx_top_vm - a VM
 * @name: its name
 * @figures: its numbers, or ESX_UNKNOWN
 * @why: what decided its target; empty: not known
 * @own_shares: its shares were set; else they come by its size
 * @own_tax: its tax rate was set; else it is the host's
 */
struct esx_top_vm {
	char *name;
	int64_t figures[ESX_NR_FIGURES];
	char why[ESX_WORD_MAX];
	bool own_shares;
	bool own_tax;
};

/**
 * struct esx_top_host - the host; numbers or ESX_UNKNOWN
 * @mem_total: its memory, in bytes, as the next two
 * @mem_available: what can still be had
 * @mem_free: what nobody uses
 * @shared_frames: frames that are shared
 * @pool: bytes that targets are handed out of
 * @reserved: bytes of it that are reserved
 * @shortfall: bytes that are missing for the minima
 * @tax: tax on idle memory, in per cent
 * @progressive: whether that is the rate of a wholly idle VM only
 * @period: seconds between two computations of targets
 * @state: high, soft, hard or low; empty: not known
 */
struct esx_top_host {
	int64_t mem_total;
	int64_t mem_available;
	int64_t mem_free;
	int64_t shared_frames;
	int64_t pool;
	int64_t reserved;
	int64_t shortfall;
	int64_t tax;
	int64_t progressive;
	int64_t period;
	char state[ESX_WORD_MAX];
};

/**
 * struct esx_top_sample - everything at one moment
 * @at: seconds on a clock that nobody sets
 * @wall: the time of day
 * @present: a bit for each figure: some VM has its file
 * @host: the host
 * @nr: how many VMs
 * @vms: the VMs, in the order of strcmp()
 */
struct esx_top_sample {
	double at;
	time_t wall;
	uint64_t present;
	struct esx_top_host host;
	size_t nr;
	struct esx_top_vm *vms;
};

const char *esx_figure_file(enum esx_figure figure);
int64_t esx_figure_parse(const char *text);
int esx_top_sample_read(struct esx_top_sample *sample);
void esx_top_sample_free(struct esx_top_sample *sample);
const struct esx_top_vm *esx_top_sample_vm(const struct esx_top_sample *sample, const char *name);

#endif /* ESXMEMCTL_TOP_SAMPLE_H */
