// SPDX-License-Identifier: GPL-2.0
/*
 * The subcommand explain: why a VM has the target that it has.
 */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "glyph.h"
#include "kernel.h"
#include "message.h"
#include "pool.h"
#include "reason.h"
#include "record.h"

/* Of a line of text. */
#define WIDTH 79

static void set_figure(json_t *record, enum esx_figure figure, const struct esx_reason *reason)
{
	int64_t number = reason->vm->figures[figure];

	esx_record_set(record, esx_figure_file(figure),
		       number == ESX_UNKNOWN ? json_null() : json_integer(number));
}

static void set_host(json_t *record, const char *key, int64_t figure)
{
	esx_record_set(record, key, figure == ESX_UNKNOWN ? json_null() : json_integer(figure));
}

static void set_whole(json_t *record, const char *key, double number)
{
	bool fits = fabs(number) < 0x1p62;

	esx_record_set(record, key, fits ? json_integer((json_int_t)number) : json_null());
}

static void set_real(json_t *record, const char *key, double number)
{
	esx_record_set(record, key, isfinite(number) ? json_real(number) : json_null());
}

static void set_word(json_t *record, const char *key, const char *word)
{
	json_t *value = word && *word ? json_string(word) : json_null();

	esx_record_set(record, key, value ? value : json_null());
}

static json_t *make_record(const struct esx_reason *reason, const char *text)
{
	static const enum esx_figure figures[] = {
		ESX_F_TARGET,	   ESX_F_SIZE,	      ESX_F_BACKED,	ESX_F_MIN,
		ESX_F_MAX,	   ESX_F_SHARES,      ESX_F_ACTIVE,	ESX_F_ACTIVE_SLOW,
		ESX_F_ACTIVE_FAST, ESX_F_ACTIVE_NOW,  ESX_F_PERIODS,	ESX_F_RHO,
	};
	const struct esx_top_host *host = &reason->sample->host;
	json_t *record = esx_must(json_object());
	size_t i;

	set_word(record, "name", reason->vm->name);
	set_word(record, "target_reason", reason->vm->why);
	for (i = 0; i < ARRAY_SIZE(figures); i++)
		set_figure(record, figures[i], reason);
	set_whole(record, "effective_min_bytes", reason->min);
	set_whole(record, "effective_max_bytes", reason->max);
	set_whole(record, "all_shares", reason->all_shares);
	esx_record_set_u64(record, "nr_vms", reason->sample->nr);
	set_word(record, "active_source", reason->source);
	set_host(record, "effective_tax_percent", reason->vm->figures[ESX_F_TAX]);
	set_host(record, "progressive", host->progressive);
	if (host->progressive != ESX_UNKNOWN)
		esx_record_set(record, "progressive", json_boolean(host->progressive));
	set_real(record, "idle_cost", reason->idle_cost);
	set_whole(record, "bought_bytes", reason->bought);
	set_whole(record, "taxed_bytes", reason->taxed);
	set_host(record, "pool_bytes", host->pool);
	set_host(record, "shortfall_bytes", host->shortfall);
	set_word(record, "pool", reason->pool.name);
	set_word(record, "pool_reason", reason->pool.why);
	set_host(record, "pool_target_bytes",
		 reason->pool.name ? (int64_t)reason->pool.target : ESX_UNKNOWN);
	set_word(record, "text", text);
	return record;
}

/* Bytes of the next line: words as long as they fit, one at least. */
static size_t line_length(const char *text)
{
	size_t fits = esx_glyph_fit(text, WIDTH), len = fits;

	if (!text[fits])
		return fits;
	while (len && text[len] != ' ')
		len--;
	return len ? len : strcspn(text, " ");
}

static int print_text(const char *text)
{
	size_t len;

	while (*text) {
		len = line_length(text);
		printf("%.*s\n", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
	if (!fflush(stdout) && !ferror(stdout))
		return ESX_DONE;
	esx_error("cannot write the text");
	return ESX_FAILED;
}

static int explain_no_target(const struct esx_top_sample *sample, const char *name)
{
	if (esx_sysfs_denied())
		esx_error("permission denied: this needs root");
	else if (!(sample->present & (1ULL << ESX_F_TARGET)))
		esx_error("the module that is loaded computes no targets: '%s' has no file %s; "
			  "a newer module has it",
			  name, esx_figure_file(ESX_F_TARGET));
	else
		esx_error("the target of '%s' is no number that this esxmemctl understands", name);
	return ESX_FAILED;
}

static int explain_vm(const struct esx_top_sample *sample, const char *name, bool json)
{
	const struct esx_top_vm *vm = esx_top_sample_vm(sample, name);
	struct esx_reason reason;
	char *text;
	int code;

	if (!vm) {
		esx_error("no VM named '%s'; `esxmemctl vm list` shows them", name);
		return ESX_FAILED;
	}
	if (vm->figures[ESX_F_TARGET] == ESX_UNKNOWN)
		return explain_no_target(sample, name);
	esx_note_denied();
	esx_reason_find(&reason, sample, vm);
	esx_pool_of_vm(&reason.pool, name);
	text = esx_reason_text(&reason);
	code = json ? esx_print_json(make_record(&reason, text)) : print_text(text);
	free(text);
	esx_pool_free(&reason.pool);
	return code;
}

/* The name as a sample has it: sysfs has an exclamation mark for a slash. */
static char *plain_name(const char *name)
{
	char *plain = esx_asprintf("%s", name), *at;

	for (at = plain; *at; at++)
		if (*at == '!')
			*at = '/';
	return plain;
}

static int explain(const struct esx_command *cmd, int argc, char **argv)
{
	static const struct option longs[] = { { "json", no_argument, NULL, 'j' },
					       { "help", no_argument, NULL, 'h' },
					       {} };
	struct esx_top_sample sample;
	bool json = false;
	char *name;
	int code;

	while (esx_getopt(cmd, argc, argv, ":jh", longs) != -1)
		json = true;
	if (optind + 1 != argc) {
		esx_error("explain needs the name of one VM; `esxmemctl vm list` shows them");
		return ESX_MISUSED;
	}
	setlocale(LC_CTYPE, "");
	code = esx_top_sample_read(&sample);
	if (code) {
		esx_sysfs_explain(code);
		return ESX_FAILED;
	}
	name = plain_name(argv[optind]);
	code = explain_vm(&sample, name, json);
	free(name);
	esx_top_sample_free(&sample);
	return code;
}

const struct esx_command esx_explain_command = {
	.name = "explain",
	.args = "NAME [--json]",
	.summary = "Say why a VM is entitled to the memory that it is",
	.help = "Options:\n"
		"  -j, --json     print JSON: the figures, and the text\n"
		"  -h, --help     print this\n",
	.run = explain,
};
