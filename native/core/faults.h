#pragma once

#include <cstdint>

namespace guard {

// What a test makes fail in an addon that is built with QWEN3GUARD_FAULTS, and in no other.
enum class Fault {
  kDecode,    // a decode is not begun; value: its status
  kCells,     // a decode is done and says all the same that it failed, so that it leaves cells; value: its
              // status
  kThrow,     // the decode thread throws; value: 1 an exception, 2 out of memory, 3 what is no exception
  kSlow,      // a decode takes so many ms more, and can be stopped like one of llama.cpp's
  kStuck,     // the same, and it cannot be stopped
  kMemory,    // ggml gets no memory for a large buffer: weights, KV cells, compute buffers
  kOutputs,   // JS gets no memory for results
  kProgress,  // a load waits so many ms where it tells its progress
  kCount
};

#ifdef QWEN3GUARD_FAULTS
// [any thread] The value where this fault is due now; else 0. Each call counts.
int64_t Due(Fault fault);
// [any thread] From now on, after `skip` occasions, it is due `times` times; value 0: never.
void SetFault(Fault fault, int64_t value, int64_t skip, int64_t times);
#else
constexpr int64_t Due(Fault) {
  return 0;
}
#endif

}  // namespace guard
