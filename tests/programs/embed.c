/* A program of another kind that runs Python inside: linked with libpython, or (DLOPEN) loading it by itself.
 *
 * embed FILE [LIBRARY]: runs the Python program FILE.
 */

#include <stdio.h>
#include <stdlib.h>

typedef void initialize_function(int);
typedef int run_function(const char *);

#ifdef DLOPEN

#include <dlfcn.h>

static void *function(const char *library, const char *name)
{
    static void *handle;
    if (!handle)
        handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    void *found = handle ? dlsym(handle, name) : NULL;
    if (!found) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    return found;
}

#define INITIALIZE ((initialize_function *)function(argv[2], "Py_InitializeEx"))
#define RUN ((run_function *)function(argv[2], "PyRun_SimpleString"))

#else

initialize_function Py_InitializeEx;
int PyRun_SimpleStringFlags(const char *, void *);
#define INITIALIZE Py_InitializeEx
#define RUN(code) PyRun_SimpleStringFlags(code, NULL)

#endif

int main(int argc, char **argv)
{
    char code[4096];
    if (argc < 2)
        return 2;
    snprintf(code, sizeof code, "exec(compile(open('%s').read(), '%s', 'exec'))", argv[1], argv[1]);
    INITIALIZE(0);
    return RUN(code) ? 1 : 0;
}
