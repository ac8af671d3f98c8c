// The guard heads computed outside llama.cpp, as a caller of the unpatched library has to: on the hidden
// state that it gives out as an embedding. The weights are those of the Stream model's file.
#pragma once

#include <ggml-cpu.h>
#include <gguf.h>

#include <cmath>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

class OutsideHeads {
 public:
  explicit OutsideHeads(const std::string& path) {
    gguf_context* file = gguf_init_from_file(path.c_str(), {/*no_alloc=*/true, /*ctx=*/nullptr});
    if (!file) throw std::runtime_error("cannot read " + path);
    std::ifstream data(path, std::ios::binary);
    const auto read = [&](const std::string& name, int64_t* row = nullptr) {
      const int64_t id = gguf_find_tensor(file, (name + ".weight").c_str());
      if (id < 0 || gguf_get_tensor_type(file, id) != GGML_TYPE_F32) {
        throw std::runtime_error("no f32 tensor " + name);
      }
      if (row) *row = gguf_get_tensor_ne(file, id)[0];
      std::vector<float> values(gguf_get_tensor_size(file, id) / sizeof(float));
      data.seekg(static_cast<std::streamoff>(gguf_get_data_offset(file) + gguf_get_tensor_offset(file, id)));
      data.read(reinterpret_cast<char*>(values.data()),
                static_cast<std::streamsize>(values.size() * sizeof(float)));
      return values;
    };
    epsilon_ = gguf_get_val_f32(file, gguf_find_key(file, "qwen3.attention.layer_norm_rms_epsilon"));
    for (const std::string group : {"response", "query"}) {
      groups_.push_back({read("cls." + group, &width_), read("cls.norm." + group),
                         read("cls.output." + group + "_risk"), read("cls.output." + group + "_category")});
    }
    gguf_free(file);
  }

  // Logits in the order of the patched library: risk and category of the reply, then of the prompt.
  void Apply(const float* hidden, std::vector<float>& logits) {
    logits.clear();
    for (const Group& group : groups_) {
      const auto inner = static_cast<int64_t>(group.norm.size());
      Multiply(group.pre, hidden, width_, normed_);
      double squares = 0;
      for (float value : normed_) squares += static_cast<double>(value) * value;
      const auto scale = static_cast<float>(1 / std::sqrt(squares / static_cast<double>(inner) + epsilon_));
      for (size_t i = 0; i < normed_.size(); ++i) normed_[i] *= scale * group.norm[i];
      for (const auto* head : {&group.risk, &group.category}) {
        Multiply(*head, normed_.data(), inner, out_);
        logits.insert(logits.end(), out_.begin(), out_.end());
      }
    }
  }

 private:
  struct Group {
    std::vector<float> pre, norm, risk, category;
  };

  // ggml's own dot product for f32.
  static void Multiply(const std::vector<float>& rows, const float* by, int64_t width,
                       std::vector<float>& out) {
    static const ggml_vec_dot_t dot = ggml_get_type_traits_cpu(GGML_TYPE_F32)->vec_dot;
    out.resize(rows.size() / static_cast<size_t>(width));
    for (size_t i = 0; i < out.size(); ++i) {
      dot(static_cast<int>(width), &out[i], 0, rows.data() + i * static_cast<size_t>(width), 0, by, 0, 1);
    }
  }

  std::vector<Group> groups_;
  int64_t width_ = 0;
  float epsilon_ = 0;
  std::vector<float> normed_, out_;
};
