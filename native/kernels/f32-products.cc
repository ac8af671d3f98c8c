#include "kernels/f32-products.h"

#include "kernels/tiles.h"

#if defined(__AVX2__) && !defined(QWEN3GUARD_EMULATED)
#include <immintrin.h>

#include <algorithm>

namespace guard::kernels {

namespace {

constexpr int kTile = 4;

template <int Width>
void Multiply(const float* row, int64_t depth, const float* columns, size_t stride, float* product,
              size_t product_stride) {
  __m256 sums[Width][2];
  QWEN3GUARD_UNROLL for (int m = 0; m < Width; ++m) sums[m][0] = sums[m][1] = _mm256_setzero_ps();
  for (int64_t i = 0; i < depth; i += 16) {
    const __m256 low = _mm256_loadu_ps(row + i), high = _mm256_loadu_ps(row + i + 8);
    QWEN3GUARD_UNROLL for (int m = 0; m < Width; ++m) {
      const float* column = columns + static_cast<size_t>(m) * stride + i;
      sums[m][0] = _mm256_fmadd_ps(low, _mm256_loadu_ps(column), sums[m][0]);
      sums[m][1] = _mm256_fmadd_ps(high, _mm256_loadu_ps(column + 8), sums[m][1]);
    }
  }
  for (int m = 0; m < Width; ++m) {
    float lanes[8];
    _mm256_storeu_ps(lanes, _mm256_add_ps(sums[m][0], sums[m][1]));
    product[static_cast<size_t>(m) * product_stride] =
        ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
  }
}

}  // namespace

void MultiplyF32(const float* weights, int64_t first, int64_t last, int64_t depth, const float* columns,
                 size_t stride, int64_t count, float* product, size_t product_stride) {
  for (int64_t column = 0; column < count; column += kTile) {
    constexpr decltype(&Multiply<1>) kWidths[] = {Multiply<1>, Multiply<2>, Multiply<3>, Multiply<4>};
    const auto multiply = kWidths[std::min<int64_t>(kTile, count - column) - 1];
    for (int64_t row = first; row < last; ++row) {
      multiply(weights + row * depth, depth, columns + static_cast<size_t>(column) * stride, stride,
               product + static_cast<size_t>(column) * product_stride + row, product_stride);
    }
  }
}

bool HasF32Products() {
  return true;
}

}  // namespace guard::kernels

#else

namespace guard::kernels {

void MultiplyF32(const float*, int64_t, int64_t, int64_t, const float*, size_t, int64_t, float*, size_t) {}
bool HasF32Products() {
  return false;
}

}  // namespace guard::kernels

#endif
