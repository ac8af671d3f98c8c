#include "addon-data.h"

#include <memory>
#include <string>
#include <utility>

namespace guard {

namespace {

struct LogLine {
  LogLevel level;
  std::string text;
};

// [js thread] Raw calls, their status ignored: Napi::Function::Call aborts when the environment is closing.
void CallLogSink(napi_env env, napi_value sink, void*, void* data) {
  std::unique_ptr<LogLine> line(static_cast<LogLine*>(data));
  if (env == nullptr || sink == nullptr) return;
  napi_value self, args[2];
  if (napi_get_undefined(env, &self) != napi_ok) return;
  if (napi_create_string_utf8(env, LogLevelName(line->level), NAPI_AUTO_LENGTH, &args[0]) != napi_ok) return;
  if (napi_create_string_utf8(env, line->text.data(), line->text.size(), &args[1]) != napi_ok) return;
  napi_call_function(env, self, sink, 2, args, nullptr);
}

}  // namespace

AddonData::~AddonData() {
  StopLog();
}

// [js thread] Added after the thread-safe function was made, so it runs before Node frees that.
void AddonData::OnEnvironmentExit(void* data) {
  static_cast<AddonData*>(data)->StopLog();
}

void AddonData::StopLog() {
  if (log_ == nullptr) return;
  RemoveLogSink(this);
  napi_remove_env_cleanup_hook(env_, OnEnvironmentExit, this);
  napi_release_threadsafe_function(std::exchange(log_, nullptr), napi_tsfn_abort);
}

void AddonData::SetLog(Napi::Env env, LogLevel level, Napi::Function sink) {
  StopLog();
  if (sink.IsEmpty()) return;
  napi_value name;
  napi_create_string_utf8(env, "qwen3guard.log", NAPI_AUTO_LENGTH, &name);
  if (napi_create_threadsafe_function(env, sink, nullptr, name, 0, 1, nullptr, nullptr, nullptr, CallLogSink,
                                      &log_) != napi_ok) {
    log_ = nullptr;
    return;
  }
  napi_unref_threadsafe_function(env, log_);
  env_ = env;
  napi_add_env_cleanup_hook(env, OnEnvironmentExit, this);
  // The sink is removed (under its lock) before the function is released, so it never outlives it.
  napi_threadsafe_function log = log_;
  SetLogSink(this, level, [log](LogLevel at, const std::string& text) {
    auto* line = new LogLine{at, text};
    if (napi_call_threadsafe_function(log, line, napi_tsfn_nonblocking) != napi_ok) delete line;
  });
}

}  // namespace guard
