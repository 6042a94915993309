// SPDX-License-Identifier: GPL-2.0
/*
 * The grid of a page: headings, a line for each VM, bars.
 *
 * Columns are as wide as their widest cell, whether or not that is on the
 * screen, so that scrolling moves nothing sideways.  What does not fit is
 * dropped from the right, whole columns at a time.  The name and the bar stay.
 */
#include <math.h>
#include <stdlib.h>

#include "glyph.h"
#include "size.h"
#include "top_page.h"

/* Narrower columns would jump when their figures grow. */
#define CELL_WIDTH_MIN 5

#define NAME_WIDTH_MIN 8

/* Screens narrower than that have no bars. */
#define BAR_SCREEN_MIN 50
#define BAR_WIDTH_MIN 10
#define BAR_WIDTH_MAX 40

/**
 * struct grid - where things are
 * @name: columns for the name
 * @bar: columns for the bar; 0: none
 * @cells: columns for each cell shown
 * @first: index in the view of the first cell shown
 * @end: index behind the last one
 */
struct grid {
	size_t name;
	size_t bar;
	size_t cells[ESX_COLUMNS_MAX];
	size_t first;
	size_t end;
};

static char *number_text(const struct esx_column *column, double number, bool bytes)
{
	switch (column->unit) {
	case ESX_UNIT_BYTES:
		if (!bytes)
			return esx_size_text((uint64_t)number);
		return esx_asprintf("%.0f", number);
	case ESX_UNIT_PPM:
		return esx_asprintf("%.4f", number / 1e6);
	case ESX_UNIT_PERCENT:
		return esx_asprintf(column->rate ? "%.1f" : "%.0f", number);
	case ESX_UNIT_RATE:
		return esx_asprintf(number < 99.95 ? "%.1f" : "%.0f", number);
	default:
		return esx_asprintf("%.0f", number);
	}
}

/* What a cell shows, to be freed. */
static char *cell_text(const struct esx_row *row, size_t column, bool bytes)
{
	if (column == ESX_COLUMN_VM)
		return esx_glyph_clean(row->vm->name);
	if (esx_columns[column].unit == ESX_UNIT_WORD)
		return esx_glyph_clean(*row->vm->why ? row->vm->why : "-");
	if (isnan(row->cells[column]))
		return esx_asprintf("-");
	return number_text(&esx_columns[column], row->cells[column], bytes);
}

static size_t widest(const struct esx_table *table, size_t column, bool bytes, size_t least)
{
	size_t width = esx_glyph_width(esx_columns[column].name), i;

	if (width < least)
		width = least;
	for (i = 0; i < table->nr; i++) {
		char *text = cell_text(&table->rows[i], column, bytes);
		size_t mine = esx_glyph_width(text);

		width = mine > width ? mine : width;
		free(text);
	}
	return width;
}

static size_t name_width(const struct esx_table *table, const struct esx_view *view)
{
	size_t width = widest(table, ESX_COLUMN_VM, view->bytes, NAME_WIDTH_MIN);
	size_t most = view->width / 4 > NAME_WIDTH_MIN ? view->width / 4 : NAME_WIDTH_MIN;

	return view->width && width > most ? most : width;
}

static size_t bar_width(const struct esx_view *view)
{
	size_t width = view->width / 5;

	if (!view->bars || view->width < BAR_SCREEN_MIN)
		return 0;
	if (width < BAR_WIDTH_MIN)
		return BAR_WIDTH_MIN;
	return width > BAR_WIDTH_MAX ? BAR_WIDTH_MAX : width;
}

static void lay_out(struct grid *grid, const struct esx_table *table, const struct esx_view *view)
{
	size_t used, i;

	grid->name = name_width(table, view);
	grid->bar = bar_width(view);
	used = grid->name + (grid->bar ? grid->bar + 1 : 0);
	grid->first = 1 + view->skip_columns;
	for (i = grid->first; i < view->nr_columns; i++) {
		grid->cells[i] = widest(table, view->columns[i], view->bytes, CELL_WIDTH_MIN);
		used += 1 + grid->cells[i];
		if (view->width && used > view->width)
			break;
	}
	grid->end = i;
}

/* Printf counts bytes, a screen columns. */
static void add_padded(struct esx_page *page, enum esx_style style, const char *text, size_t width,
		       bool right)
{
	size_t mine = esx_glyph_width(text);
	int fill = (int)(mine < width ? width - mine : 0);

	esx_page_add(page, style, "%*s%s%*s", right ? fill : 0, "", text, right ? 0 : fill, "");
}

static enum esx_style heading_style(const struct esx_view *view, size_t column)
{
	return column == view->sort ? ESX_STYLE_SORTED : ESX_STYLE_HEADING;
}

static void add_headings(struct esx_page *page, const struct grid *grid,
			 const struct esx_view *view)
{
	size_t i;

	add_padded(page, heading_style(view, ESX_COLUMN_VM), "VM", grid->name, false);
	if (grid->bar) {
		esx_page_add(page, ESX_STYLE_HEADING, " ");
		add_padded(page, ESX_STYLE_HEADING, "USE OF MEMSZ", grid->bar, false);
	}
	for (i = grid->first; i < grid->end; i++) {
		size_t column = view->columns[i];

		esx_page_add(page, ESX_STYLE_HEADING, " ");
		add_padded(page, heading_style(view, column), esx_columns[column].name,
			   grid->cells[i], true);
	}
	esx_page_end_line(page);
}

/* Cells of a bar that stand for a part of the size; 0 when it is not known. */
static size_t part_of(const struct esx_top_vm *vm, enum esx_figure figure, size_t cells)
{
	int64_t size = vm->figures[ESX_F_SIZE], part = vm->figures[figure];
	double share;

	if (size <= 0 || part <= 0)
		return 0;
	share = (double)part / (double)size;
	return share >= 1 ? cells : (size_t)(share * (double)cells + 0.5);
}

static enum esx_style bar_style(size_t at, size_t active, size_t granted)
{
	if (at < active)
		return ESX_STYLE_ACTIVE;
	return at < granted ? ESX_STYLE_GRANTED : ESX_STYLE_PLAIN;
}

static void add_bar_cell(struct esx_page *page, enum esx_style style, bool utf8)
{
	static const char *const blocks[ESX_NR_STYLES] = {
		[ESX_STYLE_PLAIN] = "\u00b7",
		[ESX_STYLE_ACTIVE] = "\u2588",
		[ESX_STYLE_GRANTED] = "\u2592",
		[ESX_STYLE_MARK] = "\u2502",
	};
	static const char *const letters[ESX_NR_STYLES] = {
		[ESX_STYLE_PLAIN] = ".",
		[ESX_STYLE_ACTIVE] = "#",
		[ESX_STYLE_GRANTED] = "=",
		[ESX_STYLE_MARK] = "|",
	};

	esx_page_add(page, style, "%s", utf8 ? blocks[style] : letters[style]);
}

static void add_bar(struct esx_page *page, const struct esx_top_vm *vm, size_t width, bool utf8)
{
	size_t cells = width - 2, i;
	size_t granted = part_of(vm, ESX_F_BACKED, cells);
	size_t active = part_of(vm, ESX_F_ACTIVE, cells);
	size_t target = part_of(vm, ESX_F_TARGET, cells);
	bool marked = vm->figures[ESX_F_TARGET] != ESX_UNKNOWN;

	if (active > granted)
		active = granted;
	/* The mark is on the last cell of what the target has. */
	if (target)
		target--;
	esx_page_add(page, ESX_STYLE_PLAIN, " [");
	for (i = 0; i < cells; i++) {
		bool mark = marked && i == target;

		add_bar_cell(page, mark ? ESX_STYLE_MARK : bar_style(i, active, granted), utf8);
	}
	esx_page_add(page, ESX_STYLE_PLAIN, "]");
}

static void add_row(struct esx_page *page, const struct esx_row *row, const struct grid *grid,
		    const struct esx_view *view)
{
	char *name = esx_glyph_clean(row->vm->name), *tail = esx_glyph_tail(name, grid->name);
	size_t i;

	add_padded(page, ESX_STYLE_PLAIN, tail, grid->name, false);
	free(name);
	free(tail);
	if (grid->bar)
		add_bar(page, row->vm, grid->bar, view->utf8);
	for (i = grid->first; i < grid->end; i++) {
		char *text = cell_text(row, view->columns[i], view->bytes);

		esx_page_add(page, ESX_STYLE_PLAIN, " ");
		add_padded(page, ESX_STYLE_PLAIN, text, grid->cells[i], true);
		free(text);
	}
	esx_page_end_line(page);
}

/**
 * esx_page_add_rows() - add the headings and a line for each VM
 * @page: the page
 * @table: the VMs, in the order wanted
 * @view: how they are wanted
 */
void esx_page_add_rows(struct esx_page *page, const struct esx_table *table,
		       const struct esx_view *view)
{
	struct grid grid = {};
	size_t i;

	lay_out(&grid, table, view);
	add_headings(page, &grid, view);
	for (i = view->skip_rows; i < table->nr && i - view->skip_rows < view->nr_rows; i++)
		add_row(page, &table->rows[i], &grid, view);
}
