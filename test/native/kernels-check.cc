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

// To the 8 bits of bf16, whose range is wider than these numbers'. Columns are rounded to even where two are as
// near, weights away from 0.
template <typename Round>
double NearestBrain(double value, Round round) {
  if (value == 0) return 0;
  const int exponent = std::ilogb(value);
  return std::ldexp(round(std::ldexp(value, 7 - exponent)), exponent - 7);
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

// What a product's value is made of, in double precision.
struct Terms {
  double exact = 0, given = 0;       // of what was rounded as the kernel does it, of what was given
  double sums = 0, rounding = 0;     // what f32 sums may be off, what rounding may change
};

// Columns in Q8_0.
struct BySteps {
  std::vector<double> steps;
  std::vector<int> rounded;

  BySteps(const float* column, int blocks) : rounded(static_cast<size_t>(blocks) * kBlock) {
    for (int l = 0; l < blocks; ++l) {
      float most = 0;
      for (int i = 0; i < kBlock; ++i) most = std::max(most, std::fabs(column[l * kBlock + i]));
      const float inverse = most > 0 ? 127.0f / most : 0.0f;
      steps.push_back(NearestHalf(most / 127.0f));
      for (int i = l * kBlock; i < (l + 1) * kBlock; ++i) {
        rounded[static_cast<size_t>(i)] = static_cast<int>(std::nearbyint(column[i] * inverse));
      }
    }
  }

  Terms Of(const Q8Block* row, const double* scales, const float* column) const {
    Terms terms;
    double sizes = 0;
    for (size_t l = 0; l < steps.size(); ++l) {
      int dot = 0;
      for (size_t i = 0; i < kBlock; ++i) {
        const size_t at = l * kBlock + i;
        dot += row[l].values[i] * rounded[at];
        terms.given += scales[l] * row[l].values[i] * column[at];
        // Half a step, and what its f16 is off by, 127 steps on.
        terms.rounding += scales[l] * std::abs(row[l].values[i]) * steps[l] * (0.5 + 127.0 / 2048 + 0.001);
      }
      terms.exact += scales[l] * steps[l] * dot;
      sizes += std::fabs(scales[l] * steps[l] * dot);
    }
    // Each of the terms is rounded twice, and so is each sum on the way: (1 + u)^(blocks + 2).
    terms.sums = sizes * std::ldexp(static_cast<double>(steps.size()) + 2.0, -24) * 1.001;
    return terms;
  }
};

// Columns and weights in bf16: each product is exact in f32, 16 of them are added up in two sums, both of these, and
// that of each block.
Terms InBrain(const double* row, const float* column, int blocks, bool weights_rounded) {
  Terms terms;
  double sizes = 0;
  for (int i = 0; i < blocks * kBlock; ++i) {
    const double weight = row[i], value = column[i];
    const double left = NearestBrain(weight, [](double x) { return std::round(x); });
    const double product = left * NearestBrain(value, [](double x) { return std::nearbyint(x); });
    terms.exact += product;
    terms.given += weight * value;
    sizes += std::fabs(product);
    // Half of the last of 8 bits, of both or of the column's value alone.
    terms.rounding += std::fabs(weight * value) *
                      (weights_rounded ? std::ldexp(1.0, -7) + std::ldexp(1.0, -16) : std::ldexp(1.0, -8));
  }
  terms.sums = sizes * std::ldexp(kBlock / 2 + 1.0 + blocks, -24) * 1.001;
  return terms;
}

// Both as sums of two bf16, without the product of both second ones.
Terms InTwo(const double* row, const float* column, int blocks) {
  Terms terms;
  double sizes = 0;
  for (int i = 0; i < blocks * kBlock; ++i) {
    const double weight = row[i], value = column[i];
    const auto even = [](double x) { return std::nearbyint(x); };
    const double left = NearestBrain(weight, [](double x) { return std::round(x); }), right = NearestBrain(value, even);
    const double products[] = {left * right, left * NearestBrain(value - right, even), (weight - left) * right};
    for (double product : products) {
      terms.exact += product;
      sizes += std::fabs(product);
    }
    terms.given += weight * value;
    // What the column's value lacks, and the product that is left out.
    terms.rounding += std::fabs(weight * value) * (std::ldexp(1.0, -15) + std::ldexp(1.0, -23));
  }
  terms.sums = sizes * std::ldexp(kBlock / 2 + 1.0 + 3 * blocks, -24) * 1.001;
  return terms;
}

// Random matrices as a file has them, what they say, and what their products with a column are made of.
template <typename Block>
struct Matrix;

template <>
struct Matrix<PanelBlock> {
  std::vector<Q8Block> source;
  std::vector<double> values, scales;
  int blocks;

  Matrix(int rows, int row_blocks, Random& random) : source(static_cast<size_t>(rows * row_blocks)), blocks(row_blocks) {
    for (Q8Block& block : source) {
      double scale;
      block.scale = Half(random, scale);
      scales.push_back(scale);
      for (int8_t& value : block.values) {
        value = static_cast<int8_t>(random.Next() % 255) - 127;
        values.push_back(scale * value);
      }
    }
  }

  // How a kernel's products with a column are looked at.
  auto With(const Kernel& kernel, const float* column) const {
    const bool brain = std::strcmp(kernel.name, "amx-bf16") == 0;
    return [=, this_ = this, by_steps = BySteps(column, blocks)](int row) {
      const size_t first = static_cast<size_t>(row * this_->blocks);
      return brain ? InBrain(this_->values.data() + first * kBlock, column, this_->blocks, true)
                   : by_steps.Of(this_->source.data() + first, this_->scales.data() + first, column);
    };
  }
};

template <typename Block>
struct Words {
  std::vector<uint16_t> source;
  std::vector<double> values;
  int blocks;
  const double* Row(int row) const { return values.data() + static_cast<size_t>(row * blocks) * kBlock; }
};

template <>
struct Matrix<BrainBlock> : Words<BrainBlock> {
  Matrix(int rows, int row_blocks, Random& random) {
    blocks = row_blocks;
    for (int i = 0; i < rows * blocks * kBlock; ++i) {
      const int exponent = 110 + random.To(20), fraction = static_cast<int>(random.Next() & 127);
      const bool negative = (random.Next() & 1) != 0;
      source.push_back(static_cast<uint16_t>((negative ? 0x8000 : 0) | exponent << 7 | fraction));
      values.push_back(std::ldexp(128.0 + fraction, exponent - 134) * (negative ? -1 : 1));
    }
  }
  auto With(const KernelOf<BrainBlock>&, const float* column) const {
    return [this, column](int row) { return InBrain(Row(row), column, blocks, false); };
  }
};

template <>
struct Matrix<HalfBlock> : Words<HalfBlock> {
  Matrix(int rows, int row_blocks, Random& random) {
    blocks = row_blocks;
    for (int i = 0; i < rows * blocks * kBlock; ++i) {
      double value;
      uint16_t half = Half(random, value);
      if (random.Next() % 16 == 0) {  // what f16 has too few bits for
        half &= 1023;
        value = std::ldexp(half, -24);
      }
      const bool negative = (random.Next() & 1) != 0;
      source.push_back(static_cast<uint16_t>((negative ? 0x8000 : 0) | half));
      values.push_back(negative ? -value : value);
    }
  }
  auto With(const KernelOf<HalfBlock>&, const float* column) const {
    return [this, column](int row) { return InTwo(Row(row), column, blocks); };
  }
};

// Multiplies matrices of random shape; the tails of panels and tiles come up by themselves.
template <typename Block>
void Check(const KernelOf<Block>& kernel, int rows, int blocks, int count, Random random, Worst& worst) {
  const Matrix<Block> matrix(rows, blocks, random);
  const size_t length = static_cast<size_t>(blocks) * kBlock;
  std::vector<float> columns(static_cast<size_t>(count) * length);
  for (size_t block = 0; block < columns.size() / kBlock; ++block) {
    // Blocks of all sizes; one in nine is 0.
    const float size = block % 9 == 4 ? 0.0f : std::ldexp(1.0f, random.To(14) - 7);
    for (int i = 0; i < kBlock; ++i) columns[block * kBlock + static_cast<size_t>(i)] = random.Value() * size;
  }

  const size_t bytes = PanelBytes<Block>(rows, blocks);
  std::vector<char> aligned(bytes + kLine);
  void* place = aligned.data();
  size_t room = aligned.size();
  auto* panels = static_cast<Block*>(std::align(kLine, bytes, place, room));
  Rearrange(matrix.source.data(), rows, blocks, panels);
  const WeightsOf<Block> weights{panels, rows, blocks};

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

  std::vector<float> alone(static_cast<size_t>(rows));
  for (int c = 0; c < count; ++c) {
    const float* column = columns.data() + static_cast<size_t>(c) * length;
    const auto terms_of = matrix.With(kernel, column);
    const float* values = product.data() + static_cast<size_t>(c) * stride;
    for (int r = 0; r < rows; ++r) {
      const Terms terms = terms_of(r);
      const double off = std::fabs(values[r] - terms.exact), all = std::fabs(values[r] - terms.given);
      if (off > 0) worst.sums = std::max(worst.sums, off / terms.sums);
      if (all > 0) worst.rounding = std::max(worst.rounding, all / (terms.rounding + terms.sums));
    }
    for (size_t i = static_cast<size_t>(rows); i < stride; ++i) worst.within &= values[i] == untouched;
    if (c % 7 == 0) {
      multiply(column, 1, alone.data(), alone.size());
      worst.same &= std::memcmp(alone.data(), values, alone.size() * sizeof(float)) == 0;
    }
  }
}

// Many shapes; a line of what was worst.
template <typename Block>
void CheckAll(const KernelOf<Block>* kernel, int shapes) {
  if (kernel == nullptr) return;
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

}  // namespace

int main(int argc, char** argv) {
  const int shapes = argc > 1 ? std::atoi(argv[1]) : 20;
  for (const Kernel* kernel : {Amx(), Avx512Vnni(), AvxVnni(), Avx2()}) CheckAll(kernel, shapes);
  CheckAll(AmxBrain(), shapes);
  CheckAll(AmxHalf(), shapes);
  return 0;
}
