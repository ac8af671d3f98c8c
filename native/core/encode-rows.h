#pragma once

#include <ggml.h>

#include <cstdint>
#include <vector>

namespace guard {

// Converts whole rows of `row_length` values from one ggml type to another. The same type is a copy.
// Throws Failure(ERR_INTERNAL) for sizes that do not fit, Failure(ERR_CHECKPOINT_INVALID) for values that are
// not finite.
std::vector<uint8_t> EncodeRows(const std::vector<uint8_t>& source, ggml_type from, ggml_type to,
                                int64_t row_length);

}  // namespace guard
