// What a sequence holds before a request's tokens are appended: its own content, or what another's begins
// with.
#include <algorithm>
#include <iterator>
#include <utility>

#include "core/engine.h"
#include "core/failure.h"

namespace guard {

// Brings the sequence to where the request's tokens follow on.
void Engine::Start(Work& work) {
  const Request& request = work.request;
  BringBack(request.sequence);
  Forsake(request.sequence);
  if (request.saved != 0) {
    const auto saved = saved_.find(request.saved);
    if (saved == saved_.end()) throw Failure("ERR_NOT_KEPT", "there was no memory to keep this");
    const Saved content = std::move(saved->second);
    saved_.erase(saved);
    if (content.skip > 0) BeginFrom(content.base, request.sequence);
    if (content.skip > 0 && context_->length(content.base) < content.skip) {
      throw Failure("ERR_NOT_KEPT", "what a kept sequence shares is gone");
    }
    if (!context_->PutBack(request.sequence, content.state, content.base, content.skip, content.length)) {
      throw Failure("ERR_NOT_KEPT", "the KV cache has no free cells for what was kept");
    }
  }
  if (request.from >= 0) {
    BeginFrom(request.from, request.sequence);
    context_->Share(request.from, request.sequence, request.keep);
  } else {
    if (request.keep > context_->length(request.sequence)) {
      throw Failure("ERR_INTERNAL", "the request keeps more cells than its sequence has");
    }
    context_->Truncate(request.sequence, request.keep);
  }
  work.started = true;
}

void Engine::BeginFrom(int32_t base, int32_t sequence) {
  if (base == sequence) return;
  begun_from_[Index(sequence)] = base;
  BringBack(base);
  bases_.try_emplace(base);
  if (!context_->options().sets_aside) return;
  for (const auto& [other, unused] : bases_) {
    if (other != base) SetAside(other);
  }
}

void Engine::SetAside(int32_t base) {
  const bool wanted = std::find(begun_from_.begin(), begun_from_.end(), base) != begun_from_.end();
  if (wanted || context_->length(base) == 0 || !queues_[Index(base)].empty()) return;
  Base& found = bases_.at(base);
  if (!found.copy.bytes) {  // it does not change, so one copy serves for good
    found.copy = context_->Copy(base);
    found.length = context_->length(base);
  }
  if (found.copy.bytes) context_->Truncate(base, 0);
}

void Engine::BringBack(int32_t base) {
  const auto found = bases_.find(base);
  if (found == bases_.end() || !found->second.copy.bytes || context_->length(base) > 0) return;
  if (!context_->PutBack(base, found->second.copy, -1, 0, found->second.length)) {
    throw Failure("ERR_NOT_KEPT", "the KV cache has no free cells for what is shared");
  }
}

void Engine::Empty(int32_t sequence) {
  context_->Truncate(sequence, 0);
  begun_from_[Index(sequence)] = -1;
  Forsake(sequence);
}

// Nothing that is kept can go on from it any more.
void Engine::Forsake(int32_t base) {
  if (bases_.erase(base) == 0) return;
  std::replace(begun_from_.begin(), begun_from_.end(), base, -1);
  for (auto it = saved_.begin(); it != saved_.end();) {
    it = it->second.skip > 0 && it->second.base == base ? saved_.erase(it) : std::next(it);
  }
}

}  // namespace guard
