// SPDX-License-Identifier: GPL-2.0
/*
 * Doctor: says why things do not work, and what to do.
 *
 * The checks are in doctor_module.c, doctor_host.c, doctor_policy.c and
 * doctor_orphans.c; this file calls them in the order in which one would repair things, and prints.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "doctor.h"
#include "message.h"
#include "record.h"

/**
 * struct esx_report - what was found
 * @checks: a record for each finding
 * @nr: findings by verdict
 */
struct esx_report {
	json_t *checks;
	unsigned int nr[ESX_FAIL + 1];
};

static const char *const verdict_names[] = {
	[ESX_OK] = "ok",
	[ESX_WARN] = "warn",
	[ESX_FAIL] = "fail",
};

static void (*const checks[])(struct esx_report *report) = {
	esx_doctor_modules, esx_doctor_device, esx_doctor_mounts,  esx_doctor_kvm,
	esx_doctor_policy,  esx_doctor_rivals, esx_doctor_orphans,
};

/**
 * esx_report() - report a finding
 * @report: where to
 * @verdict: how bad it is
 * @check: what was looked at, one word that stays the same
 * @advice: what to do, NULL: nothing
 * @fmt: what was found, as for printf(3)
 */
void esx_report(struct esx_report *report, enum esx_verdict verdict, const char *check,
		const char *advice, const char *fmt, ...)
{
	json_t *record = esx_must(json_object());
	va_list args;
	char *text;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);

	esx_record_set(record, "check", json_string(check));
	esx_record_set(record, "result", json_string(verdict_names[verdict]));
	esx_record_set(record, "message", json_string(esx_must(text)));
	esx_record_set(record, "advice", advice ? json_string(advice) : json_null());
	if (json_array_append_new(report->checks, record))
		esx_must(NULL);
	report->nr[verdict]++;
	free(text);
}

static const char *text_of(const json_t *record, const char *key)
{
	return json_string_value(json_object_get(record, key));
}

static void print_findings(const struct esx_report *report)
{
	const json_t *record;
	size_t i;

	json_array_foreach(report->checks, i, record) {
		printf("%-4s  %-13s  %s\n", text_of(record, "result"), text_of(record, "check"),
		       text_of(record, "message"));
		if (text_of(record, "advice"))
			printf("%21s-> %s\n", "", text_of(record, "advice"));
	}
	printf("\n%u ok, %u to look at, %u failed\n", report->nr[ESX_OK], report->nr[ESX_WARN],
	       report->nr[ESX_FAIL]);
}

static int print_json(const struct esx_report *report)
{
	json_t *top = esx_must(json_object());

	esx_record_set(top, "checks", json_incref(report->checks));
	esx_record_set(top, "ok", json_integer(report->nr[ESX_OK]));
	esx_record_set(top, "warn", json_integer(report->nr[ESX_WARN]));
	esx_record_set(top, "fail", json_integer(report->nr[ESX_FAIL]));
	return esx_print_json(top);
}

static int doctor(const struct esx_command *cmd, int argc, char **argv)
{
	static const struct option longs[] = { { "json", no_argument, NULL, 'j' },
					       { "help", no_argument, NULL, 'h' },
					       {} };
	struct esx_report report = {};
	bool json = false;
	int code = ESX_DONE;
	size_t i;

	while (esx_getopt(cmd, argc, argv, ":jh", longs) != -1)
		json = true;
	if (optind < argc) {
		esx_error("doctor takes no argument; it was given '%s'", argv[optind]);
		return ESX_MISUSED;
	}

	report.checks = esx_must(json_array());
	for (i = 0; i < ARRAY_SIZE(checks); i++)
		checks[i](&report);
	if (json)
		code = print_json(&report);
	else
		print_findings(&report);
	json_decref(report.checks);
	return report.nr[ESX_FAIL] ? ESX_FAILED : code;
}

const struct esx_command esx_doctor_command = {
	.name = "doctor",
	.args = "[--json]",
	.summary = "Check whether everything is in place, and say what to do",
	.help = "Options:\n"
		"  -j, --json   print JSON\n"
		"  -h, --help   print this\n"
		"\n"
		"Exit status 1 if a check failed; a warning alone is 0.\n",
	.run = doctor,
};
