#include "core/read.h"

#include <cmath>
#include <limits>

namespace guard {

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
  for (int32_t id = 0; id < vocab_size; ++id) {
    const float logit = logits[id];
    if (std::isnan(logit)) return false;
    if (logit > best) {
      second = best;
      best = logit;
      best_id = id;
    } else if (logit > second) {
      second = logit;
    }
  }
  if (best_id < 0 || !std::isfinite(best)) return false;

  result.greedy.push_back(best_id);
  result.margin.push_back(best - second);
  for (llama_token id : named) result.named.push_back(logits[id]);
  return true;
}

}  // namespace guard
