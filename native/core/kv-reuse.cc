// What a sequence holds before a request's tokens are appended: its own content, what was kept of a done
// sequence, or what it shares with another.
#include <algorithm>
#include <new>
#include <optional>
#include <utility>

#include "core/engine.h"
#include "core/failure.h"

namespace guard {

namespace {

// What was kept is worth the copying where it has so many more positions than are there without it.
constexpr size_t kWorthRestoring = 16;

}  // namespace

// Brings the sequence to where the tokens that are left to decode follow on.
void Engine::Start(Work& work) {
  const Request& request = work.request;
  RestoreShared(request.sequence);
  Invalidate(request.sequence);
  work.started = true;
  if (request.keep == kWhole) {
    work.done = IsAlone() ? FindWholeSlices(request) : FindBeginning(request);
    work.result.cached = static_cast<int32_t>(work.done);
    return;
  }
  if (request.keep > context_->length(request.sequence)) {
    throw Failure("ERR_INTERNAL", "the request keeps more cells than its sequence has");
  }
  Truncate(request.sequence, request.keep);
}

// Makes the sequence hold as much of the beginning of the request's tokens as is to be had without computing
// it; what fails on the way is computed. Returns how much that is: at least the first position that is read
// is not.
size_t Engine::FindBeginning(const Request& request) {
  const auto& tokens = request.tokens;
  const size_t most = request.read.empty() ? tokens.size() : static_cast<size_t>(request.read.front());
  const size_t own = CommonLength(tokens, context_->held(request.sequence), most);
  const bool shares = request.shared >= 0 && TryRestoreShared(request.shared);
  const size_t common = shares ? CommonLength(tokens, context_->held(request.shared), most) : 0;
  const size_t there = std::max(own, common);

  std::optional<KeptPrefix> kept = prefix_cache_.Take(tokens, most, there + kWorthRestoring, request.shared);
  if (kept && RestoreKept(request.sequence, *kept)) {
    Truncate(request.sequence, static_cast<int32_t>(CommonLength(tokens, kept->tokens, most)));
  } else if (own >= common) {
    Truncate(request.sequence, static_cast<int32_t>(own));
  } else {
    Share(request.shared, request.sequence, static_cast<int32_t>(common));
  }
  return static_cast<size_t>(context_->length(request.sequence));
}

bool Engine::RestoreKept(int32_t sequence, const KeptPrefix& kept) {
  if (kept.skip > 0 && (!TryRestoreShared(kept.shared) || context_->length(kept.shared) < kept.skip)) {
    return false;
  }
  Truncate(sequence, 0);
  if (!context_->Restore(sequence, kept.state, kept.tokens, kept.shared, kept.skip)) return false;
  if (kept.skip > 0) SetShared(kept.shared, sequence, kept.skip);
  return true;
}

// What is done with a sequence whose requests are over.
void Engine::Keep(int32_t sequence, int32_t length) {
  Truncate(sequence, std::min(length, context_->length(sequence)));
  const auto [shared, skip] = shared_[Index(sequence)];
  const int32_t cells = context_->length(sequence) - skip;
  if (cells > 0 && prefix_cache_.Fits(static_cast<size_t>(cells))) {
    // Without memory for it what begins like it is computed anew.
    try {
      KeptPrefix kept{context_->held(sequence), {}, shared, skip};
      kept.state = context_->Offload(sequence, skip);
      if (kept.state.bytes) prefix_cache_.Keep(std::move(kept));
    } catch (const std::bad_alloc&) {
    }
  }
  Empty(sequence);
}

void Engine::Share(int32_t source, int32_t sequence, int32_t length) {
  context_->Share(source, sequence, length);
  SetShared(source, sequence, length);
}

void Engine::SetShared(int32_t source, int32_t sequence, int32_t length) {
  shared_[Index(sequence)] = {source, length};
  shared_prefixes_.try_emplace(source);
  if (!context_->options().offloads) return;
  for (const auto& [other, unused] : shared_prefixes_) {
    if (other != source) OffloadShared(other);
  }
}

void Engine::Truncate(int32_t sequence, int32_t length) {
  context_->Truncate(sequence, length);
  Shared& shared = shared_[Index(sequence)];
  whole_[Index(sequence)] = std::min(whole_[Index(sequence)], length);
  shared.length = std::min(shared.length, length);
  if (shared.length == 0) shared.source = -1;
}

void Engine::OffloadShared(int32_t source) {
  const bool wanted = std::any_of(shared_.begin(), shared_.end(),
                                  [source](const Shared& shared) { return shared.source == source; });
  if (wanted || context_->length(source) == 0 || !queues_[Index(source)].empty()) return;
  SharedPrefix& found = shared_prefixes_.at(source);
  if (!found.copy.bytes) {  // it does not change, so one copy serves for good
    found.tokens = context_->held(source);
    found.copy = context_->Copy(source);
  }
  if (found.copy.bytes) context_->Truncate(source, 0);
}

bool Engine::TryRestoreShared(int32_t source) {
  const auto found = shared_prefixes_.find(source);
  if (found == shared_prefixes_.end() || !found->second.copy.bytes || context_->length(source) > 0)
    return true;
  return context_->Restore(source, found->second.copy, found->second.tokens, -1, 0);
}

void Engine::RestoreShared(int32_t source) {
  if (!TryRestoreShared(source)) {
    throw Failure("ERR_DECODE", "the KV cache has no free cells for what is shared");
  }
}

void Engine::Empty(int32_t sequence) {
  Truncate(sequence, 0);
  Invalidate(sequence);
}

// Nothing can share with it, or go on from what did, any more.
void Engine::Invalidate(int32_t source) {
  if (shared_prefixes_.erase(source) == 0) return;
  for (Shared& shared : shared_) {
    if (shared.source == source) shared = {};
  }
  prefix_cache_.ForgetSharing(source);
}

}  // namespace guard
