#pragma once

#include <napi.h>

#include <memory>

#include "core/engine.h"
#include "external-memory.h"

namespace guard {

// JS face of Engine: `NativeEngine` in lib/binding/binding.ts.
class EngineWrap : public Napi::ObjectWrap<EngineWrap> {
 public:
  static Napi::Function Define(Napi::Env env);
  static Napi::Value Create(const Napi::CallbackInfo& info);

  // Wakes the JS thread of one engine; shared by the wrap, the engine's notify function and JS callbacks
  // that are still queued.
  class Waker;

  explicit EngineWrap(const Napi::CallbackInfo& info);
  ~EngineWrap() override;

 private:
  static void OnEnvironmentExit(void* data);

  Napi::Value Submit(const Napi::CallbackInfo& info);
  Napi::Value Cancel(const Napi::CallbackInfo& info);
  Napi::Value Release(const Napi::CallbackInfo& info);
  Napi::Value Keep(const Napi::CallbackInfo& info);
  Napi::Value Stats(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  std::shared_ptr<Waker> waker_;
  std::shared_ptr<Engine> engine_;
  // Of the context, as JS estimates it; shared with a close() that outlives the wrap.
  std::shared_ptr<ExternalMemory> memory_ = std::make_shared<ExternalMemory>();
};

}  // namespace guard
