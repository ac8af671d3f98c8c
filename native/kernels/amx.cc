// For CPUs with AMX's tiles of bf16, for many columns. Q8_0's scales, one for 32 values, keep its int8 tiles
// busy a quarter of the time; so a panel's weights are expanded to bf16 in the cache, scales and all, and the
// tile instruction adds everything up in f32. Columns are rounded to bf16 too: each value keeps 8 bits of its
// own, where Q8_0 gives 8 bits to the largest of 32.
//
// Few columns do not pay for the expanding: Fastest gives them to AVX-512 VNNI, which reads the same panels.
#include "kernels/tiles.h"

#if defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__AVX512BW__) && defined(__AVX512BF16__) && \
    defined(__linux__)
#define QWEN3GUARD_HAS_TILES
#endif

#if defined(QWEN3GUARD_EMULATED)
#include "kernels/emulated-tiles.h"
#elif defined(QWEN3GUARD_HAS_TILES)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#if defined(QWEN3GUARD_EMULATED) || defined(QWEN3GUARD_HAS_TILES)

namespace guard::kernels {

namespace {

// A tile has 16 rows of 64 bytes; columns are taken in twos of tiles.
constexpr int kTileRows = 16, kTileBytes = 64, kTile = 2 * kTileRows;

// A block of a tile's columns: bf16, one column after the other.
constexpr size_t kColumnBlock = kBlock * 2;
static_assert(kColumnBlock == kTileBytes, "a row of a tile");

// A block of a panel in bf16, as the instruction wants its second factor: two values of a row side by side,
// the next row's beside them.
struct Expanded {
  uint32_t pairs[kPanelRows / kTileRows][kBlock / 2][kTileRows];
};

// Blocks that are expanded at once: as many as leave the first cache room for the columns.
constexpr int kChunk = 16;
// Blocks expanded before the tiles come to them: a load need not wait for what was just stored.
constexpr int kAhead = 2;

// GCC's intrinsics for tiles do not say what memory they read: what is stored before this is in memory after
// it.
inline void Fence(const void* memory) {
#if defined(QWEN3GUARD_EMULATED)
  static_cast<void>(memory);
#else
  asm volatile("" ::"r"(memory) : "memory");
#endif
}

// As LDTILECFG reads it.
struct alignas(64) Shapes {
  uint8_t palette = 0, start = 0, reserved[14] = {};
  uint16_t bytes[16] = {};
  uint8_t rows[16] = {};
};
static_assert(sizeof(Shapes) == 64, "as the instruction reads it");

// Products in tiles 0 to 3, columns in 4 and 5, weights in 6 and 7.
class Tiles {
 public:
  // What others here have configured (ggml's kernels do it once a thread) is back when this goes.
  Tiles() {
    _tile_storeconfig(&before_);
    Fence(&before_);
  }
  ~Tiles() { _tile_loadconfig(&before_); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;

  // For so many columns.
  void Configure(int width) {
    if (width == width_) return;
    Shapes shapes;
    shapes.palette = 1;
    const auto shape = [&](int tile, int rows) {
      shapes.rows[tile] = static_cast<uint8_t>(rows);
      shapes.bytes[tile] = rows > 0 ? kTileBytes : 0;
    };
    const int upper = std::min(width, kTileRows), lower = width - upper;
    for (int tile : {0, 1, 4}) shape(tile, upper);
    for (int tile : {2, 3, 5}) shape(tile, lower);
    for (int tile : {6, 7}) shape(tile, kTileRows);
    Fence(&shapes);
    _tile_loadconfig(&shapes);
    width_ = width;
  }

 private:
  Shapes before_;
  int width_ = 0;
};

void Pack(const float* column, int64_t blocks, int width, int at, void* packed) {
  char* to = static_cast<char*>(packed) + static_cast<size_t>(at) * kColumnBlock;
  for (int64_t l = 0; l < blocks; ++l, column += kBlock, to += static_cast<size_t>(width) * kColumnBlock) {
    const auto low = _mm512_cvtneps_pbh(_mm512_loadu_ps(column));
    const auto high = _mm512_cvtneps_pbh(_mm512_loadu_ps(column + 16));
    std::memcpy(to, &low, sizeof(low));
    std::memcpy(to + sizeof(low), &high, sizeof(high));
  }
}

// Two values of each lane as bf16, to the nearest.
inline __m512i Pairs(__m512 low, __m512 high) {
  const __m512i half = _mm512_set1_epi32(0x8000);
  const __m512i first = _mm512_srli_epi32(_mm512_add_epi32(_mm512_castps_si512(low), half), 16);
  return _mm512_mask_blend_epi16(0xaaaaaaaau, first, _mm512_add_epi32(_mm512_castps_si512(high), half));
}

inline void Expand(const PanelBlock& from, Expanded& to) {
  const __m512i mask = _mm512_set1_epi32(0x007f8000), base = _mm512_set1_epi32(0x43800000);
  for (int h = 0; h < kPanelRows / kTileRows; ++h) {
    const auto* halves = reinterpret_cast<const __m256i*>(from.scales + kTileRows * h);
    const __m512 scale = _mm512_cvtph_ps(_mm256_load_si256(halves));
    const __m512 offset = _mm512_mul_ps(scale, _mm512_set1_ps(-384.0f));
    // A stored value, 128 added, in the upper bits of a float's fraction makes it 256 + that. Exact: such a
    // product has 18 bits.
    const auto scaled = [&](__m512i shifted) {
      const __m512i bits = _mm512_ternarylogic_epi32(shifted, mask, base, 0xea);  // (a & b) | c
      return _mm512_fmadd_ps(_mm512_castsi512_ps(bits), scale, offset);
    };
    QWEN3GUARD_UNROLL for (int g = 0; g < kGroups; ++g) {
      const __m512i fours = _mm512_load_si512(from.values[g][kTileRows * h]);
      const __m512 first = scaled(_mm512_slli_epi32(fours, 15)), second = scaled(_mm512_slli_epi32(fours, 7));
      const __m512 third = scaled(_mm512_srli_epi32(fours, 1)), fourth = scaled(_mm512_srli_epi32(fours, 9));
      _mm512_store_si512(to.pairs[h][2 * g], Pairs(first, second));
      _mm512_store_si512(to.pairs[h][2 * g + 1], Pairs(third, fourth));
    }
  }
}

// Multiplies a chunk of a panel with a tile of columns. The first tile to do so brings the panel's blocks,
// which are expanded while the tiles are busy. Adds to the product, or begins it.
template <bool Two>
void Multiply(const PanelBlock* panel, Expanded* chunk, int blocks, const char* columns, int width,
              float* product, size_t stride, bool add) {
  const size_t bytes = stride * sizeof(float);
  float* below = product + kTileRows * stride;
  if (add) {
    _tile_loadd(0, product, bytes);
    _tile_loadd(1, product + kTileRows, bytes);
    if constexpr (Two) {
      _tile_loadd(2, below, bytes);
      _tile_loadd(3, below + kTileRows, bytes);
    }
  } else {
    _tile_zero(0);
    _tile_zero(1);
    if constexpr (Two) {
      _tile_zero(2);
      _tile_zero(3);
    }
  }
  if (panel != nullptr) {
    for (int l = 0; l < std::min(kAhead, blocks); ++l) Expand(panel[l], chunk[l]);
  }
  for (int l = 0; l < blocks; ++l, columns += static_cast<size_t>(width) * kColumnBlock) {
    if (panel != nullptr && l + kAhead < blocks) Expand(panel[l + kAhead], chunk[l + kAhead]);
    Fence(chunk);
    _tile_loadd(4, columns, kTileBytes);
    _tile_loadd(6, chunk[l].pairs[0], kTileBytes);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, chunk[l].pairs[1], kTileBytes);
    _tile_dpbf16ps(1, 4, 7);
    if constexpr (Two) {
      _tile_loadd(5, columns + kTileRows * kColumnBlock, kTileBytes);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, product, bytes);
  _tile_stored(1, product + kTileRows, bytes);
  if constexpr (Two) {
    _tile_stored(2, below, bytes);
    _tile_stored(3, below + kTileRows, bytes);
  }
}

// A panel times the tiles of columns from `first` up to `last`. `product` is where the first of them begins.
void MultiplyPanel(Tiles& tiles, const PanelBlock* panel, int64_t blocks, const char* packed, const Cut& cut,
                   int first, int last, float* product, size_t stride) {
  alignas(64) Expanded chunk[kChunk];
  for (int64_t start = 0; start < blocks; start += kChunk) {
    const int count = static_cast<int>(std::min<int64_t>(kChunk, blocks - start));
    const PanelBlock* next = panel + start;
    // Tiles of one width after the other's: the processor's are configured twice and not for each.
    const int least = cut.count / cut.tiles;
    for (int width = least; width <= least + 1; ++width) {
      for (int tile = first; tile < last; ++tile) {
        if (cut.width(tile) != width) continue;
        tiles.Configure(width);
        const int begin = cut.begin(tile);
        const char* columns = packed + static_cast<size_t>(blocks * begin + start * width) * kColumnBlock;
        float* place = product + static_cast<size_t>(begin - cut.begin(first)) * stride;
        const auto multiply = width > kTileRows ? Multiply<true> : Multiply<false>;
        multiply(next, chunk, count, columns, width, place, stride, start > 0);
        next = nullptr;
      }
    }
  }
}

void MultiplyAll(const Weights& weights, int64_t first, int64_t last, const void* packed, int count,
                 float* product, size_t stride) {
  const Cut cut(count, kTile);
  const auto* columns = static_cast<const char*>(packed);
  Tiles tiles;
  for (int64_t panel = first; panel < last; ++panel) {
    const PanelBlock* blocks = weights.data + panel * weights.blocks;
    const int64_t row = panel * kPanelRows;
    if (row + kPanelRows <= weights.rows) {
      MultiplyPanel(tiles, blocks, weights.blocks, columns, cut, 0, cut.tiles, product + row, stride);
      continue;
    }
    for (int tile = 0; tile < cut.tiles; ++tile) {
      float values[kTile * kPanelRows];
      MultiplyPanel(tiles, blocks, weights.blocks, columns, cut, tile, tile + 1, values, kPanelRows);
      Fence(values);
      for (int i = 0; i < cut.width(tile); ++i) {
        std::memcpy(product + static_cast<size_t>(cut.begin(tile) + i) * stride + row,
                    values + i * kPanelRows, static_cast<size_t>(weights.rows - row) * sizeof(float));
      }
    }
  }
}

// Linux saves tiles for processes that have asked for it; it may refuse.
bool Permitted() {
#if defined(QWEN3GUARD_EMULATED)
  return true;
#else
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  static const bool permitted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return permitted;
#endif
}

constexpr Kernel kKernel{"amx-bf16", kTile, kColumnBlock, Pack, MultiplyAll};

}  // namespace

const Kernel* Amx() {
  return Permitted() ? &kKernel : nullptr;
}

}  // namespace guard::kernels

#else

namespace guard::kernels {
const Kernel* Amx() {
  return nullptr;
}
}  // namespace guard::kernels

#endif
