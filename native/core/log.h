#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

namespace guard {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

const char* LogLevelName(LogLevel level);

// Takes over llama.cpp's process-wide log and starts its back ends; does so once a process.
void StartBackend();

// One sink an environment. `owner` names it. The sink is called on any thread under the lock that
// RemoveLogSink takes, so that it is not called again once that has returned: it must not wait, nor log.
void SetLogSink(void* owner, LogLevel level, std::function<void(LogLevel, const std::string&)> sink);
void RemoveLogSink(void* owner);

// Collects the error lines that llama.cpp prints on this thread while it lives: the reason of a failed load.
class ErrorCapture {
 public:
  ErrorCapture();
  ~ErrorCapture();
  ErrorCapture(const ErrorCapture&) = delete;
  ErrorCapture& operator=(const ErrorCapture&) = delete;

  // The lines so far, joined by "; ", without trailing white space.
  std::string text() const;

 private:
  std::string lines_;
  std::string* previous_;
};

// While it lives, and `stop` is true, what llama.cpp prints on this thread is let go: that a decode which was
// told to end has failed is no news.
class QuietOnStop {
 public:
  explicit QuietOnStop(const std::atomic<bool>* stop);
  ~QuietOnStop();
  QuietOnStop(const QuietOnStop&) = delete;
  QuietOnStop& operator=(const QuietOnStop&) = delete;

 private:
  const std::atomic<bool>* previous_;
};

}  // namespace guard
