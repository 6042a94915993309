// SPDX-License-Identifier: GPL-2.0
/*
 * Pages: lines of styled text, and the lines about the host and of the help.
 *
 * A page knows no terminal: the same pieces go to a screen, to a file and to
 * tests.  Lines are cut at its width.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "glyph.h"
#include "size.h"
#include "top_page.h"

static void push(struct esx_page *page, char *text, enum esx_style style)
{
	page->pieces = esx_must(
		reallocarray(page->pieces, page->nr + 1, sizeof(*page->pieces)));
	page->pieces[page->nr++] = (struct esx_piece){ .text = text, .style = style };
}

/**
 * esx_page_add() - add text to the last line, or what has room there
 * @page: the page
 * @style: how it looks
 * @fmt: as for printf(3), without a newline
 */
void esx_page_add(struct esx_page *page, enum esx_style style, const char *fmt, ...)
{
	char *text, *clean;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	clean = esx_glyph_clean(esx_must(text));
	free(text);
	if (page->width)
		clean[esx_glyph_fit(clean, page->width - page->column)] = '\0';
	page->column += esx_glyph_width(clean);
	push(page, clean, style);
}

/**
 * esx_page_end_line() - what is added from now on is in a line of its own
 * @page: the page
 */
void esx_page_end_line(struct esx_page *page)
{
	if (!page->nr || page->pieces[page->nr - 1].ends_line)
		push(page, esx_asprintf("%s", ""), ESX_STYLE_PLAIN);
	page->pieces[page->nr - 1].ends_line = true;
	page->column = 0;
}

/* Blanks at the end of a line are of no use in a file. */
static void print_line(char *line, FILE *out)
{
	size_t len = strlen(line);

	while (len && line[len - 1] == ' ')
		len--;
	fprintf(out, "%.*s\n", (int)len, line);
}

/**
 * esx_page_print() - write a page without its styles
 * @page: the page
 * @out: where to
 */
void esx_page_print(const struct esx_page *page, FILE *out)
{
	char *line = esx_asprintf("%s", ""), *longer;
	size_t i;

	for (i = 0; i < page->nr; i++) {
		longer = esx_asprintf("%s%s", line, page->pieces[i].text);
		free(line);
		line = longer;
		if (!page->pieces[i].ends_line)
			continue;
		print_line(line, out);
		*line = '\0';
	}
	free(line);
}

/**
 * esx_page_free() - forget what a page holds; its width stays
 * @page: the page
 */
void esx_page_free(struct esx_page *page)
{
	size_t i;

	for (i = 0; i < page->nr; i++)
		free(page->pieces[i].text);
	free(page->pieces);
	*page = (struct esx_page){ .width = page->width };
}

static void add_size(struct esx_page *page, const struct esx_view *view, const char *lead,
		     int64_t bytes, const char *what)
{
	char *text;

	if (bytes == ESX_UNKNOWN)
		text = esx_asprintf("-");
	else if (view->bytes)
		text = esx_asprintf("%lld", (long long)bytes);
	else
		text = esx_size_text((uint64_t)bytes);
	esx_page_add(page, ESX_STYLE_PLAIN, "%s%s %s", lead, text, what);
	free(text);
}

static void add_title(struct esx_page *page, const struct esx_table *table,
		      const struct esx_view *view)
{
	char clock[16] = "";
	struct tm local;

	if (localtime_r(&table->now->wall, &local))
		strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	esx_page_add(page, ESX_STYLE_TITLE, "esxmemctl top");
	esx_page_add(page, ESX_STYLE_PLAIN, "  %s  %zu VM%s, every %gs, by %s %s", clock, table->nr,
		     table->nr == 1 ? "" : "s", view->delay, esx_columns[view->sort].name,
		     view->reverse ? "upwards" : "downwards");
	if (view->paused)
		esx_page_add(page, ESX_STYLE_ALERT, "  PAUSED");
	esx_page_end_line(page);
}

static void add_memory(struct esx_page *page, const struct esx_top_host *host,
		       const struct esx_view *view)
{
	bool calm = !strcmp(host->state, "high");

	if (*host->state) {
		esx_page_add(page, ESX_STYLE_PLAIN, "PMEM   ");
		esx_page_add(page, calm ? ESX_STYLE_PLAIN : ESX_STYLE_ALERT, "%s state",
			     host->state);
		add_size(page, view, "; ", host->mem_total, "total");
	} else {
		add_size(page, view, "PMEM   ", host->mem_total, "total");
	}
	add_size(page, view, ", ", host->mem_available, "available");
	add_size(page, view, ", ", host->mem_free, "free");
	esx_page_end_line(page);
}

static void add_vms(struct esx_page *page, const struct esx_table *table,
		    const struct esx_view *view)
{
	const struct esx_top_host *host = &table->now->host;

	add_size(page, view, "VMS    ", table->sums.size, "size");
	add_size(page, view, ", ", table->sums.backed, "granted");
	add_size(page, view, ", ", table->sums.active, "active");
	if (host->pool != ESX_UNKNOWN) {
		add_size(page, view, ", ", table->sums.target, "target");
		add_size(page, view, "; ", host->pool, "pool");
		add_size(page, view, ", ", host->reserved, "reserved");
	}
	if (host->shortfall > 0)
		esx_page_add(page, ESX_STYLE_ALERT, "; minima exceed it");
	esx_page_end_line(page);
}

static void add_sharing(struct esx_page *page, const struct esx_sums *sums,
			const struct esx_view *view)
{
	add_size(page, view, "PSHARE ", sums->shared, "shared");
	add_size(page, view, ", ", sums->common, "common");
	add_size(page, view, ", ", sums->saved, "saved");
	add_size(page, view, "; ", sums->zero, "zero");
	esx_page_end_line(page);
}

/**
 * esx_page_add_host() - add the lines about the host and all VMs together
 * @page: the page
 * @table: what there is
 * @view: how it is wanted
 */
void esx_page_add_host(struct esx_page *page, const struct esx_table *table,
		       const struct esx_view *view)
{
	add_title(page, table, view);
	add_memory(page, &table->now->host, view);
	add_vms(page, table, view);
	add_sharing(page, &table->sums, view);
}

static void add_help_line(struct esx_page *page, const char *left, const char *right)
{
	esx_page_add(page, ESX_STYLE_HEADING, "  %s%*s", left,
		     (int)(12 - esx_glyph_width(left)), "");
	esx_page_add(page, ESX_STYLE_PLAIN, " %s", right);
	esx_page_end_line(page);
}

static void add_help_keys(struct esx_page *page)
{
	static const char *const keys[][2] = {
		{ "q", "quit" },
		{ "p, space", "pause; s: take a sample now" },
		{ "+ -", "longer or shorter delay" },
		{ "< >", "sort by the column to the left or right" },
		{ "r", "reverse the order" },
		{ "left right", "pass over columns" },
		{ "up down", "pass over VMs; page up, page down, home, end likewise" },
		{ "b", "bars on or off" },
		{ "u", "sizes in bytes, or with units" },
	};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		add_help_line(page, keys[i][0], keys[i][1]);
}

/**
 * esx_page_add_help() - add what the keys, bars and columns mean
 * @page: the page
 * @view: how bars are drawn
 */
void esx_page_add_help(struct esx_page *page, const struct esx_view *view)
{
	char name[16];
	size_t i;

	esx_page_add(page, ESX_STYLE_TITLE, "Keys");
	esx_page_end_line(page);
	add_help_keys(page);
	esx_page_add(page, ESX_STYLE_TITLE, "Bars: the whole is MEMSZ");
	esx_page_end_line(page);
	add_help_line(page, view->utf8 ? "\u2588" : "#", "active, as far as it is granted");
	add_help_line(page, view->utf8 ? "\u2592" : "=", "granted, and not active");
	add_help_line(page, view->utf8 ? "\u2502" : "|", "the target");
	esx_page_add(page, ESX_STYLE_TITLE, "Columns, and the keys that sort by them");
	esx_page_end_line(page);
	for (i = 0; i < esx_nr_columns; i++) {
		const struct esx_column *column = &esx_columns[i];

		snprintf(name, sizeof(name), "%-7s %c", column->name,
			 column->letter ? column->letter : ' ');
		add_help_line(page, name, column->help);
	}
}
