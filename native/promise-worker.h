#pragma once

#include <napi.h>

#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <utility>

#include "core/failure.h"
#include "core/process-exit.h"

namespace guard {

// [js thread] A JS Error with `code`, made without memory of C++'s. Null where JS is out of reach.
inline napi_value ToError(napi_env env, const char* code, const char* message) {
  napi_value code_value, message_value, error;
  if (napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &code_value) != napi_ok ||
      napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &message_value) != napi_ok ||
      napi_create_error(env, code_value, message_value, &error) != napi_ok) {
    return nullptr;
  }
  return error;
}

// [js thread] Throws into JS; the native caller must return at once.
inline void ThrowFailure(napi_env env, const Failure& failure) {
  napi_throw_error(env, failure.code().c_str(), failure.what());
}

// [js thread] Whether an exception was pending; `thrown` gets it.
inline bool ClearException(napi_env env, napi_value* thrown = nullptr) {
  bool pending = false;
  napi_value unused;
  return napi_is_exception_pending(env, &pending) == napi_ok && pending &&
         napi_get_and_clear_last_exception(env, thrown == nullptr ? &unused : thrown) == napi_ok;
}

// Runs `work` on a pool thread and resolves a promise with what `done` makes of its result on the JS thread.
// A Failure (or any other exception, of either) rejects it. Node waits for pending work before an environment
// goes, and then calls back with JS out of reach: every status is ignored, so a terminated worker cannot
// abort the process.
template <typename T>
class PromiseWorker {
 public:
  using Work = std::function<T()>;
  using Done = std::function<Napi::Value(Napi::Env, T&&)>;

  // [js thread]
  static Napi::Value Run(Napi::Env env, const char* name, Work work, Done done) {
    std::unique_ptr<PromiseWorker> self(new PromiseWorker(std::move(work), std::move(done)));
    napi_value promise = nullptr, resource = nullptr;
    if (napi_create_promise(env, &self->deferred_, &promise) != napi_ok) return env.Undefined();
    if (napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &resource) == napi_ok &&
        napi_create_async_work(env, nullptr, resource, Execute, Complete, self.get(), &self->handle_) ==
            napi_ok) {
      if (napi_queue_async_work(env, self->handle_) == napi_ok) {
        self.release();  // Complete's
        return Napi::Value(env, promise);
      }
      napi_delete_async_work(env, self->handle_);
    }
    ClearException(env);
    self->Reject(env, "ERR_INTERNAL", "Node gave no thread of its pool");
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
    } catch (...) {
      self->error_ = std::current_exception();  // needs no memory
    }
  }

  // [js thread]
  static void Complete(napi_env raw, napi_status, void* data) {
    std::unique_ptr<PromiseWorker> self(static_cast<PromiseWorker*>(data));
    Napi::Env env(raw);
    Napi::HandleScope scope(env);
    try {
      if (self->error_) std::rethrow_exception(self->error_);
      self->Settle(env, self->done_(env, std::move(*self->value_)));
    } catch (const Failure& failure) {
      self->Reject(env, failure.code().c_str(), failure.what());
    } catch (const std::bad_alloc&) {
      self->Reject(env, "ERR_MEMORY", "out of memory");
    } catch (const std::exception& error) {
      self->Reject(env, "ERR_INTERNAL", error.what());
    } catch (...) {
      self->Reject(env, "ERR_INTERNAL", "an exception of no known kind");
    }
    napi_delete_async_work(env, self->handle_);
  }

  void Settle(napi_env env, napi_value value) {
    napi_value thrown = nullptr;
    if (ClearException(env, &thrown)) {
      napi_reject_deferred(env, deferred_, thrown);
    } else if (value != nullptr) {
      napi_resolve_deferred(env, deferred_, value);
    }
  }

  void Reject(napi_env env, const char* code, const char* message) {
    ClearException(env);
    if (napi_value error = ToError(env, code, message)) napi_reject_deferred(env, deferred_, error);
  }

  Work work_;
  Done done_;
  std::unique_ptr<T> value_;
  std::exception_ptr error_;
  napi_deferred deferred_ = nullptr;
  napi_async_work handle_ = nullptr;
};

}  // namespace guard
