#include "kernels/panels.h"

#include <algorithm>
#include <cstring>

namespace guard::kernels {

namespace {

// Rearranges numbers of 16 bits: `place` says where a row's i-th value lies in a block.
template <typename Block, typename Place>
void RearrangeEach(const uint16_t* source, int64_t rows, int64_t blocks, Block* data, Place place) {
  for (int64_t first = 0; first < rows; first += kPanelRows) {
    const int count = static_cast<int>(std::min<int64_t>(kPanelRows, rows - first));
    for (int64_t l = 0; l < blocks; ++l, ++data) {
      if (count < kPanelRows) std::memset(data, 0, sizeof(*data));
      for (int row = 0; row < count; ++row) {
        const uint16_t* from = source + ((first + row) * blocks + l) * kBlock;
        for (int i = 0; i < kBlock; ++i) place(*data, row, i) = from[i];
      }
    }
  }
}

}  // namespace

void Rearrange(const uint16_t* source, int64_t rows, int64_t blocks, BrainBlock* data) {
  RearrangeEach(source, rows, blocks, data, [](BrainBlock& block, int row, int i) -> uint16_t& {
    return block.values[row / kTileRows][i / 2][row % kTileRows][i % 2];
  });
}

void Rearrange(const uint16_t* source, int64_t rows, int64_t blocks, HalfBlock* data) {
  RearrangeEach(source, rows, blocks, data, [](HalfBlock& block, int row, int i) -> uint16_t& {
    return block.values[row / kTileRows][i / 2][i % 2][row % kTileRows];
  });
}

void Rearrange(const Q8Block* source, int64_t rows, int64_t blocks, PanelBlock* data) {
  for (int64_t first = 0; first < rows; first += kPanelRows) {
    const int count = static_cast<int>(std::min<int64_t>(kPanelRows, rows - first));
    for (int64_t l = 0; l < blocks; ++l, ++data) {
      if (count < kPanelRows) std::memset(data, 0, sizeof(*data));
      for (int row = 0; row < count; ++row) {
        const Q8Block& block = source[(first + row) * blocks + l];
        data->scales[row] = block.scale;
        for (int g = 0; g < kGroups; ++g) {
          uint32_t four;
          std::memcpy(&four, block.values + 4 * g, sizeof(four));
          four ^= 0x80808080u;  // adds 128 to each
          std::memcpy(data->values[g][row], &four, sizeof(four));
        }
      }
    }
  }
}

}  // namespace guard::kernels
