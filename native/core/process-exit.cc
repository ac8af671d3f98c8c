#include "core/process-exit.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>
#endif

namespace guard {

namespace {

struct ExitState {
  std::mutex mutex;  // guards busy, waits and actions
  std::condition_variable idle;
  int busy = 0;
  bool waits = true;  // not again for what did not end when an earlier handler waited for it
  std::map<void*, std::function<void()>> actions;
  std::atomic<bool> exiting{false};
};

ExitState& State() {
  static auto* state = new ExitState();  // never destroyed: it outlives every static
  return *state;
}

// Windows ends every other thread before the handlers of a DLL run: nothing decodes any more, and a mutex
// that one of them held stays locked for ever.
bool OtherThreadsAreGone() {
#if defined(_WIN32)
  using Question = BOOLEAN(NTAPI*)();
  HMODULE ntdll = GetModuleHandleA("ntdll.dll");
  if (ntdll == nullptr) return false;
  // By way of void*: a function's pointer cast to another function's is a warning.
  const auto ask =
      reinterpret_cast<Question>(reinterpret_cast<void*>(GetProcAddress(ntdll, "RtlDllShutdownInProgress")));
  return ask != nullptr && ask() != FALSE;
#else
  return false;
#endif
}

void OnExit() {
  ExitState& state = State();
  state.exiting = true;
  if (OtherThreadsAreGone()) return;
  std::map<void*, std::function<void()>> actions;
  {
    std::lock_guard<std::mutex> lock(state.mutex);
    actions.swap(state.actions);  // a copy might find no memory, and nothing may be thrown here
  }
  for (const auto& [owner, action] : actions) action();
  // A load gives up at its next tensor; a process that hangs at exit would be worse than a late crash.
  std::unique_lock<std::mutex> lock(state.mutex);
  if (!state.waits) return;
  state.waits = state.idle.wait_for(lock, std::chrono::seconds(10), [&] { return state.busy == 0; });
}

}  // namespace

BusySection::BusySection() {
  std::lock_guard<std::mutex> lock(State().mutex);
  ++State().busy;
}

BusySection::~BusySection() {
  std::lock_guard<std::mutex> lock(State().mutex);
  if (--State().busy == 0) State().idle.notify_all();
}

bool ProcessIsExiting() {
  return State().exiting;
}

void AddExitAction(void* owner, std::function<void()> action) {
  std::lock_guard<std::mutex> lock(State().mutex);
  State().actions[owner] = std::move(action);
}

void RemoveExitAction(void* owner) {
  std::lock_guard<std::mutex> lock(State().mutex);
  State().actions.erase(owner);
}

void RegisterExitHandler(ExitStage stage) {
  static std::once_flag flags[4];
  std::call_once(flags[static_cast<int>(stage)], [] { std::atexit(OnExit); });
}

}  // namespace guard
