// Multiplies random matrices by every kernel compiled in and compares with double precision; kernels.test.ts compiles it for
// CPUs of all kinds and as plain C++. Argument: how many shapes. Prints one line of JSON for each kernel.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "kernels/kernel.h"

namespace {

using namespace guard::kernels;

// The same numbers everywhere.
struct Random {
  uint32_t state;
  uint32_t Next() {
    state = state * 1664525u + 1013904223u;
    return state >> 8;
  }
  int To(int most) { return 1 + static_cast<int>(Next() % static_cast<uint32_t>(most)); }
  float Value() { return static_cast<float>(Next()) / 8388608.0f - 1.0f; }  // from -1 to 1
};

// A normal f16 and what it says.
uint16_t Half(Random& random, double& value) {
  const int exponent = 5 + random.To(10), fraction = static_cast<int>(random.Next() & 1023);
  value = std::ldexp(1024.0 + fraction, exponent - 25);
  return static_cast<uint16_t>(exponent << 10 | fraction);
}

double NearestHalf(double value) {
  if (value == 0) return 0;
  const int exponent = std::max(std::ilogb(value), -14);
  return std::ldexp(std::nearbyint(std::ldexp(value, 10 - exponent)), exponent - 10);
}

struct Worst {
  double sums = 0;      // of |value - exact of what was rounded|, in units of what f32 sums may be off
  double rounding = 0;  // of |value - exact of what was given|, in units of what rounding may change
  bool same = true;     // one column gives the bits that many give
  bool within = true;   // nothing is written beside the product
};

// Multiplies matrices of random shape; the tails of panels and tiles come up by themselves.
void Check(const Kernel& kernel, int rows, int blocks, int count, Random random, Worst& worst) {
  const auto cells = static_cast<size_t>(rows * blocks);
  std::vector<Q8Block> matrix(cells);
  std::vector<double> row_scales(cells);
  for (size_t i = 0; i < cells; ++i) {
    matrix[i].scale = Half(random, row_scales[i]);
    for (int8_t& value : matrix[i].values) value = static_cast<int8_t>(random.Next() % 255) - 127;
  }
  const size_t length = static_cast<size_t>(blocks) * kBlock;
  std::vector<float> columns(static_cast<size_t>(count) * length);
  for (size_t block = 0; block < columns.size() / kBlock; ++block) {
    // Blocks of all sizes; one in nine is 0.
    const float size = block % 9 == 4 ? 0.0f : std::ldexp(1.0f, random.To(14) - 7);
    for (int i = 0; i < kBlock; ++i) columns[block * kBlock + static_cast<size_t>(i)] = random.Value() * size;
  }

  std::vector<PanelBlock> aligned(PanelBytes(rows, blocks) / sizeof(PanelBlock) + 1);
  void* place = aligned.data();
  size_t room = aligned.size() * sizeof(PanelBlock);
  auto* panels = static_cast<PanelBlock*>(std::align(kLine, PanelBytes(rows, blocks), place, room));
  Rearrange(matrix.data(), rows, blocks, panels);
  const Weights weights{panels, rows, blocks};

  const auto multiply = [&](const float* from, int many, float* product, size_t stride) {
    std::vector<char> packed(PackedBytes(kernel, blocks, many));
    // As threads do: some each, in any order.
    const int middle = many / 2;
    const auto at = [&](int i) { return from + static_cast<size_t>(i) * length; };
    PackColumns(kernel, blocks, many, middle, many, packed.data(), at);
    PackColumns(kernel, blocks, many, 0, middle, packed.data(), at);
    const int64_t half = Panels(rows) / 2;
    kernel.multiply(weights, half, Panels(rows), packed.data(), many, product, stride);
    kernel.multiply(weights, 0, half, packed.data(), many, product, stride);
  };
  const size_t stride = static_cast<size_t>(rows) + 3;
  const float untouched = 12345.0f;
  std::vector<float> product(static_cast<size_t>(count) * stride, untouched);
  multiply(columns.data(), count, product.data(), stride);

  std::vector<double> steps(static_cast<size_t>(blocks));
  std::vector<int> rounded(length);
  std::vector<float> alone(static_cast<size_t>(rows));
  for (int c = 0; c < count; ++c) {
    const float* column = columns.data() + static_cast<size_t>(c) * length;
    for (int l = 0; l < blocks; ++l) {
      float most = 0;
      for (int i = 0; i < kBlock; ++i) most = std::max(most, std::fabs(column[l * kBlock + i]));
      const float inverse = most > 0 ? 127.0f / most : 0.0f;
      steps[static_cast<size_t>(l)] = NearestHalf(most / 127.0f);
      for (int i = l * kBlock; i < (l + 1) * kBlock; ++i) {
        rounded[static_cast<size_t>(i)] = static_cast<int>(std::nearbyint(column[i] * inverse));
      }
    }
    const float* values = product.data() + static_cast<size_t>(c) * stride;
    for (int r = 0; r < rows; ++r) {
      double exact = 0, given = 0, sizes = 0, room_for_rounding = 0;
      for (int l = 0; l < blocks; ++l) {
        const Q8Block& block = matrix[static_cast<size_t>(r * blocks + l)];
        const double scale = row_scales[static_cast<size_t>(r * blocks + l)];
        const double step = steps[static_cast<size_t>(l)];
        int dot = 0;
        for (int i = 0; i < kBlock; ++i) {
          const auto at = static_cast<size_t>(l * kBlock + i);
          dot += block.values[i] * rounded[at];
          given += scale * block.values[i] * column[at];
          // Half a step, and what its f16 is off by, 127 steps on.
          room_for_rounding += scale * std::abs(block.values[i]) * step * (0.5 + 127.0 / 2048 + 0.001);
        }
        exact += scale * step * dot;
        sizes += std::fabs(scale * step * dot);
      }
      // Each of the terms is rounded twice, and so is each sum on the way: (1 + u)^(blocks + 2).
      const double room_for_sums = sizes * std::ldexp(blocks + 2.0, -24) * 1.001;
      if (exact != values[r]) worst.sums = std::max(worst.sums, std::fabs(values[r] - exact) / room_for_sums);
      if (given != values[r]) {
        const double off = std::fabs(values[r] - given);
        worst.rounding = std::max(worst.rounding, off / (room_for_rounding + room_for_sums));
      }
    }
    for (size_t i = static_cast<size_t>(rows); i < stride; ++i) worst.within &= values[i] == untouched;
    if (c % 7 == 0) {
      multiply(column, 1, alone.data(), alone.size());
      worst.same &= std::memcmp(alone.data(), values, alone.size() * sizeof(float)) == 0;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int shapes = argc > 1 ? std::atoi(argv[1]) : 20;
  for (const Kernel* kernel : {Avx512Vnni(), AvxVnni(), Avx2()}) {
    if (kernel == nullptr) continue;
    Worst worst;
    Random random{20};
    for (int rows : {1, 31, 32, 33}) {
      for (int columns = 1; columns <= 18; ++columns) Check(*kernel, rows, 2, columns, random, worst);
    }
    for (int i = 0; i < shapes; ++i) {
      const int rows = random.To(150), blocks = random.To(9), columns = random.To(600);
      Check(*kernel, rows, blocks, i % 2 ? columns : 1 + columns / 20, Random{random.Next()}, worst);
    }
    Check(*kernel, 70, 96, 40, random, worst);
    std::printf("{\"kernel\":\"%s\",\"sums\":%.4f,\"rounding\":%.4f,\"same\":%s,\"within\":%s}\n", kernel->name,
                worst.sums, worst.rounding, worst.same ? "true" : "false", worst.within ? "true" : "false");
  }
  return 0;
}
