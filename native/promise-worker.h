#pragma once

#include <napi.h>

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "core/failure.h"
#include "core/process-exit.h"

namespace guard {

// [js thread] A JS Error with `code`.
inline Napi::Value ToError(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Value().Set("code", Napi::String::New(env, code));
  return error.Value();
}

// [js thread] Throws into JS; the native caller must return at once.
inline void ThrowFailure(Napi::Env env, const Failure& failure) {
  napi_throw(env, ToError(env, failure.code(), failure.what()));
}

// Runs `work` on a pool thread and resolves a promise with what `done` makes of its result on the JS thread.
// A Failure (or any std::exception) rejects it. Node waits for pending work before an environment goes, and
// then calls back with JS out of reach: every status is ignored, so a terminated worker cannot abort the
// process.
template <typename T>
class PromiseWorker {
 public:
  using Work = std::function<T()>;
  using Done = std::function<Napi::Value(Napi::Env, T&&)>;

  // [js thread]
  static Napi::Value Run(Napi::Env env, const char* name, Work work, Done done) {
    auto* self = new PromiseWorker(std::move(work), std::move(done));
    napi_value promise = nullptr;
    napi_create_promise(env, &self->deferred_, &promise);
    napi_value resource;
    napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &resource);
    if (napi_create_async_work(env, nullptr, resource, Execute, Complete, self, &self->handle_) != napi_ok ||
        napi_queue_async_work(env, self->handle_) != napi_ok) {
      delete self;
      return env.Undefined();
    }
    return Napi::Value(env, promise);
  }

 private:
  PromiseWorker(Work work, Done done) : work_(std::move(work)), done_(std::move(done)) {}

  // [pool thread]
  static void Execute(napi_env, void* data) {
    auto* self = static_cast<PromiseWorker*>(data);
    BusySection busy;
    try {
      self->value_ = std::make_unique<T>(self->work_());
    } catch (const Failure& failure) {
      self->code_ = failure.code();
      self->message_ = failure.what();
    } catch (const std::bad_alloc&) {
      self->code_ = "ERR_MEMORY";
      self->message_ = "out of memory";
    } catch (const std::exception& error) {
      self->code_ = "ERR_INTERNAL";
      self->message_ = error.what();
    }
  }

  // [js thread]
  static void Complete(napi_env raw, napi_status, void* data) {
    std::unique_ptr<PromiseWorker> self(static_cast<PromiseWorker*>(data));
    Napi::Env env(raw);
    Napi::HandleScope scope(env);
    if (self->value_) {
      Napi::Value value = self->done_(env, std::move(*self->value_));
      napi_value thrown = nullptr;
      bool pending = false;
      if (napi_is_exception_pending(env, &pending) == napi_ok && pending) {
        napi_get_and_clear_last_exception(env, &thrown);
        napi_reject_deferred(env, self->deferred_, thrown);
      } else if (!value.IsEmpty()) {
        napi_resolve_deferred(env, self->deferred_, value);
      }
    } else {
      Napi::Value error = ToError(env, self->code_, self->message_);
      if (!error.IsEmpty()) napi_reject_deferred(env, self->deferred_, error);
    }
    napi_delete_async_work(env, self->handle_);
  }

  Work work_;
  Done done_;
  std::unique_ptr<T> value_;
  std::string code_, message_;
  napi_deferred deferred_ = nullptr;
  napi_async_work handle_ = nullptr;
};

}  // namespace guard
