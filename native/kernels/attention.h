#pragma once

#include <cstddef>
#include <cstdint>

namespace guard::kernels {

// Attention of queries in f32 to keys and values in f16, computed and summed up in f32: softmax(scale * Q K +
// mask) V. A piece is some queries of all the heads that share a head of keys, so that each key is converted
// once for many of them; or few queries of several heads, which read on in memory. What the mask hides from
// all of them costs nothing.
//
// A query's output is the same, to the last bit, whatever is computed beside it and wherever its cells lie,
// as long as `positions` orders them: products are summed in an order of their own alone, exponentials
// exactly, and values in the order of positions.
struct Attention {
  // Where a head's vector lies, strides in bytes.
  struct Vectors {
    const char* data;
    size_t row, head, stream;  // from one query or cell, head, stream to the next
  };
  int length;  // of a head's vectors: a multiple of 16
  int queries, heads, key_heads, streams;
  int cells;    // a multiple of kCells
  int threads;  // that compute pieces: no result depends on it
  float scale;
  Vectors query, key, value;
  const char* mask;  // f16, of each cell
  size_t mask_row, mask_stream;
  const char*
      positions;  // i32, of each cell, `mask_stream` from one stream to the next; null: cells lie in order
  float* output;  // [streams][queries][heads][length]
};

// Cells that are computed at once.
constexpr int kCells = 64;

int AttentionPieces(const Attention& attention);
// Floats that a thread needs to compute pieces, however many threads there are.
size_t AttentionScratch(const Attention& attention);
void Attend(const Attention& attention, int piece, float* scratch);

// Whether it was compiled in: it wants AVX2.
bool HasAttention();

}  // namespace guard::kernels
