// Module entry: registers the two classes and the functions of NativeBinding (lib/binding/binding.ts).
#include <ggml-backend.h>
#include <llama.h>
#include <napi.h>

#include <set>
#include <string>
#include <vector>

#include "addon-data.h"
#include "arguments.h"
#include "core/cpu-features.h"
#include "core/device.h"
#include "core/faults.h"
#include "core/gguf-header.h"
#include "core/products.h"
#include "core/repack.h"
#include "engine-wrap.h"
#include "gguf-wrap.h"
#include "kernels/attention.h"
#include "model-wrap.h"
#include "promise-worker.h"

namespace guard {

namespace {

Napi::Value SystemInfo(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  StartBackend();
  std::set<std::string> names;
  for (size_t i = 0; i < ggml_backend_reg_count(); ++i) names.insert(BackendName(ggml_backend_reg_get(i)));
  auto backends = Napi::Array::New(env);
  for (const std::string& name : names) backends.Set(backends.Length(), Napi::String::New(env, name));

  auto object = Napi::Object::New(env);
  object.Set("llamaCpp", Napi::String::New(env, QWEN3GUARD_LLAMA_TAG));
  object.Set("patch", Napi::String::New(env, QWEN3GUARD_PATCH));
  object.Set("source", Napi::String::New(env, QWEN3GUARD_SOURCE));
  object.Set("flavour", Napi::String::New(env, QWEN3GUARD_FLAVOUR));
  object.Set("backends", backends);
  object.Set("cpuFeatures", Napi::String::New(env, llama_print_system_info()));
  return object;
}

// Starts the drivers of the build's GPU back ends, so it may take long, and a broken driver may crash.
Napi::Value ListDevices(const Napi::CallbackInfo& info) {
  return Guarded(info, [&]() -> Napi::Value {
    using List = std::vector<DeviceInfo>;
    return PromiseWorker<List>::Run(
        info.Env(), "qwen3guard.devices",
        [] {
          StartBackend();
          return Devices();
        },
        [](Napi::Env env, List&& devices) -> Napi::Value {
          auto array = Napi::Array::New(env, devices.size());
          for (size_t i = 0; i < devices.size(); ++i) {
            const DeviceInfo& device = devices[i];
            auto object = Napi::Object::New(env);
            object.Set("backend", Napi::String::New(env, device.backend));
            object.Set("name", Napi::String::New(env, device.name));
            object.Set("description", Napi::String::New(env, device.description));
            object.Set("freeBytes", Napi::Number::New(env, static_cast<double>(device.free_bytes)));
            object.Set("totalBytes", Napi::Number::New(env, static_cast<double>(device.total_bytes)));
            object.Set("unified", Napi::Boolean::New(env, device.unified));
            array.Set(static_cast<uint32_t>(i), object);
          }
          return array;
        });
  });
}

// For a process that may end: a kernel with an instruction that this CPU lacks ends it.
Napi::Value Products(const Napi::CallbackInfo& info) {
  return Guarded(info, [&]() -> Napi::Value {
    using List = std::vector<ProductCheck>;
    return PromiseWorker<List>::Run(
        info.Env(), "qwen3guard.products",
        [] {
          StartBackend();
          return CheckProducts();
        },
        [](Napi::Env env, List&& checks) -> Napi::Value {
          auto array = Napi::Array::New(env, checks.size());
          for (size_t i = 0; i < checks.size(); ++i) {
            auto object = Napi::Object::New(env);
            object.Set("type", Napi::String::New(env, checks[i].type));
            object.Set("kernel", Napi::String::New(env, checks[i].kernel));
            object.Set("worst", Napi::Number::New(env, checks[i].worst));
            array.Set(static_cast<uint32_t>(i), object);
          }
          return array;
        });
  });
}

// Runs on any CPU that Node runs on: touches no kernel.
Napi::Value InstructionSets(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto list = [&](const std::vector<std::string>& names) {
    auto array = Napi::Array::New(env);
    for (const std::string& name : names) array.Set(array.Length(), Napi::String::New(env, name));
    return array;
  };
  auto object = Napi::Object::New(env);
  object.Set("cpu", list(CpuFeatures()));
  object.Set("build", list(BuildFeatures()));
  return object;
}

Napi::Value SetLog(const Napi::CallbackInfo& info) {
  return Guarded(info, [&]() -> Napi::Value {
    const std::string name = StringOf(info[0], "a log level");
    LogLevel level = LogLevel::kError;
    for (LogLevel known : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn}) {
      if (name == LogLevelName(known)) level = known;
    }
    Napi::Function sink = info[1].IsFunction() ? info[1].As<Napi::Function>() : Napi::Function();
    AddonData::Of(info.Env()).SetLog(info.Env(), level, sink);
    StartBackend();  // after: what drivers say when they are started is heard
    return info.Env().Undefined();
  });
}

Napi::Value Repacks(const Napi::CallbackInfo& info) {
  return Guarded(info, [&] {
    StartBackend();
    const ggml_type type = TensorTypeByName(StringOf(info[0], "a tensor type"));
    return Napi::Boolean::New(info.Env(), RepacksWeights(type));
  });
}

Napi::Value OwnAttention(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), kernels::HasAttention());
}

#ifdef QWEN3GUARD_FAULTS
// fault(which, value, skip, times): see core/faults.h.
Napi::Value SetFaultOf(const Napi::CallbackInfo& info) {
  return Guarded(info, [&]() -> Napi::Value {
    const int32_t which = Int32Of(info[0], "a fault");
    if (which < 0 || which >= static_cast<int32_t>(Fault::kCount)) throw Unexpected("a fault");
    SetFault(static_cast<Fault>(which), Int32Of(info[1], "a value"), Int32Of(info[2], "a number"),
             Int32Of(info[3], "a number"));
    return info.Env().Undefined();
  });
}
#endif

}  // namespace

Napi::Object InitAddon(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData();
  data->model_constructor = Napi::Persistent(ModelWrap::Define(env));
  data->engine_constructor = Napi::Persistent(EngineWrap::Define(env));
  env.SetInstanceData(data);

  exports.Set("systemInfo", Napi::Function::New(env, SystemInfo, "systemInfo"));
  exports.Set("devices", Napi::Function::New(env, ListDevices, "devices"));
  exports.Set("instructionSets", Napi::Function::New(env, InstructionSets, "instructionSets"));
  exports.Set("products", Napi::Function::New(env, Products, "products"));
  exports.Set("setLog", Napi::Function::New(env, SetLog, "setLog"));
  exports.Set("repacks", Napi::Function::New(env, Repacks, "repacks"));
  exports.Set("ownAttention", Napi::Function::New(env, OwnAttention, "ownAttention"));
  exports.Set("loadModel", Napi::Function::New(env, ModelWrap::Load, "loadModel"));
  exports.Set("createEngine", Napi::Function::New(env, EngineWrap::Create, "createEngine"));
  exports.Set("ggufHeader", Napi::Function::New(env, GgufHeader, "ggufHeader"));
  exports.Set("encodeRows", Napi::Function::New(env, EncodeRowsAsync, "encodeRows"));
  exports.Set("checkVocabulary", Napi::Function::New(env, CheckVocabularyAsync, "checkVocabulary"));
  exports.Set("rowBytes", Napi::Function::New(env, RowBytes, "rowBytes"));
#ifdef QWEN3GUARD_FAULTS
  exports.Set("fault", Napi::Function::New(env, SetFaultOf, "fault"));
#endif
  return exports;
}

}  // namespace guard

using guard::InitAddon;  // the macro pastes the name, so it cannot be qualified
NODE_API_MODULE(qwen3guard, InitAddon)
