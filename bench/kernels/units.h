// What a CPU's units and its memory can do, on one thread, with the instructions that this was compiled for.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#if defined(__AMX_BF16__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

using Clock = std::chrono::steady_clock;

inline double Since(Clock::time_point start) {
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

// Multiply-adds a second of an instruction with nothing to load: in turn on as many sums as hide how long one takes. Variables of
// their own, for an array would be kept in memory.
template <typename Vector, typename Step>
double Peak(int rounds, int values, Step step) {
  constexpr int kSteps = 500000;
  const double seconds = Best(rounds, [&] {
    Vector a{}, b{}, c{}, d{}, e{}, f{}, g{}, h{}, i{}, j{}, k{}, l{};
    for (int at = 0; at < kSteps; ++at) {
      const auto all = [&](auto&... sums) {
        ((sums = step(sums)), ...);
        // So that each is computed.
        (
            [](auto& sum) { asm volatile("" : "+x"(sum)); }(sums), ...);
      };
      all(a, b, c, d, e, f, g, h, i, j, k, l);
    }
  });
  return static_cast<double>(kSteps) * 12 * values / seconds;
}

#if defined(__AMX_BF16__)
// Tiles of bf16: eight of 16 rows, four products in turn, which wait for none but themselves.
inline double TilePeak(int rounds) {
  if (syscall(SYS_arch_prctl, 0x1023, 18) != 0) return 0;  // the system keeps them from us
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

// Sums of products of bytes: the widest VPDPBUSD, or VPMADDWD and its addition, which multiplies in 16 bits.
inline double BytesPeak(int rounds) {
#if defined(__AVX512VNNI__)
  const __m512i one = _mm512_set1_epi8(1);
  return Peak<__m512i>(rounds, 64, [&](__m512i sum) { return _mm512_dpbusd_epi32(sum, one, one); });
#elif defined(__AVXVNNI__)
  const __m256i one = _mm256_set1_epi8(1);
  return Peak<__m256i>(rounds, 32, [&](__m256i sum) { return _mm256_dpbusd_avx_epi32(sum, one, one); });
#else
  const __m256i one = _mm256_set1_epi16(1);
  return Peak<__m256i>(rounds, 16, [&](__m256i sum) {
    __m256i factor = one;
    asm volatile("" : "+x"(factor));  // so that no product is taken from another step
    return _mm256_add_epi32(sum, _mm256_madd_epi16(factor, factor));
  });
#endif
}

// Products of f32, added in the same instruction.
inline double FloatsPeak(int rounds) {
#if defined(__AVX512F__)
  __m512 factor = _mm512_set1_ps(1);
  asm volatile("" : "+x"(factor));
  return Peak<__m512>(rounds, 16, [&](__m512 sum) { return _mm512_fmadd_ps(factor, factor, sum); });
#else
  __m256 factor = _mm256_set1_ps(1);
  asm volatile("" : "+x"(factor));
  return Peak<__m256>(rounds, 8, [&](__m256 sum) { return _mm256_fmadd_ps(factor, factor, sum); });
#endif
}

// Products of bf16: tiles, or VDPBF16PS. 0 without either.
inline double BrainPeak(int rounds) {
#if defined(__AMX_BF16__)
  if (const double tiles = TilePeak(rounds); tiles > 0) return tiles;
#endif
#if defined(__AVX512BF16__)
  const auto one = _mm512_cvtne2ps_pbh(_mm512_set1_ps(1), _mm512_set1_ps(1));
  return Peak<__m512>(rounds, 32, [&](__m512 sum) { return _mm512_dpbf16_ps(sum, one, one); });
#else
  static_cast<void>(rounds);
  return 0;
#endif
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

// Bytes a second that are read.
inline double Bandwidth(int rounds, size_t bytes) {
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
