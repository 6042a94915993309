// SPDX-License-Identifier: GPL-2.0
/*
 * What is known of the terminal, before ncurses is begun with.
 *
 * A file of its own, as term.h makes macros of common words.
 */
#include <curses.h>
#include <stdlib.h>
#include <term.h>
#include <unistd.h>

#include "message.h"
#include "terminal.h"

/**
 * esx_terminal_check() - can a screen be drawn on standard output?
 *
 * initscr() would end the program with a message of its own.
 *
 * Return: whether it can; if not a message has been printed
 */
bool esx_terminal_check(void)
{
	const char *type = getenv("TERM");
	bool can_move;
	int found;

	if (setupterm(type, STDOUT_FILENO, &found) != OK) {
		esx_error("the terminal type '%s' is not known; set TERM, or use --batch",
			  type ? type : "");
		return false;
	}
	can_move = cursor_address;
	del_curterm(cur_term);
	if (!can_move) {
		esx_error("a terminal of type '%s' cannot move its cursor; set TERM, or use "
			  "--batch",
			  type);
		return false;
	}
	return true;
}
