#include "engine-wrap.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "addon-data.h"
#include "arguments.h"
#include "core/freed-memory.h"
#include "model-wrap.h"
#include "promise-worker.h"

namespace guard {

namespace {

KvType KvTypeOf(const std::string& name) {
  if (name == "f16") return KvType::kF16;
  if (name == "q8_0") return KvType::kQ8_0;
  if (name == "f32") return KvType::kF32;
  throw Unexpected("a KV type");
}

llama_flash_attn_type FlashAttentionOf(const std::string& name) {
  if (name == "auto") return LLAMA_FLASH_ATTN_TYPE_AUTO;
  if (name == "on") return LLAMA_FLASH_ATTN_TYPE_ENABLED;
  if (name == "off") return LLAMA_FLASH_ATTN_TYPE_DISABLED;
  throw Unexpected("a flash attention setting");
}

Napi::Value ToResult(Napi::Env env, const Result& result) {
  auto object = Napi::Object::New(env);
  object.Set("id", Napi::Number::New(env, result.id));
  object.Set("cached", Napi::Number::New(env, result.cached));
  object.Set("passes", Napi::Number::New(env, result.passes));
  object.Set("ms", Napi::Number::New(env, result.ms));
  object.Set("heads", ToFloat32Array(env, result.heads));
  object.Set("greedy", ToInt32Array(env, result.greedy));
  object.Set("margin", ToFloat32Array(env, result.margin));
  object.Set("named", ToFloat32Array(env, result.named));
  return object;
}

// Made without memory of C++'s, which may have run out: whoever waits for the result is not left waiting.
napi_value ToErrorResult(napi_env env, const Result& result, const char* code, const char* message,
                         double free_bytes = -1) {
  napi_value object, error, values[6];
  const bool made = napi_create_object(env, &object) == napi_ok &&
                    napi_create_object(env, &error) == napi_ok &&
                    napi_create_uint32(env, result.id, &values[0]) == napi_ok &&
                    napi_create_int32(env, result.passes, &values[1]) == napi_ok &&
                    napi_create_double(env, result.ms, &values[2]) == napi_ok &&
                    napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &values[3]) == napi_ok &&
                    napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &values[4]) == napi_ok &&
                    napi_set_named_property(env, object, "id", values[0]) == napi_ok &&
                    napi_set_named_property(env, object, "passes", values[1]) == napi_ok &&
                    napi_set_named_property(env, object, "ms", values[2]) == napi_ok &&
                    napi_set_named_property(env, error, "code", values[3]) == napi_ok &&
                    napi_set_named_property(env, error, "message", values[4]) == napi_ok &&
                    napi_create_double(env, free_bytes, &values[5]) == napi_ok &&
                    napi_set_named_property(env, error, "freeBytes", values[5]) == napi_ok &&
                    napi_set_named_property(env, object, "error", error) == napi_ok;
  return made ? object : nullptr;
}

napi_value ToAnyResult(Napi::Env env, const Result& result) {
  if (result.error) {
    const Failure& error = *result.error;
    return ToErrorResult(env, result, error.code().c_str(), error.what(), error.free_bytes());
  }
  try {
    Napi::Value value = ToResult(env, result);
    if (!ClearException(env)) return value;
  } catch (const std::bad_alloc&) {
  }
  return ToErrorResult(env, result, "ERR_MEMORY", "there is no memory for a result");
}

}  // namespace

class EngineWrap::Waker {
 public:
  // [js thread] Null on failure.
  static std::shared_ptr<Waker> Create(Napi::Env env, Napi::Function on_results) {
    auto waker = std::make_shared<Waker>();
    if (napi_create_reference(env, on_results, 1, &waker->on_results_) != napi_ok) return nullptr;
    napi_value name;
    napi_create_string_utf8(env, "qwen3guard.engine", NAPI_AUTO_LENGTH, &name);
    // The function owns a share of the waker, so a callback that is still queued finds it alive.
    auto* share = new std::shared_ptr<Waker>(waker);
    if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, share, Finalize, share, CallJs,
                                        &waker->function_) != napi_ok) {
      Finalize(env, share, nullptr);
      return nullptr;
    }
    napi_unref_threadsafe_function(env, waker->function_);
    return waker;
  }

  void Attach(std::weak_ptr<Engine> engine) { engine_ = std::move(engine); }

  // [engine thread]
  void Wake() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (function_ != nullptr) napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
  }

  // [js thread] Requests in flight keep the process alive; an idle engine does not.
  void Began(napi_env env, size_t count) {
    if (in_flight_ == 0 && count > 0 && function_ != nullptr) napi_ref_threadsafe_function(env, function_);
    in_flight_ += count;
  }

  // [js thread] Hands the waiting results to JS in one call.
  void Deliver(napi_env raw) {
    auto engine = engine_.lock();
    if (!engine || on_results_ == nullptr) return;
    Engine::Works results = engine->TakeResults();
    if (results.empty()) return;
    Napi::Env env(raw);
    Napi::HandleScope scope(env);
    in_flight_ -= results.size();
    if (in_flight_ == 0 && function_ != nullptr) napi_unref_threadsafe_function(env, function_);
    auto array = Napi::Array::New(env);
    if (array.IsEmpty()) return;  // the environment is closing
    uint32_t count = 0;
    for (Engine::Work& work : results) {
      Napi::HandleScope each(env);
      napi_value value = ToAnyResult(env, work.result);
      if (value != nullptr) napi_set_element(env, array, count++, value);
    }
    napi_value self, callback, argument = array;
    if (napi_get_undefined(env, &self) != napi_ok) return;
    if (napi_get_reference_value(env, on_results_, &callback) != napi_ok || callback == nullptr) return;
    // lib/engine passes a function that does not throw; what it throws all the same is not swallowed.
    if (napi_call_function(env, self, callback, 1, &argument, nullptr) == napi_pending_exception) {
      napi_value error;
      if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
    }
  }

  // [any thread] After this no callback is queued. Idempotent.
  void Stop() {
    napi_threadsafe_function function;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      function = std::exchange(function_, nullptr);
    }
    if (function != nullptr) napi_release_threadsafe_function(function, napi_tsfn_abort);
  }

 private:
  // [js thread] env is null when the environment is going.
  static void CallJs(napi_env env, napi_value, void* context, void*) {
    if (env == nullptr) return;
    auto waker = *static_cast<std::shared_ptr<Waker>*>(context);
    waker->Deliver(env);
  }

  // [js thread]
  static void Finalize(napi_env env, void* data, void*) {
    std::unique_ptr<std::shared_ptr<Waker>> share(static_cast<std::shared_ptr<Waker>*>(data));
    {
      // Node frees the function after this, whoever asked for it.
      std::lock_guard<std::mutex> lock((*share)->mutex_);
      (*share)->function_ = nullptr;
    }
    napi_delete_reference(env, std::exchange((*share)->on_results_, nullptr));
  }

  napi_ref on_results_ = nullptr;  // [js thread]
  std::mutex mutex_;               // guards function_ against a wake-up while it is released
  napi_threadsafe_function function_ = nullptr;
  std::weak_ptr<Engine> engine_;
  size_t in_flight_ = 0;  // [js thread]
};

Napi::Function EngineWrap::Define(Napi::Env env) {
  return DefineClass(env, "Engine",
                     {
                         InstanceMethod<&EngineWrap::Submit>("submit"),
                         InstanceMethod<&EngineWrap::Cancel>("cancel"),
                         InstanceMethod<&EngineWrap::Release>("release"),
                         InstanceMethod<&EngineWrap::Keep>("keep"),
                         InstanceMethod<&EngineWrap::Stats>("stats"),
                         InstanceMethod<&EngineWrap::Close>("close"),
                     });
}

namespace {

// What createEngine's worker hands to the constructor.
struct Created {
  std::shared_ptr<EngineWrap::Waker> waker;
  std::shared_ptr<Engine> engine;
  int64_t bytes;
};

}  // namespace

// Only native code constructs one: the argument is an External.
EngineWrap::EngineWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<EngineWrap>(info) {
  if (info.Length() != 1 || !info[0].IsExternal()) {
    Napi::TypeError::New(info.Env(), "Engines come from createEngine").ThrowAsJavaScriptException();
    return;
  }
  auto* created = info[0].As<Napi::External<Created>>().Data();
  waker_ = created->waker;
  engine_ = created->engine;
  memory_->Set(info.Env(), created->bytes);
  napi_add_env_cleanup_hook(info.Env(), OnEnvironmentExit, this);
}

// [js thread] A net for an engine that was never closed.
EngineWrap::~EngineWrap() {
  if (!engine_) return;
  memory_->Set(Env(), 0);
  napi_remove_env_cleanup_hook(Env(), OnEnvironmentExit, this);
  OnEnvironmentExit(this);
}

// [js thread] Hooks run in reverse order. This one was added after the thread-safe function was made, so
// the engine's thread is joined before Node frees the function that the thread may call.
void EngineWrap::OnEnvironmentExit(void* data) {
  auto* self = static_cast<EngineWrap*>(data);
  self->engine_->Close();
  self->waker_->Stop();
}

Napi::Value EngineWrap::Create(const Napi::CallbackInfo& info) {
  return Guarded(info, [&]() -> Napi::Value {
    Napi::Env env = info.Env();
    Napi::Object model_object = ObjectOf(info[0], "a model");
    if (!model_object.InstanceOf(AddonData::Of(env).model_constructor.Value())) throw Unexpected("a model");
    auto model = ModelWrap::Unwrap(model_object)->model();
    Napi::Object from = ObjectOf(info[1], "engine options");
    if (!info[2].IsFunction()) throw Unexpected("a results function");

    ContextOptions options;
    options.cells = Int32Of(from.Get("cells"), "cells");
    options.max_sequences = Int32Of(from.Get("maxSequences"), "maxSequences");
    options.unified = BoolOf(from.Get("unified"), "unified");
    options.batch_size = Int32Of(from.Get("batchSize"), "batchSize");
    options.ubatch_size = Int32Of(from.Get("ubatchSize"), "ubatchSize");
    options.max_outputs = Int32Of(from.Get("maxOutputs"), "maxOutputs");
    options.prefill_tokens = Int32Of(from.Get("prefillTokens"), "prefillTokens");
    options.offloads = BoolOf(from.Get("offloads"), "offloads");
    options.kept_cells = Int32Of(from.Get("keptCells"), "keptCells");
    options.threads = Int32Of(from.Get("threads"), "threads");
    options.kv_type = KvTypeOf(StringOf(from.Get("kvType"), "kvType"));
    options.flash_attention = FlashAttentionOf(StringOf(from.Get("flashAttention"), "flashAttention"));
    const auto bytes = static_cast<int64_t>(NumberOf(from.Get("bytes"), "bytes"));
    const int32_t least = std::max(options.max_sequences, 1);
    if (options.max_sequences < 1 || options.max_sequences > 256 || options.cells < 1 ||
        options.batch_size < least || options.ubatch_size < 1 || options.ubatch_size > options.batch_size ||
        options.max_outputs < least || options.max_outputs > options.batch_size ||
        options.prefill_tokens < 1 || options.kept_cells < 0 || options.threads < 1 ||
        options.threads > 512) {
      throw Failure("ERR_INTERNAL", "engine options are out of range");
    }

    auto waker = Waker::Create(env, info[2].As<Napi::Function>());
    if (!waker)
      throw Failure("ERR_INTERNAL", "the results function could not be shared with the engine's thread");
    return PromiseWorker<Created>::Run(
        env, "qwen3guard.engine",
        [model = std::move(model), options, waker, bytes] {
          Created created;
          created.waker = waker;
          created.bytes = bytes;
          try {
            created.engine = std::make_shared<Engine>(model, options, [waker] { waker->Wake(); });
          } catch (...) {
            waker->Stop();
            throw;
          }
          waker->Attach(created.engine);
          return created;
        },
        [](Napi::Env done_env, Created&& created) -> Napi::Value {
          auto external = Napi::External<Created>::New(done_env, &created);
          Napi::Value wrap = AddonData::Of(done_env).engine_constructor.New({external});
          if (wrap.IsEmpty()) {  // the environment is closing
            created.engine->Close();
            created.waker->Stop();
          }
          return wrap;
        });
  });
}

Napi::Value EngineWrap::Submit(const Napi::CallbackInfo& info) {
  return Guarded(info, [&]() -> Napi::Value {
    if (!info[0].IsArray()) throw Unexpected("an array of requests");
    auto array = info[0].As<Napi::Array>();
    std::vector<Request> requests(array.Length());
    for (uint32_t i = 0; i < array.Length(); ++i) {
      Napi::Object from = ObjectOf(array.Get(i), "a request");
      Request& request = requests[i];
      request.id = static_cast<uint32_t>(Int32Of(from.Get("id"), "id"));
      request.sequence = Int32Of(from.Get("sequence"), "sequence");
      request.keep = Int32Of(from.Get("keep"), "keep");
      request.shared = Int32Of(from.Get("shared"), "shared");
      request.priority = Int32Of(from.Get("priority"), "priority");
      request.tokens = Int32sOf(from.Get("tokens"), "tokens");
      request.read = Int32sOf(from.Get("read"), "read");
      request.named = Int32sOf(from.Get("named"), "named");
    }
    const size_t count = requests.size();
    engine_->Submit(std::move(requests));
    waker_->Began(info.Env(), count);
    return info.Env().Undefined();
  });
}

Napi::Value EngineWrap::Cancel(const Napi::CallbackInfo& info) {
  return Guarded(info, [&]() -> Napi::Value {
    engine_->Cancel(static_cast<uint32_t>(Int32Of(info[0], "a request id")));
    return info.Env().Undefined();
  });
}

Napi::Value EngineWrap::Release(const Napi::CallbackInfo& info) {
  return Guarded(info, [&]() -> Napi::Value {
    engine_->Release(Int32Of(info[0], "a sequence"));
    return info.Env().Undefined();
  });
}

Napi::Value EngineWrap::Keep(const Napi::CallbackInfo& info) {
  return Guarded(info, [&]() -> Napi::Value {
    engine_->ReleaseAndKeep(Int32Of(info[0], "a sequence"), Int32Of(info[1], "a number of positions"));
    return info.Env().Undefined();
  });
}

Napi::Value EngineWrap::Stats(const Napi::CallbackInfo& info) {
  return Guarded(info, [&]() -> Napi::Value {
    const EngineStats stats = engine_->stats();
    auto object = Napi::Object::New(info.Env());
    const auto set = [&](const char* name, double value) {
      object.Set(name, Napi::Number::New(info.Env(), value));
    };
    set("tokens", static_cast<double>(stats.tokens));
    set("ticks", static_cast<double>(stats.ticks));
    set("decodeMs", stats.decode_ms);
    set("pending", static_cast<double>(stats.pending));
    set("cells", static_cast<double>(stats.cells));
    auto bounds = Napi::Array::New(info.Env(), kTickBounds.size());
    for (uint32_t i = 0; i < kTickBounds.size(); ++i)
      bounds.Set(i, Napi::Number::New(info.Env(), kTickBounds[i]));
    object.Set("tickBounds", bounds);
    auto counts = Napi::Array::New(info.Env(), stats.ticks_by_time.size());
    for (uint32_t i = 0; i < stats.ticks_by_time.size(); ++i) {
      counts.Set(i, Napi::Number::New(info.Env(), static_cast<double>(stats.ticks_by_time[i])));
    }
    object.Set("tickCounts", counts);
    return object;
  });
}

// The join runs off the JS thread; what failed with ERR_CLOSED reaches JS before the promise resolves.
Napi::Value EngineWrap::Close(const Napi::CallbackInfo& info) {
  return Guarded(info, [&]() -> Napi::Value {
    return PromiseWorker<bool>::Run(
        info.Env(), "qwen3guard.close",
        [engine = engine_] {
          engine->Close();
          ReturnFreedMemory();
          return true;
        },
        [memory = memory_, waker = waker_, engine = engine_](Napi::Env env, bool&&) -> Napi::Value {
          memory->Set(env, 0);
          waker->Deliver(env);
          waker->Stop();
          return env.Undefined();
        });
  });
}

}  // namespace guard
