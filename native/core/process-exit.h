#pragma once

#include <functional>

namespace guard {

// process.exit() ends in C's exit(), which destroys llama.cpp's and ggml's static tables while threads of
// ours may still use them; Node runs no cleanup hooks then. So exit() first waits for those threads.

// Native work that uses llama.cpp on a thread of its own; exit() waits until none is left.
class BusySection {
 public:
  BusySection();
  ~BusySection();
  BusySection(const BusySection&) = delete;
  BusySection& operator=(const BusySection&) = delete;
};

// True once the process is exiting: long work gives up.
bool ProcessIsExiting();

// Called at exit, on the exiting thread. `owner` names it for RemoveExitAction.
void AddExitAction(void* owner, std::function<void()> action);
void RemoveExitAction(void* owner);

// Exit handlers and destructors of statics run in reverse order of their registration, and llama.cpp makes
// statics when it first loads, first creates a context and first decodes. Called after each of these.
enum class ExitStage { kBackend, kModel, kContext, kDecode };
void RegisterExitHandler(ExitStage stage);

}  // namespace guard
