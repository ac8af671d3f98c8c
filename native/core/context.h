#pragma once

#include <ggml-cpu.h>
#include <llama.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/model.h"

namespace guard {

// llama_decode's codes.
constexpr int32_t kAllocationFailed = -2;
constexpr int32_t kComputeFailed = -3;

enum class KvType { kF16, kQ8_0, kF32 };

struct ContextOptions {
  int32_t cells = 0;
  int32_t max_sequences = 1;
  bool unified = false;
  int32_t batch_size = 512;
  int32_t ubatch_size = 512;
  int32_t max_outputs = 512;
  int32_t prefill_tokens = 128;  // with so many tokens of prefills in it a decode takes up no other
  bool offloads = false;         // what is shared leaves the cells while nobody shares it
  int32_t kept_cells = 0;        // of done sequences, kept outside the cells
  // Tokens in a decode of a request that says all that its sequence is to hold, and of one that goes on from
  // what it holds. Not 0: a decode takes up one request, so that what is computed follows from the request
  // (native/core/alone.cc). Split cache only.
  int32_t alone_whole = 0;
  int32_t alone_following = 0;
  int32_t threads = 1;
  KvType kv_type = KvType::kF16;
  llama_flash_attn_type flash_attention = LLAMA_FLASH_ATTN_TYPE_AUTO;
};

// The bytes of some cells of a sequence. Not a vector, which would write zeros over all of it first.
struct State {
  std::unique_ptr<uint8_t[]> bytes;
  size_t size = 0;
};

// Owns a llama_context, its thread pool and its batch. Not thread-safe: the engine's thread uses it.
//
// llama.cpp asserts cannot be caught, so everything that would trip one is checked here first: the batch's
// size, the number of outputs, partial copies between split caches, positions that do not follow on.
class Context {
 public:
  // Throws Failure(ERR_MEMORY). `stop` ends a decode early when it becomes true.
  Context(std::shared_ptr<Model> model, const ContextOptions& options, const std::atomic<bool>* stop);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Model& model() const { return *model_; }
  const ContextOptions& options() const { return options_; }
  // Cells a sequence may hold.
  int32_t sequence_capacity() const { return sequence_capacity_; }
  // The tokens that a sequence holds: nobody else keeps a record of the cells.
  const std::vector<llama_token>& held(int32_t sequence) const {
    return held_[static_cast<size_t>(sequence)];
  }
  int32_t length(int32_t sequence) const { return static_cast<int32_t>(held(sequence).size()); }

  // Keeps the first `count` cells of a sequence.
  void Truncate(int32_t sequence, int32_t count);
  // Makes the first `count` cells of `source` the whole content of `target` (unified cache only).
  void Share(int32_t source, int32_t target, int32_t count);

  // What the sequence's cells hold, to be put back bit by bit into any sequence of this context. Without
  // bytes if there is nothing, or no memory for it.
  State Copy(int32_t sequence) const;
  // Empties the sequence and gives what its cells from `skip` on held.
  State Offload(int32_t sequence, int32_t skip);
  // Makes the first `skip` cells of `shared` and what was offloaded of a sequence that shared them, which
  // held `tokens`, its whole content. False, and the sequence is empty, if there are no cells or no memory
  // for it.
  bool Restore(int32_t sequence, const State& state, const std::vector<llama_token>& tokens, int32_t shared,
               int32_t skip);

  int32_t batch_count() const { return batch_.n_tokens; }
  int32_t batch_room() const { return options_.batch_size - batch_.n_tokens; }
  int32_t output_room() const { return options_.max_outputs - outputs_; }
  // Adds a token at the end of the sequence. The caller has checked the rooms and the capacity.
  void Add(llama_token token, int32_t sequence, bool output);
  // Decodes the batch, waits for its outputs and empties it. llama_decode's codes: 0 done, 1 no cells,
  // 2 stopped, < 0 failed. On anything but 0 every sequence in the batch is as long as before.
  // Throws what a GPU's driver reports; the context is of no use after that.
  int32_t Decode();
  // [engine thread] A decode on a GPU threw: nothing of this context is ever freed, since its driver may be
  // in the middle of it.
  void Abandon();

  // Guard head logits (head_outputs floats) of a batch position flagged as output; nullptr if llama.cpp has
  // none.
  const float* Heads(int32_t batch_index) const;
  // Vocabulary logits of a batch position flagged as output.
  const float* Logits(int32_t batch_index) const;

 private:
  struct FreeContext {
    void operator()(llama_context* context) const { llama_free(context); }
  };
  struct FreePool {
    void operator()(ggml_threadpool* pool) const { ggml_threadpool_free(pool); }
  };
  // llama_batch_init does not look whether it got its memory.
  class Batch {
   public:
    explicit Batch(int32_t size);
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    llama_batch value{};

   private:
    std::vector<llama_token> tokens_;
    std::vector<llama_pos> positions_;
    std::vector<int32_t> counts_;
    std::vector<llama_seq_id> sequences_;
    std::vector<llama_seq_id*> lists_;
    std::vector<int8_t> outputs_;
  };

  // llama_decode, and what a test makes of it.
  int32_t TryDecode();

  std::shared_ptr<Model> model_;  // outlives the context
  ContextOptions options_;
  const std::atomic<bool>* stop_;
  std::unique_ptr<ggml_threadpool, FreePool> pool_;  // outlives the context
  std::unique_ptr<llama_context, FreeContext> context_;
  Batch owned_batch_;
  llama_batch& batch_;
  int32_t outputs_ = 0;
  bool abandoned_ = false;
  int32_t sequence_capacity_ = 0;
  std::vector<std::vector<llama_token>> held_;
};

}  // namespace guard
