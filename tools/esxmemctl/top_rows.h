/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rows: what is shown of each VM, made of one sample and the one before.
 *
 * Arithmetic alone: nothing is read and nothing printed here.
 */
#ifndef ESXMEMCTL_TOP_ROWS_H
#define ESXMEMCTL_TOP_ROWS_H

#include <stdbool.h>

#include "top_sample.h"

/* What a column means; the table is in top_rows.c. */
enum esx_unit {
	ESX_UNIT_WORD,
	ESX_UNIT_BYTES,
	ESX_UNIT_COUNT,
	ESX_UNIT_PERCENT,
	ESX_UNIT_PPM,
	ESX_UNIT_RATE,
};

/**
 * struct esx_column - a column of top
 * @name: heading; where esxtop has the figure, it is esxtop's name
 * @key: key in JSON
 * @unit: what the numbers are
 * @figure: what they are made of
 * @make: makes them; NULL: the figure as it is
 * @rate: what one more of the figure counts for in a second; 0: no rate
 * @letter: key that sorts by it, or 0
 * @help: what it says, in a few words
 */
struct esx_column {
	const char *name;
	const char *key;
	enum esx_unit unit;
	enum esx_figure figure;
	double (*make)(const struct esx_top_vm *vm);
	double rate;
	char letter;
	const char *help;
};

/* The columns that the code below knows by number. */
#define ESX_COLUMN_VM 0
#define ESX_COLUMNS_MAX 32

extern const struct esx_column esx_columns[];
extern const size_t esx_nr_columns;

/**
 * struct esx_row - a VM
 * @vm: as it was sampled
 * @cells: a number for each column; NaN: not known
 */
struct esx_row {
	const struct esx_top_vm *vm;
	double cells[ESX_COLUMNS_MAX];
};

/**
 * struct esx_sums - all VMs together, in bytes, or ESX_UNKNOWN
 * @size: memory that they believe they have
 * @backed: what has a frame
 * @active: what is in use, estimated
 * @target: what they are entitled to
 * @shared: what points to a shared frame
 * @common: the frames behind that
 * @saved: what sharing saves: shared less common
 * @zero: zero pages, which have no frame
 */
struct esx_sums {
	int64_t size;
	int64_t backed;
	int64_t active;
	int64_t target;
	int64_t shared;
	int64_t common;
	int64_t saved;
	int64_t zero;
};

/**
 * struct esx_table - rows, in the order in which they are shown
 * @now: the sample that they are made of, which must outlive them
 * @interval: seconds since the one before; 0: there was none
 * @sums: all VMs together
 * @nr: how many rows
 * @rows: the rows
 */
struct esx_table {
	const struct esx_top_sample *now;
	double interval;
	struct esx_sums sums;
	size_t nr;
	struct esx_row *rows;
};

void esx_table_make(struct esx_table *table, const struct esx_top_sample *now,
		    const struct esx_top_sample *before);
void esx_table_free(struct esx_table *table);
void esx_table_sort(struct esx_table *table, size_t column, bool reverse);

double esx_effective_min(const struct esx_top_vm *vm);
double esx_effective_max(const struct esx_top_vm *vm);

bool esx_column_present(const struct esx_top_sample *sample, size_t column);
bool esx_column_lookup(const char *name, size_t len, size_t *column);
char *esx_column_list(void);

#endif /* ESXMEMCTL_TOP_ROWS_H */
