// For CPUs with AVX-512 and its VNNI: a tile is 32 rows, two registers, times up to five columns. With their
// sums in f32 beside those of a block that is 20 of 32 registers; a sixth column was slower.
#include "kernels/tiles.h"

#if defined(QWEN3GUARD_EMULATED)
#include "kernels/emulated.h"
#elif defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VNNI__)
#include <immintrin.h>
#endif

#if defined(QWEN3GUARD_EMULATED) || (defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VNNI__))

#include "kernels/rounding.h"

namespace guard::kernels {

namespace {

constexpr int kTile = 5;

// A block of a tile's columns. Kernels read it as dwords, and a value of each column lies beside the next
// one's: [8 groups] of four values, a scale, and the sum to start from: -128 * sum of the values.
constexpr size_t kColumnBlock = (kGroups + 2) * sizeof(int32_t);

void Pack(const float* column, int64_t blocks, int width, int at, void* packed) {
  char* to = static_cast<char*>(packed) + static_cast<size_t>(at) * sizeof(int32_t);
  const size_t step = static_cast<size_t>(width) * sizeof(int32_t);
  for (int64_t l = 0; l < blocks; ++l, column += kBlock) {
    const __m512 low = _mm512_loadu_ps(column), high = _mm512_loadu_ps(column + 16);
    const float most = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(low), _mm512_abs_ps(high)));
    const __m512 inverse = _mm512_set1_ps(most > 0 ? 127.0f / most : 0.0f);
    const __m512i first = _mm512_cvtps_epi32(_mm512_mul_ps(low, inverse));
    const __m512i second = _mm512_cvtps_epi32(_mm512_mul_ps(high, inverse));
    alignas(32) int8_t values[kBlock];
    _mm_store_si128(reinterpret_cast<__m128i*>(values), _mm512_cvtepi32_epi8(first));
    _mm_store_si128(reinterpret_cast<__m128i*>(values + 16), _mm512_cvtepi32_epi8(second));
    for (int g = 0; g < kGroups; ++g, to += step) std::memcpy(to, values + 4 * g, 4);
    const float scale = RoundToHalf(most / 127.0f);
    std::memcpy(to, &scale, sizeof(scale));
    const int32_t start = -128 * _mm512_reduce_add_epi32(_mm512_add_epi32(first, second));
    std::memcpy(to += step, &start, sizeof(start));
    to += step;
  }
}

template <int Width, int Fetches>
void Multiply(const PanelBlock* panel, int64_t blocks, const void* columns, float* product, size_t stride,
              const char* ahead) {
  constexpr int kHalves = kPanelRows / 16;
  __m512 sums[kHalves][Width];
  QWEN3GUARD_UNROLL for (int h = 0; h < kHalves; ++h) {
    QWEN3GUARD_UNROLL for (int m = 0; m < Width; ++m) sums[h][m] = _mm512_setzero_ps();
  }
  const int32_t* column = static_cast<const int32_t*>(columns);
  for (int64_t l = 0; l < blocks; ++l, ++panel, column += (kGroups + 2) * Width) {
    const int32_t* starts = column + (kGroups + 1) * Width;
    __m512i block[kHalves][Width];
    QWEN3GUARD_UNROLL for (int m = 0; m < Width; ++m) {
      block[0][m] = block[1][m] = _mm512_set1_epi32(starts[m]);
    }
    QWEN3GUARD_UNROLL for (int g = 0; g < kGroups; ++g) {
      // A few for each group: all at once, as clang leaves them in front of the loads, cost up to a seventh.
      constexpr int kCount = kFetches[Fetches];
      QWEN3GUARD_UNROLL for (int i = kCount * g / kGroups; i < kCount * (g + 1) / kGroups; ++i) {
        _mm_prefetch(ahead + i * kLine, _MM_HINT_T1);
      }
      const __m512i low = _mm512_load_si512(panel->values[g]);
      const __m512i high = _mm512_load_si512(panel->values[g] + 16);
      QWEN3GUARD_UNROLL for (int m = 0; m < Width; ++m) {
        const __m512i four = _mm512_set1_epi32(column[g * Width + m]);
        block[0][m] = _mm512_dpbusd_epi32(block[0][m], low, four);
        block[1][m] = _mm512_dpbusd_epi32(block[1][m], high, four);
      }
    }
    ahead += kFetches[Fetches] * kLine;
    const float* scales = reinterpret_cast<const float*>(column + kGroups * Width);
    QWEN3GUARD_UNROLL for (int h = 0; h < kHalves; ++h) {
      const auto* halves = reinterpret_cast<const __m256i*>(panel->scales + 16 * h);
      const __m512 rows = _mm512_cvtph_ps(_mm256_load_si256(halves));
      QWEN3GUARD_UNROLL for (int m = 0; m < Width; ++m) {
        const __m512 scale = _mm512_mul_ps(rows, _mm512_set1_ps(scales[m]));
        sums[h][m] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(block[h][m]), scale, sums[h][m]);
      }
    }
  }
  QWEN3GUARD_UNROLL for (int m = 0; m < Width; ++m, product += stride) {
    QWEN3GUARD_UNROLL for (int h = 0; h < kHalves; ++h) _mm512_storeu_ps(product + 16 * h, sums[h][m]);
  }
}

#define WIDTH(n) \
  { Multiply<n, 0>, Multiply<n, 1>, Multiply<n, 2>, Multiply<n, 3> }
constexpr TileFunction kTiles[kTile][4] = {WIDTH(1), WIDTH(2), WIDTH(3), WIDTH(4), WIDTH(5)};
#undef WIDTH

void MultiplyAll(const Weights& weights, int64_t first, int64_t last, const void* packed, int count,
                 float* product, size_t stride) {
  MultiplyTiles<kTile>(kTiles, kColumnBlock, weights, first, last, packed, count, product, stride);
}

constexpr Kernel kKernel{"avx512-vnni", kTile, kColumnBlock, Pack, MultiplyAll};

}  // namespace

const Kernel* Avx512Vnni() {
  return &kKernel;
}

}  // namespace guard::kernels

#else

namespace guard::kernels {
const Kernel* Avx512Vnni() {
  return nullptr;
}
}  // namespace guard::kernels

#endif
