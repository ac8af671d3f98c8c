// Attention for CPUs with AVX2, and wider registers for its products where there is AVX-512.
#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/tiles.h"

#if defined(QWEN3GUARD_EMULATED)
#include "kernels/emulated.h"
#elif defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(QWEN3GUARD_EMULATED) || defined(__AVX2__)

namespace guard::kernels {

namespace {

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
inline Vector MultiplyAdd(Vector a, Vector b, Vector c) {
  return _mm512_fmadd_ps(a, b, c);
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
inline Vector MultiplyAdd(Vector a, Vector b, Vector c) {
  return _mm256_fmadd_ps(a, b, c);
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

template <int Vectors>
void Strip(int rows, const float* a, size_t a_stride, const float* b, size_t b_stride, int depth, float* c,
           size_t c_stride, bool add) {
  int row = 0;
  const auto tile = [&](auto function, int count) {
    function(a + row * a_stride, a_stride, b, b_stride, depth, c + row * c_stride, c_stride, add);
    row += count;
  };
  while (rows - row >= kRows) tile(Tile<kRows, Vectors>, kRows);
  if (rows - row >= 4) tile(Tile<4, Vectors>, 4);
  if (rows - row >= 2) tile(Tile<2, Vectors>, 2);
  if (rows - row >= 1) tile(Tile<1, Vectors>, 1);
}

// c = a b, or c += a b: `rows` x `depth` times `depth` x `width`.
void Multiply(int rows, int depth, int width, Rows a, Rows b, Rows c, bool add) {
  int column = 0;
  for (; width - column >= kVectors * kLanes; column += kVectors * kLanes) {
    Strip<kVectors>(rows, a.data, a.stride, b.data + column, b.stride, depth, c.data + column, c.stride, add);
  }
  for (; column < width; column += kLanes) {
    Strip<1>(rows, a.data, a.stride, b.data + column, b.stride, depth, c.data + column, c.stride, add);
  }
}

inline __m256 FromHalves(const char* from) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

// A block of cells in f32, [cells][length].
void Convert(const char* from, size_t stride, int length, float* to) {
  for (int cell = 0; cell < kCells; ++cell, from += stride) {
    for (int i = 0; i < length; i += 8, to += 8) {
      _mm256_storeu_ps(to, FromHalves(from + static_cast<size_t>(i) * sizeof(uint16_t)));
    }
  }
}

// The same, [length][cells].
void ConvertTransposed(const char* from, size_t stride, int length, float* to) {
  for (int cell = 0; cell < kCells; cell += 8) {
    for (int i = 0; i < length; i += 8) {
      __m256 a[8], b[8];
      QWEN3GUARD_UNROLL for (int j = 0; j < 8; ++j) {
        a[j] = FromHalves(from + static_cast<size_t>(cell + j) * stride +
                          static_cast<size_t>(i) * sizeof(uint16_t));
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
        float* row = to + static_cast<size_t>(i + j) * kCells + cell;
        _mm256_storeu_ps(row, _mm256_permute2f128_ps(a[j], a[j + 4], 0x20));
        _mm256_storeu_ps(row + 4 * kCells, _mm256_permute2f128_ps(a[j], a[j + 4], 0x31));
      }
    }
  }
}

// Products of one or two rows with each of a block of cells as they lie: transposing them would take longer.
template <int Count>
void Dot(const float* rows, const char* cells, size_t stride, int length, Rows to) {
  const auto width = static_cast<size_t>(length);
  for (int cell = 0; cell < kCells; cell += 4) {
    __m256 sums[Count][4];
    QWEN3GUARD_UNROLL for (int r = 0; r < Count; ++r) {
      QWEN3GUARD_UNROLL for (int j = 0; j < 4; ++j) sums[r][j] = _mm256_setzero_ps();
    }
    for (int i = 0; i < length; i += 8) {
      QWEN3GUARD_UNROLL for (int j = 0; j < 4; ++j) {
        const char* from = cells + static_cast<size_t>(cell + j) * stride + static_cast<size_t>(i) * 2;
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

// A head's vectors lie apart, which no processor fetches ahead by itself.
void Fetch(const char* from, size_t stride, int length) {
  for (int cell = 0; cell < kCells; ++cell, from += stride) {
    for (int i = 0; i < length * 2; i += kLine) _mm_prefetch(from + i, _MM_HINT_T0);
  }
}

constexpr float kLeast = -87.3f;  // whose exponential is the smallest normal number

// e^x for x up to 0, within two units in the last place; 0 below kLeast.
inline __m256 Exponential(__m256 x) {
  const __m256 counts = _mm256_cmp_ps(x, _mm256_set1_ps(kLeast), _CMP_GE_OQ);
  x = _mm256_max_ps(x, _mm256_set1_ps(kLeast));
  const __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)),
                                   _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x);
  r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);
  __m256 p = _mm256_set1_ps(1.9875691500e-4f);
  for (float next :
       {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 0.5f, 1.0f, 1.0f}) {
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(next));
  }
  const __m256i power = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
  return _mm256_and_ps(_mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), power)), counts);
}

inline float Largest(__m256 a) {
  float lanes[8];
  _mm256_storeu_ps(lanes, a);
  return *std::max_element(lanes, lanes + 8);
}
inline float Sum(__m256 a) {
  float lanes[8];
  _mm256_storeu_ps(lanes, a);
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

// Makes a row's scores of the visible blocks their exponentials over the largest; returns one over their sum.
float Softmax(float* scores, const int* blocks, int count, const char* mask) {
  __m256 most = _mm256_set1_ps(-INFINITY);
  float* score = scores;
  for (int b = 0; b < count; ++b) {
    const char* hidden = mask + static_cast<size_t>(blocks[b]) * kCells * sizeof(uint16_t);
    for (int i = 0; i < kCells; i += 8, score += 8) {
      const __m256 x = _mm256_add_ps(_mm256_loadu_ps(score), FromHalves(hidden + i * sizeof(uint16_t)));
      _mm256_storeu_ps(score, x);
      most = _mm256_max_ps(most, x);
    }
  }
  const float largest = Largest(most);
  if (largest == -INFINITY) {  // it sees nothing
    std::fill(scores, score, 0.0f);
    return 0;
  }
  const __m256 shift = _mm256_set1_ps(largest);
  __m256 sum = _mm256_setzero_ps();
  for (float* at = scores; at < score; at += 8) {
    const __m256 e = Exponential(_mm256_sub_ps(_mm256_loadu_ps(at), shift));
    _mm256_storeu_ps(at, e);
    sum = _mm256_add_ps(sum, e);
  }
  return 1.0f / Sum(sum);
}

// Whether any of the queries may see any of a block of cells.
bool Visible(const char* mask, size_t stride, int queries) {
  const __m256i hidden = _mm256_set1_epi16(static_cast<int16_t>(0xfc00));  // minus infinity
  for (int query = 0; query < queries; ++query, mask += stride) {
    for (size_t i = 0; i < kCells * sizeof(uint16_t); i += 32) {
      const __m256i cells = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(mask + i));
      if (_mm256_movemask_epi8(_mm256_cmpeq_epi16(cells, hidden)) != -1) return true;
    }
  }
  return false;
}

int Group(const Attention& attention) {
  return attention.heads / attention.key_heads;
}

// Queries of a piece: as many as keep its scores in the second cache.
int QueriesOf(const Attention& attention) {
  const int rows = attention.cells <= 1024 ? 64 : 32;
  return std::min(attention.queries, std::max(1, rows / Group(attention)));
}

int QueryBlocks(const Attention& attention) {
  return (attention.queries + QueriesOf(attention) - 1) / QueriesOf(attention);
}

}  // namespace

int AttentionPieces(const Attention& attention) {
  return QueryBlocks(attention) * attention.key_heads * attention.streams;
}

size_t AttentionScratch(const Attention& attention) {
  const auto rows = static_cast<size_t>(QueriesOf(attention) * Group(attention));
  const auto length = static_cast<size_t>(attention.length), cells = static_cast<size_t>(attention.cells);
  // Queries, sums and scores of the rows; a block of keys or values; the numbers of the visible blocks.
  return rows * (2 * length + cells + 1) + kCells * length + cells / kCells + 16;
}

void Attend(const Attention& attention, int piece, float* scratch) {
  const int group = Group(attention), blocks = QueryBlocks(attention), length = attention.length;
  // The last queries see most: they come first, so that no thread is left with them.
  const int block = blocks - 1 - piece % blocks, rest = piece / blocks;
  const auto head = static_cast<size_t>(rest % attention.key_heads);
  const auto stream = static_cast<size_t>(rest / attention.key_heads);
  const int first = block * QueriesOf(attention);
  const int queries = std::min(QueriesOf(attention), attention.queries - first), rows = queries * group;

  const auto width = static_cast<size_t>(length), cells = static_cast<size_t>(attention.cells);
  const Rows query{scratch, width}, sums{query.data + rows * width, width};
  const Rows scores{sums.data + rows * width, cells};
  const Rows converted{scores.data + rows * cells, width}, transposed{converted.data, kCells};
  float* inverse = converted.data + kCells * width;
  int* visible = reinterpret_cast<int*>(inverse + rows);

  const __m256 scale = _mm256_set1_ps(attention.scale);
  for (int r = 0; r < rows; ++r) {
    const auto* from = reinterpret_cast<const float*>(
        attention.query.data + static_cast<size_t>(first + r / group) * attention.query.row +
        (head * group + r % group) * attention.query.head + stream * attention.query.stream);
    float* to = query.data + r * width;
    for (int i = 0; i < length; i += 8) {
      _mm256_storeu_ps(to + i, _mm256_mul_ps(_mm256_loadu_ps(from + i), scale));
    }
  }
  const char* mask = attention.mask + stream * attention.mask_stream + first * attention.mask_row;
  int count = 0;
  for (int b = 0; b < attention.cells / kCells; ++b) {
    const size_t at = static_cast<size_t>(b) * kCells * sizeof(uint16_t);
    if (Visible(mask + at, attention.mask_row, queries)) visible[count++] = b;
  }
  const auto cells_of = [&](const Attention::Vectors& vectors, int b) {
    return vectors.data + head * vectors.head + stream * vectors.stream +
           static_cast<size_t>(b) * kCells * vectors.row;
  };

  for (int b = 0; b < count; ++b) {
    const char* keys = cells_of(attention.key, visible[b]);
    const Rows to{scores.data + b * kCells, cells};
    if (b + 1 < count) {
      Fetch(cells_of(attention.key, visible[b + 1]), attention.key.row, length);
    } else {
      Fetch(cells_of(attention.value, visible[0]), attention.value.row, length);
    }
    if (rows <= 4) {
      for (int r = 0; r < rows; r += 2) {
        const auto dot = rows - r > 1 ? Dot<2> : Dot<1>;
        dot(query.data + r * width, keys, attention.key.row, length, {to.data + r * cells, cells});
      }
    } else {
      ConvertTransposed(keys, attention.key.row, length, transposed.data);
      Multiply(rows, length, kCells, query, transposed, to, false);
    }
  }
  for (int r = 0; r < rows; ++r) {
    inverse[r] = Softmax(scores.data + r * cells, visible, count, mask + (r / group) * attention.mask_row);
  }
  if (count == 0) std::fill(sums.data, sums.data + rows * width, 0.0f);
  for (int b = 0; b < count; ++b) {
    if (b + 1 < count) Fetch(cells_of(attention.value, visible[b + 1]), attention.value.row, length);
    Convert(cells_of(attention.value, visible[b]), attention.value.row, length, converted.data);
    Multiply(rows, kCells, length, {scores.data + b * kCells, cells}, converted, sums, b > 0);
  }
  for (int r = 0; r < rows; ++r) {
    const size_t row =
        stream * static_cast<size_t>(attention.queries) + static_cast<size_t>(first + r / group);
    float* to =
        attention.output + (row * static_cast<size_t>(attention.heads) + head * group + r % group) * width;
    const __m256 factor = _mm256_set1_ps(inverse[r]);
    for (int i = 0; i < length; i += 8) {
      _mm256_storeu_ps(to + i, _mm256_mul_ps(_mm256_loadu_ps(sums.data + r * width + i), factor));
    }
  }
}

bool HasAttention() {
  return true;
}

}  // namespace guard::kernels

#else

namespace guard::kernels {

int AttentionPieces(const Attention&) {
  return 0;
}
size_t AttentionScratch(const Attention&) {
  return 0;
}
void Attend(const Attention&, int, float*) {}
bool HasAttention() {
  return false;
}

}  // namespace guard::kernels

#endif
