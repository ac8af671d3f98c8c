#pragma once

// What the kernels use of <immintrin.h>, in plain C++: to run them on a CPU that lacks the instructions. It
// is within their namespace, so that they find it before the compiler's own.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace guard::kernels {

template <typename T, int Count>
struct Lanes {
  T lane[Count];
};

using __m512 = Lanes<float, 16>;
using __m512i = Lanes<int32_t, 16>;
using __m256 = Lanes<float, 8>;
using __m256i = Lanes<int32_t, 8>;
using __m128i = Lanes<int32_t, 4>;
using __m128 = Lanes<float, 4>;

// Fills a vector lane by lane.
template <typename V, typename Function>
V Each(Function value) {
  V result;
  for (size_t i = 0; i < sizeof(result.lane) / sizeof(result.lane[0]); ++i) result.lane[i] = value(i);
  return result;
}
template <typename V>
V Load(const void* memory) {
  V result;
  std::memcpy(&result, memory, sizeof(result));
  return result;
}
// The i-th value of a narrower type within a vector.
template <typename T, typename V>
T Part(const V& vector, size_t i) {
  T part;
  std::memcpy(&part, reinterpret_cast<const char*>(&vector) + i * sizeof(T), sizeof(T));
  return part;
}

inline float FromHalf(uint16_t half) {
  const int exponent = (half >> 10) & 31, fraction = half & 1023;
  const float magnitude = exponent == 0    ? std::ldexp(static_cast<float>(fraction), -24)
                          : exponent == 31 ? (fraction != 0 ? NAN : INFINITY)
                                           : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

inline uint16_t ToHalf(float value) {
  const float magnitude = std::fabs(value);
  uint16_t half;
  if (!(magnitude < 65520.0f)) {
    half = std::isnan(magnitude) ? 0x7e00 : 0x7c00;
  } else {
    // In steps of the half's last place; a fraction that becomes 2048 carries into the exponent by itself.
    const int exponent = std::max(magnitude > 0 ? std::ilogb(magnitude) : -14, -14);
    const int steps = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
    half = static_cast<uint16_t>(steps < 1024 ? steps : ((exponent + 14) << 10) + steps);
  }
  return std::signbit(value) ? half | 0x8000 : half;
}

// The sum of four products, the first factors without a sign.
template <typename V>
V DotUnsigned(const V& sum, const V& a, const V& b) {
  return Each<V>([&](size_t i) {
    int32_t total = sum.lane[i];
    for (size_t k = 4 * i; k < 4 * i + 4; ++k) total += Part<uint8_t>(a, k) * Part<int8_t>(b, k);
    return total;
  });
}

enum { _MM_HINT_T0, _MM_HINT_T1 };
enum { _CMP_GE_OQ, _MM_FROUND_TO_NEAREST_INT = 0, _MM_FROUND_NO_EXC = 8 };
inline void _mm_prefetch(const void*, int) {}
inline void _mm_store_si128(__m128i* to, __m128i value) {
  std::memcpy(to, &value, sizeof(value));
}

// AVX-512
inline __m512 _mm512_setzero_ps() {
  return {};
}
inline __m512 _mm512_set1_ps(float value) {
  return Each<__m512>([&](size_t) { return value; });
}
inline __m512i _mm512_set1_epi32(int32_t value) {
  return Each<__m512i>([&](size_t) { return value; });
}
inline __m512 _mm512_loadu_ps(const void* from) {
  return Load<__m512>(from);
}
inline __m512i _mm512_load_si512(const void* from) {
  return Load<__m512i>(from);
}
inline void _mm512_storeu_ps(void* to, __m512 value) {
  std::memcpy(to, &value, sizeof(value));
}
inline __m512 _mm512_abs_ps(__m512 a) {
  return Each<__m512>([&](size_t i) { return std::fabs(a.lane[i]); });
}
inline __m512 _mm512_max_ps(__m512 a, __m512 b) {
  return Each<__m512>([&](size_t i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline __m512 _mm512_mul_ps(__m512 a, __m512 b) {
  return Each<__m512>([&](size_t i) { return a.lane[i] * b.lane[i]; });
}
inline __m512 _mm512_fmadd_ps(__m512 a, __m512 b, __m512 c) {
  return Each<__m512>([&](size_t i) { return std::fma(a.lane[i], b.lane[i], c.lane[i]); });
}
inline __m512i _mm512_add_epi32(__m512i a, __m512i b) {
  return Each<__m512i>([&](size_t i) { return a.lane[i] + b.lane[i]; });
}
inline float _mm512_reduce_max_ps(__m512 a) {
  return *std::max_element(a.lane, a.lane + 16);
}
inline int32_t _mm512_reduce_add_epi32(__m512i a) {
  int32_t sum = 0;
  for (int32_t value : a.lane) sum += value;
  return sum;
}
inline __m512i _mm512_cvtps_epi32(__m512 a) {
  return Each<__m512i>([&](size_t i) { return static_cast<int32_t>(std::nearbyint(a.lane[i])); });
}
inline __m512 _mm512_cvtepi32_ps(__m512i a) {
  return Each<__m512>([&](size_t i) { return static_cast<float>(a.lane[i]); });
}
inline __m128i _mm512_cvtepi32_epi8(__m512i a) {
  int8_t bytes[16];
  for (int i = 0; i < 16; ++i) bytes[i] = static_cast<int8_t>(a.lane[i]);
  return Load<__m128i>(bytes);
}
inline __m512 _mm512_cvtph_ps(__m256i a) {
  return Each<__m512>([&](size_t i) { return FromHalf(Part<uint16_t>(a, i)); });
}
inline __m512i _mm512_dpbusd_epi32(__m512i sum, __m512i a, __m512i b) {
  return DotUnsigned(sum, a, b);
}

// AVX2, F16C and FMA
inline __m256 _mm256_setzero_ps() {
  return {};
}
inline __m256 _mm256_set1_ps(float value) {
  return Each<__m256>([&](size_t) { return value; });
}
inline __m256i _mm256_set1_epi32(int32_t value) {
  return Each<__m256i>([&](size_t) { return value; });
}
inline __m256i _mm256_set1_epi16(int16_t value) {
  return _mm256_set1_epi32(static_cast<int32_t>(static_cast<uint16_t>(value) * 0x10001u));
}
inline __m256i _mm256_setr_epi32(int a, int b, int c, int d, int e, int f, int g, int h) {
  return {{a, b, c, d, e, f, g, h}};
}
inline __m256i _mm256_load_si256(const __m256i* from) {
  return Load<__m256i>(from);
}
inline __m256 _mm256_loadu_ps(const float* from) {
  return Load<__m256>(from);
}
inline __m256 _mm256_load_ps(const float* from) {
  return Load<__m256>(from);
}
inline __m128i _mm_load_si128(const __m128i* from) {
  return Load<__m128i>(from);
}
inline void _mm256_store_si256(__m256i* to, __m256i value) {
  std::memcpy(to, &value, sizeof(value));
}
inline void _mm256_store_ps(float* to, __m256 value) {
  std::memcpy(to, &value, sizeof(value));
}
inline void _mm256_storeu_ps(float* to, __m256 value) {
  std::memcpy(to, &value, sizeof(value));
}
inline __m256 _mm256_max_ps(__m256 a, __m256 b) {
  return Each<__m256>([&](size_t i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
// Of -0 and a value, the only use here: the value without its sign.
inline __m256 _mm256_andnot_ps(__m256, __m256 b) {
  return Each<__m256>([&](size_t i) { return std::fabs(b.lane[i]); });
}
inline __m256 _mm256_mul_ps(__m256 a, __m256 b) {
  return Each<__m256>([&](size_t i) { return a.lane[i] * b.lane[i]; });
}
inline __m256 _mm256_fmadd_ps(__m256 a, __m256 b, __m256 c) {
  return Each<__m256>([&](size_t i) { return std::fma(a.lane[i], b.lane[i], c.lane[i]); });
}
inline __m256i _mm256_cvtps_epi32(__m256 a) {
  return Each<__m256i>([&](size_t i) { return static_cast<int32_t>(std::nearbyint(a.lane[i])); });
}
inline __m256 _mm256_cvtepi32_ps(__m256i a) {
  return Each<__m256>([&](size_t i) { return static_cast<float>(a.lane[i]); });
}
inline __m256 _mm256_cvtph_ps(__m128i a) {
  return Each<__m256>([&](size_t i) { return FromHalf(Part<uint16_t>(a, i)); });
}
inline __m128 _mm_set_ss(float value) {
  return {{value}};
}
inline float _mm_cvtss_f32(__m128 a) {
  return a.lane[0];
}
inline __m128i _mm_cvtps_ph(__m128 a, int) {
  return {{ToHalf(a.lane[0])}};
}  // one lane is all that is used
inline __m128 _mm_cvtph_ps(__m128i a) {
  return {{FromHalf(Part<uint16_t>(a, 0))}};
}
inline __m256i _mm256_add_epi32(__m256i a, __m256i b) {
  return Each<__m256i>([&](size_t i) { return a.lane[i] + b.lane[i]; });
}
inline __m256i _mm256_and_si256(__m256i a, __m256i b) {
  return Each<__m256i>([&](size_t i) { return a.lane[i] & b.lane[i]; });
}
inline __m256i _mm256_permutevar8x32_epi32(__m256i a, __m256i order) {
  return Each<__m256i>([&](size_t i) { return a.lane[order.lane[i] & 7]; });
}

// A vector made of narrower values.
template <typename T, typename Function>
__m256i EachPart(Function value) {
  T parts[32 / sizeof(T)];
  for (size_t i = 0; i < 32 / sizeof(T); ++i) parts[i] = static_cast<T>(value(i));
  return Load<__m256i>(parts);
}
inline __m256i _mm256_slli_epi16(__m256i a, int by) {
  return EachPart<uint16_t>([&](size_t i) { return Part<uint16_t>(a, i) << by; });
}
inline __m256i _mm256_srli_epi16(__m256i a, int by) {
  return EachPart<uint16_t>([&](size_t i) { return Part<uint16_t>(a, i) >> by; });
}
inline __m256i _mm256_srai_epi16(__m256i a, int by) {
  return EachPart<int16_t>([&](size_t i) { return Part<int16_t>(a, i) >> by; });
}
// Within halves of 128 bits: the first one's values, then the second one's.
inline __m256i _mm256_packs_epi32(__m256i a, __m256i b) {
  return EachPart<int16_t>([&](size_t i) {
    const int32_t value = Part<int32_t>(i % 8 < 4 ? a : b, i / 8 * 4 + i % 4);
    return std::clamp(value, -32768, 32767);
  });
}
inline __m256i _mm256_packs_epi16(__m256i a, __m256i b) {
  return EachPart<int8_t>([&](size_t i) {
    const int value = Part<int16_t>(i % 16 < 8 ? a : b, i / 16 * 8 + i % 8);
    return std::clamp(value, -128, 127);
  });
}
inline __m256i _mm256_madd_epi16(__m256i a, __m256i b) {
  return Each<__m256i>([&](size_t i) {
    return Part<int16_t>(a, 2 * i) * Part<int16_t>(b, 2 * i) +
           Part<int16_t>(a, 2 * i + 1) * Part<int16_t>(b, 2 * i + 1);
  });
}

// AVX-VNNI
inline __m256i _mm256_dpbusd_avx_epi32(__m256i sum, __m256i a, __m256i b) {
  return DotUnsigned(sum, a, b);
}

// What attention uses beside those.
inline __m128i _mm_loadu_si128(const __m128i* from) {
  return Load<__m128i>(from);
}
inline __m256i _mm256_loadu_si256(const __m256i* from) {
  return Load<__m256i>(from);
}
inline void _mm_storeu_ps(float* to, __m128 value) {
  std::memcpy(to, &value, sizeof(value));
}
inline __m256 _mm256_castsi256_ps(__m256i a) {
  return Load<__m256>(&a);
}
inline __m256i _mm256_castps_si256(__m256 a) {
  return Load<__m256i>(&a);
}
inline __m128 _mm256_castps256_ps128(__m256 a) {
  return Load<__m128>(&a);
}
inline __m128 _mm256_extractf128_ps(__m256 a, int half) {
  return Load<__m128>(a.lane + 4 * half);
}
inline __m128 _mm_add_ps(__m128 a, __m128 b) {
  return Each<__m128>([&](size_t i) { return a.lane[i] + b.lane[i]; });
}
inline __m256 _mm256_add_ps(__m256 a, __m256 b) {
  return Each<__m256>([&](size_t i) { return a.lane[i] + b.lane[i]; });
}
inline __m256 _mm256_sub_ps(__m256 a, __m256 b) {
  return Each<__m256>([&](size_t i) { return a.lane[i] - b.lane[i]; });
}
inline __m256 _mm256_fnmadd_ps(__m256 a, __m256 b, __m256 c) {
  return Each<__m256>([&](size_t i) { return std::fma(-a.lane[i], b.lane[i], c.lane[i]); });
}
inline __m256 _mm256_round_ps(__m256 a, int) {
  return Each<__m256>([&](size_t i) { return std::nearbyint(a.lane[i]); });
}
inline __m256 _mm256_cmp_ps(__m256 a, __m256 b, int) {
  return _mm256_castsi256_ps(Each<__m256i>([&](size_t i) { return a.lane[i] >= b.lane[i] ? -1 : 0; }));
}
inline __m256 _mm256_and_ps(__m256 a, __m256 b) {
  return _mm256_castsi256_ps(_mm256_and_si256(_mm256_castps_si256(a), _mm256_castps_si256(b)));
}
inline __m256i _mm256_slli_epi32(__m256i a, int by) {
  return EachPart<uint32_t>([&](size_t i) { return Part<uint32_t>(a, i) << by; });
}
inline __m256i _mm256_cmpeq_epi16(__m256i a, __m256i b) {
  return EachPart<int16_t>([&](size_t i) { return Part<int16_t>(a, i) == Part<int16_t>(b, i) ? -1 : 0; });
}
inline int _mm256_movemask_epi8(__m256i a) {
  uint32_t mask = 0;
  for (size_t i = 0; i < 32; ++i) mask |= static_cast<uint32_t>(Part<int8_t>(a, i) < 0) << i;
  return static_cast<int>(mask);
}
// Within halves of 128 bits.
inline __m256 _mm256_unpacklo_ps(__m256 a, __m256 b) {
  return Each<__m256>([&](size_t i) { return (i % 2 == 0 ? a : b).lane[i / 4 * 4 + i % 4 / 2]; });
}
inline __m256 _mm256_unpackhi_ps(__m256 a, __m256 b) {
  return Each<__m256>([&](size_t i) { return (i % 2 == 0 ? a : b).lane[i / 4 * 4 + 2 + i % 4 / 2]; });
}
inline __m256 _mm256_shuffle_ps(__m256 a, __m256 b, int order) {
  return Each<__m256>([&](size_t i) {
    return (i % 4 < 2 ? a : b).lane[i / 4 * 4 + static_cast<size_t>(order >> (2 * (i % 4)) & 3)];
  });
}
inline __m256 _mm256_hadd_ps(__m256 a, __m256 b) {
  return Each<__m256>([&](size_t i) {
    const float* from = (i % 4 < 2 ? a : b).lane + i / 4 * 4 + i % 2 * 2;
    return from[0] + from[1];
  });
}
inline __m256 _mm256_permute2f128_ps(__m256 a, __m256 b, int order) {
  return Each<__m256>([&](size_t i) {
    const int half = order >> (i / 4 * 4) & 3;
    return (half < 2 ? a : b).lane[static_cast<size_t>(half % 2) * 4 + i % 4];
  });
}

}  // namespace guard::kernels
