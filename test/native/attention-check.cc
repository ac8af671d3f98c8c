// Computes attention of random shapes by our kernel and in double precision; kernels.test.ts compiles it as kernels-check.cc.
// Prints one line of JSON.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "kernels/attention.h"

namespace {

using namespace guard::kernels;

struct Random {
  uint32_t state;
  uint32_t Next() {
    state = state * 1664525u + 1013904223u;
    return state >> 8;
  }
  int To(int most) { return 1 + static_cast<int>(Next() % static_cast<uint32_t>(most)); }
};

// A normal f16 from -4 to 4, and what it says.
uint16_t Half(Random& random, double& value) {
  const int exponent = 9 + random.To(7), fraction = static_cast<int>(random.Next() & 1023);
  const bool negative = (random.Next() & 1) != 0;
  value = std::ldexp(1024.0 + fraction, exponent - 25) * (negative ? -1 : 1);
  return static_cast<uint16_t>(exponent << 10 | fraction | (negative ? 0x8000 : 0));
}

enum class Sight { kAll, kPast, kOwn };  // every cell; those up to its own; cells here and there, for some queries none

// The furthest that a value is off, in parts of the largest that values of cells go to.
double Check(int length, int queries, int key_heads, int group, int streams, int cells, Sight sight, Random random) {
  const int heads = key_heads * group;
  const auto size = [](int a, int b, int c, int d) {
    return static_cast<size_t>(a) * static_cast<size_t>(b) * static_cast<size_t>(c) * static_cast<size_t>(d);
  };
  // As llama.cpp lays them out: a cell's heads side by side.
  std::vector<float> query(size(length, heads, queries, streams));
  for (float& value : query) value = static_cast<float>(random.Next()) / 4194304.0f - 2.0f;
  std::vector<uint16_t> keys(size(length, key_heads, cells, streams)), values(keys.size());
  std::vector<double> exact_keys(keys.size()), exact_values(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    keys[i] = Half(random, exact_keys[i]);
    values[i] = Half(random, exact_values[i]);
  }
  std::vector<uint16_t> mask(size(cells, queries, streams, 1));
  for (size_t i = 0; i < mask.size(); ++i) {
    const int cell = static_cast<int>(i % static_cast<size_t>(cells));
    const int asks = static_cast<int>(i / static_cast<size_t>(cells) % static_cast<size_t>(queries));
    bool seen = true;
    if (sight == Sight::kPast) seen = cell <= cells - queries + asks;
    if (sight == Sight::kOwn) seen = asks % 5 != 3 && cell / 50 % 3 == asks % 3;
    mask[i] = seen ? 0 : 0xfc00;
  }
  std::vector<float> output(size(length, heads, queries, streams), NAN);

  Attention attention;
  attention.threads = 1;
  attention.length = length;
  attention.queries = queries;
  attention.heads = heads;
  attention.key_heads = key_heads;
  attention.streams = streams;
  attention.cells = cells;
  attention.scale = 1.0f / std::sqrt(static_cast<float>(length));
  const auto row = size(length, 1, 1, 1);
  const auto vectors = [&](const auto& data, int many, int rows) {
    const size_t bytes = sizeof(data[0]);
    return Attention::Vectors{reinterpret_cast<const char*>(data.data()), row * size(many, 1, 1, 1) * bytes,
                              row * bytes, row * size(many, rows, 1, 1) * bytes};
  };
  attention.query = vectors(query, heads, queries);
  attention.key = vectors(keys, key_heads, cells);
  attention.value = vectors(values, key_heads, cells);
  attention.mask = reinterpret_cast<const char*>(mask.data());
  attention.mask_row = size(cells, 2, 1, 1);
  attention.mask_stream = size(cells, queries, 2, 1);
  attention.positions = nullptr;
  attention.output = output.data();
  std::vector<float> scratch(AttentionScratch(attention));
  for (int piece = AttentionPieces(attention) - 1; piece >= 0; --piece) Attend(attention, piece, scratch.data());

  // Pieces are smaller where more threads share them; what comes of them is not another.
  std::vector<float> shared(output.size(), NAN);
  attention.threads = 64;
  attention.output = shared.data();
  for (int piece = AttentionPieces(attention) - 1; piece >= 0; --piece) Attend(attention, piece, scratch.data());
  double worst = std::memcmp(shared.data(), output.data(), output.size() * sizeof(float)) == 0 ? 0 : INFINITY;
  std::vector<double> weights(static_cast<size_t>(cells));
  for (int s = 0; s < streams; ++s) {
    for (int q = 0; q < queries; ++q) {
      for (int h = 0; h < heads; ++h) {
        const auto at = [&](int cell) {
          return ((static_cast<size_t>(s) * static_cast<size_t>(cells) + static_cast<size_t>(cell)) *
                      static_cast<size_t>(key_heads) +
                  static_cast<size_t>(h / group)) *
                 row;
        };
        const size_t own = ((static_cast<size_t>(s) * static_cast<size_t>(queries) + static_cast<size_t>(q)) *
                                static_cast<size_t>(heads) +
                            static_cast<size_t>(h)) *
                           row;
        const uint16_t* seen = mask.data() + (static_cast<size_t>(s) * static_cast<size_t>(queries) +
                                              static_cast<size_t>(q)) *
                                                 static_cast<size_t>(cells);
        double most = -INFINITY, sum = 0;
        for (int cell = 0; cell < cells; ++cell) {
          double dot = -INFINITY;
          if (seen[cell] == 0) {
            dot = 0;
            for (size_t i = 0; i < row; ++i) dot += static_cast<double>(query[own + i]) * exact_keys[at(cell) + i];
            dot *= attention.scale;
          }
          weights[static_cast<size_t>(cell)] = dot;
          most = std::max(most, dot);
        }
        for (double& weight : weights) sum += weight = weight == -INFINITY ? 0 : std::exp(weight - most);
        for (size_t i = 0; i < row; ++i) {
          double exact = 0;
          for (int cell = 0; cell < cells; ++cell) {
            exact += weights[static_cast<size_t>(cell)] * exact_values[at(cell) + i];
          }
          if (sum > 0) exact /= sum;
          const double off = std::fabs(output[own + i] - exact) / 4;
          worst = std::isfinite(off) ? std::max(worst, off) : INFINITY;
        }
      }
    }
  }
  return worst;
}

}  // namespace

int main(int argc, char** argv) {
  const int shapes = argc > 1 ? std::atoi(argv[1]) : 20;
  if (!HasAttention()) return 0;
  double worst = 0;
  Random random{7};
  for (int i = 0; i < shapes; ++i) {
    const int length = i % 3 == 0 ? 128 : 16 * random.To(8), queries = i % 2 == 0 ? random.To(5) : random.To(90);
    const int key_heads = random.To(3), group = random.To(3), streams = random.To(3);
    const int cells = 64 * ((queries + 63) / 64 + random.To(4) - 1);
    const Sight sight = i % 4 == 0 ? Sight::kAll : i % 4 == 3 ? Sight::kOwn : Sight::kPast;
    worst = std::max(worst, Check(length, queries, key_heads, group, streams, cells, sight, Random{random.Next()}));
  }
  worst = std::max(worst, Check(128, 7, 1, 2, 1, 1088, Sight::kPast, random));
  // Many streams with few queries: pieces of two heads of keys, and of four.
  for (Sight sight : {Sight::kPast, Sight::kOwn}) {
    worst = std::max(worst, Check(48, 1, 4, 2, 9, 192, sight, Random{random.Next()}));
    worst = std::max(worst, Check(144, 2, 4, 2, 17, 128, sight, Random{random.Next()}));
    worst = std::max(worst, Check(16, 3, 4, 1, 17, 64, sight, Random{random.Next()}));
  }
  std::printf("{\"worst\":%.3g}\n", worst);
  return 0;
}
