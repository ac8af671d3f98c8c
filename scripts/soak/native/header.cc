// libFuzzer: headers of GGUF files. An even first byte: what native/core/gguf-header.cc writes of any values is read back by
// llama.cpp's reader as it was given, or refused. An odd one: llama.cpp's reader over any bytes.
#include <ggml.h>
#include <gguf.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/failure.h"
#include "core/gguf-header.h"

namespace {

struct FreeGguf {
  void operator()(gguf_context* context) const { gguf_free(context); }
};
using Gguf = std::unique_ptr<gguf_context, FreeGguf>;

Gguf Read(const uint8_t* data, size_t size) {
  return Gguf(gguf_init_from_buffer(data, size, {/*no_alloc=*/true, /*ctx=*/nullptr}));
}

void Expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "header: %s\n", what);
  std::abort();
}

// Values out of bytes; zeros when there are no more.
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  bool empty() const { return size_ == 0; }
  template <typename T>
  T Take() {
    T value{};
    const size_t count = std::min(sizeof(T), size_);
    std::memcpy(&value, data_, count);
    data_ += count;
    size_ -= count;
    return value;
  }
  // Of up to `longest` bytes, without zeros: the writer takes strings of C.
  std::string Text(size_t longest) {
    std::string text(std::min<size_t>(Take<uint8_t>() % (longest + 1), size_), '\0');
    for (char& c : text) {
      c = static_cast<char>(Take<uint8_t>());
      if (c == '\0') c = ' ';
    }
    return text;
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

guard::GgufValue ValueOf(Bytes& bytes) {
  switch (bytes.Take<uint8_t>() % 7) {
    case 0:
      return bytes.Text(200);
    case 1:
      return bytes.Take<uint32_t>();
    case 2:
      return bytes.Take<uint64_t>();
    case 3:
      return bytes.Take<float>();
    case 4:
      return bytes.Take<uint8_t>() % 2 == 1;
    case 5: {
      std::vector<std::string> strings(bytes.Take<uint8_t>() % 9);
      for (std::string& text : strings) text = bytes.Text(20);
      return strings;
    }
    default: {
      std::vector<int32_t> numbers(bytes.Take<uint8_t>() % 9);
      for (int32_t& number : numbers) number = bytes.Take<int32_t>();
      return numbers;
    }
  }
}

guard::TensorInfo TensorOf(Bytes& bytes) {
  guard::TensorInfo info;
  info.name = bytes.Text(70);  // longer than ggml allows
  // The types that ggml has no more are refused by name before this.
  do {
    info.type = static_cast<ggml_type>(bytes.Take<uint8_t>() % GGML_TYPE_COUNT);
    if (bytes.empty()) info.type = GGML_TYPE_F32;
  } while (ggml_type_name(info.type) == nullptr || ggml_blck_size(info.type) == 0);
  info.shape.resize(bytes.Take<uint8_t>() % 6);
  for (int64_t& size : info.shape) {
    const auto wide = bytes.Take<uint8_t>();
    size = wide < 16 ? bytes.Take<int64_t>() : bytes.Take<uint8_t>() * (wide < 128 ? 32 : 256);
  }
  return info;
}

void Compare(const gguf_context* read, const std::vector<guard::GgufPair>& pairs,
             const std::vector<guard::TensorInfo>& tensors) {
  Expect(gguf_get_n_tensors(read) == static_cast<int64_t>(tensors.size()), "tensors were lost");
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    Expect(tensors[i].name == gguf_get_tensor_name(read, at), "a tensor has another name");
    Expect(tensors[i].type == gguf_get_tensor_type(read, at), "a tensor has another type");
  }
  std::set<std::string> keys;
  for (auto pair = pairs.rbegin(); pair != pairs.rend(); ++pair) {
    if (!keys.insert(pair->key).second) continue;  // the last value of a key holds
    const int64_t at = gguf_find_key(read, pair->key.c_str());
    Expect(at >= 0, "a key was lost");
    if (const auto* text = std::get_if<std::string>(&pair->value))
      Expect(*text == gguf_get_val_str(read, at), "a text is another");
    if (const auto* number = std::get_if<uint64_t>(&pair->value))
      Expect(*number == gguf_get_val_u64(read, at), "a number is another");
    if (const auto* strings = std::get_if<std::vector<std::string>>(&pair->value))
      Expect(strings->size() == gguf_get_arr_n(read, at), "an array has another length");
  }
  Expect(gguf_get_n_kv(read) == static_cast<int64_t>(keys.size()), "there are keys that nobody wrote");
}

void WriteAndRead(Bytes bytes) {
  std::vector<guard::GgufPair> pairs;
  std::vector<guard::TensorInfo> tensors;
  while (!bytes.empty() && pairs.size() + tensors.size() < 64) {
    if (bytes.Take<uint8_t>() % 2 == 0) {
      std::string key = bytes.Text(70);
      pairs.push_back({std::move(key), ValueOf(bytes)});
    } else {
      tensors.push_back(TensorOf(bytes));
    }
  }
  std::vector<uint8_t> header;
  try {
    header = guard::WriteGgufHeader(pairs, tensors);
  } catch (const guard::Failure& failure) {
    Expect(failure.code() == "ERR_INTERNAL", "a refusal has another code");
    return;
  }
  Expect(header.size() % 32 == 0, "the header is not padded");
  const Gguf read = Read(header.data(), header.size());
  // The reader wants the tensors' bytes only where it loads them.
  Expect(read != nullptr, "what was written cannot be read");
  Compare(read.get(), pairs, tensors);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ggml_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  if (size == 0) return 0;
  if (data[0] % 2 == 0) {
    WriteAndRead(Bytes(data + 1, size - 1));
  } else {
    Read(data + 1, size - 1);
  }
  return 0;
}
