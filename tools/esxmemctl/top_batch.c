// SPDX-License-Identifier: GPL-2.0
/*
 * top without a terminal: tables or JSON, one for each sample.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "interrupt.h"
#include "kernel.h"
#include "message.h"
#include "record.h"
#include "top_batch.h"
#include "top_screen.h"

static void set_figure(json_t *record, const char *key, int64_t figure)
{
	esx_record_set(record, key, figure == ESX_UNKNOWN ? json_null() : json_integer(figure));
}

static void set_cell(json_t *record, const char *key, double cell, bool whole)
{
	json_t *value;

	if (isnan(cell))
		value = json_null();
	else if (whole && fabs(cell) < 0x1p62)
		value = json_integer((json_int_t)cell);
	else
		value = json_real(cell);
	esx_record_set(record, key, value);
}

static void set_word(json_t *record, const char *key, const char *word)
{
	json_t *value = *word ? json_string(word) : json_null();

	/* NULL: no UTF-8. */
	esx_record_set(record, key, value ? value : json_null());
}

static void set_name(json_t *record, const char *name)
{
	json_t *value = json_string(name);
	char *ascii, *at;

	/* Not UTF-8: the rest of the name is better than none. */
	if (!value) {
		ascii = esx_asprintf("%s", name);
		for (at = ascii; *at; at++)
			if ((unsigned char)*at >= 0x80)
				*at = '?';
		value = json_string(ascii);
		free(ascii);
	}
	esx_record_set(record, "name", value);
}

static json_t *vm_record(const struct esx_row *row, const struct esx_view *view)
{
	json_t *record = esx_must(json_object());
	size_t i;

	set_name(record, row->vm->name);
	for (i = 1; i < view->nr_columns; i++) {
		const struct esx_column *column = &esx_columns[view->columns[i]];

		if (column->unit == ESX_UNIT_WORD)
			set_word(record, column->key, row->vm->why);
		else if (column->make || column->rate)
			set_cell(record, column->key, row->cells[view->columns[i]], !column->rate);
		else
			set_figure(record, column->key, row->vm->figures[column->figure]);
	}
	return record;
}

static json_t *host_record(const struct esx_table *table)
{
	const struct esx_top_host *host = &table->now->host;
	const struct esx_sums *sums = &table->sums;
	json_t *record = esx_must(json_object());

	set_word(record, "state", host->state);
	set_figure(record, "mem_total_bytes", host->mem_total);
	set_figure(record, "mem_available_bytes", host->mem_available);
	set_figure(record, "mem_free_bytes", host->mem_free);
	set_figure(record, "pool_bytes", host->pool);
	set_figure(record, "reserved_bytes", host->reserved);
	set_figure(record, "shortfall_bytes", host->shortfall);
	esx_record_set_u64(record, "nr_vms", table->nr);
	set_figure(record, "size_bytes", sums->size);
	set_figure(record, "backed_bytes", sums->backed);
	set_figure(record, "active_bytes", sums->active);
	set_figure(record, "target_bytes", sums->target);
	set_figure(record, "shared_bytes", sums->shared);
	set_figure(record, "shared_frames_bytes", sums->common);
	set_figure(record, "reclaimed_shared_bytes", sums->saved);
	set_figure(record, "zero_bytes", sums->zero);
	return record;
}

static int print_json(const struct esx_table *table, const struct esx_view *view)
{
	json_t *top = esx_must(json_object()), *vms = esx_must(json_array());
	int err;
	size_t i;

	for (i = 0; i < table->nr; i++)
		if (json_array_append_new(vms, vm_record(&table->rows[i], view)))
			esx_must(NULL);
	set_figure(top, "time", table->now->wall);
	set_cell(top, "interval_seconds", table->interval > 0 ? table->interval : (double)NAN,
		 false);
	esx_record_set(top, "host", host_record(table));
	esx_record_set(top, "vms", vms);
	err = json_dumpf(top, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
	json_decref(top);
	putchar('\n');
	return err;
}

static void print_text(const struct esx_table *table, const struct esx_view *view, bool first)
{
	struct esx_page page = {};

	if (!first)
		putchar('\n');
	esx_page_add_host(&page, table, view);
	esx_page_end_line(&page);
	esx_page_add_rows(&page, table, view);
	esx_page_print(&page, stdout);
	esx_page_free(&page);
}

/* False with a message printed when nobody can read it. */
static bool print_sample(const struct esx_table *table, const struct esx_view *view, bool first,
			 bool json)
{
	int err = 0;

	if (json)
		err = print_json(table, view);
	else
		print_text(table, view, first);
	if (!err && !fflush(stdout) && !ferror(stdout))
		return true;
	esx_error("cannot write the %s: %s", json ? "JSON text" : "table", strerror(errno));
	return false;
}

static bool show(struct esx_view *view, const struct esx_top_sample *now,
		 const struct esx_top_sample *before, bool json)
{
	struct esx_table table;
	bool written;

	esx_table_make(&table, now, before);
	esx_table_sort(&table, view->sort, view->reverse);
	written = print_sample(&table, view, !before, json);
	esx_table_free(&table);
	return written;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The time of a sample does not wander with what samples take. */
static void sleep_until(double next)
{
	double left;

	while (!esx_interrupted() && (left = next - seconds()) > 0)
		esx_interrupt_wait(NULL, left);
}

static void choose_columns(struct esx_view *view, const struct esx_top_sample *sample, bool json)
{
	if (!json) {
		esx_top_columns(view, sample);
		return;
	}
	for (view->nr_columns = 0; view->nr_columns < esx_nr_columns; view->nr_columns++)
		view->columns[view->nr_columns] = view->nr_columns;
}

/**
 * esx_top_batch() - print samples to standard output
 * @view: how they are wanted
 * @iterations: how many; 0: until a signal comes
 * @chosen: the columns of @view are the user's own choice
 * @json: print an object on a line of its own for each
 *
 * Return: an exit code
 */
int esx_top_batch(struct esx_view *view, unsigned long iterations, bool chosen, bool json)
{
	struct esx_top_sample now, before = {};
	unsigned long done = 0;
	double start = seconds();
	bool written = true;
	int err = 0;

	esx_interrupt_catch();
	esx_interrupt_hold();
	while (written && !esx_interrupted() && (!iterations || done < iterations)) {
		err = esx_top_sample_read(&now);
		if (err)
			break;
		if (!chosen)
			choose_columns(view, &now, json);
		written = show(view, &now, done ? &before : NULL, json);
		esx_top_sample_free(&before);
		before = now;
		if (!done++)
			esx_note_denied();
		if (written && done != iterations)
			sleep_until(start + (double)done * view->delay);
	}
	esx_top_sample_free(&before);
	if (err)
		esx_sysfs_explain(err);
	return err || !written || done < iterations ? ESX_FAILED : ESX_DONE;
}
