#include "core/logits.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace guard {

namespace {

constexpr int32_t kBlock = 1024;
constexpr int32_t kLanes = 16;

struct Extent {
  float largest;
  bool has_nan;
};

// Independent lanes, which compilers turn into vector instructions without being allowed to reorder sums.
Extent ExtentOf(const float* values, int32_t count) {
  float largest[kLanes];
  uint32_t nan[kLanes] = {};
  std::fill(largest, largest + kLanes, -std::numeric_limits<float>::infinity());
  int32_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int32_t lane = 0; lane < kLanes; ++lane) {
      const float value = values[i + lane];
      largest[lane] = value > largest[lane] ? value : largest[lane];
      nan[lane] |= value != value;
    }
  }
  for (; i < count; ++i) {
    largest[0] = std::max(largest[0], values[i]);
    nan[0] |= values[i] != values[i];
  }
  return {*std::max_element(largest, largest + kLanes),
          std::any_of(nan, nan + kLanes, [](uint32_t found) { return found != 0; })};
}

}  // namespace

bool ReadHeads(const float* logits, int32_t count, Result& result) {
  for (int32_t i = 0; i < count; ++i) {
    if (!std::isfinite(logits[i])) return false;
  }
  result.heads.insert(result.heads.end(), logits, logits + count);
  return true;
}

bool ReadText(const float* logits, int32_t vocab_size, const std::vector<llama_token>& named,
              Result& result) {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  float best = kLowest, second = kLowest;
  int32_t best_id = -1;
  for (int32_t start = 0; start < vocab_size; start += kBlock) {
    const int32_t end = std::min(vocab_size, start + kBlock);
    // Few blocks hold one of the two largest; the rest is passed over at the speed of vector instructions.
    const Extent extent = ExtentOf(logits + start, end - start);
    if (extent.has_nan) return false;
    if (extent.largest <= second) continue;
    for (int32_t id = start; id < end; ++id) {
      const float logit = logits[id];
      if (logit > best) {
        second = best;
        best = logit;
        best_id = id;
      } else if (logit > second) {
        second = logit;
      }
    }
  }
  if (best_id < 0 || !std::isfinite(best)) return false;

  result.greedy.push_back(best_id);
  result.margin.push_back(best - second);
  for (llama_token id : named) result.named.push_back(logits[id]);
  return true;
}

}  // namespace guard
