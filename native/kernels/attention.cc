// Attention for CPUs with AVX2, and wider registers for its products where there is AVX-512.
#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/attention-products.h"

#if defined(QWEN3GUARD_EMULATED) || defined(__AVX2__)

namespace guard::kernels {

namespace {

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

// Added to an exponential, it leaves a multiple of 2^-36: fewer than 2^17 of those add up in f64 without any
// rounding, and so to the same sum in any order.
constexpr float kGrid = 1.0f / 8192;

// The cells that some of a piece's queries see, in order of position; filled up to whole blocks with the
// last.
struct Seen {
  int* numbers;
  int* straight;  // of eight at a time: whether they lie side by side
  int count, padded;
};

// Makes a row's scores of the seen cells their exponentials over the largest; returns one over their sum.
float Softmax(float* scores, const Seen& seen, const char* mask) {
  __m256 most = _mm256_set1_ps(-INFINITY);
  for (int i = 0; i < seen.padded; i += 8) {
    const int* numbers = seen.numbers + i;
    const char* hidden = mask + static_cast<size_t>(numbers[0]) * sizeof(uint16_t);
    uint16_t gathered[8];
    if (seen.straight[i / 8] == 0) {
      for (int j = 0; j < 8; ++j) {
        std::memcpy(gathered + j, mask + static_cast<size_t>(numbers[j]) * sizeof(uint16_t),
                    sizeof(uint16_t));
      }
      hidden = reinterpret_cast<const char*>(gathered);
    }
    const __m256 x = _mm256_add_ps(_mm256_loadu_ps(scores + i), FromHalves(hidden));
    _mm256_storeu_ps(scores + i, x);
    most = _mm256_max_ps(most, x);
  }
  std::fill(scores + seen.count, scores + seen.padded, -INFINITY);
  const float largest = Largest(most);
  if (largest == -INFINITY) {  // it sees nothing
    std::fill(scores, scores + seen.padded, 0.0f);
    return 0;
  }
  const __m256 shift = _mm256_set1_ps(largest);
  double sums[8] = {};
  for (int i = 0; i < seen.padded; i += 8) {
    float e[8];
    _mm256_storeu_ps(e, Exponential(_mm256_sub_ps(_mm256_loadu_ps(scores + i), shift)));
    QWEN3GUARD_UNROLL for (int j = 0; j < 8; ++j) sums[j] += static_cast<double>(e[j] + kGrid);
    std::memcpy(scores + i, e, sizeof(e));
  }
  double sum = -static_cast<double>(seen.padded) * static_cast<double>(kGrid);
  for (double part : sums) sum += part;
  return static_cast<float>(1.0 / sum);
}

// Finds the cells that any of the queries may see.
void See(const Attention& attention, const char* mask, const char* positions, int queries, Seen& seen) {
  const __m256i minus_infinity = _mm256_set1_epi16(static_cast<int16_t>(0xfc00));
  constexpr int kParts = 4;
  int count = 0;
  for (int first = 0; first < attention.cells; first += 16 * kParts) {
    const char* from = mask + static_cast<size_t>(first) * sizeof(uint16_t);
    __m256i hidden[kParts];
    QWEN3GUARD_UNROLL for (int p = 0; p < kParts; ++p) hidden[p] = _mm256_set1_epi16(-1);
    for (int query = 0; query < queries; ++query, from += attention.mask_row) {
      QWEN3GUARD_UNROLL for (int p = 0; p < kParts; ++p) {
        const __m256i cells = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 32 * p));
        hidden[p] = _mm256_and_si256(hidden[p], _mm256_cmpeq_epi16(cells, minus_infinity));
      }
    }
    for (int p = 0; p < kParts; ++p) {
      const auto bits = static_cast<uint32_t>(_mm256_movemask_epi8(hidden[p]));
      if (bits == 0xffffffff) continue;
      for (int i = 0; i < 16; ++i) {
        seen.numbers[count] = first + 16 * p + i;
        count += (bits >> (2 * i) & 1) == 0;
      }
    }
  }
  if (positions != nullptr) {
    const auto* position = reinterpret_cast<const int32_t*>(positions);
    const auto before = [position](int a, int b) {
      return position[a] != position[b] ? position[a] < position[b] : a < b;
    };
    if (!std::is_sorted(seen.numbers, seen.numbers + count, before)) {
      std::sort(seen.numbers, seen.numbers + count, before);
    }
  }
  seen.count = count;
  seen.padded = (count + kCells - 1) / kCells * kCells;
  if (count > 0) std::fill(seen.numbers + count, seen.numbers + seen.padded, seen.numbers[count - 1]);
  for (int i = 0; i < seen.padded; i += 8) {
    bool straight = true;
    for (int j = 1; j < 8; ++j) straight &= seen.numbers[i + j] == seen.numbers[i] + j;
    seen.straight[i / 8] = straight ? 1 : 0;
  }
}

int Group(const Attention& attention) {
  return attention.heads / attention.key_heads;
}

// Rows up to which cells are not converted in blocks for all of them.
constexpr int kFewRows = 4;

// Queries of a piece: as many as keep its scores in the second cache.
int QueriesOf(const Attention& attention) {
  const int rows = attention.cells <= 1024 ? 64 : 32;
  return std::min(attention.queries, std::max(1, rows / Group(attention)));
}

int QueryBlocks(const Attention& attention) {
  return (attention.queries + QueriesOf(attention) - 1) / QueriesOf(attention);
}

// Heads of keys of a piece. Few rows cost little beside the reading of cells, which lie side by side in all
// heads: pieces of several heads read on in memory, as long as there are pieces enough for all threads to end
// at about the same time.
int HeadsOf(const Attention& attention, int threads) {
  const int least = std::max(16, 2 * threads);
  if (QueriesOf(attention) * Group(attention) > kFewRows) return 1;
  const int pieces = QueryBlocks(attention) * attention.streams * attention.key_heads;
  for (int heads = attention.key_heads; heads > 1; --heads) {
    if (attention.key_heads % heads == 0 && pieces / heads >= least) return heads;
  }
  return 1;
}

}  // namespace

int AttentionPieces(const Attention& attention) {
  return QueryBlocks(attention) * attention.key_heads / HeadsOf(attention, attention.threads) *
         attention.streams;
}

size_t AttentionScratch(const Attention& attention) {
  const auto queries = static_cast<size_t>(QueriesOf(attention)),
             group = static_cast<size_t>(Group(attention));
  const size_t rows = queries * group * static_cast<size_t>(HeadsOf(attention, 1));
  const auto length = static_cast<size_t>(attention.length), cells = static_cast<size_t>(attention.cells);
  // Queries, sums and scores of the rows; a block of keys or values; the numbers of the seen cells.
  return rows * (2 * length + cells + 1) + kCells * length + cells + 16 + cells / 8;
}

void Attend(const Attention& attention, int piece, float* scratch) {
  const int group = Group(attention), blocks = QueryBlocks(attention), length = attention.length;
  const int heads = HeadsOf(attention, attention.threads), parts = attention.key_heads / heads;
  // The last queries see most: they come first, so that no thread is left with them.
  const int block = blocks - 1 - piece % blocks, rest = piece / blocks;
  const auto first_head = static_cast<size_t>(rest % parts) * static_cast<size_t>(heads);
  const auto stream = static_cast<size_t>(rest / parts);
  const int first = block * QueriesOf(attention);
  const int queries = std::min(QueriesOf(attention), attention.queries - first);
  const int rows = queries * group, all_rows = rows * heads;  // of a head of keys, of all of them

  const auto width = static_cast<size_t>(length), cells = static_cast<size_t>(attention.cells);
  const Rows query{scratch, width}, sums{query.data + all_rows * width, width};
  const Rows scores{sums.data + all_rows * width, cells};
  const Rows converted{scores.data + all_rows * cells, width}, transposed{converted.data, kCells};
  float* inverse = converted.data + kCells * width;
  Seen seen{};
  seen.numbers = reinterpret_cast<int*>(inverse + all_rows);
  seen.straight = seen.numbers + cells + 16;  // See writes one past the last

  // Of a row: its query, and its head of queries.
  const auto query_of = [&](int r) {
    return static_cast<size_t>(first) + static_cast<size_t>(r % rows / group);
  };
  const auto head_of = [&](int r) {
    return (first_head + static_cast<size_t>(r / rows)) * static_cast<size_t>(group) +
           static_cast<size_t>(r % group);
  };
  const __m256 scale = _mm256_set1_ps(attention.scale);
  for (int r = 0; r < all_rows; ++r) {
    const auto* from =
        reinterpret_cast<const float*>(attention.query.data + query_of(r) * attention.query.row +
                                       head_of(r) * attention.query.head + stream * attention.query.stream);
    float* to = query.data + r * width;
    for (int i = 0; i < length; i += 8) {
      _mm256_storeu_ps(to + i, _mm256_mul_ps(_mm256_loadu_ps(from + i), scale));
    }
  }
  const char* mask = attention.mask + stream * attention.mask_stream + first * attention.mask_row;
  const char* positions = attention.positions;
  See(attention, mask, positions == nullptr ? nullptr : positions + stream * attention.mask_stream, queries,
      seen);
  const int count = seen.padded / kCells, steps = count * heads;
  // Blocks of cells one after the other, of each its heads.
  const auto cells_of = [&](const Attention::Vectors& vectors, int step) {
    const size_t head = first_head + static_cast<size_t>(step % heads);
    return Cells{vectors.data + head * vectors.head + stream * vectors.stream, vectors.row,
                 seen.numbers + step / heads * kCells};
  };

  for (int step = 0; step < steps; ++step) {
    const Cells keys = cells_of(attention.key, step);
    const int row = step % heads * rows;
    const Rows from{query.data + row * width, width},
        to{scores.data + row * cells + step / heads * kCells, cells};
    Fetch(step + 1 < steps ? cells_of(attention.key, step + 1) : cells_of(attention.value, 0), length);
    if (rows <= kFewRows) {
      for (int r = 0; r < rows; r += 2) {
        const auto dot = rows - r > 1 ? Dot<2> : Dot<1>;
        dot(from.data + r * width, keys, length, {to.data + r * cells, cells});
      }
    } else {
      ConvertTransposed(keys, length, transposed.data);
      Multiply<true>(rows, length, kCells, from, transposed, to, false);
    }
  }
  for (int r = 0; r < all_rows; ++r) {
    inverse[r] = Softmax(scores.data + r * cells, seen, mask + r % rows / group * attention.mask_row);
  }
  if (steps == 0) std::fill(sums.data, sums.data + all_rows * width, 0.0f);
  for (int step = 0; step < steps; ++step) {
    const Cells values = cells_of(attention.value, step);
    const int row = step % heads * rows;
    const bool add = step >= heads;
    const Rows factors{scores.data + row * cells + step / heads * kCells, cells},
        to{sums.data + row * width, width};
    if (step + 1 < steps) Fetch(cells_of(attention.value, step + 1), length);
    if (rows <= kFewRows) {
      for (int r = 0; r < rows; r += 2) {
        const auto values_of = rows - r > 1 ? AddValues<2> : AddValues<1>;
        values_of({factors.data + r * cells, cells}, values, length, {to.data + r * width, width}, add);
      }
    } else {
      Convert(values, length, converted.data);
      Multiply<false>(rows, kCells, length, factors, converted, to, add);
    }
  }
  for (int r = 0; r < all_rows; ++r) {
    const size_t row = stream * static_cast<size_t>(attention.queries) + query_of(r);
    float* to = attention.output + (row * static_cast<size_t>(attention.heads) + head_of(r)) * width;
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
