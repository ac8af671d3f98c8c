// How a Windows addon finds Node-API without naming node.exe: in the program that has loaded it, whatever its file is called
// (a renamed node.exe, Electron), as node-gyp's delay-load hook does. CMakeLists.txt has Node's header declare its functions
// dllimport, so every call goes through a pointer `__imp_<name>`: here they are, set when the DLL is loaded.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** Writes the C source of those pointers into `folder`; returns its path. */
export function windowsImports(headers, folder) {
  const text = readFileSync(path.join(headers, 'def', 'node_api.def'), 'utf8')
  const names = text.match(/\b(napi|node_api)_\w+/g)
  const file = path.join(folder, 'node-api-imports.c')
  writeFileSync(
    file,
    `#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
static void missing(void) {
  fputs("qwen3guard: this program lacks a function of Node-API 9\\n", stderr);
  abort();
}
${names.map((name) => `void* __imp_${name} = (void*)missing;`).join('\n')}
static const struct { const char* name; void** at; } imports[] = {
${names.map((name) => `  {"${name}", &__imp_${name}},`).join('\n')}
};
__attribute__((constructor)) static void find(void) {
  HMODULE hosts[] = {GetModuleHandleA(NULL), GetModuleHandleA("libnode.dll"), GetModuleHandleA("node.dll")};
  for (unsigned i = 0; i < sizeof(imports) / sizeof(imports[0]); ++i) {
    for (unsigned h = 0; h < 3; ++h) {
      void* found = hosts[h] ? (void*)GetProcAddress(hosts[h], imports[i].name) : NULL;
      if (found) { *imports[i].at = found; break; }
    }
  }
}
`,
  )
  return file
}
