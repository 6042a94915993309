// SPDX-License-Identifier: GPL-2.0
/*
 * Ending long work on a signal, with what was done reported.
 */
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "interrupt.h"

static volatile sig_atomic_t stopped;

/* What is let through while esx_interrupt_wait() waits. */
static sigset_t outside;

static void on_signal(int signal)
{
	(void)signal;
	stopped = 1;
}

/**
 * esx_interrupt_catch_also() - take another signal so, too
 * @signal: the signal
 */
void esx_interrupt_catch_also(int signal)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(signal, &action, NULL);
}

/**
 * esx_interrupt_catch() - take SIGINT and SIGTERM as a wish to end
 *
 * Without SA_RESTART: a signal is to end a wait in the kernel, too.
 */
void esx_interrupt_catch(void)
{
	esx_interrupt_catch_also(SIGINT);
	esx_interrupt_catch_also(SIGTERM);
}

/**
 * esx_interrupt_hold() - let signals through in esx_interrupt_wait() alone
 *
 * So that none comes between a look at esx_interrupted() and the wait, which
 * would then not end.  A new size of the window is held back, too.
 */
void esx_interrupt_hold(void)
{
	static const int held[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(held) / sizeof(*held); i++)
		sigaddset(&set, held[i]);
	sigprocmask(SIG_BLOCK, &set, &outside);
}

/**
 * esx_interrupt_wait() - wait for input, a signal or the time
 * @input: what to read from, or NULL
 * @seconds: how long; negative: for ever
 *
 * Call esx_interrupt_hold() before.
 *
 * Return: as for poll(2)
 */
int esx_interrupt_wait(struct pollfd *input, double seconds)
{
	struct timespec time = { .tv_sec = (time_t)seconds };

	time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
	return ppoll(input, input ? 1 : 0, seconds < 0 ? NULL : &time, &outside);
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
