// A driver that never comes back from being loaded.
#include <unistd.h>

__attribute__((constructor)) static void load(void) { sleep(3600); }
