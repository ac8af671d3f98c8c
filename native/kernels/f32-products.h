#pragma once

#include <cstddef>
#include <cstdint>

namespace guard::kernels {

// Products of the rows from `first` up to `last` of a matrix in f32, [rows][depth] with a depth that is a
// multiple of 16, with `count` columns that lie `stride` values apart. A value is the same, to the last bit,
// however many columns there are. `product` is where the first column's value for row 0 belongs.
void MultiplyF32(const float* weights, int64_t first, int64_t last, int64_t depth, const float* columns,
                 size_t stride, int64_t count, float* product, size_t product_stride);

// Whether it was compiled in: it wants AVX2.
bool HasF32Products();

}  // namespace guard::kernels
