#include "model-wrap.h"

#include <atomic>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "addon-data.h"
#include "arguments.h"
#include "core/freed-memory.h"
#include "promise-worker.h"

namespace guard {

namespace {

// Reports load progress to JS from the loading thread, at most once a percent. Owned by the load's closure.
class Progress {
 public:
  Progress(Napi::Env env, Napi::Function callback) {
    napi_value name;
    napi_create_string_utf8(env, "qwen3guard.progress", NAPI_AUTO_LENGTH, &name);
    if (napi_create_threadsafe_function(env, callback, nullptr, name, 0, 1, nullptr, nullptr, nullptr, CallJs,
                                        &function_) != napi_ok) {
      function_ = nullptr;
    }
  }
  ~Progress() {
    if (function_ != nullptr) napi_release_threadsafe_function(function_, napi_tsfn_release);
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // [loading thread]
  void Report(float fraction) {
    const int percent = static_cast<int>(fraction * 100);
    if (function_ == nullptr || percent == last_percent_) return;
    last_percent_ = percent;
    auto* value = new (std::nothrow) float(fraction);
    if (value == nullptr) return;
    if (napi_call_threadsafe_function(function_, value, napi_tsfn_nonblocking) != napi_ok) delete value;
  }

 private:
  // [js thread] lib/ passes a function that does not throw.
  static void CallJs(napi_env env, napi_value callback, void*, void* data) {
    std::unique_ptr<float> fraction(static_cast<float*>(data));
    if (env == nullptr || callback == nullptr) return;
    napi_value self, argument;
    if (napi_get_undefined(env, &self) != napi_ok) return;
    if (napi_create_double(env, *fraction, &argument) != napi_ok) return;
    napi_call_function(env, self, callback, 1, &argument, nullptr);
  }

  napi_threadsafe_function function_ = nullptr;
  int last_percent_ = -1;
};

}  // namespace

Napi::Function ModelWrap::Define(Napi::Env env) {
  return DefineClass(env, "Model",
                     {
                         InstanceAccessor<&ModelWrap::VocabSize>("vocabSize"),
                         InstanceAccessor<&ModelWrap::EmbeddingSize>("embeddingSize"),
                         InstanceAccessor<&ModelWrap::LayerCount>("layerCount"),
                         InstanceAccessor<&ModelWrap::TrainedContext>("trainedContext"),
                         InstanceAccessor<&ModelWrap::SizeBytes>("sizeBytes"),
                         InstanceAccessor<&ModelWrap::HeadOutputs>("headOutputs"),
                         InstanceMethod<&ModelWrap::TokenizeSync>("tokenizeSync"),
                         InstanceMethod<&ModelWrap::TokenizeFew>("tokenizeFew"),
                         InstanceMethod<&ModelWrap::Tokenize>("tokenize"),
                         InstanceMethod<&ModelWrap::TokenLengths>("tokenLengths"),
                         InstanceMethod<&ModelWrap::Detokenize>("detokenize"),
                         InstanceMethod<&ModelWrap::AddedTokens>("addedTokens"),
                         InstanceMethod<&ModelWrap::Close>("close"),
                     });
}

// Only native code constructs one: the argument is an External that holds the model.
ModelWrap::ModelWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ModelWrap>(info) {
  if (info.Length() != 1 || !info[0].IsExternal()) {
    Napi::TypeError::New(info.Env(), "Models come from loadModel").ThrowAsJavaScriptException();
    return;
  }
  model_ = *info[0].As<Napi::External<std::shared_ptr<Model>>>().Data();
  if (model_->device() == nullptr) {
    memory_.Set(info.Env(), static_cast<int64_t>(llama_model_size(model_->get())));
  }
}

ModelWrap::~ModelWrap() {
  memory_.Set(Env(), 0);
}

std::shared_ptr<Model> ModelWrap::model() const {
  if (!model_) throw Failure("ERR_CLOSED", "the model is closed");
  return model_;
}

Napi::Value ModelWrap::Load(const Napi::CallbackInfo& info) {
  return Guarded(info, [&]() -> Napi::Value {
    Napi::Env env = info.Env();
    Napi::Object options = ObjectOf(info[0], "load options");
    Model::Options load;
    load.path = StringOf(options.Get("path"), "a path");
    load.device = StringOf(options.Get("device"), "a device");
    load.gpu_layers = Int32Of(options.Get("gpuLayers"), "gpuLayers");
    load.repack = BoolOf(options.Get("repack"), "repack");
    load.mmap = BoolOf(options.Get("mmap"), "mmap");
    std::shared_ptr<Progress> progress;
    if (options.Get("onProgress").IsFunction()) {
      progress = std::make_shared<Progress>(env, options.Get("onProgress").As<Napi::Function>());
    }
    auto given_up = std::make_shared<std::atomic<bool>>(false);
    load.on_progress = [progress, given_up](float fraction) {
      if (progress) progress->Report(fraction);
      return !*given_up;
    };
    using Loaded = std::shared_ptr<Model>;
    auto loading = Napi::Object::New(env);
    loading.Set("cancel", Napi::Function::New(
                              env, [given_up](const Napi::CallbackInfo&) { *given_up = true; }, "cancel"));
    Napi::Value model = PromiseWorker<Loaded>::Run(
        env, "qwen3guard.load", [load = std::move(load)] { return Model::Load(load); },
        [](Napi::Env done_env, Loaded&& model) -> Napi::Value {
          auto external = Napi::External<Loaded>::New(done_env, &model);
          return AddonData::Of(done_env).model_constructor.New({external});
        });
    loading.Set("model", model);
    return loading;
  });
}

Napi::Value ModelWrap::VocabSize(const Napi::CallbackInfo& info) {
  return Guarded(info, [&] { return Napi::Number::New(info.Env(), model()->vocab_size()); });
}

Napi::Value ModelWrap::EmbeddingSize(const Napi::CallbackInfo& info) {
  return Guarded(info, [&] { return Napi::Number::New(info.Env(), llama_model_n_embd(model()->get())); });
}

Napi::Value ModelWrap::LayerCount(const Napi::CallbackInfo& info) {
  return Guarded(info, [&] { return Napi::Number::New(info.Env(), llama_model_n_layer(model()->get())); });
}

Napi::Value ModelWrap::TrainedContext(const Napi::CallbackInfo& info) {
  return Guarded(info,
                 [&] { return Napi::Number::New(info.Env(), llama_model_n_ctx_train(model()->get())); });
}

Napi::Value ModelWrap::SizeBytes(const Napi::CallbackInfo& info) {
  return Guarded(info, [&] {
    return Napi::Number::New(info.Env(), static_cast<double>(llama_model_size(model()->get())));
  });
}

Napi::Value ModelWrap::HeadOutputs(const Napi::CallbackInfo& info) {
  return Guarded(info, [&] { return Napi::Number::New(info.Env(), model()->head_outputs()); });
}

Napi::Value ModelWrap::TokenizeSync(const Napi::CallbackInfo& info) {
  return Guarded(info,
                 [&] { return ToInt32Array(info.Env(), model()->Tokenize(StringOf(info[0], "a text"))); });
}

namespace {

std::vector<std::string> TextsOf(const Napi::Value& value) {
  if (!value.IsArray()) throw Unexpected("an array of texts");
  auto array = value.As<Napi::Array>();
  std::vector<std::string> texts;
  texts.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) texts.push_back(StringOf(array.Get(i), "a text"));
  return texts;
}

using Ids = std::vector<std::vector<llama_token>>;

Ids TokenizeAll(const Model& model, const std::vector<std::string>& texts) {
  Ids ids;
  ids.reserve(texts.size());
  for (const std::string& text : texts) ids.push_back(model.Tokenize(text));
  return ids;
}

Napi::Value ToArray(Napi::Env env, const Ids& ids) {
  auto result = Napi::Array::New(env, ids.size());
  for (size_t i = 0; i < ids.size(); ++i) result.Set(static_cast<uint32_t>(i), ToInt32Array(env, ids[i]));
  return result;
}

}  // namespace

Napi::Value ModelWrap::TokenizeFew(const Napi::CallbackInfo& info) {
  return Guarded(info, [&] { return ToArray(info.Env(), TokenizeAll(*model(), TextsOf(info[0]))); });
}

Napi::Value ModelWrap::Tokenize(const Napi::CallbackInfo& info) {
  return Guarded(info, [&]() -> Napi::Value {
    return PromiseWorker<Ids>::Run(
        info.Env(), "qwen3guard.tokenize",
        [model = model(), texts = TextsOf(info[0])] { return TokenizeAll(*model, texts); },
        [](Napi::Env env, Ids&& ids) -> Napi::Value { return ToArray(env, ids); });
  });
}

Napi::Value ModelWrap::TokenLengths(const Napi::CallbackInfo& info) {
  return Guarded(info, [&] { return ToInt32Array(info.Env(), model()->token_lengths()); });
}

Napi::Value ModelWrap::Detokenize(const Napi::CallbackInfo& info) {
  return Guarded(info, [&] {
    // napi replaces what is not UTF-8 by U+FFFD.
    return Napi::String::New(info.Env(), model()->Detokenize(Int32sOf(info[0], "an Int32Array of ids")));
  });
}

Napi::Value ModelWrap::AddedTokens(const Napi::CallbackInfo& info) {
  return Guarded(info, [&] {
    Napi::Env env = info.Env();
    const auto held = model();
    const auto& tokens = held->added_tokens();
    auto result = Napi::Array::New(env, tokens.size());
    for (size_t i = 0; i < tokens.size(); ++i) {
      auto token = Napi::Object::New(env);
      token.Set("text", Napi::String::New(env, tokens[i].text));
      token.Set("id", Napi::Number::New(env, tokens[i].id));
      token.Set("control", Napi::Boolean::New(env, tokens[i].control));
      result.Set(static_cast<uint32_t>(i), token);
    }
    return result;
  });
}

// Giving back a gigabyte of pages takes long: off the JS thread.
Napi::Value ModelWrap::Close(const Napi::CallbackInfo& info) {
  return Guarded(info, [&]() -> Napi::Value {
    memory_.Set(info.Env(), 0);
    auto held = std::make_shared<std::shared_ptr<Model>>(std::move(model_));
    return PromiseWorker<bool>::Run(
        info.Env(), "qwen3guard.free",
        [held] {
          held->reset();
          ReturnFreedMemory();
          return true;
        },
        [](Napi::Env env, bool&&) -> Napi::Value { return env.Undefined(); });
  });
}

}  // namespace guard
