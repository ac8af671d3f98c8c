// What goes into the batch of one tick: streams first, then prefills in slices.
#include <algorithm>

#include "core/engine.h"
#include "core/failure.h"

namespace guard {

namespace {

// What a prefill gets of a tick at most while others wait.
constexpr size_t kPrefillSlice = 128;

}  // namespace

std::vector<Engine::Slice> Engine::Pack() {
  std::vector<Work*> streams, prefills;
  TidyFronts();
  for (size_t i = 0; i < queues_.size(); ++i) {
    auto& queue = queues_[(next_sequence_ + i) % queues_.size()];
    while (!queue.empty()) {
      Work& work = queue.front();
      if (work.kind != Kind::kRequest) break;  // after one that failed: its turn comes with the next tick
      try {
        if (!work.started) Start(work);
      } catch (const Failure& failure) {
        Fail(work, Share(failure));
        Retire(queue, queue.begin());
        continue;
      }
      if (work.done == work.request.tokens.size()) {  // all of it was there
        Finish(work);
        Retire(queue, queue.begin());
        continue;
      }
      (work.request.priority == 0 ? streams : prefills).push_back(&work);
      break;
    }
  }
  if (IsAlone()) return PackAlone(streams, prefills);
  next_sequence_ = (next_sequence_ + 1) % queues_.size();

  std::vector<Slice> slices;
  // However many streams there are, a prefill that waits gets its slice.
  const auto batch_size = static_cast<size_t>(context_->options().batch_size);
  size_t room = batch_size - (prefills.empty() ? 0 : std::min(kPrefillSlice, batch_size / 2));
  // The one that has waited longest first: who was served asks again at once, and would be before the others.
  std::sort(streams.begin(), streams.end(),
            [](const Work* a, const Work* b) { return a->arrival < b->arrival; });
  std::vector<Work*> taken;
  for (Work* work : streams) {
    const size_t left = work->request.tokens.size() - work->done;
    if (!taken.empty() && left > room) continue;
    taken.push_back(work);
    room -= std::min(room, left);
  }
  // llama.cpp decodes sequences of a split cache together only where they follow each other in the batch.
  std::sort(taken.begin(), taken.end(),
            [](const Work* a, const Work* b) { return a->request.sequence < b->request.sequence; });
  for (Work* work : taken) Append(*work, batch_size, slices);
  PackPrefills(prefills, slices);
  return slices;
}

// The shortest first, so that few are begun at a time: on a unified cache every token visits the cells of
// all. The oldest goes before them every other tick, so that it is not passed over for ever.
void Engine::PackPrefills(std::vector<Work*>& prefills, std::vector<Slice>& slices) {
  if (prefills.empty()) return;
  const auto left = [](const Work* work) { return work->request.tokens.size() - work->done; };
  std::sort(prefills.begin(), prefills.end(), [&](const Work* a, const Work* b) {
    return left(a) != left(b) ? left(a) < left(b) : a->arrival < b->arrival;
  });
  const auto oldest = std::min_element(prefills.begin(), prefills.end(),
                                       [](const Work* a, const Work* b) { return a->arrival < b->arrival; });
  passed_over_ = oldest != prefills.begin() && !passed_over_;
  if (oldest != prefills.begin() && !passed_over_) std::rotate(prefills.begin(), oldest, oldest + 1);

  const auto enough = static_cast<size_t>(context_->options().prefill_tokens);
  const size_t most = 2 * enough;  // a stream that comes meanwhile waits for no more
  size_t packed = 0;
  for (Work* work : prefills) {
    if (packed >= enough) break;
    // What is nearly as short as a slice is not worth a tick of its own for the rest.
    const bool whole = prefills.size() == 1 || left(work) <= 2 * kPrefillSlice;
    packed += Append(*work, whole ? most : kPrefillSlice, slices);
  }
}

// Adds up to `budget` of the request's tokens to the batch, as far as there is room.
size_t Engine::Append(Work& work, size_t budget, std::vector<Slice>& slices) {
  const Request& request = work.request;
  size_t packed = work.done;
  size_t read = work.read_done;

  const int32_t batch_start = context_->batch_count();
  size_t count = 0;
  while (count < budget && packed < request.tokens.size() && context_->batch_room() > 0) {
    const bool output = read < request.read.size() && static_cast<size_t>(request.read[read]) == packed;
    if (output && context_->output_room() == 0) break;
    context_->Add(request.tokens[packed], request.sequence, output);
    if (output) ++read;
    ++packed;
    ++count;
  }
  if (count > 0) slices.push_back({&work, count, batch_start});
  return count;
}

}  // namespace guard
