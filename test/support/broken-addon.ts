import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import path from 'node:path'

const HEADERS = path.join(
  path.dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json')),
  'include',
)

/** An addon that loads on every CPU, and whose products run an instruction that no CPU has. */
const SOURCE = `
#include <node_api.h>
static napi_value Sets(napi_env env, napi_callback_info info) {
  napi_value sets, list;
  napi_create_object(env, &sets);
  napi_create_array(env, &list);
  napi_set_named_property(env, sets, "cpu", list);
  napi_set_named_property(env, sets, "build", list);
  return sets;
}
static napi_value Nothing(napi_env env, napi_callback_info info) {
#ifdef EARLY
  __builtin_trap();
#endif
  return 0;
}
static napi_value Info(napi_env env, napi_callback_info info) {
  napi_value system, text, list;
  napi_create_object(env, &system);
  napi_create_string_utf8(env, "", 0, &text);
  napi_create_array(env, &list);
  napi_set_named_property(env, system, "llamaCpp", text);
  napi_set_named_property(env, system, "patch", text);
  napi_set_named_property(env, system, "flavour", text);
  napi_set_named_property(env, system, "cpuFeatures", text);
  napi_set_named_property(env, system, "backends", list);
  return system;
}
static napi_value Products(napi_env env, napi_callback_info info) { __builtin_trap(); }
NAPI_MODULE_INIT() {
  napi_value f;
  napi_create_function(env, 0, 0, Sets, 0, &f);
  napi_set_named_property(env, exports, "instructionSets", f);
  napi_create_function(env, 0, 0, Nothing, 0, &f);
  napi_set_named_property(env, exports, "setLog", f);
  napi_create_function(env, 0, 0, Info, 0, &f);
  napi_set_named_property(env, exports, "systemInfo", f);
  napi_create_function(env, 0, 0, Products, 0, &f);
  napi_set_named_property(env, exports, "products", f);
  return exports;
}`

/** Compiles it to `file`; false where there is no compiler. With `early` it ends its process before any product. */
export function compileBrokenAddon(file: string, { early = false } = {}): boolean {
  if (process.platform === 'win32') return false
  const apple = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []
  const words = [
    '-shared',
    '-fPIC',
    ...(early ? ['-DEARLY'] : []),
    ...apple,
    `-I${HEADERS}`,
    '-x',
    'c',
    '-',
    '-o',
    file,
  ]
  return spawnSync('cc', words, { input: SOURCE }).status === 0
}
