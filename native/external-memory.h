#pragma once

#include <node_api.h>

#include <cstdint>

namespace guard {

// Memory that V8 cannot see but that goes with one of its objects: told of it, V8 collects what nobody closed
// in time.
class ExternalMemory {
 public:
  // [js thread] Bytes from now on. Whoever owns this sets 0 before it goes.
  void Set(napi_env env, int64_t bytes) {
    int64_t total = 0;
    if (bytes != bytes_) napi_adjust_external_memory(env, bytes - bytes_, &total);
    bytes_ = bytes;
  }

 private:
  int64_t bytes_ = 0;
};

}  // namespace guard
