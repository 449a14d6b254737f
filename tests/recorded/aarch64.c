/* Writes its own registers and stack to standard output, from a function that was called in many ways:
 *
 *   aarch64-linux-gnu-gcc -O2 -fno-omit-frame-pointer -fasynchronous-unwind-tables -mbranch-protection=pac-ret \
 *       -ffreestanding -nostdlib -static -Wl,--eh-frame-hdr -Wl,-z,max-page-size=4096 \
 *       -o aarch64.elf aarch64.c && qemu-aarch64 -cpu max aarch64.elf > aarch64.stack
 *
 * aarch64.stack: x0 to x30, sp, pc, pstate (0), where the stack ends, then the bytes from sp to there. The frames of
 * "bare" functions have no frame pointer, and return addresses are signed but in the one function that says so.
 */

typedef unsigned long word;

struct record {
    word registers[34];
    word end;
} record;

static long call(long number, long a, long b, long c)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}

/* A leaf: its return address is in x30 and nowhere else. */
void look(void);
__asm__(".text\n"
        ".globl look\n"
        ".type look, %function\n"
        "look:\n"
        ".cfi_startproc\n"
        "    adrp x9, record\n"
        "    add x9, x9, :lo12:record\n"
        "    stp x0, x1, [x9]\n"
        "    stp x18, x19, [x9, 144]\n"
        "    stp x20, x21, [x9, 160]\n"
        "    stp x22, x23, [x9, 176]\n"
        "    stp x24, x25, [x9, 192]\n"
        "    stp x26, x27, [x9, 208]\n"
        "    stp x28, x29, [x9, 224]\n"
        "    str x30, [x9, 240]\n"
        "    mov x10, sp\n"
        "    adr x11, .\n"
        "    stp x10, x11, [x9, 248]\n"
        "    ret\n"
        ".cfi_endproc\n"
        ".size look, . - look\n");

__attribute__((noinline)) void deepest(void)
{
    look();
    call(64, 1, (long)&record, sizeof record);
    call(64, 1, (long)record.registers[31], (long)(record.end - record.registers[31]));
    call(94, 0, 0, 0);
}

__attribute__((noinline, optimize("omit-frame-pointer"))) word bare(word depth, word a, word b)
{
    volatile word keep[3] = {a, b, depth};
    if (depth)
        keep[0] += bare(depth - 1, keep[1] * 3, keep[2] + a);
    else
        deepest();
    return keep[0] + keep[1] * depth + a - b;
}

__attribute__((noinline, target("branch-protection=none"))) word unsigned_return(word n)
{
    volatile word big[600];
    big[n] = n;
    big[n + 1] = bare(3, n, n + 1);
    return big[n] + big[n + 1];
}

__attribute__((noinline)) word variable(word n)
{
    volatile char room[n];
    room[n - 1] = 1;
    return unsigned_return(n % 7) + (word)room[n - 1];
}

__attribute__((used)) void begin(word *stack)
{
    record.end = (word)stack;
    call(94, (long)variable(stack[0] + 99) & 0, 0, 0);
}

__asm__(".globl _start\n"
        ".type _start, %function\n"
        "_start:\n"
        ".cfi_startproc\n"
        ".cfi_undefined x30\n"
        "    mov x29, xzr\n"
        "    mov x0, sp\n"
        "    bl begin\n"
        "    brk #0\n"
        ".cfi_endproc\n"
        ".size _start, . - _start\n");
