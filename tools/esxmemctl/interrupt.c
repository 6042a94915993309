// SPDX-License-Identifier: GPL-2.0
/*
 * Ending long work on a signal, with what was done reported.
 */
#include <signal.h>

#include "interrupt.h"

static volatile sig_atomic_t stopped;

static void on_signal(int signal)
{
	(void)signal;
	stopped = 1;
}

/**
 * esx_interrupt_catch() - take SIGINT and SIGTERM as a wish to end
 *
 * Without SA_RESTART: a signal is to end a wait in the kernel, too.
 */
void esx_interrupt_catch(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/**
 * esx_interrupted() - has one of the signals come?
 *
 * Return: true since it has
 */
bool esx_interrupted(void)
{
	return stopped;
}
