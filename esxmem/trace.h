/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints.  Fields are of base types only, so that bpftrace reads them on
 * kernels with and without type information for modules.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM esxmem

#if !defined(_ESXMEM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _ESXMEM_TRACE_H

#include <linux/tracepoint.h>

/*
 * Names are cut to this.  Copied bounded and not as __string(), which measures
 * first and copies later: a VM may be renamed in between.
 */
#define ESX_TRACE_NAME	64

/* A page of a VM: what most events are about. */
DECLARE_EVENT_CLASS(esxmem_page,
	TP_PROTO(u32 vm, const char *name, u64 ino, u64 pgoff, u64 value),
	TP_ARGS(vm, name, ino, pgoff, value),
	TP_STRUCT__entry(
		__field(u32, vm)
		__array(char, name, ESX_TRACE_NAME)
		__field(u64, ino)
		__field(u64, pgoff)
		__field(u64, value)
	),
	TP_fast_assign(
		__entry->vm = vm;
		strscpy_pad(__entry->name, name, ESX_TRACE_NAME);
		__entry->ino = ino;
		__entry->pgoff = pgoff;
		__entry->value = value;
	),
	TP_printk("vm=%u name=%s ino=%llu pgoff=%llu value=%llu", __entry->vm, __entry->name,
		  __entry->ino, __entry->pgoff, __entry->value)
);

/* A frame entered the page map; value: its order. */
DEFINE_EVENT(esxmem_page, esxmem_map,
	TP_PROTO(u32 vm, const char *name, u64 ino, u64 pgoff, u64 value),
	TP_ARGS(vm, name, ino, pgoff, value));

/* Pages were punched or truncated; value: how many. */
DEFINE_EVENT(esxmem_page, esxmem_unmap,
	TP_PROTO(u32 vm, const char *name, u64 ino, u64 pgoff, u64 value),
	TP_ARGS(vm, name, ino, pgoff, value));

/* A shared or zero page was given a frame of its own; value: nanoseconds. */
DEFINE_EVENT(esxmem_page, esxmem_cow,
	TP_PROTO(u32 vm, const char *name, u64 ino, u64 pgoff, u64 value),
	TP_ARGS(vm, name, ino, pgoff, value));

/* Pages of the file are clones of another's now; value: how many. */
DEFINE_EVENT(esxmem_page, esxmem_clone,
	TP_PROTO(u32 vm, const char *name, u64 ino, u64 pgoff, u64 value),
	TP_ARGS(vm, name, ino, pgoff, value));

/* A hint was filed; value: hash of the page. */
DEFINE_EVENT(esxmem_page, esxmem_hint,
	TP_PROTO(u32 vm, const char *name, u64 ino, u64 pgoff, u64 value),
	TP_ARGS(vm, name, ino, pgoff, value));

TRACE_EVENT(esxmem_fault,
	TP_PROTO(u32 vm, const char *name, u64 ino, u64 pgoff, bool write, u8 from, u64 ns),
	TP_ARGS(vm, name, ino, pgoff, write, from, ns),
	TP_STRUCT__entry(
		__field(u32, vm)
		__array(char, name, ESX_TRACE_NAME)
		__field(u64, ino)
		__field(u64, pgoff)
		__field(bool, write)
		__field(u8, from)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->vm = vm;
		strscpy_pad(__entry->name, name, ESX_TRACE_NAME);
		__entry->ino = ino;
		__entry->pgoff = pgoff;
		__entry->write = write;
		__entry->from = from;
		__entry->ns = ns;
	),
	TP_printk("vm=%u name=%s ino=%llu pgoff=%llu write=%d from=%u ns=%llu", __entry->vm,
		  __entry->name, __entry->ino, __entry->pgoff, __entry->write, __entry->from,
		  __entry->ns)
);

TRACE_EVENT(esxmem_merge,
	TP_PROTO(u32 vm, const char *name, u64 ino, u64 pgoff, u64 pfn, u32 refs),
	TP_ARGS(vm, name, ino, pgoff, pfn, refs),
	TP_STRUCT__entry(
		__field(u32, vm)
		__array(char, name, ESX_TRACE_NAME)
		__field(u64, ino)
		__field(u64, pgoff)
		__field(u64, pfn)
		__field(u32, refs)
	),
	TP_fast_assign(
		__entry->vm = vm;
		strscpy_pad(__entry->name, name, ESX_TRACE_NAME);
		__entry->ino = ino;
		__entry->pgoff = pgoff;
		__entry->pfn = pfn;
		__entry->refs = refs;
	),
	TP_printk("vm=%u name=%s ino=%llu pgoff=%llu pfn=0x%llx refs=%u", __entry->vm,
		  __entry->name, __entry->ino, __entry->pgoff, __entry->pfn, __entry->refs)
);

DECLARE_EVENT_CLASS(esxmem_place,
	TP_PROTO(u32 vm, const char *name, u64 ino, u64 pgoff),
	TP_ARGS(vm, name, ino, pgoff),
	TP_STRUCT__entry(
		__field(u32, vm)
		__array(char, name, ESX_TRACE_NAME)
		__field(u64, ino)
		__field(u64, pgoff)
	),
	TP_fast_assign(
		__entry->vm = vm;
		strscpy_pad(__entry->name, name, ESX_TRACE_NAME);
		__entry->ino = ino;
		__entry->pgoff = pgoff;
	),
	TP_printk("vm=%u name=%s ino=%llu pgoff=%llu", __entry->vm, __entry->name, __entry->ino,
		  __entry->pgoff)
);

/* A zero page gave up its frame. */
DEFINE_EVENT(esxmem_place, esxmem_zero,
	TP_PROTO(u32 vm, const char *name, u64 ino, u64 pgoff),
	TP_ARGS(vm, name, ino, pgoff));

/* The 2 MB frame around this page was broken. */
DEFINE_EVENT(esxmem_place, esxmem_huge_break,
	TP_PROTO(u32 vm, const char *name, u64 ino, u64 pgoff),
	TP_ARGS(vm, name, ino, pgoff));

/* The region of this page was given a 2 MB frame again. */
DEFINE_EVENT(esxmem_place, esxmem_huge_join,
	TP_PROTO(u32 vm, const char *name, u64 ino, u64 pgoff),
	TP_ARGS(vm, name, ino, pgoff));

/* The scanner completed a pass. */
TRACE_EVENT(esxmem_scan_pass,
	TP_PROTO(u64 pass, u64 pages, u64 merged, u64 ns),
	TP_ARGS(pass, pages, merged, ns),
	TP_STRUCT__entry(
		__field(u64, pass)
		__field(u64, pages)
		__field(u64, merged)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->pass = pass;
		__entry->pages = pages;
		__entry->merged = merged;
		__entry->ns = ns;
	),
	TP_printk("pass=%llu pages=%llu merged=%llu ns=%llu", __entry->pass, __entry->pages,
		  __entry->merged, __entry->ns)
);

/*
 * A sampling period of a VM ended; method: 0 young, 1 unmap; zeroed, freed: part of
 * touched that is discounted; active: pages.
 */
TRACE_EVENT(esxmem_sample,
	TP_PROTO(u32 vm, const char *name, u32 method, u32 sampled, u32 touched, u32 coarse,
		 u32 host, u32 zeroed, u32 freed, u64 active),
	TP_ARGS(vm, name, method, sampled, touched, coarse, host, zeroed, freed, active),
	TP_STRUCT__entry(
		__field(u32, vm)
		__array(char, name, ESX_TRACE_NAME)
		__field(u32, method)
		__field(u32, sampled)
		__field(u32, touched)
		__field(u32, coarse)
		__field(u32, host)
		__field(u32, zeroed)
		__field(u32, freed)
		__field(u64, active)
	),
	TP_fast_assign(
		__entry->vm = vm;
		strscpy_pad(__entry->name, name, ESX_TRACE_NAME);
		__entry->method = method;
		__entry->sampled = sampled;
		__entry->touched = touched;
		__entry->coarse = coarse;
		__entry->host = host;
		__entry->zeroed = zeroed;
		__entry->freed = freed;
		__entry->active = active;
	),
	TP_printk("vm=%u name=%s method=%u sampled=%u touched=%u coarse=%u host=%u zeroed=%u freed=%u active=%llu",
		  __entry->vm, __entry->name, __entry->method, __entry->sampled,
		  __entry->touched, __entry->coarse, __entry->host, __entry->zeroed,
		  __entry->freed, __entry->active)
);

/*
 * The state of the host's memory changed; 0 high, 1 soft, 2 hard, 3 low; free and
 * total: pages; ns: for how long the old one lasted.
 */
TRACE_EVENT(esxmem_state,
	TP_PROTO(u32 from, u32 to, u64 free, u64 total, u64 ns),
	TP_ARGS(from, to, free, total, ns),
	TP_STRUCT__entry(
		__field(u32, from)
		__field(u32, to)
		__field(u64, free)
		__field(u64, total)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->from = from;
		__entry->to = to;
		__entry->free = free;
		__entry->total = total;
		__entry->ns = ns;
	),
	TP_printk("from=%u to=%u free=%llu total=%llu ns=%llu", __entry->from, __entry->to,
		  __entry->free, __entry->total, __entry->ns)
);

/* The kernel wants all that is offered, so that the state is this one at the best. */
TRACE_EVENT(esxmem_shrink,
	TP_PROTO(u32 level, u64 offered),
	TP_ARGS(level, offered),
	TP_STRUCT__entry(
		__field(u32, level)
		__field(u64, offered)
	),
	TP_fast_assign(
		__entry->level = level;
		__entry->offered = offered;
	),
	TP_printk("level=%u offered=%llu", __entry->level, __entry->offered)
);

/* A VM is held, for max_ms a ration; or let go: 0. */
TRACE_EVENT(esxmem_hold,
	TP_PROTO(u32 vm, const char *name, u32 max_ms),
	TP_ARGS(vm, name, max_ms),
	TP_STRUCT__entry(
		__field(u32, vm)
		__array(char, name, ESX_TRACE_NAME)
		__field(u32, max_ms)
	),
	TP_fast_assign(
		__entry->vm = vm;
		strscpy_pad(__entry->name, name, ESX_TRACE_NAME);
		__entry->max_ms = max_ms;
	),
	TP_printk("vm=%u name=%s max_ms=%u", __entry->vm, __entry->name, __entry->max_ms)
);

/* A fault of a held VM has waited for ns; max_ms: 0 when the VM was let go since. */
TRACE_EVENT(esxmem_hold_fault,
	TP_PROTO(u32 vm, const char *name, u64 ns, u32 max_ms),
	TP_ARGS(vm, name, ns, max_ms),
	TP_STRUCT__entry(
		__field(u32, vm)
		__array(char, name, ESX_TRACE_NAME)
		__field(u64, ns)
		__field(u32, max_ms)
	),
	TP_fast_assign(
		__entry->vm = vm;
		strscpy_pad(__entry->name, name, ESX_TRACE_NAME);
		__entry->ns = ns;
		__entry->max_ms = max_ms;
	),
	TP_printk("vm=%u name=%s ns=%llu max_ms=%u", __entry->vm, __entry->name, __entry->ns,
		  __entry->max_ms)
);

/* Memory was taken from a VM; asked, merged, zero, broken: pages, see reclaim.h. */
TRACE_EVENT(esxmem_reclaim,
	TP_PROTO(u32 vm, const char *name, u64 asked, u64 merged, u64 zero, u64 broken, u64 ns),
	TP_ARGS(vm, name, asked, merged, zero, broken, ns),
	TP_STRUCT__entry(
		__field(u32, vm)
		__array(char, name, ESX_TRACE_NAME)
		__field(u64, asked)
		__field(u64, merged)
		__field(u64, zero)
		__field(u64, broken)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->vm = vm;
		strscpy_pad(__entry->name, name, ESX_TRACE_NAME);
		__entry->asked = asked;
		__entry->merged = merged;
		__entry->zero = zero;
		__entry->broken = broken;
		__entry->ns = ns;
	),
	TP_printk("vm=%u name=%s asked=%llu merged=%llu zero=%llu broken=%llu ns=%llu",
		  __entry->vm, __entry->name, __entry->asked, __entry->merged, __entry->zero,
		  __entry->broken, __entry->ns)
);

DECLARE_EVENT_CLASS(esxmem_guest,
	TP_PROTO(u32 vm, const char *name, int pid),
	TP_ARGS(vm, name, pid),
	TP_STRUCT__entry(
		__field(u32, vm)
		__array(char, name, ESX_TRACE_NAME)
		__field(int, pid)
	),
	TP_fast_assign(
		__entry->vm = vm;
		strscpy_pad(__entry->name, name, ESX_TRACE_NAME);
		__entry->pid = pid;
	),
	TP_printk("vm=%u name=%s pid=%d", __entry->vm, __entry->name, __entry->pid)
);

/* The KVM glue found the guest of a VM. */
DEFINE_EVENT(esxmem_guest, esxmem_attach,
	TP_PROTO(u32 vm, const char *name, int pid),
	TP_ARGS(vm, name, pid));

/* The guest went. */
DEFINE_EVENT(esxmem_guest, esxmem_detach,
	TP_PROTO(u32 vm, const char *name, int pid),
	TP_ARGS(vm, name, pid));

/* A VM asked for memory to be reserved; need and unreserved are in pages. */
TRACE_EVENT(esxmem_admit,
	TP_PROTO(u32 vm, const char *name, u64 size, u64 need, u64 unreserved, bool admitted),
	TP_ARGS(vm, name, size, need, unreserved, admitted),
	TP_STRUCT__entry(
		__field(u32, vm)
		__array(char, name, ESX_TRACE_NAME)
		__field(u64, size)
		__field(u64, need)
		__field(u64, unreserved)
		__field(bool, admitted)
	),
	TP_fast_assign(
		__entry->vm = vm;
		strscpy_pad(__entry->name, name, ESX_TRACE_NAME);
		__entry->size = size;
		__entry->need = need;
		__entry->unreserved = unreserved;
		__entry->admitted = admitted;
	),
	TP_printk("vm=%u name=%s size=%llu need=%llu unreserved=%llu admitted=%d", __entry->vm,
		  __entry->name, __entry->size, __entry->need, __entry->unreserved,
		  __entry->admitted)
);

/* A VM is entitled to another amount; target, old and active are in pages. */
TRACE_EVENT(esxmem_target,
	TP_PROTO(u32 vm, const char *name, u64 old, u64 target, u64 active, u32 why),
	TP_ARGS(vm, name, old, target, active, why),
	TP_STRUCT__entry(
		__field(u32, vm)
		__array(char, name, ESX_TRACE_NAME)
		__field(u64, old)
		__field(u64, target)
		__field(u64, active)
		__field(u32, why)
	),
	TP_fast_assign(
		__entry->vm = vm;
		strscpy_pad(__entry->name, name, ESX_TRACE_NAME);
		__entry->old = old;
		__entry->target = target;
		__entry->active = active;
		__entry->why = why;
	),
	TP_printk("vm=%u name=%s old=%llu target=%llu active=%llu why=%u", __entry->vm,
		  __entry->name, __entry->old, __entry->target, __entry->active, __entry->why)
);

/* The targets of all VMs were computed; pool, spare and shortfall are in pages. */
TRACE_EVENT(esxmem_rebalance,
	TP_PROTO(u32 vms, u64 pool, u64 spare, u64 shortfall),
	TP_ARGS(vms, pool, spare, shortfall),
	TP_STRUCT__entry(
		__field(u32, vms)
		__field(u64, pool)
		__field(u64, spare)
		__field(u64, shortfall)
	),
	TP_fast_assign(
		__entry->vms = vms;
		__entry->pool = pool;
		__entry->spare = spare;
		__entry->shortfall = shortfall;
	),
	TP_printk("vms=%u pool=%llu spare=%llu shortfall=%llu", __entry->vms, __entry->pool,
		  __entry->spare, __entry->shortfall)
);

#endif /* _ESXMEM_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
