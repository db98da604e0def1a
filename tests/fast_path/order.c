/* SPDX-License-Identifier: MIT */
/* order.c - a spawn stores its mark before it loads the limit, a sync clears its mark before it loads the guard.
 *
 * That is what makes the fork stack right without a fence (runtime/forkstack.h), and in the instructions only the
 * compiler could undo it. So the compiled code is asked: guard and limit lie at the two sides of a page boundary, and
 * neither page can be accessed. Each load of one of the two faults; what stands before it in the program has been done
 * then, and nothing that stands behind it. The handler compares the marks with the children that there are, and has the
 * one instruction done: x86-64 steps over it with the pages open, for aarch64 the load is done in its stead. How often
 * each is loaded is known, so that a load that is kept in a register, or merged with another, shows as well.
 */
#include "kernels.h"

#include <filch/fork.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum { SLOTS = 256 };

static struct filch__slot slots[SLOTS];
static struct filch__forks *forks; /* its guard ends one page, its limit begins the next */
static char *pages;
static size_t page_size;
static int children; /* spawned and not synced */
static long spawns, syncs;

static void die(const char *what)
{
    fprintf(stderr, "%s, with %d children, at spawn %ld, sync %ld\n", what, children, spawns, syncs);
    _exit(1);
}

static void protect(int access)
{
    if (mprotect(pages, 2 * page_size, access) != 0)
        die("mprotect failed");
}

/* Marks are set in the slots of all children, and in no other. */
static void check_marks(const char *what)
{
    for (int i = 0; i < SLOTS; i++)
        if ((slots[i].mark != 0) != (i < children))
            die(what);
}

#if defined(__x86_64__)

enum { TRAP_FLAG = 0x100 };

static void do_load(ucontext_t *context)
{
    protect(PROT_READ);
    context->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void on_step(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number, (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
    protect(PROT_NONE);
}

#elif defined(__aarch64__)

/* ldr of 64 bits: with an offset, scaled or not, or with a register. */
static bool is_load(uint32_t instruction)
{
    return (instruction & 0xffc00000) == 0xf9400000 || (instruction & 0xffe00c00) == 0xf8400000 ||
           (instruction & 0xffe00c00) == 0xf8600800;
}

static void do_load(ucontext_t *context)
{
    uint32_t instruction = *(uint32_t *)context->uc_mcontext.pc;
    if (!is_load(instruction) || (instruction & 31) == 31)
        die("guard and limit are not read by a plain load");
    protect(PROT_READ);
    context->uc_mcontext.regs[instruction & 31] = *(uint64_t *)context->uc_mcontext.fault_address;
    protect(PROT_NONE);
    context->uc_mcontext.pc += 4;
}

static void on_step(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number, (void)info, (void)context;
    die("a trap that nobody asked for");
}

#endif

static void on_fault(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    if (info->si_addr == (void *)&forks->limit) {
        children++;
        spawns++;
        check_marks("a spawn loads the limit before its mark is stored");
    } else if (info->si_addr == (void *)&forks->guard) {
        children--;
        syncs++;
        check_marks("a sync loads the guard before its mark is cleared");
    } else {
        die("a fault elsewhere");
    }
    do_load(context);
}

static void catch (int signal_number, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    if (sigaction(signal_number, &action, NULL) != 0)
        die("sigaction failed");
}

static void open_forks(void)
{
    page_size = (size_t)sysconf(_SC_PAGESIZE);
    pages = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        die("no memory");
    forks = (struct filch__forks *)(pages + page_size - offsetof(struct filch__forks, limit));
    forks->guard = slots;
    forks->limit = slots + SLOTS - 1;
    catch (SIGSEGV, on_fault);
    catch (SIGTRAP, on_step);
}

typedef long kernel_fn(struct filch__forks *forks, struct filch__slot *head, int n);

static void check_run(const char *name, kernel_fn *kernel, int n, long result_wanted, long children_wanted)
{
    spawns = syncs = 0;
    protect(PROT_NONE);
    long result = kernel(forks, slots, n);
    printf("%s(%d): %ld spawns, %ld loads of the limit and %ld of the guard, each after its mark\n", name, n,
           children_wanted, spawns, syncs);
    if (result != result_wanted)
        die("the result is wrong");
    if (spawns != children_wanted || syncs != children_wanted || children != 0)
        die("a spawn or a sync does not load its word, or loads it twice");
}

int main(void)
{
    open_forks();
    check_run("fib", kernel_fib, 16, 987, 1596);
    check_run("spread", kernel_spread, 5, 1876, 325);
    printf("2 tests, 0 failed\n");
    return 0;
}
