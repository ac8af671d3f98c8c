#pragma once

#include <cstddef>
#include <cstdint>

namespace guard::kernels {

// Q8_0: rows of blocks of 32 signed values with a scale.
constexpr int kBlock = 32;
struct Q8Block {
  uint16_t scale;  // f16
  int8_t values[kBlock];
};
static_assert(sizeof(Q8Block) == 34, "as ggml's block_q8_0");

// Weights of a Q8_0 matrix as all kernels here read them. A panel is 32 rows, block after block, so that
// whoever multiplies it reads memory from front to back. Four values of a row lie side by side, which is what
// VPDPBUSD sums up. It wants one factor without a sign: the values are stored with 128 added, and the kernels
// take 128 times the sum of the other factor's values away.
constexpr int kPanelRows = 32;
constexpr int kGroups = kBlock / 4;
struct PanelBlock {
  uint8_t values[kGroups][kPanelRows][4];
  uint16_t scales[kPanelRows];  // f16
};
// Whole cache lines, as many bytes as in Q8_0.
constexpr int kLine = 64, kBlockLines = 17;
static_assert(sizeof(PanelBlock) == kBlockLines * kLine &&
              sizeof(PanelBlock) == kPanelRows * sizeof(Q8Block));

// Weights in bf16, as the tile instruction of AMX wants its second factor: 16 rows at a time, two values of a
// row side by side, the next row's beside them.
constexpr int kTileRows = 16, kTilePairs = kBlock / 2;
struct BrainBlock {
  uint16_t values[kPanelRows / kTileRows][kTilePairs][kTileRows][2];
};

// Weights in f16, which become the same: 16 rows' first values, then their second ones.
struct HalfBlock {
  uint16_t values[kPanelRows / kTileRows][kTilePairs][2][kTileRows];
};
static_assert(sizeof(BrainBlock) == kBlock * kPanelRows * sizeof(uint16_t), "no byte more than in the file");
static_assert(sizeof(HalfBlock) == sizeof(BrainBlock));

// A matrix rearranged. What the last panel has beyond its rows is 0.
template <typename Block>
struct WeightsOf {
  const Block* data;     // [panels][blocks], aligned to 64
  int64_t rows, blocks;  // blocks of a row
};
using Weights = WeightsOf<PanelBlock>;

constexpr int64_t Panels(int64_t rows) {
  return (rows + kPanelRows - 1) / kPanelRows;
}

// Bytes of a matrix rearranged.
template <typename Block = PanelBlock>
constexpr size_t PanelBytes(int64_t rows, int64_t blocks) {
  return static_cast<size_t>(Panels(rows) * blocks) * sizeof(Block);
}

// Rearranges a matrix, row after row, into `data`.
void Rearrange(const Q8Block* source, int64_t rows, int64_t blocks, PanelBlock* data);
void Rearrange(const uint16_t* source, int64_t rows, int64_t blocks, BrainBlock* data);
void Rearrange(const uint16_t* source, int64_t rows, int64_t blocks, HalfBlock* data);

}  // namespace guard::kernels
