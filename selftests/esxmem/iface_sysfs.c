// SPDX-License-Identifier: GPL-2.0
/* The files under /sys/kernel/esxmem: who may use them, and what they take. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"

static const struct attribute {
	const char *name;
	mode_t mode;
} host_files[] = {
	{ "version", 0444 },
	{ "large_pages", 0600 },
	{ "share/run", 0600 },
	{ "share/pages_per_second", 0600 },
	{ "share/cpu_percent", 0600 },
	{ "share/order", 0600 },
	{ "share/target_seconds", 0600 },
	{ "share/workers", 0600 },
	{ "share/break_large", 0600 },
	{ "share/pressure_percent", 0600 },
	{ "share/full_scans", 0400 },
	{ "share/scanned_pages", 0400 },
	{ "share/merged_pages", 0400 },
	{ "share/zero_merged_pages", 0400 },
	{ "share/shared_pages", 0400 },
	{ "share/shared_frames", 0400 },
	{ "share/zero_pages", 0400 },
	{ "share/hints", 0400 },
	{ "share/cow_breaks", 0400 },
	{ "share/hash_mismatches", 0400 },
	{ "share/false_matches", 0400 },
	{ "share/pinned_pages", 0400 },
	{ "share/busy_pages", 0400 },
	{ "share/huge_broken", 0400 },
	{ "share/huge_joined", 0400 },
	{ "share/hashed_pages", 0400 },
	{ "share/clean_pages", 0400 },
	{ "share/backed_off_pages", 0400 },
	{ "share/unmap_ranges", 0400 },
	{ "share/shareable_bytes", 0400 },
	{ "share/shareable_large_pages", 0400 },
	{ "share/table_bytes", 0400 },
	{ "tax/sample_run", 0600 },
	{ "tax/sample_method", 0600 },
	{ "tax/sample_discount", 0600 },
	{ "tax/sample_pages", 0600 },
	{ "tax/sample_period_ms", 0600 },
	{ "tax/sample_wall_ms", 0600 },
	{ "tax/sample_fallbacks", 0400 },
	{ "tax/tax_percent", 0600 },
	{ "tax/progressive", 0600 },
	{ "tax/reclaim", 0600 },
	{ "tax/reclaimed_bytes", 0400 },
	{ "tax/hold", 0600 },
	{ "tax/hold_max_ms", 0600 },
	{ "tax/hold_faults", 0400 },
	{ "tax/hold_ns", 0400 },
	{ "tax/period_seconds", 0600 },
	{ "tax/admission", 0600 },
	{ "tax/pool_bytes", 0600 },
	{ "tax/reserved_bytes", 0400 },
	{ "tax/refusals", 0400 },
	{ "tax/rebalances", 0400 },
	{ "tax/shortfall_bytes", 0400 },
	{ "tax/state_scale", 0600 },
	{ "tax/state_high_pm", 0600 },
	{ "tax/state_soft_pm", 0600 },
	{ "tax/state_hard_pm", 0600 },
	{ "tax/state_low_pm", 0600 },
	{ "tax/state_margin_percent", 0600 },
	{ "tax/state_period_ms", 0600 },
	{ "tax/state", 0400 },
	{ "tax/state_word", 0400 },
	{ "tax/shrink_calls", 0400 },
	{ "tax/shrink_offered_bytes", 0400 },
	{ "tax/state_total_bytes", 0400 },
	{ "tax/state_free_bytes", 0400 },
	{ "tax/state_high_bytes", 0400 },
	{ "tax/state_soft_bytes", 0400 },
	{ "tax/state_hard_bytes", 0400 },
	{ "tax/state_low_bytes", 0400 },
	{ "tax/state_high_ms", 0400 },
	{ "tax/state_soft_ms", 0400 },
	{ "tax/state_hard_ms", 0400 },
	{ "tax/state_low_ms", 0400 },
	{ "tax/state_high_entries", 0400 },
	{ "tax/state_soft_entries", 0400 },
	{ "tax/state_hard_entries", 0400 },
	{ "tax/state_low_entries", 0400 },
}, vm_files[] = {
	{ "share", 0600 },	  { "group", 0600 },
	{ "size_bytes", 0444 },	  { "backed_bytes", 0400 },
	{ "private_bytes", 0400 }, { "shared_bytes", 0400 },
	{ "zero_bytes", 0400 },	  { "huge_bytes", 0400 },
	{ "cow_breaks", 0400 },	  { "faults", 0400 },
	{ "merged_pages", 0400 }, { "attached", 0444 },
	{ "ept_violations", 0400 }, { "vmm_faults", 0400 },
	{ "vcpu_time_ns", 0400 }, { "active_bytes", 0400 },
	{ "active_slow_bytes", 0400 }, { "active_fast_bytes", 0400 },
	{ "active_now_bytes", 0400 }, { "active_coarse_bytes", 0400 },
	{ "active_host_bytes", 0400 }, { "active_raw_bytes", 0400 },
	{ "sampled_pages", 0400 }, { "touched_pages", 0400 },
	{ "touched_coarse_pages", 0400 }, { "touched_host_pages", 0400 },
	{ "touched_zeroed_pages", 0400 }, { "touched_freed_pages", 0400 },
	{ "sample_periods", 0400 }, { "sample_method", 0400 },
	{ "min_bytes", 0600 },	  { "max_bytes", 0600 },
	{ "shares", 0600 },	  { "tax_percent", 0600 },
	{ "effective_shares", 0400 }, { "reserved_bytes", 0400 },
	{ "target_bytes", 0400 }, { "rho_ppm", 0400 },
	{ "held_bytes", 0400 },	  { "reclaimed_bytes", 0400 },
	{ "on_hold", 0400 },	  { "hold_waiters", 0400 },
	{ "hold_faults", 0400 },  { "hold_ns", 0400 },
	{ "target_reason", 0400 }, { "pool", 0400 },
};

static int vm_file(const char *vm)
{
	return esx_vm_file(vm, 16 * ESX_PAGE);
}

static void expect_mode(const char *path, mode_t mode)
{
	struct stat st;

	if (stat(path, &st))
		FAIL("%s: %s", path, strerror(errno));
	CHECK_MSG((st.st_mode & 07777) == mode, "%s has mode %o, expected %o",
		  path, st.st_mode & 07777, mode);
	CHECK_EQ(st.st_uid, 0);
}

static void files_have_their_modes(void)
{
	vm_file("vm");
	for (size_t i = 0; i < ARRAY_SIZE(host_files); i++)
		expect_mode(esx_knob_path("%s", host_files[i].name),
			    host_files[i].mode);
	for (size_t i = 0; i < ARRAY_SIZE(vm_files); i++)
		expect_mode(esx_vm_knob("vm", vm_files[i].name),
			    vm_files[i].mode);
}

static bool listed(const struct attribute *table, size_t nr, const char *prefix,
		   const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s%s", prefix, name);
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(table[i].name, path))
			return true;
	return false;
}

static void expect_only(const char *directory, const char *prefix,
			const struct attribute *table, size_t nr)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;

	CHECK(dir);
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_REG)
			CHECK_MSG(listed(table, nr, prefix, entry->d_name),
				  "%s/%s is not in the list", directory,
				  entry->d_name);
	closedir(dir);
}

static void there_are_no_other_files(void)
{
	vm_file("vm");
	expect_only(ESX_SYSFS, "", host_files, ARRAY_SIZE(host_files));
	expect_only(ESX_SYSFS "/share", "share/", host_files,
		    ARRAY_SIZE(host_files));
	expect_only(ESX_SYSFS "/tax", "tax/", host_files,
		    ARRAY_SIZE(host_files));
	expect_only(esx_vm_knob("vm", ""), "", vm_files, ARRAY_SIZE(vm_files));
}

static void expect_number(const char *path)
{
	const char *text = esx_get(path);

	CHECK_MSG(*text && strspn(text, "0123456789") == strlen(text),
		  "%s holds \"%s\"", path, text);
}

static bool is_word(const char *name)
{
	return !strcmp(name, "version") || !strcmp(name, "large_pages") ||
	       !strcmp(name, "share/order") ||
	       !strcmp(name, "share/break_large") ||
	       !strcmp(name, "tax/sample_method") ||
	       !strcmp(name, "sample_method") || !strcmp(name, "group") ||
	       !strcmp(name, "tax/admission") || !strcmp(name, "shares") ||
	       !strcmp(name, "tax_percent") || !strcmp(name, "target_reason") ||
	       !strcmp(name, "pool") ||
	       !strcmp(name, "tax/state") || !strcmp(name, "tax/state_word") ||
	       !strcmp(name, "tax/state_scale");
}

static void every_file_reads_as_one_value(void)
{
	vm_file("vm");
	for (size_t i = 0; i < ARRAY_SIZE(host_files); i++)
		if (!is_word(host_files[i].name))
			expect_number(esx_knob_path("%s", host_files[i].name));
	for (size_t i = 0; i < ARRAY_SIZE(vm_files); i++)
		if (!is_word(vm_files[i].name))
			expect_number(esx_vm_knob("vm", vm_files[i].name));
	CHECK(*esx_get(ESX_SYSFS "/version"));
}

static void expect_refused(const char *path, const char *text, size_t length,
			   const char *what)
{
	char before[256];

	snprintf(before, sizeof(before), "%s", esx_get(path));
	errno = 0;
	CHECK_MSG(esx_try_write(path, text, length) == -1,
		  "%s takes %s", path, what);
	CHECK_MSG(errno == EINVAL || errno == ERANGE, "%s, %s: %s", path, what,
		  strerror(errno));
	CHECK_MSG(!strcmp(esx_get(path), before), "%s has become \"%s\" by %s",
		  path, esx_get(path), what);
}

static void expect_garbage_refused(const char *path)
{
	static const char *const texts[] = {
		"x",   "-1",  "1x",  "0x10", "1 2",  "+-1", "18446744073709551616",
		"yes", "1.5", "--",  "\x01", "1\n2", "on",  "99999999999999999999",
	};
	static char longest[4095];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		expect_refused(path, texts[i], strlen(texts[i]), texts[i]);
	expect_refused(path, "\n", 1, "an empty line");
	expect_refused(path, "\0", 1, "a zero byte");
	memset(longest, '9', sizeof(longest));
	expect_refused(path, longest, sizeof(longest), "4095 nines");
	memset(longest, ' ', sizeof(longest));
	expect_refused(path, longest, sizeof(longest), "4095 blanks");
}

static void garbage_is_refused(void)
{
	static const char *const knobs[] = {
		"large_pages",	     "share/run",   "share/pages_per_second",
		"share/cpu_percent", "share/order",
		"share/target_seconds", "share/workers",
		"share/break_large", "share/pressure_percent",
		"tax/sample_run",    "tax/sample_method", "tax/sample_pages",
		"tax/sample_discount",
		"tax/sample_period_ms", "tax/sample_wall_ms",
		"tax/state_scale",   "tax/state_high_pm", "tax/state_soft_pm",
		"tax/state_hard_pm", "tax/state_low_pm",
		"tax/state_margin_percent", "tax/state_period_ms",
	};

	vm_file("vm");
	for (size_t i = 0; i < ARRAY_SIZE(knobs); i++)
		expect_garbage_refused(esx_knob_path("%s", knobs[i]));
	expect_garbage_refused(esx_vm_knob("vm", "share"));
}

static void values_out_of_range_are_refused(void)
{
	static const struct {
		const char *knob, *text;
	} table[] = {
		{ "share/run", "2" },
		{ "share/run", "256" },
		{ "share/cpu_percent", "0" },
		{ "share/cpu_percent", "101" },
		{ "share/cpu_percent", "4294967297" },
		{ "share/pages_per_second", "4294967296" },
		{ "share/order", "Random" },
		{ "share/order", "rand" },
		{ "share/order", "randomly" },
		{ "share/target_seconds", "4294967296" },
		{ "share/workers", "0" },
		{ "share/workers", "65" },
		{ "share/workers", "4294967297" },
		{ "share/break_large", "pressured" },
		{ "share/break_large", "Never" },
		{ "share/pressure_percent", "101" },
		{ "share/pressure_percent", "4294967296" },
		{ "tax/sample_run", "2" },
		{ "tax/sample_discount", "2" },
		{ "tax/sample_discount", "on off" },
		{ "tax/sample_method", "Young" },
		{ "tax/sample_method", "unmapped" },
		{ "tax/sample_pages", "0" },
		{ "tax/sample_pages", "4097" },
		{ "tax/sample_pages", "4294967297" },
		{ "tax/sample_period_ms", "0" },
		{ "tax/sample_period_ms", "86400001" },
		{ "tax/sample_wall_ms", "0" },
		{ "tax/sample_wall_ms", "86400001" },
		{ "tax/state_scale", "Linear" },
		{ "tax/state_scale", "slide" },
		{ "tax/state_high_pm", "1001" },
		/* They are 60, 40, 20 and 10. */
		{ "tax/state_high_pm", "40" },
		{ "tax/state_high_pm", "0" },
		{ "tax/state_soft_pm", "60" },
		{ "tax/state_soft_pm", "20" },
		{ "tax/state_hard_pm", "40" },
		{ "tax/state_hard_pm", "10" },
		{ "tax/state_low_pm", "20" },
		{ "tax/state_low_pm", "4294967301" },
		{ "tax/state_margin_percent", "101" },
		{ "tax/state_period_ms", "0" },
		{ "tax/state_period_ms", "60001" },
		{ "large_pages", "alway" },
		{ "large_pages", "alwayss" },
		{ "large_pages", "madvise" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		expect_refused(esx_knob_path("%s", table[i].knob),
			       table[i].text, strlen(table[i].text),
			       table[i].text);
}

static void good_values_are_taken_and_read_back(void)
{
	static const struct {
		const char *knob, *text;
	} table[] = {
		{ "share/run", "1" },
		{ "share/run", "0" },
		{ "share/cpu_percent", "1" },
		{ "share/cpu_percent", "100" },
		{ "share/cpu_percent", "10" },
		{ "share/pages_per_second", "0" },
		{ "share/pages_per_second", "4294967295" },
		{ "share/pages_per_second", "20000" },
		{ "share/order", "random" },
		{ "share/order", "sequential" },
		{ "share/target_seconds", "4294967295" },
		{ "share/target_seconds", "0" },
		{ "share/workers", "64" },
		{ "share/workers", "1" },
		{ "share/break_large", "never" },
		{ "share/break_large", "always" },
		{ "share/break_large", "pressure" },
		{ "share/pressure_percent", "0" },
		{ "share/pressure_percent", "100" },
		{ "share/pressure_percent", "10" },
		{ "tax/sample_run", "1" },
		{ "tax/sample_run", "0" },
		{ "tax/sample_method", "unmap" },
		{ "tax/sample_method", "young" },
		{ "tax/sample_discount", "0" },
		{ "tax/sample_discount", "1" },
		{ "tax/sample_pages", "1" },
		{ "tax/sample_pages", "4096" },
		{ "tax/sample_pages", "100" },
		{ "tax/sample_period_ms", "1" },
		{ "tax/sample_period_ms", "86400000" },
		{ "tax/sample_wall_ms", "1" },
		{ "tax/sample_wall_ms", "86400000" },
		{ "tax/state_scale", "sliding" },
		{ "tax/state_scale", "linear" },
		{ "tax/state_high_pm", "1000" },
		{ "tax/state_high_pm", "41" },
		{ "tax/state_soft_pm", "21" },
		{ "tax/state_hard_pm", "11" },
		{ "tax/state_low_pm", "0" },
		{ "tax/state_margin_percent", "0" },
		{ "tax/state_margin_percent", "100" },
		{ "tax/state_period_ms", "1" },
		{ "tax/state_period_ms", "60000" },
		{ "large_pages", "always" },
		{ "large_pages", "never" },
	};
	char line[64];

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *path = esx_knob_path("%s", table[i].knob);

		esx_set(path, table[i].text);
		CHECK(!strcmp(esx_get(path), table[i].text));
		snprintf(line, sizeof(line), "%s\n", table[i].text);
		esx_set(path, line);
		CHECK(!strcmp(esx_get(path), table[i].text));
	}
}

static void group_names_are_limited(void)
{
	char name[65];
	const char *path;

	vm_file("vm");
	path = esx_vm_knob("vm", "group");
	memset(name, 'g', sizeof(name));
	CHECK_OK(esx_try_write(path, name, 63));
	CHECK_EQ(strlen(esx_get(path)), 63);
	expect_refused(path, name, 64, "64 characters");
	expect_refused(path, "a\nb", 3, "two lines");
	expect_refused(path, "a\0b", 3, "a zero byte");
	expect_refused(path, "a\x01", 2, "a control character");
	expect_refused(path, "\xff", 1, "a byte that is no ASCII");
	CHECK_OK(esx_try_write(path, "\n", 1));
	CHECK_EQ(strlen(esx_get(path)), 0);
}

static void read_only_files_cannot_be_written(void)
{
	vm_file("vm");
	for (size_t i = 0; i < ARRAY_SIZE(host_files); i++) {
		if (host_files[i].mode & 0200)
			continue;
		errno = 0;
		CHECK(esx_try_write(esx_knob_path("%s", host_files[i].name),
				    "1", 1) == -1);
		CHECK_MSG(errno == EACCES || errno == EIO || errno == EPERM,
			  "%s: %s", host_files[i].name, strerror(errno));
	}
}

static void expect_private_to_root(const char *path, mode_t mode)
{
	if (mode & 0004) {
		close(CHECK_OK(open(path, O_RDONLY)));
	} else {
		errno = 0;
		CHECK_MSG(open(path, O_RDONLY) == -1 && errno == EACCES,
			  "%s can be opened", path);
	}
	errno = 0;
	CHECK_MSG(open(path, O_WRONLY) == -1 && errno == EACCES,
		  "%s can be opened for writing", path);
}

static void plain_users_see_no_counters(void)
{
	pid_t child;

	vm_file("vm");
	child = fork();
	if (!child) {
		host_become(65534);
		for (size_t i = 0; i < ARRAY_SIZE(host_files); i++)
			expect_private_to_root(
				esx_knob_path("%s", host_files[i].name),
				host_files[i].mode);
		for (size_t i = 0; i < ARRAY_SIZE(vm_files); i++)
			expect_private_to_root(
				esx_vm_knob("vm", vm_files[i].name),
				vm_files[i].mode);
		_exit(0);
	}
	tap_join(child);
}

static void vms_come_and_go_with_their_files(void)
{
	int fd;

	CHECK_OK(mkdir(esx_path("vm"), 0755));
	CHECK(access(esx_vm_knob("vm", "share"), F_OK) == -1);
	fd = vm_file("vm");
	CHECK_OK(access(esx_vm_knob("vm", "share"), F_OK));
	close(fd);
	CHECK_OK(unlink(esx_path("vm/ram")));
	/* The last reference may go a moment later. */
	for (int look = 0; !access(esx_vm_knob("vm", "share"), F_OK); look++) {
		CHECK_MSG(look < 200, "the VM stays after its file");
		usleep(20000);
	}
}

static void nested_vms_have_flat_names(void)
{
	vm_file("pool/deep/vm");
	CHECK_OK(access(esx_vm_knob("pool/deep/vm", "size_bytes"), F_OK));
	CHECK_EQ(esx_get_number(esx_vm_knob("pool/deep/vm", "size_bytes")),
		 16 * ESX_PAGE);
}

static void renamed_vms_are_found_under_the_new_name(void)
{
	int fd = vm_file("old");

	esx_set(esx_vm_knob("old", "group"), "g");
	CHECK_OK(rename(esx_path("old"), esx_path("new")));
	CHECK(access(esx_vm_knob("old", "share"), F_OK) == -1);
	CHECK_OK(access(esx_vm_knob("new", "share"), F_OK));
	CHECK(!strcmp(esx_get(esx_vm_knob("new", "group")), "g"));
	CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
	CHECK_EQ(esx_get_number(esx_vm_knob("new", "private_bytes")), ESX_PAGE);
}

static void odd_names_are_safe(void)
{
	static const char *const names[] = {
		"a b", "a%s%n", "..x", "a!b", "\xc3\xa9\xc3\xa9", "-rf",
	};
	char longest[256];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		close(vm_file(names[i]));
	memset(longest, 'n', 255);
	longest[255] = '\0';
	close(vm_file(longest));
	CHECK_OK(access(esx_vm_knob("a b", "share"), F_OK));
	CHECK_OK(access(esx_vm_knob("a%s%n", "share"), F_OK));
	esx_audit_clean();
}

static void a_file_held_open_outlives_its_vm(void)
{
	int knob, ram = vm_file("vm");
	char text[32];

	knob = CHECK_OK(open(esx_vm_knob("vm", "size_bytes"), O_RDONLY));
	close(ram);
	CHECK_OK(unlink(esx_path("vm/ram")));
	CHECK_OK(rmdir(esx_path("vm")));
	usleep(100000);
	/* ENODEV once the VM is gone; a value until then. */
	if (pread(knob, text, sizeof(text), 0) < 0)
		CHECK_EQ(errno, ENODEV);
	close(knob);
}

static void counters_can_be_read_while_everything_changes(void)
{
	pid_t child;
	int status;

	child = fork();
	if (!child) {
		for (int i = 0; i < (int)tap_scaled(150, 40); i++) {
			int fd = vm_file("vm");
			char *map = esx_map(fd, 16 * ESX_PAGE, 0);

			memset(map, 1, 16 * ESX_PAGE);
			CHECK_OK(munmap(map, 16 * ESX_PAGE));
			close(fd);
			CHECK_OK(unlink(esx_path("vm/ram")));
			CHECK_OK(rmdir(esx_path("vm")));
		}
		_exit(0);
	}
	while (!waitpid(child, &status, WNOHANG)) {
		char text[64];
		int fd = open(esx_vm_knob("vm", "private_bytes"), O_RDONLY);

		esx_info();
		esx_audit_clean();
		if (fd < 0)
			continue;
		if (read(fd, text, sizeof(text)) < 0)
			CHECK_EQ(errno, ENODEV);
		close(fd);
	}
	CHECK_EQ(status, 0);
}

static const struct tap_case cases[] = {
	TAP_CASE(files_have_their_modes),
	TAP_CASE(there_are_no_other_files),
	TAP_CASE(every_file_reads_as_one_value),
	TAP_CASE(garbage_is_refused),
	TAP_CASE(values_out_of_range_are_refused),
	TAP_CASE(good_values_are_taken_and_read_back),
	TAP_CASE(group_names_are_limited),
	TAP_CASE(read_only_files_cannot_be_written),
	TAP_CASE(plain_users_see_no_counters),
	TAP_CASE(vms_come_and_go_with_their_files),
	TAP_CASE(nested_vms_have_flat_names),
	TAP_CASE(renamed_vms_are_found_under_the_new_name),
	TAP_CASE(odd_names_are_safe),
	TAP_CASE(a_file_held_open_outlives_its_vm),
	TAP_CASE(counters_can_be_read_while_everything_changes),
};

ESX_MAIN(cases)
