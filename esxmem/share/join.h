/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Putting regions together again.
 */
#ifndef _ESXMEM_SHARE_JOIN_H
#define _ESXMEM_SHARE_JOIN_H

#include "../pmap.h"

bool esx_join_is_due(struct esx_region *region, u64 pass);
int esx_join_region(struct esx_pmap *pmap, pgoff_t index);

#endif /* _ESXMEM_SHARE_JOIN_H */
