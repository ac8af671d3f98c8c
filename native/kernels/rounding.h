#pragma once

// How ggml rounds columns to Q8_0, for kernels with registers of 256 bits. Include it after the intrinsics.
#include <algorithm>
#include <cstdint>

#include "kernels/panels.h"

namespace guard::kernels {

// A scale as Q8_0 keeps it, to the nearest f16.
inline float RoundToHalf(float value) {
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtps_ph(_mm_set_ss(value), 0)));
}

#if defined(QWEN3GUARD_EMULATED) || defined(__AVX2__)

struct RoundedBlock {
  __m256i values;  // 32 of 8 bits
  float scale;
  int32_t sum;  // of the values
};

inline RoundedBlock Round(const float* from) {
  __m256 values[4];
  __m256 most = _mm256_setzero_ps();
  for (int i = 0; i < 4; ++i) {
    values[i] = _mm256_loadu_ps(from + 8 * i);
    most = _mm256_max_ps(most, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), values[i]));
  }
  float lanes[8];
  _mm256_storeu_ps(lanes, most);
  const float largest = *std::max_element(lanes, lanes + 8);
  const __m256 inverse = _mm256_set1_ps(largest > 0 ? 127.0f / largest : 0.0f);
  __m256i rounded[4];
  for (int i = 0; i < 4; ++i) rounded[i] = _mm256_cvtps_epi32(_mm256_mul_ps(values[i], inverse));
  const __m256i sums =
      _mm256_add_epi32(_mm256_add_epi32(rounded[0], rounded[1]), _mm256_add_epi32(rounded[2], rounded[3]));
  alignas(32) int32_t parts[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(parts), sums);
  int32_t sum = 0;
  for (int32_t part : parts) sum += part;
  // Packs within halves of 128 bits: fours of values come out as 0 2 4 6 1 3 5 7.
  const __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(rounded[0], rounded[1]),
                                           _mm256_packs_epi32(rounded[2], rounded[3]));
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  return {_mm256_permutevar8x32_epi32(bytes, order), RoundToHalf(largest / 127.0f), sum};
}

#endif

}  // namespace guard::kernels
