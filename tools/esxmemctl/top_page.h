/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages: what top shows, as lines of styled text for a screen or a file.
 */
#ifndef ESXMEMCTL_TOP_PAGE_H
#define ESXMEMCTL_TOP_PAGE_H

#include <stdbool.h>
#include <stdio.h>

#include "message.h"
#include "top_rows.h"

/* Most lines in front of the rows, the one with the headings included. */
#define ESX_PAGE_HEAD_LINES 6

/**
 * enum esx_style - how a piece of text is to look
 */
enum esx_style {
	ESX_STYLE_PLAIN,
	ESX_STYLE_TITLE,
	ESX_STYLE_HEADING,
	ESX_STYLE_SORTED,
	ESX_STYLE_ACTIVE,
	ESX_STYLE_GRANTED,
	ESX_STYLE_MARK,
	ESX_STYLE_ALERT,
	ESX_NR_STYLES,
};

/**
 * struct esx_view - what somebody wants to see of a table
 * @width: columns of the screen; 0: no limit
 * @bytes: plain numbers
 * @utf8: bars are drawn with blocks
 * @bars: there are bars
 * @columns: which columns, the first of which is VM
 * @nr_columns: how many
 * @skip_columns: how many behind the first are passed over
 * @skip_rows: how many rows are passed over
 * @nr_rows: most rows that are shown
 * @sort: column that decides the order
 * @reverse: smallest first
 * @paused: no samples are taken
 * @delay: seconds between samples
 */
struct esx_view {
	size_t width;
	bool bytes;
	bool utf8;
	bool bars;
	size_t columns[ESX_COLUMNS_MAX];
	size_t nr_columns;
	size_t skip_columns;
	size_t skip_rows;
	size_t nr_rows;
	size_t sort;
	bool reverse;
	bool paused;
	double delay;
};

/**
 * struct esx_piece - text of one style
 * @text: the text
 * @style: the style
 * @ends_line: the next piece begins a line
 */
struct esx_piece {
	char *text;
	enum esx_style style;
	bool ends_line;
};

/**
 * struct esx_page - lines
 * @width: columns that a line may have; 0: no limit
 * @column: how many the last line has
 * @nr: how many pieces
 * @pieces: the pieces
 */
struct esx_page {
	size_t width;
	size_t column;
	size_t nr;
	struct esx_piece *pieces;
};

void esx_page_add(struct esx_page *page, enum esx_style style, const char *fmt, ...)
	ESX_PRINTF(3, 4);
void esx_page_end_line(struct esx_page *page);
void esx_page_print(const struct esx_page *page, FILE *out);
void esx_page_free(struct esx_page *page);

void esx_page_add_host(struct esx_page *page, const struct esx_table *table,
		       const struct esx_view *view);
void esx_page_add_rows(struct esx_page *page, const struct esx_table *table,
		       const struct esx_view *view);
void esx_page_add_help(struct esx_page *page, const struct esx_view *view);

#endif /* ESXMEMCTL_TOP_PAGE_H */
