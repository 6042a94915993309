# SPDX-License-Identifier: GPL-2.0
"""The benchmark: KSM and other peers against esxmem, in one run."""
