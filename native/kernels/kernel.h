#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/panels.h"

namespace guard::kernels {

// One way to multiply a matrix with columns of f32, for CPUs with certain instructions: of Q8_0 (Kernel), f16
// or bf16, by what a panel's blocks are.
//
// Columns are rounded to Q8_0 as ggml does it, once for all rows: products differ from those of its own
// kernels by the order of additions alone (those for AMX: see there). They lie packed in
// tiles, which are what a kernel multiplies with a panel at a time: up to `tile` columns, of which it reads
// what it needs next from front to back. A value of a product is the same, to the last bit, however many
// columns there are: its terms are added in the same order.
template <typename Block>
struct KernelOf {
  const char* name;
  int tile;
  size_t column_block;  // bytes of one block of a column packed

  // Packs a column of `blocks` blocks as the one at `at` of the `width` columns of the tile `packed`.
  void (*pack)(const float* column, int64_t blocks, int width, int at, void* packed);

  // Products of the panels from `first` up to `last` with `count` columns packed. `product` is where the
  // first column's value for row 0 belongs; the next column's is `stride` values on.
  void (*multiply)(const WeightsOf<Block>& weights, int64_t first, int64_t last, const void* packed,
                   int count, float* product, size_t stride);
};
using Kernel = KernelOf<PanelBlock>;

// Null where its instructions were not compiled in.
const Kernel* Avx512Vnni();
const Kernel* AvxVnni();
const Kernel* Avx2();
// These are null too where the system keeps its tiles from this process.
const Kernel* Amx();
const KernelOf<BrainBlock>* AmxBrain();
const KernelOf<HalfBlock>* AmxHalf();

// The fastest of those for Q8_0 compiled in for so many columns, or null. All read the same panels.
const Kernel* Fastest(int64_t columns);

// Columns are cut into as few tiles as hold them, whose widths differ by one at most.
struct Cut {
  int count, tiles;
  Cut(int columns, int tile) : count(columns), tiles((columns + tile - 1) / tile) {}
  int begin(int tile) const { return static_cast<int>(int64_t{tile} * count / tiles); }
  int width(int tile) const { return begin(tile + 1) - begin(tile); }
  int TileOf(int column) const { return static_cast<int>(((int64_t{column} + 1) * tiles - 1) / count); }
};

// Bytes of columns packed.
template <typename Block>
size_t PackedBytes(const KernelOf<Block>& kernel, int64_t blocks, int64_t columns) {
  return static_cast<size_t>(blocks * columns) * kernel.column_block;
}

// Packs the columns from `first` up to `last` of `count` to where they belong in `packed`. `at(i)` is column
// i.
template <typename Block, typename At>
void PackColumns(const KernelOf<Block>& kernel, int64_t blocks, int count, int first, int last, void* packed,
                 At at) {
  const Cut cut(count, kernel.tile);
  for (int column = first; column < last; ++column) {
    const int tile = cut.TileOf(column), begin = cut.begin(tile);
    char* place = static_cast<char*>(packed) + PackedBytes(kernel, blocks, begin);
    kernel.pack(at(column), blocks, cut.width(tile), column - begin, place);
  }
}

}  // namespace guard::kernels
