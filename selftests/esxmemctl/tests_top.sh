# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by who sources this
# shellcheck disable=SC2016 # a backquote in a message
#
# Tests of esxmemctl: top and explain.

# shellcheck source=fake_policy.sh
. "$here/fake_policy.sh"

# Lines of the last table but the time of day and how far apart they are.
same_table()
{
	diff <(sed -E '1s/[0-9]{2}(:[0-9]{2}){2}/CLOCK/' "$WORK/out") - && return 0
	echo "# the table is another one"
	return 1
}

# $1 a key, $2 its value: of the first VM named web1 in each line of JSON.
values_of_web1()
{
	python3 - "$WORK/out" "$1" <<-'PYTHON'
		import json, sys
		for line in open(sys.argv[1]):
		    print(*[vm[sys.argv[2]] for vm in json.loads(line)["vms"] if vm["name"] == "web1"])
	PYTHON
}

# --- top --batch ---

test_top_prints_a_table()
{
	fake_host "$root"
	fake_policy "$root"
	ctl 0 top --batch --iterations 1
	is_silent
	same_table <<-'TABLE'
		esxmemctl top  CLOCK  2 VMs, every 5s, by GRANT downwards
		PMEM   high state; 8G total, 4G available, 3G free
		VMS    384M size, 200M granted, 96M active, 320M target; 7G pool, 64M reserved
		PSHARE 80M shared, 20M common, 60M saved; 40M zero

		VM                MEMSZ GRANT SZTGT  TCHD  ACTV  SHRD  ZERO   MIN   MAX  SHRS   WHY ACTVS ACTVF ACTVN COWB/s FLT/s EPT/s MRG/s %VCPU  PRIV LARGE  RESV   TAX    RHO
		libvirt/qemu/1-db  192M  100M  128M   48M   48M   40M   20M    0B  160M  5760   tax   48M   32M   40M      -     -     -     -     -   60M    4M    0B    50 0.1235
		web1               192M  100M  192M   48M   48M   40M   20M   64M  192M  1920   max   48M   32M   40M      -     -     -     -     -   60M    4M   64M    75 0.0391
	TABLE
}

test_top_prints_chosen_columns_in_bytes()
{
	fake_host "$root"
	fake_policy "$root"
	ctl 0 top -B -n 1 -b -o zero,TARGET_BYTES,why -s sztgt -r
	same_table <<-'TABLE'
		esxmemctl top  CLOCK  2 VMs, every 5s, by SZTGT upwards
		PMEM   high state; 8589934592 total, 4294967296 available, 3221225472 free
		VMS    402653184 size, 209715200 granted, 100663296 active, 335544320 target; 7516192768 pool, 67502080 reserved
		PSHARE 83886080 shared, 20971520 common, 62914560 saved; 41943040 zero

		VM                    ZERO     SZTGT   WHY
		libvirt/qemu/1-db 20971520 134217728   tax
		web1              20971520 201326592   max
	TABLE
}

test_top_sorts_by_any_column()
{
	fake_host "$root"
	fake_policy "$root"
	echo 1 >"$esx/vms/web1/zero_bytes"
	local column
	ctl 0 top -B -n 1 -s zero
	[ "$(tail -n 1 "$WORK/out" | cut -d' ' -f1)" = web1 ]
	ctl 0 top -B -n 1 -s ZERO --reverse
	[ "$(tail -n 1 "$WORK/out" | cut -d' ' -f1)" = libvirt/qemu/1-db ]
	for column in VM MEMSZ GRANT SZTGT TCHD ACTV SHRD ZERO MIN MAX SHRS WHY ACTVS \
		ACTVF ACTVN COWB/s FLT/s EPT/s MRG/s %VCPU PRIV LARGE RESV TAX RHO; do
		ctl 0 top -B -n 1 -s "$column"
		prints ", by $column downwards"
		ctl 0 top --help
		grep -qE "(^| )$column([ ;]|$)" "$WORK/out"
	done
}

test_top_prints_a_line_of_json_for_each_sample()
{
	fake_host "$root"
	fake_policy "$root"
	ctl 0 top --batch --json --iterations 3 --delay 0.1
	is_silent
	[ "$(wc -l <"$WORK/out")" -eq 3 ]
	[ "$(values_of_web1 cow_breaks_per_second | tr '\n' ' ')" = 'None 0.0 0.0 ' ]
	tail -n 1 "$WORK/out" >"$WORK/last"
	mv "$WORK/last" "$WORK/out"
	json_holds 'd["interval_seconds"] > 0 and d["time"] > 1e9' \
		'd["host"] == {"state": "high", "mem_total_bytes": 8 << 30, "mem_available_bytes": 4 << 30, "mem_free_bytes": 3 << 30, "pool_bytes": 7516192768, "reserved_bytes": 67502080, "shortfall_bytes": 0, "nr_vms": 2, "size_bytes": 402653184, "backed_bytes": 209715200, "active_bytes": 100663296, "target_bytes": 335544320, "shared_bytes": 83886080, "shared_frames_bytes": 20971520, "reclaimed_shared_bytes": 62914560, "zero_bytes": 41943040}' \
		'[v["name"] for v in d["vms"]] == ["libvirt/qemu/1-db", "web1"]' \
		'd["vms"][0] == {"name": "libvirt/qemu/1-db", "size_bytes": 201326592, "backed_bytes": 104857600, "target_bytes": 134217728, "touched_bytes": 50331648, "active_bytes": 50331648, "shared_bytes": 41943040, "zero_bytes": 20971520, "effective_min_bytes": 0, "effective_max_bytes": 167772160, "effective_shares": 5760, "target_reason": "tax", "active_slow_bytes": 50331648, "active_fast_bytes": 33554432, "active_now_bytes": 41943040, "cow_breaks_per_second": 0, "faults_per_second": 0, "ept_violations_per_second": 0, "merged_pages_per_second": 0, "vcpu_percent": 0, "private_bytes": 62914560, "huge_bytes": 4194304, "reserved_bytes": 0, "effective_tax_percent": 50, "rho_ppm": 123456}'
	ctl 0 top -B -j -n 1 -o rho,vm
	json_holds 'd["vms"][1] == {"name": "web1", "rho_ppm": 39062} and d["interval_seconds"] is None'
}

test_top_separates_tables_by_an_empty_line()
{
	fake_host "$root"
	ctl 0 top -B -n 2 -d 0.1
	[ "$(grep -c '^esxmemctl top' "$WORK/out")" -eq 2 ]
	[ "$(grep -c '^VM ' "$WORK/out")" -eq 2 ]
	[ "$(grep -B 1 '^esxmemctl top' "$WORK/out" | grep -c '^$')" -eq 1 ]
	grep -qE '^web1 .* 0\.0 ' "$WORK/out"
}

test_top_leaves_out_what_an_old_module_does_not_have()
{
	fake_host "$root"
	fake_no_policy "$root"
	fake_memory "$root"
	rm -f "$esx"/vms/*/{active*,sampled_pages,touched*,sample_*}
	ctl 0 top -B -n 1
	is_silent
	same_table <<-'TABLE'
		esxmemctl top  CLOCK  2 VMs, every 5s, by GRANT downwards
		PMEM   8G total, 4G available, 3G free
		VMS    384M size, 200M granted, - active
		PSHARE 80M shared, 20M common, 60M saved; 40M zero

		VM                MEMSZ GRANT  SHRD  ZERO COWB/s FLT/s EPT/s MRG/s %VCPU  PRIV LARGE
		libvirt/qemu/1-db  192M  100M   40M   20M      -     -     -     -     -   60M    4M
		web1               192M  100M   40M   20M      -     -     -     -     -   60M    4M
	TABLE
	ctl 0 top -B -n 1 -o sztgt,actv,why
	grep -qE '^web1 +- +- +-$' "$WORK/out"
	ctl 0 top -B -j -n 1
	json_holds '[d["vms"][1][k] for k in ("target_bytes", "target_reason", "touched_bytes", "size_bytes")] == [None, None, None, 201326592]' \
		'd["host"]["state"] is None and d["host"]["active_bytes"] is None'
}

# Other garbage in each file; what is read of it is tested number by number below.
test_top_takes_garbage_for_unknown()
{
	fake_host "$root"
	fake_policy "$root"
	local garbage=('' x -1 1e9 18446744073709551615 99999999999999999999999 ' 5' 5x)
	local file number=0
	for file in "$esx"/vms/web1/* "$esx"/tax/* "$esx"/share/*; do
		echo "${garbage[number++ % ${#garbage[@]}]}" >"$file"
	done
	echo 'MemTotal: x' >"$root/proc/meminfo"
	ctl 0 top -B -n 1
	is_silent
	grep -qE '^web1 +- +- +- ' "$WORK/out"
	ctl 0 top -B -j -n 1
	json_holds 'all(v is None for k, v in d["vms"][1].items() if k not in ("name", "target_reason"))' \
		'd["vms"][0]["size_bytes"] == 201326592 and d["host"]["size_bytes"] is None' \
		'not {"shared_frames_bytes", "pool_bytes", "mem_total_bytes"} & {k for k, v in d["host"].items() if v is not None}'
	head -c 100000 /dev/urandom | tee "$esx"/vms/web1/* "$esx"/tax/* "$root/proc/meminfo" >/dev/null
	ctl 0 top -B -n 1
	ctl 0 top -B -j -n 1
	json_holds 'd["vms"][0]["size_bytes"] == 201326592'
}

test_top_survives_vms_that_come_and_go()
{
	fake_host "$root"
	fake_policy "$root"
	rm -f "$WORK/out"
	"$ESXMEMCTL" top -B -j -d 0.1 >"$WORK/out" 2>"$WORK/err" &
	local pid=$! status=0
	wait_until grep -q '"web1"' "$WORK/out"
	rm -rf "$esx/vms/web1"
	wait_until eval 'tail -n 1 "$WORK/out" | grep "nr_vms.:1,.*}$"'
	fake_vm "$root" web2
	wait_until grep -q '"web2".*"cow_breaks_per_second":0' "$WORK/out"
	kill "$pid"
	wait "$pid" || status=$?
	[ "$status" -eq 0 ]
	is_silent
	# The first line that knows web2 has no rate of it.
	grep -m 1 '"web2"' "$WORK/out" >"$WORK/first"
	mv "$WORK/first" "$WORK/out"
	json_holds '[(v["name"], v["cow_breaks_per_second"]) for v in d["vms"]] == [("libvirt/qemu/1-db", 0), ("web2", None)]'
}

test_top_computes_rates_between_samples()
{
	fake_host "$root"
	fake_policy "$root"
	rm -f "$WORK/out"
	"$ESXMEMCTL" top -B -j -d 0.1 >"$WORK/out" 2>"$WORK/err" &
	local pid=$!
	wait_until grep -q '"web1"' "$WORK/out"
	echo 1000012 >"$esx/vms/web1/.new"
	mv "$esx/vms/web1/.new" "$esx/vms/web1/cow_breaks"
	wait_until grep -qE '"name":"web1".*"cow_breaks_per_second":[1-9]' "$WORK/out"
	kill "$pid"
	wait "$pid"
	# Whatever the time between the samples was: a million went by in it.
	python3 - "$WORK/out" <<-'PYTHON'
		import json, sys
		total = 0
		for line in open(sys.argv[1]):
		    d = json.loads(line)
		    rate = [v for v in d["vms"] if v["name"] == "web1"][0]["cow_breaks_per_second"]
		    total += (rate or 0) * (d["interval_seconds"] or 0)
		assert abs(total - 1000000) < 100, total
	PYTHON
}

test_top_without_vms_or_module()
{
	fake_host "$root"
	fake_policy "$root"
	rm -rf "$esx"/vms/*
	ctl 0 top -B -n 1
	prints '  0 VMs, '
	ctl 0 top -B -j -n 1
	json_holds 'd["vms"] == [] and d["host"]["nr_vms"] == 0 and d["host"]["size_bytes"] == 0'
	rm -rf "$esx"
	ctl 1 top -B -n 1
	complains 'the module is not loaded; try `modprobe esxmem`'
	ctl 1 explain web1
	complains 'the module is not loaded'
}

test_top_ends_on_a_signal_and_on_a_write_error()
{
	fake_host "$root"
	local signal status
	for signal in TERM INT; do
		# What another wrote would be taken for a sign that it runs.
		rm -f "$WORK/out"
		# An interactive shell's child: with & alone INT would be ignored.
		python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$ESXMEMCTL" top -B -n 100 -d 3600 >"$WORK/out" &
		wait_until grep -q '^web1' "$WORK/out"
		kill -s "$signal" $!
		status=0
		wait $! || status=$?
		# Fewer samples than wanted.
		[ "$status" -eq 1 ]
	done
	status=0
	"$ESXMEMCTL" top -B -j >/dev/full 2>"$WORK/err" || status=$?
	[ "$status" -eq 1 ]
	complains 'cannot write the JSON text'
	status=0
	"$ESXMEMCTL" top -B >/dev/full 2>"$WORK/err" || status=$?
	[ "$status" -eq 1 ]
	complains 'cannot write the table'
}

test_top_refuses_bad_options()
{
	fake_host "$root"
	local value
	for value in '' x 0 0.09 3601 -1 +1 inf nan 1e3 0x10 1.2.3 ' 5' 5s; do
		ctl 2 top -B -d "$value"
		complains "the delay cannot be '$value'; it is 0.1 to 3600 seconds"
	done
	for value in '' x 0 -1 +1 1.5 4294967296 99999999999999999999 ' 1' 1x; do
		ctl 2 top -B -n "$value"
		complains "the number of iterations cannot be '$value'; it is 1 to 4294967295"
	done
	ctl 2 top -B -s COLOUR
	complains "no column named 'COLOUR'; there are: VM, MEMSZ, GRANT,"
	ctl 2 top -B -o GRANT,COLOUR
	complains "no column named 'COLOUR'"
	ctl 2 top -B -o GRANT,grant
	complains 'the column GRANT is named twice'
	ctl 2 top -B -o ''
	ctl 2 top -B -o GRANT,
	ctl 2 top --json
	complains '--json needs --batch'
	ctl 2 top
	complains 'needs a terminal to read keys from and to draw on; use --batch'
	ctl 2 top -B web1
	complains '`esxmemctl explain web1` tells of one VM'
	ctl 2 top -B -x
	complains "'-x'"
	ctl 2 top -B -d
	complains 'an argument is missing'
}

test_top_prints_names_that_a_terminal_can_take()
{
	fake_host "$root"
	fake_vm "$root" $'evil\e[2J\n'
	LC_ALL=C.UTF-8 ctl 0 top -B -n 1 -s VM
	grep -qE '^evil\?\[2J\? +192M' "$WORK/out"
	fake_vm "$root" $'caf\303\251'
	LC_ALL=C.UTF-8 ctl 0 top -B -n 1
	prints $'caf\303\251 '
	LC_ALL=C ctl 0 top -B -n 1
	prints 'caf?? '
	fake_vm "$root" $'x\377'
	ctl 0 top -B -j -n 1
	json_holds '{"x?", "caf\u00e9", "evil\x1b[2J\n"} <= {v["name"] for v in d["vms"]}'
}

# --- explain ---

# What explain said, in one line.
said()
{
	tr '\n' ' ' <"$WORK/out"
}

test_explain_says_why_in_a_paragraph()
{
	fake_host "$root"
	fake_policy "$root"
	ctl 0 explain libvirt/qemu/1-db
	is_silent
	[ "$(said)" = "libvirt/qemu/1-db is entitled to 128M of memory, its target. Its size is \
192M; it has no minimum, and its maximum is 160M. It has 5760 shares: 75.0% of the 7680 of all \
2 VMs. Of its memory 48M is active, the largest of three estimates, the slow average (slow 48M, \
fast 32M, now 40M). Its idle memory is taxed at 50%, its own rate: an idle page costs as much \
as 2 active ones. It pays rho = 0.1235 shares for a page. Its shares and the tax decide: its \
shares buy 208M, of which 160M is idle, and the tax takes 80M of that. Using more of its memory \
would give it more, up to 50% of what becomes active; so would more shares, a lower tax, a \
larger pool or smaller claims of other VMs. It holds 100M now, 28M less than its target. " ]
	awk 'length > 79 { exit 1 }' "$WORK/out"
	ctl 0 explain 'libvirt!qemu!1-db'
}

test_explain_gives_the_figures_as_json()
{
	fake_host "$root"
	fake_policy "$root"
	ctl 0 explain libvirt/qemu/1-db --json
	json_holds 'd.pop("text").startswith("libvirt/qemu/1-db is entitled to 128M")' \
		'd["bought_bytes"] == 208 << 20 and d["taxed_bytes"] == 80 << 20' \
		'd["target_bytes"] == d["bought_bytes"] - d["taxed_bytes"]' \
		'(d["active_source"], d["target_reason"]) == ("slow", "tax")' \
		'(d["idle_cost"], d["all_shares"], d["nr_vms"]) == (2, 7680, 2)' \
		'd["effective_max_bytes"] == d["max_bytes"] == 160 << 20 and d["progressive"] is False'
	ctl 0 explain web1 --json
	json_holds '(d["bought_bytes"], d["max_bytes"], d["effective_max_bytes"], d["effective_tax_percent"]) == (None, 0, 192 << 20, 75)'
}

# Pools of which nothing was said are passed over, up to one that competes.
test_explain_names_the_pool_that_a_vm_competes_in()
{
	fake_host "$root"
	fake_policy "$root"
	fake_pool "$root" libvirt max_bytes=201326592 target_reason=max
	ctl 0 explain libvirt/qemu/1-db
	grep -qF 'It has 5760 shares. Of its' <(said)
	grep -qF 'It competes in the pool libvirt, whose VMs are entitled to 192M together by its maximum: a larger one' <(said)
	ctl 0 explain libvirt/qemu/1-db --json
	json_holds '(d["pool"], d["pool_reason"]) == ("libvirt", "max")' \
		'd["pool_target_bytes"] == 192 << 20'
	echo tax >"$esx/pools/libvirt!qemu/target_reason"
	ctl 0 explain libvirt/qemu/1-db
	grep -qF 'It competes in the pool libvirt/qemu, whose' <(said)
	ctl 0 explain web1 --json
	json_holds 'd["pool"] is None and d["pool_target_bytes"] is None'
}

test_explain_knows_every_reason()
{
	fake_host "$root"
	fake_policy "$root"
	local reason
	while IFS=: read -r reason words; do
		echo "$reason" >"$esx/vms/web1/target_reason"
		ctl 0 explain web1
		grep -qF "$words" <(said)
	done <<-'REASONS'
		none:it was not computed yet. That is done at least every 15 seconds.
		max:Its maximum decides: it has all that it may have.
		shares:Its shares decide: they buy 192M,
		tax:Its shares and the tax decide:
		min:Its minimum decides: its shares, less the tax
		luck:What decided is "luck", which this esxmemctl does not know.
	REASONS
	echo min >"$esx/vms/web1/target_reason"
	echo 1073741824 >"$esx/tax/shortfall_bytes"
	ctl 0 explain web1
	grep -qF 'The minima of all VMs together exceed the pool by 1G' <(said)
}

test_explain_says_what_is_missing()
{
	fake_host "$root"
	fake_no_policy "$root"
	ctl 1 explain web1
	complains "the module that is loaded computes no targets: 'web1' has no file target_bytes"
	fake_policy "$root"
	ctl 1 explain foo
	complains "no VM named 'foo'; \`esxmemctl vm list\` shows them"
	ctl 1 explain ..
	ctl 1 explain ''
	ctl 2 explain
	complains 'explain needs the name of one VM'
	ctl 2 explain web1 web2
	echo x >"$esx/vms/web1/target_bytes"
	ctl 1 explain web1
	complains "the target of 'web1' is no number"
	fake_policy "$root"
	local file
	for file in size_bytes backed_bytes min_bytes max_bytes shares effective_shares \
		tax_percent rho_ppm target_reason active_bytes active_slow_bytes \
		sample_periods; do
		rm "$esx/vms/web1/$file"
		ctl 0 explain web1
	done
}

# Runs what follows with an esxmemctl that is not root's.
as_nobody()
{
	cp "$ESXMEMCTL" "$WORK/copy"
	[ "$(id -u)" -eq 0 ] || return 0
	printf '#!/bin/bash\nexec setpriv --reuid=%s --clear-groups %s "$@"\n' \
		"$uid_nobody" "$WORK/copy" >"$WORK/as-nobody"
	chmod +x "$WORK/as-nobody"
	ESXMEMCTL=$WORK/as-nobody
}

test_top_and_explain_for_others_than_root()
{
	fake_host "$root"
	fake_policy "$root"
	chmod 0400 "$esx"/vms/web1/* "$esx"/tax/*
	chmod 0444 "$esx"/vms/web1/size_bytes
	as_nobody
	ctl 0 top -B -n 1
	complains 'for root only'
	grep -qE '^web1 +192M +- +- ' "$WORK/out"
	ctl 1 explain web1
	complains 'permission denied: this needs root'
}

# --- what only computes ---

# $1 a test of top_unit.c.
unit()
{
	local ctl=$top/tools/esxmemctl
	[ -x "$WORK/top_unit" ] ||
		gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -g \
			-fsanitize=address,undefined -fno-sanitize-recover=all \
			-I"$ctl" -I"$top/esxmem" -o "$WORK/top_unit" "$here/top_unit.c" \
			"$ctl"/{glyph,reason,message,size,sysfs}.c \
			"$ctl"/top_{sample,rows,page,grid}.c -lm
	LD_PRELOAD='' "$WORK/top_unit" "$1"
}

test_top_unit_numbers_are_read_or_unknown()
{
	unit numbers_are_read_or_unknown
}

test_top_unit_rates_are_differences_over_time()
{
	unit rates_are_differences_over_time
}

test_top_unit_derived_figures_follow_the_abi()
{
	unit derived_figures_follow_the_abi
}

test_top_unit_sums_are_unknown_with_a_part()
{
	unit sums_are_unknown_with_a_part
}

test_top_unit_rows_are_sorted_by_any_column()
{
	unit rows_are_sorted_by_any_column
}

test_top_unit_narrow_pages_drop_columns_from_the_right()
{
	unit narrow_pages_drop_columns_from_the_right
}

test_top_unit_bars_show_granted_active_and_target()
{
	unit bars_show_granted_active_and_target
}

test_top_unit_names_cannot_steer_the_terminal()
{
	unit names_cannot_steer_the_terminal
}

test_top_unit_host_lines_leave_out_what_is_not_there()
{
	unit host_lines_leave_out_what_is_not_there
}

test_top_unit_tax_is_worked_out_backwards()
{
	unit tax_is_worked_out_backwards
}

test_top_unit_every_reason_has_words()
{
	unit every_reason_has_words
}

test_top_unit_special_cases_have_words_of_their_own()
{
	unit special_cases_have_words_of_their_own
}

test_top_unit_missing_figures_are_survived()
{
	unit missing_figures_are_survived
}

# --- the screen ---

# $1 a test of top_screen.py.
screen()
{
	fake_host "$root"
	fake_policy "$root"
	python3 -B "$here/top_screen.py" "$ESXMEMCTL" "$root" "$1"
}

test_top_screen_shows_host_bars_and_figures()
{
	screen shows_host_bars_and_figures
}

test_top_screen_ascii_bars_on_request_or_without_utf8()
{
	screen ascii_bars_on_request_or_without_utf8
}

test_top_screen_keys_sort()
{
	screen keys_sort
}

test_top_screen_pause_keeps_a_sample_and_s_takes_one()
{
	screen pause_keeps_a_sample_and_s_takes_one
}

test_top_screen_rates_come_with_the_second_sample()
{
	screen rates_come_with_the_second_sample
}

test_top_screen_delay_is_doubled_and_halved()
{
	screen delay_is_doubled_and_halved
}

test_top_screen_help_explains_and_goes_away()
{
	screen help_explains_and_goes_away
}

test_top_screen_a_new_size_is_followed()
{
	screen a_new_size_is_followed
}

test_top_screen_no_size_is_too_small_or_too_large()
{
	screen no_size_is_too_small_or_too_large
}

test_top_screen_columns_are_passed_over()
{
	screen columns_are_passed_over
}

test_top_screen_rows_are_passed_over()
{
	screen rows_are_passed_over
}

test_top_screen_vms_come_and_go()
{
	screen vms_come_and_go
}

test_top_screen_a_module_that_goes_is_waited_for()
{
	screen a_module_that_goes_is_waited_for
}

test_top_screen_names_cannot_steer_the_terminal()
{
	screen names_cannot_steer_the_terminal
}

test_top_screen_signals_end_it_in_order()
{
	screen signals_end_it_in_order
}

test_top_screen_a_closed_window_ends_it()
{
	screen a_closed_window_ends_it
}

test_top_screen_iterations_end_it()
{
	screen iterations_end_it
}

test_top_screen_every_terminal_type_is_served()
{
	screen every_terminal_type_is_served
}

test_top_screen_terminals_that_will_not_do_are_named()
{
	screen terminals_that_will_not_do_are_named
}
