#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Writes to the first pages of a memory file through a mapping: touch.py FILE PAGES"""

import mmap
import sys

with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
    for page in range(int(sys.argv[2])):
        memory[page * mmap.PAGESIZE] = 1
