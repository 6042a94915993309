/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ending long work on a signal, with what was done reported.
 */
#ifndef ESXMEMCTL_INTERRUPT_H
#define ESXMEMCTL_INTERRUPT_H

#include <stdbool.h>

void esx_interrupt_catch(void);
bool esx_interrupted(void);

#endif /* ESXMEMCTL_INTERRUPT_H */
