#include "core/gguf-header.h"

#include <gguf.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <set>

#include "core/failure.h"

namespace guard {

namespace {

struct FreeGguf {
  void operator()(gguf_context* context) const { gguf_free(context); }
};
struct FreeGgml {
  void operator()(ggml_context* context) const { ggml_free(context); }
};

struct Setter {
  gguf_context* gguf;
  const char* key;

  void operator()(const std::string& value) const { gguf_set_val_str(gguf, key, value.c_str()); }
  void operator()(uint32_t value) const { gguf_set_val_u32(gguf, key, value); }
  void operator()(uint64_t value) const { gguf_set_val_u64(gguf, key, value); }
  void operator()(float value) const { gguf_set_val_f32(gguf, key, value); }
  void operator()(bool value) const { gguf_set_val_bool(gguf, key, value); }
  void operator()(const std::vector<std::string>& values) const {
    std::vector<const char*> pointers;
    pointers.reserve(values.size());
    for (const std::string& value : values) pointers.push_back(value.c_str());
    gguf_set_arr_str(gguf, key, pointers.data(), pointers.size());
  }
  void operator()(const std::vector<int32_t>& values) const {
    gguf_set_arr_data(gguf, key, GGUF_TYPE_INT32, values.data(), values.size());
  }
};

// No file has more, and JS counts no further.
constexpr uint64_t kMostBytes = uint64_t{1} << 53;

void Check(bool ok, const std::string& message) {
  if (!ok) throw Failure("ERR_INTERNAL", message);
}

// Bytes of the tensor's data: ggml multiplies without looking.
uint64_t BytesOf(const TensorInfo& info) {
  uint64_t count = 1;
  for (int64_t size : info.shape) {
    Check(size > 0, "tensor with an empty dimension: " + info.name);
    Check(static_cast<uint64_t>(size) <= kMostBytes / count, "tensor that no file can hold: " + info.name);
    count *= static_cast<uint64_t>(size);
  }
  const auto block = static_cast<uint64_t>(ggml_blck_size(info.type));
  Check(static_cast<uint64_t>(info.shape[0]) % block == 0,
        "tensor whose rows its type does not divide: " + info.name);
  return count / block * ggml_type_size(info.type);
}

}  // namespace

ggml_type TensorTypeByName(const std::string& name) {
  const auto lower = [](std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
  };
  for (int i = 0; i < GGML_TYPE_COUNT; ++i) {
    const auto type = static_cast<ggml_type>(i);
    const char* type_name = ggml_type_name(type);
    if (type_name != nullptr && ggml_blck_size(type) > 0 && lower(type_name) == lower(name)) return type;
  }
  throw Failure("ERR_INTERNAL", "unknown tensor type " + name);
}

std::vector<uint8_t> WriteGgufHeader(const std::vector<GgufPair>& metadata,
                                     const std::vector<TensorInfo>& tensors) {
  std::unique_ptr<gguf_context, FreeGguf> gguf(gguf_init_empty());
  for (const GgufPair& pair : metadata) {
    Check(!pair.key.empty(), "a GGUF key is empty");
    Check(pair.key != GGUF_KEY_GENERAL_ALIGNMENT, "the alignment is the writer's own");
    std::visit(Setter{gguf.get(), pair.key.c_str()}, pair.value);
  }

  std::unique_ptr<ggml_context, FreeGgml> ggml(
      ggml_init({/*mem_size=*/ggml_tensor_overhead() * (tensors.size() + 1), /*mem_buffer=*/nullptr,
                 /*no_alloc=*/true}));
  Check(ggml != nullptr, "out of memory");
  std::set<std::string> names;
  uint64_t bytes_left = kMostBytes;
  for (const TensorInfo& info : tensors) {
    Check(!info.name.empty() && info.name.size() < GGML_MAX_NAME,
          "tensor name of a bad length: " + info.name);
    Check(names.insert(info.name).second, "tensor named twice: " + info.name);
    Check(!info.shape.empty() && info.shape.size() <= GGML_MAX_DIMS, "tensor of a bad rank: " + info.name);
    const uint64_t size = BytesOf(info);
    Check(size <= bytes_left, "more tensors than a file can hold, at " + info.name);
    bytes_left -= size;
    ggml_tensor* tensor =
        ggml_new_tensor(ggml.get(), info.type, static_cast<int>(info.shape.size()), info.shape.data());
    ggml_set_name(tensor, info.name.c_str());
    gguf_add_tensor(gguf.get(), tensor);
  }

  std::vector<uint8_t> bytes(gguf_get_meta_size(gguf.get()));
  gguf_get_meta_data(gguf.get(), bytes.data());
  return bytes;
}

}  // namespace guard
