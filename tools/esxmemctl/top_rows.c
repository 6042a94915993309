// SPDX-License-Identifier: GPL-2.0
/*
 * Rows: figures and rates of VMs, in the order wanted.
 *
 * A rate is the difference of a counter over the time between two samples.  A
 * VM that was not there before has none yet, nor has one whose counter went
 * back: another VM took the name.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "command.h"
#include "message.h"
#include "top_rows.h"

static double known(int64_t figure)
{
	return figure == ESX_UNKNOWN ? (double)NAN : (double)figure;
}

/* What the period under way has seen, as a part of the VM. */
static double touched_bytes(const struct esx_top_vm *vm)
{
	double sampled = known(vm->figures[ESX_F_SAMPLED]);
	double touched = known(vm->figures[ESX_F_TOUCHED]);

	if (!(sampled > 0) || !(touched <= sampled))
		return (double)NAN;
	return floor(known(vm->figures[ESX_F_SIZE]) * (touched / sampled));
}

/**
 * esx_effective_min() - what is guaranteed to a VM
 * @vm: the VM
 *
 * Return: bytes; all of a VM that is smaller than its minimum; NaN: not known
 */
double esx_effective_min(const struct esx_top_vm *vm)
{
	double min = known(vm->figures[ESX_F_MIN]), size = known(vm->figures[ESX_F_SIZE]);

	return min > size ? size : min;
}

/**
 * esx_effective_max() - the most that a VM can be entitled to
 * @vm: the VM
 *
 * Return: bytes; its size when no maximum is set; NaN: not known
 */
double esx_effective_max(const struct esx_top_vm *vm)
{
	double max = known(vm->figures[ESX_F_MAX]), size = known(vm->figures[ESX_F_SIZE]);

	return max == 0 || max > size ? size : max;
}

/* In the order in which they are shown; a narrow screen drops the last ones. */
/* clang-format off */
const struct esx_column esx_columns[] = {
	{ "VM", "name", ESX_UNIT_WORD, .letter = 'N', .help = "name: the path below the mount" },
	{ "MEMSZ", "size_bytes", ESX_UNIT_BYTES, ESX_F_SIZE, .letter = 'M',
	  .help = "size: memory that the VM believes it has" },
	{ "GRANT", "backed_bytes", ESX_UNIT_BYTES, ESX_F_BACKED, .letter = 'G',
	  .help = "granted: what of it has a frame, shared or its own" },
	{ "SZTGT", "target_bytes", ESX_UNIT_BYTES, ESX_F_TARGET, .letter = 'T',
	  .help = "target: memory that it is entitled to" },
	{ "TCHD", "touched_bytes", ESX_UNIT_BYTES, ESX_F_TOUCHED, .make = touched_bytes,
	  .help = "touched: what the sampling period under way has seen used" },
	{ "ACTV", "active_bytes", ESX_UNIT_BYTES, ESX_F_ACTIVE, .letter = 'A',
	  .help = "active: memory in use, the largest of three estimates" },
	{ "SHRD", "shared_bytes", ESX_UNIT_BYTES, ESX_F_SHARED, .letter = 'S',
	  .help = "shared: what points to a shared frame" },
	{ "ZERO", "zero_bytes", ESX_UNIT_BYTES, ESX_F_ZERO, .letter = 'Z',
	  .help = "zero: known zero pages, which have no frame" },
	{ "MIN", "effective_min_bytes", ESX_UNIT_BYTES, ESX_F_MIN, .make = esx_effective_min,
	  .help = "minimum: what is guaranteed" },
	{ "MAX", "effective_max_bytes", ESX_UNIT_BYTES, ESX_F_MAX, .make = esx_effective_max,
	  .help = "maximum: the most that it can be entitled to" },
	{ "SHRS", "effective_shares", ESX_UNIT_COUNT, ESX_F_SHARES,
	  .help = "shares: its right to what lies between the two" },
	{ "WHY", "target_reason", ESX_UNIT_WORD, ESX_F_TARGET,
	  .help = "what decided the target; `esxmemctl explain` tells more" },
	{ "ACTVS", "active_slow_bytes", ESX_UNIT_BYTES, ESX_F_ACTIVE_SLOW,
	  .help = "slow average of what is active" },
	{ "ACTVF", "active_fast_bytes", ESX_UNIT_BYTES, ESX_F_ACTIVE_FAST,
	  .help = "fast average of it" },
	{ "ACTVN", "active_now_bytes", ESX_UNIT_BYTES, ESX_F_ACTIVE_NOW,
	  .help = "the fast one with the period under way" },
	{ "COWB/s", "cow_breaks_per_second", ESX_UNIT_RATE, ESX_F_COW_BREAKS, .rate = 1,
	  .letter = 'C', .help = "shared and zero pages written to, in a second" },
	{ "FLT/s", "faults_per_second", ESX_UNIT_RATE, ESX_F_FAULTS, .rate = 1, .letter = 'F',
	  .help = "page faults served" },
	{ "EPT/s", "ept_violations_per_second", ESX_UNIT_RATE, ESX_F_EPT_VIOLATIONS, .rate = 1,
	  .help = "nested page faults of its virtual CPUs" },
	{ "MRG/s", "merged_pages_per_second", ESX_UNIT_RATE, ESX_F_MERGED, .rate = 1,
	  .help = "pages given a shared frame" },
	{ "%VCPU", "vcpu_percent", ESX_UNIT_PERCENT, ESX_F_VCPU_TIME, .rate = 100 / 1e9,
	  .letter = 'P', .help = "run time of its virtual CPUs, in per cent of one CPU" },
	{ "PRIV", "private_bytes", ESX_UNIT_BYTES, ESX_F_PRIVATE,
	  .help = "private: pages with a frame of their own" },
	{ "LARGE", "huge_bytes", ESX_UNIT_BYTES, ESX_F_HUGE,
	  .help = "large: the part of private in 2 MB frames" },
	{ "RESV", "reserved_bytes", ESX_UNIT_BYTES, ESX_F_RESERVED,
	  .help = "reserved for it, overhead included" },
	{ "TAX", "effective_tax_percent", ESX_UNIT_PERCENT, ESX_F_TAX,
	  .help = "tax on its idle memory, in per cent" },
	{ "RHO", "rho_ppm", ESX_UNIT_PPM, ESX_F_RHO,
	  .help = "rho: shares that it pays for a page" },
};
/* clang-format on */

const size_t esx_nr_columns = ARRAY_SIZE(esx_columns);

_Static_assert(ARRAY_SIZE(esx_columns) <= ESX_COLUMNS_MAX, "a cell for each column");

static double rate_of(const struct esx_column *column, const struct esx_top_vm *now,
		      const struct esx_top_vm *before, double interval)
{
	double new, old;

	if (!before || !(interval > 0))
		return (double)NAN;
	new = known(now->figures[column->figure]);
	old = known(before->figures[column->figure]);
	return new >= old ? (new - old) / interval * column->rate : (double)NAN;
}

static void make_row(struct esx_row *row, const struct esx_top_vm *now,
		     const struct esx_top_vm *before, double interval)
{
	size_t i;

	row->vm = now;
	for (i = 0; i < esx_nr_columns; i++) {
		const struct esx_column *column = &esx_columns[i];

		if (column->unit == ESX_UNIT_WORD)
			row->cells[i] = (double)NAN;
		else if (column->rate)
			row->cells[i] = rate_of(column, now, before, interval);
		else if (column->make)
			row->cells[i] = column->make(now);
		else
			row->cells[i] = known(now->figures[column->figure]);
	}
}

/* A sum of which one part is not known, or that is no number, is not known. */
static int64_t sum_of(const struct esx_top_sample *sample, enum esx_figure figure)
{
	int64_t sum = 0, part;
	size_t i;

	for (i = 0; i < sample->nr; i++) {
		part = sample->vms[i].figures[figure];
		if (part == ESX_UNKNOWN || __builtin_add_overflow(sum, part, &sum))
			return ESX_UNKNOWN;
	}
	return sum;
}

static void add_up(struct esx_sums *sums, const struct esx_top_sample *sample)
{
	int64_t frames = sample->host.shared_frames;

	sums->size = sum_of(sample, ESX_F_SIZE);
	sums->backed = sum_of(sample, ESX_F_BACKED);
	sums->active = sum_of(sample, ESX_F_ACTIVE);
	sums->target = sum_of(sample, ESX_F_TARGET);
	sums->shared = sum_of(sample, ESX_F_SHARED);
	sums->zero = sum_of(sample, ESX_F_ZERO);
	sums->common = ESX_UNKNOWN;
	if (frames != ESX_UNKNOWN && __builtin_mul_overflow(frames, 4096, &sums->common))
		sums->common = ESX_UNKNOWN;
	sums->saved = ESX_UNKNOWN;
	if (sums->shared != ESX_UNKNOWN && sums->common != ESX_UNKNOWN)
		sums->saved = sums->shared > sums->common ? sums->shared - sums->common : 0;
}

/**
 * esx_table_make() - make rows of samples
 * @table: out: the rows, by name, to be given to esx_table_free()
 * @now: what is shown; it must outlive the table
 * @before: an earlier sample for rates, or NULL
 */
void esx_table_make(struct esx_table *table, const struct esx_top_sample *now,
		    const struct esx_top_sample *before)
{
	size_t i;

	*table = (struct esx_table){ .now = now, .nr = now->nr };
	if (before)
		table->interval = now->at - before->at;
	add_up(&table->sums, now);
	table->rows = esx_must(calloc(now->nr + 1, sizeof(*table->rows)));
	for (i = 0; i < now->nr; i++) {
		const struct esx_top_vm *vm = &now->vms[i];

		make_row(&table->rows[i], vm,
			 before ? esx_top_sample_vm(before, vm->name) : NULL, table->interval);
	}
}

/**
 * esx_table_free() - undo esx_table_make()
 * @table: the table
 */
void esx_table_free(struct esx_table *table)
{
	free(table->rows);
	*table = (struct esx_table){};
}

struct order {
	size_t column;
	bool reverse;
};

/* Words by the alphabet, numbers from the largest, what is not known last. */
static int compare_cells(const struct esx_row *a, const struct esx_row *b,
			 const struct order *order)
{
	double x = a->cells[order->column], y = b->cells[order->column];
	int sign = order->reverse ? -1 : 1;

	if (order->column == ESX_COLUMN_VM)
		return sign * strcmp(a->vm->name, b->vm->name);
	if (esx_columns[order->column].unit == ESX_UNIT_WORD) {
		if (!*a->vm->why || !*b->vm->why)
			return !*a->vm->why - !*b->vm->why;
		return sign * strcmp(a->vm->why, b->vm->why);
	}
	if (isnan(x) || isnan(y))
		return !!isnan(x) - !!isnan(y);
	return sign * ((x < y) - (x > y));
}

static int compare_rows(const void *a, const void *b, void *order)
{
	const struct esx_row *first = a, *second = b;
	int way = compare_cells(first, second, order);

	return way ? way : strcmp(first->vm->name, second->vm->name);
}

/**
 * esx_table_sort() - bring rows into order
 * @table: the table
 * @column: what decides; equal rows are in the order of their names
 * @reverse: smallest first, or the alphabet backwards
 */
void esx_table_sort(struct esx_table *table, size_t column, bool reverse)
{
	struct order order = { column, reverse };

	qsort_r(table->rows, table->nr, sizeof(*table->rows), compare_rows, &order);
}

/**
 * esx_column_present() - does the loaded module have a column's figure?
 * @sample: what was read
 * @column: the column
 *
 * Where there is no VM nobody can tell; then it has.
 */
bool esx_column_present(const struct esx_top_sample *sample, size_t column)
{
	if (column == ESX_COLUMN_VM || !sample->present)
		return true;
	return sample->present & (1ULL << esx_columns[column].figure);
}

/**
 * esx_column_lookup() - find a column by its name
 * @name: its heading or its key in JSON, in either case
 * @len: length of @name
 * @column: out: the column
 *
 * Return: whether there is such a column
 */
bool esx_column_lookup(const char *name, size_t len, size_t *column)
{
	size_t i;

	for (i = 0; i < esx_nr_columns; i++) {
		const struct esx_column *at = &esx_columns[i];

		if ((strlen(at->name) == len && !strncasecmp(at->name, name, len)) ||
		    (strlen(at->key) == len && !strncasecmp(at->key, name, len))) {
			*column = i;
			return true;
		}
	}
	return false;
}

/**
 * esx_column_list() - the names of all columns, for messages
 *
 * Return: text, to be freed
 */
char *esx_column_list(void)
{
	char *all = esx_asprintf("%s", esx_columns[0].name), *longer;
	size_t i;

	for (i = 1; i < esx_nr_columns; i++) {
		longer = esx_asprintf("%s, %s", all, esx_columns[i].name);
		free(all);
		all = longer;
	}
	return all;
}
