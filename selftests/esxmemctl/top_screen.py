#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of the screen of `esxmemctl top`: keys are pressed, the screen is read.

usage: top_screen.py ESXMEMCTL ROOT TEST

ROOT is a kernel made of files with the VMs web1 and libvirt/qemu/1-db, see
fake_policy.sh; ESXMEM_TEST_ROOT names it, too.
"""

import os
import re
import shutil
import signal
import sys

import vt

# Terminals that ncurses-base describes.
TERMINALS = ("xterm-256color", "xterm", "vt100", "vt220", "linux", "screen", "tmux-256color",
             "ansi", "rxvt")
KEY_DOWN, KEY_RIGHT, KEY_LEFT, KEY_END, KEY_HOME = (
    "\x1bOB", "\x1bOC", "\x1bOD", "\x1bOF", "\x1bOH")

started = []


def top(*args, **how):
    """Start top, faster than a test is slow."""
    if "-d" not in args:
        args = ("-d", "0.1", *args)
    program = vt.Program([sys.argv[1], "top", *args], **how)
    started.append(program)
    return program


def vm_file(name, file):
    """A file of a VM."""
    return os.path.join(sys.argv[2], "sys/kernel/esxmem/vms", name, file)


def write(path, value):
    """Replace a value as the kernel does, at once."""
    with open(path + ".new", "w", encoding="ascii") as out:
        out.write(f"{value}\n")
    os.rename(path + ".new", path)


def names(program):
    """The VMs, in the order of the screen."""
    return re.findall(r"^(web1|\S*1-db|vm\d+) ", program.text(), re.M)


def leave(program):
    """Quit, and look at what is left."""
    program.press("q")
    assert program.end() == 0
    assert program.is_restored()


def test_shows_host_bars_and_figures():
    """What a terminal of 80 columns has room for."""
    program = top()
    program.wait_for(r"^esxmemctl top  \d\d:\d\d:\d\d  2 VMs, every 0.1s, by GRANT downwards$")
    program.wait_for(r"^PMEM   high state; 8G total, 4G available, 3G free$")
    program.wait_for(r"^VMS    384M size, 200M granted, 96M active, 320M target; 7G pool, 64M reserved$")
    program.wait_for(r"^PSHARE 80M shared, 20M common, 60M saved; 40M zero$")
    program.wait_for(r"^VM +USE OF MEMSZ +MEMSZ GRANT SZTGT  TCHD  ACTV  SHRD  ZERO$")
    # 13 cells: 48 of 192 are 3.25, 100 are 6.8, the target is the last.
    program.wait_for(r"^web1 +\[███▒▒▒▒·····│\]  192M  100M  192M   48M   48M   40M   20M$")
    program.wait_for(r"^q: quit, h: help")
    leave(program)


def test_ascii_bars_on_request_or_without_utf8():
    """Two ways to bars of ASCII."""
    for args, how in ((("--ascii",), {}), ((), {"LC_ALL": "C"})):
        program = top(*args, **how)
        program.wait_for(r"^web1 +\[###====\.\.\.\.\.\|\]")
        leave(program)


def test_keys_sort():
    """Letters, neighbours, the reverse."""
    program = top()
    program.wait_for("by GRANT downwards")
    program.wait(lambda: "".join(names(program)[:1]).endswith("1-db"), "the order of names")
    program.press("T")
    program.wait_for("by SZTGT downwards")
    program.wait(lambda: names(program)[:1] == ["web1"], "the larger target first")
    program.press("r")
    program.wait_for("by SZTGT upwards")
    program.wait(lambda: names(program)[1:] == ["web1"], "the smaller target first")
    program.press(">")
    program.wait_for("by TCHD upwards")
    program.press("<<<<<<<<")
    program.wait_for("by VM upwards")
    program.wait(lambda: names(program)[:1] == ["web1"], "names backwards")
    leave(program)


def test_pause_keeps_a_sample_and_s_takes_one():
    """The figures that are shown are those of the sample on the screen."""
    program = top()
    program.wait_for(r"web1 .* 100M ")
    program.press("p")
    program.wait_for("PAUSED")
    write(vm_file("web1", "backed_bytes"), 150 << 20)
    program.press("u")
    program.wait_for(r"web1 .* 104857600 ")
    program.press("u")
    program.wait_for(r"web1 .* 100M ")
    program.press("s")
    program.wait_for(r"web1 .* 150M ")
    program.press(" ")
    program.wait_without("PAUSED")
    leave(program)


def test_rates_come_with_the_second_sample():
    """A counter that moves between two samples has a rate."""
    program = top("-d", "3600", "-o", "COWB/s")
    program.wait_for(r"^web1 .* -$")
    write(vm_file("web1", "cow_breaks"), 1000000)
    program.press("s")
    program.wait_for(r"^web1 .* \d+(\.\d)?$")
    assert not re.search(r"^web1 .* 0\.0$", program.text(), re.M)
    program.wait_for(r"1-db .* 0\.0$")
    leave(program)


def test_delay_is_doubled_and_halved():
    """Within the limits of --delay."""
    program = top("-d", "1000")
    program.wait_for("every 1000s")
    program.press("+++")
    program.wait_for("every 3600s")
    program.press("-" * 20)
    program.wait_for(r"every 0\.1s")
    leave(program)


def test_help_explains_and_goes_away():
    """It scrolls where the screen is small."""
    program = top()
    program.wait_for("^web1")
    program.press("h")
    program.wait_for(r"^Keys$")
    program.wait_for("quit")
    program.wait_without("^web1")
    program.press(KEY_END)
    program.wait_for("rho: shares that it pays for a page")
    program.press(KEY_HOME)
    program.wait_for(r"^Keys$")
    program.press("x")
    program.wait_for("^web1")
    program.press("?")
    program.wait_for(r"^Keys$")
    program.press("q")
    program.wait_for("^web1")
    leave(program)


def test_a_new_size_is_followed():
    """Columns leave from the right, and come back."""
    program = top()
    program.wait_for("ZERO$")
    program.set_size(24, 60)
    program.wait_for("SZTGT  TCHD  ACTV$")
    program.set_size(24, 45)
    program.wait_for(r"^VM +MEMSZ GRANT SZTGT  TCHD  ACTV$")
    program.set_size(40, 300)
    program.wait_for("TAX +RHO$")
    program.set_size(24, 80)
    program.wait_for("SHRD  ZERO$")
    leave(program)


def test_no_size_is_too_small_or_too_large():
    """Every size is drawn, and left in order."""
    for rows, columns in ((1, 1), (1, 80), (2, 2), (3, 200), (8, 10), (5, 5), (200, 500)):
        program = top(rows=rows, columns=columns)
        program.wait(lambda p=program: p.output.count("\x1b[") > 3, "output")
        program.press("hx" + KEY_DOWN + KEY_RIGHT + KEY_END + "b")
        program.set_size(columns % 50 + 1, rows)
        leave(program)


def test_columns_are_passed_over():
    """Sideways, and not beyond the last."""
    program = top()
    program.wait_for(r"MEMSZ +MEMSZ GRANT")
    program.press(KEY_RIGHT)
    program.wait_for(r"^VM +USE OF MEMSZ +GRANT SZTGT")
    program.press(KEY_RIGHT * 100)
    program.wait_for(r"^VM +USE OF MEMSZ +RHO$")
    program.press(KEY_LEFT * 100)
    program.wait_for(r"MEMSZ +MEMSZ GRANT")
    program.press("b")
    program.wait_for(r"^VM +MEMSZ GRANT .* SHRS$")
    leave(program)


def test_rows_are_passed_over():
    """Up and down, and not beyond the last."""
    for number in range(50):
        shutil.copytree(vm_file("web1", ""), vm_file(f"vm{number:02}", ""))
    program = top("-s", "VM")
    program.wait_for("52 VMs")
    program.wait(lambda: names(program)[1:2] == ["vm00"], "the first ones")
    program.press(KEY_DOWN * 3)
    program.wait(lambda: names(program)[:1] == ["vm02"], "three further")
    program.press(KEY_END)
    program.wait(lambda: names(program)[-1:] == ["web1"] and len(names(program)) == 17,
                 "the last 17")
    program.press(KEY_HOME)
    program.wait(lambda: names(program)[1:2] == ["vm00"], "the first")
    program.press(KEY_END)
    program.wait(lambda: names(program)[-1:] == ["web1"], "the last")
    for number in range(50):
        shutil.rmtree(vm_file(f"vm{number:02}", ""))
    program.wait(lambda: len(names(program)) == 2, "the two that are left")
    leave(program)


def test_vms_come_and_go():
    """Also the last one."""
    program = top()
    program.wait_for("2 VMs")
    shutil.copytree(vm_file("web1", ""), vm_file("vm7", ""))
    program.wait_for("3 VMs")
    program.wait_for("^vm7 ")
    for name in ("vm7", "web1", "libvirt!qemu!1-db"):
        shutil.rmtree(vm_file(name, ""))
    program.wait_for("0 VMs")
    program.wait_for("no VM yet")
    leave(program)


def test_a_module_that_goes_is_waited_for():
    """The last sample stays on the screen."""
    esxmem = os.path.join(sys.argv[2], "sys/kernel/esxmem")
    program = top()
    program.wait_for("^web1")
    os.rename(esxmem, esxmem + ".away")
    program.wait_for("the module is not loaded any more")
    program.wait_for("^web1")
    os.rename(esxmem + ".away", esxmem)
    program.wait_for("q: quit, h: help")
    leave(program)


def test_names_cannot_steer_the_terminal():
    """Whoever may make a file chooses a name."""
    shutil.copytree(vm_file("web1", ""), vm_file("\x1b[2J\x1b]0;x\x07\n\x9b1", ""))
    program = top("-s", "VM")
    program.wait_for("3 VMs")
    program.wait_for(r"^\?\[2J\?\]0;x\?\?\?+1 |^~\S*\?\?\?+1 ")
    assert not re.search("\x1b]|\x9b|\x07", program.output)
    leave(program)


def test_signals_end_it_in_order():
    """Those that a user, a shell and a machine going down send."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        for keys in ("", "p", "h"):
            program = top()
            program.wait_for("^web1")
            program.press(keys)
            os.kill(program.pid, number)
            assert program.end() == 0, (number, program.status)
            assert program.is_restored(), number
    program = top()
    program.wait_for("^web1")
    program.press("\x03")
    assert program.end() == 0
    assert program.is_restored()


def test_a_closed_window_ends_it():
    """By SIGHUP, and without that."""
    for ignore in ((), (signal.SIGHUP,)):
        program = top(ignore=ignore)
        program.wait_for("^web1")
        program.hang_up()
        program.end()


def test_iterations_end_it():
    """As in batch mode."""
    program = top("-n", "3")
    program.wait_for("^web1")
    assert program.end() == 0
    assert program.is_restored()


def test_every_terminal_type_is_served():
    """With colour or without, with an alternate screen or without."""
    for term in TERMINALS:
        program = top("--ascii", term=term)
        program.wait_for(r"^web1 +\[###====\.\.\.\.\.\|\]")
        program.press("r")
        program.wait_for("upwards")
        program.press("q")
        assert program.end() == 0, term
        assert program.is_restored(), term
    assert "\x1b[3" in top_output("xterm", {})
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", top_output("xterm", {"NO_COLOR": "1"}))


def top_output(term, env):
    """All that is sent to a terminal in a short life."""
    program = vt.Program(["/usr/bin/env", *(f"{k}={v}" for k, v in env.items()),
                          sys.argv[1], "top", "-n", "1", "-d", "0.1"], term=term)
    started.append(program)
    assert program.end() == 0
    return program.output


def test_terminals_that_will_not_do_are_named():
    """Nothing is drawn there."""
    for term, message in (("no-such-type", "type 'no-such-type' is not known"),
                          ("dumb", "'dumb' cannot move its cursor"),
                          (None, "is not known")):
        program = top(term=term, columns=200)
        assert program.end() == 1
        assert message in program.output, program.output
        assert program.is_restored()


def main():
    """Run the test named."""
    try:
        globals()["test_" + sys.argv[3]]()
    except AssertionError as error:
        for line in str(error).splitlines() or ["an assertion failed"]:
            print(f"# {line}")
        raise
    finally:
        for program in started:
            program.kill()


if __name__ == "__main__":
    main()
