/* SPDX-License-Identifier: GPL-2.0 */
/*
 * top without a terminal: tables or JSON, one for each sample.
 */
#ifndef ESXMEMCTL_TOP_BATCH_H
#define ESXMEMCTL_TOP_BATCH_H

#include "top_page.h"

int esx_top_batch(struct esx_view *view, unsigned long iterations, bool chosen, bool json);

#endif /* ESXMEMCTL_TOP_BATCH_H */
