// The bound: the decodes a guard asks for, made by a plain loop over llama.cpp with nothing around it, and
// the raw rates of a model. Reads commands from stdin and answers each with one line. Arguments: MODEL
// [setting=value]...
#include <ggml-cpu.h>
#include <llama.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "outside-heads.h"

namespace {

using Clock = std::chrono::steady_clock;

double Since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "loop: %s\n", why.c_str());
  std::exit(1);
}

// One request as the engine gets it: `tokens` after the first `keep` cells of the sequence, or of `from`.
struct Pass {
  int32_t sequence = 0, keep = 0, from = -1;
  std::vector<llama_token> tokens;
  std::vector<int32_t> read;
};

struct Settings {
  std::map<std::string, int> values = {
      {"threads", 2}, {"cells", 8192}, {"sequences", 16},     {"ubatch", 512},
      {"flash", 0},   {"pool", 1},  // 0: llama.cpp starts its threads in every decode
      {"poll", 1},    {"pin", 0},      {"repack", 1},         {"unified", 1},
      {"mmap", 0},    {"outputs", 64}, {"kv", GGML_TYPE_F16},  // ggml's number of a type
      {"huge", 1},                                             // 0: without huge pages, on Linux
  };
  // File whose guard heads are computed outside the library, on the embeddings of a plain model.
  std::string heads;
  int operator[](const std::string& name) const { return values.at(name); }
};

class Loop {
 public:
  Loop(const char* path, const Settings& settings) : batch_(llama_batch_init(2048, 0, 1)) {
#ifdef __linux__
    if (!settings["huge"]) prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
#endif
    llama_model_params model_params = llama_model_default_params();
    model_params.n_gpu_layers = 0;
    model_params.use_extra_bufts = settings["repack"] != 0;
    model_params.load_mode = settings["mmap"] != 0 ? LLAMA_LOAD_MODE_MMAP : LLAMA_LOAD_MODE_NONE;
    model_ = llama_model_load_from_file(path, model_params);
    if (!model_) Fail(std::string("cannot load ") + path);

    llama_context_params params = llama_context_default_params();
    params.n_ctx = static_cast<uint32_t>(settings["cells"]);
    params.n_batch = 2048;
    params.n_ubatch = static_cast<uint32_t>(settings["ubatch"]);
    params.n_seq_max = static_cast<uint32_t>(settings["sequences"]);
    params.n_outputs_max = static_cast<uint32_t>(settings["outputs"]);
    params.n_threads = params.n_threads_batch = settings["threads"];
    params.flash_attn_type =
        settings["flash"] ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
    params.type_k = params.type_v = static_cast<ggml_type>(settings["kv"]);
    params.no_perf = true;
    params.kv_unified = settings["unified"] != 0;
    context_ = llama_init_from_model(model_, params);
    if (!context_) Fail("cannot create the context");
    if (settings["pool"]) {
      ggml_threadpool_params pool = ggml_threadpool_params_default(settings["threads"]);
      pool.poll = static_cast<uint32_t>(settings["poll"]);
      if (settings["pin"]) {
        pool.strict_cpu = true;
        for (int i = 0; i < settings["threads"]; ++i) pool.cpumask[i] = true;
      }
      ggml_threadpool* threads = ggml_threadpool_new(&pool);
      llama_attach_threadpool(context_, threads, threads);
    }
    vocab_size_ = llama_vocab_n_tokens(llama_model_get_vocab(model_));
    // Guard heads have no logits: the model gives embeddings, whose width is not the vocabulary's.
    char value[8];
    heads_ = llama_model_meta_val_str(model_, "qwen3guard.variant", value, sizeof(value)) > 0 &&
             std::string(value) == "stream";
    head_outputs_ = static_cast<size_t>(llama_model_n_embd_out(model_));
    if (!settings.heads.empty()) outside_ = std::make_unique<OutsideHeads>(settings.heads);
    lengths_.resize(static_cast<size_t>(settings["sequences"]));
    llama_set_embeddings(context_, heads_ || outside_);
  }

  // Decodes one request and takes the greedy token of every position it reads. A request without tokens
  // empties its sequence.
  void Decode(const Pass& pass) {
    llama_memory_t memory = llama_get_memory(context_);
    if (pass.from >= 0) {
      llama_memory_seq_rm(memory, pass.sequence, -1, -1);
      if (pass.keep > 0) llama_memory_seq_cp(memory, pass.from, pass.sequence, 0, pass.keep);
    } else {
      llama_memory_seq_rm(memory, pass.sequence, pass.keep, -1);
    }
    if (pass.tokens.empty()) return;
    batch_.n_tokens = 0;
    for (size_t i = 0; i < pass.tokens.size(); ++i) {
      Add(pass.tokens[i], pass.keep + static_cast<int32_t>(i), pass.sequence, false);
    }
    for (int32_t index : pass.read) batch_.logits[index] = 1;
    if (llama_decode(context_, batch_) != 0) Fail("llama_decode failed");
    for (int32_t index : pass.read) Read(index);
  }

  // Brings the first `sequences` sequences to `count` positions: decodes what the first one lacks, in slices
  // of a micro-batch, and copies it to the others. Milliseconds of the decoding.
  double Fill(int32_t sequences, int32_t count) {
    const auto started = Clock::now();
    // With embeddings on, every position of a plain model goes through the LM head: this spares it that.
    llama_set_embeddings(context_, heads_);
    llama_memory_seq_rm(llama_get_memory(context_), 0, std::min(lengths_[0], count), -1);
    while (lengths_[0] < count) {
      batch_.n_tokens = 0;
      for (int32_t i = 0; i < 512 && lengths_[0] < count; ++i) {
        Add(Filler(lengths_[0]), lengths_[0], 0, false);
        ++lengths_[0];
      }
      batch_.logits[batch_.n_tokens - 1] = 1;
      if (llama_decode(context_, batch_) != 0) Fail("llama_decode failed");
      llama_synchronize(context_);
    }
    llama_set_embeddings(context_, heads_ || outside_);
    const double ms = Since(started);
    lengths_[0] = count;
    std::vector<uint8_t> state(sequences > 1 ? llama_state_seq_get_size(context_, 0) : 0);
    if (sequences > 1) llama_state_seq_get_data(context_, state.data(), state.size(), 0);
    for (int32_t i = 1; i < sequences; ++i) {
      if (llama_state_seq_set_data(context_, state.data(), state.size(), i) == 0) Fail("no room to copy to");
      lengths_[static_cast<size_t>(i)] = count;
    }
    return ms;
  }

  // Milliseconds of each of `count` decodes that append `each` tokens to every one of the sequences, in this
  // order, and read all of them. They go back to position `from` first.
  std::vector<double> Ticks(const std::vector<int32_t>& sequences, int32_t each, int32_t count,
                            int32_t from) {
    std::vector<double> times;
    for (int32_t tick = 0; tick < count; ++tick) {
      const auto started = Clock::now();
      batch_.n_tokens = 0;
      for (int32_t sequence : sequences) {
        if (tick == 0) llama_memory_seq_rm(llama_get_memory(context_), sequence, from, -1);
        for (int32_t i = 0; i < each; ++i) {
          const int32_t position = from + tick * each + i;
          Add(Filler(position), position, sequence, true);
        }
      }
      if (llama_decode(context_, batch_) != 0) Fail("llama_decode failed");
      for (int32_t i = 0; i < batch_.n_tokens; ++i) Read(i);
      times.push_back(Since(started));
    }
    return times;
  }

  // The guard heads' logits of the position read last.
  const std::vector<float>& head_logits() const {
    return head_logits_;
  }

  // Milliseconds of a prefill of `count` tokens, and the median of `steps` one-token steps after it.
  void Rates(int32_t count, int32_t steps) {
    Pass pass;
    for (int32_t i = 0; i < count; ++i) pass.tokens.push_back(1000 + i % 4000);
    pass.read = {count - 1};
    auto started = Clock::now();
    Decode(pass);
    const double prefill = Since(started);
    std::vector<double> times;
    for (int32_t i = 0; i < steps; ++i) {
      Pass step;
      step.keep = count + i;
      step.tokens = {1000 + i};
      step.read = {0};
      started = Clock::now();
      Decode(step);
      times.push_back(Since(started));
    }
    Decode({});
    std::sort(times.begin(), times.end());
    std::printf("%.4f %.4f\n", prefill, times.empty() ? 0 : times[times.size() / 2]);
  }

 private:
  static llama_token Filler(int32_t position) {
    return 1000 + position % 4000;
  }

  void Add(llama_token token, int32_t position, int32_t sequence, bool output) {
    const auto at = static_cast<size_t>(batch_.n_tokens++);
    batch_.token[at] = token;
    batch_.pos[at] = position;
    batch_.n_seq_id[at] = 1;
    batch_.seq_id[at][0] = sequence;
    batch_.logits[at] = output;
  }

  // Takes what a position gives: the guard heads' logits, or the greedy token.
  void Read(int32_t index) {
    if (heads_) {
      const float* logits = llama_get_embeddings_ith(context_, index);
      head_logits_.assign(logits, logits + head_outputs_);
    } else if (outside_) {
      outside_->Apply(llama_get_embeddings_ith(context_, index), head_logits_);
    } else {
      const float* logits = llama_get_logits_ith(context_, index);
      greedy_ += std::max_element(logits, logits + vocab_size_) - logits;
    }
  }

  llama_model* model_ = nullptr;
  llama_context* context_ = nullptr;
  llama_batch batch_;
  int32_t vocab_size_ = 0;
  bool heads_ = false;
  size_t head_outputs_ = 0;
  std::unique_ptr<OutsideHeads> outside_;
  std::vector<float> head_logits_;
  std::vector<int32_t> lengths_;  // what Fill has brought the sequences to
  // Kept so that no reading can be left out by the compiler.
  volatile int64_t greedy_ = 0;
};

double PeakBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::strtod(line.c_str() + 6, nullptr) * 1024;
  }
  return 0;
}

Pass ReadPass(std::istringstream& words) {
  Pass pass;
  size_t count = 0;
  words >> pass.sequence >> pass.keep >> pass.from >> count;
  pass.tokens.resize(count);
  for (llama_token& token : pass.tokens) words >> token;
  words >> count;
  pass.read.resize(count);
  for (int32_t& index : pass.read) words >> index;
  if (!words) Fail("a pass is cut off");
  return pass;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) Fail("usage: loop MODEL [setting=value]...");
  Settings settings;
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t equals = word.find('=');
    if (word.rfind("heads=", 0) == 0) {
      settings.heads = word.substr(6);
      continue;
    }
    if (equals == std::string::npos || settings.values.count(word.substr(0, equals)) == 0) {
      Fail("no such setting: " + word);
    }
    settings.values[word.substr(0, equals)] = std::atoi(word.c_str() + equals + 1);
  }
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_backend_init();
  Loop loop(argv[1], settings);
  std::puts("ready");
  std::fflush(stdout);

  std::vector<Pass> passes;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "pass") {
      passes.push_back(ReadPass(words));
      continue;
    }
    if (command == "run") {
      const auto started = Clock::now();
      for (const Pass& pass : passes) loop.Decode(pass);
      std::printf("%.4f\n", Since(started));
      passes.clear();
    } else if (command == "rates") {
      int32_t count = 0, steps = 0;
      words >> count >> steps;
      loop.Rates(count, steps);
    } else if (command == "fill") {
      int32_t sequences = 0, count = 0;
      words >> sequences >> count;
      std::printf("%.4f\n", loop.Fill(sequences, count));
    } else if (command == "ticks") {
      int32_t each = 0, count = 0, from = 0;
      words >> each >> count >> from;
      std::vector<int32_t> sequences;
      for (int32_t sequence; words >> sequence;) sequences.push_back(sequence);
      for (double ms : loop.Ticks(sequences, each, count, from)) std::printf("%.4f ", ms);
      std::puts("");
    } else if (command == "heads") {
      for (float logit : loop.head_logits()) std::printf("%.6f ", logit);
      std::puts("");
    } else if (command == "peak") {
      std::printf("%.0f\n", PeakBytes());
    } else {
      Fail("no such command: " + line);
    }
    std::fflush(stdout);
  }
  return 0;
}
