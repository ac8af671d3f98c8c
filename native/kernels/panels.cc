#include "kernels/panels.h"

#include <algorithm>
#include <cstring>

namespace guard::kernels {

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
