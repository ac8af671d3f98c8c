#pragma once

#include <napi.h>

namespace guard {

// Native functions of GGUF files: see NativeBinding in lib/binding/binding.ts.
Napi::Value GgufHeader(const Napi::CallbackInfo& info);
Napi::Value EncodeRowsAsync(const Napi::CallbackInfo& info);
Napi::Value CheckVocabularyAsync(const Napi::CallbackInfo& info);
Napi::Value RowBytes(const Napi::CallbackInfo& info);

}  // namespace guard
