#include "core/log.h"

#include <llama.h>

#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "core/process-exit.h"

namespace guard {

namespace {

struct Sink {
  LogLevel level = LogLevel::kError;
  std::function<void(LogLevel, const std::string&)> write;
};

std::mutex sinks_mutex;  // guards sinks; held while a sink runs, so that removal waits for it
std::map<void*, Sink>& Sinks() {
  // Never destroyed: llama.cpp may log from a thread that outlives static destruction.
  static auto* sinks = new std::map<void*, Sink>();
  return *sinks;
}

thread_local std::string* captured = nullptr;
thread_local const std::atomic<bool>* stopping = nullptr;

LogLevel FromGgml(ggml_log_level level) {
  switch (level) {
    case GGML_LOG_LEVEL_ERROR:
      return LogLevel::kError;
    case GGML_LOG_LEVEL_WARN:
      return LogLevel::kWarn;
    case GGML_LOG_LEVEL_DEBUG:
      return LogLevel::kDebug;
    default:
      return LogLevel::kInfo;
  }
}

// [any thread] llama.cpp continues a line with GGML_LOG_LEVEL_CONT: progress dots, nothing to keep.
void Write(ggml_log_level level, const char* text) {
  if (level == GGML_LOG_LEVEL_NONE || level == GGML_LOG_LEVEL_CONT) return;
  if (stopping != nullptr && stopping->load(std::memory_order_relaxed)) return;
  std::string line(text);
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
  if (line.empty()) return;
  const LogLevel ours = FromGgml(level);
  if (captured != nullptr && ours == LogLevel::kError) {
    if (!captured->empty()) *captured += "; ";
    *captured += line;
  }
  std::lock_guard<std::mutex> lock(sinks_mutex);
  for (const auto& [owner, sink] : Sinks()) {
    if (ours >= sink.level) sink.write(ours, line);
  }
}

// [any thread] Nothing may be thrown into C code: without memory for it a line is lost.
void OnLog(ggml_log_level level, const char* text, void*) {
  try {
    Write(level, text);
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace

const char* LogLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    default:
      return "error";
  }
}

void StartBackend() {
  // Never undone: other environments of the process may still use the back ends.
  static std::once_flag once;
  std::call_once(once, [] {
    llama_log_set(OnLog, nullptr);
    llama_backend_init();
    RegisterExitHandler(ExitStage::kBackend);
  });
}

void SetLogSink(void* owner, LogLevel level, std::function<void(LogLevel, const std::string&)> sink) {
  std::lock_guard<std::mutex> lock(sinks_mutex);
  Sinks()[owner] = Sink{level, std::move(sink)};
}

void RemoveLogSink(void* owner) {
  std::lock_guard<std::mutex> lock(sinks_mutex);
  Sinks().erase(owner);
}

ErrorCapture::ErrorCapture() : previous_(captured) {
  captured = &lines_;
}

ErrorCapture::~ErrorCapture() {
  captured = previous_;
}

std::string ErrorCapture::text() const {
  return lines_;
}

QuietOnStop::QuietOnStop(const std::atomic<bool>* stop) : previous_(stopping) {
  stopping = stop;
}

QuietOnStop::~QuietOnStop() {
  stopping = previous_;
}

}  // namespace guard
