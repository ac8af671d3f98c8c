#pragma once

#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace guard {

// [worker thread] Gives memory that was freed back to the system. Large buffers go at once; of the many small
// ones of a context glibc keeps some MiB in each thread's arena for good.
inline void ReturnFreedMemory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace guard
