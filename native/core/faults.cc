#include "core/faults.h"

#ifdef QWEN3GUARD_FAULTS
#include <cerrno>
#include <cstddef>
#include <mutex>

namespace guard {

namespace {

struct Plan {
  int64_t value = 0, skip = 0, times = 0;
};

std::mutex mutex;  // guards plans
Plan plans[static_cast<size_t>(Fault::kCount)];

}  // namespace

int64_t Due(Fault fault) {
  std::lock_guard<std::mutex> lock(mutex);
  Plan& plan = plans[static_cast<size_t>(fault)];
  if (plan.value == 0 || plan.times == 0) return 0;
  if (plan.skip > 0) {
    --plan.skip;
    return 0;
  }
  --plan.times;
  return plan.value;
}

void SetFault(Fault fault, int64_t value, int64_t skip, int64_t times) {
  std::lock_guard<std::mutex> lock(mutex);
  plans[static_cast<size_t>(fault)] = {value, skip, times};
}

}  // namespace guard

// The linker puts it in the place of the system's for all that is linked into the addon (CMakeLists.txt).
extern "C" int __real_posix_memalign(void** memory, size_t alignment, size_t size);
extern "C" int __wrap_posix_memalign(void** memory, size_t alignment, size_t size) {
  // What is small the system refuses last, and ggml asserts that it has it.
  constexpr size_t kLarge = 256 * 1024;
  if (size >= kLarge && guard::Due(guard::Fault::kMemory) != 0) return ENOMEM;
  return __real_posix_memalign(memory, alignment, size);
}
#endif
