#include "core/repack.h"

#include <ggml-backend.h>

#include <memory>

namespace guard {

namespace {

struct FreeContext {
  void operator()(ggml_context* context) const { ggml_free(context); }
};
struct FreeBuffer {
  void operator()(ggml_backend_buffer* buffer) const { ggml_backend_buffer_free(buffer); }
};

// Any size that every type's blocks and every kernel's rows divide.
constexpr int64_t kRow = 1024;

}  // namespace

bool RepacksWeights(ggml_type type) {
  ggml_backend_dev_t cpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  if (cpu == nullptr) return false;
  auto* extra_types = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(ggml_backend_reg_get_proc_address(
      ggml_backend_dev_backend_reg(cpu), "ggml_backend_dev_get_extra_bufts"));
  if (extra_types == nullptr) return false;

  std::unique_ptr<ggml_context, FreeContext> context(ggml_init({ggml_tensor_overhead() * 8, nullptr, true}));
  if (!context) return false;
  ggml_tensor* weights = ggml_new_tensor_2d(context.get(), type, kRow, kRow);
  ggml_tensor* columns = ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, kRow, kRow);
  ggml_tensor* product = ggml_mul_mat(context.get(), weights, columns);

  ggml_backend_buffer_type_t* types = extra_types(cpu);
  for (; types != nullptr && *types != nullptr; ++types) {
    std::unique_ptr<ggml_backend_buffer, FreeBuffer> buffer(ggml_backend_buft_alloc_buffer(*types, 0));
    weights->buffer = buffer.get();
    const bool supported = buffer && ggml_backend_dev_supports_op(cpu, product);
    weights->buffer = nullptr;
    if (supported) return true;
  }
  return false;
}

}  // namespace guard
