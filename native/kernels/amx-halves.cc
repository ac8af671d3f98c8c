// For CPUs with AMX, matrices in bf16 and f16, for any number of columns: a value is the same, to the last
// bit, whatever is computed beside it.
//
// bf16 goes to the tiles as it is, with columns rounded to bf16, as ggml rounds them too. f16 has three bits
// more than bf16: each value becomes the sum of two bf16, which is exact, and so do columns, to 2^-16 of a
// value. Of the four products that of both second parts, 2^-16 of the whole at most, is left out: three
// products by tiles are as exact as one of f32 needs to be beside an f16 cache, and still faster than f32's
// own.
#include "kernels/amx-tiles.h"

namespace guard::kernels {

#if defined(QWEN3GUARD_TILES)

namespace {

struct Brain {
  using Block = BrainBlock;
  static constexpr int kParts = 1;
  static constexpr bool kExpands = false;
};

struct Half {
  using Block = HalfBlock;
  static constexpr int kParts = 2;
  static constexpr bool kExpands = true;

  static void Expand(const HalfBlock& from, BrainBlock* to) {
    const __m512i half = _mm512_set1_epi32(0x8000), upper = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
    const auto values = [](const uint16_t* halves) {
      return _mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(halves)));
    };
    // What the nearest bf16 lacks of a value.
    const auto rest = [&](__m512 value) {
      const __m512i bits = _mm512_add_epi32(_mm512_castps_si512(value), half);
      return _mm512_sub_ps(value, _mm512_castsi512_ps(_mm512_and_si512(bits, upper)));
    };
    for (int h = 0; h < kPanelRows / kTileRows; ++h) {
      for (int pair = 0; pair < kTilePairs; ++pair) {
        const __m512 first = values(from.values[h][pair][0]), second = values(from.values[h][pair][1]);
        _mm512_store_si512(to[0].values[h][pair], BrainPairs(first, second));
        _mm512_store_si512(to[1].values[h][pair], BrainPairs(rest(first), rest(second)));
      }
    }
  }
};

constexpr KernelOf<BrainBlock> kBrain = TileKernel<Brain>("amx-bf16-weights");
constexpr KernelOf<HalfBlock> kHalf = TileKernel<Half>("amx-f16-weights");

}  // namespace

const KernelOf<BrainBlock>* AmxBrain() {
  return Tiles::Permitted() ? &kBrain : nullptr;
}
const KernelOf<HalfBlock>* AmxHalf() {
  return Tiles::Permitted() ? &kHalf : nullptr;
}

#else

const KernelOf<BrainBlock>* AmxBrain() {
  return nullptr;
}
const KernelOf<HalfBlock>* AmxHalf() {
  return nullptr;
}

#endif

}  // namespace guard::kernels
