#pragma once

// What all kernels do around their tiles.
#include <algorithm>
#include <cstring>

#include "kernels/kernel.h"

// Loops over a tile's registers, which one that is not unrolled would keep in memory; and those that are to
// stay loops.
#if defined(__GNUC__)
#define QWEN3GUARD_UNROLL _Pragma("GCC unroll 16")
#define QWEN3GUARD_LOOP _Pragma("GCC unroll 1")
#else
#define QWEN3GUARD_UNROLL
#define QWEN3GUARD_LOOP
#endif

namespace guard::kernels {

// Multiplies a panel with a tile of columns: `columns` as packed, values to `product` as in Kernel. `ahead`
// is what the next panel's part is that should come into the cache meanwhile.
using TileFunction = void (*)(const PanelBlock* panel, int64_t blocks, const void* columns, float* product,
                              size_t stride, const char* ahead);

// The lines of the next panel to fetch in each block of a tile, for a product of `tiles` tiles. The processor
// fetches ahead by itself where a panel is read once, and not while it is read again for the next tile.
constexpr int kFetches[] = {0, 6, 9, 17};
inline int FetchesFor(int tiles, int tile) {
  if (tiles == 1) return 3;
  if (tiles == 2) return 2;
  return tile < 3 ? 1 : 0;
}

// Kernel::multiply over the tile functions, by width - 1 and fetches.
template <int Tile>
void MultiplyTiles(const TileFunction (&functions)[Tile][4], size_t column_block, const Weights& weights,
                   int64_t first, int64_t last, const void* packed, int count, float* product,
                   size_t stride) {
  const Cut cut(count, Tile);
  for (int64_t panel = first; panel < last; ++panel) {
    const PanelBlock* blocks = weights.data + panel * weights.blocks;
    // Past the last panel it asks for what is not there, which does nothing.
    const char* next = reinterpret_cast<const char*>(blocks + weights.blocks);
    const int64_t row = panel * kPanelRows;
    const bool whole = row + kPanelRows <= weights.rows;
    for (int tile = 0; tile < cut.tiles; ++tile) {
      const int begin = cut.begin(tile), width = cut.width(tile);
      const char* columns =
          static_cast<const char*>(packed) + static_cast<size_t>(weights.blocks * begin) * column_block;
      const int fetches = FetchesFor(cut.tiles, tile);
      const TileFunction multiply = functions[width - 1][fetches];
      float* place = product + static_cast<size_t>(begin) * stride + row;
      if (whole) {
        multiply(blocks, weights.blocks, columns, place, stride, next);
      } else {
        float values[Tile * kPanelRows];
        multiply(blocks, weights.blocks, columns, values, kPanelRows, next);
        for (int i = 0; i < width; ++i) {
          std::memcpy(place + static_cast<size_t>(i) * stride, values + i * kPanelRows,
                      static_cast<size_t>(weights.rows - row) * sizeof(float));
        }
      }
      next += static_cast<size_t>(weights.blocks) * static_cast<size_t>(kFetches[fetches] * kLine);
    }
  }
}

}  // namespace guard::kernels
