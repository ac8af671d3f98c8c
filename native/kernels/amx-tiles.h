#pragma once

// Products by AMX's tiles of bf16: what the kernels for Q8_0 (amx.cc) and for f16 and bf16 (amx-halves.cc)
// share.
#include "kernels/tiles.h"

#if defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__AVX512BW__) && defined(__AVX512BF16__) && \
    defined(__linux__) && !defined(QWEN3GUARD_EMULATED)
#define QWEN3GUARD_REAL_TILES
#endif

#if defined(QWEN3GUARD_EMULATED)
#include "kernels/emulated-tiles.h"
#elif defined(QWEN3GUARD_REAL_TILES)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#if defined(QWEN3GUARD_EMULATED) || defined(QWEN3GUARD_REAL_TILES)
#define QWEN3GUARD_TILES

namespace guard::kernels {

// A tile has 16 rows of 64 bytes; columns are taken in twos of tiles.
constexpr int kTileBytes = 64, kTile = 2 * kTileRows;
static_assert(kBlock * sizeof(uint16_t) == kTileBytes, "a block of a column is a row of a tile");

// Blocks in bf16 that are at hand at once: as many as leave the first cache room for the columns.
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
struct alignas(64) TileShapes {
  uint8_t palette = 0, start = 0, reserved[14] = {};
  uint16_t bytes[16] = {};
  uint8_t rows[16] = {};
};
static_assert(sizeof(TileShapes) == 64, "as the instruction reads it");

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
    TileShapes shapes;
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

  // Linux saves tiles for processes that have asked for it; it may refuse.
  static bool Permitted() {
#if defined(QWEN3GUARD_EMULATED)
    return true;
#else
    constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    static const bool permitted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
    return permitted;
#endif
  }

 private:
  TileShapes before_;
  int width_ = 0;
};

// Two values of each lane as bf16, to the nearest.
inline __m512i BrainPairs(__m512 low, __m512 high) {
  const __m512i half = _mm512_set1_epi32(0x8000);
  const __m512i first = _mm512_srli_epi32(_mm512_add_epi32(_mm512_castps_si512(low), half), 16);
  return _mm512_mask_blend_epi16(0xaaaaaaaau, first, _mm512_add_epi32(_mm512_castps_si512(high), half));
}

// A value is a sum of so many bf16: the nearest, the nearest to what that lacks. A block of a tile's columns
// is their first parts, column after column, then their second ones.
template <int Parts>
constexpr size_t kBrainColumn = size_t{Parts} * kTileBytes;

template <int Parts>
void PackBrain(const float* column, int64_t blocks, int width, int at, void* packed) {
  char* to = static_cast<char*>(packed) + static_cast<size_t>(at) * kTileBytes;
  for (int64_t l = 0; l < blocks; ++l, column += kBlock) {
    for (int half = 0; half < 2; ++half) {
      __m512 rest = _mm512_loadu_ps(column + 16 * half);
      for (int part = 0; part < Parts; ++part) {
        const auto nearest = _mm512_cvtneps_pbh(rest);
        __m256i bits;
        std::memcpy(&bits, &nearest, sizeof(bits));
        std::memcpy(to + (static_cast<size_t>(part * width) * kTileBytes) + half * sizeof(bits), &bits,
                    sizeof(bits));
        const __m512i wide = _mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16);
        rest = _mm512_sub_ps(rest, _mm512_castsi512_ps(wide));
      }
    }
    to += static_cast<size_t>(width) * kBrainColumn<Parts>;
  }
}

// How weights of a kind come to the tiles:
//   Block     what a panel holds of a block of its rows
//   kParts    bf16 that a value is the sum of, and columns as well; the product of both second ones is left
//   out Expand    makes kParts blocks in bf16 of one; kinds whose Block is a BrainBlock have none

// Multiplies a chunk of a panel with a tile of columns. The first tile to do so brings the panel's blocks,
// `from`, which are expanded into `room` while the tiles are busy. Adds to the product, or begins it.
template <class Kind, bool Two>
void MultiplyChunk(const typename Kind::Block* from, BrainBlock* room, const BrainBlock* weights, int blocks,
                   const char* columns, int width, float* product, size_t stride, bool add) {
  constexpr int kParts = Kind::kParts;
  const size_t bytes = stride * sizeof(float);
  const auto part = static_cast<size_t>(width) * kTileBytes;
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
  const auto expand = [&](int l) {
    if constexpr (Kind::kExpands) {
      if (from != nullptr && l < blocks) Kind::Expand(from[l], room + l * kParts);
    }
  };
  for (int l = 0; l < kAhead; ++l) expand(l);
  for (int l = 0; l < blocks; ++l, weights += kParts) {
    expand(l + kAhead);
    Fence(weights);
    QWEN3GUARD_UNROLL for (int w = 0; w < kParts; ++w) {
      _tile_loadd(6, weights[w].values[0], kTileBytes);
      _tile_loadd(7, weights[w].values[1], kTileBytes);
      QWEN3GUARD_UNROLL for (int c = 0; c < kParts - w; ++c) {
        const char* column = columns + static_cast<size_t>(c) * part;
        _tile_loadd(4, column, kTileBytes);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if constexpr (Two) {
          _tile_loadd(5, column + kTileRows * kTileBytes, kTileBytes);
          _tile_dpbf16ps(2, 5, 6);
          _tile_dpbf16ps(3, 5, 7);
        }
      }
    }
    columns += kParts * part;
  }
  _tile_stored(0, product, bytes);
  _tile_stored(1, product + kTileRows, bytes);
  if constexpr (Two) {
    _tile_stored(2, below, bytes);
    _tile_stored(3, below + kTileRows, bytes);
  }
}

// A panel times the tiles of columns from `first` up to `last`. `product` is where the first of them begins.
template <class Kind>
void MultiplyPanel(Tiles& tiles, const typename Kind::Block* panel, int64_t blocks, const char* packed,
                   const Cut& cut, int first, int last, float* product, size_t stride) {
  constexpr int kBlocks = kChunk / Kind::kParts;
  alignas(64) BrainBlock room[Kind::kExpands ? kChunk : 1];
  for (int64_t start = 0; start < blocks; start += kBlocks) {
    const int count = static_cast<int>(std::min<int64_t>(kBlocks, blocks - start));
    const typename Kind::Block* next = panel + start;
    const BrainBlock* weights = room;
    if constexpr (!Kind::kExpands) weights = next;
    // Tiles of one width after the other's: the processor's are configured twice and not for each.
    const int least = cut.count / cut.tiles;
    for (int width = least; width <= least + 1; ++width) {
      for (int tile = first; tile < last; ++tile) {
        if (cut.width(tile) != width) continue;
        tiles.Configure(width);
        const int begin = cut.begin(tile);
        const char* columns =
            packed + static_cast<size_t>(blocks * begin + start * width) * kBrainColumn<Kind::kParts>;
        float* place = product + static_cast<size_t>(begin - cut.begin(first)) * stride;
        const auto multiply = width > kTileRows ? MultiplyChunk<Kind, true> : MultiplyChunk<Kind, false>;
        multiply(next, room, weights, count, columns, width, place, stride, start > 0);
        next = nullptr;
      }
    }
  }
}

// KernelOf::multiply.
template <class Kind>
void MultiplyByTiles(const WeightsOf<typename Kind::Block>& weights, int64_t first, int64_t last,
                     const void* packed, int count, float* product, size_t stride) {
  const Cut cut(count, kTile);
  const auto* columns = static_cast<const char*>(packed);
  Tiles tiles;
  for (int64_t panel = first; panel < last; ++panel) {
    const auto* blocks = weights.data + panel * weights.blocks;
    const int64_t row = panel * kPanelRows;
    if (row + kPanelRows <= weights.rows) {
      MultiplyPanel<Kind>(tiles, blocks, weights.blocks, columns, cut, 0, cut.tiles, product + row, stride);
      continue;
    }
    for (int tile = 0; tile < cut.tiles; ++tile) {
      float values[kTile * kPanelRows];
      MultiplyPanel<Kind>(tiles, blocks, weights.blocks, columns, cut, tile, tile + 1, values, kPanelRows);
      Fence(values);
      for (int i = 0; i < cut.width(tile); ++i) {
        std::memcpy(product + static_cast<size_t>(cut.begin(tile) + i) * stride + row,
                    values + i * kPanelRows, static_cast<size_t>(weights.rows - row) * sizeof(float));
      }
    }
  }
}

template <class Kind>
constexpr KernelOf<typename Kind::Block> TileKernel(const char* name) {
  return {name, kTile, kBrainColumn<Kind::kParts>, PackBrain<Kind::kParts>, MultiplyByTiles<Kind>};
}

}  // namespace guard::kernels

#endif
