#pragma once

// What the kernels for AMX use of <immintrin.h> beside the others, in plain C++. Tiles that are not as the
// processor wants them end the process, as they do there.
#include <cstdlib>

#include "kernels/emulated.h"

namespace guard::kernels {

using __m256bh = Lanes<uint16_t, 16>;

inline uint32_t BitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}
inline float FromBrain(uint16_t half) {
  const uint32_t bits = static_cast<uint32_t>(half) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// AVX-512
inline __m256bh _mm512_cvtneps_pbh(__m512 a) {
  return Each<__m256bh>([&](size_t i) {
    const uint32_t bits = BitsOf(a.lane[i]);
    return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
  });
}
inline __m512 _mm512_castsi512_ps(__m512i a) {
  return Load<__m512>(&a);
}
inline __m512i _mm512_castps_si512(__m512 a) {
  return Load<__m512i>(&a);
}
inline void _mm512_store_si512(void* to, __m512i value) {
  std::memcpy(to, &value, sizeof(value));
}
inline __m512 _mm512_sub_ps(__m512 a, __m512 b) {
  return Each<__m512>([&](size_t i) { return a.lane[i] - b.lane[i]; });
}
inline __m512i _mm512_and_si512(__m512i a, __m512i b) {
  return Each<__m512i>([&](size_t i) { return a.lane[i] & b.lane[i]; });
}
inline __m512i _mm512_cvtepu16_epi32(__m256i a) {
  return Each<__m512i>([&](size_t i) { return static_cast<int32_t>(Part<uint16_t>(a, i)); });
}
inline __m512i _mm512_slli_epi32(__m512i a, unsigned by) {
  return Each<__m512i>(
      [&](size_t i) { return static_cast<int32_t>(static_cast<uint32_t>(a.lane[i]) << by); });
}
inline __m512i _mm512_srli_epi32(__m512i a, unsigned by) {
  return Each<__m512i>(
      [&](size_t i) { return static_cast<int32_t>(static_cast<uint32_t>(a.lane[i]) >> by); });
}
// Of its functions (a & b) | c, the only use here.
inline __m512i _mm512_ternarylogic_epi32(__m512i a, __m512i b, __m512i c, int) {
  return Each<__m512i>([&](size_t i) { return (a.lane[i] & b.lane[i]) | c.lane[i]; });
}
inline __m512i _mm512_mask_blend_epi16(uint32_t mask, __m512i a, __m512i b) {
  uint16_t parts[32];
  for (size_t i = 0; i < 32; ++i) parts[i] = Part<uint16_t>((mask >> i & 1) != 0 ? b : a, i);
  return Load<__m512i>(parts);
}

// AMX
struct EmulatedTiles {
  uint8_t config[64] = {};
  char data[8][16][64] = {};

  size_t Rows(int tile) const { return config[48 + tile]; }
  size_t Bytes(int tile) const { return Part<uint16_t>(config, static_cast<size_t>(8 + tile)); }
  static void Want(bool right) {
    if (!right) std::abort();
  }
};
inline EmulatedTiles& TileState() {
  static thread_local EmulatedTiles state;
  return state;
}

inline void _tile_storeconfig(void* to) {
  std::memcpy(to, TileState().config, 64);
}
inline void _tile_loadconfig(const void* from) {
  EmulatedTiles& state = TileState();
  state = EmulatedTiles();
  std::memcpy(state.config, from, 64);
  if (state.config[0] == 0) {
    state = EmulatedTiles();
    return;
  }
  EmulatedTiles::Want(state.config[0] == 1 && state.config[1] == 0);
  for (int i = 2; i < 16; ++i) EmulatedTiles::Want(state.config[i] == 0);
  for (int tile = 0; tile < 8; ++tile) {
    const size_t rows = state.Rows(tile), bytes = state.Bytes(tile);
    EmulatedTiles::Want(rows <= 16 && bytes <= 64 && (rows == 0) == (bytes == 0));
  }
  for (int i = 32; i < 48; ++i) EmulatedTiles::Want(state.config[i] == 0);
  for (int i = 56; i < 64; ++i) EmulatedTiles::Want(state.config[i] == 0);
}
inline void _tile_zero(int tile) {
  EmulatedTiles::Want(TileState().Rows(tile) > 0);
  std::memset(TileState().data[tile], 0, sizeof(TileState().data[tile]));
}
inline void _tile_loadd(int tile, const void* from, size_t stride) {
  EmulatedTiles& state = TileState();
  _tile_zero(tile);
  for (size_t row = 0; row < state.Rows(tile); ++row) {
    std::memcpy(state.data[tile][row], static_cast<const char*>(from) + row * stride, state.Bytes(tile));
  }
}
inline void _tile_stored(int tile, void* to, size_t stride) {
  EmulatedTiles& state = TileState();
  EmulatedTiles::Want(state.Rows(tile) > 0);
  for (size_t row = 0; row < state.Rows(tile); ++row) {
    std::memcpy(static_cast<char*>(to) + row * stride, state.data[tile][row], state.Bytes(tile));
  }
}
// Each of the two sums of a row's pairs, from front to back, then both together to what was there (Intel SDM,
// TDPBF16PS). Products of bf16 are exact in f32.
inline void _tile_dpbf16ps(int sums, int a, int b) {
  EmulatedTiles& state = TileState();
  const size_t pairs = state.Bytes(a) / 4;
  EmulatedTiles::Want(state.Rows(sums) > 0 && state.Rows(sums) == state.Rows(a) && pairs == state.Rows(b) &&
                      state.Bytes(sums) == state.Bytes(b));
  for (size_t row = 0; row < state.Rows(sums); ++row) {
    for (size_t n = 0; n < state.Bytes(sums) / 4; ++n) {
      float parts[2] = {0, 0};
      for (size_t k = 0; k < pairs; ++k) {
        for (size_t i = 0; i < 2; ++i) {
          const float left = FromBrain(Part<uint16_t>(state.data[a][row], 2 * k + i));
          parts[i] += left * FromBrain(Part<uint16_t>(state.data[b][k], 2 * n + i));
        }
      }
      char* at = state.data[sums][row] + 4 * n;
      float sum;
      std::memcpy(&sum, at, sizeof(sum));
      sum += parts[0] + parts[1];
      std::memcpy(at, &sum, sizeof(sum));
    }
  }
}

}  // namespace guard::kernels
