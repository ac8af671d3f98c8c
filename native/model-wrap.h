#pragma once

#include <napi.h>

#include <memory>

#include "core/model.h"
#include "external-memory.h"

namespace guard {

// JS face of Model: `NativeModel` in lib/binding/binding.ts.
class ModelWrap : public Napi::ObjectWrap<ModelWrap> {
 public:
  static Napi::Function Define(Napi::Env env);
  static Napi::Value Load(const Napi::CallbackInfo& info);

  explicit ModelWrap(const Napi::CallbackInfo& info);
  ~ModelWrap() override;

  // [js thread] Throws Failure(ERR_CLOSED) after close().
  std::shared_ptr<Model> model() const;

 private:
  Napi::Value VocabSize(const Napi::CallbackInfo& info);
  Napi::Value EmbeddingSize(const Napi::CallbackInfo& info);
  Napi::Value LayerCount(const Napi::CallbackInfo& info);
  Napi::Value TrainedContext(const Napi::CallbackInfo& info);
  Napi::Value SizeBytes(const Napi::CallbackInfo& info);
  Napi::Value HeadOutputs(const Napi::CallbackInfo& info);
  Napi::Value TokenizeSync(const Napi::CallbackInfo& info);
  Napi::Value TokenizeFew(const Napi::CallbackInfo& info);
  Napi::Value Tokenize(const Napi::CallbackInfo& info);
  Napi::Value TokenLengths(const Napi::CallbackInfo& info);
  Napi::Value Detokenize(const Napi::CallbackInfo& info);
  Napi::Value AddedTokens(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  std::shared_ptr<Model> model_;  // engines hold it too; freed with the last of them
  ExternalMemory memory_;         // of the weights
};

}  // namespace guard
