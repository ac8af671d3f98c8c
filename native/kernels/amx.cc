// For CPUs with AMX's tiles of bf16, for many columns. Q8_0's scales, one for 32 values, keep its int8 tiles
// busy a quarter of the time; so a panel's weights are expanded to bf16 in the cache, scales and all, and the
// tile instruction adds everything up in f32. Columns are rounded to bf16 too: each value keeps 8 bits of its
// own, where Q8_0 gives 8 bits to the largest of 32.
//
// Few columns do not pay for the expanding: Fastest gives them to AVX-512 VNNI, which reads the same panels.
#include "kernels/amx-tiles.h"

namespace guard::kernels {

#if defined(QWEN3GUARD_TILES)

namespace {

struct Q8 {
  using Block = PanelBlock;
  static constexpr int kParts = 1;
  static constexpr bool kExpands = true;

  static void Expand(const PanelBlock& from, BrainBlock* to) {
    const __m512i mask = _mm512_set1_epi32(0x007f8000), base = _mm512_set1_epi32(0x43800000);
    for (int h = 0; h < kPanelRows / kTileRows; ++h) {
      const auto* halves = reinterpret_cast<const __m256i*>(from.scales + kTileRows * h);
      const __m512 scale = _mm512_cvtph_ps(_mm256_load_si256(halves));
      const __m512 offset = _mm512_mul_ps(scale, _mm512_set1_ps(-384.0f));
      // A stored value, 128 added, in the upper bits of a float's fraction makes it 256 + that. Exact: such a
      // product has 18 bits.
      const auto scaled = [&](__m512i shifted) {
        const __m512i bits = _mm512_ternarylogic_epi32(shifted, mask, base, 0xea);  // (a & b) | c
        return _mm512_fmadd_ps(_mm512_castsi512_ps(bits), scale, offset);
      };
      QWEN3GUARD_UNROLL for (int g = 0; g < kGroups; ++g) {
        const __m512i fours = _mm512_load_si512(from.values[g][kTileRows * h]);
        const __m512 first = scaled(_mm512_slli_epi32(fours, 15));
        const __m512 second = scaled(_mm512_slli_epi32(fours, 7));
        const __m512 third = scaled(_mm512_srli_epi32(fours, 1));
        const __m512 fourth = scaled(_mm512_srli_epi32(fours, 9));
        _mm512_store_si512(to->values[h][2 * g], BrainPairs(first, second));
        _mm512_store_si512(to->values[h][2 * g + 1], BrainPairs(third, fourth));
      }
    }
  }
};

constexpr Kernel kKernel = TileKernel<Q8>("amx-bf16");

}  // namespace

const Kernel* Amx() {
  return Tiles::Permitted() ? &kKernel : nullptr;
}

#else

const Kernel* Amx() {
  return nullptr;
}

#endif

}  // namespace guard::kernels
