/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is known of the terminal, before ncurses is begun with.
 */
#ifndef ESXMEMCTL_TERMINAL_H
#define ESXMEMCTL_TERMINAL_H

#include <stdbool.h>

bool esx_terminal_check(void);

#endif /* ESXMEMCTL_TERMINAL_H */
