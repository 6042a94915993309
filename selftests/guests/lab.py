# SPDX-License-Identifier: GPL-2.0
"""The parts of the lab that the guests use too.

Importing this module makes the lab's importable, from wherever the program
was started.
"""

import pathlib
import sys

REPO = pathlib.Path(__file__).resolve().parent.parent.parent

sys.dont_write_bytecode = True
sys.path.append(str(REPO / "selftests" / "lab"))

import cache                                            # noqa: E402,F401
import initramfs                                        # noqa: E402,F401
import kernels                                          # noqa: E402,F401
import machine                                          # noqa: E402,F401
import modules                                          # noqa: E402,F401
