#pragma once

#include <cstdint>
#include <vector>

#include "core/engine.h"

namespace guard {

// Appends the guard heads' logits of one position. False if one is not finite.
bool ReadHeads(const float* logits, int32_t count, Result& result);

// Appends the greedy token, its lead over the runner-up and the named logits of one position.
// Ties go to the lower id, as in argmax. False if a logit is NaN or none is finite.
bool ReadText(const float* logits, int32_t vocab_size, const std::vector<llama_token>& named, Result& result);

}  // namespace guard
