// SPDX-License-Identifier: GPL-2.0
/* Parameters of VMs and the knobs of the policy: what they take, what they do. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/esx.h"

#define MIB (1UL << 20)

static void expect_refused(const char *path, const char *text, int expected)
{
	char before[64];

	snprintf(before, sizeof(before), "%s", esx_get(path));
	errno = 0;
	CHECK_MSG(esx_try_write(path, text, strlen(text)) == -1, "%s takes \"%s\"", path, text);
	CHECK_MSG(errno == expected, "%s, \"%s\": %s, expected %s", path, text,
		  strerror(errno), strerror(expected));
	CHECK_MSG(!strcmp(esx_get(path), before), "%s has become \"%s\" by \"%s\"", path,
		  esx_get(path), text);
}

static void garbage_is_refused(void)
{
	static const char *const texts[] = {
		"x",   "-1",  "+ 1", "1 2", "0x10", "1.5", "4096k", "18446744073709551616",
		"Default", "defaults", "NaN", "1\n2",
	};
	static const char *const vm_knobs[] = { "min_bytes", "max_bytes", "shares",
						"tax_percent" };
	static const char *const knobs[] = { "tax_percent", "progressive", "reclaim",
					     "period_seconds", "admission", "pool_bytes",
					     "hold", "hold_max_ms" };

	esx_vm_file("vm", 16 * MIB);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(vm_knobs); j++)
			expect_refused(esx_vm_knob("vm", vm_knobs[j]), texts[i], EINVAL);
		for (size_t j = 0; j < ARRAY_SIZE(knobs); j++)
			expect_refused(esx_tax_knob(knobs[j]), texts[i], EINVAL);
	}
}

static void values_out_of_range_are_refused(void)
{
	static const struct {
		const char *knob, *text;
	} vm_table[] = {
		{ "min_bytes", "1" },		   { "min_bytes", "4097" },
		{ "min_bytes", "default" },	   { "min_bytes", "16781312" },
		{ "max_bytes", "4095" },	   { "max_bytes", "16781312" },
		{ "min_bytes", "18446744073709547520" }, { "max_bytes", "18446744073709547520" },
		{ "shares", "1000000001" },	   { "shares", "4294967295" },
		{ "shares", "4294967296" },	   { "tax_percent", "100" },
		{ "tax_percent", "4294967295" },
	}, table[] = {
		{ "tax_percent", "100" },     { "tax_percent", "default" },
		{ "progressive", "2" },	      { "reclaim", "2" },
		{ "hold", "2" },	      { "hold_max_ms", "0" },
		{ "hold_max_ms", "60001" },   { "period_seconds", "0" },
		{ "period_seconds", "3601" }, { "admission", "Strict" },
		{ "admission", "strictly" },  { "pool_bytes", "4097" },
		{ "pool_bytes", "18446744073709547520" },
	};

	esx_vm_file("vm", 16 * MIB);
	for (size_t i = 0; i < ARRAY_SIZE(vm_table); i++)
		expect_refused(esx_vm_knob("vm", vm_table[i].knob), vm_table[i].text, EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		expect_refused(esx_tax_knob(table[i].knob), table[i].text, EINVAL);
}

static void good_values_are_taken_and_read_back(void)
{
	static const struct {
		const char *knob, *text;
	} table[] = {
		{ "min_bytes", "4096" },   { "max_bytes", "8388608" }, { "min_bytes", "8388608" },
		{ "min_bytes", "0" },	   { "max_bytes", "4096" },    { "max_bytes", "16777216" },
		{ "max_bytes", "0" },	   { "shares", "0" },	       { "shares", "1000000000" },
		{ "shares", "default" },   { "tax_percent", "0" },     { "tax_percent", "99" },
		{ "tax_percent", "default" },
	};
	char line[64];

	esx_vm_file("vm", 16 * MIB);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *path = esx_vm_knob("vm", table[i].knob);

		esx_set(path, table[i].text);
		CHECK(!strcmp(esx_get(path), table[i].text));
		snprintf(line, sizeof(line), "%s\n", table[i].text);
		esx_set(path, line);
		CHECK(!strcmp(esx_get(path), table[i].text));
	}
}

static void limits_may_not_cross(void)
{
	esx_vm_file("vm", 16 * MIB);
	esx_set(esx_vm_knob("vm", "max_bytes"), "8388608");
	expect_refused(esx_vm_knob("vm", "min_bytes"), "8392704", EINVAL);
	esx_set(esx_vm_knob("vm", "min_bytes"), "4194304");
	expect_refused(esx_vm_knob("vm", "max_bytes"), "4190208", EINVAL);
}

/* Before it has a size a VM takes limits for the size that it will have. */
static void a_vm_without_size_can_be_given_limits(void)
{
	int fd = esx_vm_file("vm", 0);

	esx_set_number(esx_vm_knob("vm", "max_bytes"), 16 * MIB);
	esx_set_number(esx_vm_knob("vm", "min_bytes"), 8 * MIB);
	expect_refused(esx_vm_knob("vm", "max_bytes"), "4194304", EINVAL);
	CHECK_EQ(esx_get_number(esx_tax_knob("reserved_bytes")), 0);
	/* It is admitted with them, or not. */
	esx_set_number(esx_tax_knob("pool_bytes"), 8 * MIB);
	CHECK_ERRNO(ftruncate(fd, 32 * MIB), ENOSPC);
	esx_set(esx_tax_knob("pool_bytes"), "0");
	CHECK_OK(ftruncate(fd, 32 * MIB));
	CHECK_EQ(esx_get_number(esx_tax_knob("reserved_bytes")), (2048 + 10 + 16) * ESX_PAGE);
	expect_refused(esx_vm_knob("vm", "max_bytes"), "67108864", EINVAL);
}

static void shares_come_by_size(void)
{
	int fd = esx_vm_file("vm", 16 * MIB);

	CHECK_EQ(esx_get_number(esx_vm_knob("vm", "effective_shares")), 160);
	CHECK_OK(ftruncate(fd, 64 * MIB));
	CHECK_EQ(esx_get_number(esx_vm_knob("vm", "effective_shares")), 640);
	esx_set(esx_vm_knob("vm", "shares"), "7");
	CHECK_EQ(esx_get_number(esx_vm_knob("vm", "effective_shares")), 7);
}

static uint64_t target(const char *vm)
{
	return esx_get_number(esx_vm_knob(vm, "target_bytes"));
}

static bool reason_is(const char *vm, const char *reason)
{
	return !strcmp(esx_get(esx_vm_knob(vm, "target_reason")), reason);
}

/* It is not short while everybody has what he is entitled to. */
static void some_of_a_chosen_pool_is_kept(void)
{
	esx_vm_file("a", 64 * MIB);
	esx_set_number(esx_tax_knob("pool_bytes"), 64 * MIB);
	esx_wait_rebalance();
	/* 6.6 % of 16384 pages: 983, and 98 of margin. */
	CHECK_EQ(target("a"), (16384 - 983 - 98) * ESX_PAGE);
	esx_set(esx_tax_knob("pool_bytes"), "0");
	esx_wait_rebalance();
	CHECK_EQ(target("a"), 64 * MIB);
}

static void plenty_of_memory_gives_everybody_the_maximum(void)
{
	esx_vm_file("a", 16 * MIB);
	esx_vm_file("b", 32 * MIB);
	esx_set(esx_vm_knob("b", "max_bytes"), "8388608");
	esx_wait_rebalance();
	CHECK_EQ(target("a"), 16 * MIB);
	CHECK_EQ(target("b"), 8 * MIB);
	CHECK(reason_is("a", "max"));
}

static void shares_divide_a_small_pool(void)
{
	esx_vm_file("a", 64 * MIB);
	esx_vm_file("b", 64 * MIB);
	esx_vm_file("c", 64 * MIB);
	esx_set(esx_vm_knob("b", "shares"), "1280");
	esx_set(esx_vm_knob("c", "shares"), "0");
	esx_set(esx_vm_knob("c", "min_bytes"), "6291456");
	esx_choose_pool(66 * MIB);
	esx_wait_rebalance();
	/* Idle all of them: 60 MiB in proportion 1:2, and 6 MiB. */
	CHECK_EQ(target("a"), 20 * MIB);
	CHECK_EQ(target("b"), 40 * MIB);
	CHECK_EQ(target("c"), 6 * MIB);
	CHECK(reason_is("b", "tax"));
	CHECK(reason_is("c", "min"));
	CHECK_EQ(esx_get_number(esx_tax_knob("shortfall_bytes")), 0);
}

static void idle_memory_is_taxed(void)
{
	char *memory;
	int fd;

	esx_vm_file("idle", 64 * MIB);
	fd = esx_vm_file("busy", 64 * MIB);
	memory = esx_map(fd, 64 * MIB, 0);
	memset(memory, 1, 16 * MIB);
	esx_choose_pool(64 * MIB);
	esx_wait_rebalance();
	/* tau (a1 - a2): 3/4 of 16 MiB. */
	CHECK_EQ(target("idle"), 26 * MIB);
	CHECK_EQ(target("busy"), 38 * MIB);
	esx_set(esx_vm_knob("idle", "tax_percent"), "0");
	esx_set(esx_vm_knob("busy", "tax_percent"), "0");
	esx_wait_rebalance();
	CHECK_EQ(target("idle"), 32 * MIB);
	CHECK_EQ(target("busy"), 32 * MIB);
}

/* Shares 1:3:3, all idle, a minimum, a limit, and what is dealt is all given. */
static void limits_hold_and_the_sum_is_what_is_dealt(void)
{
	esx_vm_file("a", 128 * MIB);
	esx_vm_file("b", 128 * MIB);
	esx_vm_file("c", 128 * MIB);
	esx_set(esx_vm_knob("a", "shares"), "100");
	esx_set(esx_vm_knob("b", "shares"), "300");
	esx_set(esx_vm_knob("c", "shares"), "300");
	esx_set_number(esx_vm_knob("a", "min_bytes"), 40 * MIB);
	esx_set_number(esx_vm_knob("c", "max_bytes"), 50 * MIB);
	esx_choose_pool(150 * MIB);
	esx_wait_rebalance();
	/* Without limits it would be 21.4, 64.3 and 64.3. */
	CHECK_EQ(target("a"), 40 * MIB);
	CHECK_EQ(target("b"), 60 * MIB);
	CHECK_EQ(target("c"), 50 * MIB);
	CHECK(reason_is("a", "min") && reason_is("b", "tax") && reason_is("c", "max"));
	/* 300 shares for 60 MiB of idle pages, each of which costs four: 0.0048828. */
	CHECK_EQ(esx_get_number(esx_vm_knob("b", "rho_ppm")), 4882);
}

/*
 * Both VMs have frames for all of their 1024 pages; of one 256 are touched in a
 * period that all pages are sampled in, of the other none.  tau (a1 - a2) is 192.
 */
static void sampled_idleness_is_what_is_taxed(void)
{
	const size_t pages = 1024, size = pages * ESX_PAGE;
	static const char *const names[] = { "busy", "idle" };
	volatile char *maps[2];

	for (int i = 0; i < 2; i++) {
		maps[i] = esx_map(esx_vm_file(names[i], size), size, 0);
		for (size_t j = 0; j < pages; j++)
			esx_fill((char *)maps[i] + j * ESX_PAGE, 1 + j);
	}
	esx_choose_pool(size);
	esx_wait_rebalance();
	/* Nobody has looked yet: all of both counts as in use. */
	CHECK_EQ(target("busy"), size / 2);
	CHECK_EQ(target("idle"), size / 2);
	CHECK(reason_is("idle", "shares"));

	esx_set(esx_tax_knob("sample_pages"), "4096");
	esx_set("/sys/kernel/debug/esxmem/sample", "begin");
	for (size_t j = 0; j < 256; j++)
		(void)maps[0][j * ESX_PAGE];
	esx_set("/sys/kernel/debug/esxmem/sample", "end");
	CHECK_EQ(esx_get_number(esx_vm_knob("busy", "active_bytes")), 256 * ESX_PAGE);
	CHECK_EQ(esx_get_number(esx_vm_knob("idle", "active_bytes")), 0);
	esx_wait_rebalance();
	CHECK_EQ(target("busy"), 608 * ESX_PAGE);
	CHECK_EQ(target("idle"), 416 * ESX_PAGE);
	esx_set(esx_tax_knob("tax_percent"), "0");
	esx_wait_rebalance();
	CHECK_EQ(target("busy"), size / 2);
	/* x - 3/4 (x - a)^2 / x: with a of 0 a quarter of x, as above. */
	esx_set(esx_tax_knob("tax_percent"), "75");
	esx_set(esx_tax_knob("progressive"), "1");
	esx_wait_rebalance();
	CHECK_EQ(target("busy") + target("idle"), size);
	CHECK(target("busy") > 608 * ESX_PAGE && target("busy") < pages * ESX_PAGE);
}

static void wait_for_target(const char *vm, uint64_t bytes)
{
	for (int look = 0; target(vm) != bytes; look++) {
		CHECK_MSG(look < 3000, "the target of %s is %llu, expected %llu", vm,
			  (unsigned long long)target(vm), (unsigned long long)bytes);
		usleep(10000);
	}
}

static void start_resize_and_end_of_a_vm_change_targets(void)
{
	int fd;

	/* So that it is not the period that does. */
	esx_set(esx_tax_knob("period_seconds"), "3600");
	esx_wait_rebalance();
	esx_choose_pool(64 * MIB);
	esx_vm_file("first", 64 * MIB);
	wait_for_target("first", 64 * MIB);
	fd = esx_vm_file("second", 64 * MIB);
	wait_for_target("second", 32 * MIB);
	wait_for_target("first", 32 * MIB);
	CHECK_OK(ftruncate(fd, 16 * MIB));
	/* 160 of 800 shares, and the page that is left over. */
	wait_for_target("second", 3277 * ESX_PAGE);
	CHECK_OK(unlink(esx_path("second/ram")));
	close(fd);
	wait_for_target("first", 64 * MIB);
}

static void period_goes_on_by_itself(void)
{
	uint64_t before;

	esx_set(esx_tax_knob("period_seconds"), "1");
	esx_wait_rebalance();
	before = esx_get_number(esx_tax_knob("rebalances"));
	for (int look = 0; esx_get_number(esx_tax_knob("rebalances")) < before + 3; look++) {
		CHECK_MSG(look < 6000, "targets are not computed");
		usleep(10000);
	}
}

static const struct tap_case cases[] = {
	TAP_CASE(garbage_is_refused),
	TAP_CASE(values_out_of_range_are_refused),
	TAP_CASE(good_values_are_taken_and_read_back),
	TAP_CASE(limits_may_not_cross),
	TAP_CASE(a_vm_without_size_can_be_given_limits),
	TAP_CASE(shares_come_by_size),
	TAP_CASE(plenty_of_memory_gives_everybody_the_maximum),
	TAP_CASE(some_of_a_chosen_pool_is_kept),
	TAP_CASE(shares_divide_a_small_pool),
	TAP_CASE(idle_memory_is_taxed),
	TAP_CASE(limits_hold_and_the_sum_is_what_is_dealt),
	TAP_CASE(sampled_idleness_is_what_is_taxed),
	TAP_CASE(start_resize_and_end_of_a_vm_change_targets),
	TAP_CASE(period_goes_on_by_itself),
};

ESX_MAIN(cases)
