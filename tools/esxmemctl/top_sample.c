// SPDX-License-Identifier: GPL-2.0
/*
 * Samples: one reading of /sys/kernel/esxmem and /proc/meminfo.
 *
 * The files are read one after the other while the host goes on, so figures of
 * one sample need not add up to the page.  A VM that ends meanwhile is left
 * out: what was read of it may be half of it.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "kernel.h"
#include "message.h"
#include "top_sample.h"

static const char *const files[ESX_NR_FIGURES] = {
	[ESX_F_SIZE] = "size_bytes",
	[ESX_F_BACKED] = "backed_bytes",
	[ESX_F_PRIVATE] = "private_bytes",
	[ESX_F_SHARED] = "shared_bytes",
	[ESX_F_ZERO] = "zero_bytes",
	[ESX_F_HUGE] = "huge_bytes",
	[ESX_F_ACTIVE] = "active_bytes",
	[ESX_F_ACTIVE_SLOW] = "active_slow_bytes",
	[ESX_F_ACTIVE_FAST] = "active_fast_bytes",
	[ESX_F_ACTIVE_NOW] = "active_now_bytes",
	[ESX_F_SAMPLED] = "sampled_pages",
	[ESX_F_TOUCHED] = "touched_pages",
	[ESX_F_PERIODS] = "sample_periods",
	[ESX_F_TARGET] = "target_bytes",
	[ESX_F_MIN] = "min_bytes",
	[ESX_F_MAX] = "max_bytes",
	[ESX_F_SHARES] = "effective_shares",
	[ESX_F_TAX] = "tax_percent",
	[ESX_F_RHO] = "rho_ppm",
	[ESX_F_RESERVED] = "reserved_bytes",
	[ESX_F_COW_BREAKS] = "cow_breaks",
	[ESX_F_FAULTS] = "faults",
	[ESX_F_EPT_VIOLATIONS] = "ept_violations",
	[ESX_F_MERGED] = "merged_pages",
	[ESX_F_VCPU_TIME] = "vcpu_time_ns",
};

_Static_assert(ESX_NR_FIGURES <= 64, "a bit of present for each figure");

/**
 * esx_figure_file() - where a figure comes from
 * @figure: the figure
 *
 * Return: the name of its file in the VM's directory
 */
const char *esx_figure_file(enum esx_figure figure)
{
	return files[figure];
}

/**
 * esx_figure_parse() - make a number of what a file says
 * @text: its text
 *
 * Return: the number, or ESX_UNKNOWN for what is none, or too large
 */
int64_t esx_figure_parse(const char *text)
{
	unsigned long long number;
	char *end;

	/* strtoull() would take a sign and blanks. */
	if (!isdigit((unsigned char)*text))
		return ESX_UNKNOWN;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || *end || number > INT64_MAX)
		return ESX_UNKNOWN;
	return (int64_t)number;
}

static int64_t read_number(const char *dir, const char *file)
{
	char value[ESX_VALUE_MAX];

	return esx_sysfs_read(dir, file, value) ? ESX_UNKNOWN : esx_figure_parse(value);
}

static void read_word(const char *dir, const char *file, char word[ESX_WORD_MAX])
{
	char value[ESX_VALUE_MAX];
	int err = esx_sysfs_read(dir, file, value);

	snprintf(word, ESX_WORD_MAX, "%.*s", ESX_WORD_MAX - 1, err ? "" : value);
}

/* A line of /proc/meminfo, in bytes. */
static int64_t memory_line(const char *text, const char *name)
{
	const char *line = strstr(text, name);
	long long kib;

	/* No machine has 2^53 bytes, so the product is one. */
	if (!line || sscanf(line + strlen(name), ": %lld kB", &kib) != 1 || kib < 0 ||
	    kib > (1LL << 43))
		return ESX_UNKNOWN;
	return kib * 1024;
}

static void read_memory(struct esx_top_host *host)
{
	char *path = esx_kernel_path("/proc/meminfo");
	char text[ESX_VALUE_MAX];

	if (esx_file_read(path, text))
		*text = '\0';
	free(path);
	host->mem_total = memory_line(text, "MemTotal");
	host->mem_available = memory_line(text, "MemAvailable");
	host->mem_free = memory_line(text, "MemFree");
}

static void read_host(struct esx_top_host *host)
{
	read_memory(host);
	host->shared_frames = read_number("share", "shared_frames");
	host->pool = read_number("tax", "pool_bytes");
	host->reserved = read_number("tax", "reserved_bytes");
	host->shortfall = read_number("tax", "shortfall_bytes");
	host->tax = read_number("tax", "tax_percent");
	host->progressive = read_number("tax", "progressive");
	host->period = read_number("tax", "period_seconds");
	read_word("tax", "state", host->state);
}

static int64_t read_figure(struct esx_top_sample *sample, const char *dir, enum esx_figure figure)
{
	char value[ESX_VALUE_MAX];
	int err = esx_sysfs_read(dir, files[figure], value);

	if (err != -ENOENT)
		sample->present |= 1ULL << figure;
	if (err)
		return ESX_UNKNOWN;
	if (figure == ESX_F_TAX && !strcmp(value, "default"))
		return sample->host.tax;
	return esx_figure_parse(value);
}

/* Was a parameter set, rather than left to the default? */
static bool is_own(const char *dir, const char *file)
{
	char word[ESX_WORD_MAX];

	read_word(dir, file, word);
	return *word && strcmp(word, "default");
}

/* Fills the next VM; it counts only if it is still there behind that. */
static void read_vm(struct esx_top_sample *sample, const char *name)
{
	struct esx_top_vm *vm = &sample->vms[sample->nr];
	char *dir = esx_sysfs_vm_dir(name);
	int i;

	for (i = 0; i < ESX_NR_FIGURES; i++)
		vm->figures[i] = read_figure(sample, dir, i);
	read_word(dir, "target_reason", vm->why);
	vm->own_shares = is_own(dir, "shares");
	vm->own_tax = is_own(dir, esx_figure_file(ESX_F_TAX));
	free(dir);
	if (!esx_sysfs_has_vm(name))
		return;
	vm->name = esx_asprintf("%s", name);
	sample->nr++;
}

static int compare_vms(const void *a, const void *b)
{
	const struct esx_top_vm *first = a, *second = b;

	return strcmp(first->name, second->name);
}

/**
 * esx_top_sample_read() - take a sample
 * @sample: out: the sample, to be given to esx_top_sample_free()
 *
 * Return: 0 or a negative errno, for esx_sysfs_explain(); then there is nothing
 * to be freed
 */
int esx_top_sample_read(struct esx_top_sample *sample)
{
	struct timespec now;
	char **names;
	size_t nr, i;
	int err;

	*sample = (struct esx_top_sample){};
	err = esx_sysfs_vms(&names, &nr);
	if (err)
		return err;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sample->at = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
	sample->wall = time(NULL);
	read_host(&sample->host);
	sample->vms = esx_must(calloc(nr + 1, sizeof(*sample->vms)));
	for (i = 0; i < nr; i++)
		read_vm(sample, names[i]);
	qsort(sample->vms, sample->nr, sizeof(*sample->vms), compare_vms);
	esx_sysfs_free_vms(names, nr);
	return 0;
}

/**
 * esx_top_sample_free() - undo esx_top_sample_read()
 * @sample: the sample; an empty one is welcome
 */
void esx_top_sample_free(struct esx_top_sample *sample)
{
	size_t i;

	for (i = 0; i < sample->nr; i++)
		free(sample->vms[i].name);
	free(sample->vms);
	*sample = (struct esx_top_sample){};
}

/**
 * esx_top_sample_vm() - look for a VM
 * @sample: the sample
 * @name: name of the VM
 *
 * Return: the VM, or NULL when it was not there
 */
const struct esx_top_vm *esx_top_sample_vm(const struct esx_top_sample *sample, const char *name)
{
	const struct esx_top_vm key = { .name = (char *)name };

	if (!sample->nr)
		return NULL;
	return bsearch(&key, sample->vms, sample->nr, sizeof(key), compare_vms);
}
