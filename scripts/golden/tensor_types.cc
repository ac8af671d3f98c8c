// Prints, as JSON, which type llama.cpp's own rule gives every matrix of models of several shapes, for
// test/fixtures/tensor-types.json. README.md says how to build and run it.
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "ggml.h"
#include "llama-ext.h"
#include "llama.h"

namespace {

struct Shape {
  const char* name;
  int64_t vocab, embedding, feed_forward, head_size;
  uint32_t blocks, heads, heads_kv;
  bool tied;
};

// The official models, the demonstration models, and rows that 256 and 32 do not divide.
const std::vector<Shape> kShapes = {
    {"0.6B", 151936, 1024, 3072, 128, 28, 16, 8, true},
    {"4B", 151936, 2560, 9728, 128, 36, 32, 8, true},
    {"8B", 151936, 4096, 12288, 128, 36, 32, 8, false},
    {"demonstration", 10240, 256, 512, 128, 4, 2, 1, true},
    {"rows of 64 and 96", 544, 64, 96, 16, 3, 4, 2, true},
    {"rows of 64 and 96, untied", 544, 64, 96, 16, 3, 4, 2, false},
    {"rows of 80 and 512", 544, 80, 512, 64, 9, 8, 2, false},
};

const std::vector<std::pair<const char*, llama_ftype>> kTypes = {
    {"q8_0", LLAMA_FTYPE_MOSTLY_Q8_0},     {"q6_k", LLAMA_FTYPE_MOSTLY_Q6_K},
    {"q5_k_m", LLAMA_FTYPE_MOSTLY_Q5_K_M}, {"q4_k_m", LLAMA_FTYPE_MOSTLY_Q4_K_M},
    {"q4_0", LLAMA_FTYPE_MOSTLY_Q4_0},     {"iq4_nl", LLAMA_FTYPE_MOSTLY_IQ4_NL},
};

std::vector<ggml_tensor*> Matrices(ggml_context* context, const Shape& shape) {
  std::vector<ggml_tensor*> tensors;
  const auto add = [&](const std::string& name, int64_t row, int64_t rows) {
    ggml_tensor* tensor = ggml_new_tensor_2d(context, GGML_TYPE_F32, row, rows);
    ggml_set_name(tensor, name.c_str());
    tensors.push_back(tensor);
  };
  const int64_t queries = shape.heads * shape.head_size, keys = shape.heads_kv * shape.head_size;
  add("token_embd.weight", shape.embedding, shape.vocab);
  for (uint32_t i = 0; i < shape.blocks; ++i) {
    const std::string block = "blk." + std::to_string(i) + ".";
    add(block + "attn_q.weight", shape.embedding, queries);
    add(block + "attn_k.weight", shape.embedding, keys);
    add(block + "attn_v.weight", shape.embedding, keys);
    add(block + "attn_output.weight", queries, shape.embedding);
    add(block + "ffn_gate.weight", shape.embedding, shape.feed_forward);
    add(block + "ffn_up.weight", shape.embedding, shape.feed_forward);
    add(block + "ffn_down.weight", shape.feed_forward, shape.embedding);
  }
  if (!shape.tied) add("output.weight", shape.embedding, shape.vocab);
  return tensors;
}

void PrintShape(const Shape& shape) {
  ggml_context* context = ggml_init({ggml_tensor_overhead() * 4096, nullptr, true});
  std::vector<ggml_tensor*> tensors = Matrices(context, shape);
  const llama_quant_model_desc description = {
      "qwen3",
      static_cast<uint32_t>(shape.embedding),
      static_cast<uint32_t>(shape.feed_forward),
      shape.blocks,
      shape.heads,
      shape.heads_kv,
      0,
      static_cast<uint32_t>(shape.head_size),
      static_cast<uint32_t>(shape.head_size),
  };
  llama_model* model = llama_quant_model_from_metadata(&description);
  const llama_model_quantize_params params = llama_model_quantize_default_params();
  quantize_state_impl* state = llama_quant_init(model, &params);
  std::printf("  {\n    \"name\": \"%s\",\n", shape.name);
  std::printf(
      "    \"sizes\": {\"vocab\": %lld, \"embedding\": %lld, \"blocks\": %u, \"heads\": %u, \"headsKv\": %u, "
      "\"headSize\": %lld, \"feedForward\": %lld},\n    \"tied\": %s,\n    \"types\": {",
      static_cast<long long>(shape.vocab), static_cast<long long>(shape.embedding), shape.blocks, shape.heads,
      shape.heads_kv, static_cast<long long>(shape.head_size), static_cast<long long>(shape.feed_forward),
      shape.tied ? "true" : "false");
  for (size_t t = 0; t < kTypes.size(); ++t) {
    std::vector<ggml_type> types(tensors.size());
    llama_quant_compute_types(state, kTypes[t].second, tensors.data(), types.data(), tensors.size());
    // By name without the layer: the layers' types one after the other, or the one that all have.
    std::map<std::string, std::vector<std::string>> by_name;
    for (size_t i = 0; i < tensors.size(); ++i) {
      std::string name = tensors[i]->name;
      if (name.rfind("blk.", 0) == 0) name = name.substr(name.find('.', 4) + 1);
      by_name[name].push_back(ggml_type_name(types[i]));
    }
    std::printf("%s\n      \"%s\": {", t == 0 ? "" : ",", kTypes[t].first);
    const char* separator = "";
    for (auto& [name, layers] : by_name) {
      if (std::count(layers.begin(), layers.end(), layers[0]) == static_cast<long>(layers.size()))
        layers.resize(1);
      std::printf("%s\n        \"%s\": \"", separator, name.c_str());
      separator = ",";
      for (size_t i = 0; i < layers.size(); ++i) std::printf("%s%s", i == 0 ? "" : " ", layers[i].c_str());
      std::printf("\"");
    }
    std::printf("\n      }");
  }
  std::printf("\n    }\n  }");
  llama_quant_free(state);
  llama_model_free(model);
  ggml_free(context);
}

}  // namespace

int main() {
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  std::printf("[\n");
  for (size_t i = 0; i < kShapes.size(); ++i) {
    if (i > 0) std::printf(",\n");
    PrintShape(kShapes[i]);
  }
  std::printf("\n]\n");
}
