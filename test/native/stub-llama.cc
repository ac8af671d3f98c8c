#include "stub-llama.h"

#include <ggml-backend.h>
#include <ggml-cpu.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>

#define CHECK(condition)                                                     \
  do {                                                                       \
    if (!(condition)) {                                                      \
      std::fprintf(stderr, "stub-llama.cc:%d: %s\n", __LINE__, #condition); \
      std::abort();                                                          \
    }                                                                        \
  } while (false)

namespace {

using Cells = std::map<llama_pos, llama_token>;  // of one sequence

struct Cell {
  llama_pos position;
  llama_token token;
};

ggml_log_callback log_callback = nullptr;

void Log(ggml_log_level level, const char* text) {
  if (log_callback != nullptr) log_callback(level, text, nullptr);
}

// A position that the sequence does not hold makes what follows it not finite.
std::vector<float> DigestOf(const Cells& cells, llama_pos last) {
  uint64_t hash = 1469598103934665603u;
  llama_pos next = 0;
  for (const auto& [position, token] : cells) {
    if (position > last) break;
    if (position != next++) return std::vector<float>(stub::kHeads, std::numeric_limits<float>::quiet_NaN());
    hash = (hash ^ static_cast<uint64_t>(token + 1)) * 1099511628211u;
  }
  if (next != last + 1) return std::vector<float>(stub::kHeads, std::numeric_limits<float>::quiet_NaN());
  return {static_cast<float>(hash >> 44), static_cast<float>((hash >> 24) & 0xfffff),
          static_cast<float>(last)};
}

}  // namespace

struct llama_vocab {};

struct llama_model {
  llama_vocab vocab;
};

struct llama_memory_i {
  std::vector<Cells> sequences;
};

struct llama_context {
  llama_context_params params;
  llama_memory_i memory;
  std::vector<std::vector<float>> outputs;
  uint32_t decodes;
};

struct ggml_threadpool {
  int threads;
};

namespace stub {

std::vector<float> Digest(const std::vector<llama_token>& tokens) {
  Cells cells;
  for (size_t i = 0; i < tokens.size(); ++i) cells[static_cast<llama_pos>(i)] = tokens[i];
  return DigestOf(cells, static_cast<llama_pos>(tokens.size()) - 1);
}

Faults& faults() {
  static Faults faults;
  return faults;
}

}  // namespace stub

extern "C" {

void llama_backend_init() {}
void llama_log_set(ggml_log_callback callback, void*) {
  log_callback = callback;
}

llama_model_params llama_model_default_params() {
  llama_model_params params;
  std::memset(&params, 0, sizeof(params));
  return params;
}

llama_model* llama_model_load_from_file(const char* path, llama_model_params params) {
  for (int step = 0; step <= 10; ++step) {
    Log(GGML_LOG_LEVEL_INFO, "a tensor was loaded\n");
    if (!params.progress_callback(static_cast<float>(step) / 10, params.progress_callback_user_data)) {
      return nullptr;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  if (std::strstr(path, "broken") != nullptr) {
    Log(GGML_LOG_LEVEL_ERROR, "a tensor is missing\n");
    return nullptr;
  }
  return new llama_model();
}

void llama_model_free(llama_model* model) {
  delete model;
}
const llama_vocab* llama_model_get_vocab(const llama_model* model) {
  return &model->vocab;
}
int32_t llama_vocab_n_tokens(const llama_vocab*) {
  return stub::kVocabulary;
}
int32_t llama_model_n_embd_out(const llama_model*) {
  return stub::kHeads;
}
int32_t llama_model_meta_val_str(const llama_model*, const char*, char* buffer, size_t size) {
  return std::snprintf(buffer, size, "stream");
}
llama_token_attr llama_vocab_get_attr(const llama_vocab*, llama_token) {
  return LLAMA_TOKEN_ATTR_NORMAL;
}
const char* llama_vocab_get_text(const llama_vocab*, llama_token) {
  return "";
}
int32_t llama_token_to_piece(const llama_vocab*, llama_token, char* buffer, int32_t, int32_t, bool) {
  buffer[0] = 'x';
  return 1;
}
int32_t llama_tokenize(const llama_vocab*, const char*, int32_t, llama_token*, int32_t, bool, bool) {
  return 0;
}

llama_context_params llama_context_default_params() {
  llama_context_params params;
  std::memset(&params, 0, sizeof(params));
  return params;
}

llama_context* llama_init_from_model(llama_model*, llama_context_params params) {
  auto* context = new llama_context();
  context->params = params;
  context->memory.sequences.resize(params.n_seq_max);
  return context;
}
void llama_free(llama_context* context) {
  delete context;
}
uint32_t llama_n_ctx_seq(const llama_context* context) {
  const llama_context_params& params = context->params;
  return params.kv_unified ? params.n_ctx : params.n_ctx / params.n_seq_max;
}
llama_memory_t llama_get_memory(const llama_context* context) {
  return const_cast<llama_memory_i*>(&context->memory);
}
void llama_attach_threadpool(llama_context*, ggml_threadpool_t, ggml_threadpool_t) {}
void llama_synchronize(llama_context*) {}

bool llama_memory_seq_rm(llama_memory_t memory, llama_seq_id sequence, llama_pos from, llama_pos to) {
  auto& left = stub::faults().cells_fail_after;
  if (left > 0 && --left == 0) throw std::runtime_error("the cells are out of order");
  Cells& cells = memory->sequences.at(static_cast<size_t>(sequence));
  cells.erase(cells.lower_bound(std::max(from, 0)), to < 0 ? cells.end() : cells.lower_bound(to));
  return true;
}

void llama_memory_seq_cp(llama_memory_t memory, llama_seq_id from, llama_seq_id to, llama_pos first,
                         llama_pos last) {
  const Cells& source = memory->sequences.at(static_cast<size_t>(from));
  Cells& target = memory->sequences.at(static_cast<size_t>(to));
  target.insert(source.lower_bound(first), source.lower_bound(last));
}

size_t llama_state_seq_get_size(llama_context* context, llama_seq_id sequence) {
  return context->memory.sequences.at(static_cast<size_t>(sequence)).size() * sizeof(Cell);
}
size_t llama_state_seq_get_data(llama_context* context, uint8_t* bytes, size_t size, llama_seq_id sequence) {
  size_t at = 0;
  for (const auto& [position, token] : context->memory.sequences.at(static_cast<size_t>(sequence))) {
    const Cell cell{position, token};
    CHECK(at + sizeof(cell) <= size);
    std::memcpy(bytes + at, &cell, sizeof(cell));
    at += sizeof(cell);
  }
  return at;
}
size_t llama_state_seq_set_data(llama_context* context, const uint8_t* bytes, size_t size,
                                llama_seq_id sequence) {
  Cells& cells = context->memory.sequences.at(static_cast<size_t>(sequence));
  cells.clear();
  for (size_t at = 0; at < size; at += sizeof(Cell)) {
    Cell cell;
    std::memcpy(&cell, bytes + at, sizeof(cell));
    cells[cell.position] = cell.token;
  }
  return size;
}

llama_batch llama_batch_init(int32_t size, int32_t, int32_t) {
  const auto count = static_cast<size_t>(size);
  llama_batch batch;
  std::memset(&batch, 0, sizeof(batch));
  batch.token = new llama_token[count];
  batch.pos = new llama_pos[count];
  batch.n_seq_id = new int32_t[count];
  batch.seq_id = new llama_seq_id*[count + 1];
  for (size_t i = 0; i < count; ++i) batch.seq_id[i] = new llama_seq_id[1];
  batch.seq_id[count] = nullptr;
  batch.logits = new int8_t[count];
  return batch;
}
void llama_batch_free(llama_batch batch) {
  delete[] batch.token;
  delete[] batch.pos;
  delete[] batch.n_seq_id;
  for (size_t i = 0; batch.seq_id[i] != nullptr; ++i) delete[] batch.seq_id[i];
  delete[] batch.seq_id;
  delete[] batch.logits;
}

int32_t llama_decode(llama_context* context, llama_batch batch) {
  const llama_context_params& params = context->params;
  CHECK(batch.n_tokens > 0 && batch.n_tokens <= static_cast<int32_t>(params.n_batch));
  const uint32_t every = stub::faults().decode_every;
  const uint32_t decode = ++context->decodes;
  const bool fails = every > 0 && decode % every == 0;
  const uint32_t way = every > 0 ? decode / every % 5 : 0;

  context->outputs.assign(static_cast<size_t>(batch.n_tokens), {});
  uint32_t outputs = 0;
  for (int32_t i = 0; i < batch.n_tokens; ++i) {
    if (params.abort_callback(params.abort_callback_data)) {
      Log(GGML_LOG_LEVEL_ERROR, "graph compute was stopped\n");
      return 2;
    }
    if (fails && i == batch.n_tokens / 2) {  // what came before is in the cells
      Log(GGML_LOG_LEVEL_ERROR, "graph compute failed\n");
      if (way == 3) throw std::bad_alloc();
      if (way == 4) throw std::runtime_error("a decode threw");
      return way == 0 ? 1 : way == 1 ? -2 : -3;
    }
    CHECK(batch.n_seq_id[i] == 1);
    Cells& cells = context->memory.sequences.at(static_cast<size_t>(batch.seq_id[i][0]));
    CHECK(batch.pos[i] == (cells.empty() ? 0 : cells.rbegin()->first + 1));
    CHECK(cells.size() < llama_n_ctx_seq(context));
    cells[batch.pos[i]] = batch.token[i];
    if (batch.logits[i] == 0) continue;
    CHECK(++outputs <= params.n_outputs_max);
    context->outputs[static_cast<size_t>(i)] = DigestOf(cells, batch.pos[i]);
  }
  if (decode % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(decode % 400));
  if (decode % 50 == 0) Log(GGML_LOG_LEVEL_WARN, "fifty decodes more\n");
  return 0;
}

float* llama_get_embeddings_ith(llama_context* context, int32_t index) {
  auto& output = context->outputs.at(static_cast<size_t>(index));
  return output.empty() ? nullptr : output.data();
}
float* llama_get_logits_ith(llama_context*, int32_t) {
  return nullptr;
}

ggml_threadpool_params ggml_threadpool_params_default(int threads) {
  ggml_threadpool_params params;
  std::memset(&params, 0, sizeof(params));
  params.n_threads = threads;
  return params;
}
ggml_threadpool* ggml_threadpool_new(ggml_threadpool_params* params) {
  return new ggml_threadpool{params->n_threads};
}
void ggml_threadpool_free(ggml_threadpool* pool) {
  delete pool;
}

size_t ggml_backend_reg_count() {
  return 0;
}
ggml_backend_reg_t ggml_backend_reg_get(size_t) {
  return nullptr;
}
const char* ggml_backend_reg_name(ggml_backend_reg_t) {
  return "CPU";
}
size_t ggml_backend_reg_dev_count(ggml_backend_reg_t) {
  return 0;
}
ggml_backend_dev_t ggml_backend_reg_dev_get(ggml_backend_reg_t, size_t) {
  return nullptr;
}
ggml_backend_dev_t ggml_backend_dev_by_name(const char*) {
  return nullptr;
}
const char* ggml_backend_dev_name(ggml_backend_dev_t) {
  return "STUB0";
}
const char* ggml_backend_dev_description(ggml_backend_dev_t) {
  return "a device that is not there";
}
enum ggml_backend_dev_type ggml_backend_dev_type(ggml_backend_dev_t) {
  return GGML_BACKEND_DEVICE_TYPE_GPU;
}
void ggml_backend_dev_memory(ggml_backend_dev_t, size_t* free, size_t* total) {
  *free = *total = 0;
}

}  // extern "C"
