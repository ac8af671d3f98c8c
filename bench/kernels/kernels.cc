// How fast a kernel for Q8_0 multiplies, by shape: kernels NAME [short | unit]. Prints lines of JSON: what the unit and the memory can
// do, then each shape's best of some rounds.
#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "kernels/kernel.h"

namespace {

using namespace guard::kernels;
using Clock = std::chrono::steady_clock;

double Since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The seconds of the best of some rounds.
template <typename Work>
double Best(int rounds, Work work) {
  double best = 1e9;
  for (int i = 0; i < rounds; ++i) {
    const auto started = Clock::now();
    work();
    best = std::min(best, Since(started));
  }
  return best;
}

// Multiply-adds a second of the instruction that the kernel consists of, with nothing to load. Variables of their own, for an
// array would be kept in memory.
template <typename Vector, typename Step>
double Peak(int rounds, int values, Step step) {
  constexpr int kSteps = 1000000;
  const double seconds = Best(rounds, [&] {
    Vector a{}, b{}, c{}, d{}, e{}, f{}, g{}, h{}, i{}, j{};
    for (int at = 0; at < kSteps; ++at) {
      const auto all = [&](auto&... sums) {
        ((sums = step(sums)), ...);
        // So that each is computed.
        (
            [](auto& sum) { asm volatile("" : "+x"(sum)); }(sums), ...);
      };
      all(a, b, c, d, e, f, g, h, i, j);
    }
  });
  return static_cast<double>(kSteps) * 10 * values / seconds;
}

double PeakOf(const std::string& name, int rounds) {
#if defined(__AMX_BF16__)
  if (name == "amx-bf16") {
    // Eight tiles of 16 rows: four products in turn, which wait for none but themselves.
    alignas(64) unsigned char shapes[64] = {1};
    for (int tile = 0; tile < 8; ++tile) shapes[16 + 2 * tile] = 64, shapes[48 + tile] = 16;
    asm volatile("" ::"r"(shapes) : "memory");
    _tile_loadconfig(shapes);
    constexpr int kSteps = 100000;
    const double seconds = Best(rounds, [] {
      for (int i = 0; i < kSteps; ++i) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
    });
    _tile_release();
    return kSteps * 4.0 * 16 * 16 * 32 / seconds;
  }
#endif
#if defined(__AVX512VNNI__)
  if (name == "avx512-vnni") {
    const __m512i one = _mm512_set1_epi8(1);
    return Peak<__m512i>(rounds, 64, [&](__m512i sum) { return _mm512_dpbusd_epi32(sum, one, one); });
  }
#elif defined(__AVXVNNI__)
  if (name == "avx-vnni") {
    const __m256i one = _mm256_set1_epi8(1);
    return Peak<__m256i>(rounds, 32, [&](__m256i sum) { return _mm256_dpbusd_avx_epi32(sum, one, one); });
  }
#endif
  const __m256i one = _mm256_set1_epi16(1);
  return Peak<__m256i>(rounds, 16, [&](__m256i sum) {
    __m256i factor = one;
    asm volatile("" : "+x"(factor));  // so that no product is taken from another step
    return _mm256_add_epi32(sum, _mm256_madd_epi16(factor, factor));
  });
}

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
template <typename T>
std::unique_ptr<T, Free> Pages(size_t bytes) {
  constexpr size_t kHuge = size_t{2} << 20;
  void* memory = std::aligned_alloc(kHuge, (bytes + kHuge - 1) / kHuge * kHuge);
  std::memset(memory, 0x33, bytes);  // also as f16 a normal number
  return std::unique_ptr<T, Free>(static_cast<T*>(memory));
}

double Bandwidth(int rounds, size_t bytes) {
  const auto memory = Pages<char>(bytes);
  const double seconds = Best(rounds, [&] {
    __m256i sums[4] = {};
    for (size_t i = 0; i < bytes; i += 128) {
#pragma GCC unroll 4
      for (size_t j = 0; j < 4; ++j) {
        const auto* from = reinterpret_cast<const __m256i*>(memory.get() + i) + j;
        sums[j] = _mm256_xor_si256(sums[j], _mm256_load_si256(from));
      }
    }
    asm volatile("" ::"x"(sums[0]), "x"(sums[1]), "x"(sums[2]), "x"(sums[3]));
  });
  return static_cast<double>(bytes) / seconds;
}

void Measure(const Kernel& kernel, int64_t rows, int64_t length, int columns, int rounds) {
  const int64_t blocks = length / kBlock;
  const size_t bytes = PanelBytes(rows, blocks);
  const auto weights = Pages<PanelBlock>(bytes);
  std::vector<float> column(static_cast<size_t>(length));
  for (size_t i = 0; i < column.size(); ++i) column[i] = static_cast<float>(i % 37) - 18.0f;
  std::vector<char> packed(PackedBytes(kernel, blocks, columns));
  PackColumns(kernel, blocks, columns, 0, columns, packed.data(), [&](int) { return column.data(); });
  std::vector<float> product(static_cast<size_t>(rows * columns));
  const double seconds = Best(rounds, [&] {
    const Weights matrix{weights.get(), rows, blocks};
    kernel.multiply(matrix, 0, Panels(rows), packed.data(), columns, product.data(), static_cast<size_t>(rows));
  });
  const double macs = static_cast<double>(rows * length) * columns / seconds;
  std::printf("{\"rows\":%d,\"length\":%d,\"columns\":%d,\"macs\":%.4g,\"bytes\":%.4g}\n", static_cast<int>(rows),
              static_cast<int>(length), columns, macs, static_cast<double>(bytes) / seconds);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  const std::string form = argc > 2 ? argv[2] : "";
  const bool is_short = form == "short";
  for (const Kernel* kernel : {Amx(), Avx512Vnni(), AvxVnni(), Avx2()}) {
    if (kernel == nullptr || name != kernel->name) continue;
    const int rounds = is_short ? 1 : 7;
    const size_t bytes = size_t{is_short ? 1u : 128u} << 20;
    std::printf("{\"peak\":%.4g,\"bandwidth\":%.4g}\n", PeakOf(name, rounds), Bandwidth(rounds, bytes));
    if (form == "unit") return 0;
    for (int64_t length : {1024, 3072}) {
      // As a step reads its matrices: from memory, once each.
      const int64_t many = static_cast<int64_t>(bytes) / length / kPanelRows * kPanelRows;
      for (int columns : {1, 2, 4, 8, 16}) Measure(*kernel, many, length, columns, rounds);
      for (int columns : {32, 131, 512}) Measure(*kernel, is_short ? 32 : 2048, length, columns, rounds);
    }
    return 0;
  }
  std::fprintf(stderr, "kernels: no kernel '%s' was compiled in\n", name.c_str());
  return 1;
}
