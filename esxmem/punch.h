/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Giving pages back: punch, truncate, eviction.
 */
#ifndef _ESXMEM_PUNCH_H
#define _ESXMEM_PUNCH_H

#include "pmap.h"

void esx_punch_pages(struct esx_pmap *pmap, pgoff_t first, pgoff_t end);
int esx_zero_bytes(struct esx_pmap *pmap, loff_t from, loff_t to);
void esx_pmap_resize(struct esx_pmap *pmap, pgoff_t nr_pages);
void esx_pmap_kill(struct esx_pmap *pmap);

#endif /* _ESXMEM_PUNCH_H */
