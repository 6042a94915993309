/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ending long work on a signal, with what was done reported.
 */
#ifndef ESXMEMCTL_INTERRUPT_H
#define ESXMEMCTL_INTERRUPT_H

#include <poll.h>
#include <stdbool.h>

void esx_interrupt_catch(void);
void esx_interrupt_catch_also(int signal);
void esx_interrupt_hold(void);
int esx_interrupt_wait(struct pollfd *input, double seconds);
bool esx_interrupted(void);

#endif /* ESXMEMCTL_INTERRUPT_H */
