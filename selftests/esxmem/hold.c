// SPDX-License-Identifier: GPL-2.0
/*
 * Holds: in the low state a VM above its target waits for new memory.
 *
 * The thresholds make the state low whatever is free; then there is nothing to hand
 * out, and a VM's target is its minimum.  VMs are brought down meanwhile, but their
 * pages are all unlike, so there is nothing to take.  Who waits is seen in hold_waiters,
 * so no case depends on how long anything takes: the longest wait is a minute, and what
 * is to come earlier is given up after half of it.
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"

#define PAGES 1536UL
#define SIZE (PAGES * ESX_PAGE)
/* Of them the first third is in use before a case begins. */
#define USED (PAGES / 3)
/* What a task takes for each time that it waits. */
#define RATION 128UL
/* Looks, 20 ms apart, after which what does not come is given up. */
#define LOOKS 1500

static void set(const char *knob, uint64_t value)
{
	esx_set_number(esx_tax_knob(knob), value);
}

static bool is(const char *state)
{
	return !strcmp(esx_get(ESX_SYSFS "/tax/state"), state);
}

/* In an order in which the thresholds always descend. */
static void become_low(void)
{
	set("reclaim", 1);
	set("state_high_pm", 1000);
	set("state_soft_pm", 999);
	set("state_hard_pm", 998);
	set("state_low_pm", 997);
	CHECK(is("low"));
}

static void become_high(void)
{
	set("state_low_pm", 10);
	set("state_hard_pm", 20);
	set("state_soft_pm", 40);
	set("state_high_pm", 60);
	CHECK(is("high"));
}

static uint64_t figure(const char *vm, const char *name)
{
	return esx_get_number(esx_vm_knob(vm, name));
}

static void wait_until(const char *vm, const char *name, uint64_t value)
{
	for (int looks = 0; figure(vm, name) != value; looks++) {
		CHECK_MSG(looks < LOOKS, "%s of %s is %llu, not %llu", name, vm,
			  (unsigned long long)figure(vm, name), (unsigned long long)value);
		usleep(20000);
	}
}

struct vm {
	const char *name;
	int fd;
	char *map;
};

/* A VM whose pages in use are all unlike, and private. */
static struct vm make_vm(const char *name)
{
	struct vm vm = { .name = name, .fd = esx_vm_file(name, SIZE) };

	vm.map = esx_map(vm.fd, SIZE, 0);
	for (size_t i = 0; i < USED; i++)
		esx_fill(vm.map + i * ESX_PAGE, 1000 + i);
	return vm;
}

static void hold(uint64_t max_ms)
{
	set("hold_max_ms", max_ms);
	become_low();
	wait_until("vm", "on_hold", 1);
}

/* Low, and the VM is held. */
static struct vm make_held_vm(void)
{
	struct vm vm = make_vm("vm");

	hold(60000);
	return vm;
}

static char *unused(const struct vm *vm, size_t i)
{
	return vm->map + (USED + i) * ESX_PAGE;
}

static void expect_waiting(const struct vm *vm)
{
	wait_until(vm->name, "hold_waiters", 1);
	CHECK_EQ(esx_state(vm->fd, USED), ESXMEM_PAGE_EMPTY);
}

static void write_byte(char *at)
{
	*(volatile char *)at = 1;
}

/* Starts a process that writes to the first page that is not in use. */
static pid_t start_writer(const struct vm *vm)
{
	pid_t child = CHECK_OK(fork());

	if (!child) {
		CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGKILL));
		write_byte(unused(vm, 0));
		_exit(TAP_PASS);
	}
	return child;
}

static void who_is_above_target_waits_and_who_is_not_does_not(void)
{
	struct vm other = make_vm("other"), vm;
	pid_t writer;

	esx_set_number(esx_vm_knob("other", "min_bytes"), SIZE);
	vm = make_held_vm();
	CHECK_EQ(figure("other", "on_hold"), 0);
	writer = start_writer(&vm);
	expect_waiting(&vm);
	for (size_t i = 0; i < USED; i++)
		write_byte(unused(&other, i));
	CHECK_EQ(figure("other", "hold_faults"), 0);
	expect_waiting(&vm);
	CHECK_EQ(figure("vm", "hold_faults"), 0);

	become_high();
	tap_join(writer);
	CHECK_EQ(esx_state(vm.fd, USED), ESXMEM_PAGE_PRIVATE);
	CHECK_EQ(figure("vm", "on_hold"), 0);
	CHECK_EQ(figure("vm", "hold_waiters"), 0);
	CHECK_EQ(figure("vm", "hold_faults"), 1);
	CHECK(figure("vm", "hold_ns") > 0);
}

static void a_target_that_rises_ends_it(void)
{
	struct vm vm = make_held_vm();
	pid_t writer = start_writer(&vm);

	expect_waiting(&vm);
	esx_set_number(esx_vm_knob("vm", "min_bytes"), SIZE);
	tap_join(writer);
	CHECK(is("low"));
	wait_until("vm", "on_hold", 0);
	/* And it begins when it falls again. */
	esx_set_number(esx_vm_knob("vm", "min_bytes"), 0);
	wait_until("vm", "on_hold", 1);
}

/* A guest that gives memory back comes to its target by itself. */
static void memory_that_is_given_back_ends_it(void)
{
	struct vm vm = make_held_vm();
	pid_t writer;

	esx_set_number(esx_vm_knob("vm", "min_bytes"), ESX_PAGE);
	writer = start_writer(&vm);
	expect_waiting(&vm);
	CHECK_OK(fallocate(vm.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			   USED * ESX_PAGE));
	tap_join(writer);
	CHECK(is("low"));
}

/* Who brings the VM down takes from it while its own threads wait. */
static void what_is_reclaimed_ends_it(void)
{
	struct vm vm = make_held_vm();
	pid_t writer;

	esx_set_number(esx_vm_knob("vm", "min_bytes"), (USED - 32) * ESX_PAGE);
	writer = start_writer(&vm);
	expect_waiting(&vm);
	esx_fill_mixed(vm.map, USED);
	tap_join(writer);
	CHECK(is("low"));
	CHECK(figure("vm", "reclaimed_bytes") >= 32 * ESX_PAGE);
	esx_expect_mixed(vm.map, USED);
}

static void the_switch_ends_it(void)
{
	struct vm vm = make_held_vm();
	pid_t writer = start_writer(&vm);

	expect_waiting(&vm);
	esx_set(ESX_SYSFS "/tax/hold", "0");
	tap_join(writer);
	CHECK(is("low"));
	wait_until("vm", "on_hold", 0);
}

/* To wait would end nothing for who is not brought down. */
static void who_is_not_brought_down_is_not_held(void)
{
	struct vm spared = make_vm("spared"), vm;
	pid_t writer;

	esx_set(esx_vm_knob("spared", "share"), "0");
	vm = make_held_vm();
	CHECK_EQ(figure("spared", "on_hold"), 0);
	write_byte(unused(&spared, 0));
	CHECK_EQ(figure("spared", "hold_faults"), 0);

	writer = start_writer(&vm);
	expect_waiting(&vm);
	set("reclaim", 0);
	tap_join(writer);
	CHECK(is("low"));
	CHECK_EQ(figure("vm", "on_hold"), 0);
}

static void who_waits_can_be_killed(void)
{
	struct vm vm = make_held_vm();
	pid_t writer = start_writer(&vm);
	int status;

	expect_waiting(&vm);
	CHECK_OK(kill(writer, SIGKILL));
	CHECK_EQ(CHECK_OK(waitpid(writer, &status, 0)), writer);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK_EQ(figure("vm", "on_hold"), 1);
	CHECK_EQ(figure("vm", "hold_waiters"), 0);
	CHECK_EQ(esx_state(vm.fd, USED), ESXMEM_PAGE_EMPTY);
}

static atomic_int *signals;

static void count_signal(int signal)
{
	(void)signal;
	++*signals;
}

/* As a VMM's, which has to get hold of its virtual CPUs. */
static void signals_are_handled_while_it_lasts(void)
{
	struct sigaction action = { .sa_handler = count_signal };
	struct vm vm = make_held_vm();
	pid_t writer;

	signals = host_shared(sizeof(*signals));
	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	writer = start_writer(&vm);
	expect_waiting(&vm);
	CHECK_OK(kill(writer, SIGUSR1));
	for (int looks = 0; !*signals; looks++) {
		CHECK_MSG(looks < LOOKS, "the signal is not handled");
		usleep(20000);
	}
	expect_waiting(&vm);
	become_high();
	tap_join(writer);
}

/* Nobody lets it go, and no wait comes to its end undisturbed. */
static void signals_do_not_make_it_longer(void)
{
	const struct itimerval often = { { .tv_usec = 5000 }, { .tv_usec = 5000 } };
	struct sigaction action = { .sa_handler = count_signal };
	struct vm vm = make_vm("vm");
	pid_t writer;

	hold(500);
	signals = host_shared(sizeof(*signals));
	CHECK_OK(sigaction(SIGALRM, &action, NULL));
	writer = CHECK_OK(fork());
	if (!writer) {
		CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGKILL));
		CHECK_OK(setitimer(ITIMER_REAL, &often, NULL));
		write_byte(unused(&vm, 0));
		_exit(TAP_PASS);
	}
	for (int looks = 0; esx_state(vm.fd, USED) == ESXMEM_PAGE_EMPTY; looks++) {
		CHECK_MSG(looks < LOOKS, "%d signals, and no page", *signals);
		usleep(20000);
	}
	tap_join(writer);
	CHECK_EQ(figure("vm", "on_hold"), 1);
	/* A fault that finds a signal there already does not sleep, nor is it counted. */
	CHECK(*signals > 1);
}

static void what_needs_no_frame_does_not_wait(void)
{
	struct vm vm = make_held_vm();

	for (size_t i = 0; i < USED; i++) {
		CHECK(esx_is_zero(unused(&vm, i), ESX_PAGE));
		CHECK(esx_has(vm.map + i * ESX_PAGE, 1000 + i));
		write_byte(vm.map + i * ESX_PAGE);
	}
	CHECK_EQ(figure("vm", "on_hold"), 1);
	CHECK_EQ(figure("vm", "hold_faults"), 0);
}

/* write(2) and fallocate(2) hold the inode lock, which who gives back needs. */
static void file_operations_do_not_wait(void)
{
	struct vm vm = make_held_vm();

	CHECK_EQ(CHECK_OK(pwrite(vm.fd, "x", 1, USED * ESX_PAGE)), 1);
	CHECK_OK(fallocate(vm.fd, 0, (USED + 1) * ESX_PAGE, ESX_PAGE));
	CHECK_EQ(esx_state(vm.fd, USED), ESXMEM_PAGE_PRIVATE);
	CHECK(esx_state(vm.fd, USED + 1) != ESXMEM_PAGE_EMPTY);
	CHECK_EQ(figure("vm", "hold_faults"), 0);
}

/* As ptrace(2), whose access cannot let go of the mmap lock. */
static void who_cannot_let_go_of_the_lock_does_not_wait(void)
{
	struct vm vm = make_held_vm();
	int mem = CHECK_OK(open("/proc/self/mem", O_RDWR | O_CLOEXEC));

	CHECK_EQ(CHECK_OK(pwrite(mem, "x", 1, (off_t)unused(&vm, 0))), 1);
	CHECK_EQ(esx_state(vm.fd, USED), ESXMEM_PAGE_PRIVATE);
	CHECK_EQ(figure("vm", "hold_faults"), 0);
}

/* What waits holds neither the mapping's lock nor that of the address space. */
static void change_the_address_space(void)
{
	char *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(map != MAP_FAILED);
	memset(map, 1, SIZE);
	CHECK_OK(mprotect(map, SIZE, PROT_READ));
	CHECK_OK(munmap(map, SIZE));
}

static void *write_in_thread(void *at)
{
	write_byte(at);
	return NULL;
}

static pthread_t start_thread(char *at)
{
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, write_in_thread, at));
	return thread;
}

static void nobody_waits_for_the_locks_of_who_waits(void)
{
	struct vm vm = make_held_vm();
	pthread_t thread = start_thread(unused(&vm, 0));

	expect_waiting(&vm);
	change_the_address_space();
	/* The mapping itself, the page and the file are free, too. */
	CHECK_OK(madvise(vm.map, SIZE, MADV_DONTNEED));
	CHECK(esx_is_zero(unused(&vm, 0), ESX_PAGE));
	CHECK_OK(fallocate(vm.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			   USED * ESX_PAGE, ESX_PAGE));
	CHECK_OK(ftruncate(vm.fd, SIZE + ESX_PAGE));
	expect_waiting(&vm);
	become_high();
	CHECK(!pthread_join(thread, NULL));
	CHECK_EQ(*unused(&vm, 0), 1);
}

/* A write to a shared page that is mapped read-only comes by ->page_mkwrite. */
static void copy_on_write_waits(void)
{
	struct vm vm = make_vm("vm");
	char *at = vm.map + ESX_PAGE;
	pthread_t thread;

	esx_fill(vm.map, 1);
	esx_fill(at, 1);
	CHECK_EQ(esx_merge(vm.fd, 0, 2 * ESX_PAGE).merged, 2);
	CHECK(esx_has(at, 1));
	CHECK_EQ(esx_state(vm.fd, 1), ESXMEM_PAGE_SHARED);
	hold(60000);
	thread = start_thread(at);
	wait_until("vm", "hold_waiters", 1);
	change_the_address_space();
	CHECK(esx_has(at, 1));
	CHECK_EQ(esx_state(vm.fd, 1), ESXMEM_PAGE_SHARED);
	CHECK_EQ(figure("vm", "hold_waiters"), 1);
	become_high();
	CHECK(!pthread_join(thread, NULL));
	CHECK_EQ(*at, 1);
	CHECK_EQ(esx_state(vm.fd, 1), ESXMEM_PAGE_PRIVATE);
	CHECK(esx_has(vm.map, 1));
}

/*
 * Each time that it is begun anew the instruction reads the page first, and maps the
 * zero frame, which its write finds.
 */
static void an_instruction_that_reads_what_it_writes_ends(void)
{
#ifdef __x86_64__
	struct vm vm = make_held_vm();
	char *from = unused(&vm, 0), *to = from + 1;

	asm volatile("movsb" : "+S"(from), "+D"(to) : : "memory");
	CHECK_EQ(esx_state(vm.fd, USED), ESXMEM_PAGE_PRIVATE);
#else
	tap_skip("written for x86-64");
#endif
}

/* No signal reaches such waits but one that kills. */
static void expect_waited_for_a_second(const struct vm *vm)
{
	wait_until(vm->name, "hold_faults", 1);
	CHECK_EQ(figure(vm->name, "on_hold"), 1);
}

/* As KVM does for a virtual CPU; the fault is then not that of an instruction. */
static void who_writes_for_another_waits(void)
{
	struct vm vm = make_held_vm();
	pid_t child;

	host_needs_cross_memory();
	child = CHECK_OK(fork());
	if (!child) {
		struct iovec from = { "x", 1 }, to = { unused(&vm, 0), 1 };

		CHECK_EQ(process_vm_writev(getppid(), &from, 1, &to, 1, 0), 1);
		_exit(TAP_PASS);
	}
	change_the_address_space();
	expect_waited_for_a_second(&vm);
	tap_join(child);
	CHECK_EQ(*unused(&vm, 0), 'x');
}

/* Returns the ring, by which one byte is being read from @fd by a worker. */
static int read_by_worker(int fd, char *to)
{
	struct io_uring_params params = {};
	int ring = syscall(__NR_io_uring_setup, 1, &params);
	struct io_uring_sqe *sqes;
	char *queue;

	if (ring < 0)
		tap_skip("there is no io_uring");
	queue = mmap(NULL, ESX_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	sqes = mmap(NULL, ESX_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	CHECK(queue != MAP_FAILED && sqes != MAP_FAILED);
	sqes[0] = (struct io_uring_sqe){
		.opcode = IORING_OP_READ,
		.flags = IOSQE_ASYNC,
		.fd = fd,
		.addr = (uintptr_t)to,
		.len = 1,
	};
	*(uint32_t *)(queue + params.sq_off.array) = 0;
	atomic_store((_Atomic uint32_t *)(queue + params.sq_off.tail), 1);
	CHECK_EQ(CHECK_OK(syscall(__NR_io_uring_enter, ring, 1, 0, 0, NULL, 0)), 1);
	return ring;
}

static void a_worker_of_io_uring_does_not_wait_for_long(void)
{
	struct vm vm = make_held_vm();
	int file = CHECK_OK(memfd_create("x", MFD_CLOEXEC)), ring;

	CHECK_EQ(CHECK_OK(pwrite(file, "x", 1, 0)), 1);
	ring = read_by_worker(file, unused(&vm, 0));
	expect_waited_for_a_second(&vm);
	CHECK_EQ(CHECK_OK(syscall(__NR_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS, NULL,
				  0)), 0);
	CHECK_EQ(*unused(&vm, 0), 'x');
}

/* A new page may be taken as one of zeros before it is written to, and is new again. */
static void expect_rations(const struct vm *vm, uint64_t pages)
{
	CHECK(figure(vm->name, "hold_faults") > (pages - 1) / RATION);
	CHECK(figure(vm->name, "hold_faults") <= 2 * pages / RATION);
}

/* Nothing is given back and the state does not change: a ration after the other. */
static void nobody_waits_for_ever(void)
{
	struct vm vm = make_vm("vm");

	hold(1);
	for (size_t i = 0; i < 1000; i++)
		esx_fill(unused(&vm, i), 5000 + i);
	CHECK_EQ(esx_count(vm.fd, USED, 1000, ESXMEM_PAGE_PRIVATE), 1000);
	CHECK_EQ(figure("vm", "on_hold"), 1);
	expect_rations(&vm, 1000);
	CHECK(figure("vm", "hold_ns") >= figure("vm", "hold_faults") * 1000 * 1000);
}

/* A system call is one task's as well, whose each page is a fault of its own. */
static void one_system_call_waits_for_few_of_its_pages(void)
{
	struct vm vm = make_vm("vm");
	static char from[500 * ESX_PAGE];
	int file = CHECK_OK(memfd_create("x", MFD_CLOEXEC));

	for (size_t i = 0; i < 500; i++)
		esx_fill(from + i * ESX_PAGE, 5000 + i);
	CHECK_EQ(CHECK_OK(write(file, from, sizeof(from))), sizeof(from));
	hold(1);
	CHECK_EQ(CHECK_OK(pread(file, unused(&vm, 0), sizeof(from), 0)), sizeof(from));
	expect_rations(&vm, 500);
	CHECK_EQ(memcmp(from, unused(&vm, 0), sizeof(from)), 0);
}

static void read_and_write(void *arg, unsigned int index)
{
	const struct vm *vm = arg;

	for (size_t i = 0; i < 300; i++) {
		volatile char *at = unused(vm, i) + index;

		while (*at != 1)
			*at = 1;
	}
}

static void two_that_read_before_they_write_get_on(void)
{
	struct vm vm = make_vm("vm");

	hold(1);
	host_parallel(2, read_and_write, &vm);
	for (size_t i = 0; i < 300; i++)
		CHECK(unused(&vm, i)[0] == 1 && unused(&vm, i)[1] == 1);
	CHECK_EQ(figure("vm", "on_hold"), 1);
}

/* The file is all that keeps the VM, and the fault is all that keeps the file. */
static void what_waits_may_be_unmapped(void)
{
	pid_t child = CHECK_OK(fork());
	int status;

	if (!child) {
		struct vm vm = make_held_vm();

		start_thread(unused(&vm, 0));
		expect_waiting(&vm);
		CHECK_OK(munmap(vm.map, SIZE));
		CHECK_OK(close(vm.fd));
		CHECK_OK(unlink(esx_path("vm/ram")));
		CHECK_EQ(figure("vm", "hold_waiters"), 1);
		become_high();
		for (;;)
			pause();
	}
	CHECK_EQ(CHECK_OK(waitpid(child, &status, 0)), child);
	CHECK_MSG(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %x", status);
	for (int looks = 0; !access(esx_vm_knob("vm", "on_hold"), F_OK); looks++) {
		CHECK_MSG(looks < LOOKS, "the VM stays");
		usleep(20000);
	}
}

static void tax_figures_are_sums(void)
{
	uint64_t faults = esx_get_number(ESX_SYSFS "/tax/hold_faults");
	uint64_t ns = esx_get_number(ESX_SYSFS "/tax/hold_ns");
	struct vm vm = make_held_vm();
	pid_t writer = start_writer(&vm);

	expect_waiting(&vm);
	become_high();
	tap_join(writer);
	CHECK_EQ(esx_get_number(ESX_SYSFS "/tax/hold_faults") - faults,
		 figure("vm", "hold_faults"));
	CHECK_EQ(esx_get_number(ESX_SYSFS "/tax/hold_ns") - ns, figure("vm", "hold_ns"));
}

struct storm {
	struct vm vm;
	atomic_bool done;
};

/* Paths of its own: those of the library are for one thread. */
static void write_knob(const char *path, const char *text)
{
	CHECK_OK(esx_try_write(path, text, strlen(text)));
}

static void open_and_shut(struct storm *storm)
{
	while (!storm->done) {
		/* That of hard is where low ends. */
		write_knob(ESX_SYSFS "/tax/state_low_pm", "0");
		write_knob(ESX_SYSFS "/tax/state_hard_pm", "1");
		write_knob(ESX_SYSFS "/tax/state_hard_pm", "998");
		write_knob(ESX_SYSFS "/tax/state_low_pm", "997");
		write_knob(ESX_SYSFS "/tax/hold", "0");
		write_knob(ESX_SYSFS "/tax/hold", "1");
	}
}

static void take_and_give(struct storm *storm, unsigned int index)
{
	size_t first = USED + index * (USED / 4), pages = USED / 4;

	for (uint64_t round = 0; round < tap_scaled(12, 4); round++) {
		for (size_t i = first; i < first + pages; i++) {
			esx_fill(storm->vm.map + i * ESX_PAGE, i);
			CHECK(esx_has(storm->vm.map + i * ESX_PAGE, i));
		}
		CHECK_OK(fallocate(storm->vm.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   first * ESX_PAGE, pages * ESX_PAGE));
	}
}

static void one_of_four(void *arg, unsigned int index)
{
	struct storm *storm = arg;

	if (index) {
		take_and_give(storm, index);
		storm->done = true;
	} else {
		open_and_shut(storm);
	}
}

static void vms_are_held_and_let_go_while_they_fault(void)
{
	struct storm storm = { .vm = make_vm("vm") };

	set("hold_max_ms", 2);
	become_low();
	host_parallel(4, one_of_four, &storm);
	CHECK(figure("vm", "hold_faults") > 0);
	become_high();
	for (size_t i = 0; i < USED; i++)
		CHECK(esx_has(storm.vm.map + i * ESX_PAGE, 1000 + i));
}

static const struct tap_case cases[] = {
	TAP_CASE(who_is_above_target_waits_and_who_is_not_does_not),
	TAP_CASE(a_target_that_rises_ends_it),
	TAP_CASE(memory_that_is_given_back_ends_it),
	TAP_CASE(what_is_reclaimed_ends_it),
	TAP_CASE(the_switch_ends_it),
	TAP_CASE(who_is_not_brought_down_is_not_held),
	TAP_CASE(who_waits_can_be_killed),
	TAP_CASE(signals_are_handled_while_it_lasts),
	TAP_CASE(signals_do_not_make_it_longer),
	TAP_CASE(what_needs_no_frame_does_not_wait),
	TAP_CASE(file_operations_do_not_wait),
	TAP_CASE(who_cannot_let_go_of_the_lock_does_not_wait),
	TAP_CASE(nobody_waits_for_the_locks_of_who_waits),
	TAP_CASE(copy_on_write_waits),
	TAP_CASE(an_instruction_that_reads_what_it_writes_ends),
	TAP_CASE(who_writes_for_another_waits),
	TAP_CASE(a_worker_of_io_uring_does_not_wait_for_long),
	TAP_CASE(nobody_waits_for_ever),
	TAP_CASE(one_system_call_waits_for_few_of_its_pages),
	TAP_CASE_CPUS(two_that_read_before_they_write_get_on, 2),
	TAP_CASE(what_waits_may_be_unmapped),
	TAP_CASE(tax_figures_are_sums),
	TAP_CASE_CPUS(vms_are_held_and_let_go_while_they_fault, 2),
};

ESX_MAIN(cases)
