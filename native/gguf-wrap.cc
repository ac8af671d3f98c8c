#include "gguf-wrap.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "core/encode-rows.h"
#include "core/gguf-header.h"
#include "core/vocabulary-check.h"
#include "promise-worker.h"

namespace guard {

namespace {

GgufValue ToGgufValue(const std::string& type, const Napi::Value& value) {
  if (type == "string") return StringOf(value, "a string");
  if (type == "bool") return BoolOf(value, "a boolean");
  if (type == "int32[]") return Int32sOf(value, "an Int32Array");
  if (type == "string[]") {
    if (!value.IsArray()) throw Unexpected("an array of strings");
    auto array = value.As<Napi::Array>();
    std::vector<std::string> strings;
    strings.reserve(array.Length());
    for (uint32_t i = 0; i < array.Length(); ++i) {
      // A vocabulary has 150,000 strings and more: each handle goes at once.
      Napi::HandleScope scope(value.Env());
      strings.push_back(StringOf(array.Get(i), "a string"));
    }
    return strings;
  }
  if (!value.IsNumber()) throw Unexpected("a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  if (type == "uint32") return static_cast<uint32_t>(number);
  if (type == "uint64") return static_cast<uint64_t>(number);
  if (type == "float32") return static_cast<float>(number);
  throw Unexpected("a GGUF value type");
}

Napi::Value ToBytes(Napi::Env env, const std::vector<uint8_t>& bytes) {
  return ToTypedArray<uint8_t, napi_uint8_array>(env, bytes);
}

}  // namespace

Napi::Value GgufHeader(const Napi::CallbackInfo& info) {
  return Guarded(info, [&] {
    if (!info[0].IsArray() || !info[1].IsArray()) throw Unexpected("metadata and tensors");
    auto pairs = info[0].As<Napi::Array>();
    std::vector<GgufPair> metadata;
    for (uint32_t i = 0; i < pairs.Length(); ++i) {
      Napi::Object pair = ObjectOf(pairs.Get(i), "a key and value");
      metadata.push_back({StringOf(pair.Get("key"), "a key"),
                          ToGgufValue(StringOf(pair.Get("type"), "a type"), pair.Get("value"))});
    }
    auto infos = info[1].As<Napi::Array>();
    std::vector<TensorInfo> tensors;
    for (uint32_t i = 0; i < infos.Length(); ++i) {
      Napi::Object object = ObjectOf(infos.Get(i), "a tensor");
      TensorInfo tensor;
      tensor.name = StringOf(object.Get("name"), "a tensor name");
      tensor.type = TensorTypeByName(StringOf(object.Get("type"), "a tensor type"));
      if (!object.Get("shape").IsArray()) throw Unexpected("a shape");
      auto shape = object.Get("shape").As<Napi::Array>();
      for (uint32_t d = 0; d < shape.Length(); ++d) {
        if (!shape.Get(d).IsNumber()) throw Unexpected("a dimension");
        tensor.shape.push_back(shape.Get(d).As<Napi::Number>().Int64Value());
      }
      tensors.push_back(std::move(tensor));
    }
    return ToBytes(info.Env(), WriteGgufHeader(metadata, tensors));
  });
}

Napi::Value EncodeRowsAsync(const Napi::CallbackInfo& info) {
  return Guarded(info, [&]() -> Napi::Value {
    if (!info[0].IsTypedArray()) throw Unexpected("a Uint8Array");
    auto array = info[0].As<Napi::TypedArray>();
    const auto* data = static_cast<const uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset();
    std::vector<uint8_t> source(data, data + array.ByteLength());
    const ggml_type from = TensorTypeByName(StringOf(info[1], "a source type"));
    const ggml_type to = TensorTypeByName(StringOf(info[2], "a target type"));
    if (!info[3].IsNumber()) throw Unexpected("a row length");
    const int64_t row_length = info[3].As<Napi::Number>().Int64Value();
    using Bytes = std::vector<uint8_t>;
    return PromiseWorker<Bytes>::Run(
        info.Env(), "qwen3guard.encode",
        [source = std::move(source), from, to, row_length] {
          return EncodeRows(source, from, to, row_length);
        },
        [](Napi::Env env, Bytes&& bytes) -> Napi::Value { return ToBytes(env, bytes); });
  });
}

namespace {

GgufArrayPlace PlaceOf(const Napi::Value& value) {
  Napi::Object object = ObjectOf(value, "an array's place");
  GgufArrayPlace place;
  place.offset = static_cast<uint64_t>(NumberOf(object.Get("offset"), "an offset"));
  place.bytes = static_cast<uint64_t>(NumberOf(object.Get("bytes"), "a size"));
  place.count = static_cast<uint64_t>(NumberOf(object.Get("count"), "a count"));
  return place;
}

}  // namespace

Napi::Value CheckVocabularyAsync(const Napi::CallbackInfo& info) {
  return Guarded(info, [&]() -> Napi::Value {
    Napi::Object options = ObjectOf(info[0], "a vocabulary's place");
    VocabularyPlace place;
    place.path = StringOf(options.Get("path"), "a path");
    place.tokens = PlaceOf(options.Get("tokens"));
    place.types = PlaceOf(options.Get("types"));
    place.merges = PlaceOf(options.Get("merges"));
    place.longest = static_cast<uint64_t>(NumberOf(options.Get("longest"), "a length"));
    place.most_added = static_cast<uint64_t>(NumberOf(options.Get("mostAdded"), "a count"));
    using Problems = std::vector<VocabularyProblem>;
    return PromiseWorker<Problems>::Run(
        info.Env(), "qwen3guard.vocabulary", [place = std::move(place)] { return CheckVocabulary(place); },
        [](Napi::Env env, Problems&& problems) -> Napi::Value {
          auto list = Napi::Array::New(env);
          for (const VocabularyProblem& problem : problems) {
            auto object = Napi::Object::New(env);
            object.Set("array", problem.array);
            object.Set("index", static_cast<double>(problem.index));
            object.Set("what", problem.what);
            object.Set("bytes", ToBytes(env, {problem.bytes.begin(), problem.bytes.end()}));
            object.Set("type", problem.type);
            list.Set(list.Length(), object);
          }
          return list;
        });
  });
}

Napi::Value RowBytes(const Napi::CallbackInfo& info) {
  return Guarded(info, [&]() -> Napi::Value {
    const std::string name = StringOf(info[0], "a tensor type");
    const ggml_type type = TensorTypeByName(name);
    if (!info[1].IsNumber()) throw Unexpected("a row length");
    const int64_t row_length = info[1].As<Napi::Number>().Int64Value();
    if (row_length <= 0 || row_length % ggml_blck_size(type) != 0) {
      Napi::RangeError::New(info.Env(), "rows of " + std::to_string(row_length) +
                                            " values do not divide into " + name + " blocks of " +
                                            std::to_string(ggml_blck_size(type)))
          .ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
    return Napi::Number::New(info.Env(), static_cast<double>(ggml_row_size(type, row_length)));
  });
}

}  // namespace guard
