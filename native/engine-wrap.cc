#include "engine-wrap.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "addon-data.h"
#include "arguments.h"
#include "core/faults.h"
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

// Numbers before a request's own and before a result's own: lib/binding/packed.ts has the same.
constexpr size_t kRequestHead = 8;
constexpr size_t kResultHead = 8;

// [js thread] The requests of a packed array, copied: it may change while native work runs.
std::vector<Request> UnpackRequests(const int32_t* numbers, size_t length) {
  std::vector<Request> requests;
  for (size_t at = 0; at < length;) {
    const auto left = [&] { return length - at; };
    if (left() < kRequestHead) throw Unexpected("a whole request");
    const int32_t* head = numbers + at;
    at += kRequestHead;
    Request& request = requests.emplace_back();
    request.id = static_cast<uint32_t>(head[0]);
    request.sequence = head[1];
    request.keep = head[2];
    request.shared = head[3];
    request.priority = head[4];
    const auto take = [&](int32_t count) {
      if (count < 0 || static_cast<size_t>(count) > left()) throw Unexpected("a whole request");
      std::vector<int32_t> part(numbers + at, numbers + at + count);
      at += static_cast<size_t>(count);
      return part;
    };
    request.tokens = take(head[5]);
    request.read = take(head[6]);
    request.named = take(head[7]);
  }
  return requests;
}

size_t PackedLength(const Result& result) {
  if (result.error) return kResultHead;
  return kResultHead + result.heads.size() + result.greedy.size() + result.margin.size() +
         result.named.size();
}

int32_t Microseconds(double ms) {
  return static_cast<int32_t>(std::min(1000 * ms, 2147483647.0));
}

template <typename T>
int32_t* Put(int32_t* at, const std::vector<T>& values) {
  static_assert(sizeof(T) == sizeof(int32_t), "");
  if (!values.empty()) std::memcpy(at, values.data(), values.size() * sizeof(T));
  return at + values.size();
}

// `error`: its index among the tick's errors, or -1.
int32_t* Pack(int32_t* at, const Result& result, int32_t error) {
  const bool failed = error >= 0;
  const auto count = [failed](size_t size) { return failed ? 0 : static_cast<int32_t>(size); };
  const int32_t head[kResultHead] = {static_cast<int32_t>(result.id),
                                     error,
                                     result.passes,
                                     Microseconds(result.ms),
                                     result.cached,
                                     count(result.greedy.size()),
                                     count(result.named.size()),
                                     count(result.heads.size())};
  at = std::copy(head, head + kResultHead, at);
  if (failed) return at;
  at = Put(at, result.heads);
  at = Put(at, result.greedy);
  at = Put(at, result.margin);
  return Put(at, result.named);
}

// Made without memory of C++'s, which may have run out: whoever waits for the result is not left waiting.
napi_value ToError(napi_env env, const char* code, const char* message, double free_bytes) {
  napi_value error, values[3];
  const bool made = napi_create_object(env, &error) == napi_ok &&
                    napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &values[0]) == napi_ok &&
                    napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &values[1]) == napi_ok &&
                    napi_create_double(env, free_bytes, &values[2]) == napi_ok &&
                    napi_set_named_property(env, error, "code", values[0]) == napi_ok &&
                    napi_set_named_property(env, error, "message", values[1]) == napi_ok &&
                    napi_set_named_property(env, error, "freeBytes", values[2]) == napi_ok;
  return made ? error : nullptr;
}

// What JS is told of a tick.
struct Told {
  napi_value results = nullptr;  // packed, in the order in which they were done
  napi_value errors = nullptr;   // an array
};

// `heads_only`: there is no memory for what they say, and each is an error.
bool Tell(napi_env env, const Engine::Works& works, bool heads_only, Told& told) {
  if (!heads_only && Due(Fault::kOutputs) != 0) return false;
  size_t length = 0;
  for (const Engine::Work& work : works) length += heads_only ? kResultHead : PackedLength(work.result);
  void* data = nullptr;
  napi_value buffer;
  if (napi_create_arraybuffer(env, length * sizeof(int32_t), &data, &buffer) != napi_ok ||
      napi_create_typedarray(env, napi_int32_array, length, buffer, 0, &told.results) != napi_ok ||
      napi_create_array(env, &told.errors) != napi_ok) {
    return false;
  }
  auto* at = static_cast<int32_t*>(data);
  int32_t errors = 0;
  for (const Engine::Work& work : works) {
    const Result& result = work.result;
    int32_t index = -1;
    if (heads_only || result.error) {
      Napi::HandleScope each(env);
      const Failure* failure = heads_only ? nullptr : result.error.get();
      napi_value error = failure != nullptr
                             ? ToError(env, failure->code().c_str(), failure->what(), failure->free_bytes())
                             : ToError(env, "ERR_MEMORY", "there is no memory for a result", -1);
      if (error == nullptr ||
          napi_set_element(env, told.errors, static_cast<uint32_t>(errors), error) != napi_ok)
        return false;
      index = errors++;
    }
    at = Pack(at, result, index);
  }
  return true;
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
    Told told;
    if (!Tell(env, results, false, told)) {
      ClearException(env);
      if (!Tell(env, results, true, told)) return;  // the environment is closing
    }
    napi_value self, callback;
    napi_value arguments[] = {told.results, told.errors};
    if (napi_get_undefined(env, &self) != napi_ok) return;
    if (napi_get_reference_value(env, on_results_, &callback) != napi_ok || callback == nullptr) return;
    // lib/engine passes a function that does not throw; what it throws all the same is not swallowed.
    if (napi_call_function(env, self, callback, 2, arguments, nullptr) == napi_pending_exception) {
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
  int64_t bytes = 0;
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
    options.alone_whole = Int32Of(from.Get("aloneWhole"), "aloneWhole");
    options.alone_following = Int32Of(from.Get("aloneFollowing"), "aloneFollowing");
    options.threads = Int32Of(from.Get("threads"), "threads");
    options.kv_type = KvTypeOf(StringOf(from.Get("kvType"), "kvType"));
    options.flash_attention = FlashAttentionOf(StringOf(from.Get("flashAttention"), "flashAttention"));
    const auto bytes = static_cast<int64_t>(NumberOf(from.Get("bytes"), "bytes"));
    const int32_t least = std::max(options.max_sequences, 1);
    if (options.max_sequences < 1 || options.max_sequences > 256 || options.cells < 1 ||
        options.batch_size < least || options.ubatch_size < 1 || options.ubatch_size > options.batch_size ||
        options.max_outputs < least || options.max_outputs > options.batch_size ||
        options.prefill_tokens < 1 || options.kept_cells < 0 || options.threads < 1 ||
        options.threads > 512 || options.alone_whole < 0 || options.alone_whole > options.batch_size ||
        (options.alone_whole > 0 && (options.unified || options.alone_following < 1))) {
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
    if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
      throw Unexpected("packed requests");
    }
    auto array = info[0].As<Napi::Int32Array>();
    std::vector<Request> requests = UnpackRequests(array.Data(), array.ElementLength());
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
    set("decodingMs", stats.decoding_ms);
    object.Set("failure",
               stats.failure ? Napi::String::New(info.Env(), stats.failure->what()) : info.Env().Null());
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
