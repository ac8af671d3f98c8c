#include "core/model.h"

#include <chrono>
#include <exception>
#include <limits>
#include <thread>
#include <utility>

#include "core/device.h"
#include "core/failure.h"
#include "core/faults.h"
#include "core/freed-memory.h"
#include "core/log.h"
#include "core/process-exit.h"

namespace guard {

namespace {

struct Listener {
  const std::function<bool(float)>& report;
  MappedFiles& files;
  bool given_up;
  bool is_protected;
};

bool OnProgress(float fraction, void* data) {
  auto& listener = *static_cast<Listener*>(data);
  // It is told before the first tensor is read.
  if (!std::exchange(listener.is_protected, true)) listener.files.Protect();
  if (const int64_t ms = Due(Fault::kProgress)) std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  if (listener.report && !listener.report(fraction)) listener.given_up = true;
  return !ProcessIsExiting() && !listener.given_up;
}

// Bytes of one token; 0 for control tokens (special = false).
std::string Piece(const llama_vocab* vocab, llama_token id) {
  char small[64];
  int32_t n = llama_token_to_piece(vocab, id, small, sizeof(small), 0, false);
  if (n >= 0) return std::string(small, static_cast<size_t>(n));
  std::string large(static_cast<size_t>(-n), '\0');
  n = llama_token_to_piece(vocab, id, large.data(), static_cast<int32_t>(large.size()), 0, false);
  large.resize(static_cast<size_t>(n > 0 ? n : 0));
  return large;
}

}  // namespace

std::shared_ptr<Model> Model::Load(const Options& options) {
  StartBackend();
  ggml_backend_dev_t devices[] = {nullptr, nullptr};
  if (!options.device.empty()) {
    devices[0] = FindDevice(options.device);
    if (devices[0] == nullptr) throw Failure("ERR_BACKEND_FAILED", "there is no device " + options.device);
    RequireNotLost(devices[0]);
  }
  llama_model_params params = llama_model_default_params();
  params.devices = devices;
  params.n_gpu_layers = devices[0] == nullptr ? 0 : options.gpu_layers;
  params.use_extra_bufts = options.repack;
  params.load_mode = options.mmap ? LLAMA_LOAD_MODE_AUTO : LLAMA_LOAD_MODE_NONE;
  params.progress_callback = OnProgress;
  auto files = std::make_unique<MappedFiles>(options.path);
  Listener listener{options.on_progress, *files, false, true};
  params.progress_callback_user_data = &listener;

  // It may have waited long for a thread.
  if (!OnProgress(0, &listener)) throw Failure("ERR_ABORTED", "the load was given up");
  listener.is_protected = false;
  ErrorCapture errors;
  std::shared_ptr<Model> model(new Model());
  model->path_ = options.path;
  model->files_ = std::move(files);
  try {
    model->model_.reset(llama_model_load_from_file(options.path.c_str(), params));
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw Failure("ERR_MODEL_LOAD", options.path + ": llama.cpp refused the model: " + error.what());
  }
  if (listener.given_up) throw Failure("ERR_ABORTED", "the load was given up");
  if (!model->model_) {
    const std::string said = errors.text();
    const bool memory =
        said.find("allocate") != std::string::npos || said.find("bad_alloc") != std::string::npos;
    throw Failure(memory ? "ERR_MEMORY" : "ERR_MODEL_LOAD",
                  options.path + ": llama.cpp refused the model: " + said);
  }
  model->RequireUnchanged();
  model->files_->ForgetUnmapped();
  model->device_ = devices[0];
  model->ReadVocabulary();
  ReturnFreedMemory();  // the file's metadata, which has every token and merge once more
  RegisterExitHandler(ExitStage::kModel);
  return model;
}

void Model::RequireUnchanged() const {
  const std::string change = files_->Change();
  if (change.empty()) return;
  throw Failure(
      "ERR_MODEL_LOAD",
      path_ + " was changed while it was in use: " + change +
          ". What it says is no verdict any more: load it again. To replace a model, rename the new file "
          "over the old one");
}

Model::~Model() {
  if (IsLost(device_)) (void)model_.release();
}

void Model::ReadVocabulary() {
  vocab_ = llama_model_get_vocab(model_.get());
  vocab_size_ = llama_vocab_n_tokens(vocab_);

  // The label arrays mark a guard model for the patched graph (native/patches); its logits come out as
  // an embedding of that width.
  char value[8];
  if (llama_model_meta_val_str(model_.get(), "qwen3guard.variant", value, sizeof(value)) > 0 &&
      std::string(value) == "stream") {
    head_outputs_ = llama_model_n_embd_out(model_.get());
  }

  token_lengths_.resize(static_cast<size_t>(vocab_size_));
  for (llama_token id = 0; id < vocab_size_; ++id) {
    token_lengths_[static_cast<size_t>(id)] = static_cast<int32_t>(Piece(vocab_, id).size());
    const auto attr = llama_vocab_get_attr(vocab_, id);
    if (attr & (LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_USER_DEFINED)) {
      added_tokens_.push_back({llama_vocab_get_text(vocab_, id), id, (attr & LLAMA_TOKEN_ATTR_CONTROL) != 0});
    }
  }
}

std::vector<llama_token> Model::Tokenize(const std::string& text) const {
  if (text.empty()) return {};
  if (text.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max() / 2)) {
    throw Failure("ERR_DECODE", "a text of more than 1 GiB cannot be tokenised");
  }
  // A token stands for at least one byte, so this always fits.
  std::vector<llama_token> ids(text.size());
  int32_t n;
  try {
    n = llama_tokenize(vocab_, text.data(), static_cast<int32_t>(text.size()), ids.data(),
                       static_cast<int32_t>(ids.size()), /*add_special=*/false, /*parse_special=*/false);
  } catch (const std::exception& error) {
    throw Failure("ERR_DECODE", std::string("the text could not be tokenised: ") + error.what());
  }
  if (n < 0) throw Failure("ERR_DECODE", "the text has more tokens than bytes");
  ids.resize(static_cast<size_t>(n));
  return ids;
}

std::string Model::Detokenize(const std::vector<llama_token>& ids) const {
  std::string text;
  for (llama_token id : ids) {
    if (id < 0 || id >= vocab_size_) throw Failure("ERR_INTERNAL", "token id out of range");
    text += Piece(vocab_, id);
  }
  return text;
}

}  // namespace guard
