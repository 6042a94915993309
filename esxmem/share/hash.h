/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What pages are compared by: contents, hash and salt.
 */
#ifndef _ESXMEM_SHARE_HASH_H
#define _ESXMEM_SHARE_HASH_H

#include <linux/types.h>

struct page;

/**
 * enum esx_salt_kind - who shares with whom; kinds never meet
 */
enum esx_salt_kind {
	/** @ESX_SALT_VM: the files of one VM. */
	ESX_SALT_VM,
	/** @ESX_SALT_UID: the VMs of one user. */
	ESX_SALT_UID,
	/** @ESX_SALT_HOST: every VM of a mount that says so. */
	ESX_SALT_HOST,
	/** @ESX_SALT_GROUP: the VMs that the administrator put into a group. */
	ESX_SALT_GROUP,
};

u64 esx_salt_derive(enum esx_salt_kind kind, u64 id);
u64 esx_salt_vm(u32 vm_id);
u64 esx_salt_uid(u32 uid);
u64 esx_salt_host(void);
u64 esx_salt_group(const char *name);

u64 esx_hash_page(struct page *page, u64 salt);
u64 esx_hash_page_fetch(struct page *page, u64 salt, const struct page *next);
void esx_page_fetch(const struct page *page);
u64 esx_hash_zero(u64 salt);
bool esx_page_is_zero(struct page *page);
bool esx_page_is_zero_fetch(struct page *page, const struct page *next);
bool esx_pages_equal(struct page *a, struct page *b);

#endif /* _ESXMEM_SHARE_HASH_H */
