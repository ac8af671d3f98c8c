#include "core/products.h"

#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>

#include "core/failure.h"

namespace guard {

namespace {

struct Free {
  void operator()(ggml_context* context) const { ggml_free(context); }
  void operator()(ggml_backend_buffer* buffer) const { ggml_backend_buffer_free(buffer); }
  void operator()(ggml_backend* backend) const { ggml_backend_free(backend); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

// What every type's blocks and every kernel's tiles divide. More than one block of each type.
constexpr int64_t kLength = 512, kRows = 64;
// One; fewer than a tile, a whole one, one and a bit, and more than all kernels take at once.
constexpr int64_t kColumns[] = {1, 2, 3, 7, 8, 16, 17, 31, 32, 33, 61};
constexpr int64_t kMostColumns = 61;

constexpr ggml_type kTypes[] = {
    GGML_TYPE_F32,  GGML_TYPE_F16,  GGML_TYPE_BF16, GGML_TYPE_Q8_0,   GGML_TYPE_Q6_K,
    GGML_TYPE_Q5_K, GGML_TYPE_Q4_K, GGML_TYPE_Q4_0, GGML_TYPE_IQ4_NL, GGML_TYPE_Q5_0,
    GGML_TYPE_Q5_1, GGML_TYPE_Q4_1, GGML_TYPE_Q2_K, GGML_TYPE_Q3_K,
};

// The same numbers everywhere, from -1 to 1.
std::vector<float> Numbers(int64_t count, uint32_t state) {
  std::vector<float> numbers(static_cast<size_t>(count));
  for (float& number : numbers) {
    state = state * 1664525u + 1013904223u;
    number = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
  return numbers;
}

double Product(const float* row, const float* column) {
  double sums[4] = {0, 0, 0, 0};  // they do not wait for each other
  for (int64_t i = 0; i < kLength; ++i) sums[i % 4] += static_cast<double>(row[i]) * column[i];
  return sums[0] + sums[1] + sums[2] + sums[3];
}

// Weights of one type, and their products with columns in plain C++.
struct Reference {
  ggml_type type;
  std::vector<uint8_t> weights;
  std::vector<double> products;  // columns x rows
  std::vector<double> scales;    // what a product can be at most
};

Reference Multiply(ggml_type type, const std::vector<float>& columns) {
  Reference reference{type, std::vector<uint8_t>(ggml_row_size(type, kLength) * kRows), {}, {}};
  const std::vector<float> source = Numbers(kRows * kLength, 1);
  ggml_quantize_chunk(type, source.data(), reference.weights.data(), 0, kRows, kLength, nullptr);
  std::vector<float> rows = source;
  // None for f32, whose bytes they are.
  if (const ggml_to_float_t to_float = ggml_get_type_traits(type)->to_float) {
    to_float(reference.weights.data(), rows.data(), kRows * kLength);
  }
  std::vector<double> lengths;
  for (int64_t r = 0; r < kRows; ++r) {
    const float* row = rows.data() + r * kLength;
    lengths.push_back(std::sqrt(Product(row, row)));
  }
  for (int64_t c = 0; c < kMostColumns; ++c) {
    const float* column = columns.data() + c * kLength;
    const double length = std::sqrt(Product(column, column));
    for (int64_t r = 0; r < kRows; ++r) {
      const float* row = rows.data() + r * kLength;
      reference.products.push_back(Product(row, column));
      reference.scales.push_back(lengths[static_cast<size_t>(r)] * length);
    }
  }
  return reference;
}

// The furthest of a product's values from plain C++'s; negative where the layout has no kernel for the type.
double Distance(ggml_backend_t cpu, ggml_backend_buffer_type_t layout, const Reference& reference,
                const std::vector<float>& columns, int64_t count) {
  const ggml_init_params params{ggml_tensor_overhead() * 4 + ggml_graph_overhead(), nullptr, true};
  Owned<ggml_context> held(ggml_init(params)), context(ggml_init(params));
  if (!held || !context) throw Failure("ERR_MEMORY", "out of memory");
  ggml_tensor* weights = ggml_new_tensor_2d(held.get(), reference.type, kLength, kRows);
  ggml_tensor* input = ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, kLength, count);
  ggml_tensor* product = ggml_mul_mat(context.get(), weights, input);
  {
    // As llama.cpp's loader asks.
    Owned<ggml_backend_buffer> empty(ggml_backend_buft_alloc_buffer(layout, 0));
    weights->buffer = empty.get();
    const bool supported = empty && ggml_backend_dev_supports_op(ggml_backend_get_device(cpu), product);
    weights->buffer = nullptr;
    if (!supported) return -1;
  }
  Owned<ggml_backend_buffer> weight_buffer(ggml_backend_alloc_ctx_tensors_from_buft(held.get(), layout));
  Owned<ggml_backend_buffer> buffer(ggml_backend_alloc_ctx_tensors(context.get(), cpu));
  if (!weight_buffer || !buffer) throw Failure("ERR_MEMORY", "out of memory");
  ggml_backend_tensor_set(weights, reference.weights.data(), 0, reference.weights.size());
  ggml_backend_tensor_set(input, columns.data(), 0, ggml_nbytes(input));

  ggml_cgraph* graph = ggml_new_graph(context.get());
  ggml_build_forward_expand(graph, product);
  if (ggml_backend_graph_compute(cpu, graph) != GGML_STATUS_SUCCESS) {
    throw Failure("ERR_INTERNAL", std::string("no product of ") + ggml_type_name(reference.type));
  }
  std::vector<float> values(static_cast<size_t>(count * kRows));
  ggml_backend_tensor_get(product, values.data(), 0, values.size() * sizeof(float));
  double worst = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double apart = std::fabs(values[i] - reference.products[i]) / reference.scales[i];
    if (!std::isfinite(apart)) return std::numeric_limits<double>::quiet_NaN();
    worst = std::max(worst, apart);
  }
  return worst;
}

std::vector<ggml_backend_buffer_type_t> Layouts(ggml_backend_dev_t cpu) {
  std::vector<ggml_backend_buffer_type_t> layouts{ggml_backend_cpu_buffer_type()};
  auto* extra = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(ggml_backend_reg_get_proc_address(
      ggml_backend_dev_backend_reg(cpu), "ggml_backend_dev_get_extra_bufts"));
  ggml_backend_buffer_type_t* more = extra == nullptr ? nullptr : extra(cpu);
  for (; more != nullptr && *more != nullptr; ++more) layouts.push_back(*more);
  return layouts;
}

}  // namespace

std::vector<ProductCheck> CheckProducts() {
  Owned<ggml_backend> cpu(ggml_backend_cpu_init());
  if (!cpu) throw Failure("ERR_INTERNAL", "ggml's CPU back end cannot be started");
  ggml_backend_cpu_set_n_threads(cpu.get(), 1);  // no thread waits for another on a busy machine
  const std::vector<float> columns = Numbers(kMostColumns * kLength, 2);
  const auto layouts = Layouts(ggml_backend_get_device(cpu.get()));
  std::vector<ProductCheck> checks;
  for (ggml_type type : kTypes) {
    const Reference reference = Multiply(type, columns);
    for (ggml_backend_buffer_type_t layout : layouts) {
      double worst = -1;
      for (int64_t count : kColumns) {
        const double apart = Distance(cpu.get(), layout, reference, columns, count);
        if (std::isnan(apart) || apart > worst) worst = apart;
        if (!(apart >= 0)) break;
      }
      if (worst < 0) continue;
      checks.push_back({ggml_type_name(type), ggml_backend_buft_name(layout), worst});
    }
  }
  return checks;
}

}  // namespace guard
