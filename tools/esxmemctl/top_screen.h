/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The screen of top: ncurses, and what keys do.
 */
#ifndef ESXMEMCTL_TOP_SCREEN_H
#define ESXMEMCTL_TOP_SCREEN_H

#include "top_page.h"

#define ESX_DELAY_MIN 0.1
#define ESX_DELAY_MAX 3600.0

void esx_top_columns(struct esx_view *view, const struct esx_top_sample *sample);
int esx_top_screen(struct esx_view *view, unsigned long iterations, bool chosen);

#endif /* ESXMEMCTL_TOP_SCREEN_H */
