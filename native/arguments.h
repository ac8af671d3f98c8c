#pragma once

#include <napi.h>

#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "core/failure.h"
#include "promise-worker.h"

// [js thread] Readers of arguments that lib/ has validated: they assert, and throw Failure(ERR_INTERNAL).
namespace guard {

inline Failure Unexpected(const std::string& what) {
  return Failure("ERR_INTERNAL", what + " was expected");
}

inline Napi::Object ObjectOf(const Napi::Value& value, const char* what) {
  if (!value.IsObject()) throw Unexpected(what);
  return value.As<Napi::Object>();
}

inline std::string StringOf(const Napi::Value& value, const char* what) {
  if (!value.IsString()) throw Unexpected(what);
  return value.As<Napi::String>().Utf8Value();
}

inline int32_t Int32Of(const Napi::Value& value, const char* what) {
  if (!value.IsNumber()) throw Unexpected(what);
  return value.As<Napi::Number>().Int32Value();
}

inline double NumberOf(const Napi::Value& value, const char* what) {
  if (!value.IsNumber()) throw Unexpected(what);
  return value.As<Napi::Number>().DoubleValue();
}

inline bool BoolOf(const Napi::Value& value, const char* what) {
  if (!value.IsBoolean()) throw Unexpected(what);
  return value.As<Napi::Boolean>().Value();
}

// Copies: the JS buffer may change while native work runs.
inline std::vector<int32_t> Int32sOf(const Napi::Value& value, const char* what) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
    throw Unexpected(what);
  }
  auto array = value.As<Napi::Int32Array>();
  return std::vector<int32_t>(array.Data(), array.Data() + array.ElementLength());
}

template <typename T, napi_typedarray_type type>
Napi::Value ToTypedArray(Napi::Env env, const std::vector<T>& values) {
  auto array = Napi::TypedArrayOf<T>::New(env, values.size(), type);
  if (!array.IsEmpty() && !values.empty())
    std::memcpy(array.Data(), values.data(), values.size() * sizeof(T));
  return array;
}

inline Napi::Value ToInt32Array(Napi::Env env, const std::vector<int32_t>& values) {
  return ToTypedArray<int32_t, napi_int32_array>(env, values);
}

inline Napi::Value ToFloat32Array(Napi::Env env, const std::vector<float>& values) {
  return ToTypedArray<float, napi_float32_array>(env, values);
}

// Runs the body of a JS-visible method; a Failure becomes a JS exception.
template <typename Body>
Napi::Value Guarded(const Napi::CallbackInfo& info, Body body) {
  try {
    return body();
  } catch (const Failure& failure) {
    ThrowFailure(info.Env(), failure);
  } catch (const std::bad_alloc&) {
    napi_throw_error(info.Env(), "ERR_MEMORY", "out of memory");
  } catch (const std::exception& error) {
    napi_throw_error(info.Env(), "ERR_INTERNAL", error.what());
  }
  return info.Env().Undefined();
}

}  // namespace guard
