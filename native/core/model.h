#pragma once

#include <ggml-backend.h>
#include <llama.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/mapped-files.h"

namespace guard {

struct AddedToken {
  std::string text;
  int32_t id;
  bool control;
};

// A GGUF file's weights and tokenizer. Immutable after Load, so any thread may use it; engines share it.
class Model {
 public:
  struct Options {
    std::string path;
    std::string device;       // ggml's name of a GPU; empty: the CPU
    int32_t gpu_layers = -1;  // layers on the GPU, the last ones; -1: all, with the output layer
    bool repack = true;       // rearrange weights for this CPU's kernels, where ggml has such
    bool mmap = true;         // use the file's pages instead of reading them
    std::function<bool(float)> on_progress;  // [loading thread] false stops the load
  };

  // [worker thread] Throws Failure(ERR_MODEL_LOAD | ERR_MEMORY | ERR_BACKEND_FAILED | ERR_ABORTED). The file
  // must have passed the check in lib/models.
  static std::shared_ptr<Model> Load(const Options& options);

  llama_model* get() const { return model_.get(); }
  // [any thread] Throws Failure(ERR_MODEL_LOAD) where the file is not what it was when it was loaded, as far
  // as its pages are still in use.
  void RequireUnchanged() const;
  // The GPU that holds layers of it; null on the CPU.
  ggml_backend_dev_t device() const { return device_; }
  const llama_vocab* vocab() const { return vocab_; }

  int32_t vocab_size() const { return vocab_size_; }
  // Logits a position that the guard heads give; 0 for a model with an LM head.
  int32_t head_outputs() const { return head_outputs_; }
  // UTF-8 bytes each id stands for; 0 for control tokens.
  const std::vector<int32_t>& token_lengths() const { return token_lengths_; }
  const std::vector<AddedToken>& added_tokens() const { return added_tokens_; }

  // Ids of UTF-8 text in which nothing is special. Throws Failure(ERR_DECODE) if llama.cpp refuses it.
  std::vector<llama_token> Tokenize(const std::string& text) const;
  // UTF-8 bytes of ids; control tokens are left out.
  std::string Detokenize(const std::vector<llama_token>& ids) const;

  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

 private:
  struct Free {
    void operator()(llama_model* model) const { llama_model_free(model); }
  };

  Model() = default;
  void ReadVocabulary();

  std::string path_;
  std::unique_ptr<MappedFiles> files_;  // longer than what is mapped
  std::unique_ptr<llama_model, Free> model_;
  ggml_backend_dev_t device_ = nullptr;
  const llama_vocab* vocab_ = nullptr;
  int32_t vocab_size_ = 0;
  int32_t head_outputs_ = 0;
  std::vector<int32_t> token_lengths_;
  std::vector<AddedToken> added_tokens_;
};

}  // namespace guard
