#pragma once

#include <napi.h>

#include "core/log.h"

namespace guard {

// State of one environment (the main thread's or a worker's). Process-wide state is in core/log.cc.
class AddonData {
 public:
  AddonData() = default;
  ~AddonData();
  AddonData(const AddonData&) = delete;
  AddonData& operator=(const AddonData&) = delete;

  static AddonData& Of(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

  Napi::FunctionReference model_constructor;
  Napi::FunctionReference engine_constructor;

  // [js thread] Sends llama.cpp's log to a function; an empty function stops it.
  void SetLog(Napi::Env env, LogLevel level, Napi::Function sink);

 private:
  static void OnEnvironmentExit(void* data);
  void StopLog();

  napi_env env_ = nullptr;
  napi_threadsafe_function log_ = nullptr;
};

}  // namespace guard
