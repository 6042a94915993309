// SPDX-License-Identifier: GPL-2.0
/*
 * The host's figures, for `status` and `share stats`.
 *
 * They come from ESXMEM_IOC_INFO, which is one consistent answer and needs no
 * more than access to the device.  Where the device cannot be used (a
 * container, say) they are added up from sysfs.
 */
#include <stdlib.h>
#include <unistd.h>

#include "command.h"
#include "host.h"
#include "kernel.h"
#include "knob.h"
#include "message.h"
#include "size.h"

/* What both sources can tell; -1 stands for "not known". */
struct figures {
	json_int_t vms;
	json_int_t size_bytes;
	json_int_t private_bytes;
	json_int_t shared_bytes;
	json_int_t zero_bytes;
	json_int_t huge_bytes;
	json_int_t shared_frames;
};

static const struct esx_field host_fields[] = {
	ESX_FIELD("version", "version", TEXT, "of the module"),
	ESX_FIELD("nr_vms", "VMs", COUNT, "known to the host", .derived = true),
	ESX_FIELD("size_bytes", "size", BYTES, "memory that the VMs believe they have",
		  .derived = true),
	ESX_FIELD("backed_bytes", "backed", BYTES, "private and shared pages of the VMs",
		  .derived = true),
	ESX_FIELD("private_bytes", "private", BYTES, "pages with a frame of their own",
		  .derived = true),
	ESX_FIELD("huge_bytes", "large pages", BYTES, "part of private that is in 2 MB frames",
		  .derived = true),
	ESX_FIELD("shared_bytes", "shared", BYTES, "pages that point to a shared frame",
		  .derived = true),
	ESX_FIELD("shared_frames_bytes", "shared frames", BYTES,
		  "machine memory behind the shared pages", .derived = true),
	ESX_FIELD("used_bytes", "used", BYTES, "machine memory in use: private and shared frames",
		  .derived = true),
	ESX_FIELD("reclaimed_shared_bytes", "reclaimed, shared", BYTES,
		  "shared pages less the frames behind them", .derived = true),
	ESX_FIELD("zero_bytes", "reclaimed, zero", BYTES, "zero pages, which need no frame",
		  .derived = true),
	ESX_FIELD("reclaimed_bytes", "reclaimed", BYTES, "both together", .derived = true),
};

/* In the order in which a page meets them. */
const struct esx_field esx_share_counters[] = {
	ESX_FIELD("full_scans", "full scans", COUNT, "passes over all memory"),
	ESX_FIELD("scanned_pages", "scanned", COUNT, "pages looked at"),
	ESX_FIELD("clean_pages", "clean", COUNT, "passed over, unchanged since they were hashed"),
	ESX_FIELD("backed_off_pages", "backed off", COUNT,
		  "left alone because writes had broken their sharing lately"),
	ESX_FIELD("hashed_pages", "hashed", COUNT, "pages hashed"),
	ESX_FIELD("unmap_ranges", "unmapped ranges", COUNT,
		  "unmapped to hash or to share, at one go each"),
	ESX_FIELD("merged_pages", "merged", COUNT, "pages given a shared frame"),
	ESX_FIELD("zero_merged_pages", "zero merged", COUNT, "pages found zero and given up"),
	ESX_FIELD("cow_breaks", "COW breaks", COUNT, "shared and zero pages written to"),
	ESX_FIELD("shared_pages", "shared pages", COUNT, "pages that point to a shared frame now"),
	ESX_FIELD("shared_frames", "shared frames", COUNT, "frames behind them now"),
	ESX_FIELD("zero_pages", "zero pages", COUNT, "known zero pages now"),
	ESX_FIELD("hints", "hints", COUNT, "pages waiting for a twin now"),
	ESX_FIELD("pinned_pages", "pinned", COUNT, "left alone because I/O held them"),
	ESX_FIELD("busy_pages", "busy", COUNT, "left alone because they were in use"),
	ESX_FIELD("hash_mismatches", "mismatches", COUNT, "pages changed between hash and compare"),
	ESX_FIELD("false_matches", "false matches", COUNT, "same hash, other contents"),
	ESX_FIELD("huge_broken", "large broken", COUNT, "2 MB frames broken to share their parts"),
	ESX_FIELD("huge_joined", "large joined", COUNT, "regions given a 2 MB frame again"),
	ESX_FIELD("shareable_bytes", "shareable", BYTES,
		  "what breaking 2 MB frames would give back now"),
	ESX_FIELD("shareable_large_pages", "large pages for it", COUNT,
		  "2 MB frames to be broken for that"),
	ESX_FIELD("table_bytes", "tables", BYTES, "memory for hints and tables now"),
};

const size_t esx_nr_share_counters = ARRAY_SIZE(esx_share_counters);

static const char help_text[] = "Options:\n"
				"  -j, --json    print JSON\n"
				"  -b, --bytes   print plain numbers of bytes\n"
				"  -h, --help    print this\n";

static json_int_t read_number(const char *dir, const char *file)
{
	char value[ESX_VALUE_MAX];

	if (esx_sysfs_read(dir, file, value))
		return -1;
	return strtoll(value, NULL, 10);
}

/* A sum of which one part is not known is not known. */
static void add(json_int_t *sum, json_int_t part)
{
	*sum = *sum < 0 || part < 0 ? -1 : *sum + part;
}

static int figures_from_sysfs(struct figures *sum)
{
	char **names, *dir;
	size_t nr, i;
	int err;

	err = esx_sysfs_vms(&names, &nr);
	if (err)
		return err;

	*sum = (struct figures){ .vms = (json_int_t)nr };
	for (i = 0; i < nr; i++) {
		dir = esx_sysfs_vm_dir(names[i]);
		add(&sum->size_bytes, read_number(dir, "size_bytes"));
		add(&sum->private_bytes, read_number(dir, "private_bytes"));
		add(&sum->shared_bytes, read_number(dir, "shared_bytes"));
		add(&sum->zero_bytes, read_number(dir, "zero_bytes"));
		add(&sum->huge_bytes, read_number(dir, "huge_bytes"));
		free(dir);
	}
	sum->shared_frames = read_number("share", "shared_frames");
	esx_sysfs_free_vms(names, nr);
	return 0;
}

static int figures_from_device(struct figures *sum)
{
	struct esxmem_info info;
	int dev, err;

	dev = esx_dev_open();
	if (dev < 0)
		return dev;
	err = esx_dev_info(dev, &info);
	close(dev);
	if (err)
		return err;

	*sum = (struct figures){
		.vms = info.nr_vms,
		.size_bytes = (json_int_t)(info.size_pages * ESX_PAGE_SIZE),
		.private_bytes = (json_int_t)(info.private_pages * ESX_PAGE_SIZE),
		.shared_bytes = (json_int_t)(info.shared_pages * ESX_PAGE_SIZE),
		.zero_bytes = (json_int_t)(info.zero_pages * ESX_PAGE_SIZE),
		.huge_bytes = (json_int_t)(info.huge_pages * ESX_HUGE_SIZE),
		.shared_frames = (json_int_t)info.shared_frames,
	};
	return 0;
}

static void set_known(json_t *record, const char *key, json_int_t value)
{
	esx_record_set(record, key, value < 0 ? json_null() : json_integer(value));
}

static void set_difference(json_t *record, const char *key, json_int_t from, json_int_t take)
{
	set_known(record, key, from < 0 || take < 0 ? -1 : from > take ? from - take : 0);
}

static void set_figures(json_t *record, const struct figures *sum)
{
	json_int_t frames = sum->shared_frames < 0 ? -1 :
						     sum->shared_frames * (json_int_t)ESX_PAGE_SIZE;
	json_int_t backed = sum->private_bytes, used = sum->private_bytes;
	json_int_t gross = sum->shared_bytes;

	add(&backed, sum->shared_bytes);
	add(&used, frames);
	add(&gross, sum->zero_bytes);

	set_known(record, "nr_vms", sum->vms);
	set_known(record, "size_bytes", sum->size_bytes);
	set_known(record, "backed_bytes", backed);
	set_known(record, "private_bytes", sum->private_bytes);
	set_known(record, "huge_bytes", sum->huge_bytes);
	set_known(record, "shared_bytes", sum->shared_bytes);
	set_known(record, "shared_frames_bytes", frames);
	set_known(record, "used_bytes", used);
	set_known(record, "zero_bytes", sum->zero_bytes);
	set_difference(record, "reclaimed_shared_bytes", sum->shared_bytes, frames);
	set_difference(record, "reclaimed_bytes", gross, frames);
}

/**
 * esx_host_read() - version, sums over all VMs, knobs and share counters
 *
 * Return: a new record, or NULL with a message printed
 */
json_t *esx_host_read(void)
{
	json_t *record = esx_must(json_object());
	json_t *knobs;
	struct figures sum;
	int err;

	esx_record_read(record, "", host_fields, ARRAY_SIZE(host_fields));
	if (figures_from_device(&sum)) {
		err = figures_from_sysfs(&sum);
		if (err) {
			esx_sysfs_explain(err);
			json_decref(record);
			return NULL;
		}
	}
	set_figures(record, &sum);

	knobs = esx_knobs_read();
	esx_record_read(json_object_get(knobs, "share"), "share", esx_share_counters,
			esx_nr_share_counters);
	if (json_object_update(record, knobs))
		esx_must(NULL);
	json_decref(knobs);
	return record;
}

static int print_knobs(const json_t *record, const struct esx_format *format)
{
	static const struct esx_field fields[] = {
		ESX_FIELD("run", "scanner", SWITCH, "share.run: the background scanner"),
		ESX_FIELD("pages_per_second", "pages per second", COUNT,
			  "share.pages_per_second: most that it hashes, 0: no limit"),
		ESX_FIELD("cpu_percent", "CPU percent", COUNT,
			  "share.cpu_percent: most of one CPU that it takes"),
		ESX_FIELD("target_seconds", "target seconds", COUNT,
			  "share.target_seconds: time for all memory, 0: no target"),
		ESX_FIELD("workers", "threads", COUNT, "share.workers: how many scan"),
		ESX_FIELD("order", "order", TEXT, "share.order: how it walks"),
		ESX_FIELD("full_scans", "full scans", COUNT, "passes it has finished"),
		ESX_FIELD("large_pages", "2 MB frames", TEXT,
			  "large_pages: whether memory is given in them"),
		ESX_FIELD("break_large", "2 MB frames broken", TEXT,
			  "share.break_large: when the scanner does that"),
		ESX_FIELD("pressure_percent", "pressure percent", COUNT,
			  "share.pressure_percent: short of memory when less is available"),
	};
	json_t *flat = esx_must(json_copy(json_object_get(record, "share")));
	int code;

	esx_record_set(flat, "large_pages", json_incref(json_object_get(record, "large_pages")));
	code = esx_print_record(flat, fields, ARRAY_SIZE(fields), format);
	json_decref(flat);
	return code;
}

/* What is given up for the sake of large pages, and what having it would cost. */
static void print_shareable(const json_t *record, const struct esx_format *format)
{
	const json_t *share = json_object_get(record, "share");
	const json_t *bytes = json_object_get(share, "shareable_bytes");
	const json_t *frames = json_object_get(share, "shareable_large_pages");
	json_int_t nr = json_integer_value(frames);

	if (!json_is_integer(bytes) || !json_is_integer(frames)) {
		puts("shareable now: -");
		return;
	}
	if (format->bytes)
		printf("shareable now: %" JSON_INTEGER_FORMAT " bytes", json_integer_value(bytes));
	else
		printf("shareable now: %.1f MiB", (double)json_integer_value(bytes) / ESX_MIB);
	printf(", would cost %" JSON_INTEGER_FORMAT " large page%s\n", nr, nr == 1 ? "" : "s");
}

static int print_status(const json_t *record, const struct esx_format *format)
{
	int code = esx_print_record(record, host_fields, ARRAY_SIZE(host_fields), format);

	putchar('\n');
	print_shareable(record, format);
	putchar('\n');
	return code ? code : print_knobs(record, format);
}

static void parse_options(const struct esx_command *cmd, int argc, char **argv,
			  struct esx_format *format)
{
	esx_format_parse(cmd, argc, argv, format);
	if (optind < argc) {
		esx_error("%s takes no argument; it was given '%s'", cmd->name, argv[optind]);
		exit(ESX_MISUSED);
	}
}

static int status(const struct esx_command *cmd, int argc, char **argv)
{
	struct esx_format format = {};
	json_t *record;
	int code;

	parse_options(cmd, argc, argv, &format);
	record = esx_host_read();
	if (!record)
		return ESX_FAILED;
	esx_note_denied();
	if (format.json)
		return esx_print_json(record);
	code = print_status(record, &format);
	json_decref(record);
	return code;
}

static int share_stats(const struct esx_command *cmd, int argc, char **argv)
{
	json_t *record = esx_must(json_object());
	struct esx_format format = {};
	int code;

	parse_options(cmd, argc, argv, &format);
	if (!esx_sysfs_present()) {
		esx_sysfs_explain(0);
		return ESX_FAILED;
	}
	esx_record_read(record, "share", esx_share_counters, esx_nr_share_counters);
	esx_note_denied();
	if (format.json)
		return esx_print_json(record);
	code = esx_print_record(record, esx_share_counters, esx_nr_share_counters, &format);
	json_decref(record);
	return code;
}

const struct esx_command esx_status_command = {
	.name = "status",
	.args = "[--json] [--bytes]",
	.summary = "Show the host's memory: given, backed, shared, reclaimed",
	.help = help_text,
	.run = status,
};

const struct esx_command esx_share_stats_command = {
	.name = "share stats",
	.args = "[--json] [--bytes]",
	.summary = "Show what sharing has done and what it holds",
	.help = help_text,
	.run = share_stats,
};
