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
  Restore(request.sequence);
  Invalidate(request.sequence);
  if (request.restore != 0) {
    const auto found = kept_.find(request.restore);
    if (found == kept_.end()) throw Failure("ERR_NOT_KEPT", "there was no memory to keep this");
    const Kept content = std::move(found->second);
    kept_.erase(found);
    if (content.skip > 0) ShareFrom(content.base, request.sequence);
    if (content.skip > 0 && context_->length(content.base) < content.skip) {
      throw Failure("ERR_NOT_KEPT", "what a kept sequence shares is gone");
    }
    if (!context_->Restore(request.sequence, content.state, content.base, content.skip, content.length)) {
      throw Failure("ERR_NOT_KEPT", "the KV cache has no free cells for what was kept");
    }
  }
  if (request.from >= 0) {
    ShareFrom(request.from, request.sequence);
    context_->Share(request.from, request.sequence, request.keep);
  } else {
    if (request.keep > context_->length(request.sequence)) {
      throw Failure("ERR_INTERNAL", "the request keeps more cells than its sequence has");
    }
    context_->Truncate(request.sequence, request.keep);
  }
  work.started = true;
}

void Engine::ShareFrom(int32_t base, int32_t sequence) {
  if (base == sequence) return;
  shared_from_[Index(sequence)] = base;
  Restore(base);
  shared_prefixes_.try_emplace(base);
  if (!context_->options().offloads) return;
  for (const auto& [other, unused] : shared_prefixes_) {
    if (other != base) Offload(other);
  }
}

void Engine::Offload(int32_t base) {
  const bool wanted = std::find(shared_from_.begin(), shared_from_.end(), base) != shared_from_.end();
  if (wanted || context_->length(base) == 0 || !queues_[Index(base)].empty()) return;
  SharedPrefix& found = shared_prefixes_.at(base);
  if (!found.copy.bytes) {  // it does not change, so one copy serves for good
    found.copy = context_->Copy(base);
    found.length = context_->length(base);
  }
  if (found.copy.bytes) context_->Truncate(base, 0);
}

void Engine::Restore(int32_t base) {
  const auto found = shared_prefixes_.find(base);
  if (found == shared_prefixes_.end() || !found->second.copy.bytes || context_->length(base) > 0) return;
  if (!context_->Restore(base, found->second.copy, -1, 0, found->second.length)) {
    throw Failure("ERR_NOT_KEPT", "the KV cache has no free cells for what is shared");
  }
}

void Engine::Empty(int32_t sequence) {
  context_->Truncate(sequence, 0);
  shared_from_[Index(sequence)] = -1;
  Invalidate(sequence);
}

// Nothing that is kept can go on from it any more.
void Engine::Invalidate(int32_t base) {
  if (shared_prefixes_.erase(base) == 0) return;
  std::replace(shared_from_.begin(), shared_from_.end(), base, -1);
  for (auto it = kept_.begin(); it != kept_.end();) {
    it = it->second.skip > 0 && it->second.base == base ? kept_.erase(it) : std::next(it);
  }
}

}  // namespace guard
