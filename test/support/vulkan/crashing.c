// A driver that is broken as drivers are: it ends the process when it is loaded.
#include <stdlib.h>

__attribute__((constructor)) static void load(void) { abort(); }
