#pragma once

#include <ggml.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace guard {

using GgufValue = std::variant<std::string, uint32_t, uint64_t, float, bool, std::vector<std::string>,
                               std::vector<int32_t>>;

struct GgufPair {
  std::string key;
  GgufValue value;
};

// Shape in ggml's order: row length first.
struct TensorInfo {
  std::string name;
  ggml_type type = GGML_TYPE_F32;
  std::vector<int64_t> shape;
};

// The bytes of a GGUF before its tensor data, padded to the alignment (32), by ggml's own writer.
// Throws Failure(ERR_INTERNAL) for what would make ggml abort.
std::vector<uint8_t> WriteGgufHeader(const std::vector<GgufPair>& metadata,
                                     const std::vector<TensorInfo>& tensors);

// Tensor type by ggml's name ("f32", "q8_0", "q6_K"). Throws Failure(ERR_INTERNAL).
ggml_type TensorTypeByName(const std::string& name);

}  // namespace guard
