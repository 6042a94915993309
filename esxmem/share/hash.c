// SPDX-License-Identifier: GPL-2.0
/*
 * Hashes of pages (the paper, section 4.1), and the salts that seed them.
 *
 * Two pages can meet in the tables only when their hashes are equal, and the
 * hash is seeded with the salt of the page's VM: pages of different salts do
 * not meet.  Salts are derived from a secret that is made anew each time the
 * module is loaded, so that nobody outside can compute a hash.
 *
 * The secret does not make xxh64 a message authentication code.  There are
 * pairs of pages with the same hash for half of all seeds (the tests make
 * some), hence a guest can fill a bucket if it wants to.  Nothing may rest on
 * hashes being rare: every merge compares the contents, chains are bounded.
 *
 * The functions read the page as it is.  Only the caller knows whether somebody
 * may be writing to it, and what the answer is worth then.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/once.h>
#include <linux/prefetch.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/string.h>
#include <linux/xxhash.h>

#include "../compat.h"
#include "hash.h"

/*
 * A page is hashed in steps of this, beside which as much of the next one is
 * fetched: pages lie anywhere, and what the processor fetches of its own accord
 * ends with the page.
 */
#define STEP_BYTES		512
/* What is fetched of a page that is read at once: memory takes longer than a step. */
#define FETCH_AHEAD		1024

static siphash_key_t salt_secret __read_mostly;

/**
 * esx_salt_derive() - the salt of somebody who shares
 * @kind: what @id names
 * @id: which one of its kind
 *
 * Return: a number that is the same for the same arguments until the module is
 * unloaded, and that nobody outside can guess.
 */
u64 esx_salt_derive(enum esx_salt_kind kind, u64 id)
{
	get_random_once(&salt_secret, sizeof(salt_secret));
	return siphash_2u64(kind, id, &salt_secret);
}
ESX_EXPORT_FOR_TESTS(esx_salt_derive);

/**
 * esx_salt_vm() - the salt of a VM that shares with itself only
 * @vm_id: the VM's number, not given out twice while the module is loaded
 *
 * Return: the salt.
 */
u64 esx_salt_vm(u32 vm_id)
{
	return esx_salt_derive(ESX_SALT_VM, vm_id);
}
ESX_EXPORT_FOR_TESTS(esx_salt_vm);

/**
 * esx_salt_uid() - the salt of all VMs of one user
 * @uid: the user, as the initial user namespace numbers it
 *
 * Return: the salt.
 */
u64 esx_salt_uid(u32 uid)
{
	return esx_salt_derive(ESX_SALT_UID, uid);
}
ESX_EXPORT_FOR_TESTS(esx_salt_uid);

/**
 * esx_salt_host() - the salt of VMs that share with the whole host
 *
 * Return: the salt.
 */
u64 esx_salt_host(void)
{
	return esx_salt_derive(ESX_SALT_HOST, 0);
}
ESX_EXPORT_FOR_TESTS(esx_salt_host);

/**
 * esx_salt_group() - the salt of a trust group
 * @name: the group's name
 *
 * Return: the salt.
 */
u64 esx_salt_group(const char *name)
{
	get_random_once(&salt_secret, sizeof(salt_secret));
	return esx_salt_derive(ESX_SALT_GROUP, siphash(name, strlen(name), &salt_secret));
}
ESX_EXPORT_FOR_TESTS(esx_salt_group);

/**
 * esx_hash_page() - hash the contents of a page
 * @page: any page, part of a 2 MB frame or not
 * @salt: what to seed the hash with
 *
 * Return: the hash; of some mixture when the page was written to meanwhile.
 */
u64 esx_hash_page(struct page *page, u64 salt)
{
	void *addr = kmap_local_page(page);
	u64 hash = xxh64(addr, PAGE_SIZE, salt);

	kunmap_local(addr);
	return hash;
}
ESX_EXPORT_FOR_TESTS(esx_hash_page);

static void fetch(const void *addr)
{
	unsigned int i;

	for (i = 0; i < STEP_BYTES; i += L1_CACHE_BYTES)
		prefetch(addr + i);
}

/**
 * esx_page_fetch() - have the head of a page fetched into the cache
 * @page: a page that is about to be looked at; may be somebody else's by now
 */
void esx_page_fetch(const struct page *page)
{
	unsigned int i;

	prefetch(page);
	for (i = 0; i < FETCH_AHEAD; i += STEP_BYTES)
		fetch(page_address(page) + i);
}

/**
 * esx_hash_page_fetch() - esx_hash_page() of one of many pages
 * @page: any page
 * @salt: what to seed the hash with
 * @next: the page that is likely to be hashed next, NULL when there is none;
 *	is fetched into the cache, and may be somebody else's by now
 *
 * Return: the hash that esx_hash_page() returns.
 */
u64 esx_hash_page_fetch(struct page *page, u64 salt, const struct page *next)
{
	const void *ahead = page_address(next ?: page);
	void *addr = kmap_local_page(page);
	struct xxh64_state state;
	unsigned int i;

	/* Whoever hashes it looks at its struct page first. */
	if (next)
		prefetch(next);
	xxh64_reset(&state, salt);
	for (i = 0; i < PAGE_SIZE; i += STEP_BYTES) {
		fetch(ahead + i);
		xxh64_update(&state, addr + i, STEP_BYTES);
	}
	kunmap_local(addr);
	return xxh64_digest(&state);
}
ESX_EXPORT_FOR_TESTS(esx_hash_page_fetch);

/**
 * esx_hash_zero() - the hash of a page of zeros
 * @salt: what to seed the hash with
 *
 * Return: the hash.
 */
u64 esx_hash_zero(u64 salt)
{
	return esx_hash_page(ZERO_PAGE(0), salt);
}
ESX_EXPORT_FOR_TESTS(esx_hash_zero);

/**
 * esx_page_is_zero() - does a page hold nothing but zeros?
 * @page: any page
 *
 * Return: true if all bytes were zero when they were read.
 */
bool esx_page_is_zero(struct page *page)
{
	return esx_page_is_zero_fetch(page, NULL);
}
ESX_EXPORT_FOR_TESTS(esx_page_is_zero);

/**
 * esx_page_is_zero_fetch() - esx_page_is_zero() of one of many pages
 * @page: any page
 * @next: as of esx_hash_page_fetch(); fetched as far as @page was looked at
 *
 * Return: what esx_page_is_zero() returns.
 */
bool esx_page_is_zero_fetch(struct page *page, const struct page *next)
{
	const void *ahead = page_address(next ?: page);
	void *addr = kmap_local_page(page);
	bool is_zero = true;
	unsigned int i;

	for (i = 0; is_zero && i < PAGE_SIZE; i += STEP_BYTES) {
		is_zero = !memchr_inv(addr + i, 0, STEP_BYTES);
		/* Of a page that is not zero the next one is fetched when it is hashed. */
		if (is_zero)
			fetch(ahead + i);
	}
	kunmap_local(addr);
	return is_zero;
}

/**
 * esx_pages_equal() - do two pages hold the same bytes?
 * @a: any page
 * @b: any page
 *
 * Return: true if each byte of @a was the same as that of @b when it was read.
 */
bool esx_pages_equal(struct page *a, struct page *b)
{
	void *addr_a = kmap_local_page(a);
	void *addr_b = kmap_local_page(b);
	bool equal = true;
	unsigned int i;

	for (i = 0; equal && i < PAGE_SIZE; i += STEP_BYTES) {
		fetch(addr_a + i + FETCH_AHEAD);
		fetch(addr_b + i + FETCH_AHEAD);
		equal = !memcmp(addr_a + i, addr_b + i, STEP_BYTES);
	}
	kunmap_local(addr_b);
	kunmap_local(addr_a);
	return equal;
}
ESX_EXPORT_FOR_TESTS(esx_pages_equal);
