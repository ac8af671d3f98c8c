#include "core/vocabulary-check.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string_view>

namespace guard {

namespace {

// Bytes of an element that a message may show.
constexpr size_t kShown = 320;

struct Unreadable {
  const char* what;
};

std::string ReadRange(std::ifstream& file, const GgufArrayPlace& place) {
  std::string bytes(place.bytes, '\0');
  file.seekg(static_cast<std::streamoff>(place.offset));
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (static_cast<uint64_t>(file.gcount()) != place.bytes) throw Unreadable{"shorter"};
  return bytes;
}

// Walks the strings of an array: a length of 8 bytes, and so many bytes.
class Strings {
 public:
  explicit Strings(std::string_view bytes) : rest_(bytes) {}

  std::string_view Next() {
    uint64_t length = 0;
    if (rest_.size() < sizeof(length)) throw Unreadable{"shorter"};
    std::memcpy(&length, rest_.data(), sizeof(length));
    rest_.remove_prefix(sizeof(length));
    if (rest_.size() < length) throw Unreadable{"shorter"};
    const std::string_view one = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return one;
  }

 private:
  std::string_view rest_;
};

// UTF-16 units of UTF-8 text; nothing for bytes that are none.
std::optional<uint64_t> Utf16Units(std::string_view text) {
  uint64_t units = 0;
  for (size_t at = 0; at < text.size();) {
    const auto byte = static_cast<uint8_t>(text[at]);
    if (byte < 0x80) {
      ++at;
      ++units;
      continue;
    }
    const int more = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : 1;
    if (byte < 0xC2 || byte > 0xF4 || text.size() - at <= static_cast<size_t>(more)) return std::nullopt;
    uint32_t code = byte & (0x3F >> more);
    for (int i = 1; i <= more; ++i) {
      const auto next = static_cast<uint8_t>(text[at + i]);
      if ((next & 0xC0) != 0x80) return std::nullopt;
      code = (code << 6) | (next & 0x3F);
    }
    const bool overlong = more == 2 ? code < 0x800 : more == 3 && code < 0x10000;
    if (overlong || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return std::nullopt;
    at += more + 1;
    units += code > 0xFFFF ? 2 : 1;
  }
  return units;
}

// A set of strings that others own.
class TokenSet {
 public:
  explicit TokenSet(uint64_t count) {
    size_t size = 16;
    while (size < 2 * count) size *= 2;
    slots_.resize(size);
  }

  bool Has(std::string_view token) const { return slots_[Find(token)].data() != nullptr; }

  // False if it is there already.
  bool Add(std::string_view token) {
    std::string_view& slot = slots_[Find(token)];
    if (slot.data() != nullptr) return false;
    slot = token;
    return true;
  }

 private:
  // The token's slot, or the empty one where it belongs. No more than half of the slots are ever full.
  size_t Find(std::string_view token) const {
    size_t at = std::hash<std::string_view>{}(token) & (slots_.size() - 1);
    while (slots_[at].data() != nullptr && slots_[at] != token) at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  std::vector<std::string_view> slots_;
};

VocabularyProblem ProblemAt(const char* array, uint64_t index, const char* what, std::string_view element) {
  return {array, index, what, std::string(element.substr(0, kShown)), 0};
}

std::optional<VocabularyProblem> CheckTokens(std::string_view bytes, const VocabularyPlace& place,
                                             TokenSet& set) {
  Strings strings(bytes);
  for (uint64_t i = 0; i < place.tokens.count; ++i) {
    const std::string_view token = strings.Next();
    const auto problem = [&](const char* what) { return ProblemAt("tokens", i, what, token); };
    if (token.empty()) return problem("empty");
    const std::optional<uint64_t> units = Utf16Units(token);
    if (!units) return problem("not UTF-8");
    if (token.find('\0') != std::string_view::npos) return problem("zero byte");
    if (!set.Add(token)) return problem("twice");
    if (*units > place.longest) return problem("too long");
  }
  return std::nullopt;
}

std::optional<VocabularyProblem> CheckTypes(std::string_view bytes, const VocabularyPlace& place) {
  uint64_t added = 0;
  for (uint64_t i = 0; i < place.types.count; ++i) {
    int32_t type = 0;
    if (bytes.size() < (i + 1) * sizeof(type)) throw Unreadable{"shorter"};
    std::memcpy(&type, bytes.data() + i * sizeof(type), sizeof(type));
    // NORMAL, CONTROL, USER_DEFINED, UNUSED. llama.cpp aborts on UNKNOWN and BYTE tokens of a byte-level BPE.
    const bool known = type == 1 || type == 3 || type == 4 || type == 5;
    if ((type == 3 || type == 4) && ++added > place.most_added)
      return VocabularyProblem{"types", i, "too many added", "", type};
    if (!known) return VocabularyProblem{"types", i, "type", "", type};
  }
  return std::nullopt;
}

std::optional<VocabularyProblem> CheckMerges(std::string_view bytes, const VocabularyPlace& place,
                                             const TokenSet& set) {
  Strings strings(bytes);
  std::string joined;
  for (uint64_t i = 0; i < place.merges.count; ++i) {
    const std::string_view merge = strings.Next();
    // llama.cpp splits at the first space too.
    const size_t space = merge.find(' ');
    bool sound = space != std::string_view::npos && space > 0;
    if (sound) {
      const std::string_view left = merge.substr(0, space);
      const std::string_view right = merge.substr(space + 1);
      joined.assign(left).append(right);
      sound = set.Has(left) && set.Has(right) && set.Has(joined);
    }
    // Tokens are UTF-8, so a merge of them is.
    if (!sound) return ProblemAt("merges", i, Utf16Units(merge) ? "merge" : "not UTF-8", merge);
  }
  return std::nullopt;
}

}  // namespace

std::vector<VocabularyProblem> CheckVocabulary(const VocabularyPlace& place) {
  std::vector<VocabularyProblem> problems;
  const char* array = "tokens";
  try {
    std::ifstream file(std::filesystem::u8path(place.path), std::ios::binary);
    if (!file) throw Unreadable{"unreadable"};
    const std::string tokens = ReadRange(file, place.tokens);
    TokenSet set(place.tokens.count);
    const auto token = CheckTokens(tokens, place, set);
    if (token) problems.push_back(*token);
    array = "types";
    if (const auto type = CheckTypes(ReadRange(file, place.types), place)) problems.push_back(*type);
    if (token) return problems;
    array = "merges";
    if (const auto merge = CheckMerges(ReadRange(file, place.merges), place, set)) problems.push_back(*merge);
  } catch (const Unreadable& reason) {
    problems.push_back({array, 0, reason.what, "", 0});
  }
  return problems;
}

}  // namespace guard
