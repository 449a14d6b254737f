// Functions whose symbols are mangled, as C++ and Rust do it.
#include <string>

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

namespace kernels {
template <typename T> struct Matrix {
    __attribute__((noinline)) T turn(T n, const std::string &) { return spin(n); }
};
template struct Matrix<word>;
}

extern "C" {
// Rust's older mangling, and its newer one.
__attribute__((noinline)) word old_rust(word n) __asm__("_ZN7spinner4spin17h0123456789abcdefE");
__attribute__((noinline)) word new_rust(word n) __asm__("_RNvCs15kBYyAo9fc_7spinner7v0_spin");
word old_rust(word n) { return spin(n); }
word new_rust(word n) { return spin(n); }
word burn_cxx(word n) { return kernels::Matrix<word>().turn(n, "") + 1; }
word burn_old_rust(word n) { return old_rust(n) + 1; }
word burn_new_rust(word n) { return new_rust(n) + 1; }
}
