// Where the sums of a product depend on how many columns there are, what is computed must not: a decode takes
// up one request, cut at places that follow from the request. In a split cache a position is its cell, so
// attention, too, visits the same cells in the same order whatever else there is.
#include <algorithm>

#include "core/engine.h"

namespace guard {

// Each sequence in its turn, streams and prefills alike: a slice is short.
std::vector<Engine::Slice> Engine::PackAlone(const std::vector<Work*>& streams,
                                             const std::vector<Work*>& prefills) {
  const auto turn = [this](const Work* work) {
    return (Index(work->request.sequence) + queues_.size() - next_sequence_) % queues_.size();
  };
  Work* next = nullptr;
  for (const auto* works : {&streams, &prefills}) {
    for (Work* work : *works) {
      if (next == nullptr || turn(work) < turn(next)) next = work;
    }
  }
  std::vector<Slice> slices;
  if (next == nullptr) return slices;
  next_sequence_ = (Index(next->request.sequence) + 1) % queues_.size();
  const ContextOptions& options = context_->options();
  const bool whole = next->request.keep == kWhole;
  Append(*next, static_cast<size_t>(whole ? options.alone_whole : options.alone_following), slices);
  return slices;
}

// Slices that were computed in full, of tokens that begin like these, hold what they would hold again.
size_t Engine::FindWholeSlices(const Request& request) {
  const auto& tokens = request.tokens;
  const int32_t slice = context_->options().alone_whole;
  const size_t most = request.read.empty() ? tokens.size() : static_cast<size_t>(request.read.front());
  const auto common = static_cast<int32_t>(CommonLength(tokens, context_->held(request.sequence), most));
  Truncate(request.sequence, std::min(common, whole_[Index(request.sequence)]) / slice * slice);
  return static_cast<size_t>(context_->length(request.sequence));
}

// Up to the first slice that ended early, where the batch had no room for its outputs: what follows is cut
// at other places.
void Engine::CountWholeSlices(int32_t sequence, size_t start, size_t end) {
  int32_t& whole = whole_[Index(sequence)];
  const auto first = static_cast<int32_t>(start);
  if (first == whole && first % context_->options().alone_whole == 0) whole = static_cast<int32_t>(end);
}

// For the text that has the sequence next: Gen's begin with the same policy.
void Engine::KeepWholeSlices(int32_t sequence) {
  const int32_t slice = context_->options().alone_whole;
  Truncate(sequence, whole_[Index(sequence)] / slice * slice);
}

}  // namespace guard
