#include "core/encode-rows.h"

#include <cmath>
#include <string>

#include "core/failure.h"

namespace guard {

std::vector<uint8_t> EncodeRows(const std::vector<uint8_t>& source, ggml_type from, ggml_type to,
                                int64_t row_length) {
  const auto divides = [row_length](ggml_type type) {
    return row_length > 0 && row_length % ggml_blck_size(type) == 0;
  };
  if (!divides(from) || !divides(to))
    throw Failure("ERR_INTERNAL", "the row length does not fit the tensor type");
  const size_t from_row = ggml_row_size(from, row_length);
  if (source.empty() || source.size() % from_row != 0)
    throw Failure("ERR_INTERNAL", "the source is not whole rows");
  const auto rows = static_cast<int64_t>(source.size() / from_row);
  const int64_t count = rows * row_length;

  if (from == to) {
    if (!ggml_validate_row_data(from, source.data(), source.size())) {
      throw Failure("ERR_CHECKPOINT_INVALID", "the weights hold values that are not finite");
    }
    return source;
  }

  std::vector<float> values;
  const float* floats = reinterpret_cast<const float*>(source.data());
  if (from != GGML_TYPE_F32) {
    const ggml_to_float_t to_float = ggml_get_type_traits(from)->to_float;
    if (to_float == nullptr)
      throw Failure("ERR_INTERNAL", std::string("no reader for ") + ggml_type_name(from));
    values.resize(static_cast<size_t>(count));
    to_float(source.data(), values.data(), count);
    floats = values.data();
  }
  for (int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(floats[i])) {
      throw Failure("ERR_CHECKPOINT_INVALID", "the weights hold values that are not finite");
    }
  }

  std::vector<uint8_t> target(ggml_row_size(to, row_length) * static_cast<size_t>(rows));
  ggml_quantize_chunk(to, floats, target.data(), 0, rows, row_length, nullptr);
  return target;
}

}  // namespace guard
