/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The gate: whom to hold in the low state.
 */
#ifndef _ESXMEM_TAX_GATE_H
#define _ESXMEM_TAX_GATE_H

int esx_gate_init(void);
void esx_gate_exit(void);
void esx_gate_kick(void);

#endif /* _ESXMEM_TAX_GATE_H */
