/* Ways to be busy in C, each hard to unwind in its own way; n rounds take about n nanoseconds. */
#define _GNU_SOURCE
#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

typedef unsigned long word;

static inline __attribute__((always_inline)) word spin(word n)
{
    word x = n;
    while (n--) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        __asm__ volatile("" : "+r"(x));
    }
    return x;
}

static __attribute__((noinline)) word spin_inside(word n, volatile char *frame)
{
    frame[0] = 1;
    return spin(n) + frame[0];
}

word burn(word n)
{
    return spin(n);
}

/* A frame of 200 KB, found from the stack pointer. */
word burn_big_frame(word n)
{
    volatile char frame[200000];
    frame[sizeof frame - 1] = 1;
    return spin(n / 2) + spin_inside(n / 2, frame) + frame[sizeof frame - 1];
}

/* A frame of a size that only its frame pointer tells. */
word burn_alloca(word n)
{
    volatile char *frame = alloca(100000 + n % 64);
    frame[0] = frame[99999] = 1;
    return spin(n / 2) + spin_inside(n / 2, frame) + frame[99999];
}

static __attribute__((noinline)) word descend(word n, word depth, volatile char *above)
{
    volatile char frame[100];
    frame[0] = above[0];
    word found = depth ? descend(n, depth - 1, frame) : spin(n);
    return found + frame[0];
}

/* Some hundred KB of frames. */
word burn_deep(word n, word depth)
{
    volatile char frame[8] = {0};
    return descend(n, depth, frame);
}

/* Exported, so that it is called through the procedure linkage table. */
__attribute__((noinline)) word burn_step(word x)
{
    x = x * 6364136223846793005u + 1442695040888963407u;
    __asm__ volatile("" : "+r"(x));
    return x;
}

word burn_plt(word n)
{
    word x = n;
    for (n /= 3; n; n--)
        x = burn_step(x);
    return x;
}

word burn_clock(word n)
{
    struct timespec now;
    word x = 0;
    for (n /= 40; n; n--) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        x += now.tv_nsec;
    }
    return x;
}

/* ---- signal handlers and other stacks; one thread at a time */

static word rounds, result;

static void handler(int number)
{
    (void)number;
    result = spin(rounds);
}

static word burn_in(word n, int flags)
{
    struct sigaction mine = {.sa_handler = handler, .sa_flags = flags}, old;
    rounds = n;
    sigaction(SIGUSR2, &mine, &old);
    pthread_kill(pthread_self(), SIGUSR2);
    sigaction(SIGUSR2, &old, NULL);
    return result;
}

word burn_in_handler(word n)
{
    return burn_in(n, 0);
}

word burn_on_altstack(word n)
{
    stack_t mine = {.ss_size = 1 << 16}, old;
    mine.ss_sp = malloc(mine.ss_size);
    sigaltstack(&mine, &old);
    word x = burn_in(n, SA_ONSTACK);
    if (old.ss_flags & SS_DISABLE)
        old.ss_size = 1 << 16;
    sigaltstack(&old, NULL);
    free(mine.ss_sp);
    return x;
}

static ucontext_t here, there;
static void (*called)(void);

static void on_context(void)
{
    if (called)
        called();
    else
        result = spin(rounds);
}

/* Like a coroutine: on a stack of its own, that does not end where the thread's does. */
static void switch_to(word size)
{
    getcontext(&there);
    there.uc_stack.ss_sp = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    there.uc_stack.ss_size = size;
    there.uc_link = &here;
    makecontext(&there, on_context, 0);
    swapcontext(&here, &there);
    munmap(there.uc_stack.ss_sp, size);
}

word burn_on_context(word n)
{
    rounds = n;
    called = NULL;
    switch_to(1 << 16);
    return result;
}

void call_on_context(void (*function)(void))
{
    called = function;
    switch_to(1 << 20);
}

static __attribute__((noinline)) void call_below(void (*function)(void), word depth, volatile char *above)
{
    volatile char frame[100];
    frame[0] = above[0];
    if (depth)
        call_below(function, depth - 1, frame);
    else
        function();
    frame[1] = frame[0];
}

void call_deep(void (*function)(void), word depth)
{
    volatile char frame[8] = {0};
    call_below(function, depth, frame);
}

/* ---- code in memory that no file names, mapped anew each time */

word burn_written(word n)
{
    /* mov rax, rdi; again: dec rax; jnz again; ret */
    static const unsigned char code[] = {0x48, 0x89, 0xf8, 0x48, 0xff, 0xc8, 0x75, 0xfb, 0xc3};
    unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page, code, sizeof code);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
    word x = ((word (*)(word))page)(n * 3);
    munmap(page, 4096);
    return x;
}

/* ---- with native_kernels.S */

word burn_at(word n, void *stack);

/* The stack pointer stands at the very end of what is mapped. */
word burn_at_end(word n)
{
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(pages + 4096, 4096);
    word x = burn_at(n, pages + 4096);
    munmap(pages, 4096);
    return x;
}

/* The stack pointer points to nothing at all. */
word burn_at_nothing(word n)
{
    return burn_at(n, (void *)16);
}
