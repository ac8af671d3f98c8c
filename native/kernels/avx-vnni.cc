// For CPUs with AVX-VNNI, VPDPBUSD in registers of 256 bits: a tile is 32 rows, four registers, times up to
// three columns. Their sums over a block take 12 of 16 registers; those in f32 lie in memory.
#include "kernels/tiles.h"

#if defined(QWEN3GUARD_EMULATED)
#include "kernels/emulated.h"
#elif defined(__AVX2__) && defined(__AVXVNNI__)
#include <immintrin.h>
#endif

#if defined(QWEN3GUARD_EMULATED) || (defined(__AVX2__) && defined(__AVXVNNI__))

#include "kernels/rounding.h"

namespace guard::kernels {

namespace {

constexpr int kTile = 3;

// As in avx512-vnni.cc: [8 groups] of four values, a scale, the sum to start from.
constexpr size_t kColumnBlock = (kGroups + 2) * sizeof(int32_t);

void Pack(const float* column, int64_t blocks, int width, int at, void* packed) {
  int32_t* to = static_cast<int32_t*>(packed) + at;
  for (int64_t l = 0; l < blocks; ++l, column += kBlock) {
    const RoundedBlock block = Round(column);
    alignas(32) int32_t fours[kGroups];
    _mm256_store_si256(reinterpret_cast<__m256i*>(fours), block.values);
    for (int g = 0; g < kGroups; ++g, to += width) *to = fours[g];
    std::memcpy(to, &block.scale, sizeof(float));
    to += width;
    *to = -128 * block.sum;
    to += width;
  }
}

template <int Width, int Fetches>
void Multiply(const PanelBlock* panel, int64_t blocks, const void* columns, float* product, size_t stride,
              const char* ahead) {
  constexpr int kParts = kPanelRows / 8;
  alignas(32) float sums[Width][kPanelRows] = {};
  const int32_t* column = static_cast<const int32_t*>(columns);
  for (int64_t l = 0; l < blocks; ++l, ++panel, column += (kGroups + 2) * Width) {
    QWEN3GUARD_UNROLL for (int i = 0; i < kFetches[Fetches]; ++i, ahead += kLine) {
      _mm_prefetch(ahead, _MM_HINT_T1);
    }
    const int32_t* starts = column + (kGroups + 1) * Width;
    __m256i block[kParts][Width];
    QWEN3GUARD_UNROLL for (int m = 0; m < Width; ++m) {
      const __m256i start = _mm256_set1_epi32(starts[m]);
      QWEN3GUARD_UNROLL for (int p = 0; p < kParts; ++p) block[p][m] = start;
    }
    QWEN3GUARD_UNROLL for (int g = 0; g < kGroups; ++g) {
      const auto* weights = reinterpret_cast<const __m256i*>(panel->values[g]);
      __m256i fours[Width];
      QWEN3GUARD_UNROLL for (int m = 0; m < Width; ++m) fours[m] = _mm256_set1_epi32(column[g * Width + m]);
      QWEN3GUARD_UNROLL for (int p = 0; p < kParts; ++p) {
        const __m256i rows = _mm256_load_si256(weights + p);
        QWEN3GUARD_UNROLL for (int m = 0; m < Width; ++m) {
          block[p][m] = _mm256_dpbusd_avx_epi32(block[p][m], rows, fours[m]);
        }
      }
    }
    const float* scales = reinterpret_cast<const float*>(column + kGroups * Width);
    QWEN3GUARD_UNROLL for (int p = 0; p < kParts; ++p) {
      const auto* halves = reinterpret_cast<const __m128i*>(panel->scales + 8 * p);
      const __m256 rows = _mm256_cvtph_ps(_mm_load_si128(halves));
      QWEN3GUARD_UNROLL for (int m = 0; m < Width; ++m) {
        float* sum = sums[m] + 8 * p;
        const __m256 scale = _mm256_mul_ps(rows, _mm256_set1_ps(scales[m]));
        _mm256_store_ps(sum, _mm256_fmadd_ps(_mm256_cvtepi32_ps(block[p][m]), scale, _mm256_load_ps(sum)));
      }
    }
  }
  for (int m = 0; m < Width; ++m, product += stride) std::memcpy(product, sums[m], sizeof(sums[m]));
}

#define WIDTH(n) \
  { Multiply<n, 0>, Multiply<n, 1>, Multiply<n, 2>, Multiply<n, 3> }
constexpr TileFunction kTiles[kTile][4] = {WIDTH(1), WIDTH(2), WIDTH(3)};
#undef WIDTH

void MultiplyAll(const Weights& weights, int64_t first, int64_t last, const void* packed, int count,
                 float* product, size_t stride) {
  MultiplyTiles<kTile>(kTiles, kColumnBlock, weights, first, last, packed, count, product, stride);
}

constexpr Kernel kKernel{"avx-vnni", kTile, kColumnBlock, Pack, MultiplyAll};

}  // namespace

const Kernel* AvxVnni() {
  return &kKernel;
}

}  // namespace guard::kernels

#else

namespace guard::kernels {
const Kernel* AvxVnni() {
  return nullptr;
}
}  // namespace guard::kernels

#endif
