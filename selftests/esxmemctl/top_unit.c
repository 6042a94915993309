// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the parts of `esxmemctl top` and `explain` that only compute: from
 * samples made by hand to rows, lines and words.
 * usage: top_unit TEST
 *
 * Exits with 0 when the test passes and says what is wrong when it does not.
 */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "glyph.h"
#include "reason.h"
#include "top_page.h"

#define MIB (1024LL * 1024)

static int failures;

#define expect(condition)                                                          \
	do {                                                                       \
		if (!(condition)) {                                                \
			printf("# line %d: not true: %s\n", __LINE__, #condition); \
			failures++;                                                \
		}                                                                  \
	} while (0)

static void expect_text(int line, const char *text, const char *wanted)
{
	if (!strcmp(text, wanted))
		return;
	printf("# line %d:\n# '%s'\n# instead of\n# '%s'\n", line, text, wanted);
	failures++;
}

static void expect_words(int line, const char *text, const char *wanted)
{
	if (strstr(text, wanted))
		return;
	printf("# line %d:\n# '%s'\n# does not say\n# '%s'\n", line, text, wanted);
	failures++;
}

/* --- samples --- */

static struct esx_top_vm make_vm(const char *name)
{
	struct esx_top_vm vm = { .name = (char *)name, .why = "tax" };
	int i;

	for (i = 0; i < ESX_NR_FIGURES; i++)
		vm.figures[i] = 0;
	vm.figures[ESX_F_SIZE] = 100 * MIB;
	vm.figures[ESX_F_BACKED] = 80 * MIB;
	vm.figures[ESX_F_ACTIVE] = 40 * MIB;
	vm.figures[ESX_F_ACTIVE_SLOW] = 30 * MIB;
	vm.figures[ESX_F_ACTIVE_FAST] = 20 * MIB;
	vm.figures[ESX_F_ACTIVE_NOW] = 40 * MIB;
	vm.figures[ESX_F_PERIODS] = 3;
	vm.figures[ESX_F_TARGET] = 50 * MIB;
	vm.figures[ESX_F_SHARES] = 1000;
	vm.figures[ESX_F_TAX] = 75;
	return vm;
}

static void expect_order(int line, struct esx_table *table, const char *wanted)
{
	char names[64] = "";
	size_t i;

	for (i = 0; i < table->nr; i++)
		strcat(names, table->rows[i].vm->name);
	expect_text(line, names, wanted);
}

/* Lines of a page, joined by |. */
static char *page_text(const struct esx_page *page)
{
	char *text = NULL, *at;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	esx_page_print(page, out);
	fclose(out);
	for (at = text; *at; at++)
		if (*at == '\n')
			*at = at[1] ? '|' : '\0';
	return text;
}

static char *rows_text(struct esx_table *table, struct esx_view *view)
{
	struct esx_page page = { .width = view->width };
	char *text;

	esx_page_add_rows(&page, table, view);
	text = page_text(&page);
	esx_page_free(&page);
	return text;
}

static size_t column(const char *name)
{
	size_t found = 0;

	expect(esx_column_lookup(name, strlen(name), &found));
	return found;
}

/* --- numbers --- */

static void numbers_are_read_or_unknown(void)
{
	expect(esx_figure_parse("0") == 0);
	expect(esx_figure_parse("9223372036854775807") == INT64_MAX);
	expect(esx_figure_parse("9223372036854775808") == ESX_UNKNOWN);
	expect(esx_figure_parse("99999999999999999999") == ESX_UNKNOWN);
	expect(esx_figure_parse("") == ESX_UNKNOWN);
	expect(esx_figure_parse("-1") == ESX_UNKNOWN);
	expect(esx_figure_parse(" 1") == ESX_UNKNOWN);
	expect(esx_figure_parse("1x") == ESX_UNKNOWN);
	expect(esx_figure_parse("default") == ESX_UNKNOWN);
}

static void rates_are_differences_over_time(void)
{
	struct esx_top_vm old = make_vm("a"), new = make_vm("a");
	struct esx_top_sample before = { .at = 10, .nr = 1, .vms = &old };
	struct esx_top_sample now = { .at = 12.5, .nr = 1, .vms = &new };
	size_t cow = column("COWB/s"), cpu = column("%VCPU");
	struct esx_table table;

	old.figures[ESX_F_COW_BREAKS] = 100;
	new.figures[ESX_F_COW_BREAKS] = 150;
	old.figures[ESX_F_VCPU_TIME] = 1000000000;
	new.figures[ESX_F_VCPU_TIME] = 4750000000;
	esx_table_make(&table, &now, &before);
	expect(table.rows[0].cells[cow] == 20);
	expect(fabs(table.rows[0].cells[cpu] - 150) < 1e-6);
	esx_table_free(&table);

	esx_table_make(&table, &now, NULL);
	expect(isnan(table.rows[0].cells[cow]));
	expect(table.interval == 0);
	esx_table_free(&table);

	/* Another VM took the name: its counter began anew. */
	old.figures[ESX_F_COW_BREAKS] = 151;
	new.figures[ESX_F_VCPU_TIME] = ESX_UNKNOWN;
	esx_table_make(&table, &now, &before);
	expect(isnan(table.rows[0].cells[cow]));
	expect(isnan(table.rows[0].cells[cpu]));
	esx_table_free(&table);

	old.name = "b";
	esx_table_make(&table, &now, &before);
	expect(isnan(table.rows[0].cells[cow]));
	esx_table_free(&table);
}

static void derived_figures_follow_the_abi(void)
{
	struct esx_top_vm vm = make_vm("a");
	struct esx_top_sample now = { .nr = 1, .vms = &vm };
	size_t touched = column("TCHD"), min = column("MIN"), max = column("MAX");
	struct esx_table table;

	vm.figures[ESX_F_SAMPLED] = 80;
	vm.figures[ESX_F_TOUCHED] = 20;
	vm.figures[ESX_F_MIN] = 200 * MIB;
	esx_table_make(&table, &now, NULL);
	expect(table.rows[0].cells[touched] == 25 * MIB);
	expect(table.rows[0].cells[min] == 100 * MIB);
	expect(table.rows[0].cells[max] == 100 * MIB);
	esx_table_free(&table);

	vm.figures[ESX_F_SAMPLED] = 0;
	vm.figures[ESX_F_TOUCHED] = 0;
	vm.figures[ESX_F_MAX] = 60 * MIB;
	esx_table_make(&table, &now, NULL);
	expect(isnan(table.rows[0].cells[touched]));
	expect(table.rows[0].cells[max] == 60 * MIB);
	esx_table_free(&table);

	/* Read one after the other, so this can be seen. */
	vm.figures[ESX_F_SAMPLED] = 5;
	vm.figures[ESX_F_TOUCHED] = 6;
	vm.figures[ESX_F_MAX] = ESX_UNKNOWN;
	esx_table_make(&table, &now, NULL);
	expect(isnan(table.rows[0].cells[touched]));
	expect(isnan(table.rows[0].cells[max]));
	esx_table_free(&table);
}

static void sums_are_unknown_with_a_part(void)
{
	struct esx_top_vm vms[] = { make_vm("a"), make_vm("b") };
	struct esx_top_sample now = { .host.shared_frames = 256, .nr = 2, .vms = vms };
	struct esx_table table;

	vms[0].figures[ESX_F_SHARED] = 3 * MIB;
	vms[1].figures[ESX_F_ZERO] = ESX_UNKNOWN;
	vms[1].figures[ESX_F_TARGET] = INT64_MAX;
	esx_table_make(&table, &now, NULL);
	expect(table.sums.size == 200 * MIB);
	expect(table.sums.common == MIB);
	expect(table.sums.saved == 2 * MIB);
	expect(table.sums.zero == ESX_UNKNOWN);
	expect(table.sums.target == ESX_UNKNOWN);
	esx_table_free(&table);

	now.host.shared_frames = INT64_MAX;
	esx_table_make(&table, &now, NULL);
	expect(table.sums.common == ESX_UNKNOWN);
	expect(table.sums.saved == ESX_UNKNOWN);
	esx_table_free(&table);
}

/* --- order --- */

static void rows_are_sorted_by_any_column(void)
{
	struct esx_top_vm vms[] = { make_vm("a"), make_vm("b"), make_vm("c"), make_vm("d") };
	struct esx_top_sample now = { .nr = 4, .vms = vms };
	struct esx_table table;

	vms[0].figures[ESX_F_ZERO] = 5;
	vms[1].figures[ESX_F_ZERO] = ESX_UNKNOWN;
	vms[2].figures[ESX_F_ZERO] = 7;
	vms[3].figures[ESX_F_ZERO] = 5;
	strcpy(vms[0].why, "tax");
	strcpy(vms[1].why, "max");
	strcpy(vms[2].why, "");
	strcpy(vms[3].why, "min");
	esx_table_make(&table, &now, NULL);
	esx_table_sort(&table, column("ZERO"), false);
	expect_order(__LINE__, &table, "cadb");
	esx_table_sort(&table, column("zero_bytes"), true);
	expect_order(__LINE__, &table, "adcb");
	esx_table_sort(&table, ESX_COLUMN_VM, true);
	expect_order(__LINE__, &table, "dcba");
	esx_table_sort(&table, column("MEMSZ"), false);
	expect_order(__LINE__, &table, "abcd");
	esx_table_sort(&table, column("WHY"), false);
	expect_order(__LINE__, &table, "bdac");
	esx_table_sort(&table, column("WHY"), true);
	expect_order(__LINE__, &table, "adbc");
	esx_table_free(&table);
}

/* --- lines --- */

static void narrow_pages_drop_columns_from_the_right(void)
{
	struct esx_top_vm vm = make_vm("a/long/name");
	struct esx_top_sample now = { .nr = 1, .vms = &vm };
	struct esx_view view = { .columns = { 0, 1, 2, 3 }, .nr_columns = 4, .nr_rows = 9 };
	struct esx_table table;
	size_t width, line;
	char *text;

	esx_table_make(&table, &now, NULL);
	text = rows_text(&table, &view);
	expect_text(__LINE__, text,
		    "VM          MEMSZ GRANT SZTGT|a/long/name  100M   80M   50M");
	free(text);
	view.width = 20;
	text = rows_text(&table, &view);
	expect_text(__LINE__, text, "VM       MEMSZ GRANT|~ng/name  100M   80M");
	free(text);
	/* One less than the third needs: nothing of it is shown. */
	view.width = 25;
	text = rows_text(&table, &view);
	expect_text(__LINE__, text, "VM       MEMSZ GRANT|~ng/name  100M   80M");
	free(text);
	view.width = 20;
	view.skip_columns = 1;
	text = rows_text(&table, &view);
	expect_text(__LINE__, text, "VM       GRANT SZTGT|~ng/name   80M   50M");
	free(text);
	view.skip_columns = 0;
	view.bars = true;
	for (width = 1; width < 200; width++) {
		view.width = width;
		text = rows_text(&table, &view);
		line = strcspn(text, "|");
		expect(line <= width);
		free(text);
	}
	esx_table_free(&table);
}

static void bars_show_granted_active_and_target(void)
{
	struct esx_top_vm vm = make_vm("a");
	struct esx_top_sample now = { .nr = 1, .vms = &vm };
	struct esx_view view = { .width = 60, .nr_columns = 1, .nr_rows = 1, .bars = true };
	struct esx_table table;
	char *text;

	esx_table_make(&table, &now, NULL);
	text = rows_text(&table, &view);
	expect_text(__LINE__, text, "VM       USE OF MEMSZ|a        [####|===..]");
	free(text);
	/* The estimate is not exact: it may say more than is granted. */
	vm.figures[ESX_F_ACTIVE] = 90 * MIB;
	vm.figures[ESX_F_TARGET] = 200 * MIB;
	text = rows_text(&table, &view);
	expect_text(__LINE__, text, "VM       USE OF MEMSZ|a        [########.|]");
	free(text);
	vm.figures[ESX_F_BACKED] = 0;
	vm.figures[ESX_F_TARGET] = 0;
	text = rows_text(&table, &view);
	expect_text(__LINE__, text, "VM       USE OF MEMSZ|a        [|.........]");
	free(text);
	vm.figures[ESX_F_SIZE] = 0;
	vm.figures[ESX_F_BACKED] = 80 * MIB;
	vm.figures[ESX_F_TARGET] = ESX_UNKNOWN;
	text = rows_text(&table, &view);
	expect_text(__LINE__, text, "VM       USE OF MEMSZ|a        [..........]");
	free(text);
	esx_table_free(&table);
}

static void names_cannot_steer_the_terminal(void)
{
	char *text = esx_glyph_clean("a\033[2J\tb\x7f\xff\xc3\xa9\xcc\x81" "c");

	expect_text(__LINE__, text, "a?[2J?b??\xc3\xa9?c");
	expect(esx_glyph_width(text) == 12);
	expect(esx_glyph_fit(text, 10) == 11);
	free(text);
	text = esx_glyph_tail("\xe6\xbc\xa2\xe5\xad\x97web1", 6);
	expect_text(__LINE__, text, "~web1");
	free(text);
	text = esx_glyph_tail("web1", 4);
	expect_text(__LINE__, text, "web1");
	free(text);
	text = esx_glyph_tail("web1", 1);
	expect_text(__LINE__, text, "~");
	free(text);
}

static void host_lines_leave_out_what_is_not_there(void)
{
	struct esx_top_sample now = {
		.host = { .mem_total = 8192 * MIB, .mem_available = ESX_UNKNOWN,
			  .mem_free = 3 * MIB, .shared_frames = 0, .pool = ESX_UNKNOWN,
			  .reserved = ESX_UNKNOWN, .shortfall = ESX_UNKNOWN },
	};
	struct esx_view view = { .delay = 5, .sort = 2 };
	struct esx_page page = {};
	struct esx_table table;
	char *text;

	esx_table_make(&table, &now, NULL);
	esx_page_add_host(&page, &table, &view);
	text = page_text(&page);
	expect_words(__LINE__, text, "0 VMs, every 5s, by GRANT downwards|PMEM   8G total, "
		     "- available, 3M free|VMS    0B size, 0B granted, 0B active|PSHARE");
	free(text);
	esx_page_free(&page);

	strcpy(now.host.state, "\033[2J");
	esx_page_add_host(&page, &table, &view);
	text = page_text(&page);
	expect_words(__LINE__, text, "PMEM   ?[2J state; 8G total");
	free(text);
	esx_page_free(&page);

	strcpy(now.host.state, "soft");
	now.host.pool = 7168 * MIB;
	now.host.reserved = MIB;
	now.host.shortfall = 1;
	esx_page_add_host(&page, &table, &view);
	text = page_text(&page);
	expect_words(__LINE__, text, "PMEM   soft state; 8G total");
	expect_words(__LINE__, text, "; 7G pool, 1M reserved; minima exceed it|");
	free(text);
	esx_page_free(&page);
	esx_table_free(&table);
}

/* --- words --- */

static char *explain(struct esx_top_sample *sample)
{
	struct esx_reason reason;

	esx_reason_find(&reason, sample, &sample->vms[0]);
	return esx_reason_text(&reason);
}

/* tau 0.75, a 40 MiB, target 50 MiB: x = (50 - 30) / 0.25 = 80 MiB, taxed 30. */
static void tax_is_worked_out_backwards(void)
{
	struct esx_top_vm vms[] = { make_vm("a"), make_vm("b") };
	struct esx_top_sample now = { .host.shortfall = 0, .nr = 2, .vms = vms };
	struct esx_reason reason;
	char *text;

	vms[1].figures[ESX_F_SHARES] = 3000;
	esx_reason_find(&reason, &now, &vms[0]);
	expect(reason.bought == 80 * MIB);
	expect(reason.taxed == 30 * MIB);
	expect(reason.idle_cost == 4);
	expect(reason.all_shares == 4000);
	expect(!strcmp(reason.source, "now"));
	text = esx_reason_text(&reason);
	expect_words(__LINE__, text, "its shares buy 80M, of which 40M is idle, and the tax takes "
		     "30M of that.");
	expect_words(__LINE__, text, "1000 shares, which it gets for its size: 25.0% of the 4000 "
		     "of all 2 VMs.");
	expect_words(__LINE__, text, "the largest of three estimates, the fast average with the "
		     "sampling period under way (slow 30M, fast 20M, now 40M).");
	expect_words(__LINE__, text, "It holds 80M now, 30M more than its target.");
	free(text);

	now.host.progressive = 1;
	esx_reason_find(&reason, &now, &vms[0]);
	expect(isnan(reason.bought));
	text = esx_reason_text(&reason);
	expect_words(__LINE__, text, "taxed at up to 75%, the host's rate, the more");
	expect_words(__LINE__, text, "part of what its shares buy is idle, and taxed away");
	free(text);
}

static void every_reason_has_words(void)
{
	static const char *const wanted[][2] = {
		{ "none", "it was not computed yet. That is done at least every 15 seconds." },
		{ "max", "Its maximum decides: it has all that it may have. Only a larger size" },
		{ "shares", "they buy 50M, and as all of that is active the tax takes nothing." },
		{ "tax", "Its shares and the tax decide" },
		{ "min", "Its minimum decides: its shares, less the tax" },
		{ "\033odd", "What decided is \"?odd\", which this esxmemctl does not know." },
		{ "", "What decided is not known." },
	};
	struct esx_top_vm vm = make_vm("a");
	struct esx_top_sample now = { .host.period = 15, .nr = 1, .vms = &vm };
	size_t i;
	char *text;

	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		strcpy(vm.why, wanted[i][0]);
		text = explain(&now);
		expect_words(__LINE__, text, wanted[i][1]);
		free(text);
	}
}

static void special_cases_have_words_of_their_own(void)
{
	struct esx_top_vm vm = make_vm("a");
	struct esx_top_sample now = { .host.shortfall = 5 * MIB, .nr = 1, .vms = &vm };
	char *text;

	strcpy(vm.why, "min");
	text = explain(&now);
	expect_words(__LINE__, text, "The minima of all VMs together exceed the pool by 5M");
	free(text);
	now.host.shortfall = 0;
	vm.figures[ESX_F_SHARES] = 0;
	text = explain(&now);
	expect_words(__LINE__, text, "without shares it gets no more");
	free(text);
	strcpy(vm.why, "max");
	vm.figures[ESX_F_MAX] = 60 * MIB;
	vm.figures[ESX_F_PERIODS] = 0;
	vm.figures[ESX_F_TAX] = 0;
	vm.own_tax = true;
	text = explain(&now);
	expect_words(__LINE__, text, "Only a larger maximum would");
	expect_words(__LINE__, text, "No sampling period is over yet, so all that it holds, 40M");
	expect_words(__LINE__, text, "Its idle memory is not taxed.");
	free(text);
	strcpy(vm.why, "shares");
	text = explain(&now);
	expect_words(__LINE__, text, "there is no tax to take any of it");
	free(text);
}

/* Whatever a module of another version leaves out or says. */
static void missing_figures_are_survived(void)
{
	static const char *const whys[] = { "none", "max", "shares", "tax", "min" };
	struct esx_top_vm vm = make_vm("a");
	struct esx_top_sample now = { .nr = 1, .vms = &vm };
	size_t i, figure;
	char *text;

	for (i = 0; i < ARRAY_SIZE(whys); i++) {
		for (figure = 0; figure < ESX_NR_FIGURES; figure++) {
			vm = make_vm("a");
			strcpy(vm.why, whys[i]);
			vm.figures[figure] = ESX_UNKNOWN;
			text = explain(&now);
			expect(!strstr(text, "nan") && !strstr(text, "inf"));
			free(text);
			vm.figures[figure] = INT64_MAX;
			text = explain(&now);
			expect(!strstr(text, "nan") && !strstr(text, "inf"));
			free(text);
		}
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "numbers_are_read_or_unknown", numbers_are_read_or_unknown },
	{ "rates_are_differences_over_time", rates_are_differences_over_time },
	{ "derived_figures_follow_the_abi", derived_figures_follow_the_abi },
	{ "sums_are_unknown_with_a_part", sums_are_unknown_with_a_part },
	{ "rows_are_sorted_by_any_column", rows_are_sorted_by_any_column },
	{ "narrow_pages_drop_columns_from_the_right", narrow_pages_drop_columns_from_the_right },
	{ "bars_show_granted_active_and_target", bars_show_granted_active_and_target },
	{ "names_cannot_steer_the_terminal", names_cannot_steer_the_terminal },
	{ "host_lines_leave_out_what_is_not_there", host_lines_leave_out_what_is_not_there },
	{ "tax_is_worked_out_backwards", tax_is_worked_out_backwards },
	{ "every_reason_has_words", every_reason_has_words },
	{ "special_cases_have_words_of_their_own", special_cases_have_words_of_their_own },
	{ "missing_figures_are_survived", missing_figures_are_survived },
};

int main(int argc, char **argv)
{
	size_t i;

	if (!setlocale(LC_CTYPE, "C.UTF-8")) {
		puts("# there is no locale C.UTF-8");
		return 1;
	}
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		if (argc != 2 || strcmp(argv[1], tests[i].name))
			continue;
		tests[i].run();
		return failures ? 1 : 0;
	}
	puts("# usage: top_unit TEST");
	return 2;
}
