#include "core/context.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <thread>
#include <utility>

#include "core/device.h"
#include "core/failure.h"
#include "core/faults.h"
#include "core/log.h"

namespace guard {

namespace {

ggml_type ToGgml(KvType type) {
  switch (type) {
    case KvType::kF32:
      return GGML_TYPE_F32;
    case KvType::kQ8_0:
      return GGML_TYPE_Q8_0;
    default:
      return GGML_TYPE_F16;
  }
}

bool ShouldStop(void* data) {
  return static_cast<const std::atomic<bool>*>(data)->load(std::memory_order_relaxed);
}

// As if a decode took so long; with `stop` it can be stopped.
void Linger(int64_t ms, const std::atomic<bool>* stop) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
  while (std::chrono::steady_clock::now() < until && (stop == nullptr || !*stop)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

Context::Batch::Batch(int32_t size)
    : tokens_(static_cast<size_t>(size)),
      positions_(tokens_.size()),
      counts_(tokens_.size(), 1),
      sequences_(tokens_.size()),
      lists_(tokens_.size() + 1, nullptr),
      outputs_(tokens_.size()) {
  for (size_t i = 0; i < tokens_.size(); ++i) lists_[i] = &sequences_[i];
  value.token = tokens_.data();
  value.pos = positions_.data();
  value.n_seq_id = counts_.data();
  value.seq_id = lists_.data();
  value.logits = outputs_.data();
}

Context::Context(std::shared_ptr<Model> model, const ContextOptions& options, const std::atomic<bool>* stop)
    : model_(std::move(model)),
      options_(options),
      stop_(stop),
      owned_batch_(options.batch_size),
      batch_(owned_batch_.value),
      held_(static_cast<size_t>(options.max_sequences)) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<uint32_t>(options.cells);
  params.n_batch = static_cast<uint32_t>(options.batch_size);
  params.n_ubatch = static_cast<uint32_t>(options.ubatch_size);
  params.n_seq_max = static_cast<uint32_t>(options.max_sequences);
  params.n_outputs_max = static_cast<uint32_t>(options.max_outputs);
  params.n_threads = options.threads;
  params.n_threads_batch = options.threads;
  params.pooling_type = LLAMA_POOLING_TYPE_NONE;
  params.flash_attn_type = options.flash_attention;
  params.offload_kqv =
      model_->device() != nullptr;  // without, the mask tells our attention kernel the positions
  params.type_k = ToGgml(options.kv_type);
  params.type_v = ToGgml(options.kv_type);
  params.embeddings = model_->head_outputs() > 0;  // guard logits come out as embeddings
  params.no_perf = true;
  params.kv_unified = options.unified;
  params.abort_callback = ShouldStop;
  params.abort_callback_data = const_cast<std::atomic<bool>*>(stop);

  RequireNotLost(model_->device());
  ErrorCapture errors;
  std::string reason;
  try {
    context_.reset(llama_init_from_model(model_->get(), params));
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    reason = error.what();
  }
  if (!context_) {
    reason = "llama.cpp could not create the context: " +
             (reason.empty() ? errors.text() : reason + "; " + errors.text());
    const bool memory =
        reason.find("alloc") != std::string::npos || reason.find("emory") != std::string::npos;
    if (memory) throw Failure("ERR_MEMORY", reason);
    if (model_->device() == nullptr) throw Failure("ERR_MODEL_LOAD", reason);
    throw Failure("ERR_BACKEND_FAILED", DeviceLabel(model_->device()) + ": " + reason);
  }

  // Without a pool of its own llama.cpp starts and ends its threads in every decode.
  ggml_threadpool_params pool = ggml_threadpool_params_default(options.threads);
  pool.poll = 0;  // a worker sleeps until the next decode, which is some milliseconds away
  pool_.reset(ggml_threadpool_new(&pool));
  if (!pool_) {
    throw Failure("ERR_MEMORY", "the system gave fewer threads than the " + std::to_string(options.threads) +
                                    " for decoding (a limit on processes or threads?): raise it (ulimit -u, "
                                    "pids.max), or load with fewer threads");
  }
  llama_attach_threadpool(context_.get(), pool_.get(), pool_.get());

  sequence_capacity_ = static_cast<int32_t>(llama_n_ctx_seq(context_.get()));
}

Context::~Context() {
  if (!abandoned_ && !IsLost(model_->device())) return;
  (void)context_.release();
  (void)pool_.release();
}

void Context::Abandon() {
  abandoned_ = true;
}

void Context::Truncate(int32_t sequence, int32_t count) {
  if (count >= length(sequence)) return;
  llama_memory_seq_rm(llama_get_memory(context_.get()), sequence, count, -1);
  held_[static_cast<size_t>(sequence)].resize(static_cast<size_t>(count));
}

void Context::Share(int32_t source, int32_t target, int32_t count) {
  if (!options_.unified) throw Failure("ERR_INTERNAL", "a split KV cache cannot share cells");
  if (count > length(source)) throw Failure("ERR_INTERNAL", "the shared prefix is longer than its sequence");
  if (source == target) return Truncate(target, count);
  std::vector<llama_token> tokens(held(source).begin(), held(source).begin() + count);
  llama_memory_t memory = llama_get_memory(context_.get());
  llama_memory_seq_rm(memory, target, -1, -1);
  if (count > 0) llama_memory_seq_cp(memory, source, target, 0, count);
  held_[static_cast<size_t>(target)] = std::move(tokens);
}

State Context::Copy(int32_t sequence) const {
  State state;
  try {
    const size_t size = llama_state_seq_get_size(context_.get(), sequence);
    state.bytes.reset(new uint8_t[size]);
    state.size = llama_state_seq_get_data(context_.get(), state.bytes.get(), size, sequence);
  } catch (const std::bad_alloc&) {
    state.size = 0;
  }
  if (state.size == 0) state.bytes.reset();
  return state;
}

State Context::Offload(int32_t sequence, int32_t skip) {
  State state;
  if (length(sequence) > skip) {
    llama_memory_seq_rm(llama_get_memory(context_.get()), sequence, 0, skip);
    state = Copy(sequence);
  }
  llama_memory_seq_rm(llama_get_memory(context_.get()), sequence, -1, -1);
  held_[static_cast<size_t>(sequence)].clear();
  return state;
}

bool Context::Restore(int32_t sequence, const State& state, const std::vector<llama_token>& tokens,
                      int32_t shared, int32_t skip) {
  Truncate(sequence, 0);
  std::vector<llama_token>& held = held_[static_cast<size_t>(sequence)];
  try {
    held.reserve(tokens.size());  // the copy below takes no memory then
    if (llama_state_seq_set_data(context_.get(), state.bytes.get(), state.size, sequence) == 0) return false;
  } catch (const std::exception&) {
    return false;
  }
  if (skip > 0) llama_memory_seq_cp(llama_get_memory(context_.get()), shared, sequence, 0, skip);
  held = tokens;
  return true;
}

void Context::Add(llama_token token, int32_t sequence, bool output) {
  const int32_t i = batch_.n_tokens++;
  batch_.token[i] = token;
  batch_.pos[i] = length(sequence);
  held_[static_cast<size_t>(sequence)].push_back(token);
  batch_.n_seq_id[i] = 1;
  batch_.seq_id[i][0] = sequence;
  batch_.logits[i] = output;
  if (output) ++outputs_;
}

int32_t Context::TryDecode() {
  if (const int64_t status = Due(Fault::kDecode)) return static_cast<int32_t>(status);
  if (const int64_t ms = Due(Fault::kSlow)) Linger(ms, stop_);
  if (const int64_t ms = Due(Fault::kStuck)) Linger(ms, nullptr);
  const int32_t status = llama_decode(context_.get(), batch_);
  if (const int64_t other = Due(Fault::kCells)) return static_cast<int32_t>(other);
  return status;
}

int32_t Context::Decode() {
  const QuietOnStop quiet(stop_);
  int32_t status;
  try {
    status = TryDecode();
    // A GPU computes on after the call: what goes wrong there shows here.
    if (status == 0 && model_->device() != nullptr) llama_synchronize(context_.get());
  } catch (const std::bad_alloc&) {
    status = kAllocationFailed;
  } catch (const std::exception&) {
    if (model_->device() != nullptr) throw;
    status = kComputeFailed;
  }
  if (status != 0) {
    // The first position a sequence has in the batch is where it was; micro-batches that were decoded
    // before the failure have left cells behind it.
    for (int32_t i = batch_.n_tokens - 1; i >= 0; --i) {
      held_[static_cast<size_t>(batch_.seq_id[i][0])].resize(static_cast<size_t>(batch_.pos[i]));
    }
    for (int32_t i = 0; i < batch_.n_tokens; ++i) {
      const int32_t sequence = batch_.seq_id[i][0];
      llama_memory_seq_rm(llama_get_memory(context_.get()), sequence, length(sequence), -1);
    }
  }
  batch_.n_tokens = 0;
  outputs_ = 0;
  return status;
}

const float* Context::Heads(int32_t batch_index) const {
  return llama_get_embeddings_ith(context_.get(), batch_index);
}

const float* Context::Logits(int32_t batch_index) const {
  return llama_get_logits_ith(context_.get(), batch_index);
}

}  // namespace guard
