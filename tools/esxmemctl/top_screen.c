// SPDX-License-Identifier: GPL-2.0
/*
 * The screen of top: ncurses, and what keys do.
 *
 * One loop waits for a key, a new size of the window, a signal or the time of
 * the next sample, and draws everything anew; ncurses sends what differs.
 * Signals only set a flag, so that the terminal is put right in one place, at
 * the end; atexit() does it where the program ends for want of memory.
 */
#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "interrupt.h"
#include "kernel.h"
#include "message.h"
#include "terminal.h"
#include "top_screen.h"

/* More rows than any screen has; keeps sums with it small. */
#define SKIP_MAX 1000000

/**
 * struct screen - a running top
 * @view: what is shown
 * @chosen: the user named the columns
 * @now: the sample on the screen
 * @before: the one before, for rates
 * @err: why @now is old: a negative errno; 0: it is not
 * @next: when the next one is due
 * @left: samples to take, 0: no end
 * @help: the help is shown
 * @help_skip: its lines that are passed over
 * @done: the user wants to leave
 */
struct screen {
	struct esx_view *view;
	bool chosen;
	struct esx_top_sample now;
	struct esx_top_sample before;
	int err;
	double next;
	unsigned long left;
	bool help;
	size_t help_skip;
	bool done;
};

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/**
 * esx_top_columns() - show the columns that the loaded module has figures for
 * @view: its columns are filled in
 * @sample: what was read
 */
void esx_top_columns(struct esx_view *view, const struct esx_top_sample *sample)
{
	size_t i;

	view->nr_columns = 0;
	for (i = 0; i < esx_nr_columns; i++)
		if (esx_column_present(sample, i))
			view->columns[view->nr_columns++] = i;
}

/* The old samples stay when there is no new one. */
static void take_sample(struct screen *screen)
{
	struct esx_top_sample sample;

	screen->next = seconds() + screen->view->delay;
	screen->err = esx_top_sample_read(&sample);
	if (!screen->err) {
		esx_top_sample_free(&screen->before);
		screen->before = screen->now;
		screen->now = sample;
		if (!screen->chosen)
			esx_top_columns(screen->view, &sample);
	}
	if (screen->left && !--screen->left)
		screen->done = true;
}

/* --- drawing --- */

static void start_colours(void)
{
	if (!has_colors() || getenv("NO_COLOR"))
		return;
	start_color();
	use_default_colors();
	init_pair(ESX_STYLE_ACTIVE, COLOR_GREEN, -1);
	init_pair(ESX_STYLE_GRANTED, COLOR_CYAN, -1);
	init_pair(ESX_STYLE_MARK, COLOR_YELLOW, -1);
	init_pair(ESX_STYLE_ALERT, COLOR_RED, -1);
}

static attr_t style_attributes(enum esx_style style)
{
	static const attr_t plain[ESX_NR_STYLES] = {
		[ESX_STYLE_TITLE] = A_BOLD,   [ESX_STYLE_HEADING] = A_BOLD,
		[ESX_STYLE_SORTED] = A_REVERSE, [ESX_STYLE_MARK] = A_BOLD,
		[ESX_STYLE_ALERT] = A_BOLD,
	};

	return plain[style] | (attr_t)COLOR_PAIR(style);
}

static bool has_colour(enum esx_style style)
{
	return style == ESX_STYLE_ACTIVE || style == ESX_STYLE_GRANTED ||
	       style == ESX_STYLE_MARK || style == ESX_STYLE_ALERT;
}

static void draw_page(const struct esx_page *page, size_t skip, int height)
{
	size_t line = 0, i;

	move(0, 0);
	for (i = 0; i < page->nr; i++) {
		const struct esx_piece *piece = &page->pieces[i];

		if (line >= skip && line - skip < (size_t)height) {
			attr_t attributes = style_attributes(piece->style);

			attrset(has_colour(piece->style) ? attributes : attributes & ~A_COLOR);
			addstr(piece->text);
		}
		if (!piece->ends_line)
			continue;
		line++;
		if (line > skip && line - skip < (size_t)height)
			move((int)(line - skip), 0);
	}
	attrset(A_NORMAL);
}

static const char *hint(const struct screen *screen)
{
	if (screen->help)
		return "up, down: scroll; any other key: back";
	if (screen->err == -ENOENT)
		return "the module is not loaded any more; waiting for it; q: quit";
	if (screen->err)
		return strerror(-screen->err);
	if (!screen->now.nr)
		return "no VM yet; q: quit, h: help";
	if (esx_sysfs_denied())
		return "q: quit, h: help; figures shown as - are for root only";
	return "q: quit, h: help";
}

static void draw_hint(const struct screen *screen)
{
	if (LINES < 2)
		return;
	attrset(screen->err ? A_BOLD : A_DIM);
	mvaddnstr(LINES - 1, 0, hint(screen), COLS - 1);
	attrset(A_NORMAL);
}

/* Not beyond the last row or column. */
static void limit_skips(struct screen *screen)
{
	struct esx_view *view = screen->view;
	size_t rows = screen->now.nr;

	if (view->skip_rows + view->nr_rows > rows)
		view->skip_rows = rows > view->nr_rows ? rows - view->nr_rows : 0;
	if (view->skip_columns + 2 > view->nr_columns)
		view->skip_columns = view->nr_columns > 2 ? view->nr_columns - 2 : 0;
}

static void draw_table(struct screen *screen, struct esx_page *page)
{
	struct esx_view *view = screen->view;
	int rows = LINES - ESX_PAGE_HEAD_LINES - 1;
	struct esx_table table;

	view->width = page->width;
	view->nr_rows = rows > 1 ? (size_t)rows : 1;
	limit_skips(screen);
	esx_table_make(&table, &screen->now, screen->before.at > 0 ? &screen->before : NULL);
	esx_table_sort(&table, view->sort, view->reverse);
	esx_page_add_host(page, &table, view);
	esx_page_end_line(page);
	esx_page_add_rows(page, &table, view);
	esx_table_free(&table);
}

static size_t count_lines(const struct esx_page *page)
{
	size_t lines = 0, i;

	for (i = 0; i < page->nr; i++)
		lines += page->pieces[i].ends_line;
	return lines;
}

static void draw(struct screen *screen)
{
	/* The last cell of a line stays free: writing there may scroll. */
	struct esx_page page = { .width = COLS > 2 ? (size_t)COLS - 1 : 1 };
	int height = LINES > 1 ? LINES - 1 : 1;
	size_t skip = 0, nr;

	erase();
	if (screen->help) {
		esx_page_add_help(&page, screen->view);
		nr = count_lines(&page);
		if (screen->help_skip + (size_t)height > nr)
			screen->help_skip = nr > (size_t)height ? nr - (size_t)height : 0;
		skip = screen->help_skip;
	} else {
		draw_table(screen, &page);
	}
	draw_page(&page, skip, height);
	draw_hint(screen);
	refresh();
	esx_page_free(&page);
}

/* --- keys --- */

static void move_skip(size_t *skip, long by)
{
	if (by < 0 && *skip < (size_t)-by)
		*skip = 0;
	else
		*skip += by;
	if (*skip > SKIP_MAX)
		*skip = SKIP_MAX;
}

/* Does a key scroll?  Then *by becomes how far, in lines. */
static bool is_scroll(int key, long page, long *by)
{
	switch (key) {
	case KEY_UP:
		*by = -1;
		return true;
	case KEY_DOWN:
		*by = 1;
		return true;
	case KEY_PPAGE:
		*by = -page;
		return true;
	case KEY_NPAGE:
		*by = page;
		return true;
	case KEY_HOME:
		*by = -SKIP_MAX;
		return true;
	case KEY_END:
		*by = SKIP_MAX;
		return true;
	}
	return false;
}

static void help_key(struct screen *screen, int key)
{
	long by;

	if (is_scroll(key, LINES > 2 ? LINES - 2 : 1, &by))
		move_skip(&screen->help_skip, by);
	else if (key != KEY_RESIZE)
		screen->help = false;
}

/* The neighbour of the sort column; one that is not shown has the first. */
static void move_sort(struct esx_view *view, int by)
{
	size_t at = 0;

	while (at < view->nr_columns && view->columns[at] != view->sort)
		at++;
	if (at == view->nr_columns)
		at = 0;
	else if (by < 0 ? at > 0 : at + 1 < view->nr_columns)
		at += by;
	view->sort = view->columns[at];
}

static void change_delay(struct screen *screen, double factor)
{
	double delay = screen->view->delay * factor;

	if (delay < ESX_DELAY_MIN)
		delay = ESX_DELAY_MIN;
	if (delay > ESX_DELAY_MAX)
		delay = ESX_DELAY_MAX;
	screen->view->delay = delay;
	screen->next = seconds() + delay;
}

static void sort_key(struct esx_view *view, int key)
{
	size_t i;

	for (i = 0; i < esx_nr_columns; i++) {
		if (esx_columns[i].letter && esx_columns[i].letter == key) {
			view->sort = i;
			view->reverse = false;
		}
	}
}

static void view_key(struct esx_view *view, int key)
{
	switch (key) {
	case '<':
	case '>':
		move_sort(view, key == '<' ? -1 : 1);
		break;
	case 'r':
		view->reverse = !view->reverse;
		break;
	case 'b':
		view->bars = !view->bars;
		break;
	case 'u':
		view->bytes = !view->bytes;
		break;
	case KEY_LEFT:
	case KEY_RIGHT:
		move_skip(&view->skip_columns, key == KEY_LEFT ? -1 : 1);
		break;
	default:
		sort_key(view, key);
	}
}

static void table_key(struct screen *screen, int key)
{
	struct esx_view *view = screen->view;
	long by;

	switch (key) {
	case 'q':
	case 'Q':
		screen->done = true;
		return;
	case 'h':
	case '?':
		screen->help = true;
		screen->help_skip = 0;
		return;
	case 'p':
	case ' ':
		view->paused = !view->paused;
		screen->next = seconds() + view->delay;
		return;
	case 's':
		take_sample(screen);
		return;
	case '+':
	case '-':
		change_delay(screen, key == '+' ? 2 : 0.5);
		return;
	case '\f':
		clearok(curscr, true);
		return;
	}
	if (is_scroll(key, (long)view->nr_rows, &by))
		move_skip(&view->skip_rows, by);
	else
		view_key(view, key);
}

static void handle_keys(struct screen *screen)
{
	int key;

	while (!screen->done && (key = getch()) != ERR) {
		if (screen->help)
			help_key(screen, key);
		else
			table_key(screen, key);
	}
}

/* --- the loop --- */

/* Until there is something to do: a key, a signal, the next sample. */
static void wait_for_events(struct screen *screen)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	double left = screen->next - seconds();

	if (screen->view->paused)
		left = -1;
	else if (left < 0)
		left = 0;
	if (esx_interrupt_wait(&input, left) > 0 &&
	    input.revents & (POLLHUP | POLLERR | POLLNVAL))
		screen->done = true;
}

static void loop(struct screen *screen)
{
	while (!screen->done && !esx_interrupted()) {
		draw(screen);
		wait_for_events(screen);
		handle_keys(screen);
		if (!screen->done && !screen->view->paused && seconds() >= screen->next)
			take_sample(screen);
	}
}

static void restore_terminal(void)
{
	if (!isendwin())
		endwin();
}

static void catch_signals(void)
{
	esx_interrupt_catch();
	esx_interrupt_catch_also(SIGHUP);
	esx_interrupt_catch_also(SIGQUIT);
	esx_interrupt_hold();
}

static void open_screen(void)
{
	catch_signals();
	initscr();
	atexit(restore_terminal);
	start_colours();
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, true);
	nodelay(stdscr, true);
	/* Terminals that are slow with what an arrow key sends. */
	set_escdelay(100);
	curs_set(0);
}

/**
 * esx_top_screen() - show VMs on the terminal until the user has seen enough
 * @view: how to begin
 * @iterations: how many samples; 0: no end
 * @chosen: the columns of @view are the user's own choice
 *
 * Return: an exit code
 */
int esx_top_screen(struct esx_view *view, unsigned long iterations, bool chosen)
{
	struct screen screen = { .view = view, .chosen = chosen };
	int code = ESX_FAILED;

	take_sample(&screen);
	/* Set behind the first one: the last, too, is shown for a delay. */
	screen.left = iterations;
	if (screen.err) {
		esx_sysfs_explain(screen.err);
		return ESX_FAILED;
	}
	if (esx_terminal_check()) {
		open_screen();
		loop(&screen);
		restore_terminal();
		code = ESX_DONE;
	}
	esx_top_sample_free(&screen.now);
	esx_top_sample_free(&screen.before);
	return code;
}
