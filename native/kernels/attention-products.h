#pragma once

// What attention computes of queries, keys and values: products with blocks of cells, in registers of AVX2 or
// AVX-512. In the order of sums that attention.cc promises, however many rows are beside a row. For
// attention.cc alone.
#include <type_traits>

#include "kernels/attention.h"
#include "kernels/tiles.h"

#if defined(QWEN3GUARD_EMULATED)
#include "kernels/emulated.h"
#elif defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(QWEN3GUARD_EMULATED) || defined(__AVX2__)

namespace guard::kernels {

// Products are tiles of kRows rows times kVectors registers.
#if defined(__AVX512F__)
using Vector = __m512;
constexpr int kRows = 6, kVectors = 4, kLanes = 16;
inline Vector LoadVector(const float* from) {
  return _mm512_loadu_ps(from);
}
inline void Store(float* to, Vector value) {
  _mm512_storeu_ps(to, value);
}
inline Vector All(float value) {
  return _mm512_set1_ps(value);
}
inline Vector Add(Vector a, Vector b) {
  return _mm512_add_ps(a, b);
}
inline Vector MultiplyAdd(Vector a, Vector b, Vector c) {
  return _mm512_fmadd_ps(a, b, c);
}
inline Vector LoadHalves(const char* from) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}
#else
using Vector = __m256;
constexpr int kRows = 6, kVectors = 2, kLanes = 8;
inline Vector LoadVector(const float* from) {
  return _mm256_loadu_ps(from);
}
inline void Store(float* to, Vector value) {
  _mm256_storeu_ps(to, value);
}
inline Vector All(float value) {
  return _mm256_set1_ps(value);
}
inline Vector Add(Vector a, Vector b) {
  return _mm256_add_ps(a, b);
}
inline Vector MultiplyAdd(Vector a, Vector b, Vector c) {
  return _mm256_fmadd_ps(a, b, c);
}
inline Vector LoadHalves(const char* from) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
#endif

// A matrix in row order.
struct Rows {
  float* data;
  size_t stride;
};

template <int Count, int Vectors>
void Tile(const float* a, size_t a_stride, const float* b, size_t b_stride, int depth, float* c,
          size_t c_stride, bool add) {
  Vector sums[Count][Vectors];
  QWEN3GUARD_UNROLL for (int r = 0; r < Count; ++r) {
    QWEN3GUARD_UNROLL for (int i = 0; i < Vectors; ++i) {
      sums[r][i] = add ? LoadVector(c + r * c_stride + i * kLanes) : All(0);
    }
  }
  for (int k = 0; k < depth; ++k, b += b_stride) {
    Vector row[Vectors];
    QWEN3GUARD_UNROLL for (int i = 0; i < Vectors; ++i) row[i] = LoadVector(b + i * kLanes);
    QWEN3GUARD_UNROLL for (int r = 0; r < Count; ++r) {
      const Vector factor = All(a[r * a_stride + static_cast<size_t>(k)]);
      QWEN3GUARD_UNROLL for (int i = 0; i < Vectors; ++i) {
        sums[r][i] = MultiplyAdd(factor, row[i], sums[r][i]);
      }
    }
  }
  QWEN3GUARD_UNROLL for (int r = 0; r < Count; ++r) {
    QWEN3GUARD_UNROLL for (int i = 0; i < Vectors; ++i) Store(c + r * c_stride + i * kLanes, sums[r][i]);
  }
}

// The same for products of queries and keys, in the order in which Dot adds up: as eight sums, of every
// eighth term each, and these in pairs. Rows of `b` lie as they are needed, those of the first sum first.
template <int Count, int Vectors>
void DotTile(const float* a, size_t a_stride, const float* b, size_t b_stride, int depth, float* c,
             size_t c_stride, bool) {
  Vector totals[4][Count][Vectors];  // of one, two, four and eight sums
  for (int part = 0; part < 8; ++part) {
    Vector sums[Count][Vectors];
    QWEN3GUARD_UNROLL for (int r = 0; r < Count; ++r) {
      QWEN3GUARD_UNROLL for (int i = 0; i < Vectors; ++i) sums[r][i] = All(0);
    }
    for (int k = part; k < depth; k += 8, b += b_stride) {
      Vector row[Vectors];
      QWEN3GUARD_UNROLL for (int i = 0; i < Vectors; ++i) row[i] = LoadVector(b + i * kLanes);
      QWEN3GUARD_UNROLL for (int r = 0; r < Count; ++r) {
        const Vector factor = All(a[r * a_stride + static_cast<size_t>(k)]);
        QWEN3GUARD_UNROLL for (int i = 0; i < Vectors; ++i) {
          sums[r][i] = MultiplyAdd(factor, row[i], sums[r][i]);
        }
      }
    }
    int level = 0;
    for (; (part >> level & 1) != 0; ++level) {
      QWEN3GUARD_UNROLL for (int r = 0; r < Count; ++r) {
        QWEN3GUARD_UNROLL for (int i = 0; i < Vectors; ++i) sums[r][i] = Add(totals[level][r][i], sums[r][i]);
      }
    }
    QWEN3GUARD_UNROLL for (int r = 0; r < Count; ++r) {
      QWEN3GUARD_UNROLL for (int i = 0; i < Vectors; ++i) totals[level][r][i] = sums[r][i];
    }
  }
  QWEN3GUARD_UNROLL for (int r = 0; r < Count; ++r) {
    QWEN3GUARD_UNROLL for (int i = 0; i < Vectors; ++i) {
      Store(c + r * c_stride + i * kLanes, totals[3][r][i]);
    }
  }
}

template <bool Dots, int Vectors>
void Strip(int rows, const float* a, size_t a_stride, const float* b, size_t b_stride, int depth, float* c,
           size_t c_stride, bool add) {
  int row = 0;
  const auto tile = [&](auto function, int count) {
    function(a + row * a_stride, a_stride, b, b_stride, depth, c + row * c_stride, c_stride, add);
    row += count;
  };
  while (rows - row >= kRows) tile(Dots ? DotTile<kRows, Vectors> : Tile<kRows, Vectors>, kRows);
  if (rows - row >= 4) tile(Dots ? DotTile<4, Vectors> : Tile<4, Vectors>, 4);
  if (rows - row >= 2) tile(Dots ? DotTile<2, Vectors> : Tile<2, Vectors>, 2);
  if (rows - row >= 1) tile(Dots ? DotTile<1, Vectors> : Tile<1, Vectors>, 1);
}

// c = a b, or c += a b: `rows` x `depth` times `depth` x `width`. With `Dots` c = a b as Dot adds up.
template <bool Dots>
void Multiply(int rows, int depth, int width, Rows a, Rows b, Rows c, bool add) {
  int column = 0;
  for (; width - column >= kVectors * kLanes; column += kVectors * kLanes) {
    Strip<Dots, kVectors>(rows, a.data, a.stride, b.data + column, b.stride, depth, c.data + column, c.stride,
                          add);
  }
  for (; column < width; column += kLanes) {
    Strip<Dots, 1>(rows, a.data, a.stride, b.data + column, b.stride, depth, c.data + column, c.stride, add);
  }
}

inline __m256 FromHalves(const char* from) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

// Where a head's keys or values of some cells lie.
struct Cells {
  const char* data;
  size_t stride;
  const int* numbers;
  const char* at(int cell) const { return data + static_cast<size_t>(numbers[cell]) * stride; }
};

// A block of cells in f32, [cells][length].
inline void Convert(const Cells& cells, int length, float* to) {
  for (int cell = 0; cell < kCells; ++cell) {
    const char* from = cells.at(cell);
    for (int i = 0; i < length; i += 8, to += 8) {
      _mm256_storeu_ps(to, FromHalves(from + static_cast<size_t>(i) * sizeof(uint16_t)));
    }
  }
}

// The same, [length][cells], in the order in which DotTile takes them.
inline void ConvertTransposed(const Cells& cells, int length, float* to) {
  const auto eighth = static_cast<size_t>(length / 8);
  for (int cell = 0; cell < kCells; cell += 8) {
    for (int i = 0; i < length; i += 8) {
      __m256 a[8], b[8];
      QWEN3GUARD_UNROLL for (int j = 0; j < 8; ++j) {
        a[j] = FromHalves(cells.at(cell + j) + static_cast<size_t>(i) * sizeof(uint16_t));
      }
      QWEN3GUARD_UNROLL for (int j = 0; j < 8; j += 2) {
        b[j] = _mm256_unpacklo_ps(a[j], a[j + 1]);
        b[j + 1] = _mm256_unpackhi_ps(a[j], a[j + 1]);
      }
      QWEN3GUARD_UNROLL for (int j = 0; j < 8; j += 4) {
        a[j] = _mm256_shuffle_ps(b[j], b[j + 2], 0x44);
        a[j + 1] = _mm256_shuffle_ps(b[j], b[j + 2], 0xee);
        a[j + 2] = _mm256_shuffle_ps(b[j + 1], b[j + 3], 0x44);
        a[j + 3] = _mm256_shuffle_ps(b[j + 1], b[j + 3], 0xee);
      }
      QWEN3GUARD_UNROLL for (int j = 0; j < 4; ++j) {
        float* row = to + (static_cast<size_t>(j) * eighth + static_cast<size_t>(i / 8)) * kCells + cell;
        _mm256_storeu_ps(row, _mm256_permute2f128_ps(a[j], a[j + 4], 0x20));
        _mm256_storeu_ps(row + 4 * eighth * kCells, _mm256_permute2f128_ps(a[j], a[j + 4], 0x31));
      }
    }
  }
}

// Products of one or two rows with each of a block of cells as they lie: transposing them would take longer.
template <int Count>
void Dot(const float* rows, const Cells& cells, int length, Rows to) {
  const auto width = static_cast<size_t>(length);
  for (int cell = 0; cell < kCells; cell += 4) {
    __m256 sums[Count][4];
    QWEN3GUARD_UNROLL for (int r = 0; r < Count; ++r) {
      QWEN3GUARD_UNROLL for (int j = 0; j < 4; ++j) sums[r][j] = _mm256_setzero_ps();
    }
    for (int i = 0; i < length; i += 8) {
      QWEN3GUARD_UNROLL for (int j = 0; j < 4; ++j) {
        const char* from = cells.at(cell + j) + static_cast<size_t>(i) * sizeof(uint16_t);
        const __m256 values = FromHalves(from);
        QWEN3GUARD_UNROLL for (int r = 0; r < Count; ++r) {
          sums[r][j] = _mm256_fmadd_ps(_mm256_loadu_ps(rows + r * width + i), values, sums[r][j]);
        }
      }
    }
    QWEN3GUARD_UNROLL for (int r = 0; r < Count; ++r) {
      const __m256 pairs =
          _mm256_hadd_ps(_mm256_hadd_ps(sums[r][0], sums[r][1]), _mm256_hadd_ps(sums[r][2], sums[r][3]));
      const __m128 fours = _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1));
      _mm_storeu_ps(to.data + r * to.stride + cell, fours);
    }
  }
}

// Adds a block of values to the sums of one or two rows, each times a row's score of its cell. In the order
// of Tile, without the way through memory that many rows share.
template <int Count>
void AddValues(const Rows& scores, const Cells& cells, int length, const Rows& sums, bool add) {
  constexpr int kStrip = 2 * kVectors;
  int column = 0;
  const auto strip = [&](auto vectors) {
    constexpr int kWidth = decltype(vectors)::value;
    Vector totals[Count][kWidth];
    float* to = sums.data + column;
    QWEN3GUARD_UNROLL for (int r = 0; r < Count; ++r) {
      QWEN3GUARD_UNROLL for (int i = 0; i < kWidth; ++i) {
        totals[r][i] = add ? LoadVector(to + r * sums.stride + i * kLanes) : All(0);
      }
    }
    for (int cell = 0; cell < kCells; ++cell) {
      const char* from = cells.at(cell) + static_cast<size_t>(column) * sizeof(uint16_t);
      Vector factors[Count];
      QWEN3GUARD_UNROLL for (int r = 0; r < Count; ++r) factors[r] =
          All(scores.data[r * scores.stride + cell]);
      QWEN3GUARD_UNROLL for (int i = 0; i < kWidth; ++i) {
        const Vector value = LoadHalves(from + i * kLanes * sizeof(uint16_t));
        QWEN3GUARD_UNROLL for (int r = 0; r < Count; ++r) {
          totals[r][i] = MultiplyAdd(factors[r], value, totals[r][i]);
        }
      }
    }
    QWEN3GUARD_UNROLL for (int r = 0; r < Count; ++r) {
      QWEN3GUARD_UNROLL for (int i = 0; i < kWidth; ++i) {
        Store(to + r * sums.stride + i * kLanes, totals[r][i]);
      }
    }
    column += kWidth * kLanes;
  };
  while (length - column >= kStrip * kLanes) strip(std::integral_constant<int, kStrip>());
  while (column < length) strip(std::integral_constant<int, 1>());
}

// A head's vectors lie apart, which no processor fetches ahead by itself.
inline void Fetch(const Cells& cells, int length) {
  for (int cell = 0; cell < kCells; ++cell) {
    for (int i = 0; i < length * 2; i += kLine) _mm_prefetch(cells.at(cell) + i, _MM_HINT_T0);
  }
}

}  // namespace guard::kernels

#endif
