// For CPUs with AVX2 alone. VPMADDUBSW adds two products in 16 bits, which values up to 255 overflow, so
// values are multiplied in 16 bits and summed in 32: those at even places and those at odd ones, which a mask
// and a shift take out of the dwords of a panel.
#include "kernels/tiles.h"

#if defined(QWEN3GUARD_EMULATED)
#include "kernels/emulated.h"
#elif defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(QWEN3GUARD_EMULATED) || defined(__AVX2__)

#include "kernels/rounding.h"

namespace guard::kernels {

namespace {

constexpr int kTile = 4;

// A block of a tile's columns, a value of each column beside the next one's: for each group the pair of even
// places and that of odd ones, in 16 bits; then a scale, and the sum to start from: -128 * sum of the values.
constexpr int kPairs = 2 * kGroups;
constexpr size_t kColumnBlock = (kPairs + 2) * sizeof(int32_t);

void Pack(const float* column, int64_t blocks, int width, int at, void* packed) {
  int32_t* to = static_cast<int32_t*>(packed) + at;
  for (int64_t l = 0; l < blocks; ++l, column += kBlock) {
    const RoundedBlock block = Round(column);
    alignas(32) int32_t even[kGroups], odd[kGroups];
    _mm256_store_si256(reinterpret_cast<__m256i*>(even),
                       _mm256_srai_epi16(_mm256_slli_epi16(block.values, 8), 8));
    _mm256_store_si256(reinterpret_cast<__m256i*>(odd), _mm256_srai_epi16(block.values, 8));
    for (int g = 0; g < kGroups; ++g) {
      *to = even[g];
      to += width;
      *to = odd[g];
      to += width;
    }
    std::memcpy(to, &block.scale, sizeof(float));
    to += width;
    *to = -128 * block.sum;
    to += width;
  }
}

// One or two columns are bound by memory: all 32 rows at a time read it from front to back. More are bound by
// registers: 16 rows and then the others.
template <int Width, int Fetches>
void Multiply(const PanelBlock* panels, int64_t blocks, const void* columns, float* product, size_t stride,
              const char* ahead) {
  constexpr int kParts = Width <= 2 ? 4 : 2;
  const __m256i mask = _mm256_set1_epi16(255);
  for (int first = 0; first < kPanelRows; first += 8 * kParts) {
    alignas(32) float sums[Width][8 * kParts] = {};
    const PanelBlock* panel = panels;
    const int32_t* column = static_cast<const int32_t*>(columns);
    for (int64_t l = 0; l < blocks; ++l, ++panel, column += (kPairs + 2) * Width) {
      if (first == 0) {
        QWEN3GUARD_UNROLL for (int i = 0; i < kFetches[Fetches]; ++i, ahead += kLine) {
          _mm_prefetch(ahead, _MM_HINT_T1);
        }
      }
      const int32_t* starts = column + (kPairs + 1) * Width;
      __m256i block[kParts][Width];
      QWEN3GUARD_UNROLL for (int m = 0; m < Width; ++m) {
        const __m256i start = _mm256_set1_epi32(starts[m]);
        QWEN3GUARD_UNROLL for (int p = 0; p < kParts; ++p) block[p][m] = start;
      }
      // Unrolled, GCC would compute all products before it adds them up, and keep them in memory.
      QWEN3GUARD_LOOP for (int g = 0; g < kGroups; ++g) {
        const auto* weights = reinterpret_cast<const __m256i*>(panel->values[g] + first);
        const int32_t* pairs = column + 2 * g * Width;
        __m256i even[kParts], odd[kParts];
        QWEN3GUARD_UNROLL for (int p = 0; p < kParts; ++p) {
          const __m256i rows = _mm256_load_si256(weights + p);
          even[p] = _mm256_and_si256(rows, mask);
          odd[p] = _mm256_srli_epi16(rows, 8);
        }
        QWEN3GUARD_UNROLL for (int m = 0; m < Width; ++m) {
          const __m256i evens = _mm256_set1_epi32(pairs[m]), odds = _mm256_set1_epi32(pairs[Width + m]);
          QWEN3GUARD_UNROLL for (int p = 0; p < kParts; ++p) {
            block[p][m] = _mm256_add_epi32(block[p][m], _mm256_madd_epi16(even[p], evens));
            block[p][m] = _mm256_add_epi32(block[p][m], _mm256_madd_epi16(odd[p], odds));
          }
        }
      }
      const float* scales = reinterpret_cast<const float*>(column + kPairs * Width);
      QWEN3GUARD_UNROLL for (int p = 0; p < kParts; ++p) {
        const auto* halves = reinterpret_cast<const __m128i*>(panel->scales + first + 8 * p);
        const __m256 rows = _mm256_cvtph_ps(_mm_load_si128(halves));
        QWEN3GUARD_UNROLL for (int m = 0; m < Width; ++m) {
          float* sum = sums[m] + 8 * p;
          const __m256 scale = _mm256_mul_ps(rows, _mm256_set1_ps(scales[m]));
          _mm256_store_ps(sum, _mm256_fmadd_ps(_mm256_cvtepi32_ps(block[p][m]), scale, _mm256_load_ps(sum)));
        }
      }
    }
    for (int m = 0; m < Width; ++m) {
      std::memcpy(product + static_cast<size_t>(m) * stride + first, sums[m], sizeof(sums[m]));
    }
  }
}

#define WIDTH(n) \
  { Multiply<n, 0>, Multiply<n, 1>, Multiply<n, 2>, Multiply<n, 3> }
constexpr TileFunction kTiles[kTile][4] = {WIDTH(1), WIDTH(2), WIDTH(3), WIDTH(4)};
#undef WIDTH

void MultiplyAll(const Weights& weights, int64_t first, int64_t last, const void* packed, int count,
                 float* product, size_t stride) {
  MultiplyTiles<kTile>(kTiles, kColumnBlock, weights, first, last, packed, count, product, stride);
}

constexpr Kernel kKernel{"avx2", kTile, kColumnBlock, Pack, MultiplyAll};

}  // namespace

const Kernel* Avx2() {
  return &kKernel;
}

}  // namespace guard::kernels

#else

namespace guard::kernels {
const Kernel* Avx2() {
  return nullptr;
}
}  // namespace guard::kernels

#endif
