// Preloaded where an emulator runs the program: `doctor` starts process.execPath for its self-test, which this machine's kernel
// cannot run without the emulator.
process.execPath = process.env.QWEN3GUARD_EXEC_PATH
