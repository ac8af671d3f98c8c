#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/engine.h"

// What the programs of the races have in common.
namespace races {

using guard::Engine;
using guard::Result;

[[noreturn]] inline void Stop(const std::string& what) {
  std::fprintf(stderr, "races: %s\n", what.c_str());
  std::_Exit(1);
}

inline void Expect(bool condition, const std::string& what) {
  if (!condition) Stop(what);
}

// Where results go, as JS takes them: woken, a thread takes what is there and hands it to who waits.
class Mailbox {
 public:
  void Wake() {
    std::lock_guard<std::mutex> lock(mutex_);
    woken_ = true;
    changed_.notify_all();
  }
  void AwaitWake() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(20), [this] { return woken_; });
    woken_ = false;
  }
  void Put(Engine::Works works) {
    std::lock_guard<std::mutex> lock(mutex_);
    for (Engine::Work& work : works) {
      Expect(results_.emplace(work.result.id, std::move(work.result)).second, "two answers to one request");
    }
    changed_.notify_all();
  }
  Result Await(uint32_t id) {
    std::unique_lock<std::mutex> lock(mutex_);
    const bool came =
        changed_.wait_for(lock, std::chrono::seconds(120), [&] { return results_.count(id) > 0; });
    Expect(came, "a request was never answered");
    Result result = std::move(results_.at(id));
    results_.erase(id);
    return result;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  std::unordered_map<uint32_t, Result> results_;
};

}  // namespace races
