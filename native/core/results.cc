// How every request gets its answer, whatever fails. Nothing here takes memory but an error's own text.
#include <iterator>
#include <new>
#include <utility>

#include "core/engine.h"

namespace guard {

Engine::Error Engine::Share(const Failure& failure) const noexcept {
  try {
    return std::make_shared<Failure>(failure);
  } catch (const std::bad_alloc&) {
    return no_memory_;
  }
}

void Engine::Break(const Error& error) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    decode_began_ = {};
    if (error != closed_) stats_.failure = error;
  }
  for (;;) {
    FailAll(error);
    Publish();
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait(lock, [this] { return stop_ || !inbox_.empty(); });
    if (stop_ && inbox_.empty()) return;
  }
}

void Engine::FailAll(const Error& error) {
  AdmitInbox();
  for (Works& queue : queues_) {
    while (!queue.empty()) {
      Work& work = queue.front();
      if (work.kind != Kind::kRequest) {
        queue.pop_front();
        continue;
      }
      if (!work.finished) Fail(work, error);
      Retire(queue, queue.begin());
    }
  }
}

void Engine::Fail(Work& work, const Error& error) {
  work.result.error = error;
  Finish(work);
}

void Engine::Finish(Work& work) {
  work.done = work.request.tokens.size();
  work.finished = true;
  finished_prefill_ = finished_prefill_ || work.request.priority != 0;
}

Engine::Works::iterator Engine::Retire(Works& queue, Works::iterator at) {
  const auto next = std::next(at);
  finished_.splice(finished_.end(), queue, at);
  return next;
}

void Engine::DropFinished() {
  for (Works& queue : queues_) {
    if (!queue.empty() && queue.front().finished) Retire(queue, queue.begin());
  }
}

// Hands the tick's results over and wakes JS once for all of them.
void Engine::Publish() {
  if (finished_.empty()) return;
  bool notify = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stats_.pending -= finished_.size();
    outbox_.splice(outbox_.end(), finished_);
    notify = !std::exchange(notified_, true);
  }
  if (notify) notify_();
}

Engine::Works Engine::TakeResults() {
  std::lock_guard<std::mutex> lock(mutex_);
  notified_ = false;
  Works taken;
  taken.swap(outbox_);
  return taken;
}

}  // namespace guard
