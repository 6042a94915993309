/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared frames: the half of the share table that is write-protected.
 *
 * A shared frame is a folio; what the table knows of it is kept in the fields
 * of its struct page that nobody else uses (see shared.c).
 */
#ifndef _ESXMEM_SHARE_SHARED_H
#define _ESXMEM_SHARE_SHARED_H

#include <linux/types.h>

struct folio;

int esx_shared_init(void);
void esx_shared_exit(void);

void esx_shared_expect(long nr);
int esx_shared_insert(struct folio *folio, u64 hash, u64 salt);
void esx_shared_fetch(u64 hash);
struct folio *esx_shared_find(u64 hash, u64 salt);
bool esx_shared_has(u64 hash, u64 salt);
void esx_shared_get(struct folio *folio);
void esx_shared_put(struct folio *folio);

long esx_shared_refs(struct folio *folio);
u64 esx_shared_hash(struct folio *folio);
u64 esx_shared_salt(struct folio *folio);
void esx_shared_mark_cloned(struct folio *folio);
bool esx_shared_is_cloned(struct folio *folio);

long esx_shared_count(void);
size_t esx_shared_bytes(void);
void esx_shared_settle(void);
int esx_shared_for_each(int (*fn)(struct folio *folio, void *ctx), void *ctx);

#endif /* _ESXMEM_SHARE_SHARED_H */
